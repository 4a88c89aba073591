"""Diagonal Gaussians over a latent, and what multimodal auto-encoders do with them; the prior is N(0, 1).

Public: `GaussianEncoder`, `posteriors`, `product_of_experts`, `kl_from_prior`, `draw`. References: Kingma and Welling,
ICLR 2014 (reparametrisation); Wu and Goodman, NeurIPS 2018 (product of experts with the prior).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.fusion.output import zero_absent

_LOG_VARIANCE_RANGE = (-8.0, 8.0)


class GaussianEncoder(nn.Module):
    """A perceptron from (B, width) to the mean and the variance (B, latent_dim) of a Gaussian."""

    def __init__(self, width: int, hidden: int, latent_dim: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent_dim))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance."""
        mean, log_variance = self.body(features).chunk(2, dim=1)
        return mean, log_variance.clamp(*_LOG_VARIANCE_RANGE).exp()


def posteriors(
    encoders: nn.ModuleDict, inputs: Mapping[str, Tensor], present: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Means and variances (B, Z) per modality, those of the prior where it is absent."""
    means, variances = {}, {}
    for name, x in inputs.items():
        mean, variance = encoders[name](x)
        means[name] = zero_absent(present[name], mean)
        variances[name] = variance.masked_fill(~present[name][:, None], 1)
    return means, variances


def product_of_experts(
    means: Mapping[str, Tensor], variances: Mapping[str, Tensor], present: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Mean and variance (B, Z) of the product of the prior and the Gaussians of the modalities that are there."""
    precision = torch.ones_like(next(iter(means.values())))
    weighted = torch.zeros_like(precision)
    for name, mean in means.items():
        vote = (1 / variances[name]).masked_fill(~present[name][:, None], 0)
        precision = precision + vote
        weighted = weighted + vote * mean
    return weighted / precision, 1 / precision


def kl_from_prior(mean: Tensor, variance: Tensor) -> Tensor:
    """KL divergence of N(mean, variance) from the prior in nats, summed over the last dimension."""
    return 0.5 * (variance + mean.square() - 1 - variance.log()).sum(dim=-1)


def draw(mean: Tensor, variance: Tensor, generator: torch.Generator | None) -> Tensor:
    """A sample of N(mean, variance) that gradients pass through."""
    # Drawn on the generator's device, so that a CPU generator gives the same numbers for any accelerator.
    device = mean.device if generator is None else generator.device
    noise = torch.randn(mean.shape, generator=generator, device=device, dtype=mean.dtype)
    return mean + variance.sqrt() * noise.to(mean.device)
