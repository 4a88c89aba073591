"""The demo corpus: layout and formats of the release, repeatable bytes, honest labels, lips that follow the speech."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")
av = pytest.importorskip("av")
sf = pytest.importorskip("soundfile")

from recipes.demo import face, text  # noqa: E402
from recipes.demo.script import CLASSES, CODES, FOUR_CLASS, Speaker, plan_corpus, stream  # noqa: E402
from recipes.demo_corpus import MARKER, generate  # noqa: E402

UTTERANCES = 40
TURN = re.compile(r"^\[(\d+\.\d{4}) - (\d+\.\d{4})\]\t(\S+)\t([a-z]{3})\t\[(\d\.\d{4}), (\d\.\d{4}), (\d\.\d{4})\]$")
LINE = re.compile(r"^(Ses\d\d[FM]_\w+_[FM](?:\d{3}|XX\d)) \[(\d{3}\.\d{4})-(\d{3}\.\d{4})\]: (\S.*)$")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "corpus"
    generate(out, seed=3, utterances=UTTERANCES, jobs=2)
    return out


def evaluations(corpus: Path) -> dict[str, tuple[float, float, str]]:
    turns = {}
    for path in corpus.glob("Session*/dialog/EmoEvaluation/Ses*.txt"):
        for line in path.read_text().splitlines():
            if line.startswith("["):
                match = TURN.match(line)
                assert match, line
                turns[match[3]] = (float(match[1]), float(match[2]), match[4])
    return turns


def digest(root: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        whole.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()


def dialog_of(turn_id: str) -> str:
    return turn_id.rsplit("_", 1)[0]


def test_same_seed_same_bytes_whatever_the_jobs(tmp_path: Path) -> None:
    generate(tmp_path / "a", seed=1, utterances=20, jobs=1)
    generate(tmp_path / "b", seed=1, utterances=20, jobs=2)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]  # no temporary folder is left


def test_another_seed_is_another_corpus() -> None:
    assert plan_corpus(0, 40) == plan_corpus(0, 40)
    assert plan_corpus(0, 40) != plan_corpus(1, 40)


def test_layout_and_media_formats(corpus: Path) -> None:
    turns = evaluations(corpus)
    for session in range(1, 6):
        base = corpus / f"Session{session}"
        dialogs = {p.stem for p in (base / "dialog/EmoEvaluation").glob("Ses*.txt")}
        assert any("_impro" in d for d in dialogs)
        assert any("_script" in d for d in dialogs)
        for dialog in dialogs:
            assert dialog[:5] == f"Ses0{session}"
            stereo = sf.info(base / f"dialog/wav/{dialog}.wav")
            assert (stereo.samplerate, stereo.channels, stereo.subtype) == (16000, 2, "PCM_16")
            assert (base / f"dialog/transcriptions/{dialog}.txt").is_file()
            with av.open(str(base / f"dialog/avi/DivX/{dialog}.avi")) as container:
                stream_ = container.streams.video[0]
                assert stream_.codec_context.name == "mpeg4"
                assert stream_.codec_context.codec_tag == "DIVX"
                assert stream_.width == 2 * face.HALF_SIZE[0]
                frames = sum(1 for _ in container.decode(video=0))
                assert abs(frames / float(stream_.average_rate) - stereo.duration) < 0.2
    wavs = {p.stem: p for p in corpus.glob("Session*/sentences/wav/*/Ses*.wav")}
    assert wavs.keys() == turns.keys()
    for turn_id, path in wavs.items():
        info = sf.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        assert path.parent.name == dialog_of(turn_id)
        start, end, _ = turns[turn_id]
        assert info.duration == pytest.approx(end - start, abs=2e-4)


def test_sentence_is_cut_from_the_speakers_channel(corpus: Path) -> None:
    for turn_id, (start, end, _) in list(evaluations(corpus).items())[::7]:
        base, dialog = corpus / f"Session{turn_id[4]}", dialog_of(turn_id)
        whole, rate = sf.read(base / f"dialog/wav/{dialog}.wav", dtype="int16")
        sentence, _ = sf.read(base / f"sentences/wav/{dialog}/{turn_id}.wav", dtype="int16")
        channel = 0 if turn_id.rsplit("_", 1)[1][0] == dialog[5] else 1
        np.testing.assert_array_equal(whole[round(start * rate) : round(end * rate), channel], sentence)
        assert np.abs(sentence).max() < 32767
        assert np.count_nonzero(sentence[:800]) > 100  # a quiet room, not digital silence


def test_labels_follow_the_release() -> None:
    for utterances in (40, 720):
        codes = Counter(turn.code for dialog in plan_corpus(0, utterances) for turn in dialog.turns)
        assert sum(codes[c] for c in FOUR_CLASS) == utterances
        assert all(codes[c] > 0 for c in CODES)
        assert codes[""] > 0  # unlabelled turns
    four = np.array([codes["neu"], codes["hap"] + codes["exc"], codes["ang"], codes["sad"]]) / utterances
    np.testing.assert_allclose(four, np.array([1708, 1636, 1103, 1084]) / 5531, atol=0.01)
    assert sum(codes[c] for c in CODES if c not in FOUR_CLASS) == pytest.approx(0.25 * utterances, abs=2)
    speakers = Counter(t.speaker.name for d in plan_corpus(0, 720) for t in d.turns)
    assert len(speakers) == 10
    assert min(speakers.values()) > 60


def test_written_codes_match_the_plan(corpus: Path) -> None:
    planned = {t.id: t.code for d in plan_corpus(3, UTTERANCES) for t in d.turns if t.code}
    assert {turn_id: code for turn_id, (_, _, code) in evaluations(corpus).items()} == planned


def test_evaluator_lines_agree_with_the_code(corpus: Path) -> None:
    names = {"neu": "Neutral", "hap": "Happiness", "ang": "Anger", "sad": "Sadness", "exc": "Excited"}
    for path in corpus.glob("Session*/dialog/EmoEvaluation/Ses*.txt"):
        header, *blocks = path.read_text().split("\n\n")
        assert header == "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
        for block in filter(str.strip, blocks):
            first, *lines = block.strip().split("\n")
            match = TURN.match(first)
            assert match
            votes = [m[1] for line in lines if (m := re.fullmatch(r"C-E\d:\t(\w+);\t\(\)", line))]
            rated = [line for line in lines if re.fullmatch(r"A-\w\d:\tval \d; act \d; dom  \d;\t\(\)", line)]
            assert len(votes) == len(rated) == 3
            top, count = Counter(votes).most_common(1)[0]
            if match[4] == "xxx":
                assert count == 1
            elif match[4] in names:
                assert (top, count >= 2) == (names[match[4]], True)


def test_transcriptions_cover_all_turns_and_have_the_oddities(corpus: Path) -> None:
    timed: dict[str, tuple[float, float]] = {}
    untimed = []
    for path in corpus.glob("Session*/dialog/transcriptions/Ses*.txt"):
        for line in path.read_text().splitlines():
            if match := LINE.match(line):
                timed[match[1]] = (float(match[2]), float(match[3]))
            else:
                untimed.append(line)
    turns = evaluations(corpus)
    assert turns.keys() < timed.keys()  # the rest carries no label
    assert all(timed[turn_id] == times[:2] for turn_id, times in turns.items())
    assert any(re.match(r"[FM]: \w", line) for line in untimed)
    junk = list(corpus.rglob("._*"))
    assert {p.suffix for p in junk} == {".avi", ".wav", ".txt"}
    assert all(p.read_bytes()[:4] == b"\x00\x05\x16\x07" for p in junk)


def test_lips_follow_the_speech(corpus: Path) -> None:
    """The dark and light of the speaker's mouth changes with the loudness; the listener's does not."""
    speaking, listening = [], []
    for path in sorted(corpus.glob("Session*/dialog/avi/DivX/Ses*.avi"))[:6]:
        wave, rate = sf.read(corpus / f"Session{path.stem[4]}/dialog/wav/{path.stem}.wav")
        with av.open(str(path)) as container:
            fps = float(container.streams.video[0].average_rate)
            frames = np.stack([f.to_ndarray(format="gray") for f in container.decode(video=0)]).astype(float)
        edges = (np.arange(len(frames) + 1) * rate / fps).astype(int)
        for turn_id, (start, end, _) in evaluations(corpus).items():
            if dialog_of(turn_id) != path.stem:
                continue
            span = slice(int(start * fps), int(end * fps))
            side = 0 if turn_id.rsplit("_", 1)[1][0] == path.stem[5] else 1
            loud = [np.sqrt(np.mean(wave[a:b, side] ** 2)) for a, b in itertools.pairwise(edges)]
            for half, found in ((side, speaking), (1 - side, listening)):
                mouth = frames[span, 132:164, half * 180 + 70 : half * 180 + 110]
                found.append(np.corrcoef(mouth.std(axis=(1, 2)), loud[span])[0, 1])
    assert np.median(speaking) > 0.6
    assert abs(np.median(listening)) < 0.3


def test_moods_can_be_seen() -> None:
    """Brows fall in anger and rise inside in sadness, mouths curve up in joy: on average, with overlap."""
    actor, still = face.Actor(Speaker(1, "F"), "Ses01F_impro01", 0), np.zeros(12)
    poses = {
        name: [face.act(actor, {name: 1.0}, still, 12.0, stream(0, name, i))[0] for i in range(60)] for name in CLASSES
    }
    mean = {name: np.mean([[p.brow_in, p.smile] for p in poses[name]], 0) for name in CLASSES}
    assert mean["ang"][0] < mean["neu"][0] - 0.5 < mean["sad"][0] - 1.0
    assert mean["hap"][1] > mean["neu"][1] + 0.5 > mean["sad"][1] + 1.0
    image = face.draw(actor, poses["hap"][0])
    assert image.shape == (240, 180, 3)
    assert image.dtype == np.uint8


def test_unclear_turns_say_what_fits_any_class() -> None:
    turns = [t for d in plan_corpus(0, 400) for t in d.turns if t.code in FOUR_CLASS]
    for modality in ("audio", "video", "text"):
        assert 0.4 < np.mean([t.clear[modality] for t in turns]) < 0.8
    vague = dict.fromkeys(CLASSES, 0.15)
    said = {text.sentence(vague, stream(0, i)) for i in range(300)}
    own = {word for name in CLASSES for line in text.TEMPLATES[name] for word in ("furious", "funeral") if word in line}
    assert own == {"furious", "funeral"}
    assert len(said) > 200
    assert not any(word in sentence for sentence in said for word in own)
    assert not any(re.search(r"[{}]", sentence) for sentence in said)


def test_says_that_it_is_synthetic(corpus: Path) -> None:
    marker = json.loads((corpus / MARKER).read_text())
    assert marker == {
        "synthetic": True,
        "generator": "recipes.demo_corpus",
        "seed": 3,
        "utterances": UTTERANCES,
        "version": 1,
    }
    assert "SYNTHETIC" in (corpus / "README.txt").read_text()


def test_existing_folders(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digest(corpus)
    generate(corpus, seed=3, utterances=UTTERANCES)
    assert "already" in capsys.readouterr().err
    with pytest.raises(FileExistsError, match="holds the demo corpus"):
        generate(corpus, seed=4, utterances=UTTERANCES)
    assert digest(corpus) == before
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="not a demo corpus"):
        generate(tmp_path, utterances=20)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(ValueError, match="at least 20"):
        generate(tmp_path / "new", utterances=19)
    assert not (tmp_path / "new").exists()
