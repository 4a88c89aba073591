"""A rare word written as it sounds, by spellings of the same or a similar sound that stand for each other.

Public: `respelled`.
"""

from __future__ import annotations

from functools import lru_cache

_SPELLINGS = (
    ("ph", "f"), ("ck", "k"), ("ea", "ee"), ("ee", "ea"), ("ie", "y"), ("ei", "i"), ("ou", "u"), ("oo", "u"),
    ("er", "or"), ("or", "er"), ("ll", "l"), ("tt", "t"), ("nn", "n"), ("ss", "s"), ("rr", "r"), ("c", "k"), ("k", "c"),
    ("f", "ph"), ("y", "i"), ("i", "y"), ("z", "s"), ("s", "z"), ("a", "e"), ("e", "a"), ("o", "a"), ("a", "o"),
    ("th", "t"), ("d", "t"), ("t", "d"), ("b", "p"), ("m", "n"), ("v", "f"), ("l", "ll"), ("n", "nn"), ("h", ""),
)  # fmt: skip


def respelled(word: str, chance: float) -> str:
    """A misspelling of a word in lower case, drawn with a uniform number; the word itself if none fits."""
    options = _options(word)
    return options[int(chance * len(options))] if options else word


@lru_cache(maxsize=1 << 13)
def _options(word: str) -> tuple[str, ...]:
    """One spelling changed, and as many with two changed."""
    once = _changed(word)
    twice = [options[place % len(options)] for place, one in enumerate(once) if (options := _changed(one))]
    return tuple(option for option in dict.fromkeys(once + twice) if option != word)


def _changed(word: str) -> list[str]:
    found = []
    for spelling, other in _SPELLINGS:
        at = word.find(spelling)
        while at >= 0:
            found.append(word[:at] + other + word[at + len(spelling) :])
            at = word.find(spelling, at + 1)
    return [option for option in found if option]
