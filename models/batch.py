"""The batch that every model takes: padded raw audio, video and text with their true lengths.

Conventions: audio is mono 16 kHz float32 in about [-1, 1]; video is uint8 RGB frames of one size; text is one
sentence per sample. What lies beyond a sample's length is padding and never changes a prediction. A modality
that is missing has length 0, or holds nothing: an all-zero wave, black frames, a sentence without characters.

Public: `MODALITIES`, `RawBatch`, `collate`, `present`, `lit_frames`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

MODALITIES = ("audio", "video", "text")


@dataclass(slots=True)
class RawBatch:
    """B raw utterances, padded to the longest."""

    audio: Tensor
    """(B, N) float32 waves, zero beyond `audio_length`."""
    audio_length: Tensor
    """(B,) int64 samples."""
    video: Tensor
    """(B, T, H, W, 3) uint8 RGB frames, zero beyond `video_length`."""
    video_length: Tensor
    """(B,) int64 frames."""
    text: list[str]
    """B sentences."""
    label: Tensor | None = None
    """(B,) int64 class indices, or None when the batch is unlabelled."""

    def __len__(self) -> int:
        return len(self.text)

    def to(self, device: torch.device | str) -> RawBatch:
        """The same batch with its tensors on `device`."""
        return RawBatch(
            audio=self.audio.to(device, non_blocking=True),
            audio_length=self.audio_length.to(device, non_blocking=True),
            video=self.video.to(device, non_blocking=True),
            video_length=self.video_length.to(device, non_blocking=True),
            text=self.text,
            label=None if self.label is None else self.label.to(device, non_blocking=True),
        )

    @staticmethod
    def collate(samples: Sequence[Mapping[str, Any]]) -> RawBatch:
        """The same as the function `collate`."""
        return collate(samples)


def collate(samples: Sequence[Mapping[str, Any]]) -> RawBatch:
    """Pad samples to one batch.

    A sample is a mapping that may hold `audio` (N,) float32, `video` (T, H, W, 3) uint8, `text` str and
    `label` int; arrays are numpy or torch. A key that is missing or None means length 0; others are ignored.
    Raises ValueError, naming the sample and the key, on a wrong shape or type, on non-finite audio, on frames
    of different size and when only some samples have a label.
    """
    if not samples:
        raise ValueError("cannot collate an empty list of samples: pass at least one")
    waves = [_wave(sample, index) for index, sample in enumerate(samples)]
    clips = [_clip(sample, index) for index, sample in enumerate(samples)]
    audio, audio_length = _pad(waves, tail=(), dtype=torch.float32)
    video, video_length = _pad(clips, tail=_frame_shape(clips), dtype=torch.uint8)
    return RawBatch(
        audio=audio,
        audio_length=audio_length,
        video=video,
        video_length=video_length,
        text=[_sentence(sample, index) for index, sample in enumerate(samples)],
        label=_labels(samples),
    )


def present(batch: RawBatch) -> dict[str, Tensor]:
    """Which modalities hold anything at all: for each of `MODALITIES` a (B,) bool tensor.

    False for an empty or all-zero wave, a clip without frames or with black frames only, and a sentence of
    white space.
    """
    device = batch.audio.device
    samples = torch.arange(batch.audio.shape[1], device=device)
    frames = torch.arange(batch.video.shape[1], device=device)
    sounding = (batch.audio != 0) & (samples < batch.audio_length[:, None])
    lit = lit_frames(batch.video) & (frames < batch.video_length[:, None])
    written = [bool(sentence.strip()) for sentence in batch.text]
    return {
        "audio": sounding.any(dim=1),
        "video": lit.any(dim=1),
        "text": torch.tensor(written, dtype=torch.bool, device=device),
    }


def lit_frames(video: Tensor) -> Tensor:
    """(B, T) bool: which frames of a (B, T, H, W, 3) uint8 video hold a pixel that is not black."""
    return video.flatten(2).any(dim=2).bool()  # `any` of uint8 is uint8


def _wave(sample: Mapping[str, Any], index: int) -> Tensor:
    value = sample.get("audio")
    if value is None:
        return torch.zeros(0)
    wave = _as_tensor(value)
    if wave is None or wave.ndim != 1 or not wave.is_floating_point():
        raise ValueError(f"sample {index}: audio must be float32 of shape (samples,), got {_shape(value)}")
    if not bool(torch.isfinite(wave).all()):
        raise ValueError(f"sample {index}: audio holds NaN or infinity: repair or leave out the recording")
    return wave


def _clip(sample: Mapping[str, Any], index: int) -> Tensor:
    value = sample.get("video")
    if value is None:
        return torch.zeros((0, 0, 0, 3), dtype=torch.uint8)
    clip = _as_tensor(value)
    if clip is None or clip.ndim != 4 or clip.shape[3] != 3 or clip.dtype != torch.uint8:
        raise ValueError(
            f"sample {index}: video must be uint8 of shape (frames, height, width, 3), got {_shape(value)}"
        )
    return clip


def _sentence(sample: Mapping[str, Any], index: int) -> str:
    value = sample.get("text")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"sample {index}: text must be str, got {type(value).__name__}")
    return value


def _labels(samples: Sequence[Mapping[str, Any]]) -> Tensor | None:
    labels = [sample.get("label") for sample in samples]
    unlabelled = [index for index, label in enumerate(labels) if label is None]
    if len(unlabelled) == len(samples):
        return None
    if unlabelled:
        raise ValueError(f"sample {unlabelled[0]} has no label while others have one: label all or none")
    return torch.tensor([int(label) for label in labels if label is not None], dtype=torch.int64)


def _frame_shape(clips: Sequence[Tensor]) -> tuple[int, ...]:
    shapes = {tuple(clip.shape[1:]): index for index, clip in enumerate(clips) if len(clip)}
    if len(shapes) > 1:
        found = ", ".join(f"{shape[1]}x{shape[0]} (sample {index})" for shape, index in shapes.items())
        raise ValueError(f"video frames of one batch must share one size, got {found}: resize them first")
    return next(iter(shapes), (0, 0, 3))


def _pad(rows: Sequence[Tensor], tail: tuple[int, ...], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    length = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    padded = torch.zeros((len(rows), int(length.max()), *tail), dtype=dtype)
    for row, target in zip(rows, padded, strict=True):
        if len(row):
            target[: len(row)] = row
    return padded, length


def _as_tensor(value: Any) -> Tensor | None:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        # torch has neither read-only (memory-mapped) nor mirrored arrays: those are copied.
        plain = value.flags.writeable and min(value.strides, default=0) >= 0
        return torch.from_numpy(value if plain else value.copy())
    return None


def _shape(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{value.dtype} {tuple(shape)}"
