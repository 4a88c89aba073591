"""Who says what in the monologues, with which sentiment and emotions, and how clearly each modality shows it.

Every video has a speaker of its own. A sentence has a class (neutral, happy, angry, sad) and a true sentiment, which
sets how strongly the class is felt; each modality shows that clearly, vaguely or mixed, as in `script`. What is written
as labels are means of three annotators who see the truth with an error, so they are multiples of a third.

Public: `Monologue`, `Sentence`, `plan_monologues`, `PARTS`, `EMOTIONS`.
Videos per part follow the standard folds, shares of the classes about the counts of CMU-MOSEI (Zadeh et al. 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recipes.demo.script import Speaker, apportion, draw_cue, stream

PARTS = {"train": 2249, "valid": 300, "test": 678}
"""Part of the standard folds → its videos in the release."""
EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")
SHARES = {"neu": 26, "hap": 44, "ang": 15, "sad": 15}
OWN_EMOTION = {"hap": "happy", "ang": "anger", "sad": "sad"}
SIDE_EMOTIONS = {"neu": EMOTIONS, "hap": ("surprise",), "ang": ("disgust", "sad"), "sad": ("fear", "disgust")}
"""Class → emotions of which one may be felt a little besides."""
SENTENCES_PER_VIDEO = 10
MIN_SENTENCES = 60
FULLY_SHOWN = 2.4
"""True sentiment at which a clear cue has the weight 1."""
ANNOTATORS, ERROR = 3, 0.5


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence as planned."""

    index: int
    sentiment: float
    """Mean of the annotators, in [-3, 3]."""
    emotions: tuple[float, ...]
    """Means of the annotators for EMOTIONS, in [0, 3]."""
    labelled: bool
    cues: Mapping[str, Mapping[str, float]]
    """Modality → class → weight, as in `script.Turn`."""


@dataclass(frozen=True, slots=True)
class Monologue:
    """One video."""

    id: str
    speaker: Speaker
    part: str
    """One of PARTS, or '' for a video that is in none of the standard folds."""
    sentences: tuple[Sentence, ...]


def plan_monologues(seed: int, utterances: int) -> list[Monologue]:
    """Plan all videos: `utterances` (≥ 60) labelled sentences in the folds, some without a label, one video in no fold.

    Raises ValueError for fewer than 60 utterances: below that a part would lack a class.
    """
    if utterances < MIN_SENTENCES:
        raise ValueError(
            f"utterances must be at least {MIN_SENTENCES}, so that every part of the fold holds all classes"
        )
    count = round(utterances / SENTENCES_PER_VIDEO)
    parts = [part for part, videos in apportion(PARTS, count).items() for _ in range(videos)]
    stream(seed, "parts").shuffle(parts)
    classes = [name for name, sentences in apportion(SHARES, utterances).items() for _ in range(sentences)]
    stream(seed, "classes").shuffle(classes)
    dealt = [classes[i * utterances // count : (i + 1) * utterances // count] for i in range(count)]
    return [
        _plan_monologue(seed, number, part, own)
        for number, (part, own) in enumerate(zip([*parts, ""], [*dealt, ["neu", "hap"]], strict=True), start=1)
    ]


def _plan_monologue(seed: int, number: int, part: str, classes: Sequence[str]) -> Monologue:
    video = f"demo-{number:05d}_"  # 11 characters, as in the release, of which some end with an underscore
    rng = stream(seed, "monologue", video)
    planned = [(name, True) for name in classes]
    if rng.random() < 0.6:
        planned.insert(int(rng.integers(len(planned) + 1)), ("neu", False))
    sentences = tuple(_plan_sentence(seed, video, i, name, labelled) for i, (name, labelled) in enumerate(planned))
    return Monologue(video, Speaker(number, "FM"[int(rng.integers(2))]), part, sentences)


def _plan_sentence(seed: int, video: str, index: int, name: str, labelled: bool) -> Sentence:
    rng = stream(seed, "sentence", video, index)
    strength = 0.5 + 2.5 * rng.beta(1.6, 2.4)
    truth = {"neu": 0.25 * rng.standard_normal(), "hap": strength}.get(name, -strength)
    felt = dict.fromkeys(EMOTIONS, 0.0)
    if name != "neu":
        felt[OWN_EMOTION[name]] = strength
    if rng.random() < 0.3:
        felt[SIDE_EMOTIONS[name][int(rng.integers(len(SIDE_EMOTIONS[name])))]] += rng.uniform(0.3, 1.0)
    cues = {
        modality: draw_cue(modality, [name], 1.0 if name == "neu" else strength / FULLY_SHOWN, rng)[0]
        for modality in ("audio", "video", "text")
    }
    return Sentence(
        index=index,
        sentiment=_annotated(truth, -3, rng),
        emotions=tuple(_annotated(value, 0, rng) if value else 0.0 for value in felt.values()),
        labelled=labelled,
        cues=cues,
    )


def _annotated(truth: float, lowest: int, rng: np.random.Generator) -> float:
    """The mean of whole-number votes from `lowest` to 3."""
    return float(np.clip(np.round(truth + ERROR * rng.standard_normal(ANNOTATORS)), lowest, 3).mean())
