"""The transcript that is not there: an empty string in its place.

Public: `MissingText`, registered as ``text/missing``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..registry import register


@register("text/missing", stage="channel")
@dataclass(frozen=True, slots=True)
class MissingText:
    """Replace the whole text by the empty string, at every level above 0.

    Source: the missing-modality protocol of MMIN (Zhao, Li and Jin, "Missing modality imagination network for
    emotion recognition with uncertain missing modalities", ACL 2021).
    """

    graded: ClassVar[bool] = False

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> str:
        return ""
