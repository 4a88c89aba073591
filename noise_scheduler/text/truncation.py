"""A text that breaks off: a limit on its length, a recording that stops too early or starts too late.

Public: `Truncation`, registered as ``text/truncation``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..path import check_range, lerp
from ..registry import register
from .tokens import cluster_start


@register("text/truncation", stage="channel")
@dataclass(frozen=True, slots=True)
class Truncation:
    """Cut off the end of the text, or its beginning.

    The share that is lost rises along `lost_share_range` with the level; what it is of the words or characters is
    rounded up or down at random, so that it is right on average. At the default's end nothing is left. What is kept
    is kept exactly.

    Source: clipped utterances (front-end and back-end clipping of voice activity detection, as in ITU-T G.729 Annex B)
    and length limits of messages and models.
    """

    lost_share_range: tuple[float, float] = (0.0, 1.0)
    """Share of the text that is lost, at level 0 and at level 1; in [0, 1]."""
    side: str = "end"
    """What is lost: ``"end"`` or ``"start"``."""
    unit: str = "words"
    """Where the cut may fall: between ``"words"`` (what stands between white space) or between ``"characters"``
    (grapheme clusters)."""

    def __post_init__(self) -> None:
        check_range("lost_share_range", self.lost_share_range, 0.0, 1.0)
        if self.side not in ("end", "start"):
            raise ValueError(f"side must be 'end' or 'start', not {self.side!r}")
        if self.unit not in ("words", "characters"):
            raise ValueError(f"unit must be 'words' or 'characters', not {self.unit!r}")

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        count = len(text.split()) if self.unit == "words" else len(text)
        lost = int(lerp(self.lost_share_range, level) * count + rng.random())
        if not lost:
            return text, {"lost_share": 0.0}
        first = count - lost if self.side == "end" else lost  # word or character behind the cut
        if self.unit == "words":
            cut = len(text) - len(text.split(None, first)[first]) if first < count else len(text)
        else:
            cut = cluster_start(text, first)
        kept = text[:cut] if self.side == "end" else text[cut:]
        if self.unit == "words" and self.side == "end":
            kept = kept.rstrip()
        return kept, {"lost_share": 1 - len(kept) / len(text)}
