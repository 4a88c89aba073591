"""Where a text may be cut: its words, and its grapheme clusters (what a reader sees as one character).

A *word* is letters and digits with their combining marks, also across apostrophes and hyphens between letters, as in
``don't`` and ``well-known``; what stands between words is white space, punctuation, symbols and emoji. Noises that
change words put back everything between them as it was.

Noises that change letters leave alone every letter that a combining mark or a joiner follows, so that no cluster is
split and no mark moves to another letter. Those that insert or drop letters keep to *cased* letters (Latin, Greek,
Cyrillic and the like), as in other scripts letters join into clusters in more ways.

Public: `split_words`, `like`, `is_cased`, `extends`, `cluster_start`, `hits`, `hit_places`, `geometric`.

Reference: Unicode Standard Annex 29, "Unicode text segmentation".
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import cache

import numpy as np

_MOST = 64
_ASCII_WORD = re.compile(r"([A-Za-z0-9]\w*+(?:['\-][A-Za-z0-9]\w*+)*+)", re.ASCII)


def split_words(text: str) -> list[str]:
    """The text in pieces that give it when joined: the words are at the odd places, what is between at the even."""
    return (_ASCII_WORD if text.isascii() else _any_word()).split(text)


def like(model: str, word: str) -> str:
    """`word` in the case of `model`: capitals throughout, a capital first, or as it is."""
    if model[:1].isupper():
        return word.upper() if len(model) > 1 and model.isupper() else word[:1].upper() + word[1:]
    return word


def is_cased(letter: str) -> bool:
    """Whether a character is a letter with a capital and a small form."""
    return letter.isalpha() and letter.lower() != letter.upper()


def extends(character: str) -> bool:
    """Whether a character belongs to the one before it: a combining mark, joiner, selector or skin tone."""
    return character > "\u02ff" and (
        unicodedata.category(character)[0] == "M"
        or character in "\u200c\u200d"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def cluster_start(text: str, place: int) -> int:
    """The last place up to `place` at which the text can be cut without splitting a grapheme cluster."""
    while 0 < place < len(text) and _bound(text, place):
        place -= 1
    return place


def hits(rng: np.random.Generator, count: int, rate: float) -> tuple[list[int], list[float]]:
    """Which of `count` things are hit, each with the chance `rate`, and for each hit a number in [0, 1) to choose by.

    The same stream hits at a higher rate whatever it hits at a lower one, and chooses the same.
    """
    chance = rng.random(count)
    places = (chance >= 1 - rate).nonzero()[0]
    return places.tolist(), np.modf(chance[places] * 2.0**20)[0].tolist()  # the bits below the twentieth choose


def hit_places(rng: np.random.Generator, count: int, rate: float) -> list[int]:
    """Which of `count` things `hits` hits, where there is nothing to choose."""
    return (rng.random(count) >= 1 - rate).nonzero()[0].tolist()


def geometric(chance: np.ndarray, mean: float) -> list[int]:
    """Geometric numbers 0, 1, 2 … of the given mean, at most 64, from uniform draws that they fall with."""
    if mean <= 0:
        return [0] * len(chance)
    numbers = np.log(np.maximum(chance, 1e-300)) / math.log(mean / (1 + mean))
    return np.minimum(numbers, _MOST).astype(int).tolist()  # type: ignore[no-any-return]


def _bound(text: str, place: int) -> bool:
    """Whether the characters on both sides of a place are of one cluster."""
    before, after = text[place - 1], text[place]
    if after < "\u0300":
        return before == "\r" and after == "\n"
    if (
        extends(after) or before == "\u200d" or unicodedata.combining(before) == 9
    ):  # 9: a virama, which joins consonants
        return True
    if "\u1100" <= before <= "\ud7fb" and ("\u1160" <= after <= "\u11ff" or "\ud7b0" <= after <= "\ud7fb"):
        return True  # vowels and final consonants of a Hangul syllable
    if "\u1100" <= before <= "\u115f":
        return "\u1100" <= after <= "\u115f" or "\uac00" <= after <= "\ud7a3"
    flags = 0  # flags are pairs of regional indicators
    while place > flags and "\U0001f1e6" <= text[place - 1 - flags] <= "\U0001f1ff":
        flags += 1
    return flags % 2 == 1 and "\U0001f1e6" <= after <= "\U0001f1ff"


@cache
def _any_word() -> re.Pattern[str]:
    letters = rf"[^\W_][\w{_marks()}\u200c\u200d]*+"
    return re.compile(rf"({letters}(?:['’\-\u2010\u2011]{letters})*+)")


def _marks() -> str:
    """All combining marks of the standard, as ranges of a character class."""
    blocks = (range(0x300, 0x20000), range(0xE0100, 0xE01F0))  # there are none elsewhere
    marks = [code for block in blocks for code in block if unicodedata.category(chr(code))[0] == "M"]
    first, ranges = marks[0], []
    for code, following in zip(marks, [*marks[1:], -1], strict=True):
        if following != code + 1:
            ranges.append(f"\\U{first:08x}-\\U{code:08x}")
            first = following
    return "".join(ranges)
