import pytest
import torch

from recipes.files import read_json, read_tensors, write_json, write_tensors


def test_round_trips(tmp_path):
    write_json(tmp_path / "deep" / "a.json", {"ü": [1, 2.5, None]})
    assert read_json(tmp_path / "deep" / "a.json") == {"ü": [1, 2.5, None]}
    write_tensors(tmp_path / "a.safetensors", {"x": torch.arange(6).reshape(2, 3).T})
    assert torch.equal(read_tensors(tmp_path / "a.safetensors")["x"], torch.arange(6).reshape(2, 3).T)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "a.json"
    write_json(file, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(file, {"a": float("nan")})
    assert read_json(file) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
