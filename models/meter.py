"""How noisy each modality is, told from what its encoder makes of it; learnt from the levels in records of noise.

It tells and does not weigh. One that was trained on clean data alone has learnt that everything is clean.

Public: `NoiseMeter`, `reliability_error`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.batch_norm import BatchNorm
from models.fusion.output import mean_over_present


class NoiseMeter(nn.Module):
    """One small network per modality on what `Encoder.encode` gives, normalised over what it was trained on.

    What it is given is detached: encoders are not shaped by how well they tell their noise. It works in 32 bits under
    autocast too.
    """

    def __init__(self, encoded_dims: Mapping[str, int], *, hidden: int = 64, dropout: float = 0.3) -> None:
        super().__init__()
        self.config = {"hidden": hidden, "dropout": dropout}
        self.levels = nn.ModuleDict({name: _level(width, hidden, dropout) for name, width in encoded_dims.items()})

    def forward(self, encoded: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Per modality (B,) float32 reliability, 1 minus the level that its noise is taken to have; 0 where absent."""
        reliability = {}
        for name, level in self.levels.items():
            there = present[name].bool()
            rows = encoded[name][there].detach().float()
            with torch.autocast(rows.device.type, enabled=False):
                told = 1 - level(rows)[:, 0].sigmoid()
            reliability[name] = torch.zeros(len(there), device=rows.device).masked_scatter(there, told)
        return reliability


def reliability_error(
    reliability: Mapping[str, Tensor], level: Mapping[str, Tensor], present: Mapping[str, Tensor]
) -> Tensor:
    """(B,) cross-entropy of the reliability against 1 minus the level, mean over the modalities that are there.

    It is least at the mean level of what looks alike. An absolute error would be least at the median, which is 0 as
    long as most samples are clean, and tells little then.
    """
    errors = {
        name: functional.binary_cross_entropy(given, 1 - level[name], reduction="none")
        for name, given in reliability.items()
    }
    return mean_over_present(errors, present)


def _level(width: int, hidden: int, dropout: float) -> nn.Sequential:
    norm = BatchNorm(width, affine=False)
    return nn.Sequential(norm, nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 1))
