"""The features that are not there: zero vectors in their place.

Public: `MissingFeature`, registered as ``feature/missing``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..registry import register


@register("feature/missing", stage="channel")
@dataclass(frozen=True, slots=True)
class MissingFeature:
    """Replace all feature vectors by zero vectors, at every level above 0.

    Source: the missing-modality protocol of MMIN (Zhao, Li and Jin, "Missing modality imagination network for
    emotion recognition with uncertain missing modalities", ACL 2021).
    """

    graded: ClassVar[bool] = False

    def __call__(self, x: npt.NDArray[np.float32], level: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        return np.zeros_like(x)
