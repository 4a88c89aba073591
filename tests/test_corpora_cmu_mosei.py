"""The reader of raw CMU-MOSEI: what it reads of a tiny release, what it says of a broken one, and the fold."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from mosei_release import (
    LABELLED,
    TEXTS,
    TIMES,
    UNDERSCORED,
    folds_of,
    labels_of,
    lines_of,
    name_of,
    transcript_of,
    values_of,
    video_of,
    write_release,
    write_video,
)

from recipes.corpora import cmu_mosei
from recipes.corpora.cmu_mosei import EMOTIONS, PARTS, CorpusError, folds, read

USABLE = 27


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that no test changes."""
    return write_release(tmp_path_factory.mktemp("whole") / "release")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_release(tmp_path / "release")


def edit(path: Path, old: str, new: str) -> None:
    content = path.read_text()
    assert content.count(old) == 1
    path.write_text(content.replace(old, new))


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * share)])


def spoil(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] = 0xFF
    path.write_bytes(content)


def relabel(root: Path, name: str, values: object, video: int = 4) -> None:
    with h5py.File(labels_of(root), "r+") as file:
        key = f"All Labels/data/{name_of(video)}/{name}"
        del file[key]
        if values is not None:
            file[key] = values


def rows_of(root: Path, name: str, video: int = 4) -> np.ndarray:
    with h5py.File(labels_of(root)) as file:
        return file[f"All Labels/data/{name_of(video)}/{name}"][()]


def test_reads_every_labelled_sentence_with_its_parts(whole: Path) -> None:
    corpus = read(whole)
    assert len(corpus.utterances) == USABLE
    assert corpus.left_out == ()
    for video in range(1, 10):
        for sentence in LABELLED:
            (found,) = (u for u in corpus.utterances if u.id == f"{name_of(video)}_{sentence}")
            values = np.float32(values_of(video, sentence)).tolist()
            assert (found.label, found.emotions) == (values[0], tuple(values[1:]))
            assert found.text == TEXTS[sentence]
            assert (found.start_s, found.end_s) == pytest.approx(
                (max(0, TIMES[sentence][0]), TIMES[sentence][1]), abs=1e-3
            )
            assert (found.video, found.speaker, found.side) == (name_of(video), name_of(video), None)
            assert found.audio_file == found.video_file == video_of(whole, video)
    assert len(EMOTIONS) == 6
    assert any(u.video == UNDERSCORED for u in corpus.utterances)


def test_counts_what_is_unusual(whole: Path, release: Path) -> None:
    first, *rest = read(whole).notes
    assert "5/2/2 videos" in first
    assert "30 labels, 15/6/6 utterances" in first
    assert "differs from the release" in first
    assert "2249/300/678 videos and 23259 labels" in first
    assert rest == [
        "1 labelled videos are in no fold and are left out.",
        "9 sentences of labelled videos carry no label.",
        "9 sentences start before 0 s and are cut there.",
    ]
    values = rows_of(release, "features")
    values[0, 0], values[1, 0], values[2, 1] = -3.5, 4.0, 3.3333
    relabel(release, "features", values)
    edit(transcript_of(release, 5), TEXTS[1], " ")
    edit(transcript_of(release, 6), lines_of(6)[0] + "\n", "")
    corpus = read(release)
    assert "3 values lie outside [-3, 3] (sentiment) or [0, 3] (emotions) and are clamped." in corpus.notes
    assert "2 labels have no sentence with words and are left out." in corpus.notes
    assert len(corpus.utterances) == USABLE - 2
    by_id = {u.id: u for u in corpus.utterances}
    clamped = [by_id[f"{name_of(4)}_{sentence}"] for sentence in LABELLED[::-1]]
    assert (clamped[0].label, clamped[1].label, clamped[2].emotions[0]) == (-3.0, 3.0, 3.0)


