"""Released sequences of features to one vector: the utterance encoders of MMIN and NMER.

Both read `batch.features[modality]` (B, T, in_dim), for any modality: frame-level descriptors of sound (130 in the
release of MMIN) and face (342) go through an LSTM, contextual word vectors (1024) through a convolution over words.

Public: `LSTMEncoder`, `TextCNNEncoder`. References: Zhao, Li and Jin, ACL 2021 (MMIN; sizes as in its code); Kim,
EMNLP 2014 (convolutions over words).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.batch import MODALITIES, Batch
from models.encoders.encoder import Encoder
from models.encoders.pooling import length_mask


class LSTMEncoder(Encoder):
    """One LSTM, forwards in time, and the maximum of its outputs over the valid steps.

    A sample without a step gives zeros. Raises ValueError on an unknown modality or a size below 1.
    """

    def __init__(self, modality: str, in_dim: int, out_dim: int = 128) -> None:
        super().__init__()
        _check(modality, in_dim=in_dim, out_dim=out_dim)
        self.modality = modality
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.config = {"modality": modality, "in_dim": in_dim, "out_dim": out_dim}
        self.lstm = nn.LSTM(in_dim, out_dim, batch_first=True)

    def forward(self, batch: Batch) -> Tensor:
        """(B, out_dim) within ± 1 from `batch.features`; ValueError when they are not there or of another width."""
        values, mask = _sequence(batch, self.modality, self.in_dim, least=1)  # (B, T, in_dim), (B, T)
        hidden, _ = self.lstm(values)  # padding comes after the valid steps, so they never see it
        # Outputs lie in (-1, 1): -1 is never chosen over a valid step.
        highest = hidden.masked_fill(~mask.unsqueeze(2), -1).amax(dim=1)
        vector: Tensor = highest.masked_fill(~mask[:, :1], 0)
        return vector


class TextCNNEncoder(Encoder):
    """Convolutions over 3, 4 and 5 steps, the maximum of each over time, dropout, one layer with ReLU.

    Only windows inside the valid steps count; a sample with fewer steps than a window is filled up with zeros to one
    window. A sample without a step gives the vector of pooled zeros. Raises ValueError on an unknown modality or a
    size below 1.
    """

    def __init__(
        self, modality: str, in_dim: int, out_dim: int = 128, *, channels: int = 128, dropout: float = 0.5
    ) -> None:
        super().__init__()
        _check(modality, in_dim=in_dim, out_dim=out_dim, channels=channels)
        self.modality = modality
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.config = {
            "modality": modality,
            "in_dim": in_dim,
            "out_dim": out_dim,
            "channels": channels,
            "dropout": dropout,
        }
        self.convolutions = nn.ModuleList([nn.Conv1d(in_dim, channels, kernel) for kernel in (3, 4, 5)])
        self.projection = nn.Sequential(nn.Dropout(dropout), nn.Linear(3 * channels, out_dim), nn.ReLU())

    def forward(self, batch: Batch) -> Tensor:
        """(B, out_dim), none below 0, from `batch.features`; ValueError when they are not there or of another width."""
        values, mask = _sequence(batch, self.modality, self.in_dim, least=5)  # (B, T, in_dim), (B, T)
        steps = values.transpose(1, 2)
        pooled = [_highest_window(convolution(steps).relu(), mask) for convolution in self.convolutions]
        vector: Tensor = self.projection(torch.cat(pooled, dim=1))
        return vector


def _highest_window(activation: Tensor, mask: Tensor) -> Tensor:
    """(B, C): maximum of activations (B, C, windows), none below 0, over the windows that lie inside the mask (B, T).

    The first window counts for every sample with a step.
    """
    windows = activation.shape[2]
    inside = mask[:, -windows:].clone()  # window t ends at step t + T - windows
    inside[:, 0] = mask[:, 0]
    return activation.masked_fill(~inside.unsqueeze(1), 0).amax(dim=2)


def _sequence(batch: Batch, modality: str, width: int, *, least: int) -> tuple[Tensor, Tensor]:
    """Features (B, T, width), zero beyond their length, and the mask of valid steps (B, T); T is at least `least`.

    A batch that holds the modality in no form gives no valid step.
    """
    values = batch.features.get(modality)
    if values is None:
        if _holds_raw(batch, modality):
            raise ValueError(
                f"the batch has raw {modality} but no features of it: pass samples with "
                f"features={{{modality!r}: (steps, {width})}} or use an encoder of raw {modality}"
            )
        device = batch.audio.device
        return (
            torch.zeros((len(batch), least, width), device=device),
            torch.zeros((len(batch), least), dtype=torch.bool, device=device),
        )
    if values.shape[2] != width:
        raise ValueError(f"features of {modality!r} have width {values.shape[2]}, the encoder was built for {width}")
    values = nn.functional.pad(values, (0, 0, 0, max(0, least - values.shape[1])))
    mask = length_mask(batch.features_length[modality], values.shape[1])
    return values.masked_fill(~mask.unsqueeze(2), 0), mask


def _holds_raw(batch: Batch, modality: str) -> bool:
    if modality == "text":
        return any(sentence.strip() for sentence in batch.text)
    return bool((batch.audio_length if modality == "audio" else batch.video_length).any())


def _check(modality: str, **sizes: int) -> None:
    if modality not in MODALITIES:
        raise ValueError(f"unknown modality {modality!r}: known are {', '.join(MODALITIES)}")
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")
