"""Losses of the two stages: a clean teacher, then a student under noise that reconstructs what the teacher saw.

Every term is a mean over the samples of the batch, so that weights mean the same at any batch size; terms are
returned unweighted beside the weighted total. A fusion without some part has no such term; it may have terms of its
own (`FusionOutput.terms`, `Fusion.student_terms`), with weights of its own (`Fusion.term_weights`). A fusion with one
output is a regression: `absolute_error` (L1, customary for sentiment, as in MMSA) stands in place of `cross_entropy`.

The evidence lower bound of the student is `kl` (summed over the latent, in nats) against `reconstruction` (mean
squared error per dimension of the joint representation). With the default weights a latent dimension pays once it
explains a few thousandths of that variance; at a KL weight near 1 none does, and the posterior collapses.

Public: `LossWeights`, `DEFAULT_WEIGHTS`, `Loss`, `teacher_loss`, `student_loss`, `consistency`,
`central_moment_discrepancy`, `NoiseProbe`. References: Kingma and Welling, ICLR 2014; Higgins et al., ICLR 2017 (KL
weight); Zellinger et al., ICLR 2017 (CMD); Mao et al., ACL 2022 demonstrations (M-SENA, the platform of MMSA).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.fusion.output import Fusion, FusionOutput
from models.meter import reliability_error


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weight of each term; cross-entropy or absolute error of the fused prediction has weight 1."""

    unimodal: float = 1.0
    """The same of every expert that is there."""
    kl: float = 1e-3
    """KL divergence of the latent, per sample."""
    reconstruction: float = 0.3
    """Squared error of the reconstruction against the teacher's joint representation."""
    invariance: float = 0.1
    """Teacher: moment discrepancy between modalities. Student: squared error against the teacher."""
    reliability: float = 0.3
    """Cross-entropy of each modality's reliability against the level of its noise (`models.meter`)."""
    level: float = 0.0
    """Absolute error of `NoiseProbe` on the level of noise."""
    noise: float = 0.0
    """Cross-entropy of `NoiseProbe` on the type of noise."""


DEFAULT_WEIGHTS = LossWeights()


class Loss(NamedTuple):
    """A weighted total to descend on, and its unweighted, detached terms to log."""

    total: Tensor
    terms: dict[str, Tensor]


def teacher_loss(
    fusion: Fusion,
    output: FusionOutput,
    label: Tensor,
    weights: LossWeights = DEFAULT_WEIGHTS,
    class_weight: Tensor | None = None,
) -> Loss:
    """Stage 1, on clean data: `cross_entropy`, `unimodal`, `invariance` between the modalities, and `fusion`'s own.

    `label` is (B,) int64, `class_weight` (C,) float32 or None; in regression `label` is (B,) float32.
    """
    terms = _prediction(output, label, class_weight)
    if output.invariants is not None:
        terms["invariance"] = central_moment_discrepancy(output.invariants, output.present)
    return _weigh(terms, output.terms, fusion, weights)


def student_loss(
    fusion: Fusion,
    output: FusionOutput,
    teacher: FusionOutput | None,
    label: Tensor,
    weights: LossWeights = DEFAULT_WEIGHTS,
    class_weight: Tensor | None = None,
    level: Mapping[str, Tensor] | None = None,
    probed: Mapping[str, Tensor] | None = None,
) -> Loss:
    """Stage 2, under noise: `cross_entropy`, `unimodal`, `kl`, `reconstruction`, `invariance`, `reliability`, own ones.

    `teacher` is the frozen teacher's output on the clean features of the same rows; None leaves out the terms
    towards it. `level` is that of the noise, (B,) float32 in [0, 1] per modality, where the records are known; `probed`
    is what a `NoiseProbe` gives. Raises ValueError when the teacher's joint representation
    has another width, or when `class_weight` is given in regression.
    """
    terms = _prediction(output, label, class_weight)
    own = output.terms | dict(probed or {})
    if output.kl is not None:
        terms["kl"] = output.kl.mean()
    if teacher is not None and output.reconstruction is not None:
        target = teacher.joint.detach()
        if target.shape != output.reconstruction.shape:
            raise ValueError(
                f"the teacher's joint representation is {tuple(target.shape)}, the reconstruction "
                f"{tuple(output.reconstruction.shape)}: give both the same hidden width and modalities"
            )
        terms["reconstruction"] = (output.reconstruction - target).square().mean()
    if teacher is not None and output.invariant is not None and teacher.invariant is not None:
        terms["invariance"] = (output.invariant - teacher.invariant.detach()).square().mean()
    if teacher is not None:
        own = own | fusion.student_terms(output, teacher)
    if level is not None and output.reliability is not None:
        own = own | {"reliability": reliability_error(output.reliability, level, output.present)}
    return _weigh(terms, own, fusion, weights)


