"""The recording that is not there: zeros in its place.

Public: `MissingAudio`, registered as ``audio/missing``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..registry import register


@register("audio/missing", stage="channel")
@dataclass(frozen=True, slots=True)
class MissingAudio:
    """Replace the whole wave by zeros, at every level above 0.

    Achieved: `loss_rate`, always 1.
    Source: the missing-modality protocol of MMIN (Zhao, Li and Jin, "Missing modality imagination network for
    emotion recognition with uncertain missing modalities", ACL 2021).
    """

    graded: ClassVar[bool] = False

    def __call__(
        self, wave: npt.NDArray[np.float32], level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[npt.NDArray[np.float32], dict[str, float]]:
        return np.zeros_like(wave), {"loss_rate": 1.0}
