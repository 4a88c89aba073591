"""Normalisation adapted to a batch of clips: what it moves, what it refuses, what it warns of."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor
from toy_modalities import DIMS, clean, train_student, train_teacher

from models.adaptation import SMALLEST_BATCH, ClassSkewWarning, adapt_normalisation
from models.batch import Batch
from models.encoders import Encoder
from models.fusion import Concat
from models.model import EmotionModel
from models.seeding import seeded

CLASSES = ("happy", "angry", "sad", "neutral")


class Given(Encoder):
    """An encoder of a width; features are made without it."""

    def __init__(self, modality: str, width: int) -> None:
        super().__init__()
        self.modality, self.out_dim, self.config = modality, width, {}

    def forward(self, batch: Batch) -> Tensor:
        raise NotImplementedError


@pytest.fixture(scope="module")
def model() -> EmotionModel:
    with seeded(0):
        fusion = Concat(DIMS, 4, hidden=32)
    train_student(fusion, train_teacher(steps=1), steps=120)
    return EmotionModel({name: Given(name, width) for name, width in DIMS.items()}, fusion, CLASSES).eval()


def channel(features: dict[str, Tensor]) -> dict[str, Tensor]:
    """All clips through one channel that nothing was trained on: features are scaled and moved alike."""
    drawn = torch.Generator().manual_seed(2)
    return {
        name: x * (0.5 + torch.rand(x.shape[1], generator=drawn)) + 4 * torch.randn(x.shape[1], generator=drawn)
        for name, x in features.items()
    }


def accuracy(model: EmotionModel, features: dict[str, Tensor], there: dict[str, Tensor], label: Tensor) -> float:
    with torch.no_grad():
        return float((model.fuse(features, there).logits.argmax(dim=1) == label).float().mean())


@pytest.mark.filterwarnings("ignore::models.adaptation.ClassSkewWarning")
def test_a_channel_is_taken_back(model: EmotionModel) -> None:
    features, there, label = clean(128, seed=5)
    heard = channel(features)
    adapted = adapt_normalisation(model, heard, there)
    assert accuracy(adapted, heard, there, label) > accuracy(model, heard, there, label) + 0.1
    unmoved = adapt_normalisation(model, features, there)
    assert accuracy(unmoved, features, there, label) > accuracy(model, features, there, label) - 0.05


def test_the_statistics_are_mixed_by_the_number_of_clips(model: EmotionModel) -> None:
    features, there, _ = clean(16, seed=6)
    there["text"][:9] = False  # 7 are left: too few
    before = {name: buffer.clone() for name, buffer in model.standardiser.named_buffers()}
    adapted = adapt_normalisation(model, features, there)
    share = 0.7 * 16 / 20
    mean, deviation = features["audio"].mean(dim=0), features["audio"].std(dim=0)
    torch.testing.assert_close(adapted.standardiser.get_buffer("audio_mean"), share * mean)
    torch.testing.assert_close(adapted.standardiser.get_buffer("audio_std"), share * deviation + 1 - share)
    assert torch.equal(adapted.standardiser.get_buffer("text_mean"), before["text_mean"])
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.standardiser.named_buffers())
    assert adapted.fusion is model.fusion
    assert adapted.classes == CLASSES
    assert not adapted.training


@pytest.mark.parametrize("clips", [1, SMALLEST_BATCH - 1])
def test_a_small_batch_is_refused(model: EmotionModel, clips: int) -> None:
    features, there, _ = clean(clips, seed=7)
    with pytest.raises(ValueError, match=f"cannot be adapted to {clips} clip.*give 8 or more"):
        adapt_normalisation(model, features, there)


def test_clips_of_one_class_are_warned_of(model: EmotionModel) -> None:
    features, there, label = clean(160, seed=8)
    one, all_sad = ({name: x[label == 2] for name, x in part.items()} for part in (features, there))
    with pytest.warns(ClassSkewWarning, match="predicted as 'sad'"):
        adapted = adapt_normalisation(model, one, all_sad)
    sad = label[label == 2]
    assert accuracy(adapted, one, all_sad, sad) < accuracy(model, one, all_sad, sad) - 0.1  # what is warned of
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adapt_normalisation(model, features, there)
