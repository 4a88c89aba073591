"""Which word is written in the place of another: with a view to the words beside it or without.

Public: `Choice`, `ContextChoice`.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable, Mapping
from functools import cache
from itertools import accumulate

from .. import lexicon
from .bigrams import association
from .neighbours import candidates
from .words import Word

Draw = Callable[[], float]
_FAR_TRIED = 10
_NEAR_WEIGHT, _FAR_WEIGHT, _INSERTED_WEIGHT = 0.6, 0.6, 0.8
_FROM_LIST = 0.8


class Choice:
    """Draws words by what was said alone. `draw` gives uniform numbers in [0, 1); words are given by rank."""

    def __init__(self, inserted: Mapping[str, float], confusions: Mapping[str, Mapping[str, float]]) -> None:
        known = {rank: weight for word, weight in inserted.items() if (rank := lexicon.rank(word)) is not None}
        self._inserted, self._inserted_weights = list(known), list(known.values())
        self._inserted_cumulated = _cumulated(known.values())
        self._learned = {
            word: (list(heard), _cumulated(heard.values()), sum(heard.values())) for word, heard in confusions.items()
        }

    def learned(self, word: Word, draw: Draw) -> str | None:
        """What the recogniser of the profile was seen to write for this word, or None for the general model."""
        seen = self._learned.get(word.plain)
        if seen is None or draw() >= seen[2] / (seen[2] + 2):
            return None
        return seen[0][_at(seen[1], draw())]

    def near(self, word: Word, before: int, after: int, draw: Draw, closer: bool) -> int:
        """A word that sounds like this one, or the closer of two that do; −1 if there is none."""
        ranks, _, cumulated, distances = word.heard
        if not ranks:
            return -1
        at = _at(cumulated, draw())
        if closer and distances[other := _at(cumulated, draw())] < distances[at]:
            at = other
        return ranks[at]

    def far(self, word: Word, before: int, after: int, draw: Draw) -> int:
        """Any word of about this length, by frequency."""
        ranks, cumulated = _by_size()[word.size]
        return ranks[_at(cumulated, draw())]

    def inserted(self, before: int, after: int, draw: Draw) -> int:
        """A word that was not said."""
        if self._inserted and draw() < _FROM_LIST:
            return self._inserted[_at(self._inserted_cumulated, draw())]
        ranks, cumulated = _by_size()[0]
        return ranks[_at(cumulated, draw())]


class ContextChoice(Choice):
    """Draws words by what was said and by how well they go with the word before and the word after."""

    def near(self, word: Word, before: int, after: int, draw: Draw, closer: bool) -> int:
        ranks, logs, _, distances = word.heard
        if not ranks:
            return -1
        at = _fitting(ranks, logs, _NEAR_WEIGHT, before, after, draw)
        if closer and distances[other := _fitting(ranks, logs, _NEAR_WEIGHT, before, after, draw)] < distances[at]:
            at = other
        return ranks[at]

    def far(self, word: Word, before: int, after: int, draw: Draw) -> int:
        ranks, cumulated = _by_size()[word.size]
        tried = [ranks[_at(cumulated, draw())] for _ in range(_FAR_TRIED)]
        return tried[_fitting(tried, [0.0] * _FAR_TRIED, _FAR_WEIGHT, before, after, draw)]

    def inserted(self, before: int, after: int, draw: Draw) -> int:
        if not self._inserted or draw() >= _FROM_LIST:
            ranks, cumulated = _by_size()[0]
            tried = [ranks[_at(cumulated, draw())] for _ in range(_FAR_TRIED)]
            return tried[_fitting(tried, [0.0] * _FAR_TRIED, _FAR_WEIGHT, before, after, draw)]
        logs = [math.log(weight) for weight in self._inserted_weights]
        return self._inserted[_fitting(self._inserted, logs, _INSERTED_WEIGHT, before, after, draw)]


def _fitting(ranks: list[int], logs: list[float], weight: float, before: int, after: int, draw: Draw) -> int:
    """The place of one of the words, drawn by its own weight and its association with the words beside it."""
    scores = [
        log + weight * (association(before, rank) + association(rank, after))
        for rank, log in zip(ranks, logs, strict=True)
    ]
    top = max(scores)
    cumulated = list(accumulate([math.exp(score - top) for score in scores]))
    return min(bisect(cumulated, draw() * cumulated[-1]), len(ranks) - 1)


@cache
def _by_size() -> list[tuple[list[int], list[float]]]:
    """Candidates of at most one phone more or less, and their frequencies cumulated; at 0, all candidates."""
    words, logs = lexicon.words(), lexicon.log_probabilities()
    sizes = [(rank, min(len(lexicon.pronunciation(words[rank])), 11)) for rank in candidates()]
    table = []
    for size in range(12):
        ranks = [rank for rank, phones in sizes if not size or abs(phones - size) <= 1]
        table.append((ranks, _cumulated([math.exp(logs[rank]) for rank in ranks])))
    return table


def _cumulated(weights: object) -> list[float]:
    sums = list(accumulate(weights))  # type: ignore[call-overload]
    return [value / sums[-1] for value in sums] if sums else []


def _at(cumulated: list[float], chance: float) -> int:
    return min(bisect(cumulated, chance), len(cumulated) - 1)
