"""Lost words, as when a transcriber or a recogniser leaves some out.

Public: `WordLoss`, registered as ``text/word_loss``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..path import check_range, lerp
from ..registry import register

_WORD = re.compile(r"\S+\s*")


@register("text/word_loss", stage="channel", version=2)
@dataclass(frozen=True, slots=True)
class WordLoss:
    """Leave out words at random, each on its own with the same probability.

    A word is what stands between white space; it goes with its punctuation and the white space after it, and
    all else is kept as it was. The loss rate rises along `loss_rate_range` with the level.

    Source: deletions as one of the three word errors of speech recognition (NIST sclite).
    """

    loss_rate_range: tuple[float, float] = (0.0, 1.0)
    """Share of the words that is lost, at level 0 and at level 1; in [0, 1]."""

    def __post_init__(self) -> None:
        check_range("loss_rate_range", self.loss_rate_range, 0.0, 1.0)

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        words = _WORD.findall(text)
        if not words:
            return text, {"lost_words": 0, "word_loss_rate": 0.0}
        lost = (rng.random(len(words)) < lerp(self.loss_rate_range, level)).tolist()
        kept = [word for word, gone in zip(words, lost, strict=True) if not gone]
        count = len(words) - len(kept)
        return _joined(text, kept, lost[-1]), {"lost_words": count, "word_loss_rate": count / len(words)}


def _joined(text: str, kept: list[str], last_is_lost: bool) -> str:
    """The kept words between the white space that opened and closed the text; nothing if none is kept."""
    if not kept:
        return ""
    opening = text[: len(text) - len(text.lstrip())]
    if last_is_lost:
        kept[-1] = kept[-1].rstrip() + text[len(text.rstrip()) :]
    return opening + "".join(kept)
