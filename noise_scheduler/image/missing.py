"""The picture that never arrives.

Public: `Missing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..registry import register


@register("image/missing", stage="channel")
@dataclass(frozen=True, slots=True)
class Missing:
    """Replace the picture, or every frame of the clip, by black: the zero vector of missing-modality work.

    It is all or nothing: any level above 0 gives the same zeros. Models of missing modalities are commonly
    trained and tested in this way, so it is the baseline against which graded noise is compared.
    Source: Zhao et al., "Missing modality imagination network for emotion recognition with uncertain missing
    modalities", ACL 2021.
    """

    graded: ClassVar[bool] = False

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> npt.NDArray[np.uint8]:
        """Zeros of the shape of `image`, (H, W, C) or (T, H, W, C) uint8."""
        return np.zeros(image.shape, np.uint8)
