"""Standardised, clipped features: what keeps one wild feature of a noisy input from deciding a prediction.

Public: `Standardiser`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_DEVIATION_FLOOR = 1e-3
_CLIP = 3.0


class Standardiser(nn.Module):
    """Subtract the mean and divide by the deviation of the clean training rows, then clip at ± 3.

    Until `fit` it only clips.
    """

    def __init__(self, feature_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.names = list(feature_dims)
        for name, width in feature_dims.items():
            self.register_buffer(f"{name}_mean", torch.zeros(width))
            self.register_buffer(f"{name}_std", torch.ones(width))

    @torch.no_grad()
    def fit(self, features: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> None:
        """Take mean and deviation of the rows (N, D_m) that are `present`: clean training rows, nothing else.

        Raises ValueError when a modality has fewer than two such rows.
        """
        for name in self.names:
            rows = features[name][present[name]]
            if len(rows) < 2:
                raise ValueError(f"cannot standardise {name!r}: {len(rows)} clean rows hold it, need two")
            deviation, mean = torch.std_mean(rows, dim=0)
            self.get_buffer(f"{name}_mean").copy_(mean)
            self.get_buffer(f"{name}_std").copy_(deviation.clamp(min=_DEVIATION_FLOOR))

    def forward(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Per modality (B, D_m), within ± 3."""
        return {
            name: ((features[name] - self.get_buffer(f"{name}_mean")) / self.get_buffer(f"{name}_std")).clamp(
                -_CLIP, _CLIP
            )
            for name in self.names
        }
