"""Batch normalisation for batches of any size. Public: `BatchNorm`."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class BatchNorm(nn.BatchNorm1d):
    """Takes a training batch of one row or none, whose variance is undefined, by its running statistics."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C), normalised."""
        if self.training and len(x) < 2:
            return functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)
