"""The words that a word may be taken for: a table for the commonest words, a search for all others.

The weight of a neighbour is exp(`FREQUENCY` · log probability − `DISTANCE` · phone distance), the distance being the
edit distance under the costs of `phones`. The table is built by ``tools/build_asr_tables.py`` with the same search.

Public: `neighbours`, `Search`, `candidates`, `KEPT`, `IN_TABLE`.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import lexicon
from .phones import GAP, SUBSTITUTION, encode

KEPT = 16
"""Neighbours of a word."""

IN_TABLE = 14000
"""The commonest words, whose neighbours are in the table."""

FREQUENCY, DISTANCE = 0.62, 2.65
DISTANCE_STEPS = 16
"""Steps per unit of phone distance in the table."""

_CANDIDATES = 24000
_LONGEST = 14
_WITHIN = 3
_NOT_SAID = frozenset(["uh", "um", "mhm", "hmm", "hm", "mm", "huh", "uhhuh", "ah", "er", "eh", "mmm", "um-hum"])
_FILE = Path(__file__).parent / "neighbours.gz"


class Neighbours(NamedTuple):
    """Ranks of the words that a word may be taken for, the likeliest first, and their phone distances."""

    ranks: np.ndarray
    distances: np.ndarray


@cache
def candidates() -> tuple[int, ...]:
    """Ranks of the words that a recogniser may write where another word was said."""
    return tuple(
        rank
        for rank, word in enumerate(lexicon.words()[:_CANDIDATES])
        if word not in _NOT_SAID and (len(word) > 1 or word in "aio") and len(lexicon.pronunciation(word)) <= _LONGEST
    )


def neighbours(phones: lexicon.Phones, rank: int = -1) -> Neighbours:
    """The `KEPT` likeliest words for the word of a rank and a pronunciation; without a rank, for the pronunciation."""
    if 0 <= rank < IN_TABLE:
        ranks, distances = _table()
        return Neighbours(ranks[rank].astype(np.int64), distances[rank].astype(np.float32) / DISTANCE_STEPS)
    if not phones:
        return Neighbours(np.zeros(0, np.int64), np.zeros(0, np.float32))
    return _search()(phones, rank)


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    raw = gzip.decompress(_FILE.read_bytes())
    size = IN_TABLE * KEPT
    # Bytes of one kind stand together, which compresses better.
    low, high, distances = np.frombuffer(raw, np.uint8).reshape(3, KEPT, IN_TABLE).transpose(0, 2, 1)
    assert len(raw) == 3 * size
    return low.astype(np.uint16) + 256 * high.astype(np.uint16), distances


@cache
def _search() -> Search:
    return Search()


class Search:
    """Phone distances from any sequence of phones to all candidates of similar length at once."""

    def __init__(self) -> None:
        ranks = np.array(candidates())
        words = lexicon.words()
        spoken = [encode(lexicon.pronunciation(words[rank])) for rank in ranks]
        lengths = np.array([len(phones) for phones in spoken])
        order = np.argsort(lengths, kind="stable")
        self._ranks, self._lengths = ranks[order], lengths[order]
        self._logs = np.array(lexicon.log_probabilities(), np.float32)[self._ranks]
        self._phones = np.zeros((_LONGEST, len(ranks)), np.intp)
        for column, candidate in enumerate(order):
            self._phones[: len(spoken[candidate]), column] = spoken[candidate]
        self._gaps = GAP[self._phones]
        self._starts = np.searchsorted(self._lengths, np.arange(_LONGEST + 2))

    def __call__(self, phones: lexicon.Phones, excluded: int = -1) -> Neighbours:
        """The `KEPT` likeliest words for a sequence of phones, leaving out the word of rank `excluded`."""
        said = encode(phones)[:_LONGEST]
        low, high = max(1, len(said) - _WITHIN), min(_LONGEST, len(said) + _WITHIN)
        part = slice(int(self._starts[low]), int(self._starts[high + 1]))
        distances = self._distances(said, part, high)
        scores = FREQUENCY * self._logs[part] - DISTANCE * distances
        scores[self._ranks[part] == excluded] = -np.inf
        best = np.argpartition(scores, -KEPT)[-KEPT:]
        best = best[np.argsort(-scores[best], kind="stable")]
        return Neighbours(self._ranks[part][best], distances[best])

    def _distances(self, said: list[int], part: slice, longest: int) -> np.ndarray:
        """Edit distances, a column of the usual table for all candidates at a time."""
        heard, gaps = self._phones[:longest, part], self._gaps[:longest, part]
        count = heard.shape[1]
        above = np.zeros((longest + 1, count), np.float32)
        np.cumsum(gaps, axis=0, out=above[1:])
        here = np.empty_like(above)
        for phone in said:
            costs = SUBSTITUTION[phone][heard]
            missed = GAP[phone]
            here[0] = above[0] + missed
            np.minimum(above[1:] + missed, above[:-1] + costs, out=here[1:])
            for row in range(longest):
                np.minimum(here[row + 1], here[row] + gaps[row], out=here[row + 1])
            above, here = here, above
        distances: np.ndarray = above[self._lengths[part], np.arange(count)]
        return distances
