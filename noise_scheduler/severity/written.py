"""Severity of text: how much of its letters and words is lost.

½ (1 - chrF₄) + ½ (1 - token F1). chrF₄ is the F-score of the character 1-grams to 4-grams without white space,
precision and recall being averaged over the four lengths and weighted alike (Popović, "chrF: character n-gram F-score
for automatic MT evaluation", WMT 2015, with n = 4 and β = 1). Token F1 is that of the words without regard to case, as
in SQuAD (Rajpurkar et al., EMNLP 2016). The one follows models that read letters, the other those that read words.

Public: `against_text`, `chrf`, `token_f1`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

_LONGEST = 4
_WORD = re.compile(r"\w+")

Counts = Counter[str]
Measure = Callable[[Any], float]


def against_text(clean: str) -> Measure:
    """½ (1 - chrF₄) + ½ (1 - token F1) against a clean text; chrF₄ alone where the clean text has no word."""
    grams, words = _grams(clean), Counter(_words(clean))
    return lambda noisy: _severity(grams, words, noisy)


def chrf(clean: str, noisy: str) -> float:
    """The F-score of character n-grams, n = 1 … 4, in [0, 1]; 1 where the clean text is blank."""
    return _chrf(_grams(clean), noisy)


def token_f1(clean: str, noisy: str) -> float:
    """The F-score of words without regard to case and order, in [0, 1]; 1 where the clean text has no word."""
    return _token_f1(Counter(_words(clean)), noisy)


def _severity(grams: list[Counts], words: Counts, noisy: str) -> float:
    if not words:
        return 1 - _chrf(grams, noisy)
    return 1 - (_chrf(grams, noisy) + _token_f1(words, noisy)) / 2


def _chrf(grams: list[Counts], noisy: str) -> float:
    """Against the n-grams of the clean text; the n that it is too short for do not count."""
    if not grams:
        return 1.0
    precision = recall = 0.0
    for clean, found in zip(grams, _grams(noisy), strict=False):
        common = _common(clean, found)
        precision += common / found.total()
        recall += common / clean.total()
    return 2 * precision * recall / (precision + recall) / len(grams) if precision else 0.0


def _token_f1(words: Counts, noisy: str) -> float:
    if not words:
        return 1.0
    found = Counter(_words(noisy))
    return 2 * _common(words, found) / (words.total() + found.total())


def _grams(text: str) -> list[Counts]:
    """Counts of the n-grams, for n = 1 … 4 as far as the text reaches."""
    letters = "".join(text.split())
    return [
        Counter([letters[start : start + n] for start in range(len(letters) - n + 1)])
        for n in range(1, min(_LONGEST, len(letters)) + 1)
    ]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _common(clean: Counts, found: Counts) -> int:
    return sum(min(count, clean[key]) for key, count in found.items() if key in clean)
