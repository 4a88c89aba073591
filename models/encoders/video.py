"""Face frames to one vector: a small convolutional network per frame, then pooling over time.

Public: `VideoEncoder`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.batch import Batch, lit_frames
from models.encoders.encoder import Encoder
from models.encoders.frame_quality import FRAME_QUALITY, frame_quality
from models.encoders.pooling import AttentivePooling, length_mask, masked_mean


class VideoEncoder(Encoder):
    """Appearance by attentive pooling of the frames, motion by the mean absolute change between neighbours.

    Every frame is standardised on its own, so that exposure changes little. Black frames are left out, as
    padding is: a clip with a gap is judged by the frames that it has. Batch normalisation makes a few hundred clips
    enough; in evaluation it uses its running statistics, so no prediction depends on the batch.
    """

    modality = "video"
    quality_dim = FRAME_QUALITY

    def __init__(self, out_dim: int = 64, *, width: int = 64, dropout: float = 0.1) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.width = width
        self.config = {"out_dim": out_dim, "width": width, "dropout": dropout}
        self.frame_network = nn.Sequential(
            # Narrow where the picture is large: the first layers would take most of the time.
            _conv_block(3, width // 8),
            _conv_block(width // 8, 3 * width // 8),
            _conv_block(3 * width // 8, 3 * width // 4),
            _conv_block(3 * width // 4, width),
            # Where brows and mouth are matters: a coarse grid is kept instead of one average.
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Linear(9 * width, width),
            nn.LayerNorm(width),
        )
        self.pooling = AttentivePooling(width)
        self.projection = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.pooling.out_dim + width, out_dim))

    def forward(self, batch: Batch) -> Tensor:
        """(B, out_dim) from `batch.video` (B, T, H, W, 3) and its lengths."""
        video = batch.video
        mask = length_mask(batch.video_length, video.shape[1]) & lit_frames(video)
        frames = torch.zeros((*mask.shape, self.width), device=mask.device)
        if mask.any():
            seen = self.frame_network(_standardise(video[mask]))  # only frames that hold something
            frames = frames.masked_scatter(mask.unsqueeze(2), seen.float())
        change = (frames[:, 1:] - frames[:, :-1]).abs()
        motion = masked_mean(change, mask[:, 1:] & mask[:, :-1])
        vector: Tensor = self.projection(torch.cat([self.pooling(frames, mask), motion], dim=1))
        return vector

    def quality(self, batch: Batch) -> Tensor:
        """`frame_quality` of the clips."""
        return frame_quality(batch)


def _standardise(frames: Tensor) -> Tensor:
    """(F, 3, H, W) float32 in channels-last memory: zero mean and about unit deviation per frame."""
    values = frames.float().flatten(1).div_(255)
    mean = values.mean(dim=1, keepdim=True)
    mean_square = torch.linalg.vector_norm(values, dim=1, keepdim=True).square() / max(1, values.shape[1])
    deviation = (mean_square - mean.square()).clamp(min=0).sqrt()  # one pass: torch.std is ten times slower
    # The offset keeps almost black frames from being blown up to pure sensor noise.
    return values.sub_(mean).div_(deviation + 0.02).view(frames.shape).permute(0, 3, 1, 2)


def _conv_block(channels_in: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )
