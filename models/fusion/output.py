"""What a fusion takes and gives.

A fusion takes one feature matrix per modality, (B, D_m) float32, and for each a (B,) bool that says which rows
hold anything; it never reads a row that is absent. Public: `Fusion`, `FusionOutput`, `check_features`,
`zero_absent`, `mean_over_present`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(slots=True)
class FusionOutput:
    """Prediction and everything that the losses and the report need; B samples, C classes (1 in regression)."""

    logits: Tensor
    """(B, C) class logits, or (B, 1) the predicted value."""
    joint: Tensor
    """(B, J) joint representation; that of the clean teacher is what a student reconstructs."""
    present: dict[str, Tensor]
    """Per modality (B,) bool, as given."""
    unimodal_logits: dict[str, Tensor] | None = None
    """Per modality (B, C) logits of its expert, zero where it is absent."""
    invariants: dict[str, Tensor] | None = None
    """Per modality (B, H) invariant representation, zero where it is absent."""
    invariant: Tensor | None = None
    """(B, H) mean of the invariant representations that are there."""
    mean: dict[str, Tensor] | None = None
    """(B, Z) posterior means: one per modality, and `product` given all that are there."""
    variance: dict[str, Tensor] | None = None
    """(B, Z) posterior variances, keyed like `mean`; 1, the prior's, where a modality is absent."""
    reconstruction: Tensor | None = None
    """(B, J) the teacher's joint representation as the decoder sees it."""
    kl: Tensor | None = None
    """(B,) KL divergence of the posterior from the prior, in nats, summed over the latent."""
    estimates: dict[str, Tensor] | None = None
    """Per modality what it alone makes of the teacher's representation, for `Fusion.student_terms`."""
    reliability: dict[str, Tensor] | None = None
    """Per modality (B,) in [0, 1], how far it is to be trusted, as `models.meter` tells; 0 where it is absent."""
    terms: dict[str, Tensor] = field(default_factory=dict)
    """(B,) losses of the fusion's own, by name, that need no teacher."""

    def at(self, rows: Tensor | slice) -> FusionOutput:
        """The output for some of the B samples, by their indices."""
        return FusionOutput(**{part.name: _at(getattr(self, part.name), rows) for part in fields(self)})

    @staticmethod
    def join(outputs: Sequence[FusionOutput]) -> FusionOutput:
        """One output for the samples of several of the same model, in their order."""
        return FusionOutput(
            **{part.name: _joined([getattr(one, part.name) for one in outputs]) for part in fields(FusionOutput)}
        )


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], dict):
        return {name: _joined([part[name] for part in parts]) for name in parts[0]}
    return None if parts[0] is None else torch.cat(list(parts))


def _at(value: Any, rows: Tensor | slice) -> Any:
    if isinstance(value, dict):
        return {name: tensor[rows] for name, tensor in value.items()}
    return None if value is None else value[rows]


class Fusion(nn.Module, ABC):
    """Fuse the features of the modalities that are there into class logits and a joint representation.

    No row depends on the other rows of its batch.
    """

    name: str
    """Its name in `models.create` and in checkpoints."""
    joint_dim: int
    """Length of the joint representation."""
    config: dict[str, int | float]
    """Keyword arguments; a fusion is rebuilt by `type(fusion)(feature_dims, classes, **config)`."""
    teacher_hidden: int | None = None
    """Width of the clean teacher `Experts(hidden=...)` whose joint representation it reconstructs; None for none."""
    term_weights: Mapping[str, float] = MappingProxyType({})
    """Weights of its own loss terms; for a term of `LossWeights` it stands in place of the weight there."""

    def __init__(self, feature_dims: Mapping[str, int], classes: int) -> None:
        super().__init__()
        if not feature_dims:
            raise ValueError("a fusion needs at least one modality, got none")
        if classes < 1:
            raise ValueError(f"classes must be at least 1 (one output: regression), got {classes}")
        self.feature_dims = dict(feature_dims)
        self.classes = classes

    @abstractmethod
    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """Fuse (B, D_m) features; `generator` draws the latent in training (dropout uses torch's own)."""

    def student_terms(self, output: FusionOutput, teacher: FusionOutput) -> dict[str, Tensor]:
        """(B,) losses of its own towards the clean teacher's output for the same rows; one named like a usual term
        replaces it."""
        return {}


def check_features(
    features: Mapping[str, Tensor], present: Mapping[str, Tensor], feature_dims: Mapping[str, int]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The known modalities of `features`, with absent rows set to zero, and their `present` masks.

    Raises ValueError that names the modality when one is missing or has the wrong width.
    """
    for name, width in feature_dims.items():
        if name not in features or name not in present:
            raise ValueError(
                f"features of modality {name!r} are missing: give all of {sorted(feature_dims)}, "
                "with present=False for rows that have none"
            )
        if features[name].ndim != 2 or features[name].shape[1] != width:
            raise ValueError(
                f"features of {name!r} must be (B, {width}), got {tuple(features[name].shape)}: "
                "the model was built for another encoder"
            )
    masks = {name: present[name].bool() for name in feature_dims}
    return {name: features[name].masked_fill(~masks[name][:, None], 0) for name in feature_dims}, masks


def zero_absent(mask: Tensor, values: Tensor) -> Tensor:
    """`values` (B, ...) with the rows where `mask` (B,) is False set to zero."""
    return values.masked_fill(~mask.reshape(-1, *[1] * (values.ndim - 1)), 0)


def mean_over_present(values: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
    """Mean of the modalities' (B, ...) values over those that are there; 0 for a row that has none."""
    total = torch.stack([zero_absent(present[name], value) for name, value in values.items()]).sum(dim=0)
    there = torch.stack([present[name] for name in values]).sum(dim=0).clamp(min=1)
    return total / there.reshape(-1, *[1] * (total.ndim - 1))
