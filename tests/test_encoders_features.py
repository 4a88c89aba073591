"""Encoders of released features against their definition, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.batch import Batch, collate
from models.encoders import LSTMEncoder, TextCNNEncoder
from models.seeding import seeded


def batch_of(sequences: list[np.ndarray], modality: str = "audio") -> Batch:
    return collate([{"features": {modality: sequence}} for sequence in sequences])


def sequence(seed: int, steps: int, width: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((steps, width)).astype(np.float32)


def test_lstm_takes_the_maximum_over_valid_steps() -> None:
    with seeded(0):
        encoder = LSTMEncoder("audio", 6, 5)
        reference = nn.LSTM(6, 5, batch_first=True)
    reference.load_state_dict(encoder.lstm.state_dict())
    sequences = [sequence(seed, steps) for seed, steps in enumerate((7, 1, 12))]
    found = encoder(batch_of(sequences))
    for row, steps in zip(found, sequences, strict=True):
        torch.testing.assert_close(row, reference(torch.from_numpy(steps)[None])[0][0].amax(dim=0))


def test_text_cnn_takes_the_highest_window() -> None:
    with seeded(0):
        encoder = TextCNNEncoder("text", 6, 5, channels=4).eval()
    sequences = [sequence(seed, steps) for seed, steps in enumerate((9, 4, 1, 5))]
    found = encoder(batch_of(sequences, "text"))

    def by_hand(steps: Tensor) -> Tensor:
        pooled = []
        for convolution in encoder.convolutions:
            kernel = convolution.kernel_size[0]
            filled = nn.functional.pad(steps, (0, 0, 0, max(0, kernel - len(steps))))
            windows = [filled[start : start + kernel] for start in range(len(filled) - kernel + 1)]
            scores = [torch.einsum("oik,ki->o", convolution.weight, window) for window in windows]
            pooled.append((torch.stack(scores) + convolution.bias).relu().amax(dim=0))
        return encoder.projection(torch.cat(pooled))

    torch.testing.assert_close(found, torch.stack([by_hand(torch.from_numpy(steps)) for steps in sequences]))


def test_sizes_are_those_of_the_published_models() -> None:
    audio, video, text = LSTMEncoder("audio", 130), LSTMEncoder("video", 342), TextCNNEncoder("text", 1024)
    assert {audio.out_dim, video.out_dim, text.out_dim} == {128}
    assert [tuple(part.weight.shape) for part in text.convolutions] == [(128, 1024, k) for k in (3, 4, 5)]
    assert sum(p.numel() for p in audio.parameters()) == 4 * 128 * (130 + 128 + 2)


@pytest.mark.parametrize("kind", [LSTMEncoder, TextCNNEncoder])
def test_errors_name_the_remedy(kind: type[LSTMEncoder | TextCNNEncoder]) -> None:
    encoder = kind("audio", 6)
    with pytest.raises(ValueError, match="have width 7, the encoder was built for 6"):
        encoder(batch_of([sequence(0, 3, 7)]))
    with pytest.raises(ValueError, match="raw audio but no features of it"):
        encoder(collate([{"audio": np.ones(400, np.float32)}]))
    with pytest.raises(ValueError, match="raw text but no features"):
        kind("text", 6)(collate([{"text": "oh"}]))
    with pytest.raises(ValueError, match="unknown modality 'smell': known are audio"):
        kind("smell", 6)
    with pytest.raises(ValueError, match="in_dim must be at least 1, got 0"):
        kind("audio", 0)
