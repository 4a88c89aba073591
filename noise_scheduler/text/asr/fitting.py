"""Learns a recogniser's errors from what was said and what it wrote.

Public: `fit`, `through`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import pairwise

from ...record import Hit
from .. import lexicon
from .alignment import Rates, edits, measure
from .calibration import BOUNDARY, STRAY, Words, calibrated
from .heard import DEFAULT, Hearing
from .heard import fit as fit_hearing
from .profile import Profile, load
from .words import words_of

_LEAST_WORDS = 200
_POINT_WORDS = 400
_APART = 1.25
_LEAST_INSERTED = 5
_WIDEST_STEP, _WIDEST_RATIO = 0.12, 2.5
_SENTENCES = 240
_SEEN_TWICE = 2
_MOST_CONFUSED = 2000

Pair = tuple[list[str], list[str]]


def fit(
    references: Sequence[str],
    hypotheses: Sequence[str],
    *,
    conditions: Sequence[Hashable] | None = None,
    noises: Sequence[Sequence[Hit]] | None = None,
    name: str = "fitted",
    source: str = "",
) -> Profile:
    """The profile of a recogniser from transcripts of the same utterances.

    Learned are the rates and kinds of its errors, their likeness to what was said, how they cluster, how often it
    writes nothing, the words it puts in, and the confusions that it made at least twice. The rates are one point of the
    path, or where the conditions of the utterances are given, one for each word error rate that these brought about.
    Below and above what was measured, the path goes on in the manner of the profile ``noise``, whose rates are
    multiplied by what the recogniser's own rates are of them at the nearest point: with these very factors below, and
    above with ones that have come back to 1 at the end of the path. So level 0 is clean, the recogniser is met at its
    own word error rate, and an ever worse signal makes an ordinary wreck of it. Takes some ten seconds.

    Args:
        references: what was said. Case and punctuation do not matter.
        hypotheses: what the recogniser wrote for each; differences of spelling count as errors, so put figures and
            abbreviations in the form of the references before.
        conditions: what each utterance was heard under, such as the kind of noise and its SNR. Utterances of one
            condition are measured together. Without conditions, all are one.
        noises: the executed hits on the sound of each utterance, from its record, none where it was clean. With them
            is learned how the recogniser's word error rate follows from what was done to the sound, for noise that is
            tied to it (`noise_scheduler.text.asr.heard`).
        name: of the profile.
        source: what the transcripts are of; goes into the file.

    Returns:
        The profile; `Profile.save` keeps it as JSON, whose path is then the field `profile` of ``text/asr``.

    Raises:
        ValueError: the lists differ in length, there are fewer than 200 words, or no errors; `noises` are given for
            fewer than 8 utterances.
    """
    conditions = [None] * len(references) if conditions is None else conditions
    if not len(references) == len(hypotheses) == len(conditions):
        counts = f"{len(references)} references, {len(hypotheses)} hypotheses, {len(conditions)} conditions"
        raise ValueError(f"fit: {counts}; give one of each for every utterance")
    groups: dict[Hashable, list[Pair]] = {}
    for text, heard, condition in zip(references, hypotheses, conditions, strict=True):
        if said := words_of(text):
            groups.setdefault(condition, []).append((said, words_of(heard)))
    pairs = [pair for group in groups.values() for pair in group]
    words = sum(len(said) for said, _ in pairs)
    if words < _LEAST_WORDS:
        raise ValueError(
            f"fit: {words} words in the references are too few to learn from; give at least {_LEAST_WORDS}"
        )
    if measure(pairs).wer == 0:
        raise ValueError("fit: the hypotheses have no errors; there is nothing to learn")
    inserted, confusions, stray = _seen(pairs)
    pattern = load("noise")
    insertions = dict(inserted) if len(inserted) >= _LEAST_INSERTED else pattern.insertions
    path = through(_points(list(groups.values())), pattern)
    sentences = [said for said, _ in pairs][:: max(1, len(pairs) // _SENTENCES)]
    sentences *= max(1, _SENTENCES // len(sentences))
    audio = None if noises is None else _hearing(references, hypotheses, noises).to_dict()
    profile = Profile(name, source, path, (), insertions, confusions, audio)
    return calibrated_profile(profile, sentences, stray=stray)


def calibrated_profile(
    profile: Profile, sentences: Sequence[Words], *, stray: float = STRAY, boundary: float = BOUNDARY
) -> Profile:
    """The profile with the generator's parameters for its path, found on `sentences`."""
    settings = None
    points = []
    for wer in _grid([rates.wer for rates in profile.path]):
        rates = profile.rates(wer)
        settings = calibrated(rates, sentences, profile.choices, stray=stray, boundary=boundary, start=settings)
        points.append((wer, settings))
    first = points[0][1]
    clean = first._replace(empty=0.0, error=0.0, insertion=0.0)
    return replace(profile, points=((0.0, clean), *points))


