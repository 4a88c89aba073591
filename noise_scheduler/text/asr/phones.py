"""How easily one phone is taken for another: costs from articulatory features.

A consonant is a place and a manner of articulation and a voice, a vowel a height, a backness, rounding and the glide at
its end. The cost of a substitution is the weighted difference of the features, that of an insertion or a deletion is
lower for the phones that are weak in running speech (schwa, h, alveolar stops). One is the cost of a clear difference.

Public: `SUBSTITUTION`, `GAP`, `NUMBER`, `encode`, `similarity`.

Reference: Kondrak, "A new algorithm for the alignment of phonetic sequences", NAACL 2000 (features and their order).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..lexicon import PHONES

NUMBER = {phone: number for number, phone in enumerate(PHONES)}
"""Phone → its number, the row and column in the tables of costs."""

# place (lips 0 … glottis 1), manner, voice
_CONSONANTS = {
    "P": (0.0, "stop", 0), "B": (0.0, "stop", 1), "T": (0.45, "stop", 0), "D": (0.45, "stop", 1),
    "K": (0.8, "stop", 0), "G": (0.8, "stop", 1), "CH": (0.6, "affricate", 0), "JH": (0.6, "affricate", 1),
    "F": (0.1, "fricative", 0), "V": (0.1, "fricative", 1), "TH": (0.3, "fricative", 0), "DH": (0.3, "fricative", 1),
    "S": (0.45, "sibilant", 0), "Z": (0.45, "sibilant", 1), "SH": (0.6, "sibilant", 0), "ZH": (0.6, "sibilant", 1),
    "HH": (1.0, "fricative", 0), "M": (0.0, "nasal", 1), "N": (0.45, "nasal", 1), "NG": (0.8, "nasal", 1),
    "L": (0.45, "lateral", 1), "R": (0.55, "liquid", 1), "W": (0.05, "glide", 1), "Y": (0.7, "glide", 1),
}  # fmt: skip

_MANNERS = {
    ("stop", "affricate"): 0.5, ("stop", "fricative"): 0.6, ("stop", "sibilant"): 0.8, ("stop", "nasal"): 0.7,
    ("affricate", "sibilant"): 0.35, ("affricate", "fricative"): 0.7, ("fricative", "sibilant"): 0.4,
    ("nasal", "liquid"): 0.7, ("nasal", "lateral"): 0.6, ("lateral", "liquid"): 0.45, ("lateral", "glide"): 0.5,
    ("liquid", "glide"): 0.5, ("nasal", "glide"): 0.8, ("fricative", "glide"): 0.7, ("fricative", "liquid"): 0.8,
}  # fmt: skip

# height (low 0 … high 1), backness, rounding, height of the glide, backness of the glide
_VOWELS = {
    "IY": (1.0, 0.0, 0, 1.0, 0.0), "IH": (0.8, 0.15, 0, 0.8, 0.15), "EY": (0.6, 0.1, 0, 0.95, 0.0),
    "EH": (0.45, 0.15, 0, 0.45, 0.15), "AE": (0.15, 0.2, 0, 0.15, 0.2), "AA": (0.0, 0.8, 0, 0.0, 0.8),
    "AO": (0.3, 1.0, 1, 0.3, 1.0), "OW": (0.55, 0.9, 1, 0.85, 0.95), "UH": (0.8, 0.8, 1, 0.8, 0.8),
    "UW": (1.0, 0.9, 1, 1.0, 0.9), "AH": (0.4, 0.5, 0, 0.4, 0.5), "ER": (0.5, 0.5, 0, 0.5, 0.5),
    "AY": (0.05, 0.5, 0, 0.9, 0.1), "AW": (0.05, 0.5, 0, 0.85, 0.9), "OY": (0.4, 1.0, 1, 0.9, 0.1),
}  # fmt: skip

_CONSONANT_FOR_VOWEL = 1.7
_NEIGHBOURS_ACROSS = {("ER", "R"): 0.5, ("W", "UW"): 0.7, ("Y", "IY"): 0.6, ("L", "OW"): 0.9, ("W", "OW"): 0.9}
_GAPS = {"HH": 0.6, "T": 0.65, "D": 0.65, "AH": 0.65, "IH": 0.8, "N": 0.8, "DH": 0.75, "Y": 0.7, "R": 0.8, "L": 0.8,
         "V": 0.8, "Z": 0.8, "S": 0.85, "NG": 0.85, "W": 0.85}  # fmt: skip


def _cost(one: str, other: str) -> float:
    if one == other:
        return 0.0
    across = _NEIGHBOURS_ACROSS.get((one, other), _NEIGHBOURS_ACROSS.get((other, one)))
    if across is not None:
        return across
    if one in _CONSONANTS and other in _CONSONANTS:
        (place, manner, voice), (place_2, manner_2, voice_2) = _CONSONANTS[one], _CONSONANTS[other]
        between = 0.0 if manner == manner_2 else _MANNERS.get((manner, manner_2), _MANNERS.get((manner_2, manner), 1.0))
        return min(1.6, 0.15 + 0.9 * abs(place - place_2) + between + 0.25 * (voice != voice_2))
    if one in _VOWELS and other in _VOWELS:
        a, b = _VOWELS[one], _VOWELS[other]
        weights = (0.6, 0.35, 0.1, 0.45, 0.3)
        apart = sum(weight * abs(x - y) for weight, x, y in zip(weights, a, b, strict=True))
        return min(1.2, 0.25 + apart + 0.4 * ((one == "ER") != (other == "ER")))
    return _CONSONANT_FOR_VOWEL


SUBSTITUTION = np.array([[_cost(one, other) for other in PHONES] for one in PHONES], np.float32)
"""Cost of taking the phone of the row for the phone of the column."""

GAP = np.array([_GAPS.get(phone, 1.0) for phone in PHONES], np.float32)
"""Cost of missing a phone, or of hearing one that is not there."""


def encode(phones: Sequence[str]) -> list[int]:
    """Phones as their numbers."""
    return [NUMBER[phone] for phone in phones]


@lru_cache(maxsize=1 << 16)
def similarity(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """1 − edit distance / length of the longer, every difference of phones counting alike; 1 for two empty ones."""
    longer = max(len(one), len(other))
    row = list(range(len(other) + 1))
    for place, phone in enumerate(one, start=1):
        diagonal, row[0] = row[0], place
        for at, heard in enumerate(other, start=1):
            diagonal, row[at] = row[at], min(diagonal + (phone != heard), row[at] + 1, row[at - 1] + 1)
    return 1 - row[-1] / longer if longer else 1.0
