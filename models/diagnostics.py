"""Is the auto-encoder one? Accuracy cannot tell; these can.

Public: `active_dimensions`, `reconstruction_r2`. Reference: Burda, Grosse and Salakhutdinov, ICLR 2016, 5.2.
"""

from __future__ import annotations

from torch import Tensor


def active_dimensions(mean: Tensor, threshold: float = 0.01) -> int:
    """Latent dimensions whose posterior mean varies over the data: variance above `threshold`.

    `mean` is (N, Z), the posterior means of N >= 2 samples. A collapsed posterior has 0.
    """
    _check_rows(mean)
    return int((mean.double().var(dim=0) > threshold).sum())


def reconstruction_r2(reconstruction: Tensor, target: Tensor) -> float:
    """Share of the variance of `target` (N, J) that `reconstruction` (N, J) explains, pooled over dimensions.

    1 is perfect, 0 no better than the target's mean over the N rows, negative worse. Raises ValueError on
    different shapes, fewer than two rows, or a target that does not vary.
    """
    _check_rows(target)
    if reconstruction.shape != target.shape:
        raise ValueError(
            f"reconstruction {tuple(reconstruction.shape)} and target {tuple(target.shape)} must have one shape"
        )
    error = (reconstruction.double() - target.double()).square().sum()
    spread = (target.double() - target.double().mean(dim=0)).square().sum()
    if spread == 0:
        raise ValueError("the target does not vary over the rows: R² is undefined")
    return float(1 - error / spread)


def _check_rows(values: Tensor) -> None:
    if values.ndim != 2 or len(values) < 2:
        raise ValueError(f"expected (rows, dimensions) with at least two rows, got {tuple(values.shape)}")
