"""Errors in single letters that no keyboard explains: any letter for another, and two in the wrong order.

Public: `RandomLetters`, registered as ``text/random_letters``; `Transposition`, registered as ``text/transposition``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from ..path import check_range, lerp
from ..registry import register
from .tokens import extends, hit_places, hits, is_cased

_LATIN = "abcdefghijklmnopqrstuvwxyz"
_GREEK = "αβγδεζηθικλμνξοπρστυφχψω"
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"


@register("text/random_letters", stage="source")
@dataclass(frozen=True, slots=True)
class RandomLetters:
    """Substitute, drop and insert letters at random, all three alike often and any letter of the alphabet alike.

    This is the noise of no particular source: what a model withstands here it does not owe to knowing typing or
    scanning. Letters of the Latin, Greek and Cyrillic alphabets are changed, in their case; everything else is kept,
    letters that carry a combining mark included. The error rate rises along `error_rate_range` with the level.

    Source: Belinkov and Bisk, "Synthetic and natural noise both break neural machine translation", ICLR 2018; Pruthi,
    Dhingra and Lipton, "Combating adversarial misspellings with robust word recognition", ACL 2019 (drop, add, swap).
    """

    error_rate_range: tuple[float, float] = (0.0, 0.8)
    """Share of the letters at which there is an error, at level 0 and at level 1; in [0, 1]."""
    insertion_share: float = 1 / 3
    """Share of the errors that add a letter, before or behind; in [0, 1]."""
    deletion_share: float = 1 / 3
    """Share of the errors that drop the letter; in [0, 1]. The others substitute it by another."""

    def __post_init__(self) -> None:
        check_range("error_rate_range", self.error_rate_range, 0.0, 1.0)
        shares = (self.insertion_share, self.deletion_share)
        if not all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares) or sum(shares) > 1 + 1e-9:
            raise ValueError(
                f"insertion_share and deletion_share must be at least 0 and together at most 1, not {shares!r}"
            )

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        dropped, inserted = self.deletion_share, self.insertion_share
        kept = dropped + inserted  # from this choice on, the letter is substituted
        characters = list(text)
        plain = text.isascii()
        changed = 0
        for place, choice in zip(*hits(rng, len(text), lerp(self.error_rate_range, level)), strict=True):
            letter = text[place]
            substitutes, insertions = _wrong(letter)
            if not substitutes or not (plain or not extends(text[place + 1 : place + 2])):
                continue
            if choice < dropped:
                characters[place] = ""
            elif choice < kept:
                share = (choice - dropped) / inserted
                characters[place] = insertions[int(share * len(insertions))]
            else:
                share = (choice - kept) / (1 - kept)
                characters[place] = substitutes[int(share * len(substitutes))]
            changed += 1
        return "".join(characters), {"wrong_letters": changed, "letter_error_rate": changed / max(1, _letters(text))}


@register("text/transposition", stage="source")
@dataclass(frozen=True, slots=True)
class Transposition:
    """Swap neighbouring letters, as fingers that overtake one another do: *teh* for *the*.

    Each letter changes places with the next one of its word with the same probability, no letter twice. Where the
    capitals stand does not change. Only cased letters are swapped, and none that carries a combining mark. The rate
    rises along `swap_rate_range` with the level.

    Source: Damerau, "A technique for computer detection and correction of spelling errors", CACM 7(3), 1964
    (transposition as one of four single errors); Belinkov and Bisk, ICLR 2018.
    """

    swap_rate_range: tuple[float, float] = (0.0, 1.0)
    """Share of the pairs of neighbouring letters that are swapped where the first is free, at level 0 and at level 1;
    in [0, 1]."""

    def __post_init__(self) -> None:
        check_range("swap_rate_range", self.swap_rate_range, 0.0, 1.0)

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        characters = list(text)
        plain = text.isascii()
        end, swaps = 0, 0
        for place in hit_places(rng, max(0, len(text) - 1), lerp(self.swap_rate_range, level)):
            if place < end:
                continue
            swapped = _swapped(text[place : place + 2])
            if swapped and (plain or not extends(text[place + 2 : place + 3])):
                characters[place], characters[place + 1] = swapped, ""
                end, swaps = place + 2, swaps + 1
        return "".join(characters), {"swaps": swaps, "swap_rate": 2 * swaps / max(1, _letters(text))}


@lru_cache(maxsize=1 << 14)
def _swapped(pair: str) -> str:
    """Two letters in the other order, the capitals in their places; empty where they are not two different letters."""
    first, second = pair[0], pair[1]
    if first == second or not (is_cased(first) and is_cased(second)):
        return ""
    return _in_case(first, second) + _in_case(second, first)


@cache
def _wrong(letter: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What can stand for a letter: others of its alphabet, and itself with one before or behind; else nothing."""
    alphabet = _alphabet(letter)
    cased = [_in_case(letter, other) for other in alphabet]
    substitutes = tuple(other for other in cased if other != letter)
    return substitutes, (*(other + letter for other in cased), *(letter + other for other in cased))


def _alphabet(letter: str) -> str:
    """The letters that can stand for a letter: those of its alphabet; none for what is no letter of one."""
    if letter < "\u0250":
        return _LATIN if letter.isalpha() and letter not in "ªº" else ""
    if "\u0370" <= letter <= "\u03ff":
        return _GREEK if is_cased(letter) else ""
    return _CYRILLIC if "\u0400" <= letter <= "\u052f" and is_cased(letter) else ""


def _in_case(model: str, letter: str) -> str:
    """`letter` as a capital or small, as `model` is; as it is where that would be more than one character."""
    turned = letter.upper() if model.isupper() else letter.lower()
    return turned if len(turned) == 1 else letter


def _letters(text: str) -> int:
    if text.isascii():
        return len(text.encode().translate(None, _NO_LETTERS))
    return sum(map(str.isalpha, text))
