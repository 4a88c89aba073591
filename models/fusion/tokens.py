"""Tokens that a fusion with attention learns beside those of its input. Public: `learnt_tokens`."""

from __future__ import annotations

import torch
from torch import nn


def learnt_tokens(count: int, width: int) -> nn.Parameter:
    """(1, count, width), small at first, to be expanded to the batch."""
    return nn.Parameter(0.02 * torch.randn(1, count, width))
