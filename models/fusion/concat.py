"""Plain concatenation, the baseline that stands beside every claim. Public: `Concat`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from models.fusion.output import Fusion, FusionOutput, check_features


class Concat(Fusion):
    """A perceptron over the concatenated features, with zeros where a modality is absent.

    Depth and number of weights are about those of `NMER` at its defaults; the joint representation is the last
    hidden layer.
    """

    name = "concat"

    def __init__(
        self, feature_dims: Mapping[str, int], classes: int, *, hidden: int = 328, dropout: float = 0.3
    ) -> None:
        super().__init__(feature_dims, classes)
        self.config = {"hidden": hidden, "dropout": dropout}
        self.joint_dim = hidden
        widths = [sum(self.feature_dims.values()), hidden, hidden]
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(widths):
            layers += [
                nn.Linear(width_in, width_out),
                nn.LayerNorm(width_out),
                nn.ReLU(),
                nn.Dropout(dropout),
            ]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(hidden, classes)

    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """Logits and joint representation; the other fields are None."""
        known, masks = check_features(features, present, self.feature_dims)
        joint = self.body(torch.cat(list(known.values()), dim=1))
        return FusionOutput(logits=self.head(joint), joint=joint, present=masks)
