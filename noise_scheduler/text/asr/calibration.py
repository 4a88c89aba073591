"""Finds the generator's parameters with which the declared rates are met, by trying them out on sentences.

Public: `calibrated`, `simulated`, `written`, `STRAY`, `BOUNDARY`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .alignment import Rates, measure
from .choice import Choice
from .generator import Errors, Settings, generate
from .words import Word, word_of

Words = Sequence[str]
_ROUNDS = 12
_CONTEXT_ROUNDS = 7
_AVERAGED = 5
_MOST_TRIED = 8.0
STRAY, BOUNDARY = 0.08, 0.6
"""Of Whisper under noise."""


def calibrated(
    target: Rates,
    sentences: Sequence[Words],
    choices: tuple[Choice, Choice],
    *,
    stray: float = STRAY,
    boundary: float = BOUNDARY,
    start: Settings | None = None,
    seed: int = 0,
) -> Settings:
    """The parameters whose errors on `sentences` have the rates of `target`.

    Args:
        target: rates, of which the word error rate is above 0.
        sentences: some hundreds at least, words in lower case.
        choices: what draws the words that are written, without context and with it.
        stray, boundary: as in `Settings`; they are taken as they are.
        start: parameters to begin with, such as those of a similar word error rate.
        seed: of the random stream.
    """
    settings = start or _first_guess(target)
    settings = settings._replace(
        empty=target.empty_rate, insertion_run=_insertion_run(target), stray=stray, boundary=boundary
    )
    sentences = list(sentences) * round(min(max(0.1 / target.wer, 1), 5))  # where errors are few, more of them
    tried: list[Settings] = []
    for round_ in range(_ROUNDS):
        step = 0.9 if round_ < _ROUNDS - _AVERAGED else 0.45
        made = measure(simulated(sentences, settings, choices[0], seed + round_))
        settings = _nearer(settings, target, made, step)
        tried.append(settings)
    last = tried[-_AVERAGED:]
    settings = Settings(*[sum(values) / len(last) for values in zip(*last, strict=True)])
    fars = []
    rounds = _CONTEXT_ROUNDS if start else 3 * _CONTEXT_ROUNDS
    for round_ in range(rounds):
        made = measure(simulated(sentences, settings, choices[1], seed + _ROUNDS + round_, context=True))
        far = _far(settings.far_in_context, target, made, 0.9 if round_ < rounds - _AVERAGED else 0.45)
        settings = settings._replace(far_in_context=far)
        fars.append(far)
    return settings._replace(far_in_context=sum(fars[-_AVERAGED:]) / _AVERAGED)


def simulated(
    sentences: Sequence[Words], settings: Settings, choice: Choice, seed: int, *, context: bool = False
) -> list[tuple[Words, list[str]]]:
    """The sentences and what was written for them."""
    draw = np.random.Generator(np.random.Philox(seed)).random
    pairs = []
    for sentence in sentences:
        words = [word_of(word) for word in sentence]
        made = generate(words, settings, choice, lambda: float(draw()), context)
        pairs.append((sentence, [] if made is None else written(words, made)))
    return pairs


def written(words: Sequence[Word], made: Errors) -> list[str]:
    """The words of a hypothesis, without capitals and punctuation."""
    if not made.written:
        return [word.plain for word in words]
    heard = made.inserted[-1].split()
    for word, instead, after in zip(words, made.written, made.inserted, strict=False):
        heard += [word.plain] if instead is None else instead.split()
        heard += after.split()
    return heard


def _first_guess(target: Rates) -> Settings:
    wrong = target.substitution_rate + target.deletion_rate
    return Settings(
        empty=target.empty_rate,
        error=wrong,
        spread=0.5,
        burst=1.5,
        deletion=_log_ratio(target.deletion_rate, target.substitution_rate) - 0.5,
        insertion=target.insertion_rate,
        insertion_run=1.0,
        far=0.0,
        far_in_context=0.0,
        stray=STRAY,
        boundary=BOUNDARY,
    )


def _insertion_run(target: Rates) -> float:
    """Where little is understood, recognisers put in whole phrases."""
    return 1.05 + 14.0 * max(0.0, target.insertion_rate / max(1 - target.empty_rate, 0.05) - 0.1)


def _nearer(now: Settings, target: Rates, made: Rates, step: float) -> Settings:
    """Each parameter moved by how far the rate that it governs is off."""
    wrong, wrong_made = (rates.substitution_rate + rates.deletion_rate for rates in (target, made))
    empty = target.empty_rate
    heard = max(1 - empty, 0.05)
    deleted, deleted_made = (max(rates.deletion_rate - empty_share, 1e-4) for rates, empty_share in
                             ((target, empty), (made, made.empty_rate)))  # fmt: skip
    error = _logit(now.error) + step * (
        _logit((wrong - empty) / heard) - _logit((wrong_made - made.empty_rate) / heard)
    )
    deletion = now.deletion + step * (
        _log_ratio(deleted, target.substitution_rate) - _log_ratio(deleted_made, made.substitution_rate)
    )
    insertion = now.insertion * min(max(target.insertion_rate / max(made.insertion_rate, 1e-4), 0.3), 3.0) ** step
    return now._replace(
        error=1 / (1 + math.exp(-error)),
        deletion=min(max(deletion, -9.0), 3.0),
        insertion=min(insertion, 20.0),
        far=_far(now.far, target, made, step),
        burst=min(max(now.burst + step * 4.0 * (made.runs[0] - target.runs[0]), 0.0), 5.0),
        spread=min(max(now.spread + step * 0.35 * (target.variance_ratio - made.variance_ratio), 0.0), 2.5),
    )


def _far(now: float, target: Rates, made: Rates, step: float) -> float:
    off = made.phone_similarity - target.phone_similarity
    return min(max(now + step * (2.0 if now > 0 else 12.0) * off, -_MOST_TRIED), 1.0)


def _logit(share: float) -> float:
    share = min(max(share, 1e-4), 0.99)
    return math.log(share / (1 - share))


def _log_ratio(one: float, other: float) -> float:
    return math.log(max(one, 1e-4) / max(other, 1e-4))
