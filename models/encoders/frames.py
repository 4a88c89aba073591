"""Frames as image networks take them, and one vector per frame back into its clip.

Public: `FrameEncoder`, `prepare_frames`, `IMAGENET_MEAN`, `IMAGENET_STD`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.batch import Batch, lit_frames
from models.encoders.frame_quality import FRAME_QUALITY, frame_quality
from models.encoders.pooling import length_mask
from models.encoders.pretrained import PretrainedEncoder

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_FRAMES_AT_ONCE = 64  # bounds the memory of a frozen network


class FrameEncoder(PretrainedEncoder):
    """An image network on every frame that is not black, then attentive pooling over time.

    Black frames are left out, as padding is. `size` is the (height, width) that frames are resized to, `mean` and
    `std` those of the pixels in [0, 1] that the network was trained with.
    """

    modality = "video"
    quality_dim = FRAME_QUALITY

    def __init__(
        self,
        network: nn.Module,
        trainable: Sequence[nn.Module],
        *,
        size: tuple[int, int],
        width: int,
        out_dim: int,
        dropout: float,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        super().__init__(network, trainable, width=width, out_dim=out_dim, dropout=dropout)
        self.size = size
        self.width = width
        self.mean = tuple(mean)
        self.std = tuple(std)

    def forward(self, batch: Batch) -> Tensor:
        """(B, out_dim) from `batch.video` (B, T, H, W, 3) and its lengths."""
        video = batch.video
        mask = length_mask(batch.video_length, video.shape[1]) & lit_frames(video)
        frames = torch.zeros((*mask.shape, self.width), device=mask.device)
        if mask.any():
            seen = self._describe(video[mask])
            frames = frames.masked_scatter(mask.unsqueeze(2), seen.float())
        vector: Tensor = self.projection(self.pooling(frames, mask))
        return vector

    def quality(self, batch: Batch) -> Tensor:
        """`frame_quality` of the clips, whatever size the network takes."""
        return frame_quality(batch)

    @abstractmethod
    def _image_vectors(self, pixels: Tensor) -> Tensor:
        """(F, width) of frames (F, 3, *size) as the network takes them."""

    def _describe(self, frames: Tensor) -> Tensor:
        """(F, width) of uint8 frames (F, H, W, 3)."""
        at_once = len(frames) if self._trainable and self.training else _FRAMES_AT_ONCE
        return torch.cat(
            [
                self._image_vectors(prepare_frames(part, self.size, self.mean, self.std))
                for part in torch.split(frames, at_once)
            ]
        )


def prepare_frames(frames: Tensor, size: tuple[int, int], mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(F, 3, *size) float32 from uint8 frames (F, H, W, 3): resized with anti-aliasing, standardised per channel."""
    pixels = frames.permute(0, 3, 1, 2).float() / 255
    if pixels.shape[2:] != size:
        pixels = nn.functional.interpolate(pixels, size, mode="bilinear", antialias=True)
    channels = (1, 3, 1, 1)
    return (pixels - pixels.new_tensor(mean).view(channels)) / pixels.new_tensor(std).view(channels)
