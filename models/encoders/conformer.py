"""Waves to one vector by a conformer: log-mel, convolutions to 25 steps a second, attention and convolution blocks.

Our own rather than torchaudio's `Conformer`: there the depthwise convolution reads padding and batch normalisation
ties the samples of a training batch; here padding is zero before every convolution and the normalisation is per step.
As there, order is known to attention through the convolutions alone.

Public: `ConformerEncoder`. Reference: Gulati et al., Interspeech 2020.
"""

from __future__ import annotations

from torch import Tensor, nn

from models.batch import Batch
from models.encoders.audio import ConvBlock
from models.encoders.encoder import Encoder
from models.encoders.log_mel import LogMel
from models.encoders.pooling import AttentivePooling


class ConformerEncoder(Encoder):
    """Global context by self-attention, local patterns by convolution, attentive pooling over the utterance.

    Raises ValueError when `width` is no multiple of `heads` or `kernel` is even.
    """

    modality = "audio"

    def __init__(
        self,
        out_dim: int = 96,
        *,
        bands: int = 64,
        width: int = 96,
        blocks: int = 3,
        heads: int = 4,
        kernel: int = 15,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads, got {width} and {heads}")
        if kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {kernel}")
        self.out_dim = out_dim
        self.config = {
            "out_dim": out_dim,
            "bands": bands,
            "width": width,
            "blocks": blocks,
            "heads": heads,
            "kernel": kernel,
            "dropout": dropout,
        }
        self.log_mel = LogMel(bands)
        self.subsampling = nn.ModuleList(
            [ConvBlock(2 * bands, width, kernel=5, stride=2), ConvBlock(width, width, kernel=5, stride=2)]
        )
        self.blocks = nn.ModuleList([_Block(width, heads, kernel, dropout) for _ in range(blocks)])
        self.pooling = AttentivePooling(width)
        self.projection = nn.Sequential(
            nn.LayerNorm(self.pooling.out_dim), nn.Dropout(dropout), nn.Linear(self.pooling.out_dim, out_dim)
        )

    def forward(self, batch: Batch) -> Tensor:
        """(B, out_dim) from `batch.audio` (B, N) and its lengths."""
        features, mask = self.log_mel(batch.audio, batch.audio_length)  # (B, T, 2 bands), (B, T)
        hidden = features.transpose(1, 2)
        for convolution in self.subsampling:
            hidden, mask = convolution(hidden, mask)  # (B, width, T / 2), (B, T / 2)
        hidden = hidden.transpose(1, 2)
        for block in self.blocks:
            hidden = block(hidden, mask)
        vector: Tensor = self.projection(self.pooling(hidden, mask))
        return vector


class _Block(nn.Module):
    """Half a feed-forward, self-attention, convolution, half a feed-forward, each added to its input."""

    def __init__(self, width: int, heads: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.before = _feed_forward(width, dropout)
        self.attention = _Attention(width, heads, dropout)
        self.convolution = _Convolution(width, kernel, dropout)
        self.after = _feed_forward(width, dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        hidden = hidden + 0.5 * self.before(hidden)
        hidden = hidden + self.attention(hidden, mask)
        hidden = hidden + self.convolution(hidden, mask)
        hidden = hidden + 0.5 * self.after(hidden)
        normed: Tensor = self.norm(hidden)
        return normed


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, 3 * width)
        self.output = nn.Sequential(nn.Linear(width, width), nn.Dropout(dropout))

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        # A row without a valid step attends to everything: what it gives is pooled away, and is no NaN.
        seen = (mask | ~mask.any(dim=1, keepdim=True))[:, None, None]
        parts = self.projection(self.norm(hidden)).unflatten(2, (3, self.heads, -1))  # (B, T, 3, heads, d)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        output: Tensor = self.output(attended.transpose(1, 2).flatten(2))
        return output


class _Convolution(nn.Module):
    def __init__(self, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Linear(width, 2 * width)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.output = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width), nn.Dropout(dropout))

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        gated = nn.functional.glu(self.gate(self.norm(hidden)), dim=2) * mask.unsqueeze(2)
        output: Tensor = self.output(self.depthwise(gated.transpose(1, 2)).transpose(1, 2))
        return output


def _feed_forward(width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, 4 * width),
        nn.SiLU(),
        nn.Dropout(dropout),
        nn.Linear(4 * width, width),
        nn.Dropout(dropout),
    )
