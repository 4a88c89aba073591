"""Words said more than once, and words in another order.

Public: `Repetition`, registered as ``text/repetition``; `WordOrder`, registered as ``text/word_order``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..path import check_range, fade_in, loglerp
from ..registry import register
from .tokens import geometric, split_words

_TOKENS = re.compile(r"(\S+)")
_PHRASE_LENGTHS = (0.8, 0.95)  # up to the first chance one word is repeated, up to the second two, beyond three


@register("text/repetition", stage="source", version=2)
@dataclass(frozen=True, slots=True)
class Repetition:
    """Say words and short phrases again before going on: *I I think that we that we should go*.

    At each word the speaker goes back with the same probability, and again with the same, so that the number of
    repeats is geometric; with the word its punctuation is not repeated. Four of five repeats are of one word, the
    others of two or three, not across punctuation. The rate rises along `repeats_per_word_range` with the level, in
    equal ratios. Conversation has about .015, the severest stuttering half a repeat per word: what is said again takes
    no word away, so that the noise stays mild.

    Source: Bortfeld, Leon, Bloom, Schober and Brennan, "Disfluency rates in conversation", Language and Speech 44(2),
    2001 (repeats per word); Shriberg, "Preliminaries to a theory of speech disfluencies", 1994 (most repeats are of one
    word); Riley, "Stuttering severity instrument", 4th edition, 2009 (its top score begins at 22 % of syllables).
    """

    repeats_per_word_range: tuple[float, float] = (0.01, 1.0)
    """Mean number of repeats per word, at level 0 (where it fades to none) and at level 1; from .0001 to 30."""

    def __post_init__(self) -> None:
        check_range("repeats_per_word_range", self.repeats_per_word_range, 1e-4, 30.0)

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        parts = split_words(text)
        count = len(parts) // 2
        chance, length = rng.random((2, count))
        repeats = geometric(chance, loglerp(self.repeats_per_word_range, level) * fade_in(level))
        said = list(parts)
        for word in [place for place, times in enumerate(repeats) if times]:
            first = last = 2 * word + 1
            for bound in _PHRASE_LENGTHS:
                if length[word] >= bound and last + 2 < len(parts) and parts[last + 1].isspace():
                    last += 2
            said[first] = ("".join(parts[first : last + 1]) + " ") * repeats[word] + parts[first]
        total = sum(repeats)
        return "".join(said), {"repeats": total, "repeats_per_word": total / max(1, count)}


@register("text/word_order", stage="source")
@dataclass(frozen=True, slots=True)
class WordOrder:
    """Shuffle words locally: each may stand a few places from where it stood.

    The words, which are what stands between white space, are sorted by their place plus a uniform random number of
    words between 0 and the reach; the white space stays where it is. The reach rises along `reach_words_range` with
    the level, in equal ratios; at a reach of 1 nothing moves.

    Source: Lample, Conneau, Denoyer and Ranzato, "Unsupervised machine translation using monolingual corpora only",
    ICLR 2018 (the noise of its denoising auto-encoder).
    """

    reach_words_range: tuple[float, float] = (1.0, 60.0)
    """Reach in words, at level 0 and at level 1; at least 1."""

    def __post_init__(self) -> None:
        check_range("reach_words_range", self.reach_words_range, 1.0)

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        parts = _TOKENS.split(text)
        words = parts[1::2]
        reach = loglerp(self.reach_words_range, level)
        keys = [place + reach * chance for place, chance in enumerate(rng.random(len(words)).tolist())]
        order = sorted(range(len(words)), key=keys.__getitem__)
        parts[1::2] = [words[place] for place in order]
        moved = sum(abs(place - before) for place, before in enumerate(order)) / max(1, len(words))
        return "".join(parts), {"mean_displacement_words": moved}
