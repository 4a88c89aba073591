"""Hesitation: *um*, *uh*, *you know*, and words begun and broken off.

Public: `Fillers`, registered as ``text/fillers``.

References:
    Bortfeld, Leon, Bloom, Schober and Brennan, "Disfluency rates in conversation: effects of age, relationship, topic,
        role, and gender", Language and Speech 44(2), 2001: about six disfluencies per hundred words, fillers first,
        then restarts and repeats.
    Clark and Fox Tree, "Using *uh* and *um* in spontaneous speaking", Cognition 84, 2002.
    Shriberg, "To 'errrr' is human: ecology and acoustics of speech disfluencies", J. Int. Phonetic Assoc. 31(1), 2001.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from ..path import check_range, fade_in, loglerp
from ..registry import register
from .tokens import cluster_start, geometric, split_words

_FILLERS = ("uh ", "um ", "you know ", "uh ", "like ", "um ", "I mean ", "well ", "uh ", "er ", "you know ", "um ")


@register("text/fillers", stage="source")
@dataclass(frozen=True, slots=True)
class Fillers:
    """Put fillers and false starts before words: *I um can't bel- believe you know that*.

    Before each word the speaker hesitates with the same probability, and then again with the same, so that the number
    of hesitations is geometric. A false start is the beginning of the word, broken off. The words themselves and what
    stands between them are kept. The rate rises along `fillers_per_word_range` with the level, in equal ratios.
    Conversation has about .045.

    Source: the rates of Bortfeld et al. (2001), the forms of Clark and Fox Tree (2002) and Shriberg (2001).
    """

    fillers_per_word_range: tuple[float, float] = (0.01, 8.0)
    """Mean number of hesitations per word, at level 0 (where it fades to none) and at level 1; from .0001 to 30."""
    false_start_share: float = 0.3
    """Share of the hesitations that are false starts, where the word is long enough (three letters); in [0, 1]."""

    def __post_init__(self) -> None:
        check_range("fillers_per_word_range", self.fillers_per_word_range, 1e-4, 30.0)
        if not isinstance(self.false_start_share, int | float) or not 0 <= self.false_start_share <= 1:
            raise ValueError(f"false_start_share must be a number in [0, 1], not {self.false_start_share!r}")

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        parts = split_words(text)
        count = len(parts) // 2
        numbers = geometric(rng.random(count), loglerp(self.fillers_per_word_range, level) * fade_in(level))
        total = sum(numbers)
        draws = iter(rng.random((total, 2)).tolist())
        for place, number in enumerate(numbers):
            if not number:
                continue
            word = parts[2 * place + 1]
            starts = self.false_start_share if len(word) > 2 else 0.0
            said = [
                _false_start(word, choice) if kind < starts else _FILLERS[int(choice * len(_FILLERS))]
                for kind, choice in islice(draws, number)
            ]
            parts[2 * place + 1] = "".join((*said, word))
        return "".join(parts), {"fillers": total, "fillers_per_word": total / max(1, count)}


def _false_start(word: str, choice: float) -> str:
    """The first one to three letters of a word, not all of it, broken off."""
    begun = 1 + int(choice * min(3, len(word) - 2))
    begun = begun if word.isascii() else cluster_start(word, begun)
    return word[:begun] + "- " if begun else ""
