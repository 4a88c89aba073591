"""Reader of the raw CMU-MOSEI release: sentiment in [-3, 3] and six emotion intensities per sentence of a monologue.

What is read, below the folder ROOT that holds Raw:

    Raw/Videos/Full/Combined/VIDEO.mp4              one speaker, whole video, with sound
    Raw/Transcript/Segmented/Combined/VIDEO.txt     VIDEO___INDEX___START___END___TEXT, one sentence a line, seconds
    CMU_MOSEI_Labels.csd                            HDF5: All Labels/data/VIDEO/features (n, 7), …/intervals (n, 2)
    cmu_mosei_std_folds.py                          lists of video ids: standard_{train,valid,test}_fold

The last two are not in the raw archive: they are the labels and the standard folds of the CMU-MultimodalSDK, to be put
beside Raw. The Python file is parsed for its three lists and never executed. The columns of `features` are sentiment,
happy, sad, anger, surprise, disgust, fear; labels stand in no order and belong to the sentence with the same times.

Quirks of the release that are handled and counted in the notes: starts before 0 (set to 0), values outside [-3, 3] for
sentiment and [0, 3] for emotions (clamped; sentences that more people annotated were divided by three all the same),
sentences without a label (the release is labelled in part), labels without a sentence or with an empty one, labelled
videos in no fold; `._*` files left by a Mac. Video ids may begin and end with an underscore.

The release does not name its speakers, so each video counts as one; the standard folds are disjoint in videos.

Public: EMOTIONS, PARTS, Utterance, Corpus, CorpusError, read, folds.

Source: Zadeh et al., Multimodal language analysis in the wild: CMU-MOSEI dataset and interpretable dynamic fusion
graph, ACL 2018; layout and columns after the CMU-MultimodalSDK; counts of the label file after its issue 258, counts of
the utterances after Yu et al., Self-MM, AAAI 2021, table of data sets.
"""

import ast
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from recipes.corpora import CorpusError, Fold, Problem, is_synthetic, raise_problems
from recipes.corpora.csd import read_csd

__all__ = ["EMOTIONS", "PARTS", "Corpus", "CorpusError", "Utterance", "folds", "read"]

EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")
PARTS = ("train", "val", "test")
VIDEOS = Path("Raw/Videos/Full/Combined")
TRANSCRIPTS = Path("Raw/Transcript/Segmented/Combined")
LABELS_FILE = "CMU_MOSEI_Labels.csd"
FOLDS_FILE = "cmu_mosei_std_folds.py"
FOLD_LISTS = {"standard_train_fold": "train", "standard_valid_fold": "val", "standard_test_fold": "test"}
RELEASE_VIDEOS = (2249, 300, 678)
"""Videos in the standard folds, in the order of PARTS."""
RELEASE_LABELS = 23_259
"""Labels in the CSD file, of videos in and outside the folds."""
PUBLISHED_UTTERANCES = (16_326, 1_871, 4_659)
"""Utterances per part in most papers, in the order of PARTS."""

_LINE_SHAPE = "VIDEO___INDEX___START___END___TEXT"
SAME_TIME_S = 0.05
"""How far the times of a label may lie from those of its sentence: they are rounded differently."""
MISSING_AT_END_S = 0.5
"""How much earlier than an utterance's end a video may stop."""
LOWEST = np.array([-3.0] + [0.0] * len(EMOTIONS))
HIGHEST = 3.0

# What is counted for the notes.
_NO_FOLD = "labelled videos are in no fold and are left out"
_UNLABELLED = "sentences of labelled videos carry no label"
_WORDLESS = "labels have no sentence with words and are left out"
_EARLY = "sentences start before 0 s and are cut there"
_BEYOND = "values lie outside [-3, 3] (sentiment) or [0, 3] (emotions) and are clamped"


@dataclass(frozen=True, slots=True)
class Utterance:
    """One labelled sentence of a video."""

    id: str
    """VIDEO_INDEX, as the release names its segments."""
    video: str
    part: str
    """One of PARTS: where the standard folds have its video."""
    label: float
    """Sentiment, float32, in [-3, 3]."""
    emotions: tuple[float, ...]
    """Intensity of each of EMOTIONS, float32, in [0, 3]."""
    start_s: float
    """Start in the video."""
    end_s: float
    text: str
    video_file: Path
    """The whole video, sound included."""

    @property
    def audio_file(self) -> Path:
        return self.video_file

    @property
    def speaker(self) -> str:
        """The video: speakers are not named."""
        return self.video

    @property
    def session(self) -> int:
        """0: the release has no sessions."""
        return 0

    @property
    def side(self) -> None:
        """None: the speaker is alone in the frame."""
        return


@dataclass(frozen=True)
class Corpus:
    """The usable utterances of one copy of the release, by video and index, and what was noticed."""

    root: Path
    utterances: tuple[Utterance, ...]
    left_out: tuple[str, ...]
    """What was skipped and why, one line each; empty unless bad input was to be skipped."""
    notes: tuple[str, ...]
    """What a reader of results must know about this copy, one line each."""
    synthetic: bool
    """True for a generated corpus in the same layout (SYNTHETIC.json beside Raw)."""


