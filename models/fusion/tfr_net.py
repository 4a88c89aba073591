"""Transformer feature reconstruction: modalities attend to each other, and each rebuilds its clean features.

Changed: a modality's tokens are projections of its pooled features; self-attention and attention to the other
modalities are one decoder layer per modality; what is rebuilt, by smooth L1 as in the paper, is the clean teacher's
specific representation, at all positions and not at the missing ones alone; an absent modality stands as learnt tokens.

Public: `TFRNet`. Source: Yuan et al., ACM MM 2021 (TFR-Net).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.fusion.output import Fusion, FusionOutput, check_features
from models.fusion.tokens import learnt_tokens


class TFRNet(Fusion):
    """Cross-modal attention over `tokens` per modality, with a head on all and one that rebuilds each."""

    name = "tfr_net"
    term_weights: Mapping[str, float] = {"reconstruction": 1.0}

    def __init__(
        self,
        feature_dims: Mapping[str, int],
        classes: int,
        *,
        width: int = 48,
        tokens: int = 4,
        heads: int = 4,
        teacher_hidden: int = 64,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(feature_dims, classes)
        self.config = {
            "width": width,
            "tokens": tokens,
            "heads": heads,
            "teacher_hidden": teacher_hidden,
            "dropout": dropout,
        }
        self.teacher_hidden = teacher_hidden
        self.width, self.tokens = width, tokens
        self.joint_dim = width * tokens * len(self.feature_dims)
        self.project = nn.ModuleDict({name: nn.Linear(dim, tokens * width) for name, dim in self.feature_dims.items()})
        self.absent = nn.ParameterDict({name: learnt_tokens(tokens, width) for name in self.feature_dims})
        self.nothing = learnt_tokens(1, width)
        self.attend = nn.ModuleDict(
            {
                name: nn.TransformerDecoderLayer(width, heads, 2 * width, dropout, batch_first=True)
                for name in self.feature_dims
            }
        )
        self.rebuild = nn.ModuleDict({name: nn.Linear(tokens * width, teacher_hidden) for name in self.feature_dims})
        self.head = nn.Sequential(
            nn.Linear(self.joint_dim, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, classes)
        )

    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """Logits, all attended tokens as joint representation, and the rebuilt features."""
        known, masks = check_features(features, present, self.feature_dims)
        streams = {
            name: torch.where(
                masks[name][:, None, None], self.project[name](x).unflatten(1, (-1, self.width)), self.absent[name]
            )
            for name, x in known.items()
        }
        attended = {name: self._attend(name, streams, masks).flatten(1) for name in streams}
        joint = torch.cat(list(attended.values()), dim=1)
        return FusionOutput(
            logits=self.head(joint),
            joint=joint,
            present=masks,
            reconstruction=torch.cat([self.rebuild[name](x) for name, x in attended.items()], dim=1),
        )

    def student_terms(self, output: FusionOutput, teacher: FusionOutput) -> dict[str, Tensor]:
        """`reconstruction` by smooth L1 in place of the squared error."""
        assert output.reconstruction is not None
        error = functional.smooth_l1_loss(output.reconstruction, teacher.joint.detach(), reduction="none")
        return {"reconstruction": error.mean(dim=1)}

    def _attend(self, name: str, streams: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Tensor:
        others = [other for other in streams if other != name]
        rows = len(streams[name])
        # One token that is always there: attention over nothing would not be finite.
        memory = torch.cat([self.nothing.expand(rows, -1, -1), *(streams[other] for other in others)], dim=1)
        hidden = torch.stack([torch.zeros_like(masks[name]), *(~masks[other] for other in others)], dim=1)
        lengths = torch.tensor([1, *[self.tokens] * len(others)], device=hidden.device)
        attended: Tensor = self.attend[name](
            streams[name], memory, memory_key_padding_mask=hidden.repeat_interleave(lengths, dim=1)
        )
        return attended
