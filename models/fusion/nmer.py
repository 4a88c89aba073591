"""The noise-robust fusion: expert logits plus a residual from a conditional variational auto-encoder.

The auto-encoder reconstructs the clean teacher's joint representation from a latent of the noisy input and its
invariant representation. Every modality also estimates its own part of that representation from its own features
alone, with a variance that is learnt from its errors: 1 − variance, the share of the clean representation that it
expects to recover, is its reliability. The variance is a learnt curve of one number: the share of the features'
energy, and a little of its amount, that the estimate leaves unexplained. It rises under noise of most types, so that
types that were not trained on show as well, where a free function of the features learns those that it sees. Noise
that stays on the manifold of clean features (another speaker's voice alone) does not show. Reliability tells, it does
not weigh: neither weighted votes on the latent nor a reconstruction that mixes in the estimates by reliability did
better in trials on synthetic data.

Against the published NMER: no attention across the samples of a batch, linear decoder output, KL per sample,
posterior mean at test time, and the classifier sees latent and experts, not the reconstruction alone.

Public: `NMER`. References: Kingma and Welling, ICLR 2014 (VAE); Sohn, Lee and Yan, NeurIPS 2015 (conditional
VAE); Wu and Goodman, NeurIPS 2018 (product of experts with absent modalities); Seitzer et al., ICLR 2022 (β-NLL).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.fusion.experts import Experts
from models.fusion.gaussian import GaussianEncoder, draw, kl_from_prior, product_of_experts
from models.fusion.output import Fusion, FusionOutput, check_features, mean_over_present, zero_absent

_BETA = 0.5  # of the β-NLL, as its authors advise
_VARIANCE_FLOOR = 1e-3
_ENERGY_FLOOR = 1e-3
_AMOUNT_EXPONENT = 0.1  # the share shows what is lost, the amount what is added; at 0.1 both show, at 0.3 losses do not


class NMER(Fusion):
    """`Experts` whose summed logits are corrected by a zero-initialised residual head on the latent.

    At the start of training it predicts exactly what its experts do.
    """

    name = "nmer"
    term_weights: Mapping[str, float] = {"uncertainty": 0.3, "unexplained": 0.3}

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
        self.estimator = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
                for name, width in self.feature_dims.items()
            }
        )
        self.renderer = nn.ModuleDict({name: nn.Linear(hidden, width) for name, width in self.feature_dims.items()})
        self.trust = nn.ModuleDict({name: _trust() for name in self.feature_dims})
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
        self._estimate(output, check_features(features, present, self.feature_dims)[0])
        output.mean, output.variance = self._posteriors(output)
        mean, variance = output.mean["product"], output.variance["product"]
        latent = draw(mean, variance, generator) if self.training else mean
        output.reconstruction = self.decoder(torch.cat([latent, output.invariant], dim=1))
        hidden = self.residual(torch.cat([latent, output.reconstruction, output.invariant], dim=1))
        output.logits = output.logits + self.residual_head(hidden)
        output.kl = kl_from_prior(mean, variance)
        return output

    def student_terms(self, output: FusionOutput, teacher: FusionOutput) -> dict[str, Tensor]:
        """`uncertainty`: β-NLL of the teacher's part of each modality under its own estimate, mean over dimensions
        and over the modalities that both have."""
        assert output.estimates is not None
        assert output.reliability is not None
        both = {name: mask & teacher.present[name] for name, mask in output.present.items()}
        parts = teacher.joint.detach().chunk(len(self.feature_dims), dim=1)
        losses = {}
        for name, target in zip(self.feature_dims, parts, strict=True):
            error = (output.estimates[name] - target).square().mean(dim=1)
            variance = (1 - output.reliability[name]).clamp(min=_VARIANCE_FLOOR)
            losses[name] = 0.5 * variance.detach().pow(_BETA) * (error / variance + variance.log())
        return {"uncertainty": mean_over_present(losses, both)}

    def _estimate(self, output: FusionOutput, known: Mapping[str, Tensor]) -> None:
        """Set each modality's estimate (B, H) of the clean teacher's part, and 1 − its variance (B,).

        The teacher's parts have unit scale, so that an estimate of zero has an error of 1: variance lies in (0, 1).
        """
        output.estimates, output.reliability, unexplained = {}, {}, {}
        for name, x in known.items():
            mask = output.present[name]
            output.estimates[name] = zero_absent(mask, self.estimator[name](x))
            unexplained[name] = (x - self.renderer[name](output.estimates[name].detach())).square().mean(dim=1)
            amount = unexplained[name].detach() + _ENERGY_FLOOR
            share = amount / (x.square().mean(dim=1) + _ENERGY_FLOOR)
            doubt = share.log() + _AMOUNT_EXPONENT * amount.log()
            output.reliability[name] = self.trust[name](doubt[:, None])[:, 0].sigmoid() * mask
        output.terms["unexplained"] = mean_over_present(unexplained, output.present)

    def _posteriors(self, output: FusionOutput) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Means and variances per modality, and of their product with the prior."""
        assert output.invariants is not None
        means: dict[str, Tensor] = {}
        variances: dict[str, Tensor] = {}
        parts = output.joint.chunk(len(self.feature_dims), dim=1)
        for (name, mask), specific in zip(output.present.items(), parts, strict=True):
            mean, variance = self.posterior[name](torch.cat([specific, output.invariants[name]], dim=1))
            means[name], variances[name] = zero_absent(mask, mean), variance.masked_fill(~mask[:, None], 1)
        means["product"], variances["product"] = product_of_experts(means, variances, output.present)
        return means, variances


def _trust() -> nn.Linear:
    linear = nn.Linear(1, 1)
    nn.init.constant_(linear.weight, -1.0)  # the direction is known, the curve is learnt
    nn.init.zeros_(linear.bias)
    return linear
