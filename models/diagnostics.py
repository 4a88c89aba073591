"""Is the auto-encoder one? Accuracy cannot tell; these can.

Public: `active_dimensions`, `kl_per_dimension`, `reconstruction_r2`, `reconstruction_gain`.
Reference: Burda, Grosse and Salakhutdinov, ICLR 2016, 5.2 (active units).
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


def kl_per_dimension(mean: Tensor, variance: Tensor) -> Tensor:
    """(Z,) KL divergence from N(0, 1) per latent dimension in nats, mean over the N rows of (N, Z) posteriors.

    About 0 in a dimension that no row uses; the sum is the mean of `FusionOutput.kl` (for MoPoE a lower bound).
    """
    _check_rows(mean)
    return 0.5 * (variance + mean.square() - 1 - variance.log()).mean(dim=0)


def reconstruction_gain(reconstruction: Tensor, noisy: Tensor, target: Tensor) -> float:
    """R² of the reconstruction minus that of a representation that was not repaired; all (N, J).

    `noisy` is the student's own joint representation, or the teacher's of the noisy input. A reconstruction that is
    worth having has a gain above 0, and an R² above 0, that of the mean.
    """
    return reconstruction_r2(reconstruction, target) - reconstruction_r2(noisy, target)


def _check_rows(values: Tensor) -> None:
    if values.ndim != 2 or len(values) < 2:
        raise ValueError(f"expected (rows, dimensions) with at least two rows, got {tuple(values.shape)}")
