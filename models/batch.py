"""The batch that every model takes: padded audio, video and text, or padded sequences of features, with lengths.

Conventions: audio is mono 16 kHz float32 in about [-1, 1]; video is uint8 RGB frames of one size; text is one
sentence per sample; features are float32 sequences (steps, width) of one width per modality. What lies beyond a
sample's length is padding and never changes a prediction. A modality that is missing has length 0, or holds nothing:
an all-zero wave, black frames, a sentence without characters, feature vectors of zeros.

Public: `MODALITIES`, `Batch`, `collate`, `present`, `lit_frames`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

MODALITIES = ("audio", "video", "text")
_HOLDING, _BESIDES = (*MODALITIES, "features"), {"label", "level", "noise"}


@dataclass(slots=True)
class Batch:
    """B utterances, padded to the longest."""

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
    features: dict[str, Tensor] = field(default_factory=dict)
    """Per modality given as features (B, T, D) float32, zero beyond its length; empty for raw batches."""
    features_length: dict[str, Tensor] = field(default_factory=dict)
    """Keyed like `features`: (B,) int64 steps."""
    label: Tensor | None = None
    """(B,) int64 class indices or float32 values to regress, or None when the batch is unlabelled."""
    level: Tensor | None = None
    """(B, 3) float32 in [0, 1]: level of the noise on each of `MODALITIES`, or None when unknown."""
    noise: Tensor | None = None
    """(B, 3) int64: type of that noise, an index into a list that the caller keeps, -1 for none; or None."""

    def __len__(self) -> int:
        return len(self.text)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch with its tensors on `device`."""
        return Batch(**{part.name: _moved(getattr(self, part.name), device) for part in fields(self)})

    @property
    def levels(self) -> dict[str, Tensor] | None:
        """Per modality (B,) level of its noise, or None when unknown."""
        return None if self.level is None else dict(zip(MODALITIES, self.level.unbind(dim=1), strict=True))

    @staticmethod
    def collate(samples: Sequence[Mapping[str, Any]]) -> Batch:
        """The same as the function `collate`."""
        return collate(samples)


def collate(samples: Sequence[Mapping[str, Any]]) -> Batch:
    """Pad samples to one batch.

    A sample is a mapping that may hold `audio` (N,) float32, `video` (T, H, W, 3) uint8, `text` str, `features`
    (modality → (T, D) float32), `label` int or float, `level` (modality → float in [0, 1]) and `noise` (modality →
    int); arrays are numpy or torch. A key that is missing or None means length 0, level 0, no noise; others are
    ignored. Raises ValueError, naming the sample and the key, on a wrong shape or type, on audio or features that
    are not finite, on frames of different size or features of different width, when only some samples have a
    label, and when a sample has other keys and none of a modality.
    """
    if not samples:
        raise ValueError("cannot collate an empty list of samples: pass at least one")
    for index, sample in enumerate(samples):
        _check_keys(sample, index)
    waves = [_wave(sample, index) for index, sample in enumerate(samples)]
    clips = [_clip(sample, index) for index, sample in enumerate(samples)]
    audio, audio_length = _pad(waves, tail=(), dtype=torch.float32)
    video, video_length = _pad(clips, tail=_frame_shape(clips), dtype=torch.uint8)
    features, features_length = _features(samples)
    return Batch(
        audio=audio,
        audio_length=audio_length,
        video=video,
        video_length=video_length,
        text=[_sentence(sample, index) for index, sample in enumerate(samples)],
        features=features,
        features_length=features_length,
        label=_labels(samples),
        level=_per_modality(samples, "level", 0.0, torch.float32),
        noise=_per_modality(samples, "noise", -1, torch.int64),
    )


