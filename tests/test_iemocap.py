"""The reader of IEMOCAP: what it reads of a tiny release, what it says of a broken one, and the folds."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from iemocap_release import FOUR_CLASS_PER_DIALOG, TURN_S, start_s, turn_samples, write_release, write_wav

from recipes.corpora import iemocap
from recipes.corpora.iemocap import LABELS, CorpusError, folds, read

TURN = "Ses03F_impro01_M001"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_release(tmp_path / "release")


def labels_of(root: Path) -> Path:
    return root / "Session3/dialog/EmoEvaluation/Ses03F_impro01.txt"


def transcript_of(root: Path) -> Path:
    return root / "Session3/dialog/transcriptions/Ses03F_impro01.txt"


def wav_of(root: Path) -> Path:
    return root / f"Session3/sentences/wav/Ses03F_impro01/{TURN}.wav"


def avi_of(root: Path) -> Path:
    return root / "Session3/dialog/avi/DivX/Ses03F_impro01.avi"


def edit(path: Path, old: str, new: str) -> None:
    content = path.read_bytes().decode()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new).encode())


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * share)])


def test_reads_every_four_class_turn_with_its_parts(release: Path) -> None:
    corpus = read(release)
    assert len(corpus.utterances) == 10 * FOUR_CLASS_PER_DIALOG
    assert corpus.left_out == ()
    assert [u.id for u in corpus.utterances] == sorted(u.id for u in corpus.utterances)
    found = {u.id: u for u in corpus.utterances}[TURN]
    assert (found.session, found.speaker, LABELS[found.label]) == (3, "Ses03M", "angry")
    assert found.start_s == pytest.approx(start_s(3))
    assert found.end_s == pytest.approx(start_s(3) + TURN_S)
    assert found.text == "Turn 3: hello. [LAUGHTER]"
    assert (found.audio_file, found.video_file) == (wav_of(release), avi_of(release))


def test_excited_is_happy_and_other_codes_are_dropped(release: Path) -> None:
    counts = Counter(LABELS[u.label] for u in read(release).utterances)
    assert counts == {"neutral": 10, "happy": 20, "angry": 10, "sad": 10}


def test_actor_named_by_the_dialog_is_on_the_left(release: Path) -> None:
    sides = {(u.id[5], u.speaker[5]): u.side for u in read(release).utterances}
    assert sides == {("F", "F"): "left", ("F", "M"): "right", ("M", "M"): "left", ("M", "F"): "right"}


def test_says_that_counts_differ_from_the_release(release: Path) -> None:
    (note,) = read(release).notes
    assert "differs from the release" in note
    assert "50 utterances" in note
    assert "5531" in note
    assert "1085/1023/1151/1031/1241" in note


def test_counts_of_the_release_are_recognised(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(iemocap.RELEASE_PER_LABEL) == sum(iemocap.RELEASE_PER_SESSION) == 5531
    monkeypatch.setattr(iemocap, "RELEASE_PER_LABEL", (10, 20, 10, 10))
    monkeypatch.setattr(iemocap, "RELEASE_PER_SESSION", (10, 10, 10, 10, 10))
    (note,) = read(release).notes
    assert "customary four-class set" in note


def test_synthetic_corpus_says_so(release: Path) -> None:
    (release / "SYNTHETIC.json").write_text('{"synthetic": true}')
    corpus = read(release)
    assert corpus.synthetic
    assert "Synthetic" in corpus.notes[0]
    assert "differs" not in corpus.notes[0]
    (release / "SYNTHETIC.json").write_text("{")
    with pytest.raises(CorpusError, match=r"SYNTHETIC\.json"):
        read(release)


BREAKS: dict[str, tuple[Callable[[Path], object], str, int]] = {
    # name: (damage, what the message must hold, utterances that are lost)
    "malformed line": (lambda r: edit(labels_of(r), "5.9000 - 7.4000]", "5.9000 -"), r"impro01\.txt:21: malformed", 1),
    "stray line": (lambda r: edit(labels_of(r), f"[5.9000 - 7.4000]\t{TURN}", TURN), r"impro01\.txt:21: malformed", 1),
    "unknown code": (lambda r: edit(labels_of(r), f"{TURN}\tang", f"{TURN}\tjoy"), "'joy'; valid are neu hap exc", 1),
    "wrong times": (lambda r: edit(labels_of(r), "- 7.4000", "- 5.4000"), "not after its start", 1),
    "foreign turn": (lambda r: edit(labels_of(r), TURN, "Ses03M_impro01_M001"), "does not belong", 1),
    "double turn": (lambda r: edit(labels_of(r), TURN, "Ses03F_impro01_M000"), "labelled twice", 1),
    "no transcript": (lambda r: edit(transcript_of(r), f"{TURN} [", "M ["), f"{TURN}: .*no line for this turn", 1),
    "no transcripts": (lambda r: transcript_of(r).unlink(), r"Ses03F_impro01\.txt: missing", 5),
    "missing wav": (lambda r: wav_of(r).unlink(), rf"{TURN}\.wav: missing", 1),
    "truncated wav": (lambda r: cut(wav_of(r), 0.5), rf"{TURN}\.wav: truncated: 23978 of 48000 bytes", 1),
    "wav cut in its header": (lambda r: cut(wav_of(r), 0.0002), "truncated in its header", 1),
    "wav without data": (lambda r: write_wav(wav_of(r), np.zeros(0)), "holds no audio", 1),
    "wrong rate": (lambda r: write_wav(wav_of(r), turn_samples(3), 44_100), "44100 Hz, expected 16000 Hz; resample", 1),
    "stereo": (lambda r: write_wav(wav_of(r), turn_samples(3), channels=2), "2 channels of 16 bits", 1),
    "not a wav": (lambda r: wav_of(r).write_bytes(b"ID3" + bytes(99)), "not a WAV file", 1),
    "missing avi": (lambda r: avi_of(r).unlink(), r"Ses03F_impro01\.avi: missing", 5),
    "truncated avi": (lambda r: cut(avi_of(r), 0.5), r"Ses03F_impro01\.avi: truncated", 5),
    "empty avi": (lambda r: avi_of(r).write_bytes(b""), "not an AVI file", 5),
    "wrong session": (
        lambda r: labels_of(r).rename(r / "Session2/dialog/EmoEvaluation/Ses03F_impro01.txt"),
        "lies in the folder of session 3|lies in the folder of session 2",
        5,
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_bad_input_is_one_clear_error_or_left_out(release: Path, name: str) -> None:
    damage, message, lost = BREAKS[name]
    damage(release)
    with pytest.raises(CorpusError, match=message) as caught:
        read(release)
    assert str(release) in str(caught.value)
    assert "--skip-bad" in str(caught.value)
    corpus = read(release, skip_bad=True)
    assert len(corpus.utterances) == 50 - lost
    assert corpus.left_out


def test_empty_session_is_an_error(release: Path) -> None:
    for path in (release / "Session4/dialog/EmoEvaluation").glob("Ses*.txt"):
        path.unlink()
    with pytest.raises(CorpusError, match=r"Session4: .*no usable four-class utterance"):
        read(release)
    assert len(read(release, skip_bad=True).utterances) == 40


def test_wrong_folder_is_an_error(release: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        read(release / "nowhere")
    with pytest.raises(CorpusError, match=r"Give the folder that holds them; .*release looks like it"):
        read(release.parent)


def test_many_problems_are_counted_and_the_first_shown(release: Path) -> None:
    for path in (release / "Session2/sentences/wav").rglob("*.wav"):
        path.unlink()
    (release / "Session1/dialog/avi/DivX/Ses01F_impro01.avi").unlink()
    with pytest.raises(CorpusError) as caught:
        read(release)
    shown = str(caught.value).splitlines()
    assert shown[0].startswith("12 problems")  # the dialog, ten turns, and so an empty session
    assert sum(line.startswith("  Ses") for line in shown) == 10
    assert "  … and 2 more" in shown
    assert len(read(release, skip_bad=True).left_out) == 12


@pytest.mark.parametrize(("by", "number"), [("session", 5), ("speaker", 10)])
def test_folds_are_disjoint_in_speakers_and_test_everything_once(release: Path, by: str, number: int) -> None:
    utterances = read(release).utterances
    made = folds(utterances, by)  # type: ignore[arg-type]
    assert len(made) == number
    for fold in made:
        parts = (fold.train, fold.val, fold.test)
        assert sorted(np.concatenate(parts).tolist()) == list(range(len(utterances)))
        speakers = [{utterances[i].speaker for i in part} for part in parts]
        assert all(speakers)
        assert len(set.union(*speakers)) == sum(map(len, speakers))
    assert sorted(np.concatenate([fold.test for fold in made]).tolist()) == list(range(len(utterances)))


def test_validation_of_folds_is_as_documented(release: Path) -> None:
    utterances = read(release).utterances
    last = folds(utterances, "session")[-1]
    assert {utterances[i].session for i in last.test} == {5}
    assert {utterances[i].session for i in last.val} == {1}
    speaker = next(fold for fold in folds(utterances, "speaker") if fold.name == "Ses02M")
    assert {utterances[i].speaker for i in speaker.val} == {"Ses02F"}


def test_folds_of_too_little_are_an_error(release: Path) -> None:
    utterances = [u for u in read(release).utterances if u.session < 3]
    with pytest.raises(CorpusError, match="no utterance for training"):
        folds(utterances, "session")
    alone = [replace(u, speaker=f"Ses0{u.session}F") for u in utterances]
    with pytest.raises(CorpusError, match="no utterance for validation"):
        folds(alone, "speaker")