class NoiseProbe(nn.Module):
    """Level and type of the noise on each modality, read from the joint representation: an auxiliary target.

    Linear, trained with the fusion; `types` is the number of noise types, 0 for the level alone.
    """

    def __init__(self, joint_dim: int, modalities: int, types: int = 0) -> None:
        super().__init__()
        self.level = nn.Linear(joint_dim, modalities)
        self.kind = nn.Linear(joint_dim, modalities * types) if types else None

    def forward(self, output: FusionOutput, level: Tensor, noise: Tensor | None = None) -> dict[str, Tensor]:
        """(B,) losses `level` and, where types are known, `noise`, for `student_loss`.

        `level` is (B, M) float32 in [0, 1]; `noise` (B, M) int64 type indices, -1 for none, which does not count.
        """
        losses = {"level": (self.level(output.joint).sigmoid() - level).abs().mean(dim=1)}
        if noise is not None and self.kind is not None:
            logits = self.kind(output.joint).unflatten(1, (noise.shape[1], -1)).transpose(1, 2)
            losses["noise"] = functional.cross_entropy(logits, noise, reduction="none", ignore_index=-1).mean(dim=1)
        return losses


def consistency(logits: Tensor, other: Tensor) -> Tensor:
    """Symmetric KL divergence between the predictions (B, C) for two noisy views of the same rows, in nats.

    In regression, (B, 1), their mean absolute difference. In each direction the target is held fixed, so that a
    view is drawn towards the other and not dissolved.
    """
    if logits.shape[1] == 1:
        return ((logits - other.detach()).abs() + (logits.detach() - other).abs()).mean() / 2
    log_p, log_q = functional.log_softmax(logits, dim=1), functional.log_softmax(other, dim=1)
    forward = functional.kl_div(log_q, log_p.detach(), reduction="batchmean", log_target=True)
    backward = functional.kl_div(log_p, log_q.detach(), reduction="batchmean", log_target=True)
    return forward + backward


def central_moment_discrepancy(
    representations: Mapping[str, Tensor], present: Mapping[str, Tensor], *, moments: int = 5
) -> Tensor:
    """Mean over pairs of modalities of the distance between their first `moments` central moments.

    Representations are (B, H); they pass a hyperbolic tangent, so that they lie in the interval of length 2 that
    the definition asks for. Rows count where `present`; a pair in which either has none is left
    out; 0 if no pair is left.
    """
    bounded = {name: torch.tanh(values[present[name]]) for name, values in representations.items()}
    filled = [values for values in bounded.values() if len(values)]
    pairs = list(combinations(filled, 2))
    if not pairs:
        return next(iter(representations.values())).sum() * 0
    return torch.stack([_moment_distance(one, other, moments) for one, other in pairs]).mean()


def _moment_distance(one: Tensor, other: Tensor, moments: int) -> Tensor:
    span = 2.0
    mean_one, mean_other = one.mean(dim=0), other.mean(dim=0)
    distance = _norm(mean_one - mean_other) / span
    for order in range(2, moments + 1):
        moment_one = (one - mean_one).pow(order).mean(dim=0)
        moment_other = (other - mean_other).pow(order).mean(dim=0)
        distance = distance + _norm(moment_one - moment_other) / span**order
    return distance


def _norm(difference: Tensor) -> Tensor:
    return (difference.square().sum() + 1e-12).sqrt()  # a finite gradient at zero


def _prediction(output: FusionOutput, label: Tensor, class_weight: Tensor | None) -> dict[str, Tensor]:
    regression = output.logits.shape[1] == 1
    if regression and class_weight is not None:
        raise ValueError("class_weight was given for a fusion with one output: leave it out in regression")

    def error(logits: Tensor, labels: Tensor) -> Tensor:
        if regression:
            return functional.l1_loss(logits[:, 0], labels.to(logits.dtype))
        return functional.cross_entropy(logits, labels, weight=class_weight)

    terms = {"absolute_error" if regression else "cross_entropy": error(output.logits, label)}
    if output.unimodal_logits is not None:
        names = list(output.unimodal_logits)
        there = torch.cat([output.present[name] for name in names])
        logits = torch.cat([output.unimodal_logits[name] for name in names])[there]
        labels = label.repeat(len(names))[there]
        terms["unimodal"] = error(logits, labels) if len(labels) else output.logits.sum() * 0
    return terms


def _weigh(terms: dict[str, Tensor], own: Mapping[str, Tensor], fusion: Fusion, weights: LossWeights) -> Loss:
    terms = terms | {name: term.mean() for name, term in own.items()}
    weight = {"cross_entropy": 1.0, "absolute_error": 1.0} | asdict(weights) | dict(fusion.term_weights)
    total = torch.stack([weight[name] * term for name, term in terms.items()]).sum()
    return Loss(total, {name: term.detach() for name, term in terms.items()})