def present(batch: Batch) -> dict[str, Tensor]:
    """Which modalities hold anything at all: for each of `MODALITIES` a (B,) bool tensor.

    False for an empty or all-zero wave, a clip without frames or with black frames only, a sentence of white space.
    A modality that the batch has as features counts by these: False without a step that is not zero.
    """
    device = batch.audio.device
    samples = torch.arange(batch.audio.shape[1], device=device)
    frames = torch.arange(batch.video.shape[1], device=device)
    sounding = (batch.audio != 0) & (samples < batch.audio_length[:, None])
    lit = lit_frames(batch.video) & (frames < batch.video_length[:, None])
    written = [bool(sentence.strip()) for sentence in batch.text]
    there = {
        "audio": sounding.any(dim=1),
        "video": lit.any(dim=1),
        "text": torch.tensor(written, dtype=torch.bool, device=device),
    }
    for name, sequence in batch.features.items():
        steps = torch.arange(sequence.shape[1], device=sequence.device)
        held = (sequence != 0).any(dim=2) & (steps < batch.features_length[name][:, None])
        there[name] = held.any(dim=1)
    return there


def lit_frames(video: Tensor) -> Tensor:
    """(B, T) bool: which frames of a (B, T, H, W, 3) uint8 video hold a pixel that is not black."""
    return video.flatten(2).any(dim=2).bool()  # `any` of uint8 is uint8


def _check_keys(sample: Mapping[str, Any], index: int) -> None:
    if sample.keys().isdisjoint(_HOLDING) and (unknown := sorted(map(str, sample.keys() - _BESIDES))):
        raise ValueError(
            f"sample {index} has {', '.join(unknown)} and none of {', '.join(_HOLDING)}: rename its keys, or give None "
            "for what is missing"
        )


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


def _features(samples: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    rows = [sample.get("features") or {} for sample in samples]
    for index, row in enumerate(rows):
        if unknown := sorted(row.keys() - set(MODALITIES)):
            raise ValueError(f"sample {index}: features of {unknown[0]!r}; modalities are {', '.join(MODALITIES)}")
    padded, lengths = {}, {}
    for name in (name for name in MODALITIES if any(row.get(name) is not None for row in rows)):
        sequences = [_sequence(row.get(name), name, index) for index, row in enumerate(rows)]
        widths = {sequence.shape[1]: index for index, sequence in enumerate(sequences) if sequence is not None}
        if len(widths) > 1:
            found = ", ".join(f"{width} (sample {index})" for width, index in widths.items())
            raise ValueError(f"features of {name!r} must have one width in a batch, got {found}")
        width = next(iter(widths))
        filled = [torch.zeros((0, width)) if sequence is None else sequence for sequence in sequences]
        padded[name], lengths[name] = _pad(filled, tail=(width,), dtype=torch.float32)
    return padded, lengths


def _sequence(value: Any, name: str, index: int) -> Tensor | None:
    if value is None:
        return None
    sequence = _as_tensor(value)
    if sequence is None or sequence.ndim != 2 or not sequence.is_floating_point():
        raise ValueError(
            f"sample {index}: features of {name!r} must be float32 of shape (steps, width), got {_shape(value)}"
        )
    if not bool(torch.isfinite(sequence).all()):
        raise ValueError(f"sample {index}: features of {name!r} hold NaN or infinity: repair or leave them out")
    return sequence


def _labels(samples: Sequence[Mapping[str, Any]]) -> Tensor | None:
    labels = [sample.get("label") for sample in samples]
    unlabelled = [index for index, label in enumerate(labels) if label is None]
    if len(unlabelled) == len(samples):
        return None
    if unlabelled:
        raise ValueError(f"sample {unlabelled[0]} has no label while others have one: label all or none")
    values = np.asarray(labels)
    return torch.from_numpy(values.astype(np.float32 if values.dtype.kind == "f" else np.int64))


def _per_modality(samples: Sequence[Mapping[str, Any]], key: str, without: float, dtype: torch.dtype) -> Tensor | None:
    rows = [sample.get(key) for sample in samples]
    if all(row is None for row in rows):
        return None
    return torch.tensor([[(row or {}).get(name, without) for name in MODALITIES] for row in rows], dtype=dtype)


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, dict):
        return {name: _moved(item, device) for name, item in value.items()}
    return value.to(device, non_blocking=True) if isinstance(value, Tensor) else value


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
