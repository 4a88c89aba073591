"""What the generator knows of a word in a text: how hard it is to recognise, and what it may be taken for.

Public: `Word`, `word_of`, `words_of`, `FUNCTION_WORDS`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import NamedTuple

from .. import lexicon
from .neighbours import DISTANCE, FREQUENCY, neighbours
from .sampling import cumulated

_CLOSED_CLASSES = """
a an the and or but if of to in on at by for with from as that this these those than so i you he she it we they me him
her us them my your his its our their am is are was were be been being do does did have has had will would can could
shall should may might must not no there here what which who when where how all any some up out about into over then
just it's i'm that's you're he's she's we're they're don't
"""
FUNCTION_WORDS = frozenset(_CLOSED_CLASSES.split())
"""Words of the closed classes."""

_CORE = re.compile(r"^(\W*)(.*?)(\W*)$", re.DOTALL)
_PARTS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_UNKNOWN_RANK = 40000
_FREQUENT = 2000
_RARE = 8000
_VERY_RARE = 20000


class Heard(NamedTuple):
    """The words that a word may be taken for."""

    ranks: list[int]
    cumulated: list[float]
    """Weights, cumulated to 1."""
    logs: list[float]
    """Logarithms of the weights to which associations with the words beside it are added."""
    distances: dict[int, float]
    """Phone distances by rank."""


class Word:
    """A token between white space: `prefix` + `core` + `suffix`, only the core being a word; it may be empty."""

    def __init__(self, token: str) -> None:
        prefix, core, suffix = _CORE.match(token).groups()  # type: ignore[union-attr]  # it matches everything
        self.token, self.prefix, self.core, self.suffix = token, prefix, core, suffix
        self.plain = core.lower().replace("’", "'")
        self.case = _case(core)
        rank = lexicon.rank(self.plain)
        self.rank = -1 if rank is None else rank
        self.phones = tuple(phone for part in _PARTS.findall(self.plain) for phone in lexicon.pronunciation(part))
        self.spoken = bool(self.phones)
        place = _UNKNOWN_RANK if rank is None else rank
        size = len(self.phones)
        rarity = math.log(place + 10) - 7
        function = self.plain in FUNCTION_WORDS
        self.hardness = math.exp(
            0.42 * rarity + 0.5 * function + 0.55 * (size <= 2) - 0.7 * (size >= 7) + 0.5 * (place >= _VERY_RARE)
        )
        """Factor of the odds of an error."""
        self.weakness = math.exp(-0.2 * rarity + 0.3 * (size <= 2) - 0.1 * (size >= 7))
        """Factor of the odds that an error is a deletion."""
        self.respelled = 0.55 if place >= _VERY_RARE else 0.25 if place >= _RARE else 0.0
        """Share of the substitutions that are a misspelling of the sounds rather than another word."""
        self.size = min(max(size, 1), 11)

    @cached_property
    def heard(self) -> Heard:
        """The words it may be taken for."""
        found = neighbours(self.phones, self.rank)
        frequencies = lexicon.log_probabilities()
        ranks, distances = found.ranks.tolist(), found.distances.tolist()
        if not ranks:
            return Heard([], [], [], {})
        # A rare word is taken for a rare one more often than the frequencies say.
        pull = FREQUENCY * (1.0 if 0 <= self.rank < _FREQUENT else 0.8 if 0 <= self.rank < _RARE else 0.5)
        logs = [pull * frequencies[rank] - DISTANCE * far for rank, far in zip(ranks, distances, strict=True)]
        in_context = [frequencies[rank] - DISTANCE * far for rank, far in zip(ranks, distances, strict=True)]
        return Heard(ranks, cumulated(map(math.exp, logs)), in_context, dict(zip(ranks, distances, strict=True)))

    def closer(self, one: int, other: int) -> int:
        """Which of two words that it may be taken for sounds more like it."""
        distances = self.heard.distances
        return other if distances.get(other, 0.0) < distances.get(one, 0.0) else one

    def dressed(self, heard: str) -> str:
        """`heard` in the place of the core: with its capitals and the punctuation around it."""
        return f"{self.prefix}{self.case(heard)}{self.suffix}"


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without the punctuation around them; what cannot be read is left out."""
    return [word.plain for token in text.split() if (word := word_of(token)).spoken]


@lru_cache(maxsize=1 << 16)
def word_of(token: str) -> Word:
    """The word in a token, kept for the next time."""
    return Word(token)


def _case(core: str) -> Callable[[str], str]:
    if len(core) > 1 and core.isupper():
        return str.upper
    if core[:1].isupper() and core not in ("I", "I'm", "I’m", "I'd", "I’d", "I'll", "I’ll", "I've", "I’ve"):
        return _capitalised
    return str


def _capitalised(word: str) -> str:
    return word[:1].upper() + word[1:]
