"""Steps that are not there: frames or tokens lost at random, zero vectors in their place.

Public: `StepLoss`, registered as ``feature/step_loss``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..registry import register


@register("feature/step_loss", stage="channel")
@dataclass(frozen=True, slots=True)
class StepLoss:
    """Replace steps by zero vectors, each independently of the others.

    The level is the share of steps that are lost: none at 0, all at 1.

    Source: the random missing of TFR-Net (Yuan et al., "Transformer-based feature reconstruction network for robust
    multimodal sentiment analysis", ACM Multimedia 2021), which drops frames and tokens at rates 0.0 to 0.9 or 1.0.
    """

    def __call__(
        self, x: npt.NDArray[np.float32], level: float, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], dict[str, float]]:
        lost = rng.random(len(x)) < level  # the same draw at every level, so that what is lost only grows
        noisy = x.copy()
        noisy[lost] = 0
        return noisy, {"lost_share": float(lost.mean()) if len(lost) else 0.0}
