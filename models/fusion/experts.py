"""One expert per modality over invariant and specific representations; the clean teacher has this form.

Public: `Experts`, `specific_encoder`. References: Zuo et al., ICASSP 2023 (IF-MMIN, invariant features); Hazarika,
Zimmermann and Poria, ACM MM 2020 (MISA, invariant and specific representations).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.fusion.output import Fusion, FusionOutput, check_features, mean_over_present, zero_absent


class Experts(Fusion):
    """Sum of the class logits of one expert per modality; an absent modality adds nothing.

    Each modality has a specific encoder of its own and passes through an invariant encoder shared by all. The
    joint representation is the concatenation of the specific ones, zero where a modality is absent.
    """

    name = "experts"

    def __init__(
        self, feature_dims: Mapping[str, int], classes: int, *, hidden: int = 64, dropout: float = 0.3
    ) -> None:
        super().__init__(feature_dims, classes)
        self.config = {"hidden": hidden, "dropout": dropout}
        self.hidden = hidden
        self.joint_dim = hidden * len(self.feature_dims)
        self.specific = nn.ModuleDict(
            {name: specific_encoder(width, hidden, dropout) for name, width in self.feature_dims.items()}
        )
        self.adapter = nn.ModuleDict({name: nn.Linear(width, hidden) for name, width in self.feature_dims.items()})
        self.shared = specific_encoder(hidden, hidden, dropout)
        self.expert = nn.ModuleDict(
            {
                name: nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * hidden, classes))
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
        """Logits, joint and invariant representations and unimodal logits."""
        known, masks = check_features(features, present, self.feature_dims)
        specific = {name: zero_absent(masks[name], self.specific[name](x)) for name, x in known.items()}
        invariants = {name: zero_absent(masks[name], self.shared(self.adapter[name](x))) for name, x in known.items()}
        votes = {
            name: zero_absent(masks[name], self.expert[name](torch.cat([specific[name], invariants[name]], dim=1)))
            for name in known
        }
        return FusionOutput(
            logits=torch.stack(list(votes.values())).sum(dim=0),
            joint=torch.cat(list(specific.values()), dim=1),
            present=masks,
            unimodal_logits=votes,
            invariants=invariants,
            invariant=mean_over_present(invariants, masks),
        )


def specific_encoder(width: int, hidden: int, dropout: float) -> nn.Sequential:
    """(B, width) to a representation (B, hidden) of unit scale."""
    # The last normalisation keeps every representation at unit scale, so that a squared error towards it
    # cannot be lowered by shrinking.
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.LayerNorm(hidden, elementwise_affine=False),
    )
