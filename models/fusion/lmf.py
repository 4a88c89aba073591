"""Low-rank multimodal fusion: all products of the modalities' features, through a weight tensor of low rank.

Changed: the fused vector passes a normalisation and a linear head.

Public: `LMF`. Source: Liu et al., ACL 2018 (LMF), the low-rank form of Zadeh et al., EMNLP 2017 (tensor fusion).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.fusion.experts import specific_encoder
from models.fusion.output import Fusion, FusionOutput, check_features, zero_absent


class LMF(Fusion):
    """Low-rank tensor fusion: per modality `rank` linear maps of [1, features], multiplied over modalities and summed.

    An absent modality enters as [1, 0]: what is left is the fusion of the others.
    """

    name = "lmf"

    def __init__(
        self, feature_dims: Mapping[str, int], classes: int, *, hidden: int = 64, rank: int = 12, dropout: float = 0.3
    ) -> None:
        super().__init__(feature_dims, classes)
        if rank < 1:
            raise ValueError(f"rank must be at least 1, got {rank}")
        self.config = {"hidden": hidden, "rank": rank, "dropout": dropout}
        self.rank = rank
        self.joint_dim = hidden
        self.encoder = nn.ModuleDict(
            {name: specific_encoder(width, hidden, dropout) for name, width in self.feature_dims.items()}
        )
        self.factor = nn.ModuleDict({name: _factor(hidden, rank) for name in self.feature_dims})
        self.mix = nn.Linear(rank, 1, bias=False)
        self.head = nn.Sequential(nn.LayerNorm(hidden), nn.Dropout(dropout), nn.Linear(hidden, classes))

    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """Logits and joint representation."""
        known, masks = check_features(features, present, self.feature_dims)
        factors = [
            self.factor[name](zero_absent(masks[name], self.encoder[name](x))).unflatten(1, (-1, self.rank))
            for name, x in known.items()
        ]
        joint = self.mix(torch.stack(factors).prod(dim=0))[:, :, 0]
        return FusionOutput(logits=self.head(joint), joint=joint, present=masks)


def _factor(hidden: int, rank: int) -> nn.Linear:
    factor = nn.Linear(hidden, rank * hidden)
    nn.init.ones_(factor.bias)  # at first an absent modality leaves the others as they are
    return factor