def test_labels_and_folds_of_the_release_are_recognised(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(cmu_mosei.RELEASE_VIDEOS) == 3227
    monkeypatch.setattr(cmu_mosei, "RELEASE_VIDEOS", (5, 2, 2))
    monkeypatch.setattr(cmu_mosei, "RELEASE_LABELS", 30)
    assert read(whole).notes[0].startswith("The copy holds the labels and the folds of the release")


def test_synthetic_corpus_says_so(release: Path) -> None:
    (release / "SYNTHETIC.json").write_text('{"synthetic": true}')
    corpus = read(release)
    assert corpus.synthetic
    assert "Synthetic" in corpus.notes[0]
    assert "differs" not in corpus.notes[0]


def test_label_goes_to_the_sentence_with_its_times(release: Path) -> None:
    """Times may be rounded; a label that is nowhere near a sentence belongs to none."""
    moved = rows_of(release, "intervals") + np.array([[0.03, -0.03], [0.2, 0.0], [0.0, 0.0]])
    relabel(release, "intervals", moved)
    found = [u.id for u in read(release).utterances if u.video == name_of(4)]
    assert found == [f"{name_of(4)}_0", f"{name_of(4)}_3"]


def test_fold_is_the_standard_one_and_disjoint_in_videos(whole: Path) -> None:
    utterances = read(whole).utterances
    (fold,) = folds(utterances)
    parts = {"train": fold.train, "val": fold.val, "test": fold.test}
    assert tuple(parts) == PARTS
    videos = {part: {utterances[row].video for row in rows} for part, rows in parts.items()}
    assert videos["val"] == {name_of(6), name_of(7)}
    assert videos["test"] == {name_of(8), name_of(9)}
    assert not videos["train"] & (videos["val"] | videos["test"])
    assert not videos["val"] & videos["test"]
    assert sorted(np.concatenate([fold.train, fold.val, fold.test]).tolist()) == list(range(len(utterances)))
    with pytest.raises(CorpusError, match="no utterance for test"):
        folds([u for u in utterances if u.part != "test"])


def test_fold_file_is_parsed_and_not_executed(release: Path) -> None:
    with folds_of(release).open("a") as file:
        file.write(f"import pathlib\npathlib.Path({str(release / 'run')!r}).touch()\n")
    assert len(read(release).utterances) == USABLE
    assert not (release / "run").exists()


FATAL: dict[str, tuple[Callable[[Path], object], str]] = {
    # name: (damage, what the message must hold)
    "truncated labels": (lambda r: cut(labels_of(r), 0.5), r"Labels\.csd: not a whole HDF5 file .*truncated"),
    "damaged labels": (lambda r: spoil(labels_of(r), 160), r"Labels\.csd: not a whole HDF5 file"),
    "labels are no HDF5": (lambda r: labels_of(r).write_text("a,b"), r"Labels\.csd: not a whole HDF5 file"),
    "no labels": (lambda r: labels_of(r).unlink(), r"Labels\.csd: missing; get `cmu_mosei\.labels`"),
    "other HDF5": (lambda r: h5py.File(labels_of(r), "w").close(), r"Labels\.csd: expected one group with 'data'"),
    "no folds": (lambda r: folds_of(r).unlink(), r"std_folds\.py: missing; get the standard folds"),
    "list missing": (lambda r: edit(folds_of(r), "valid", "dev"), r"std_folds\.py: no list standard_valid_fold"),
    "list not literal": (lambda r: folds_of(r).write_text("standard_train_fold=open('x')"), "must assign lists"),
    "folds no Python": (lambda r: folds_of(r).write_text("standard_train_fold=["), "must assign lists"),
    "overlap": (
        lambda r: edit(folds_of(r), name_of(8), name_of(6)),
        f"video {name_of(6)} is in standard_test_fold and for val too",
    ),
    "no videos": (lambda r: (r / "Raw/Videos").rename(r / "Videos"), "Combined: no such folder"),
    "no Raw": (lambda r: (r / "Raw").rename(r / "raw data"), "no folder Raw in it"),
}


@pytest.mark.parametrize("name", FATAL)
def test_what_no_copy_can_do_without(release: Path, name: str) -> None:
    damage, message = FATAL[name]
    damage(release)
    for skip_bad in (False, True):
        with pytest.raises(CorpusError, match=message) as caught:
            read(release, skip_bad=skip_bad)
        assert str(release) in str(caught.value)


def with_nan(root: Path, name: str) -> None:
    values = rows_of(root, name)
    values[1, 1] = np.nan
    relabel(root, name, values)


def double_label(root: Path) -> None:
    relabel(root, "intervals", rows_of(root, "intervals")[[0, 0, 2]])


BREAKS: dict[str, tuple[Callable[[Path], object], str, int]] = {
    # name: (damage, what the message must hold, utterances that are lost)
    "NaN label": (lambda r: with_nan(r, "features"), "Labels/data/video-00004: features are not finite in row 1", 3),
    "NaN time": (lambda r: with_nan(r, "intervals"), "video-00004: intervals are not finite in row 1", 3),
    "dimension": (lambda r: relabel(r, "features", np.zeros((3, 6))), r"\(3, 6\), expected \(n, 7\)", 3),
    "flat": (lambda r: relabel(r, "features", np.zeros(7)), r"shape \(7,\), expected \(n, 7\)", 3),
    "length": (lambda r: relabel(r, "intervals", np.zeros((2, 2))), r"\(2, 2\), expected \(3, 2\)", 3),
    "key": (lambda r: relabel(r, "intervals", None), "video-00004: features and intervals cannot be read", 3),
    "text in labels": (
        lambda r: relabel(r, "features", ["a"]),
        "video-00004: features and intervals cannot be read",
        3,
    ),
    "two labels": (double_label, "video-00004_3: .*intervals: two labels for one segment", 2),
    "no transcript": (lambda r: transcript_of(r, 4).unlink(), r"video-00004\.txt: missing", 3),
    "fields": (lambda r: edit(transcript_of(r, 4), "___2.123", "__2.123"), r"00004\.txt:2: bad line .*___INDEX", 1),
    "time": (lambda r: edit(transcript_of(r, 4), "2.123", "2,123"), r"00004\.txt:2: bad line .*2,123", 1),
    "endless": (lambda r: edit(transcript_of(r, 4), "___5.000", "___inf"), r"00004\.txt:2: bad line", 1),
    "backwards": (lambda r: edit(transcript_of(r, 4), "___5.000", "___1.000"), "not after its start at 2.123 s", 1),
    "foreign": (lambda r: edit(transcript_of(r, 4), lines_of(4)[1], lines_of(5)[1]), "not of video video-00004", 1),
    "doubled": (lambda r: edit(transcript_of(r, 4), "___1___", "___0___"), "segment 0 is there twice, remove one", 1),
    "no video": (lambda r: video_of(r, 4).unlink(), r"00004\.mp4: missing", 3),
    "truncated video": (lambda r: cut(video_of(r, 4), 0.5), r"00004\.mp4: its header cannot be read", 3),
    "empty video": (lambda r: video_of(r, 4).write_bytes(b""), r"00004\.mp4: its header cannot be read", 3),
    "silent video": (lambda r: write_video(video_of(r, 4), sound_s=0), "no picture or no sound", 3),
    "short video": (
        lambda r: write_video(video_of(r, 4), seconds=9),
        r"00004_3: .*00004\.mp4: 9\.0\d s long, but the sentence ends at 11\.50 s .*00004\.txt",
        1,
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_bad_input_is_one_clear_error_or_left_out(release: Path, name: str) -> None:
    damage, message, lost = BREAKS[name]
    damage(release)
    with pytest.raises(CorpusError, match=message) as caught:
        read(release)
    assert str(release) in str(caught.value)
    assert "1 problem in" in str(caught.value)
    corpus = read(release, skip_bad=True)
    assert len(corpus.utterances) == USABLE - lost
    assert len(corpus.left_out) == 1


def test_nothing_in_common_is_an_error(release: Path) -> None:
    lists = "".join(f"standard_{part}_fold=['elsewhere']\n" for part in ("train",))
    folds_of(release).write_text(lists + "standard_valid_fold=[]\nstandard_test_fold=[]\n")
    with pytest.raises(CorpusError, match="no usable utterance; labels, transcripts and folds"):
        read(release)


def test_wrong_folder_names_the_right_one(release: Path) -> None:
    with pytest.raises(CorpusError, match=f"{release} looks like it"):
        read(release.parent)
    with pytest.raises(CorpusError, match="no such folder"):
        read(release / "nowhere")
