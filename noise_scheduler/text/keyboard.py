"""Typing errors: a neighbouring key is struck instead of the right one.

Neighbours follow from where the keys lie: rows are shifted against each other as on every common keyboard, and keys
whose centres are less than 1.3 key widths apart are neighbours, at most six of them.

Public: `Keyboard`, registered as ``text/keyboard``; `neighbours`, `LAYOUTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np

from ..path import check_range, lerp
from ..registry import nearest, register
from .tokens import extends, hits

_QWERTY = ("1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./")
_QWERTZ = ("1234567890ß´", "qwertzuiopü+", "asdfghjklöä#", "yxcvbnm,.-")
_AZERTY = ("&é\"'(-è_çà)=", "azertyuiop^$", "qsdfghjklmù*", "wxcvbn,;:!")

LAYOUTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "qwerty": _QWERTY,
        "qwertz": _QWERTZ,
        "azerty": _AZERTY,
        "dvorak": ("1234567890[]", "',.pyfgcrl/=", "aoeuidhtns-", ";qjkxbmwvz"),
        "colemak": ("1234567890-=", "qwfpgjluy;[]", "arstdhneio'", "zxcvbkm,./"),
        "de": _QWERTZ,
        "el": ("1234567890-=", ";ςερτυθιοπ[]", "ασδφγηξκλ΄'", "ζχψωβνμ,./"),
        "en": _QWERTY,
        "es": ("1234567890'¡", "qwertyuiop`+", "asdfghjklñ´ç", "zxcvbnm,.-"),
        "fr": _AZERTY,
        "he": ("1234567890-=", "/'קראטוןםפ", "שדגכעיחלךף", "זסבהנמצתץ."),
        "it": ("1234567890'ì", "qwertyuiopè+", "asdfghjklòàù", "zxcvbnm,.-"),
        "nl": _QWERTY,
        "pl": _QWERTY,
        "pt": ("1234567890'«", "qwertyuiop+´", "asdfghjklçº~", "zxcvbnm,.-"),
        "ru": ("1234567890-=", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю."),
        "sv": ("1234567890+´", "qwertyuiopå¨", "asdfghjklöä'", "zxcvbnm,.-"),
        "th": ("ๅ/-ภถุึคตจขช", "ๆไำพะัีรนยบล", "ฟหกดเ้่าสวง", "ผปแอิืทมใฝ"),
        "tr": ("1234567890*-", "qwertyuıopğü", "asdfghjklşi,", "zxcvbnmöç."),
        "uk": ("1234567890-=", "йцукенгшщзхї", "фівапролджє", "ячсмитьбю."),
    }
)
"""Layout → the characters of its four rows from the keys 1, Q, A and Z on, without shift."""

_SHIFTED_DIGITS = {"azerty": "1234567890", "fr": "1234567890"}
_ROW_OFFSETS = (0.0, 0.5, 0.75, 1.25)
_REACH = 1.3


@register("text/keyboard", stage="source", version=2)
@dataclass(frozen=True, slots=True)
class Keyboard:
    """Replace letters and digits by those on neighbouring keys, each on its own with the same probability.

    Case is kept, and so is everything that is not a letter or digit of the layout: white space, apostrophes,
    punctuation, other scripts, letters that carry a combining mark. The error rate rises along `error_rate_range`
    with the level.

    The achieved "cer" is the share of all characters that were replaced.

    Source: the national and common keyboard layouts (ISO/IEC 9995, ANSI INCITS 154 and 207). Striking a neighbouring
    key is the most frequent error of typists: Dhakal, Feit, Kristensson and Oulasvirta, "Observations on typing from
    136 million keystrokes", CHI 2018.
    """

    error_rate_range: tuple[float, float] = (0.0, 0.6)
    """Share of the letters and digits that are mistyped, at level 0 and at level 1; in [0, 1]."""
    layout: str = "qwerty"
    """The keyboard: qwerty, qwertz, azerty, dvorak or colemak, or the usual one of a language: de, el, en, es, fr, he,
    it, nl, pl, pt, ru, sv, th, tr, uk."""

    def __post_init__(self) -> None:
        check_range("error_rate_range", self.error_rate_range, 0.0, 1.0)
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout: no keyboard is called {self.layout!r}; {nearest(str(self.layout), LAYOUTS)}")

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        near = neighbours(self.layout)
        characters = list(text)
        plain = text.isascii()
        changed = 0
        for place, choice in zip(*hits(rng, len(text), lerp(self.error_rate_range, level)), strict=True):
            keys = near.get(text[place])
            if keys is not None and (plain or not extends(text[place + 1 : place + 2])):
                characters[place] = keys[int(choice * len(keys))]
                changed += 1
        return "".join(characters), {"cer": changed / max(1, len(text))}


@cache
def neighbours(layout: str) -> Mapping[str, str]:
    """The letters and digits next to each letter and digit of a layout, in both cases.

    Raises:
        KeyError: there is no such layout.
    """
    dotted = {ord("i"): "İ"} if layout == "tr" else {}
    small = LAYOUTS[layout]
    capitals = tuple("".join(_capital(key, dotted) for key in row) for row in small)
    capitals = (_SHIFTED_DIGITS.get(layout, ""), *capitals[1:])  # elsewhere the digits are not among the capitals
    return _near(capitals) | _near(small)


def _capital(key: str, dotted: Mapping[int, str]) -> str:
    capital = key.translate(dotted).upper()
    return capital if len(capital) == 1 and capital != key and key != "ς" else " "  # Σ is on the key of σ


def _near(rows: tuple[str, ...]) -> dict[str, str]:
    """Letter or digit → those less than `_REACH` key widths away."""
    keys = [
        (key, _ROW_OFFSETS[row] + column, row)
        for row, characters in enumerate(rows)
        for column, key in enumerate(characters)
        if key.isalnum()
    ]
    near = {
        key: "".join(other for other, u, v in keys if 0 < (u - x) ** 2 + (v - y) ** 2 < _REACH**2) for key, x, y in keys
    }
    return {key: others for key, others in near.items() if others}
