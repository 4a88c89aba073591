"""Sentences for fitting the profiles of ``text/asr``, drawn from the bigrams of the language model.

Public: `sampled`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from noise_scheduler.text import lexicon
from noise_scheduler.text.asr.bigrams import END, START, sampled_follower


def sampled(count: int, seed: int, *, shortest: int = 3, longest: int = 40) -> list[list[str]]:
    """`count` sentences as lists of words in lower case, `shortest` to `longest` words long."""
    rng = np.random.Generator(np.random.Philox(seed))
    return [sentence for _, sentence in zip(range(count), _sentences(rng, shortest, longest), strict=False)]


def _sentences(rng: np.random.Generator, shortest: int, longest: int) -> Iterator[list[str]]:
    words = lexicon.words()
    alone = np.cumsum(np.exp(lexicon.log_probabilities()))
    while True:
        sentence: list[str] = []
        number = START
        while len(sentence) <= longest:
            following = sampled_follower(number, float(rng.random()))
            if following is None:  # a pair that the table has not: any word
                following = int(np.searchsorted(alone, rng.random() * alone[-1]))
            if following == END:
                break
            sentence.append(words[following])
            number = following
        if shortest <= len(sentence) <= longest:
            yield sentence
