"""The contract of an encoder, and the classifier it is trained with on its own.

Public: `Encoder`, `UnimodalClassifier`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from models.batch import Batch


class Encoder(nn.Module, ABC):
    """Map one modality of a batch, raw or given as features, to one vector per sample.

    No vector depends on the other samples of the batch nor on padding; a sample without the modality gives a
    finite vector.
    """

    modality: str
    """The modality it reads, one of `models.batch.MODALITIES`."""
    out_dim: int
    """Length of the vector."""
    quality_dim: int = 0
    """How many statistics of its input it keeps beside the vector."""
    config: dict[str, Any]
    """The constructor's arguments, JSON-able: an encoder is rebuilt by `type(encoder)(**config)` and its weights."""

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """(B, out_dim) float32."""

    def quality(self, batch: Batch) -> Tensor:
        """(B, quality_dim) float32 statistics that tell how noisy the input is, for `models.meter`; none by default."""
        return torch.zeros(len(batch), 0, device=batch.audio.device)

    def encode(self, batch: Batch) -> Tensor:
        """(B, out_dim + quality_dim) float32: the vector, then the statistics."""
        return torch.cat([self(batch).float(), self.quality(batch)], dim=1)

    def extra_files(self) -> dict[str, bytes]:
        """What it needs beside `config` and weights, such as a tokenizer: name → content, kept in checkpoints.

        An encoder with such files is rebuilt by `type(encoder)(**config, extra_files=…)`.
        """
        return {}


class UnimodalClassifier(nn.Module):
    """Train an encoder alone: dropout and one linear layer over its vector."""

    def __init__(self, encoder: Encoder, classes: int, *, dropout: float = 0.3) -> None:
        super().__init__()
        if classes < 1:
            raise ValueError(f"classes must be at least 1 (one output: regression), got {classes}")
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.out_dim, classes)

    def forward(self, batch: Batch) -> Tensor:
        """(B, classes) logits."""
        return self.classify(self.encoder(batch))

    def classify(self, vector: Tensor) -> Tensor:
        """(B, classes) logits from the encoder's vector (B, out_dim)."""
        logits: Tensor = self.head(self.dropout(torch.nn.functional.gelu(vector)))
        return logits
