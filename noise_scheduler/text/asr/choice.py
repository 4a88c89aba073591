"""Which word is written in the place of another: with a view to the words beside it or without.

Public: `Choice`, `ContextChoice`.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from functools import cache
from math import exp, log

from .. import lexicon
from .bigrams import END, KEY, association, bigrams, sampled_follower
from .boundaries import Options
from .neighbours import candidates
from .sampling import Draw, cumulated, drawn
from .words import Word

_TRIED = 6
_SHARPNESS = 1.5  # recognisers look for the likeliest transcript
_FROM_LIST = 0.7


class Choice:
    """Draws words by what was said alone. `draw` gives uniform numbers in [0, 1); words are given by rank."""

    def __init__(self, inserted: Mapping[str, float], confusions: Mapping[str, Mapping[str, float]]) -> None:
        known = {rank: weight for word, weight in inserted.items() if (rank := lexicon.rank(word)) is not None}
        self._inserted, self._inserted_logs = list(known), [log(weight) for weight in known.values()]
        self._inserted_cumulated = cumulated(known.values())
        self._learned = {
            word: (list(heard), cumulated(heard.values()), sum(heard.values())) for word, heard in confusions.items()
        }

    def learned(self, word: Word, draw: Draw) -> str | None:
        """What the recogniser of the profile was seen to write for this word, or None for the general model."""
        seen = self._learned.get(word.plain)
        if seen is None or draw() >= seen[2] / (seen[2] + 2):
            return None
        return seen[0][bisect(seen[1], draw())]

    def near(self, word: Word, before: int, after: int, draw: Draw) -> int:
        """A word that sounds like this one; −1 if there is none."""
        ranks, chances, _, _ = word.heard
        return ranks[bisect(chances, draw())] if ranks else -1

    def far(self, word: Word, before: int, after: int, draw: Draw) -> int:
        """Any word that is not much longer, by frequency."""
        ranks, chances = _by_size()[word.size]
        return ranks[bisect(chances, draw())]

    def option(self, options: Options, before: int, after: int, draw: Draw) -> int:
        """One of the words that stretch over other boundaries."""
        return options.ranks[bisect(options.cumulated, draw())]

    def inserted(self, before: int, after: int, draw: Draw) -> int:
        """A word that was not said."""
        if self._inserted and draw() < _FROM_LIST:
            return self._inserted[bisect(self._inserted_cumulated, draw())]
        ranks, chances = _by_size()[0]
        return ranks[bisect(chances, draw())]


class ContextChoice(Choice):
    """Draws words by what was said and by how well they go with the word before and the word after."""

    def near(self, word: Word, before: int, after: int, draw: Draw) -> int:
        ranks, _, logs, _ = word.heard
        return ranks[_fitting(ranks, logs, before, after, draw)] if ranks else -1

    def far(self, word: Word, before: int, after: int, draw: Draw) -> int:
        return self._continued(before, after, word.size, draw)

    def option(self, options: Options, before: int, after: int, draw: Draw) -> int:
        return options.ranks[_fitting(options.ranks, options.logs, before, after, draw)]

    def inserted(self, before: int, after: int, draw: Draw) -> int:
        if not self._inserted or draw() >= _FROM_LIST:
            return self._continued(before, after, 0, draw)
        return self._inserted[_fitting(self._inserted, self._inserted_logs, before, after, draw)]

    def _continued(self, before: int, after: int, size: int, draw: Draw) -> int:
        """A word that follows the one before, by how well it goes with the one after."""
        ranks, chances = _by_size()[size]
        tried = []
        for _ in range(_TRIED):
            rank = sampled_follower(before, draw(), _SHARPNESS) if before >= 0 else None
            if rank is not None and rank < END and (not size or _sizes()[rank] <= size + 1):
                tried.append(rank)
            else:
                tried.append(ranks[bisect(chances, draw())])
            if after < 0:
                return tried[0]
        scores = [exp(association(rank, after)) for rank in tried]
        return tried[drawn(scores, draw)]


def _fitting(ranks: list[int], logs: list[float], before: int, after: int, draw: Draw) -> int:
    """The place of one of the words, drawn by its own weight and its association with the words beside it."""
    pairs, rest = bigrams()[:2]
    known = pairs.get
    left = before * KEY
    unseen = rest[before] if before >= 0 else 0.0
    if after >= 0:
        scores = [
            exp(own + known(left + rank, unseen) + known(rank * KEY + after, rest[rank]))
            for rank, own in zip(ranks, logs, strict=True)
        ]
    else:
        scores = [exp(own + known(left + rank, unseen)) for rank, own in zip(ranks, logs, strict=True)]
    return drawn(scores, draw)


@cache
def _by_size() -> list[tuple[list[int], list[float]]]:
    """Candidates of at most one phone more, and their frequencies cumulated; at 0, all candidates."""
    logs, sizes = lexicon.log_probabilities(), _sizes()
    table = []
    for size in range(12):
        ranks = [rank for rank in candidates() if not size or sizes[rank] <= size + 1]
        table.append((ranks, cumulated([exp(logs[rank]) for rank in ranks])))
    return table


@cache
def _sizes() -> list[int]:
    return [len(lexicon.pronunciation(word)) for word in lexicon.words()]
