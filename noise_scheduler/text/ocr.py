"""Scanning errors: what optical character recognition reads for what was printed.

Public: `Ocr`, registered as ``text/ocr``; `LOOK_ALIKES`.

References:
    Rice, Nagy and Nartker, "Optical character recognition: an illustrated guide to the frontier", Kluwer 1999.
    Nguyen, Jatowt, Coustaty, Nguyen and Doucet, "Deep statistical analysis of OCR errors for effective post-OCR
        processing", JCDL 2019: substitutions of one by one character lead, one by two and two by one follow.
    The ambiguities that Tesseract corrects for: unicharambigs(5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from ..path import check_range, lerp
from ..registry import register
from .tokens import extends, hits

_TABLE = """
a o e   b h 6   c e o   d cl a   e c o   f t    g 9 q   h b li   i l 1 j   j i    k lc h   l 1 I i   m rn nn in
n ri u h   o 0 c e   p n    q g 9   r t i n   s 5 S   t l f r   u ii n v   v y r   w vv vy   x z    y v g   z 2 Z
A 4 R   B 8 3 R   C G O c   D O 0   E F B   F P E   G 6 C   H N ll   I l 1 !   J I ]   K X R   L I l   M IVI N
N H M   O 0 Q D   P F R   Q O 0   R P K B   S 5 8 s   T I 7   U V O   V Y v   W VV w   X K x   Y V   Z 2 z
0 O o D   1 l I i   2 Z z   3 8 B   4 A   5 S s   6 b G   7 T 1   8 B 3 S   9 g q
rn m   ri n   nn m rm   in m   cl d   vv w   VV W   ii u n   li h   ll II U   fi h   tt n   lc k   IV N
. ,   , .   ; :   : ;   ! l 1   ' ` ,   " ''   - ~
à a   á a   â a   ä a ii   å a   ç c   è e c   é e c   ê e   ë e   í i   ï i   î i   ñ n   ó o 6   ò o   ô o   ö o 6
ú u   ù u   û u   ü u ii   ß B 8   æ ae ce   œ oe ce   ø o 0   Ä A   Ö O   Ü U   É E   ’ '   “ "   ” "   – -   — -
"""

LOOK_ALIKES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {seen: tuple(read) for seen, *read in (entry.split() for entry in re.split(r" {2,}|\n", _TABLE.strip()))}
)
"""One or two characters → what is read for them."""


@register("text/ocr", stage="capture")
@dataclass(frozen=True, slots=True)
class Ocr:
    """Replace characters by those they look like in print: l by 1, rn by m, m by rn, é by e.

    Every character that has look-alikes (`LOOK_ALIKES`), alone or together with the next one, is misread with the
    same probability, as any of them. White space is kept, and so are characters without look-alikes and those that
    carry a combining mark. The error rate rises along `error_rate_range` with the level.

    Source: the confusions described by Rice, Nagy and Nartker (1999), and Tesseract's ambiguities.
    """

    error_rate_range: tuple[float, float] = (0.0, 0.8)
    """Chance of a character with look-alikes to be misread, at level 0 and at level 1; in [0, 1]."""

    def __post_init__(self) -> None:
        check_range("error_rate_range", self.error_rate_range, 0.0, 1.0)

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        characters = list(text)
        plain = text.isascii()
        end, misread = 0, 0
        for place, choice in zip(*hits(rng, len(text), lerp(self.error_rate_range, level)), strict=True):
            if place < end:
                continue
            readings = _readings(text[place : place + 2])
            if not readings:
                continue
            read, length = readings[int(choice * len(readings))]
            if not plain and extends(text[place + length : place + length + 1]):
                continue
            characters[place] = read
            if length == 2:
                characters[place + 1] = ""
            end, misread = place + length, misread + 1
        return "".join(characters), {"misread": misread, "misread_rate": misread / max(1, len(text))}


@lru_cache(maxsize=1 << 14)
def _readings(pair: str) -> tuple[tuple[str, int], ...]:
    """What can be read for the first of two characters or for both, and for how many of them it stands."""
    both = LOOK_ALIKES.get(pair, ()) if len(pair) == 2 else ()
    return (*((read, 1) for read in LOOK_ALIKES.get(pair[0], ())), *((read, 2) for read in both))
