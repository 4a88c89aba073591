"""The zoo: every model by name, regression, checkpoints with their cards, files and preprocessing, the hub."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import fake_hub
import huggingface_hub.constants
import numpy as np
import pytest
import torch
import yaml

import models
from models import CheckpointError, EmotionModel, ModelCard, Preprocessing, collate
from models.cards import NoiseSeen, Result
from models.encoders import ENCODERS, AudioEncoder, TextEncoder
from models.fusion import FUSIONS


def small(name: str = "concat", classes: Any = ("glad", "sad"), **overrides: Any) -> EmotionModel:
    encoders = {"audio": AudioEncoder(8, width=16), "text": TextEncoder(8, width=16, buckets=64)}
    return models.create(name, classes=classes, seed=0, encoders=encoders, **overrides)


def batch() -> models.Batch:
    rng = np.random.default_rng(0)
    waves = [rng.uniform(-0.1, 0.1, 8000).astype(np.float32) for _ in range(3)]
    return collate([{"audio": wave, "text": text} for wave, text in zip(waves, ("fine", "", "oh no!"), strict=True)])


def test_list_describes_every_model() -> None:
    rows = {row.name: row for row in models.list()}
    assert list(rows) == sorted(FUSIONS)
    for name, row in rows.items():
        model = models.create(name, classes=4, seed=1)
        assert row.parameters == sum(weight.numel() for weight in model.parameters())
        assert 0 < row.fusion_parameters < row.parameters
        assert row.overrides == model.fusion.config
        assert re.match(r"[A-Z`].*\.$", row.summary), f"{name} has no summary"
        assert row.name in str(row)
        assert f"{row.parameters:,}" in str(row)
    assert [name for name, row in rows.items() if not row.source] == ["concat"]
    assert "Public" not in "".join(row.source for row in rows.values())
    assert models.describe("nmer") == rows["nmer"]


def test_unknown_names_and_overrides_name_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown model 'nmre': did you mean 'nmer'"):
        models.create("nmre", classes=4, seed=0)
    with pytest.raises(ValueError, match="unknown model 'nmre'"):
        models.describe("nmre")
    with pytest.raises(ValueError, match=r"override of model 'concat' 'hiden': did you mean 'hidden'.*dropout, hidden"):
        models.create("concat", classes=4, seed=0, hiden=3)
    with pytest.raises(ValueError, match=r"'concat': hidden must be int like \d+, got '3'"):
        models.create("concat", classes=4, seed=0, hidden="3")
    assert small(hidden=12, dropout=0).fusion.config == {"hidden": 12, "dropout": 0}


@pytest.mark.parametrize("name", sorted(FUSIONS))
def test_every_model_regresses_one_value_and_survives_a_checkpoint(name: str, tmp_path: Path) -> None:
    model = small(name, ("sentiment",)).eval()
    with torch.no_grad():
        for weight in model.fusion.parameters():
            weight.add_(0.02)
        before = model(batch()).logits
        assert before.shape == (3, 1)
        assert before.std() > 1e-4
        model.save_pretrained(tmp_path)
        loaded = EmotionModel.from_pretrained(tmp_path)
        assert torch.equal(loaded(batch()).logits, before)
    assert loaded.classes == ("sentiment",)
    assert loaded.fusion.config == model.fusion.config
    assert "Regresses one value, sentiment, from audio and text." in (tmp_path / "README.md").read_text()


def test_a_regression_learns() -> None:
    model, target = small("concat", 1, dropout=0.0), torch.tensor([-2.0, 0.5, 3.0])
    optimiser = torch.optim.Adam(model.fusion.parameters(), 1e-2)
    with torch.no_grad():
        features, there = model.eval().encode(batch())
    model.train()
    for _ in range(60):
        loss = (model.fuse(features, there).logits.squeeze(1) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.05


def test_preprocessing_is_kept_through_checkpoints(tmp_path: Path) -> None:
    facts = Preprocessing(frames=8, frame_size=64)
    small().save_pretrained(tmp_path / "a", preprocessing=facts)
    loaded = EmotionModel.from_pretrained(str(tmp_path / "a"))
    assert loaded.preprocessing == facts
    loaded.save_pretrained(tmp_path / "b")
    assert EmotionModel.from_pretrained(tmp_path / "b").preprocessing == facts
    small().save_pretrained(tmp_path / "c")
    assert EmotionModel.from_pretrained(tmp_path / "c").preprocessing is None
    with pytest.raises(ValueError, match="sample_rate must be an integer ≥ 1, not 16000"):
        Preprocessing(frames=8, frame_size=64, sample_rate=16000.5)  # type: ignore[arg-type]


class VocabularyEncoder(TextEncoder):
    """Words that are in its vocabulary."""

    def __init__(self, out_dim: int, *, extra_files: dict[str, bytes]) -> None:
        super().__init__(out_dim, width=16, buckets=64)
        self.config = {"out_dim": out_dim}
        self.files = extra_files

    def extra_files(self) -> dict[str, bytes]:
        return self.files


def test_an_encoder_keeps_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "VocabularyEncoder", VocabularyEncoder)
    files = {"vocabulary.txt": b"fine\nno\n", "merges/first.bin": b"\x00\xff"}
    encoder = VocabularyEncoder(8, extra_files=files)
    model = models.create("concat", classes=2, seed=0, encoders={"text": encoder, "audio": AudioEncoder(8, width=16)})
    model.save_pretrained(tmp_path)
    assert (tmp_path / "text" / "vocabulary.txt").read_bytes() == files["vocabulary.txt"]
    loaded = EmotionModel.from_pretrained(tmp_path)
    assert isinstance(loaded.encoders["text"], VocabularyEncoder)
    assert loaded.encoders["text"].files == files

    (tmp_path / "text" / "vocabulary.txt").write_bytes(b"fine\n")
    with pytest.raises(CheckpointError, match=r"text/vocabulary\.txt is corrupt"):
        EmotionModel.from_pretrained(tmp_path)
    (tmp_path / "text" / "vocabulary.txt").unlink()
    with pytest.raises(CheckpointError, match=r"text/vocabulary\.txt is missing"):
        EmotionModel.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "text/../../secret"])
def test_a_checkpoint_reads_nothing_outside_its_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    small().save_pretrained(folder)
    (tmp_path / "secret").write_bytes(b"secret")
    config = json.loads((folder / "config.json").read_text())
    config["files"] = {name: hashlib.sha256(b"secret").hexdigest()}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="points out of the folder"):
        EmotionModel.from_pretrained(folder)


CARD = ModelCard(
    corpus="A corpus",
    synthetic=True,
    corpus_digest="abc123",
    split="speaker 3; 40 to train, 10 to test",
    seed=7,
    training="scheduled noise",
    selection="best UA on validation",
    test_used_for_selection=False,
    noise=(NoiseSeen("audio", "audio/reverb", "3", "uniform(low 0, high 1)"),),
    noise_condition="any_subset",
    noise_digest="d1f2",
    results=(Result("UA", "clean", 0.71, (0.65, 0.76)), Result("UA", "noisy/a", 0.6), Result("WA", "noisy/a", 0.5)),
    interval="95 % bootstrap over speakers",
    intended_use="Research.",
    limits="Acted speech.",
    licence="mit",
)


def card_of(folder: Path) -> tuple[dict[str, Any], str]:
    _, metadata, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(metadata), body


def section(body: str, title: str) -> str:
    return body.split(f"## {title}\n\n")[1].split("\n\n## ")[0].strip()


def test_card_says_what_it_was_told(tmp_path: Path) -> None:
    small().save_pretrained(tmp_path, card=CARD, preprocessing=Preprocessing(frames=8, frame_size=64))
    metadata, body = card_of(tmp_path)
    assert metadata["license"] == "mit"
    assert metadata["library_name"] == "noise-scheduler"
    assert "synthetic-data" in metadata["tags"]
    (entry,) = {result["dataset"]["name"] for result in metadata["model-index"][0]["results"]}
    assert entry == "A corpus"
    values = [metric["value"] for result in metadata["model-index"][0]["results"] for metric in result["metrics"]]
    assert values == [0.71, 0.6, 0.5]
    assert section(body, "Results") == (
        "- intervals: 95 % bootstrap over speakers\n- conditions: not recorded\n\n"
        "| condition | UA | WA |\n| --- | --- | --- |\n"
        "| clean | 0.710 (0.650 … 0.760) | not recorded |\n"
        "| noisy/a | 0.600 | 0.500 |"
    )
    noise = section(body, "Noise seen in training")
    assert "`d1f2`" in noise
    assert "any_subset" in noise
    assert "| audio | `audio/reverb` | 3 | uniform(low 0, high 1) |" in noise
    assert section(body, "Training data") == "- corpus: A corpus\n- synthetic: yes\n- digest: `abc123`"
    protocol = section(body, "Protocol")
    assert "- test data used for selection: no" in protocol
    assert "- seed: 7" in protocol
    assert "not recorded" not in protocol
    assert section(body, "Limits").startswith("Trained on synthetic data")
    assert "8 evenly spaced frames of 64 × 64 pixels" in section(body, "How to load")
    assert "2311.16114" in section(body, "References")


def test_card_invents_nothing(tmp_path: Path) -> None:
    small("nmer").save_pretrained(tmp_path)
    metadata, body = card_of(tmp_path)
    assert not {"license", "model-index"} & metadata.keys()
    for title in ("Noise seen in training", "Results", "Intended use", "Limits", "Licence"):
        assert section(body, title) == "Not recorded."
    for title in ("Training data", "Protocol"):
        assert all(line.endswith(": not recorded") for line in section(body, title).splitlines())
    assert "is not recorded" in section(body, "How to load")
    with pytest.raises(ValueError, match=r"UA clean: .* lies outside its interval"):
        Result("UA", "clean", 0.9, (0.1, 0.8))
    small().save_pretrained(tmp_path, card=ModelCard(noise=()))
    assert section(card_of(tmp_path)[1], "Noise seen in training") == "None."


def to_hub(monkeypatch: pytest.MonkeyPatch, url: str, cache: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)


def test_a_model_comes_from_the_hub_and_then_from_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = small().eval(), list[str]()
    model.save_pretrained(tmp_path / "local")
    (tmp_path / "local" / "huge.bin").write_bytes(b"not needed")
    with fake_hub.serving("lab/robust", tmp_path / "local", asked) as url:
        to_hub(monkeypatch, url, tmp_path / "cache")
        loaded = EmotionModel.from_pretrained("lab/robust", revision="v1")
        assert torch.equal(loaded(batch()).logits, model(batch()).logits)
        assert any("revision/v1" in path for path in asked)
        assert not any("huge.bin" in path for path in asked)
        with pytest.raises(CheckpointError, match="lab/robust on Hugging Face hub has no revision 'v9'"):
            EmotionModel.from_pretrained("lab/robust", revision="v9")
        with pytest.raises(CheckpointError, match=r"lab/other is no folder here, and .* no such model"):
            EmotionModel.from_pretrained("lab/other")
        before = len(asked)
        EmotionModel.from_pretrained(tmp_path / "local")
        EmotionModel.from_pretrained(str(tmp_path / "local"))
        for source in (tmp_path / "nowhere", Path("lab/robust")):
            with pytest.raises(CheckpointError, match="is no folder: give the folder"):
                EmotionModel.from_pretrained(source)
        for name in ("robust", "runs/seed0/nmer", "a b/c"):
            with pytest.raises(CheckpointError, match="cannot be an id on Hugging Face hub"):
                EmotionModel.from_pretrained(name)
        with pytest.raises(CheckpointError, match="is a folder here and has no revision 'v1'"):
            EmotionModel.from_pretrained(tmp_path / "local", revision="v1")
        assert len(asked) == before, "a local folder was looked up on the hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert EmotionModel.from_pretrained("lab/robust", revision="v1").classes == model.classes
    with pytest.raises(CheckpointError, match=r"lab/unseen is no folder here, and it could not be fetched.*offline"):
        EmotionModel.from_pretrained("lab/unseen")


def test_no_hub_in_reach_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to_hub(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache")  # the port of "discard": nobody listens
    with pytest.raises(CheckpointError, match=r"could not be fetched from Hugging Face hub .*refused"):
        EmotionModel.from_pretrained("lab/robust")


def test_a_model_is_pushed_in_one_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: dict[str, Any] = {}

    def create_repo(self: Any, repo_id: str, **options: Any) -> None:
        pushed["created"] = (repo_id, options)

    def upload_folder(self: Any, *, repo_id: str, folder_path: str, commit_message: str) -> str:
        pushed["files"] = sorted(path.name for path in Path(folder_path).iterdir())
        pushed["seed"] = "seed: 7" in (Path(folder_path) / "README.md").read_text()
        return f"https://hub/{repo_id}/commit/1"

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create_repo)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload_folder)
    assert small().push_to_hub("lab/robust", card=CARD, private=True) == "https://hub/lab/robust/commit/1"
    assert pushed == {
        "created": ("lab/robust", {"private": True, "exist_ok": True}),
        "files": ["README.md", "config.json", "model.safetensors"],
        "seed": True,
    }
