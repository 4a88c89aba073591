"""The demo corpus in the layout of CMU-MOSEI: what the reader finds, repeatable bytes, voices and lips in step."""

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")
av = pytest.importorskip("av")
h5py = pytest.importorskip("h5py")

from recipes.corpora import cmu_mosei  # noqa: E402
from recipes.corpora.decode import _read_track  # noqa: E402
from recipes.demo.monologue import plan_monologues  # noqa: E402
from recipes.demo.script import CLASSES  # noqa: E402
from recipes.demo_corpus import MARKER, generate, main  # noqa: E402

UTTERANCES = 60


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "corpus"
    generate(out, layout="mosei", seed=3, utterances=UTTERANCES, jobs=2)
    return out


@pytest.fixture(scope="module")
def corpus(root: Path) -> cmu_mosei.Corpus:
    return cmu_mosei.read(root)


def digest(root: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        whole.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()


def test_same_seed_same_bytes_whatever_the_jobs(root: Path, tmp_path: Path) -> None:
    generate(tmp_path / "alone", layout="mosei", seed=3, utterances=UTTERANCES, jobs=1)
    assert digest(tmp_path / "alone") == digest(root)
    assert plan_monologues(0, 60) != plan_monologues(1, 60)


def test_reader_takes_it(corpus: cmu_mosei.Corpus) -> None:
    assert corpus.synthetic
    assert len(corpus.utterances) == UTTERANCES
    assert "Synthetic corpus in the layout of CMU-MOSEI" in corpus.notes[0]
    quirks = " ".join(corpus.notes)
    for quirk in ("in no fold", "carry no label", "start before 0 s"):
        assert quirk in quirks
    (fold,) = cmu_mosei.folds(corpus.utterances)
    assert min(map(len, (fold.train, fold.val, fold.test))) >= 10


def test_labels_are_those_planned(corpus: cmu_mosei.Corpus) -> None:
    planned = {
        f"{video.id}_{s.index}": (s.sentiment, *s.emotions)
        for video in plan_monologues(3, UTTERANCES)
        for s in video.sentences
        if s.labelled and video.part
    }
    assert planned.keys() == {u.id for u in corpus.utterances}
    for utterance in corpus.utterances:
        assert (utterance.label, *utterance.emotions) == pytest.approx(planned[utterance.id], abs=1e-6)


def test_default_size_is_worth_training_on() -> None:
    videos = plan_monologues(0, 720)
    assert len(videos) > 60
    assert len({video.speaker for video in videos}) == len(videos)
    sentences = [s for video in videos if video.part for s in video.sentences if s.labelled]
    labels = np.array([s.sentiment for s in sentences])
    emotions = np.array([s.emotions for s in sentences])
    assert len(labels) == 720
    assert (labels.min(), labels.max()) >= (-3, 2.5)
    assert np.allclose(3 * labels, np.round(3 * labels))
    assert 0.25 < np.mean(labels < 0) < 0.45 < np.mean(labels > 0) < 0.65
    assert np.ptp(emotions, axis=0).min() > 1 / 3
    assert emotions.min() == 0


def test_no_modality_tells_the_sentiment_alone() -> None:
    """Planned cues, with the spread that faces and voices have around them: each falls well short of all three."""
    sentences = [s for video in plan_monologues(0, 3000) for s in video.sentences if s.labelled]
    labels = np.array([s.sentiment for s in sentences])
    cues = {m: np.array([[s.cues[m][c] for c in CLASSES] for s in sentences]) for m in ("audio", "video", "text")}
    rng = np.random.default_rng(0)
    for weights in cues.values():
        weights += 0.3 * rng.standard_normal(weights.shape)

    def correlation(columns: np.ndarray) -> float:
        design = np.hstack([columns, np.ones((len(labels), 1))])
        train, test = slice(None, None, 2), slice(1, None, 2)
        weights = np.linalg.lstsq(design[train], labels[train], rcond=None)[0]
        return float(np.corrcoef(design[test] @ weights, labels[test])[0, 1])

    alone = [correlation(columns) for columns in cues.values()]
    assert 0.5 < min(alone) < max(alone) < 0.8
    assert correlation(np.hstack(list(cues.values()))) > max(alone) + 0.08


def test_formats_and_quirks_of_the_release(root: Path) -> None:
    videos = sorted(root.glob("Raw/Videos/Full/Combined/[!.]*.mp4"))
    assert len(videos) == 7
    for path in videos:
        with av.open(str(path)) as container:
            assert "mp4" in container.format.name
            picture, sound = container.streams.video[0], container.streams.audio[0]
            assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
            assert (picture.width, picture.height, sound.rate) == (180, 144, 44_100)
            assert float(picture.duration * picture.time_base) == pytest.approx(container.duration / 1e6, abs=0.2)
    junk = list(root.rglob("._*"))
    assert {p.suffix for p in junk} == {".mp4", ".txt", ".py"}
    with h5py.File(root / cmu_mosei.LABELS_FILE) as file:
        data = file["All Labels/data"]
        assert sorted(data) == [path.stem for path in videos]
        assert any(np.any(np.diff(data[video]["intervals"][:, 0]) < 0) for video in data)
        assert json.loads(file["All Labels/metadata/dimension names"][0])[0] == "sentiment"


def test_lips_follow_the_speech(corpus: cmu_mosei.Corpus) -> None:
    found = []
    for path in sorted({u.video_file for u in corpus.utterances}):
        with av.open(str(path)) as container:
            fps = float(container.streams.video[0].average_rate)
            frames = np.stack([f.to_ndarray(format="gray") for f in container.decode(video=0)]).astype(float)
        track = _read_track(path, len(frames) / fps) / 32768
        edges = (np.arange(len(frames) + 1) * 16_000 / fps).astype(int)
        loud = np.array([np.sqrt(np.mean(track[a:b] ** 2)) for a, b in itertools.pairwise(edges)])
        for utterance in (u for u in corpus.utterances if u.video_file == path):
            span = slice(int(utterance.start_s * fps), int(utterance.end_s * fps))
            mouth = frames[span, 92:124, 70:110].std(axis=(1, 2))
            found.append(np.corrcoef(mouth, loud[span])[0, 1])
    assert np.median(found) > 0.6


def test_says_that_it_is_synthetic_and_is_not_mixed_up(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marker = json.loads((root / MARKER).read_text())
    assert marker["synthetic"]
    assert (marker["layout"], marker["utterances"], marker["seed"]) == ("mosei", UTTERANCES, 3)
    assert "follows the CMU-MOSEI" in (root / "README.txt").read_text()
    generate(root, layout="mosei", seed=3, utterances=UTTERANCES)
    assert "already" in capsys.readouterr().err
    with pytest.raises(FileExistsError, match="holds the demo corpus"):
        generate(root, seed=3, utterances=UTTERANCES)


def test_wrong_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="at least 60"):
        generate(tmp_path / "new", layout="mosei", utterances=59)
    with pytest.raises(ValueError, match="'mosi': not known, choose iemocap or mosei"):
        generate(tmp_path / "new", layout="mosi")
    monkeypatch.setattr("sys.argv", ["demo_corpus", str(tmp_path / "new"), "--layout", "mosei", "--utterances", "1"])
    with pytest.raises(SystemExit, match="error: utterances must be at least 60"):
        main()
    assert not (tmp_path / "new").exists()
