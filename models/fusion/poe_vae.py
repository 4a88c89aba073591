"""Multimodal variational auto-encoders with the classifier on their latent: MVAE and MoPoE-VAE.

Changed in both: what is decoded is the clean teacher's joint representation and not the input, since a noisy input is
not worth reconstructing; a classifier reads the latent; the posterior mean stands for the latent at test time.

Public: `PoEVAE`, `MoPoEVAE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from models.fusion.gaussian import GaussianEncoder, draw, kl_from_prior, posteriors, product_of_experts
from models.fusion.output import Fusion, FusionOutput, check_features, mean_over_present


class PoEVAE(Fusion):
    """VAE whose posterior is the product of the prior and of one Gaussian per modality that is there.

    As in the paper, the evidence lower bound of all modalities together is trained beside that of each alone.

    Source: Wu and Goodman, NeurIPS 2018 (MVAE).
    """

    name = "poe_vae"
    term_weights: Mapping[str, float] = {"unimodal_kl": 1e-3, "unimodal_reconstruction": 0.3}

    def __init__(
        self,
        feature_dims: Mapping[str, int],
        classes: int,
        *,
        hidden: int = 256,
        latent_dim: int = 32,
        teacher_hidden: int = 64,
        dropout: float = 0.3,
    ) -> None:
        super().__init__(feature_dims, classes)
        if latent_dim < 1:
            raise ValueError(f"latent_dim must be at least 1, got {latent_dim}")
        self.config = {
            "hidden": hidden,
            "latent_dim": latent_dim,
            "teacher_hidden": teacher_hidden,
            "dropout": dropout,
        }
        self.teacher_hidden = teacher_hidden
        self.joint_dim = latent_dim
        self.posterior = nn.ModuleDict(
            {name: GaussianEncoder(width, hidden, latent_dim) for name, width in self.feature_dims.items()}
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Linear(hidden, teacher_hidden * len(self.feature_dims))
        )
        self.head = nn.Sequential(
            nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes)
        )

    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """The latent's mean is the joint representation; it is drawn with `generator` in training."""
        means, variances, masks = self._gaussians(features, present)
        mean, variance = product_of_experts(means, variances, masks)
        latent = draw(mean, variance, generator) if self.training else mean
        output = self._output(means, variances, masks, mean, variance, latent)
        output.kl = kl_from_prior(mean, variance)
        self._add_unimodal(output, generator)
        return output

    def student_terms(self, output: FusionOutput, teacher: FusionOutput) -> dict[str, Tensor]:
        """`unimodal_reconstruction`: squared error of what is decoded from each modality alone."""
        assert output.estimates is not None
        target = teacher.joint.detach()
        losses = {name: (estimate - target).square().mean(dim=1) for name, estimate in output.estimates.items()}
        return {"unimodal_reconstruction": mean_over_present(losses, output.present)}

    def _add_unimodal(self, output: FusionOutput, generator: torch.Generator | None) -> None:
        assert output.mean is not None
        assert output.variance is not None
        output.estimates, divergences = {}, {}
        for name, mask in output.present.items():
            mean, variance = product_of_experts({name: output.mean[name]}, {name: output.variance[name]}, {name: mask})
            latent = draw(mean, variance, generator) if self.training else mean
            output.estimates[name], divergences[name] = self.decoder(latent), kl_from_prior(mean, variance)
        output.terms["unimodal_kl"] = mean_over_present(divergences, output.present)

    def _gaussians(
        self, features: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        known, masks = check_features(features, present, self.feature_dims)
        return *posteriors(self.posterior, known, masks), masks

    def _output(
        self,
        means: dict[str, Tensor],
        variances: dict[str, Tensor],
        masks: dict[str, Tensor],
        mean: Tensor,
        variance: Tensor,
        latent: Tensor,
    ) -> FusionOutput:
        return FusionOutput(
            logits=self.head(latent),
            joint=mean,
            present=masks,
            mean=means | {"product": mean},
            variance=variances | {"product": variance},
            reconstruction=self.decoder(latent),
        )


class MoPoEVAE(PoEVAE):
    """VAE whose posterior is the uniform mixture of the products over all subsets of the modalities that are there.

    In training each row draws one subset (the paper splits the batch among them); the divergence is the mean over
    subsets, an upper bound on that of the mixture. At test time the latent is the mixture's mean.

    Source: Sutter, Daunhawer and Vogt, ICLR 2021 (MoPoE-VAE).
    """

    name = "mopoe_vae"
    term_weights: Mapping[str, float] = {}

    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """The latent's mean is the joint representation; subset and latent are drawn with `generator` in training."""
        means, variances, masks = self._gaussians(features, present)
        names = list(self.feature_dims)
        subsets = [list(part) for size in range(1, len(names) + 1) for part in combinations(names, size)]
        products = [
            product_of_experts({n: means[n] for n in part}, {n: variances[n] for n in part}, masks) for part in subsets
        ]
        there = torch.stack([torch.stack([masks[n] for n in part]).all(dim=0) for part in subsets])  # (S, B)
        part_mean, part_variance = (torch.stack(part) for part in zip(*products, strict=True))  # (S, B, Z)
        share = (there / there.sum(dim=0).clamp(min=1)).to(part_mean.dtype)[..., None]
        mean = (share * part_mean).sum(dim=0)
        spread = part_variance + (part_mean - mean).square()
        variance = (share * spread).sum(dim=0).masked_fill(~there.any(dim=0)[:, None], 1)
        latent = mean
        if self.training:
            chosen = self._choose(there, generator)
            row = torch.arange(there.shape[1], device=there.device)
            latent = draw(part_mean[chosen, row], part_variance[chosen, row], generator)
        output = self._output(means, variances, masks, mean, variance, latent)
        output.kl = (share[..., 0] * kl_from_prior(part_mean, part_variance)).sum(dim=0)
        return output

    def student_terms(self, output: FusionOutput, teacher: FusionOutput) -> dict[str, Tensor]:
        """None: single modalities are among the subsets."""
        return {}

    def _choose(self, there: Tensor, generator: torch.Generator | None) -> Tensor:
        """(B,) one of the subsets that are there, drawn uniformly per row; 0, which is then the prior, for none."""
        device = there.device if generator is None else generator.device
        scores = torch.rand(there.shape, generator=generator, device=device).to(there.device)
        return scores.masked_fill(~there, -1).argmax(dim=0)
