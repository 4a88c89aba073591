"""The noise-robust fusion: expert logits plus a residual from a conditional variational auto-encoder.

The auto-encoder reconstructs the clean teacher's joint representation from a latent of the noisy input and its
invariant representation. Against the published NMER: no attention across the samples of a batch, linear decoder
output, KL per sample, posterior mean at test time, and the classifier sees latent and experts, not the
reconstruction alone.

Public: `NMER`. References: Kingma and Welling, ICLR 2014 (VAE); Sohn, Lee and Yan, NeurIPS 2015 (conditional
VAE); Wu and Goodman, NeurIPS 2018 (product of experts with absent modalities).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.fusion.experts import Experts
from models.fusion.output import Fusion, FusionOutput

_LOG_VARIANCE_RANGE = (-8.0, 8.0)


class NMER(Fusion):
    """`Experts` whose summed logits are corrected by a zero-initialised residual head on the latent.

    At the start of training it predicts exactly what its experts do.
    """

    name = "nmer"

    def __init__(
        self,
        feature_dims: Mapping[str, int],
        classes: int,
        *,
        hidden: int = 64,
        latent_dim: int = 32,
        dropout: float = 0.3,
    ) -> None:
        super().__init__(feature_dims, classes)
        if latent_dim < 1:
            raise ValueError(f"latent_dim must be at least 1, got {latent_dim}; use Experts for none")
        self.config = {"hidden": hidden, "latent_dim": latent_dim, "dropout": dropout}
        self.latent_dim = latent_dim
        self.experts = Experts(feature_dims, classes, hidden=hidden, dropout=dropout)
        self.joint_dim = self.experts.joint_dim
        self.posterior = nn.ModuleDict({name: _posterior(2 * hidden, hidden, latent_dim) for name in self.feature_dims})
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim + hidden, 2 * hidden), nn.ReLU(), nn.Linear(2 * hidden, self.joint_dim)
        )
        self.residual = nn.Sequential(
            nn.Linear(latent_dim + self.joint_dim + hidden, hidden), nn.ReLU(), nn.Dropout(dropout)
        )
        self.residual_head = nn.Linear(hidden, classes)
        nn.init.zeros_(self.residual_head.weight)
        nn.init.zeros_(self.residual_head.bias)

    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """All fields of `FusionOutput`; the latent is drawn with `generator` in training, else its mean."""
        output: FusionOutput = self.experts(features, present, generator=generator)
        assert output.invariant is not None
        output.mean, output.variance = self._posteriors(output)
        mean, variance = output.mean["product"], output.variance["product"]
        latent = self._draw(mean, variance, generator) if self.training else mean
        output.reconstruction = self.decoder(torch.cat([latent, output.invariant], dim=1))
        hidden = self.residual(torch.cat([latent, output.reconstruction, output.invariant], dim=1))
        output.logits = output.logits + self.residual_head(hidden)
        output.kl = 0.5 * (variance + mean.square() - 1 - variance.log()).sum(dim=1)
        return output

    def _posteriors(self, output: FusionOutput) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Means and variances per modality, and of their product with the prior N(0, 1)."""
        assert output.invariants is not None
        specific = dict(zip(self.feature_dims, output.joint.chunk(len(self.feature_dims), dim=1), strict=True))
        means: dict[str, Tensor] = {}
        variances: dict[str, Tensor] = {}
        precision = torch.ones_like(output.joint[:, : self.latent_dim])
        weighted = torch.zeros_like(precision)
        for name, mask in output.present.items():
            absent = ~mask[:, None]
            mean, log_variance = self.posterior[name](
                torch.cat([specific[name], output.invariants[name]], dim=1)
            ).chunk(2, dim=1)
            means[name] = mean.masked_fill(absent, 0)
            variances[name] = log_variance.clamp(*_LOG_VARIANCE_RANGE).exp().masked_fill(absent, 1)
            vote = (1 / variances[name]).masked_fill(absent, 0)
            precision = precision + vote
            weighted = weighted + vote * means[name]
        means["product"], variances["product"] = weighted / precision, 1 / precision
        return means, variances

    def _draw(self, mean: Tensor, variance: Tensor, generator: torch.Generator | None) -> Tensor:
        # Drawn on the generator's device, so that a CPU generator gives the same numbers for any accelerator.
        device = mean.device if generator is None else generator.device
        noise = torch.randn(mean.shape, generator=generator, device=device, dtype=mean.dtype)
        return mean + variance.sqrt() * noise.to(mean.device)


def _posterior(width: int, hidden: int, latent_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent_dim))
