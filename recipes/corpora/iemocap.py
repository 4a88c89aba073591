"""Reader of the IEMOCAP release as it is distributed: four classes, excited merged into happy.

What is read, below the folder that holds Session1 … Session5:

    SessionN/dialog/EmoEvaluation/DIALOG.txt     labels and times of every turn, evaluator lines below each
    SessionN/dialog/transcriptions/DIALOG.txt    one line of text per turn
    SessionN/dialog/avi/DivX/DIALOG.avi          both actors side by side
    SessionN/sentences/wav/DIALOG/TURN.wav       16 kHz, mono, 16 bit

Quirks of the release that are handled: `._*` files left by a Mac, the header line that begins with `%`,
transcript lines without a time (`M: Yeah.`), turns that were never labelled (`Ses03F_impro05_MXX0`), evaluator
comments that run over the end of a line, and the folders Attribute, Categorical and Self-evaluation beside the
label files.

Side of the frame: the actor named by the dialog (F in Ses01F_impro01, who wears the markers) is in the left
half, the partner in the right one. Public preprocessing scripts of the release agree on this.

Public: LABELS, CODES, Utterance, Corpus, Fold, CorpusError, read, folds.

Source: Busso et al., IEMOCAP: interactive emotional dyadic motion capture database, Language Resources and
Evaluation 42, 2008. The four-class set of 5531 utterances is the one customary in the literature.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recipes.corpora import CorpusError, Fold, Problem, is_synthetic, raise_problems
from recipes.corpora.riff import avi_fault, wav_fault

__all__ = ["CODES", "LABELS", "Corpus", "CorpusError", "Fold", "Utterance", "folds", "read"]

LABELS = ("neutral", "happy", "angry", "sad")
CODES = {"neu": 0, "hap": 1, "exc": 1, "ang": 2, "sad": 3}
"""Code in the label files → index into LABELS."""
DROPPED_CODES = frozenset({"fru", "sur", "fea", "dis", "oth", "xxx"})
SESSIONS = (1, 2, 3, 4, 5)
RELEASE_PER_LABEL = (1708, 1636, 1103, 1084)
RELEASE_PER_SESSION = (1085, 1023, 1151, 1031, 1241)

_NUMBER = r"\d+(?:\.\d+)?"
_TURN = re.compile(
    rf"\[\s*({_NUMBER})\s*-\s*({_NUMBER})\s*\]\s+(\S+)\s+(\S+)\s+"
    rf"\[\s*-?{_NUMBER}\s*,\s*-?{_NUMBER}\s*,\s*-?{_NUMBER}\s*\]"
)
_TURN_NAME = re.compile(r"(?P<dialog>Ses0(?P<session>\d)[FM]_\w+)_(?P<speaker>[FM])(?:\d{3}|XX\d+)")
_EVALUATOR = re.compile(r"[AC]-\w+\s*:")
_TRANSCRIPT = re.compile(r"(Ses\w+)\s*(?:\[[^\]]*\])?\s*:\s*(.*)")
_TURN_SHAPE = "[START - END]\\tTURN\\tCODE\\t[V, A, D]"


@dataclass(frozen=True, slots=True)
class Utterance:
    """One labelled turn of one actor and where its parts lie."""

    id: str
    session: int
    """1 … 5"""
    speaker: str
    """Session and sex, such as Ses01F; ten in the release."""
    label: int
    """Index into LABELS."""
    start_s: float
    """Start in the dialog, and so in `video_file`."""
    end_s: float
    text: str
    """The transcript as it is in the release, sounds such as [LAUGHTER] included."""
    audio_file: Path
    """The turn alone."""
    video_file: Path
    """The whole dialog."""
    side: str
    """Half of the frame in which the speaker is: "left" or "right"."""


@dataclass(frozen=True)
class Corpus:
    """The usable utterances of one copy of the release, in the order of their ids, and what was noticed."""

    root: Path
    utterances: tuple[Utterance, ...]
    left_out: tuple[str, ...]
    """What was skipped and why, one line each; empty unless bad input was to be skipped."""
    notes: tuple[str, ...]
    """What a reader of results must know about this copy, one line each."""
    synthetic: bool
    """True for a generated corpus in the same layout (SYNTHETIC.json beside the sessions)."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """One label line, whatever its code."""

    id: str
    code: str
    start_s: float
    end_s: float
    where: str
    """FILE:LINE, for messages."""


def read(root: Path, *, skip_bad: bool = False) -> Corpus:
    """Read and check a copy of the release.

    Headers alone of audio and video are read, so that this takes seconds. With `skip_bad`, what cannot be
    used is left out and listed in `left_out`. Raises CorpusError: the folder is not a copy of the release;
    a session without utterances; a malformed label line or an unknown code; a labelled turn without transcript;
    audio or video that is missing, truncated or not in the format of the release.
    """
    root = Path(root)
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder. Give the folder that holds Session1 … Session5.")
    if not any((root / f"Session{session}").is_dir() for session in SESSIONS):
        inner = next((path.parent for path in sorted(root.glob("*/Session1"))), None)
        hint = f"; {inner} looks like it" if inner else ""
        raise CorpusError(f"{root}: no Session1 … Session5 in it. Give the folder that holds them{hint}.")
    synthetic = is_synthetic(root)

    problems: list[Problem] = []
    utterances: list[Utterance] = []
    for session in SESSIONS:
        found = list(_read_session(root, session, problems))
        if not found:
            folder = root / f"Session{session}" / "dialog" / "EmoEvaluation"
            problems.append(
                Problem(f"Session{session}", f"{folder}: no usable four-class utterance; copy the session again")
            )
        utterances.extend(found)

    if not skip_bad:
        raise_problems(problems, root)
    if not utterances:
        shown = "\n".join(f"  {problem}" for problem in problems[:10])
        raise CorpusError(f"{root}: nothing is left after skipping what is bad:\n{shown}")
    utterances.sort(key=lambda utterance: utterance.id)
    return Corpus(
        root=root,
        utterances=tuple(utterances),
        left_out=tuple(str(problem) for problem in problems),
        notes=_notes(utterances, synthetic),
        synthetic=synthetic,
    )


def folds(utterances: Sequence[Utterance], by: str) -> list[Fold]:
    """Cross-validation folds, disjoint in speakers.

    "session": five folds; test is one session, validation the next one (after the last, the first), training
    the other three. "speaker": ten folds; test is one speaker, validation the other speaker of that session,
    training the other four sessions. Raises CorpusError where a part would be empty.
    """
    speakers = np.array([utterance.speaker for utterance in utterances])
    sessions = np.array([utterance.session for utterance in utterances])
    made: list[Fold] = []

    def add(name: str, val: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_]) -> None:
        parts = [np.flatnonzero(mask).astype(np.int64) for mask in (~(val | test), val, test)]
        for part, indices in zip(("training", "validation", "test"), parts, strict=True):
            if indices.size == 0:
                raise CorpusError(f"fold {name}: no utterance for {part}; folds by {by} need the whole corpus")
        made.append(Fold(name, *parts))

    if by == "session":
        present = sorted(set(sessions.tolist()))
        for position, session in enumerate(present):
            following = present[(position + 1) % len(present)]
            add(f"Session{session}", sessions == following, sessions == session)
    elif by == "speaker":
        for speaker in sorted(set(speakers.tolist())):
            test = speakers == speaker
            session = sessions[test][0]
            add(speaker, (sessions == session) & ~test, test)
    else:
        raise ValueError(f"folds by {by!r}: not known, choose 'session' or 'speaker'")
    return made


def _read_session(root: Path, session: int, problems: list[Problem]) -> Iterator[Utterance]:
    """Yield the usable utterances of a session; append to `problems` what is wrong with the others."""
    dialog_folder = root / f"Session{session}" / "dialog"
    label_files = sorted(
        path for path in (dialog_folder / "EmoEvaluation").glob("*.txt") if not path.name.startswith(".")
    )
    for label_file in label_files:
        dialog = label_file.stem
        turns = [turn for turn in _read_labels(label_file, session, problems) if turn.code in CODES]
        if not turns:
            continue
        avi = dialog_folder / "avi" / "DivX" / f"{dialog}.avi"
        if fault := avi_fault(avi):
            problems.append(Problem(dialog, f"{avi}: {fault}"))
            continue
        transcript_file = dialog_folder / "transcriptions" / f"{dialog}.txt"
        if not transcript_file.is_file():
            problems.append(Problem(dialog, f"{transcript_file}: missing; copy it again from the release"))
            continue
        texts = _read_transcript(transcript_file)
        for turn in turns:
            wav = root / f"Session{session}" / "sentences" / "wav" / dialog / f"{turn.id}.wav"
            if not texts.get(turn.id):
                message = f"{transcript_file}: no line for this turn, labelled at {turn.where}; add its transcript"
                problems.append(Problem(turn.id, message))
            elif fault := wav_fault(wav, sample_rate=16_000):
                problems.append(Problem(turn.id, f"{wav}: {fault}"))
            else:
                actor = turn.id.rsplit("_", 1)[1][0]
                yield Utterance(
                    id=turn.id,
                    session=session,
                    speaker=f"Ses0{session}{actor}",
                    label=CODES[turn.code],
                    start_s=turn.start_s,
                    end_s=turn.end_s,
                    text=texts[turn.id],
                    audio_file=wav,
                    video_file=avi,
                    side="left" if actor == dialog[5] else "right",
                )


def _read_labels(path: Path, session: int, problems: list[Problem]) -> list[_Turn]:
    turns: list[_Turn] = []
    seen: dict[str, str] = {}
    in_comment = False
    for number, line in enumerate(_lines(path), start=1):
        where = f"{path}:{number}"
        if in_comment and not line.startswith("["):
            in_comment = line != "" and ")" not in line
            continue
        in_comment = False
        if not line or line.startswith("%"):
            continue
        if _EVALUATOR.match(line):
            in_comment = line.count("(") > line.count(")")
            continue
        match = _TURN.fullmatch(line)
        if match is None:
            message = f"{where}: malformed line {line!r}; expected {_TURN_SHAPE}"
            problems.append(Problem(path.stem, message))
            continue
        start_s, end_s, turn, code = float(match[1]), float(match[2]), match[3], match[4]
        if fault := _turn_fault(path.stem, session, turn, code, start_s, end_s, seen):
            problems.append(Problem(turn, f"{where}: {fault}"))
            continue
        seen[turn] = where
        turns.append(_Turn(turn, code, start_s, end_s, where))
    return turns


def _turn_fault(
    dialog: str, session: int, turn: str, code: str, start_s: float, end_s: float, seen: dict[str, str]
) -> str | None:
    """What is wrong with the fields of a well-formed label line, or None."""
    name = _TURN_NAME.fullmatch(turn)
    if name is None or name["dialog"] != dialog:
        return f"turn {turn!r} does not belong to dialog {dialog}; expected a name such as {dialog}_F000"
    if int(name["session"]) != session:
        return f"turn {turn!r} lies in the folder of session {session}; move the file to its session"
    if code not in CODES and code not in DROPPED_CODES:
        return f"unknown code {code!r}; valid are {' '.join([*CODES, *sorted(DROPPED_CODES)])}"
    if end_s <= start_s:
        return f"the turn ends at {end_s} s, not after its start at {start_s} s; correct the times"
    if turn in seen:
        return f"turn {turn!r} is labelled twice, first at {seen[turn]}; remove one of the lines"
    return None


def _read_transcript(path: Path) -> dict[str, str]:
    """Turn → text. Lines that name no turn (`M: Yeah.`, without a time) belong to none and are passed over."""
    matches = (_TRANSCRIPT.fullmatch(line) for line in _lines(path))
    return {match[1]: match[2].strip() for match in matches if match}


def _lines(path: Path) -> list[str]:
    # Not str.splitlines: that also splits at control characters, and the line numbers would be wrong.
    return [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").split("\n")]


def _notes(utterances: Sequence[Utterance], synthetic: bool) -> tuple[str, ...]:
    labels = Counter(utterance.label for utterance in utterances)
    sessions = Counter(utterance.session for utterance in utterances)
    per_label = tuple(labels[label] for label in range(len(LABELS)))
    per_session = tuple(sessions[session] for session in SESSIONS)
    found = _counts(per_label, per_session)
    if synthetic:
        return (f"Synthetic corpus in the layout of IEMOCAP, not the release itself: {found}.",)
    if (per_label, per_session) == (RELEASE_PER_LABEL, RELEASE_PER_SESSION):
        return (f"The copy holds the customary four-class set of the release: {found}.",)
    customary = _counts(RELEASE_PER_LABEL, RELEASE_PER_SESSION)
    return (
        f"This copy differs from the release, so results do not compare with published ones: {found}; "
        f"the release has {customary}.",
    )


def _counts(per_label: Sequence[int], per_session: Sequence[int]) -> str:
    labels = ", ".join(f"{label} {count}" for label, count in zip(LABELS, per_label, strict=True))
    return f"{sum(per_label)} utterances ({labels}; per session {'/'.join(map(str, per_session))})"
