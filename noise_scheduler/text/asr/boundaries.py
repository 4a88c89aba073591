"""Words heard across word boundaries: one word for two, two words for one, and two for two cut elsewhere.

Sequences of phones are looked up by their outline, in which consonants that are easily confused and all vowels are
one class each; so a lookup is exact, and what it finds sounds alike without being the same.

Public: `merged`, `split`, `Options`.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from itertools import accumulate
from typing import NamedTuple

from .. import lexicon
from .neighbours import FREQUENCY, candidates
from .phones import NUMBER, SUBSTITUTION

_CLASSES = {
    "p": "P B", "t": "T D", "k": "K G", "f": "F V TH DH", "s": "S Z SH ZH CH JH", "m": "M N NG", "l": "L R", "w": "W",
    "y": "Y", "": "HH", "a": "AA AE AH AO AW AY EH EY IH IY OW OY UH UW", "r": "ER",
}  # fmt: skip
_CLASS = {phone: name for name, phones in _CLASSES.items() for phone in phones.split()}
_COMMON = 12000
_ALIKE_SHOWN = 6
_MOST_OPTIONS = 16
_SHARPNESS = 2.0


class Options(NamedTuple):
    """What may be written, the likeliest first: ranks of words, logarithms of weights, weights cumulated to 1."""

    ranks: tuple[tuple[int, ...], ...]
    logs: tuple[float, ...]
    cumulated: tuple[float, ...]


@lru_cache(maxsize=1 << 13)
def merged(phones: lexicon.Phones) -> Options:
    """Single words that sound like `phones`."""
    return _options([((rank,), weight) for rank, weight in _alike(phones)])


@lru_cache(maxsize=1 << 13)
def split(phones: lexicon.Phones, at: int = -1) -> Options:
    """Pairs of words that together sound like `phones`, and do not meet at phone `at`, where the words said meet."""
    pairs: list[tuple[tuple[int, ...], float]] = []
    for cut in range(1, len(phones)):
        if cut != at and (left := _alike(phones[:cut])) and (right := _alike(phones[cut:])):
            pairs += [((a, b), x + y) for a, x in left for b, y in right]
    return _options(pairs)


def _options(found: list[tuple[tuple[int, ...], float]]) -> Options:
    if not found:
        return Options((), (), ())
    found = sorted(found, key=lambda option: -option[1])[:_MOST_OPTIONS]
    logs = [log - found[0][1] for _, log in found]
    cumulated = list(accumulate(map(math.exp, logs)))
    return Options(tuple(ranks for ranks, _ in found), tuple(logs), tuple(sum_ / cumulated[-1] for sum_ in cumulated))


def _alike(phones: lexicon.Phones) -> list[tuple[int, float]]:
    """(rank, logarithm of the weight) of the words of the same outline that sound most alike."""
    numbers = [NUMBER[phone] for phone in phones]
    found = []
    for rank, log, other in _outlines().get(_outline(phones), ()):
        if len(other) == len(numbers):
            apart = sum(_COSTS[one][two] for one, two in zip(numbers, other, strict=True) if one != two)
            found.append((rank, FREQUENCY * log - _SHARPNESS * apart))
    return sorted(found, key=lambda item: -item[1])[:_ALIKE_SHOWN]


_COSTS: list[list[float]] = SUBSTITUTION.tolist()


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
        table.setdefault(_outline(phones), []).append((rank, logs[rank], [NUMBER[phone] for phone in phones]))
    return table
