"""How much likelier a word is after another word than on its own: the pairs that matter most of a language model.

The table is built by ``tools/build_asr_tables.py`` from the bigrams of the English model of pocketsphinx. Words are
numbered by rank; `START` and `END` stand for the bounds of a sentence.

Public: `bigrams`, `association`, `sampled_follower`, `START`, `END`, `KEY`, `STEPS`, `LOWEST`.
"""

from __future__ import annotations

import gzip
from bisect import bisect
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import lexicon

START, END = 30000, 30001
"""Numbers of the beginning and of the end of a sentence."""

STEPS = 4
"""Steps per nat of association in the table."""

LOWEST = -5.0
"""The least association in the table, in nats."""

END_LOG_PROBABILITY = -2.59
"""Natural logarithm of the probability that a token of running text is the end of a sentence."""

_FILE = Path(__file__).parent / "bigrams.gz"
KEY = 1 << 15
"""The key of a pair in the table: first word · `KEY` + second word."""
_FLOOR = 1e-3


class Bigrams(NamedTuple):
    """Associations of the pairs in the table, and what stands for all others."""

    pairs: dict[int, float]  # first · 2¹⁵ + second → nats
    rest: list[float]  # by the first word, for its followers that are not in the table
    starts: list[int]
    seconds: np.ndarray
    chances: np.ndarray  # P(second | first)


def association(first: int, second: int) -> float:
    """log P(second | first) − log P(second), in nats; 0 where either word is unknown, that is, below 0."""
    table = bigrams()
    known = table.pairs.get(first * KEY + second)
    if known is not None:
        return known
    return table.rest[first] if first >= 0 and second >= 0 else 0.0


def sampled_follower(first: int, chance: float, sharpness: float = 1.0) -> int | None:
    """A word that follows `first`, drawn with a uniform number; None for a follower that the table has not.

    With a sharpness above 1, likely words are drawn more often than they follow, and only words of the table.
    """
    words, cumulated = _followers(first, sharpness)
    place = bisect(cumulated, chance)
    return words[place] if place < len(words) else None


@lru_cache(maxsize=4096)
def _followers(first: int, sharpness: float) -> tuple[list[int], list[float]]:
    table = bigrams()
    part = slice(table.starts[first], table.starts[first + 1])
    weights = table.chances[part] ** sharpness
    total = weights.sum() if sharpness > 1 and len(weights) else 1.0
    return table.seconds[part].tolist(), (np.cumsum(weights) / total).tolist()


@cache
def bigrams() -> Bigrams:
    """The table; reading it takes a tenth of a second and 40 MB."""
    raw = np.frombuffer(gzip.decompress(_FILE.read_bytes()), np.uint8)
    firsts = END
    counts = raw[:firsts].astype(np.int64) + 256 * raw[firsts : 2 * firsts].astype(np.int64)
    low, high, levels = raw[2 * firsts :].reshape(3, -1)
    starts = np.concatenate([[0], np.cumsum(counts)])
    first = np.repeat(np.arange(firsts), counts)
    steps = low.astype(np.int64) + 256 * high.astype(np.int64)
    running = np.concatenate([[0], np.cumsum(steps)])
    second = running[1:] - running[starts[:-1]][first]
    associations = levels / STEPS + LOWEST
    logs = np.array([*lexicon.log_probabilities(), -np.inf, END_LOG_PROBABILITY])
    chances = np.exp(associations + logs[second])
    seen = np.bincount(first, chances, firsts)
    alone = np.bincount(first, np.exp(logs[second]), firsts)
    rest = np.log(np.maximum(1 - seen, _FLOOR) / np.maximum(1 - alone, _FLOOR))
    pairs = dict(zip((first * KEY + second).tolist(), associations.tolist(), strict=True))
    return Bigrams(pairs, rest.tolist(), starts.tolist(), second, chances)
