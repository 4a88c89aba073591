"""Experts without a shared path, corrected from a product-of-experts latent: the strongest fusion of our prototypes.

Against `NMER`: no invariant representation;
the latent alone is decoded to the clean teacher's joint representation. Public: `ExpertsVAE`. References: Kingma and
Welling, ICLR 2014 (VAE); Wu and Goodman, NeurIPS 2018 (product of experts with absent modalities).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.fusion.experts import specific_encoder
from models.fusion.gaussian import GaussianEncoder, draw, kl_from_prior, posteriors, product_of_experts
from models.fusion.output import Fusion, FusionOutput, check_features, zero_absent


class ExpertsVAE(Fusion):
    """Sum of unimodal logits, corrected by a zero-initialised residual head on a latent and what is decoded from it."""

    name = "experts_vae"

    def __init__(
        self,
        feature_dims: Mapping[str, int],
        classes: int,
        *,
        hidden: int = 112,
        latent_dim: int = 32,
        teacher_hidden: int = 64,
        dropout: float = 0.3,
    ) -> None:
        super().__init__(feature_dims, classes)
        self.config = {
            "hidden": hidden,
            "latent_dim": latent_dim,
            "teacher_hidden": teacher_hidden,
            "dropout": dropout,
        }
        self.teacher_hidden = teacher_hidden
        self.joint_dim = hidden * len(self.feature_dims)
        target_dim = teacher_hidden * len(self.feature_dims)
        self.encoder = nn.ModuleDict(
            {name: specific_encoder(width, hidden, dropout) for name, width in self.feature_dims.items()}
        )
        self.expert = nn.ModuleDict(
            {
                name: nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes))
                for name in self.feature_dims
            }
        )
        self.posterior = nn.ModuleDict(
            {name: GaussianEncoder(hidden, hidden, latent_dim) for name in self.feature_dims}
        )
        self.decoder = nn.Sequential(nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Linear(hidden, target_dim))
        self.residual = nn.Sequential(nn.Linear(latent_dim + target_dim, hidden), nn.ReLU(), nn.Dropout(dropout))
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
        """All but invariant representations; the latent is drawn with `generator` in training, else its mean."""
        known, masks = check_features(features, present, self.feature_dims)
        specific = {name: zero_absent(masks[name], self.encoder[name](x)) for name, x in known.items()}
        votes = {name: zero_absent(masks[name], self.expert[name](x)) for name, x in specific.items()}
        means, variances = posteriors(self.posterior, specific, masks)
        mean, variance = product_of_experts(means, variances, masks)
        means["product"], variances["product"] = mean, variance
        latent = draw(mean, variance, generator) if self.training else mean
        reconstruction = self.decoder(latent)
        residual = self.residual_head(self.residual(torch.cat([latent, reconstruction], dim=1)))
        return FusionOutput(
            logits=torch.stack(list(votes.values())).sum(dim=0) + residual,
            joint=torch.cat(list(specific.values()), dim=1),
            present=masks,
            unimodal_logits=votes,
            mean=means,
            variance=variances,
            reconstruction=reconstruction,
            kl=kl_from_prior(mean, variance),
        )
