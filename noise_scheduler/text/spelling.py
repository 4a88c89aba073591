"""Misspellings as people make them in English: from a list of observed ones, and by rule for words that are not on it.

The list is the one that nlpaug ships, gathered by Belinkov and Bisk from corpora of corrected text; it is read from
where nlpaug is installed. Of what it has for a word, only what differs by few errors that spellers make is used: it
was aligned by machine, and holds slips of the keyboard (for which there is ``text/keyboard``), paraphrases and scraps
of markup.

Public: `Spelling`, registered as ``text/spelling``; `observed`, `by_rule`.

References:
    Belinkov and Bisk, "Synthetic and natural noise both break neural machine translation", ICLR 2018 (the list:
        github.com/ybisk/charNMT-noise, MIT licence).
    Mitton, "English spelling and the computer", Longman 1996; Pollock and Zamora, "Automatic spelling correction in
        scientific and scholarly text", CACM 27(4), 1984 (the rules: most misspellings are single errors, omissions
        lead, and the first letter is rarely wrong).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from ..extras import MissingExtraError
from ..path import check_range, lerp
from ..registry import register
from .tokens import hits, like, split_words


@register("text/spelling", stage="source")
@dataclass(frozen=True, slots=True)
class Spelling:
    """Misspell English words, each on its own with the same probability.

    A word is misspelt as people were seen to misspell it, or else by rule: letters doubled and not doubled, vowels
    that sound alike, *ie* for *ei*, silent letters left out, and so on. Its case is kept, and so is everything
    between words. Words of one letter, and words with others than the letters a–z, apostrophes and hyphens, are left
    as they are. The error rate rises along `error_rate_range` with the level.

    Source: Belinkov and Bisk (2018) for the list, Mitton (1996) and Pollock and Zamora (1984) for the rules.
    """

    error_rate_range: tuple[float, float] = (0.0, 1.0)
    """Share of the words of two letters and more that are misspelt, at level 0 and at level 1; in [0, 1]."""
    misspellings: str = "observed"
    """``"observed"``: as listed, by rule where nothing is (needs the extra ``text``); ``"rules"``: always by rule."""

    def __post_init__(self) -> None:
        check_range("error_rate_range", self.error_rate_range, 0.0, 1.0)
        if self.misspellings not in ("observed", "rules"):
            raise ValueError(f"misspellings must be 'observed' or 'rules', not {self.misspellings!r}")

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        parts = split_words(text)
        changed = 0
        for place, choice in zip(*hits(rng, len(parts) // 2, lerp(self.error_rate_range, level)), strict=True):
            wrong = _as_written(parts[2 * place + 1], self.misspellings)
            if wrong:
                parts[2 * place + 1] = wrong[int(choice * len(wrong))]
                changed += 1
        return "".join(parts), {"misspelt_words": changed, "misspelling_rate": changed / max(1, len(parts) // 2)}


@lru_cache(maxsize=1 << 16)
def _as_written(word: str, misspellings: str) -> tuple[str, ...]:
    """The misspellings of a word in its own case, and with its own apostrophes."""
    small = word.lower().replace("’", "'")
    wrong = (like(word, other) for other in (observed(small) if misspellings == "observed" else by_rule(small)))
    return tuple(other.replace("'", "’") for other in wrong) if "’" in word else tuple(wrong)


def observed(word: str) -> tuple[str, ...]:
    """How a word in small letters was seen to be misspelt; by rule where it was not.

    Raises:
        MissingExtraError: nlpaug is not installed.
    """
    if len(word) < 2:
        return ()
    if "-" in word:
        return _one_part(word, observed)
    ruled = by_rule(word)
    listed = {wrong.lower() for line in _list().get(word, ()) for wrong in line.split()[1:]}
    near = (wrong for wrong in listed if _is_misspelling(word, wrong) or wrong in ruled)
    return tuple(sorted(near)) or ruled


def by_rule(word: str) -> tuple[str, ...]:
    """The misspellings of a word in small letters, one rule applied once; empty where none applies."""
    if "-" in word:
        return _one_part(word, by_rule)
    if len(word) < 2 or not _SPELT.fullmatch(word):
        return ()
    wrong = set()
    for pattern, replacement in _RULES:
        for found in pattern.finditer(word):
            wrong.add(word[: found.start()] + found.expand(replacement) + word[found.end() :])
    return tuple(sorted(wrong - {word}))


def _one_part(word: str, options: Callable[[str], tuple[str, ...]]) -> tuple[str, ...]:
    """The misspellings of a word with hyphens: those of one of its parts."""
    first, _, rest = word.partition("-")
    return (*(f"{wrong}-{rest}" for wrong in options(first)), *(f"{first}-{wrong}" for wrong in options(rest)))


_SPELT = re.compile(r"[a-z]+(?:'[a-z]+)*")

_SOUNDS = """
ie ei   ei ie   ee ea   ea ee   ai ei   ei ai   au o   ou u   oo u   ar er   er or   or er   y i
ough off   augh af   ight ite   tion sion   sion tion   cious tious   tious cious   ance ence   ence ance
ant ent   ent ant   able ible   ible able   ary ery   ery ary   ory ery
ph f   ck k   ck c   wh w   gh g   sc s   ght t   kn n   wr r   gn n   mb m   mn m   ps s   rh r   qu kw
ce se   se ce   ci si   cy sy   ge je   dge ge   x ks   ex eks   ks x   z s   tch ch
ll l   ss s   pp p   tt t   mm m   nn n   rr r   cc c   ff f   dd d   gg g
n't nt   'm m   's s   've ve   'll ll   're re
"""
"""What is written → what is written for it where it sounds the same or nearly so."""

_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        *(entry.split() for entry in re.split(r" {2,}|\n", _SOUNDS.strip())),
        (r"(?<=[aeiou])([bdfglmnprt])(?=[aeiouy])", r"\1\1"),  # a consonant doubled
        (r"(?<=[a-z]{2})e(?=s?$)", r""),  # a final e dropped
        (r"(?<=[a-z][a-z][^aeiou])e(?=[^aeiou])", r"a"),  # unstressed vowels, which all sound alike
        (r"(?<=[a-z][a-z][^aeiou])a(?=[^aeiou])", r"e"),
        (r"(?<=[a-z][a-z][^aeiou])i(?=[^aeiou])", r"e"),
        (r"(?<=[a-z][a-z][^aeiou])o(?=[^aeiou])", r"a"),
        (r"(?<=[a-z])([a-z])(?=[a-z])", r""),  # a letter left out
        (r"(?<=[a-z])([a-z])([a-z])", r"\2\1"),  # two letters in the wrong order
        (r"^([a-z])([a-z])$", r"\1\2\2"),  # for words of two letters
    )
)


@cache
def _list() -> Mapping[str, list[str]]:
    """Word in small letters → the lines of the list that begin with it."""
    spec = importlib.util.find_spec("nlpaug")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "the list of misspellings needs 'nlpaug': pip install 'noise-scheduler[text]', or set misspellings='rules'"
        )
    file = Path(spec.origin).parent / "res" / "word" / "spelling" / "spelling_en.txt"
    lines: dict[str, list[str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        lines.setdefault(line.partition(" ")[0].lower(), []).append(line)
    return lines


_ALIKE = ("aeiouy", "aeiouw", "ckqgxs", "szc", "gj", "td", "bp", "fv", "mn", "iyj", "uw", "lr")
_CONFUSED = frozenset((one, other) for letters in _ALIKE for one in letters for other in letters)
"""Letters that sound alike, so that one is written for the other."""


def _is_misspelling(word: str, wrong: str) -> bool:
    """Whether a word differs by few errors of a speller, and begins alike or has the same letters."""
    if not _SPELT.fullmatch(wrong) or (wrong[0] != word[0] and sorted(wrong) != sorted(word)):
        return False
    letters = len(word.replace("'", ""))
    allowed = 1 if letters < 5 else 2 if letters < 9 else 3
    return 0 < _distance(word, wrong, allowed) <= allowed


def _distance(word: str, wrong: str, most: int) -> int:
    """Errors from a word to another spelling of it; any number above `most`.

    One each are a letter left out, a vowel, an h or an apostrophe put in, a letter doubled, one written for another
    that sounds alike, and two in the wrong order. What spellers rarely do, other letters put in or written for others,
    counts two: these are slips of the keyboard.
    """
    if abs(len(word) - len(wrong)) > most:
        return most + 1
    before: list[int] = []
    row = [0]
    for letter in wrong:
        row.append(row[-1] + (1 if letter in "aeiouh'" else 2))
    for i, a in enumerate(word, 1):
        last, before, row = before, row, [i]
        following = word[i : i + 1]
        for j, b in enumerate(wrong, 1):
            put_in = 1 if b in "aeiouh'" or b in (a, following) else 2
            written = 0 if a == b else 1 if (a, b) in _CONFUSED else 2
            cost = min(before[j] + 1, row[-1] + put_in, before[j - 1] + written)
            if i > 1 and j > 1 and a == wrong[j - 2] and b == word[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]
