"""Words that sound the same, one written for the other: *their* for *there*, *no* for *know*.

Public: `Homophones`, registered as ``text/homophones``; `sounding_alike`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np

from ..path import check_range, lerp
from ..registry import register
from . import lexicon
from .tokens import hits, like, split_words


@register("text/homophones", stage="source")
@dataclass(frozen=True, slots=True)
class Homophones:
    """Write English words as others that sound the same, each word that has such others with the same probability.

    Common words stand in more often than rare ones, as Zipf's law has it. Case is kept, and so is everything between
    words. The rate rises along `swap_rate_range` with the level; about half of the words of conversation have
    homophones, so that this alone never makes a text unreadable.

    Source: the pronunciations of the CMU pronouncing dictionary (`noise_scheduler.text.lexicon`).
    """

    swap_rate_range: tuple[float, float] = (0.0, 1.0)
    """Share of the words with homophones that are replaced, at level 0 and at level 1; in [0, 1]."""
    vocabulary_words: int = 6000
    """Only words among this many commonest ones stand in for others; at least 1."""

    def __post_init__(self) -> None:
        check_range("swap_rate_range", self.swap_rate_range, 0.0, 1.0)
        if not isinstance(self.vocabulary_words, int) or self.vocabulary_words < 1:
            raise ValueError(f"vocabulary_words must be a whole number of at least 1, not {self.vocabulary_words!r}")

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        parts = split_words(text)
        changed = 0
        for place, choice in zip(*hits(rng, len(parts) // 2, lerp(self.swap_rate_range, level)), strict=True):
            others, shares = sounding_alike(parts[2 * place + 1], self.vocabulary_words)
            if others:
                parts[2 * place + 1] = others[bisect_right(shares, choice)]
                changed += 1
        return "".join(parts), {"swapped_words": changed, "swap_rate": changed / max(1, len(parts) // 2)}


@lru_cache(maxsize=1 << 16)
def sounding_alike(word: str, vocabulary_words: int) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The words that sound like a word, in its case, and up to which number in [0, 1) each of them is chosen."""
    small = word.lower().replace("’", "'")
    if lexicon.rank(small) is None:
        return (), ()
    ranks = {other: lexicon.rank(other) or 0 for other in lexicon.homophones(small)}
    others = [other for other, rank in ranks.items() if rank < vocabulary_words]
    weights = [1 / (1 + ranks[other]) for other in others]
    written = [other if word == "I" else like(word, other) for other in others]
    if "’" in word:
        written = [other.replace("'", "’") for other in written]
    return tuple(written), tuple(total / sum(weights) for total in accumulate(weights[:-1]))