def _hearing(references: Sequence[str], hypotheses: Sequence[str], noises: Sequence[Sequence[Hit]]) -> Hearing:
    """How the word error rate follows from the noises."""
    said = [words_of(text) for text in references]
    errors = [len(edits(a, words_of(b))) for a, b in zip(said, hypotheses, strict=True)]
    kept = [index for index, words in enumerate(said) if words] if len(noises) == len(said) else []
    return fit_hearing(
        [noises[index] for index in kept], [errors[index] for index in kept], [len(said[index]) for index in kept],
        DEFAULT,
    )  # fmt: skip


def _grid(wers: Sequence[float]) -> list[float]:
    """The word error rates of a path, and others between them where they are far apart."""
    grid = [wers[0]]
    for low, high in pairwise(wers):
        steps = 1 + max(int((high - low) / _WIDEST_STEP), int(high / low > _WIDEST_RATIO))
        grid += [low + (high - low) * step / steps for step in range(1, steps + 1)]
    return grid


def _points(groups: list[list[Pair]]) -> list[Rates]:
    """The rates of groups of utterances by rising word error rate; small ones, and such as are much alike, are one."""
    merged: list[list[Pair]] = []
    for group in sorted(groups, key=lambda group: measure(group).wer):
        if merged and (_words(merged[-1]) < _POINT_WORDS or _words(group) < _POINT_WORDS or _close(merged[-1], group)):
            merged[-1] = merged[-1] + group
        else:
            merged.append(group)
    return [rates for group in merged if (rates := measure(group)).wer > 0]


def _words(group: list[Pair]) -> int:
    return sum(len(said) for said, _ in group)


def _close(one: list[Pair], other: list[Pair]) -> bool:
    return measure(other).wer < _APART * measure(one).wer


def through(points: Sequence[Rates], pattern: Profile) -> tuple[Rates, ...]:
    """The path of `pattern` bent so that it goes through the rates that were measured, by rising word error rate."""
    low, high = points[0], points[-1]
    end = pattern.path[-1].wer
    wers = [rates.wer for rates in pattern.path]
    below = [_bent(pattern, wer, low, 1.0) for wer in wers if wer * _APART < low.wer]
    above = [_bent(pattern, wer, high, (end - wer) / (end - high.wer)) for wer in wers if wer > _APART * high.wer]
    return (*below, *points, *above)


def _bent(pattern: Profile, wer: float, measured: Rates, share: float) -> Rates:
    """The rates of the pattern at a word error rate, taking on a share of what sets the measured ones apart."""
    here, usual = pattern.rates(wer), pattern.rates(min(measured.wer, pattern.path[-1].wer))
    kinds = [
        getattr(here, kind) * (getattr(measured, kind) / max(getattr(usual, kind), 1e-6)) ** share
        if getattr(measured, kind) > 0
        else getattr(here, kind) * (1 - share)
        for kind in ("substitution_rate", "deletion_rate", "insertion_rate")
    ]
    scale = wer / sum(kinds)
    runs = [max(0.01, a + share * (b - c)) for a, b, c in zip(here.runs, measured.runs, usual.runs, strict=True)]
    deletion_rate = kinds[1] * scale
    return Rates(
        kinds[0] * scale,
        deletion_rate,
        kinds[2] * scale,
        min(max(here.phone_similarity + share * (measured.phone_similarity - usual.phone_similarity), 0.05), 0.9),
        here.variance_ratio * (measured.variance_ratio / usual.variance_ratio) ** share,
        (runs[0] / sum(runs), runs[1] / sum(runs), runs[2] / sum(runs)),
        min(max(here.empty_rate + share * (measured.empty_rate - usual.empty_rate), 0.0), 0.9 * deletion_rate),
    )


def _seen(
    pairs: Sequence[Pair],
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