@dataclass(frozen=True, slots=True)
class _Label:
    start_s: float
    end_s: float
    values: npt.NDArray[np.float64]
    """(7,): sentiment, then EMOTIONS."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    index: int
    start_s: float
    end_s: float
    text: str


def read(root: Path, *, skip_bad: bool = False) -> Corpus:
    """Read and check a copy of the release.

    Of the videos, headers alone are read. With `skip_bad`, what cannot be used is left out and listed in `left_out`.
    Raises CorpusError: the folder is not a copy of the release; label file or fold file missing or unreadable;
    labels of another shape or not finite; two labels for one sentence; a transcript that is missing, has a malformed
    line or an index twice; a video that is missing, unreadable, without picture or sound, or shorter than a sentence.
    """
    root = Path(root)
    _check_layout(root)
    synthetic = is_synthetic(root)
    part_of = _read_folds(root / FOLDS_FILE)
    problems: list[Problem] = []
    counts: Counter[str] = Counter()
    labels = {
        video: [_Label(start, end, row) for (start, end), row in zip(intervals.tolist(), features, strict=True)]
        for video, (features, intervals) in read_csd(root / LABELS_FILE, len(LOWEST), problems).items()
    }

    utterances: list[Utterance] = []
    for video in sorted(labels):
        if video in part_of:
            utterances.extend(_read_video(root, video, part_of[video], labels[video], problems, counts))
        else:
            counts[_NO_FOLD] += 1

    if not skip_bad:
        raise_problems(problems, root)
    if not utterances:
        shown = "".join(f"\n  {problem}" for problem in problems[:10])
        raise CorpusError(f"{root}: no usable utterance; labels, transcripts and folds have no video in common{shown}")
    return Corpus(
        root=root,
        utterances=tuple(utterances),
        left_out=tuple(str(problem) for problem in problems),
        notes=(
            *_notes(utterances, part_of, sum(map(len, labels.values())), synthetic),
            *(f"{count} {what}." for what, count in sorted(counts.items()) if count),
        ),
        synthetic=synthetic,
    )


def folds(utterances: Sequence[Utterance]) -> list[Fold]:
    """The one standard fold, disjoint in videos. Raises CorpusError where a part of it would be empty."""
    parts = np.array([utterance.part for utterance in utterances])
    found = [np.flatnonzero(parts == part).astype(np.int64) for part in PARTS]
    for part, indices in zip(PARTS, found, strict=True):
        if indices.size == 0:
            raise CorpusError(f"standard fold: no utterance for {part}; it needs the whole corpus")
    return [Fold("standard", *found)]


def _check_layout(root: Path) -> None:
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder. Give the folder that holds Raw.")
    if not (root / "Raw").is_dir():
        inner = next((path.parent for path in sorted(root.glob("*/Raw"))), None)
        hint = f"; {inner} looks like it" if inner else ""
        raise CorpusError(f"{root}: no folder Raw in it. Give the folder that holds it{hint}.")
    for folder in (VIDEOS, TRANSCRIPTS):
        if not (root / folder).is_dir():
            raise CorpusError(f"{root / folder}: no such folder; copy it from the release")
    for name, what in ((LABELS_FILE, "`cmu_mosei.labels`"), (FOLDS_FILE, "the standard folds")):
        if not (root / name).is_file():
            raise CorpusError(f"{root / name}: missing; get {what} of the CMU-MultimodalSDK and put the file there")


def _read_folds(path: Path) -> dict[str, str]:
    """Video → part, from the three lists in the SDK's Python file, which is parsed and not executed."""
    try:
        lists = {
            target.id: [str(video) for video in ast.literal_eval(statement.value)]
            for statement in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name) and target.id in FOLD_LISTS
        }
    except (SyntaxError, ValueError, TypeError) as error:
        raise CorpusError(f"{path}: must assign lists of video ids ({error}); get the file of the SDK again") from error
    part_of: dict[str, str] = {}
    for name, part in FOLD_LISTS.items():
        if name not in lists:
            raise CorpusError(f"{path}: no list {name}; get the file of the SDK again")
        for video in lists[name]:
            if part_of.setdefault(video, part) != part:
                raise CorpusError(f"{path}: video {video} is in {name} and for {part_of[video]} too; keep it in one")
    return part_of


