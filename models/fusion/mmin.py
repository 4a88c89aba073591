"""MMIN: a cascaded residual auto-encoder imagines the clean joint representation, a second one leads back.

Changed: imagination is towards the clean teacher's whole joint representation, where the paper takes the missing
modalities' alone, since here noisy modalities are to be repaired too; pooled features stand in place of the encoders,
with LayerNorm on their embedding as in the teacher's; no linear layers after the cascade; fewer and smaller blocks,
for the budget that all fusions share. The weights of imagination and cycle, 4 and 2, are those of the authors' script.

Public: `MMIN`. Sources: Zhao, Li and Jin, ACL 2021 (Missing Modality Imagination Network); Tran et al., CVPR 2017
(cascaded residual auto-encoders).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.fusion.output import Fusion, FusionOutput, check_features, zero_absent


class MMIN(Fusion):
    """A cascade of auto-encoders imagines the clean representation; the class is read from its bottlenecks."""

    name = "mmin"
    term_weights: Mapping[str, float] = {"reconstruction": 4.0, "cycle": 2.0}

    def __init__(
        self,
        feature_dims: Mapping[str, int],
        classes: int,
        *,
        teacher_hidden: int = 64,
        blocks: int = 3,
        width: int = 64,
        bottleneck: int = 32,
        dropout: float = 0.3,
    ) -> None:
        super().__init__(feature_dims, classes)
        if blocks < 1:
            raise ValueError(f"blocks must be at least 1, got {blocks}")
        self.config = {
            "teacher_hidden": teacher_hidden,
            "blocks": blocks,
            "width": width,
            "bottleneck": bottleneck,
            "dropout": dropout,
        }
        self.teacher_hidden = teacher_hidden
        self.joint_dim = teacher_hidden * len(self.feature_dims)
        self.encoder = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(dim, teacher_hidden), nn.LayerNorm(teacher_hidden, elementwise_affine=False)
                )
                for name, dim in self.feature_dims.items()
            }
        )
        self.imagine = _Cascade(self.joint_dim, blocks, width, bottleneck)
        self.back = _Cascade(self.joint_dim, blocks, width, bottleneck)
        self.head = nn.Sequential(
            nn.Linear(blocks * bottleneck, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, classes)
        )

    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """Logits, the embedding as joint representation, the imagined one, and the term `cycle`."""
        known, masks = check_features(features, present, self.feature_dims)
        joint = torch.cat([zero_absent(masks[name], self.encoder[name](x)) for name, x in known.items()], dim=1)
        imagined, bottlenecks = self.imagine(joint)
        returned, _ = self.back(imagined)
        return FusionOutput(
            logits=self.head(bottlenecks),
            joint=joint,
            present=masks,
            reconstruction=imagined,
            terms={"cycle": (returned - joint.detach()).square().mean(dim=1)},
        )


class _Cascade(nn.Module):
    """Auto-encoders of which each corrects the sum of the input and the corrections before it."""

    def __init__(self, dim: int, blocks: int, width: int, bottleneck: int) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, width), nn.LeakyReLU(), nn.Linear(width, bottleneck)) for _ in range(blocks)
        )
        self.decoders = nn.ModuleList(
            nn.Sequential(nn.LeakyReLU(), nn.Linear(bottleneck, width), nn.ReLU(), nn.Linear(width, dim))
            for _ in range(blocks)
        )

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """(B, dim) to the corrected (B, dim) and the bottlenecks (B, blocks × bottleneck)."""
        bottlenecks = []
        for encoder, decoder in zip(self.encoders, self.decoders, strict=True):
            bottlenecks.append(encoder(values))
            values = values + decoder(bottlenecks[-1])
        return values, torch.cat(bottlenecks, dim=1)
