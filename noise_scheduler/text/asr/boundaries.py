"""Words heard across word boundaries: one word for two, two words for one, and two for two cut elsewhere.

Sequences of phones are looked up by their outline, in which consonants that are easily confused and all vowels are
one class each; so a lookup is exact, and what it finds sounds alike without being the same.

Public: `alike`, `cuts`, `Options`.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import NamedTuple

from .. import lexicon
from .neighbours import FREQUENCY, candidates
from .phones import SUBSTITUTION, encode
from .sampling import cumulated

_CLASSES = {
    "p": "P B", "t": "T D", "k": "K G", "f": "F V TH DH", "s": "S Z SH ZH CH JH", "m": "M N NG", "l": "L R", "w": "W",
    "y": "Y", "h": "HH", "a": "AA AE AH AO AW AY EH EY IH IY OW OY UH UW", "r": "ER",
}  # fmt: skip
_CLASS = {phone: name for name, phones in _CLASSES.items() for phone in phones.split()}
_VOWELS = {phone for phone, name in _CLASS.items() if name in "ar"}
_COMMON = 10000
_MOST_OPTIONS = 8
_SHARPNESS = 2.0
_COSTS: list[list[float]] = SUBSTITUTION.tolist()


class Options(NamedTuple):
    """Words that may be written, the likeliest first."""

    ranks: list[int]
    cumulated: list[float]
    """Weights, cumulated to 1."""
    logs: list[float]
    """Logarithms of the weights to which associations with the words beside it are added."""


@lru_cache(maxsize=1 << 14)
def alike(phones: lexicon.Phones) -> Options:
    """The words whose outline is that of `phones`; there may be none."""
    numbers = encode(phones)
    found = []
    for rank, frequency, other in _outlines().get(_outline(phones), ()):
        apart = sum([_COSTS[one][two] for one, two in zip(numbers, other, strict=True) if one != two])
        found.append((FREQUENCY * frequency - _SHARPNESS * apart, rank, frequency - _SHARPNESS * apart))
    found = sorted(found, reverse=True)[:_MOST_OPTIONS]
    return Options(
        [rank for _, rank, _ in found], cumulated([math.exp(log) for log, _, _ in found]), [log for _, _, log in found]
    )


@lru_cache(maxsize=1 << 13)
def cuts(phones: lexicon.Phones, at: int = -1) -> list[int]:
    """Where `phones` can be cut into two words, other than at phone `at`, where the words that were said meet."""
    outline, known = _outline(phones), _outlines()
    return [cut for cut in range(1, len(phones)) if cut != at and outline[:cut] in known and outline[cut:] in known]


def _outline(phones: lexicon.Phones) -> str:
    return "".join([_CLASS[phone] for phone in phones])


@cache
def _outlines() -> dict[str, list[tuple[int, float, list[int]]]]:
    """Outline → (rank, log probability, phones) of the common words that have it."""
    table: dict[str, list[tuple[int, float, list[int]]]] = {}
    words, logs = lexicon.words(), lexicon.log_probabilities()
    for rank in candidates():
        if rank >= _COMMON:
            break
        phones = lexicon.pronunciation(words[rank])
        if _VOWELS.isdisjoint(phones):  # such as "shh"
            continue
        table.setdefault(_outline(phones), []).append((rank, logs[rank], encode(phones)))
    return table
