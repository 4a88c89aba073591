"""Words that a vocabulary does not have: a token such as ``<unk>`` in their place.

Public: `UnknownWords`, registered as ``text/unknown_words``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..path import check_range, lerp
from ..registry import register
from .tokens import hit_places, split_words


@register("text/unknown_words", stage="channel")
@dataclass(frozen=True, slots=True)
class UnknownWords:
    """Replace words by a token that says there was a word, each on its own with the same probability.

    The words are those of `noise_scheduler.text.tokens`; white space, punctuation and symbols between them are kept.
    The rate rises along `mask_rate_range` with the level.

    Source: blank noise of Xie et al., "Data noising as smoothing in neural network language models", ICLR 2017; the
    ``<unk>`` of closed-vocabulary recognisers.
    """

    mask_rate_range: tuple[float, float] = (0.0, 1.0)
    """Share of the words that are replaced, at level 0 and at level 1; in [0, 1]."""
    token: str = "<unk>"
    """What stands in their place, such as ``"<unk>"``, ``"[MASK]"`` or ``"[unintelligible]"``."""

    def __post_init__(self) -> None:
        check_range("mask_rate_range", self.mask_rate_range, 0.0, 1.0)
        if not isinstance(self.token, str):
            raise ValueError(f"token must be a str such as '<unk>', not {self.token!r}")

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        parts = split_words(text)
        masked = hit_places(rng, len(parts) // 2, lerp(self.mask_rate_range, level))
        for word in masked:
            parts[2 * word + 1] = self.token
        return "".join(parts), {"masked_words": len(masked), "mask_rate": len(masked) / max(1, len(parts) // 2)}
