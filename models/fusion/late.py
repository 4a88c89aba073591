"""Late fusion: one classifier per modality, their probabilities averaged.

Changed: trained jointly, on the fused and on the single predictions.

Public: `Late`. Source: Kittler et al., IEEE TPAMI 1998 (the mean rule).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.fusion.experts import specific_encoder
from models.fusion.output import Fusion, FusionOutput, check_features, mean_over_present, zero_absent


class Late(Fusion):
    """Mean of the class probabilities (in regression: of the values) of the modalities that are there.

    With none there, every class is equally likely.
    """

    name = "late"

    def __init__(
        self, feature_dims: Mapping[str, int], classes: int, *, hidden: int = 208, dropout: float = 0.3
    ) -> None:
        super().__init__(feature_dims, classes)
        self.config = {"hidden": hidden, "dropout": dropout}
        self.joint_dim = hidden * len(self.feature_dims)
        self.encoder = nn.ModuleDict(
            {name: specific_encoder(width, hidden, dropout) for name, width in self.feature_dims.items()}
        )
        self.expert = nn.ModuleDict(
            {
                name: nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes))
                for name in self.feature_dims
            }
        )

    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """Log-probabilities as logits, joint representation and unimodal logits."""
        known, masks = check_features(features, present, self.feature_dims)
        specific = {name: zero_absent(masks[name], self.encoder[name](x)) for name, x in known.items()}
        votes = {name: zero_absent(masks[name], self.expert[name](x)) for name, x in specific.items()}
        return FusionOutput(
            logits=mean_over_present(votes, masks) if self.classes == 1 else self._log_mean(votes, masks),
            joint=torch.cat(list(specific.values()), dim=1),
            present=masks,
            unimodal_logits=votes,
        )

    def _log_mean(self, votes: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Tensor:
        none = ~torch.stack(list(masks.values())).any(dim=0)
        log_probabilities = torch.stack(
            [
                vote.log_softmax(dim=1).masked_fill(~(masks[name] | none)[:, None], -math.inf)
                for name, vote in votes.items()
            ]
        )  # where none is there all are uniform and stay, so that the sum is finite
        there = torch.stack([mask | none for mask in masks.values()]).sum(dim=0)
        return log_probabilities.logsumexp(dim=0) - there.log()[:, None]
