"""NMER as published, at its sizes, with each known defect of the released code as a switch that is off.

Specific representations (128 per modality) and, from these, invariant ones (a shared perceptron 128-128); a Transformer
encoder (5 layers, 8 heads) over both, 768 wide for three modalities, gives a Gaussian latent (64); the decoder
(64 + 384 → 128 → 384) reconstructs the clean teacher's joint representation from latent and invariant representation;
a classifier (384-128-128-C, batch normalisation, dropout .1) reads the reconstruction alone. Loss: cross-entropy,
squared error of the invariant representation and of the reconstruction against the teacher, KL divergence, all of
weight 1.
The teacher is `Experts(hidden=128)`, trained with cross-entropy and CMD; the paper's sums no logits but has one
classifier. Not from the paper: pooled features pass one linear layer to the published width, for encoders of any width.

The defects, and why they are some:

- `attention_across_batch`: the released code hands the Transformer a matrix (B, 768), which it takes for one sequence
  of B tokens. A prediction then depends on which samples happen to share the batch, in the test too. Corrected, every
  sample is a sequence of its own; with its one token, attention is a linear map.
- `summed_kl`: KL is summed over latent and batch and stands against a mean squared error, a weight of B × J / 2 on the
  prior, so that the posterior collapses: the latent says nothing. Corrected, KL per sample has weight 2 / J, the
  evidence lower bound of J output dimensions of variance 1 divided by J / 2.
- `sampled_latent_at_test`: the latent is drawn at test time too, so that one input has several predictions. Corrected,
  it is the posterior's mean.
- `sigmoid_output`: the decoder ends in a sigmoid, in (0, 1), against embeddings that go below zero. Corrected, it is
  linear.

Public: `NMERPaper`. Sources: arXiv 2311.16114 (NMER); Zuo et al., ICASSP 2023 (IF-MMIN, invariant encoder).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.batch_norm import BatchNorm
from models.fusion.gaussian import draw, kl_from_prior
from models.fusion.output import Fusion, FusionOutput, check_features, zero_absent

_LOG_VARIANCE_RANGE = (-8.0, 8.0)


class NMERPaper(Fusion):
    """The published architecture and losses, at their sizes; every known defect is a switch that is off.

    All sizes but those named here follow from `teacher_hidden`, as the paper's do.
    """

    name = "nmer_paper"

    def __init__(
        self,
        feature_dims: Mapping[str, int],
        classes: int,
        *,
        teacher_hidden: int = 128,
        latent_dim: int = 64,
        layers: int = 5,
        heads: int = 8,
        feedforward: int = 2048,
        dropout: float = 0.1,
        attention_across_batch: bool = False,
        summed_kl: bool = False,
        sampled_latent_at_test: bool = False,
        sigmoid_output: bool = False,
    ) -> None:
        super().__init__(feature_dims, classes)
        self.config = {
            "teacher_hidden": teacher_hidden,
            "latent_dim": latent_dim,
            "layers": layers,
            "heads": heads,
            "feedforward": feedforward,
            "dropout": dropout,
            "attention_across_batch": attention_across_batch,
            "summed_kl": summed_kl,
            "sampled_latent_at_test": sampled_latent_at_test,
            "sigmoid_output": sigmoid_output,
        }
        self.teacher_hidden = teacher_hidden
        self.joint_dim = teacher_hidden * len(self.feature_dims)
        self.attention_across_batch, self.summed_kl = attention_across_batch, summed_kl
        self.sampled_latent_at_test, self.sigmoid_output = sampled_latent_at_test, sigmoid_output
        kl_weight = 1.0 if summed_kl else 2 / self.joint_dim
        self.term_weights = {"reconstruction": 1.0, "invariance": 1.0, "kl": kl_weight}
        self.specific = nn.ModuleDict({name: nn.Linear(dim, teacher_hidden) for name, dim in self.feature_dims.items()})
        self.shared = nn.Sequential(
            nn.Linear(teacher_hidden, teacher_hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(teacher_hidden, teacher_hidden),
        )
        width = 2 * self.joint_dim
        layer = nn.TransformerEncoderLayer(width, heads, feedforward, dropout, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.posterior = nn.Linear(width, 2 * latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim + self.joint_dim, teacher_hidden),
            nn.ReLU(),
            nn.Linear(teacher_hidden, self.joint_dim),
        )
        self.classifier = nn.Sequential(
            *_block(self.joint_dim, teacher_hidden, dropout),
            *_block(teacher_hidden, teacher_hidden, dropout),
            nn.Linear(teacher_hidden, classes),
        )

    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """Logits, representations, posterior (`product` alone) and reconstruction.

        The latent is drawn with `generator` in training, and at test time if so switched.
        """
        known, masks = check_features(features, present, self.feature_dims)
        specific = {name: zero_absent(masks[name], self.specific[name](x)) for name, x in known.items()}
        invariants = {name: zero_absent(masks[name], self.shared(x)) for name, x in specific.items()}
        joint, invariant = torch.cat(list(specific.values()), dim=1), torch.cat(list(invariants.values()), dim=1)
        mean, variance = self._posterior(torch.cat([joint, invariant], dim=1))
        drawn = self.training or self.sampled_latent_at_test
        latent = draw(mean, variance, generator) if drawn else mean
        reconstruction = self.decoder(torch.cat([latent, invariant], dim=1))
        if self.sigmoid_output:
            reconstruction = reconstruction.sigmoid()
        return FusionOutput(
            logits=self.classifier(reconstruction),
            joint=joint,
            present=masks,
            invariants=invariants,
            mean={"product": mean},
            variance={"product": variance},
            reconstruction=reconstruction,
            kl=kl_from_prior(mean, variance),
        )

    def student_terms(self, output: FusionOutput, teacher: FusionOutput) -> dict[str, Tensor]:
        """`invariance` over all modalities' invariant representations; with `summed_kl`, `kl` as in the release."""
        terms = {}
        if output.invariants is not None and teacher.invariants is not None:
            pairs = [(value, teacher.invariants[name].detach()) for name, value in output.invariants.items()]
            error = torch.stack([(value - target).square().mean(dim=1) for value, target in pairs])
            terms["invariance"] = error.mean(dim=0)
        if self.summed_kl:
            assert output.kl is not None
            terms["kl"] = output.kl * len(output.kl)  # its mean over the rows is the sum
        return terms

    def _posterior(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        batch_of_one = tokens[None] if self.attention_across_batch else tokens[:, None]
        mixed = self.transformer(batch_of_one).reshape(tokens.shape)
        mean, log_variance = self.posterior(mixed).chunk(2, dim=1)
        return mean, log_variance.clamp(*_LOG_VARIANCE_RANGE).exp()


def _block(width_in: int, width_out: int, dropout: float) -> list[nn.Module]:
    return [nn.Linear(width_in, width_out), BatchNorm(width_out), nn.ReLU(), nn.Dropout(dropout)]
