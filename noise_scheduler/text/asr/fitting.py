"""Learns a recogniser's errors from what was said and what it wrote.

Public: `fit`, `through`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from .. import lexicon
from .alignment import Rates, edits, measure
from .calibration import BOUNDARY, STRAY, Words, calibrated
from .choice import Choice
from .profile import Profile, load
from .words import words_of

_LEAST_WORDS = 200
_LEAST_INSERTED = 5
_WIDEST_STEP = 0.12
_SENTENCES = 300
_SEEN_TWICE = 2
_MOST_CONFUSED = 2000


def fit(references: Sequence[str], hypotheses: Sequence[str], *, name: str = "fitted", source: str = "") -> Profile:
    """The profile of a recogniser from transcripts of the same utterances.

    Learned are the rates and kinds of its errors, their likeness to what was said, how they cluster, how often it
    writes nothing, the words it puts in, and the confusions that it made at least twice. That is one point of the path.
    Below and above it the path goes on in the manner of the profile ``noise``, whose rates are multiplied by what the
    recogniser's own rates are of them at that point: with these very factors below it, and above it with ones that
    have come back to 1 at the end of the path. So level 0 is clean, the recogniser is met at its own word error rate,
    and an ever worse signal makes an ordinary wreck of it.

    Args:
        references: what was said. Case and punctuation do not matter.
        hypotheses: what the recogniser wrote for each; differences of spelling count as errors, so put figures and
            abbreviations in the form of the references before.
        name: of the profile.
        source: what the transcripts are of; goes into the file.

    Returns:
        The profile; `Profile.save` keeps it as JSON, whose path is then the field `profile` of ``text/asr``.

    Raises:
        ValueError: the lists differ in length, there are fewer than 200 words, or no errors.
    """
    if len(references) != len(hypotheses):
        raise ValueError(f"fit: {len(references)} references and {len(hypotheses)} hypotheses; give one for each")
    pairs = [
        (said, words_of(heard)) for text, heard in zip(references, hypotheses, strict=True) if (said := words_of(text))
    ]
    words = sum(len(said) for said, _ in pairs)
    if words < _LEAST_WORDS:
        raise ValueError(
            f"fit: {words} words in the references are too few to learn from; give at least {_LEAST_WORDS}"
        )
    measured = measure(pairs)
    if measured.wer == 0:
        raise ValueError("fit: the hypotheses have no errors; there is nothing to learn")
    inserted, confusions, stray = _seen(pairs)
    pattern = load("noise")
    insertions = dict(inserted) if len(inserted) >= _LEAST_INSERTED else pattern.insertions
    choice = Choice(insertions, confusions)
    path = through(measured, pattern)
    sentences = [said for said, _ in pairs][:: max(1, len(pairs) // _SENTENCES)]
    sentences *= max(1, _SENTENCES // len(sentences))
    profile = Profile(name, source, path, (), insertions, confusions)
    return calibrated_profile(profile, sentences, choice, stray=stray)


def calibrated_profile(
    profile: Profile, sentences: Sequence[Words], choice: Choice, *, stray: float = STRAY, boundary: float = BOUNDARY
) -> Profile:
    """The profile with the generator's parameters for its path, found on `sentences`."""
    settings = None
    points = []
    for wer in _grid([rates.wer for rates in profile.path]):
        rates = profile.rates(wer)
        settings = calibrated(rates, sentences, choice, stray=stray, boundary=boundary, start=settings)
        points.append((wer, settings))
    first = points[0][1]
    clean = first._replace(empty=0.0, error=0.0, insertion=0.0)
    return replace(profile, points=((0.0, clean), *points))


def _grid(wers: Sequence[float]) -> list[float]:
    """The word error rates of a path, and others between them where they are far apart."""
    grid = [wers[0]]
    for low, high in pairwise(wers):
        steps = 1 + int((high - low) / _WIDEST_STEP)
        grid += [low + (high - low) * step / steps for step in range(1, steps + 1)]
    return grid


def through(measured: Rates, pattern: Profile) -> tuple[Rates, ...]:
    """The path of `pattern` bent so that it goes through the rates that were measured."""
    here = measured.wer
    there = pattern.path[-1].wer
    usual = pattern.rates(min(here, there))
    wers = [rates.wer for rates in pattern.path if not 0.8 < rates.wer / here < 1.25]
    bent = [_bent(pattern.rates(wer), wer, measured, usual, _remaining(wer, here, there)) for wer in wers]
    return tuple(sorted([*bent, measured], key=lambda rates: rates.wer))


def _remaining(wer: float, here: float, there: float) -> float:
    """How much of the recogniser's own manner is left: all below its word error rate, none at the end of the path."""
    return 1.0 if wer <= here else max(0.0, (there - wer) / (there - here))


def _bent(pattern: Rates, wer: float, measured: Rates, usual: Rates, share: float) -> Rates:
    """The rates of the pattern at a word error rate, taking on a share of what sets the measured ones apart."""
    kinds = [
        getattr(pattern, kind) * (getattr(measured, kind) / max(getattr(usual, kind), 1e-6)) ** share
        if getattr(measured, kind) > 0
        else getattr(pattern, kind) * (1 - share)
        for kind in ("substitution_rate", "deletion_rate", "insertion_rate")
    ]
    scale = wer / sum(kinds)
    runs = [max(0.01, a + share * (b - c)) for a, b, c in zip(pattern.runs, measured.runs, usual.runs, strict=True)]
    deletion_rate = kinds[1] * scale
    return Rates(
        kinds[0] * scale,
        deletion_rate,
        kinds[2] * scale,
        min(max(pattern.phone_similarity + share * (measured.phone_similarity - usual.phone_similarity), 0.05), 0.9),
        pattern.variance_ratio * (measured.variance_ratio / usual.variance_ratio) ** share,
        (runs[0] / sum(runs), runs[1] / sum(runs), runs[2] / sum(runs)),
        min(max(pattern.empty_rate + share * (measured.empty_rate - usual.empty_rate), 0.0), 0.9 * deletion_rate),
    )


def _seen(
    pairs: Sequence[tuple[list[str], list[str]]],
) -> tuple[Counter[str], dict[str, dict[str, float]], float]:
    """The words that were put in, the confusions that were seen at least twice, and the share of stray insertions."""
    inserted: Counter[str] = Counter()
    confused: Counter[tuple[str, str]] = Counter()
    stray = 0
    for said, heard in pairs:
        found = edits(said, heard) if heard else []
        wrong = {i for kind, i, _ in found if kind != "insert"}
        for kind, i, j in found:
            if kind == "replace":
                confused[said[i], heard[j]] += 1
            elif kind == "insert":
                inserted[heard[j]] += 1
                stray += not {i - 1, i} & wrong
    table: dict[str, dict[str, float]] = {}
    for (word, other), count in confused.most_common(_MOST_CONFUSED):
        if count >= _SEEN_TWICE:
            table.setdefault(word, {})[other] = count
    known = Counter({word: count for word, count in inserted.items() if lexicon.rank(word) is not None})
    return known, table, stray / max(inserted.total(), 1)
