"""Waves to one vector: log-mel, a strided convolution stack over time, masked attentive pooling.

Public: `AudioEncoder`, `ConvBlock`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.encoders.encoder import Encoder
from models.encoders.log_mel import LogMel
from models.encoders.pooling import AttentivePooling, masked_mean, masked_mean_std


class AudioEncoder(Encoder):
    """Learned features of the log-mel spectrum beside its plain statistics over time.

    The statistics (mean, deviation and mean absolute change per band) carry loudness, spectrum and rate, and
    let a few hundred utterances suffice; the convolutions add patterns of about a fifth of a second.
    """

    modality = "audio"

    def __init__(self, out_dim: int = 96, *, bands: int = 64, width: int = 96, dropout: float = 0.1) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.config = {"out_dim": out_dim, "bands": bands, "width": width, "dropout": dropout}
        self.log_mel = LogMel(bands)
        self.blocks = nn.ModuleList(
            [
                ConvBlock(2 * bands, width, kernel=5, stride=2),
                ConvBlock(width, width, kernel=5, stride=2),
                ConvBlock(width, width, kernel=3, stride=2),
            ]
        )
        self.pooling = AttentivePooling(width)
        statistics = 3 * 2 * bands
        self.projection = nn.Sequential(
            nn.LayerNorm(self.pooling.out_dim + statistics),
            nn.Dropout(dropout),
            nn.Linear(self.pooling.out_dim + statistics, out_dim),
        )

    def forward(self, batch: Batch) -> Tensor:
        """(B, out_dim) from `batch.audio` (B, N) and its lengths."""
        features, mask = self.log_mel(batch.audio, batch.audio_length)  # (B, T, 2 bands), (B, T)
        change = (features[:, 1:] - features[:, :-1]).abs()
        statistics = [masked_mean_std(features, mask), masked_mean(change, mask[:, 1:])]
        hidden = features.transpose(1, 2)
        for block in self.blocks:
            hidden, mask = block(hidden, mask)  # (B, width, T / 2), (B, T / 2)
        pooled = self.pooling(hidden.transpose(1, 2), mask)
        vector: Tensor = self.projection(torch.cat([pooled, *statistics], dim=1))
        return vector


class ConvBlock(nn.Module):
    """Strided convolution, normalisation over the channels of each step, GELU; padding stays zero.

    `kernel` is odd.
    """

    def __init__(self, channels_in: int, channels: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv1d(channels_in, channels, kernel, stride, padding=kernel // 2)
        self.norm = nn.LayerNorm(channels)

    def forward(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, channels, T / stride) and its mask (B, T / stride) from (B, channels_in, T), zero on padding, and its."""
        mask = mask[:, :: self.stride]
        hidden = self.norm(self.conv(hidden).transpose(1, 2)).transpose(1, 2)
        return nn.functional.gelu(hidden) * mask.unsqueeze(1), mask
