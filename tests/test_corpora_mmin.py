"""The features of MMIN: generated files in the layout of the release, and the reader, which names what is bad."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

h5py = pytest.importorskip("h5py")

from recipes.corpora import CorpusError  # noqa: E402
from recipes.corpora.features import FeatureCorpus  # noqa: E402
from recipes.corpora.mmin import read  # noqa: E402
from recipes.demo.features import write_mmin  # noqa: E402

UTTERANCES = 60
FIRST = "Ses01F_impro01_F000"
FILES = {"audio": "A/comparE.h5", "video": "V/denseface.h5", "text": "L/bert_large.h5"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mmin") / "release"
    write_mmin(root, seed=1, utterances=UTTERANCES)
    return root


@pytest.fixture
def release(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "release"))


def test_files_have_the_layout_of_the_release(whole: Path) -> None:
    names = {path.relative_to(whole).as_posix() for path in whole.rglob("*.*")}
    parts = [f"{part}_{kind}.npy" for part in ("trn", "val", "tst") for kind in ("label", "int2name")]
    targets = {f"target/{fold}/{part}" for fold in range(1, 11) for part in parts}
    assert names == {*FILES.values(), "A/comparE_mean_std.h5", "SYNTHETIC.json", *targets}
    for (modality, file), dim in zip(FILES.items(), (130, 342, 1024), strict=True):
        with h5py.File(whole / file) as stored:
            assert len(stored) == UTTERANCES, modality
            assert all(array.dtype == np.float32 and array.shape[1] == dim for array in stored.values())
            assert len({len(array) for array in stored.values()}) > 5
    with h5py.File(whole / "A/comparE_mean_std.h5") as stored:
        assert set(stored) == {str(fold) for fold in range(1, 11)}
        assert stored["3/mean"].shape == stored["3/std"].shape == (130,)
    ids, labels = (np.load(whole / "target/1" / f"trn_{kind}.npy") for kind in ("int2name", "label"))
    assert (ids.dtype.kind, ids.shape, labels.shape) == ("S", (48, 1), (48, 4))
    assert ids[0][0].decode().startswith("Ses02F")


def test_every_utterance_is_read_as_it_is_in_the_files(whole: Path) -> None:
    corpus = read(whole)
    assert corpus.dims == {"audio": 130, "video": 342, "text": 1024}
    assert (len(corpus), len(corpus.folds), corpus.left_out) == (UTTERANCES, 10, ())
    assert list(corpus.ids) == sorted(corpus.ids)
    assert corpus.synthetic
    assert "Synthetic" in corpus.notes[0]
    for i, key in enumerate(corpus.ids):
        sample = corpus[i]
        assert (sample["id"], sample["label"], type(sample["label"])) == (key, corpus.labels[i], int)
        for modality, file in FILES.items():
            with h5py.File(whole / file) as stored:
                np.testing.assert_array_equal(sample["features"][modality], stored[key][()])
    assert [s["id"] for s in corpus] == list(corpus.ids)


def test_labels_are_those_of_the_target_files(whole: Path) -> None:
    corpus = read(whole)
    for fold in corpus.folds:
        for part, indices in (("trn", fold.train), ("val", fold.val), ("tst", fold.test)):
            folder = whole / "target" / fold.name
            ids = [row[0].decode() for row in np.load(folder / f"{part}_int2name.npy")]
            classes = np.load(folder / f"{part}_label.npy").argmax(axis=1)
            found = {corpus.ids[i]: corpus.labels[i] for i in indices}
            assert found == dict(zip(ids, classes, strict=True))


def test_audio_is_normalised_by_the_training_part_of_the_fold(whole: Path) -> None:
    corpus = read(whole)
    normalised = {}
    for fold in (corpus.folds[0], corpus.folds[6]):
        bound = corpus.for_fold(fold)
        steps = np.concatenate([bound[i]["features"]["audio"] for i in fold.train])
        assert steps.dtype == np.float32
        np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-3)
        np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-3)
        normalised[fold.name] = bound[0]["features"]
        with h5py.File(whole / "A/comparE_mean_std.h5") as stored:
            mean, std = stored[fold.name]["mean"][()], stored[fold.name]["std"][()]
        np.testing.assert_array_equal(bound[0]["features"]["audio"], (corpus[0]["features"]["audio"] - mean) / std)
        np.testing.assert_array_equal(bound[0]["features"]["text"], corpus[0]["features"]["text"])
    assert not np.array_equal(normalised["1"]["audio"], normalised["7"]["audio"])


def test_folds_are_disjoint_in_speakers_and_test_everything_once(whole: Path) -> None:
    corpus = read(whole)
    assert len(set(corpus.groups)) == 10
    assert corpus.groups[corpus.ids.index(FIRST)] == "Ses01F"
    assert corpus.groups[corpus.ids.index("Ses01F_impro01_M000")] == "Ses01M"  # who speaks, not who is named first
    for fold in corpus.folds:
        speakers = [{corpus.groups[i] for i in part} for part in (fold.train, fold.val, fold.test)]
        assert sum(map(len, speakers)) == len(set.union(*speakers)) == 10
    assert sorted(np.concatenate([fold.test for fold in corpus.folds])) == list(range(UTTERANCES))


def test_samples_make_a_batch(whole: Path) -> None:
    from models.batch import collate  # not above: a process that is spawned here would import torch

    corpus = read(whole)
    batch = collate([corpus[i] for i in range(4)])
    lengths = [len(corpus[i]["features"]["video"]) for i in range(4)]
    assert batch.features["video"].shape == (4, max(lengths), 342)
    assert batch.features_length["video"].tolist() == lengths
    assert batch.label is not None
    assert batch.label.tolist() == corpus.labels[:4].tolist()


def sums(corpus: FeatureCorpus) -> list[float]:
    return [float(sample["features"]["video"].sum()) for sample in corpus]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_corpus_works_in_other_processes(whole: Path, method: str) -> None:
    corpus = read(whole)
    expected = sums(corpus)  # the files are open now
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(sums, [corpus, corpus]) == [expected, expected]
    assert sums(corpus) == expected


def test_a_corpus_that_is_sent_holds_no_features(whole: Path) -> None:
    corpus = read(whole)
    sums(corpus)
    features = sum((whole / file).stat().st_size for file in FILES.values())
    assert len(pickle.dumps(corpus)) < features / 100


def test_integer_labels_and_flat_ids_are_the_same(whole: Path, release: Path) -> None:
    for file in release.glob("target/*/*_label.npy"):
        np.save(file, np.load(file).argmax(axis=1))
    for file in release.glob("target/*/*_int2name.npy"):
        np.save(file, np.load(file)[:, 0].astype(str))
    expected, found = read(whole), read(release)
    assert found.ids == expected.ids
    np.testing.assert_array_equal(found.labels, expected.labels)


def edit(file: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    np.save(file, change(np.load(file)))


def replace(release: Path, modality: str, values: np.ndarray | None) -> None:
    with h5py.File(release / FILES[modality], "r+") as stored:
        del stored[FIRST]
        if values is not None:
            stored[FIRST] = values


def cut(file: Path, share: float) -> None:
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])


def ids_of(release: Path, fold: int, part: str) -> Path:
    return release / "target" / str(fold) / f"{part}_int2name.npy"


def labels_of(release: Path, fold: int, part: str) -> Path:
    return release / "target" / str(fold) / f"{part}_label.npy"


def with_nan(steps: int, dim: int) -> np.ndarray:
    values = np.ones((steps, dim), np.float32)
    values[2, 3:6] = np.nan
    return values


def change_row(row: int, value: object) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.astype("S40") if array.dtype.kind == "S" else array
        array[row] = value
        return array

    return change


def move_speaker(release: Path) -> None:
    """Test a turn of a training speaker in fold 3, instead of training on it."""
    for kind in (ids_of, labels_of):
        train, test = kind(release, 3, "trn"), kind(release, 3, "tst")
        rows = np.load(train)
        np.save(test, np.concatenate([np.load(test), rows[:1]]))
        np.save(train, rows[1:])


def damage_statistics(release: Path) -> None:
    with h5py.File(release / "A/comparE_mean_std.h5", "r+") as stored:
        stored["2/std"][5] = 0


def drop_statistics(release: Path) -> None:
    with h5py.File(release / "A/comparE_mean_std.h5", "r+") as stored:
        del stored["2/mean"]


# Damage, message, and what is left with --skip-bad: utterances, folds.
BREAKS: dict[str, tuple[Callable[[Path], object], str, int, int]] = {
    "no fold": (lambda r: shutil.rmtree(r / "target/4"), r"fold 4: .*target/4/trn_int2name\.npy: missing", 60, 9),
    "no label file": (lambda r: labels_of(r, 4, "val").unlink(), r"fold 4: .*val_label\.npy: missing", 60, 9),
    "cut label file": (lambda r: cut(labels_of(r, 4, "val"), 0.8), r"fold 4: .*val_label\.npy: truncated", 60, 9),
    "empty label file": (lambda r: labels_of(r, 4, "val").write_bytes(b""), r"val_label\.npy: truncated", 60, 9),
    "cut header": (
        lambda r: ids_of(r, 4, "val").write_bytes(b"\x93NUMPY\x01\x00\x10\x00{'descr': (      \n"),
        r"val_int2name\.npy: truncated or not an array",
        60,
        9,
    ),
    "an archive": (
        lambda r: labels_of(r, 4, "val").write_bytes(b"PK\x03\x04junk"),
        r"val_label\.npy: truncated",
        60,
        9,
    ),
    "objects": (
        lambda r: np.save(ids_of(r, 4, "val"), np.array([["a"], [None]], object), allow_pickle=True),
        r"val_int2name\.npy: truncated or not an array",
        60,
        9,
    ),
    "fewer labels": (lambda r: edit(labels_of(r, 4, "tst"), lambda a: a[1:]), "5 labels, but 6 ids", 60, 9),
    "five classes": (
        lambda r: edit(labels_of(r, 4, "tst"), lambda a: np.eye(5)[a.argmax(1)]),
        r"tst_label\.npy: float64 of shape \(6, 5\)",
        60,
        9,
    ),
    "no class": (lambda r: edit(labels_of(r, 1, "tst"), change_row(0, 0)), rf"{FIRST}: .*row 0: label \[0", 59, 10),
    "two classes": (lambda r: edit(labels_of(r, 1, "tst"), change_row(0, 1)), rf"{FIRST}: .*label \[1", 59, 10),
    "label 4": (
        lambda r: edit(labels_of(r, 1, "tst"), lambda a: change_row(0, 4)(a.argmax(1))),
        rf"{FIRST}: .*tst_label\.npy: row 0: label 4; expected 0 … 3",
        59,
        10,
    ),
    "another label in one fold": (
        lambda r: edit(labels_of(r, 9, "trn"), lambda a: change_row(0, np.roll(a[0], 1))(a)),
        rf"{FIRST}: .*target/9/trn_label\.npy: class \d, but \d in an earlier fold",
        59,
        10,
    ),
    "twice in a part": (
        lambda r: edit(ids_of(r, 1, "tst"), change_row(1, FIRST.encode())),
        rf"{FIRST}: .*tst_int2name\.npy: row 1: listed already in tst_int2name\.npy",
        59,
        10,
    ),
    "in two parts": (
        lambda r: edit(ids_of(r, 1, "trn"), change_row(5, FIRST.encode())),
        rf"{FIRST}: .*tst_int2name\.npy: row 0: listed already in trn_int2name\.npy",
        59,
        10,
    ),
    "shared speaker": (move_speaker, r"fold 3: .*speaker Ses01F is in two parts: .* in trn and .* in tst", 60, 9),
    "foreign id": (lambda r: edit(ids_of(r, 1, "tst"), change_row(0, b"MSP-1")), "MSP-1: .*not the name", 60, 10),
    "cut audio": (lambda r: cut(r / FILES["audio"], 0.5), r"A/comparE\.h5: truncated", 0, 0),
    "no faces": (lambda r: (r / FILES["video"]).unlink(), r"V/denseface\.h5: missing", 0, 0),
    "no HDF5": (lambda r: (r / FILES["text"]).write_bytes(b"version https://git-lfs"), "not an HDF5 file", 0, 0),
    "missing features": (lambda r: replace(r, "video", None), rf"{FIRST}: .*denseface\.h5: {FIRST} is missing", 59, 10),
    "NaN": (lambda r: replace(r, "text", with_nan(9, 1024)), rf"bert_large\.h5: {FIRST} has 3 values that are", 59, 10),
    "infinite": (
        lambda r: replace(r, "audio", np.full((2, 130), 1e300)),
        "260 values that are NaN or infinite",
        59,
        10,
    ),
    "wrong width": (
        lambda r: replace(r, "audio", np.ones((4, 88))),
        r"has shape \(4, 88\), expected \(T, 130\)",
        59,
        10,
    ),
    "one vector": (lambda r: replace(r, "text", np.ones(1024)), r"shape \(1024,\), expected \(T, 1024\)", 59, 10),
    "empty": (lambda r: replace(r, "video", np.ones((0, 342))), rf"{FIRST} is empty", 59, 10),
    "integers": (lambda r: replace(r, "video", np.ones((2, 342), int)), "holds int64, expected floats", 59, 10),
    "zero deviation": (damage_statistics, r"fold 2: .*comparE_mean_std\.h5: mean and std of group '2'", 60, 9),
    "no mean": (drop_statistics, r"fold 2: .*comparE_mean_std\.h5: group '2' lacks mean or std", 60, 9),
}


@pytest.mark.parametrize("name", BREAKS)
def test_bad_input_is_one_clear_error_or_left_out(release: Path, name: str) -> None:
    damage, message, utterances, folds = BREAKS[name]
    damage(release)
    with pytest.raises(CorpusError, match=message) as caught:
        read(release)
    assert str(release) in str(caught.value)
    if not folds:
        with pytest.raises(CorpusError, match=message):
            read(release, skip_bad=True)
        return
    assert "--skip-bad" in str(caught.value)
    corpus = read(release, skip_bad=True)
    assert (len(corpus), len(corpus.folds)) == (utterances, folds)
    assert corpus.left_out
    listed = np.concatenate([np.concatenate([fold.train, fold.val, fold.test]) for fold in corpus.folds])
    assert set(listed) == set(range(len(corpus)))


def test_wrong_folder_is_an_error(whole: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        read(whole / "nowhere")
    with pytest.raises(CorpusError, match=r"Give the folder that holds A, V, L and target; .*release looks like it"):
        read(whole.parent)


def test_differing_counts_are_a_note(release: Path) -> None:
    (release / "SYNTHETIC.json").unlink()
    corpus = read(release)
    assert not corpus.synthetic
    assert corpus.classes == ("class 0", "class 1", "class 2", "class 3")
    assert "differs from the release" in corpus.notes[0]
    assert "60 utterances" in corpus.notes[0]
    assert "5531" in corpus.notes[0]


def test_files_that_vanish_later_are_an_error(release: Path) -> None:
    corpus = read(release)
    replace(release, "text", None)
    with pytest.raises(CorpusError, match=rf"bert_large\.h5: {FIRST}: cannot be read any more"):
        corpus[0]


def test_same_seed_same_values_and_nothing_is_overwritten(whole: Path, tmp_path: Path) -> None:
    write_mmin(tmp_path / "a", seed=1, utterances=UTTERANCES)
    write_mmin(tmp_path / "b", seed=2, utterances=UTTERANCES)
    expected, same, other = read(whole), read(tmp_path / "a"), read(tmp_path / "b")
    for modality in FILES:
        values = expected[7]["features"][modality]
        np.testing.assert_array_equal(same[7]["features"][modality], values)
        assert not np.array_equal(other[7]["features"][modality], values)
    write_mmin(tmp_path / "a", seed=1, utterances=UTTERANCES)
    with pytest.raises(FileExistsError, match="not this corpus"):
        write_mmin(tmp_path / "a", seed=2, utterances=UTTERANCES)
    assert json.loads((tmp_path / "a/SYNTHETIC.json").read_text())["seed"] == 1
    with pytest.raises(ValueError, match="at least 40"):
        write_mmin(tmp_path / "c", utterances=39)


def test_each_modality_tells_something_and_all_together_more(tmp_path: Path) -> None:
    write_mmin(tmp_path / "release", seed=5, utterances=480)
    corpus = read(tmp_path / "release")
    fold = corpus.folds[0]
    bound = corpus.for_fold(fold)
    held_out = np.concatenate([fold.val, fold.test])
    pooled = {m: np.stack([sample["features"][m].mean(axis=0) for sample in bound]) for m in corpus.dims}
    pooled["all"] = np.concatenate(list(pooled.values()), axis=1)
    accuracy = {}
    for name, rows in pooled.items():
        train, targets = rows[fold.train], np.eye(4)[corpus.labels[fold.train]]
        mean = train.mean(axis=0)
        kernel = (train - mean) @ (train - mean).T
        ridge = np.linalg.solve(kernel + 50 * np.eye(len(train)), targets - targets.mean(axis=0))
        scores = (rows[held_out] - mean) @ (train - mean).T @ ridge + targets.mean(axis=0)
        accuracy[name] = np.mean(scores.argmax(axis=1) == corpus.labels[held_out])
    together = accuracy.pop("all")
    assert all(0.35 < alone < 0.85 for alone in accuracy.values()), accuracy
    assert together > max(accuracy.values()) + 0.03, (accuracy, together)
