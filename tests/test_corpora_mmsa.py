"""The features of MMSA: generated pickles in the layout of the release, and the reader, which names what is bad."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

h5py = pytest.importorskip("h5py")

from recipes.corpora import CorpusError  # noqa: E402
from recipes.corpora.mmsa import read  # noqa: E402
from recipes.demo.features import write_mmsa  # noqa: E402

SAMPLES = 42
SIZES = (30, 3, 9)
KEYS = {"audio": "audio", "video": "vision", "text": "text"}
FIRST = "train000000$_$0"

Content = dict[str, dict[str, Any]]


def load(file: Path) -> Content:
    return pickle.loads(file.read_bytes())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mmsa") / "Processed"
    write_mmsa(folder / "aligned_50.pkl", seed=1, samples=SAMPLES, aligned=True)
    write_mmsa(folder / "unaligned_50.pkl", seed=1, samples=SAMPLES, aligned=False)
    return folder


@pytest.fixture
def content(whole: Path) -> Content:
    return load(whole / "unaligned_50.pkl")


def written(tmp_path: Path, content: Any) -> Path:
    file = tmp_path / "unaligned_50.pkl"
    file.write_bytes(pickle.dumps(content))
    return file


@pytest.mark.parametrize(("name", "steps"), [("aligned_50.pkl", (50, 50)), ("unaligned_50.pkl", (500, 375))])
def test_pickles_have_the_layout_of_the_release(whole: Path, name: str, steps: tuple[int, int]) -> None:
    found = load(whole / name)
    assert list(found) == ["train", "valid", "test"]
    for part, size in zip(found.values(), SIZES, strict=True):
        lengths = ["audio_lengths", "vision_lengths"] if name.startswith("un") else []
        keys = ["raw_text", "audio", "vision", "id", "text", "text_bert", "annotations", "classification_labels"]
        assert list(part) == [*keys, "regression_labels", *lengths]
        shapes = {key: value.shape for key, value in part.items() if key in ("audio", "vision", "text", "text_bert")}
        assert shapes == {
            "audio": (size, steps[0], 74),
            "vision": (size, steps[1], 35),
            "text": (size, 50, 768),
            "text_bert": (size, 3, 50),
        }
        assert all(len(value) == size for value in part.values())
        assert np.abs(part["regression_labels"]).max() <= 3
        assert np.abs(part["text"][:, -1]).max() > 0  # the encoder writes at padding, too


def test_every_sample_of_an_unaligned_file_is_read_without_its_padding(
    whole: Path, content: Content, tmp_path: Path
) -> None:
    corpus = read(whole / "unaligned_50.pkl", tmp_path)
    assert corpus.dims == {"audio": 74, "video": 35, "text": 768}
    assert corpus.name == "CMU-MOSEI, unaligned features of MMSA"
    (fold,) = corpus.folds
    for part, indices in zip(content.values(), (fold.train, fold.val, fold.test), strict=True):
        assert [corpus.ids[i] for i in indices] == part["id"]
        np.testing.assert_array_equal(corpus.labels[indices], part["regression_labels"])
        for row, i in enumerate(indices):
            sample = corpus[i]
            lengths = {m: part[f"{KEYS[m]}_lengths"][row] for m in ("audio", "video")}
            lengths["text"] = int(part["text_bert"][row, 1].sum())
            assert sample["id"] == part["id"][row]
            assert sample["label"] == pytest.approx(part["regression_labels"][row])
            assert type(sample["label"]) is float
            for modality, key in KEYS.items():
                np.testing.assert_array_equal(sample["features"][modality], part[key][row, : lengths[modality]])


def test_modalities_of_an_aligned_file_stay_aligned(whole: Path, tmp_path: Path) -> None:
    corpus = read(whole / "aligned_50.pkl", tmp_path)
    part = load(whole / "aligned_50.pkl")["train"]
    assert corpus.name == "CMU-MOSEI, aligned features of MMSA"
    for i in range(len(part["id"])):
        steps = int(part["text_bert"][i, 1].sum())
        for modality, values in corpus[i]["features"].items():
            np.testing.assert_array_equal(values, part[KEYS[modality]][i, :steps])


def test_steps_past_the_mask_are_kept_where_audio_holds_something(whole: Path, tmp_path: Path) -> None:
    content = load(whole / "aligned_50.pkl")
    content["train"]["audio"][0, 40] = 1
    sample = read(written(tmp_path, content), tmp_path)[0]
    assert {len(values) for values in sample["features"].values()} == {41}


def test_without_lengths_padding_ends_at_the_last_step_that_is_not_zero(content: Content, tmp_path: Path) -> None:
    expected = dict(content["train"])
    for part in content.values():
        del part["audio_lengths"], part["vision_lengths"]
    corpus = read(written(tmp_path, content), tmp_path)
    for i in range(len(expected["id"])):
        assert len(corpus[i]["features"]["audio"]) == expected["audio_lengths"][i]


def test_columns_of_pandas_and_doubles_are_the_same(whole: Path, content: Content, tmp_path: Path) -> None:
    expected = read(whole / "unaligned_50.pkl", tmp_path)
    for part in content.values():
        for key in ("id", "raw_text", "annotations", "regression_labels", "audio_lengths"):
            part[key] = np.array(list(part[key]), dtype=object)
        part["audio"] = part["audio"].astype(np.float64)
        part["text_bert"] = part["text_bert"].astype(np.float32)
    content["train"]["raw_text"][0] = None
    found = read(written(tmp_path, content), tmp_path / "cache")
    assert found.ids == expected.ids
    np.testing.assert_array_equal(found.labels, expected.labels)
    for modality, values in found[5]["features"].items():
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, expected[5]["features"][modality])


def test_fold_and_groups_keep_videos_apart(whole: Path, tmp_path: Path) -> None:
    corpus = read(whole / "aligned_50.pkl", tmp_path)
    (fold,) = corpus.folds
    videos = [{corpus.groups[i] for i in part} for part in (fold.train, fold.val, fold.test)]
    assert [len(part) for part in (fold.train, fold.val, fold.test)] == list(SIZES)
    assert sum(map(len, videos)) == len(set.union(*videos)) < SAMPLES
    assert corpus.groups[0] == "train000000"
    assert corpus.for_fold(fold)[0]["features"].keys() == corpus[0]["features"].keys()


def test_the_pickle_is_opened_once_until_it_changes(
    content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, cache = written(tmp_path, content), tmp_path / "cache"
    expected = read(file, cache)[3]
    (converted,) = cache.iterdir()
    with monkeypatch.context() as patched:
        patched.setattr("recipes.corpora.mmsa.load", lambda file: pytest.fail("opened again"))
        found = read(file, cache)[3]
    np.testing.assert_array_equal(found["features"]["audio"], expected["features"]["audio"])
    content["train"]["audio"][3] *= 2
    os.utime(written(tmp_path, content), ns=(1, 1))
    changed = read(file, cache)[3]
    np.testing.assert_array_equal(changed["features"]["audio"], 2 * expected["features"]["audio"])
    assert converted not in list(cache.iterdir())
    assert len(list(cache.iterdir())) == 1


def test_pickles_of_one_name_share_a_cache(whole: Path, content: Content, tmp_path: Path) -> None:
    mine = written(tmp_path, content)
    for _ in range(2):
        assert read(mine, tmp_path / "cache").root == mine
        assert read(whole / mine.name, tmp_path / "cache").synthetic
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_known_quirks_are_repaired_and_counted(content: Content, tmp_path: Path) -> None:
    content["train"]["audio"][4, 0, :3] = -np.inf
    content["test"]["audio"][2, 0, 7] = -np.inf
    content["train"]["regression_labels"][:3] = [3.5, -4, 3]
    corpus = read(written(tmp_path, content), tmp_path)
    assert corpus.labels[:3].tolist() == [3, -3, 3]
    assert corpus[4]["features"]["audio"][0, :3].tolist() == [0, 0, 0]
    assert corpus.notes[1:] == (
        "2 labels outside [-3, 3] were clamped.",
        "4 values of -inf in the audio of 2 samples were set to 0, as MMSA does.",
    )


def test_differing_counts_are_a_note(whole: Path, content: Content, tmp_path: Path) -> None:
    synthetic = read(whole / "aligned_50.pkl", tmp_path)
    assert synthetic.synthetic
    assert synthetic.notes == (
        "Synthetic features in the layout of the release of MMSA, not the release itself: "
        "30/3/9 samples for training, validation and test.",
    )
    corpus = read(written(tmp_path, content), tmp_path)
    assert not corpus.synthetic
    assert "differs from the release" in corpus.notes[0]
    assert "30/3/9" in corpus.notes[0]
    assert "16326/1871/4659" in corpus.notes[0]


def put(part: str, key: str, where: Any, value: Any) -> Callable[[Content], None]:
    def damage(content: Content) -> None:
        content[part][key][where] = value

    return damage


def reshape(part: str, key: str, change: Callable[[np.ndarray], Any]) -> Callable[[Content], None]:
    def damage(content: Content) -> None:
        content[part][key] = change(content[part][key])

    return damage


def drop(part: str, key: str) -> Callable[[Content], None]:
    return lambda content: content[part].pop(key)


# Damage, message, and how many samples are lost with --skip-bad; None where nothing can be read.
BREAKS: dict[str, tuple[Callable[[Content], object], str, int | None]] = {
    "no part": (lambda c: c.pop("valid"), "no part 'valid'; it must be a mapping of train, valid, test", None),
    "no key": (drop("test", "vision"), "test: no key 'vision'; found annotations, audio", None),
    "no ids": (drop("train", "id"), "train: no key 'id'", None),
    "wrong width": (
        reshape("test", "audio", lambda a: a[:, :, :33]),
        r"test: audio is float32 of shape \(9, 500, 33\), expected \(9, any, 74\)",
        None,
    ),
    "fewer labels": (reshape("train", "regression_labels", lambda a: a[1:]), r"regression_labels .* \(29,\)", None),
    "fewer lengths": (reshape("valid", "audio_lengths", lambda a: a[1:]), r"audio_lengths .* \(2,\)", None),
    "text labels": (reshape("train", "regression_labels", lambda a: a.astype(str)), "regression_labels is <U", None),
    "ragged": (reshape("train", "text", lambda a: [a[0], a[1, :20]]), "train: text: .*inhomogeneous", None),
    "number as id": (reshape("train", "id", lambda a: list(range(len(a)))), r"train: id is int64", None),
    "twice": (put("train", "id", 1, FIRST), rf"row 0: id {FIRST.replace('$', '.')} is in the file 2 times", 2),
    "twice, in two parts": (put("test", "id", 0, FIRST), "test: row 0: id .* is in the file 2 times", 2),
    "malformed id": (put("train", "id", 0, "video_1"), r"video_1: .*train: row 0: id 'video_1'; expected VIDEO", 1),
    "path as id": (put("train", "id", 0, "a/b$_$1"), r"id 'a/b\$_\$1'; expected VIDEO", 1),
    "video in two parts": (put("test", "id", 1, "train000000$_$9"), "video train000000 is in train and in test", 1),
    "label NaN": (put("train", "regression_labels", 0, np.nan), "row 0: regression_labels is nan", 1),
    "audio NaN": (put("train", "audio", (0, 1), np.nan), "row 0: audio has 74 values that are NaN or infinite", 1),
    "audio inf": (put("train", "audio", (0, 1, 1), np.inf), "row 0: audio has 1 values that are NaN", 1),
    "faces -inf": (put("train", "vision", (0, 1, 1), -np.inf), "row 0: vision has 1 values that are NaN", 1),
    "text NaN": (put("train", "text", (2, 0, 0), np.nan), "row 2: text has 1 values that are NaN", 1),
    "empty faces": (put("train", "vision_lengths", 0, 0), "row 0: vision is empty", 1),
    "no token": (put("train", "text_bert", 0, 0), "row 0: text is empty", 1),
    "holes": (put("train", "text_bert", (0, 1, 1), 0), "row 0: text_bert has a mask with holes", 1),
    "too long": (put("train", "audio_lengths", 0, 501), "row 0: audio_lengths is 501 of 500 steps", 1),
    "negative length": (put("train", "audio_lengths", 0, -1), "row 0: audio_lengths is -1 of 500 steps", 1),
    "an empty part": (put("valid", "regression_labels", slice(None), np.nan), "valid: no usable sample in it", None),
}


@pytest.mark.parametrize("name", BREAKS)
def test_bad_input_is_one_clear_error_or_left_out(content: Content, tmp_path: Path, name: str) -> None:
    damage, message, lost = BREAKS[name]
    damage(content)
    file, cache = written(tmp_path, content), tmp_path / "cache"
    with pytest.raises(CorpusError, match=message) as caught:
        read(file, cache)
    assert str(file) in str(caught.value)
    assert not cache.exists() or not list(cache.iterdir())
    if lost is None:
        with pytest.raises(CorpusError, match=message):
            read(file, cache, skip_bad=True)
        assert not cache.exists() or not list(cache.iterdir())
        return
    corpus = read(file, cache, skip_bad=True)
    assert len(corpus) == SAMPLES - lost
    assert len(corpus.left_out) == lost
    with pytest.raises(CorpusError, match=message):
        read(file, cache)  # converted now, and still not acceptable as a whole


@pytest.mark.parametrize("part", [[], {"train": 3}, np.zeros(3)])
def test_a_pickle_of_something_else_is_an_error(tmp_path: Path, part: Any) -> None:
    with pytest.raises(CorpusError, match="no part 'train'"):
        read(written(tmp_path, part), tmp_path / "cache")


def test_files_that_cannot_be_opened_are_errors(content: Content, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        read(tmp_path / "aligned_50.pkl", tmp_path)
    file, cache = written(tmp_path, content), tmp_path / "cache"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorpusError, match=r"unaligned_50\.pkl: truncated or not a pickle"):
        read(file, cache)
    file.write_bytes(pickle.dumps({"train": os.getcwd}))
    with pytest.raises(CorpusError, match=r"refused, because it asks for posix\.getcwd"):
        read(file, cache)
    assert not cache.exists()
    read(written(tmp_path, content), cache)
    (converted,) = cache.iterdir()
    converted.write_bytes(converted.read_bytes()[:1000])
    with pytest.raises(CorpusError, match=rf"{converted.name}: truncated"):
        read(file, cache)
    converted.unlink()
    read(file, cache)
    with h5py.File(converted, "r+") as stored:
        del stored["label"]
    with pytest.raises(CorpusError, match=rf"{converted.name}: damaged .*remove it"):
        read(file, cache)


def test_same_seed_same_values(whole: Path, tmp_path: Path) -> None:
    write_mmsa(tmp_path / "a.pkl", seed=1, samples=SAMPLES)
    write_mmsa(tmp_path / "b.pkl", seed=2, samples=SAMPLES)
    assert (tmp_path / "a.pkl").read_bytes() == (whole / "aligned_50.pkl").read_bytes()
    assert not np.array_equal(load(tmp_path / "b.pkl")["test"]["text"], load(tmp_path / "a.pkl")["test"]["text"])
    with pytest.raises(ValueError, match="at least 20"):
        write_mmsa(tmp_path / "c.pkl", samples=19)


def test_each_modality_tells_something_of_the_sentiment(tmp_path: Path) -> None:
    write_mmsa(tmp_path / "aligned_50.pkl", seed=3, samples=400)
    corpus = read(tmp_path / "aligned_50.pkl", tmp_path)
    (fold,) = corpus.folds
    for modality in corpus.dims:
        rows = np.stack([sample["features"][modality].mean(axis=0) for sample in corpus])
        rows = rows - rows[fold.train].mean(axis=0)
        kernel = rows[fold.train] @ rows[fold.train].T + 50 * np.eye(len(fold.train))
        weights = np.linalg.solve(kernel, corpus.labels[fold.train] - corpus.labels[fold.train].mean())
        predicted = rows[fold.test] @ rows[fold.train].T @ weights
        r = np.corrcoef(predicted, corpus.labels[fold.test])[0, 1]
        assert 0.2 < r < 0.9, (modality, r)