def _read_video(
    root: Path, video: str, part: str, labels: Sequence[_Label], problems: list[Problem], counts: Counter[str]
) -> Iterator[Utterance]:
    """Yield the usable utterances of a video; append to `problems` what is wrong with the others."""
    transcript = root / TRANSCRIPTS / f"{video}.txt"
    if not transcript.is_file():
        problems.append(Problem(video, f"{transcript}: missing; copy it again from the release"))
        return
    sentences = _read_transcript(transcript, problems)
    pairs = list(_pair(video, sentences, labels, root / LABELS_FILE, problems, counts))
    if not pairs:
        return
    path = root / VIDEOS / f"{video}.mp4"
    length_s = _length_s(path)
    if isinstance(length_s, str):
        problems.append(Problem(video, f"{path}: {length_s}"))
        return
    for sentence, label in pairs:
        name = f"{video}_{sentence.index}"
        if sentence.end_s > length_s + MISSING_AT_END_S:
            message = f"{path}: {length_s:.2f} s long, but the sentence ends at {sentence.end_s:.2f} s ({transcript})"
            problems.append(Problem(name, f"{message}; copy the video again"))
            continue
        clamped = np.clip(label.values, LOWEST, HIGHEST)
        counts[_EARLY] += sentence.start_s < 0
        counts[_BEYOND] += int(np.count_nonzero(clamped != label.values))
        sentiment, *emotions = clamped.astype(np.float32).tolist()
        yield Utterance(
            id=name,
            video=video,
            part=part,
            label=sentiment,
            emotions=tuple(emotions),
            start_s=max(0.0, sentence.start_s),
            end_s=sentence.end_s,
            text=sentence.text,
            video_file=path,
        )


def _read_transcript(path: Path, problems: list[Problem]) -> list[_Sentence]:
    """The sentences of a video in the order of their indices."""
    video, sentences = path.stem, dict[int, _Sentence]()
    # Not str.splitlines: that also splits at control characters, and the line numbers would be wrong.
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            # Not split from the left: a video's id may end with an underscore.
            if not line.startswith(f"{video}___"):
                raise ValueError(f"it is not of video {video}")
            index, start, end, text = line.removeprefix(f"{video}___").split("___", 3)
            sentence = _Sentence(int(index), float(start), float(end), text.strip())
            if not math.isfinite(sentence.start_s) or not max(0.0, sentence.start_s) < sentence.end_s < math.inf:
                raise ValueError(f"it ends at {end} s, not after its start at {start} s")
            if sentence.index in sentences:
                raise ValueError(f"segment {sentence.index} is there twice, remove one")
        except ValueError as error:
            message = f"{path}:{number}: bad line {line[:80]!r} ({error}); expected {_LINE_SHAPE}"
            problems.append(Problem(video, message))
            continue
        sentences[sentence.index] = sentence
    return [sentences[index] for index in sorted(sentences)]


def _pair(
    video: str,
    sentences: Sequence[_Sentence],
    labels: Sequence[_Label],
    labels_file: Path,
    problems: list[Problem],
    counts: Counter[str],
) -> Iterator[tuple[_Sentence, _Label]]:
    """Yield every sentence with the label of the same times; count the sentences and labels that stand alone."""
    labels_of: dict[int, list[_Label]] = {sentence.index: [] for sentence in sentences}
    for label in labels:
        nearest = min(sentences, key=lambda sentence: _distance_s(sentence, label), default=None)
        if nearest is not None and nearest.text and _distance_s(nearest, label) <= SAME_TIME_S:
            labels_of[nearest.index].append(label)
        else:
            counts[_WORDLESS] += 1
    for sentence in sentences:
        found = labels_of[sentence.index]
        if len(found) == 1:
            yield sentence, found[0]
        elif found:
            message = f"{labels_file}: All Labels/data/{video}/intervals: two labels for one segment; remove one"
            problems.append(Problem(f"{video}_{sentence.index}", message))
        elif sentence.text:
            counts[_UNLABELLED] += 1


def _distance_s(sentence: _Sentence, label: _Label) -> float:
    starts = abs(max(0.0, sentence.start_s) - max(0.0, label.start_s))
    return max(starts, abs(sentence.end_s - label.end_s))


def _length_s(path: Path) -> float | str:
    """The length that the header of a video states, or what is wrong with the file."""
    if not path.is_file():
        return "missing; copy it again from the release"
    try:
        with av.open(str(path)) as container:
            if not container.streams.video or not container.streams.audio:
                return "has no picture or no sound; copy it again from the release"
            if not container.duration:
                return "states no length; copy it again from the release"
            return float(container.duration / av.time_base)
    except (av.error.FFmpegError, ValueError) as error:
        return f"its header cannot be read ({error}); copy it again from the release"


def _notes(
    utterances: Sequence[Utterance], part_of: Mapping[str, str], labels: int, synthetic: bool
) -> tuple[str, ...]:
    in_lists, used = Counter(part_of.values()), Counter(utterance.part for utterance in utterances)
    videos = tuple(in_lists[part] for part in PARTS)
    per_part = tuple(used[part] for part in PARTS)
    found = f"{_slashed(videos)} videos for train/val/test, {labels} labels, {_slashed(per_part)} utterances"
    if synthetic:
        return (f"Synthetic corpus in the layout of CMU-MOSEI, not the release itself: {found}.",)
    published = f"papers mostly report {_slashed(PUBLISHED_UTTERANCES)} utterances"
    if (videos, labels) == (RELEASE_VIDEOS, RELEASE_LABELS):
        return (f"The copy holds the labels and the folds of the release: {found}; {published}.",)
    return (
        f"This copy differs from the release, so results do not compare with published ones: {found}; "
        f"the release has {_slashed(RELEASE_VIDEOS)} videos and {RELEASE_LABELS} labels, {published}.",
    )


def _slashed(counts: Sequence[int]) -> str:
    return "/".join(map(str, counts))
