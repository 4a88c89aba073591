"""What makes errors in transcripts: ``text/asr`` in its variants, and simpler things to compare it with.

Every generator is set up on a training half, and then writes a hypothesis for each pair at the word error rate that the
recogniser had in the pair's condition in that half.

Public: `generators`, `condition_rates`.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import noise_scheduler as ns
from benchmarks.asr_align import edits, words
from benchmarks.asr_pools import Pair, by, wer
from noise_scheduler.text import asr, lexicon

Words = tuple[str, ...]
Generator = Callable[[Pair, np.random.Generator], Words]
Rate = Callable[[Pair], float]


def generators(train: Sequence[Pair], *, rates: Rate | None = None) -> dict[str, Generator]:
    """Name → what writes a hypothesis for a pair, set up on the training half; at `rates`, or those of that half."""
    rates = rates or condition_rates(train)
    fitted = str(Path(tempfile.mkdtemp(prefix="asr-profiles-")) / "fitted.json")
    said, heard = ([" ".join(getattr(pair, side)) for pair in train] for side in ("reference", "hypothesis"))
    conditions = [(pair.condition, pair.strength) for pair in train]
    asr.fit(said, heard, conditions=conditions).save(fitted)
    return {
        "text/asr noise": _ours(rates, profile="noise"),
        "text/asr noise, context": _ours(rates, profile="noise", context=True),
        "text/asr conversation": _ours(rates, profile="conversation"),
        "text/asr fitted": _ours(rates, profile=fitted),
        "text/asr fitted, context": _ours(rates, profile=fitted, context=True),
        "random swaps": _Swaps(rates, *_kinds(train)),
        "homophones": _homophones(rates),
        "nlpaug keyboard": _nlpaug("keyboard", rates),
        "nlpaug spelling": _nlpaug("spelling", rates),
    }


def condition_rates(train: Sequence[Pair]) -> Rate:
    """The word error rate that was measured in a pair's condition; in all conditions for one that was not there."""
    groups = by(train, lambda pair: (pair.condition, pair.strength))
    known = {key: wer(group) for key, group in groups.items()}
    overall = wer(train)
    return lambda pair: known.get((pair.condition, pair.strength), overall)


def _ours(rate: Rate, **fields: Any) -> Generator:
    noise = ns.build("text/asr", **fields)

    def write(pair: Pair, rng: np.random.Generator) -> Words:
        position = noise.position_for(rate(pair))
        if position == 0:
            return pair.reference
        text, _ = noise(" ".join(pair.reference), position, rng)
        return tuple(words(text))

    return write


def _kinds(train: Sequence[Pair]) -> tuple[float, float, float]:
    """Shares of substitutions, deletions and insertions among the errors."""
    kinds = [kind for pair in train for kind, _, _ in edits(pair.reference, pair.hypothesis)]
    substituted, deleted, inserted = (kinds.count(kind) / len(kinds) for kind in ("replace", "delete", "insert"))
    return substituted, deleted, inserted


class _Swaps:
    """Words replaced by any word of the language, by its frequency; left out; put in: each on its own."""

    def __init__(self, rates: Rate, *shares: float) -> None:
        self.rates, self.shares = rates, shares
        self.words = lexicon.words()
        chances = np.exp(np.array(lexicon.log_probabilities()))
        self.cumulative = np.cumsum(chances / chances.sum())

    def __call__(self, pair: Pair, rng: np.random.Generator) -> Words:
        substitution, deletion, insertion = (self.rates(pair) * share for share in self.shares)
        out: list[str] = []
        for word in pair.reference:
            chance = rng.random()
            if chance < substitution:
                out.append(self._any(rng))
            elif chance >= substitution + deletion:
                out.append(word)
            if rng.random() < insertion:
                out.append(self._any(rng))
        return tuple(out)

    def _any(self, rng: np.random.Generator) -> str:
        return self.words[min(int(np.searchsorted(self.cumulative, rng.random())), len(self.words) - 1)]


def _homophones(rates: Rate) -> Generator:
    """Words that have homophones, replaced by one of them three times as often as words are wrong."""

    def write(pair: Pair, rng: np.random.Generator) -> Words:
        out = []
        for word in pair.reference:
            others = lexicon.homophones(word)
            hit = bool(others) and rng.random() < 3 * rates(pair)
            out.append(others[int(rng.integers(len(others)))] if hit else word)
        return tuple(out)

    return write


def _nlpaug(kind: str, rates: Rate) -> Generator:
    import nlpaug.augmenter.char as characters
    import nlpaug.augmenter.word as whole_words

    if kind == "keyboard":
        augmenter = characters.KeyboardAug(
            aug_char_p=0.2, aug_word_max=None, include_special_char=False, include_numeric=False,
            include_upper_case=False,
        )  # fmt: skip
    else:
        augmenter = whole_words.SpellingAug(aug_max=None)
    field = "aug_word_p" if kind == "keyboard" else "aug_p"

    def write(pair: Pair, rng: np.random.Generator) -> Words:
        setattr(augmenter, field, min(0.9, rates(pair)))
        seed = int(rng.integers(2**32))
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # nlpaug draws from the global generators
        found = augmenter.augment(" ".join(pair.reference))
        text = found[0] if isinstance(found, list) else found
        return tuple(words(text.replace(" ' ", "'")))  # nlpaug takes words apart at apostrophes

    return write
