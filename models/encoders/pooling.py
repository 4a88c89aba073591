"""Pooling over time that ignores padding exactly.

All functions take values (B, T, C) and a mask (B, T) that is True on valid steps; a sample without a valid
step pools to zeros. Public: `length_mask`, `masked_mean`, `masked_mean_std`, `AttentivePooling`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_VARIANCE_FLOOR = 1e-5


def length_mask(length: Tensor, steps: int) -> Tensor:
    """(B, steps) bool: True on the first `length` (B,) steps of every row."""
    return torch.arange(steps, device=length.device) < length[:, None]


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """(B, C) mean over the valid steps."""
    weight = mask.to(values.dtype)
    weight = weight / weight.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.bmm(weight.unsqueeze(1), values).squeeze(1)


def masked_mean_std(values: Tensor, mask: Tensor) -> Tensor:
    """(B, 2C) mean and standard deviation over the valid steps."""
    mean = masked_mean(values, mask)
    variance = masked_mean((values - mean.unsqueeze(1)).square(), mask)
    # The floor keeps the root's gradient finite; subtracting its root makes an empty sample exactly zero.
    std = (variance + _VARIANCE_FLOOR).sqrt() - _VARIANCE_FLOOR**0.5
    return torch.cat([mean, std], dim=1)


class AttentivePooling(nn.Module):
    """Attention-weighted mean, beside the plain mean and standard deviation over time.

    Source: attentive statistics pooling, Okabe, Koshinaka and Shinoda, Interspeech 2018.
    """

    def __init__(self, channels: int, *, hidden: int = 32) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(channels, hidden), nn.Tanh(), nn.Linear(hidden, 1, bias=False))
        self.out_dim = 3 * channels

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(B, 3C): attended mean, mean, standard deviation."""
        score = self.score(values).squeeze(2)
        # A finite fill, not -inf: a row without valid steps must not become NaN.
        weight = torch.softmax(score.masked_fill(~mask, -1e9), dim=1) * mask
        attended = torch.bmm(weight.unsqueeze(1), values).squeeze(1)
        return torch.cat([attended, masked_mean_std(values, mask)], dim=1)
