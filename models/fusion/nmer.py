"""The noise-robust fusion: expert logits plus a residual from a conditional variational auto-encoder.

The auto-encoder reconstructs the clean teacher's joint representation. From a latent of the noisy input, its invariant
representation and which modalities are there, the decoder tells, per dimension, how far the noisy joint representation
is to be kept and what is to be added: a clean modality need not pass through the latent, and what noise took away must.

Against the published NMER: no attention across the samples of a batch, linear decoder output, KL per sample,
posterior mean at test time, and the classifier sees latent and experts, not the reconstruction alone.

Public: `NMER`. References: Kingma and Welling, ICLR 2014 (VAE); Sohn, Lee and Yan, NeurIPS 2015 (conditional
VAE); Wu and Goodman, NeurIPS 2018 (product of experts with absent modalities); Srivastava, Greff and Schmidhuber,
NeurIPS 2015 (highway networks, whose gate it is).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from models.fusion.experts import Experts
from models.fusion.gaussian import GaussianEncoder, draw, kl_from_prior, posteriors, product_of_experts
from models.fusion.output import Fusion, FusionOutput

_DECODER_DROPOUT = 0.75  # with less, what is told of one modality by another holds for the training utterances alone


class NMER(Fusion):
    """`Experts` whose summed logits are corrected by a zero-initialised residual head on the latent.

    At the start of training it predicts exactly what its experts do.
    """

    name = "nmer"
    term_weights: Mapping[str, float] = MappingProxyType({"reconstruction": 2.0})

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
        self.teacher_hidden = hidden
        self.experts = Experts(feature_dims, classes, hidden=hidden, dropout=dropout)
        self.joint_dim = self.experts.joint_dim
        self.posterior = nn.ModuleDict(
            {name: GaussianEncoder(2 * hidden, hidden, latent_dim) for name in self.feature_dims}
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim + hidden + len(self.feature_dims), 2 * hidden),
            nn.ReLU(),
            nn.Dropout(_DECODER_DROPOUT),
            nn.Linear(2 * hidden, 2 * self.joint_dim),
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
        """All but reliability; the latent is drawn with `generator` in training, else it is its mean."""
        output: FusionOutput = self.experts(features, present, generator=generator)
        assert output.invariant is not None
        output.mean, output.variance = self._posteriors(output)
        mean, variance = output.mean["product"], output.variance["product"]
        latent = draw(mean, variance, generator) if self.training else mean
        output.reconstruction = self.reconstruct(latent, output)
        hidden = self.residual(torch.cat([latent, output.reconstruction, output.invariant], dim=1))
        output.logits = output.logits + self.residual_head(hidden)
        output.kl = kl_from_prior(mean, variance)
        return output

    def reconstruct(self, latent: Tensor, output: FusionOutput) -> Tensor:
        """The teacher's joint representation (B, J) from a latent (B, Z) and what the experts made of the input."""
        assert output.invariant is not None
        there = torch.stack([output.present[name] for name in self.feature_dims], dim=1)
        gate, added = self.decoder(torch.cat([latent, output.invariant, there], dim=1)).chunk(2, dim=1)
        reconstruction: Tensor = gate.sigmoid() * output.joint + added
        return reconstruction

    def _posteriors(self, output: FusionOutput) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Means and variances per modality, and of their product with the prior."""
        assert output.invariants is not None
        parts = output.joint.chunk(len(self.feature_dims), dim=1)
        inputs = {
            name: torch.cat([specific, output.invariants[name]], dim=1)
            for name, specific in zip(self.feature_dims, parts, strict=True)
        }
        means, variances = posteriors(self.posterior, inputs, output.present)
        means["product"], variances["product"] = product_of_experts(means, variances, output.present)
        return means, variances
