"""How noisy each modality is, told from what its encoder makes of it; learnt from the levels in records of noise.

It tells and does not weigh: votes weighted by it did no better in trials. A model that was trained without noise takes
everything for clean.

Public: `NoiseMeter`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.fusion.output import mean_over_present


class NoiseMeter(nn.Module):
    """One small network per modality on what `Encoder.describe` gives, normalised over what it was trained on.

    What it is given is detached: encoders are not shaped by how well they tell their noise.
    """

    def __init__(self, described_dims: Mapping[str, int], *, hidden: int = 64, dropout: float = 0.3) -> None:
        super().__init__()
        self.config = {"hidden": hidden, "dropout": dropout}
        self.norms = nn.ModuleDict({name: _RowNorm(width) for name, width in described_dims.items()})
        self.levels = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 1))
                for name, width in described_dims.items()
            }
        )

    def forward(self, described: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Per modality (B,) reliability, 1 minus the level that it takes the noise for; 0 where it is absent."""
        reliability = {}
        for name, level in self.levels.items():
            there = present[name].bool()
            rows = self.norms[name](described[name][there].detach())
            reliability[name] = torch.zeros(len(there), device=rows.device)
            reliability[name] = reliability[name].masked_scatter(there, 1 - level(rows)[:, 0].sigmoid())
        return reliability


def reliability_error(
    reliability: Mapping[str, Tensor], level: Mapping[str, Tensor], present: Mapping[str, Tensor]
) -> Tensor:
    """(B,) cross-entropy of the reliability against 1 minus the level, mean over the modalities that are there.

    It is least at the mean level of what looks alike. An absolute error is least at the median, which is 0 as long as
    most samples are clean, and ranks little: .3 to .5 where this reaches .5 to .8 (rank correlation).
    """
    errors = {
        name: functional.binary_cross_entropy(given, 1 - level[name], reduction="none")
        for name, given in reliability.items()
    }
    return mean_over_present(errors, present)


class _RowNorm(nn.BatchNorm1d):
    """Batch normalisation without weights that takes a single row, and none, as it would in evaluation."""

    def __init__(self, width: int) -> None:
        super().__init__(width, affine=False)

    def forward(self, rows: Tensor) -> Tensor:
        training = self.training and len(rows) > 1
        return functional.batch_norm(rows, self.running_mean, self.running_var, training=training, momentum=0.1)
