"""Attention bottleneck: modalities exchange information through a few shared tokens alone.

There is one stream per modality with a class token; the bottleneck tokens are averaged over the streams after every
layer, and the class logits at the end. Changed: a modality's tokens are projections of its pooled features; the
averages are over the modalities that are there.

Public: `Bottleneck`. Source: Nagrani et al., NeurIPS 2021 (MBT).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.fusion.output import Fusion, FusionOutput, check_features, mean_over_present, zero_absent
from models.fusion.tokens import learnt_tokens


class Bottleneck(Fusion):
    """One Transformer stream per modality; they meet in `bottlenecks` tokens, and the mean of their logits predicts."""

    name = "bottleneck"

    def __init__(
        self,
        feature_dims: Mapping[str, int],
        classes: int,
        *,
        width: int = 48,
        tokens: int = 4,
        bottlenecks: int = 4,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(feature_dims, classes)
        self.config = {
            "width": width,
            "tokens": tokens,
            "bottlenecks": bottlenecks,
            "layers": layers,
            "heads": heads,
            "dropout": dropout,
        }
        self.joint_dim = width * len(self.feature_dims)
        self.bottlenecks, self.width = bottlenecks, width
        self.project = nn.ModuleDict({name: nn.Linear(dim, tokens * width) for name, dim in self.feature_dims.items()})
        self.class_token = nn.ParameterDict({name: learnt_tokens(1, width) for name in self.feature_dims})
        self.shared = learnt_tokens(bottlenecks, width)
        self.layers = nn.ModuleDict(
            {
                name: nn.ModuleList(
                    nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, batch_first=True)
                    for _ in range(layers)
                )
                for name in self.feature_dims
            }
        )
        self.head = nn.Linear(width, classes)

    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """Logits, and the class tokens as joint representation."""
        known, masks = check_features(features, present, self.feature_dims)
        streams = {
            name: torch.cat(
                [self.class_token[name].expand(len(x), -1, -1), self.project[name](x).unflatten(1, (-1, self.width))], 1
            )
            for name, x in known.items()
        }
        shared = self.shared.expand(len(next(iter(known.values()))), -1, -1)
        for layers in zip(*self.layers.values(), strict=True):
            passed = {
                name: layer(torch.cat([shared, stream], dim=1))
                for layer, (name, stream) in zip(layers, streams.items(), strict=True)
            }
            shared = mean_over_present({name: x[:, : self.bottlenecks] for name, x in passed.items()}, masks)
            streams = {name: x[:, self.bottlenecks :] for name, x in passed.items()}
        summaries = {name: zero_absent(masks[name], x[:, 0]) for name, x in streams.items()}
        return FusionOutput(
            logits=self.head(mean_over_present(summaries, masks)),  # the mean of logits, since the head is linear
            joint=torch.cat(list(summaries.values()), dim=1),
            present=masks,
        )
