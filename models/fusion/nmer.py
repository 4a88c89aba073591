"""The noise-robust fusion: expert logits plus a residual from a conditional variational auto-encoder.

The auto-encoder reconstructs the clean teacher's joint representation from a latent of the noisy input and its
invariant representation. Beside it every modality tells from its own features how noisy it is, learnt from the levels
in the records of training; 1 minus that level is its reliability. It tells and does not weigh: weighted votes did no
better in trials, and a model that was trained without noise, or on too few types of it, has nothing to tell it by.

Against the published NMER: no attention across the samples of a batch, linear decoder output, KL per sample,
posterior mean at test time, and the classifier sees latent and experts, not the reconstruction alone.

Public: `NMER`. References: Kingma and Welling, ICLR 2014 (VAE); Sohn, Lee and Yan, NeurIPS 2015 (conditional
VAE); Wu and Goodman, NeurIPS 2018 (product of experts with absent modalities).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.fusion.experts import Experts
from models.fusion.gaussian import GaussianEncoder, draw, kl_from_prior, posteriors, product_of_experts
from models.fusion.output import Fusion, FusionOutput, check_features, mean_over_present


class NMER(Fusion):
    """`Experts` whose summed logits are corrected by a zero-initialised residual head on the latent.

    At the start of training it predicts exactly what its experts do.
    """

    name = "nmer"
    term_weights: Mapping[str, float] = {"reliability": 0.3}

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
            nn.Linear(latent_dim + hidden, 2 * hidden), nn.ReLU(), nn.Linear(2 * hidden, self.joint_dim)
        )
        self.residual = nn.Sequential(
            nn.Linear(latent_dim + self.joint_dim + hidden, hidden), nn.ReLU(), nn.Dropout(dropout)
        )
        self.residual_head = nn.Linear(hidden, classes)
        nn.init.zeros_(self.residual_head.weight)
        nn.init.zeros_(self.residual_head.bias)
        self.level = nn.ModuleDict({name: _level(width, hidden, dropout) for name, width in self.feature_dims.items()})

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
        known, masks = check_features(features, present, self.feature_dims)
        # Detached: features are not to be shaped by how well they tell their noise.
        levels = {name: self.level[name](x.detach())[:, 0].sigmoid() for name, x in known.items()}
        output.reliability = {name: (1 - level) * masks[name] for name, level in levels.items()}
        output.mean, output.variance = self._posteriors(output)
        mean, variance = output.mean["product"], output.variance["product"]
        latent = draw(mean, variance, generator) if self.training else mean
        output.reconstruction = self.decoder(torch.cat([latent, output.invariant], dim=1))
        hidden = self.residual(torch.cat([latent, output.reconstruction, output.invariant], dim=1))
        output.logits = output.logits + self.residual_head(hidden)
        output.kl = kl_from_prior(mean, variance)
        return output

    def student_terms(
        self, output: FusionOutput, teacher: FusionOutput, level: Mapping[str, Tensor] | None
    ) -> dict[str, Tensor]:
        """`reliability`: absolute error of 1 - reliability against the level, mean over the modalities there."""
        if level is None:
            return {}
        assert output.reliability is not None
        errors = {name: (1 - given - level[name]).abs() for name, given in output.reliability.items()}
        return {"reliability": mean_over_present(errors, output.present)}

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


def _level(width: int, hidden: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 1))
