"""A model adapted batch by batch gives back its rows; a method that adapts needs the one that is trained."""

from __future__ import annotations

import pytest
import torch
from test_adaptation import CLASSES, Given
from toy_modalities import DIMS, clean

from models.adaptation import adapt_normalisation
from models.fusion import NMER
from models.meter import NoiseMeter
from models.model import EmotionModel
from models.seeding import seeded
from recipes.raw.adapted import BatchAdapted
from recipes.raw.methods import methods


def model() -> EmotionModel:
    with seeded(0):
        fusion = NMER(DIMS, 4, hidden=16)
        meter = NoiseMeter(DIMS)
    return EmotionModel({name: Given(name, width) for name, width in DIMS.items()}, fusion, CLASSES, meter).eval()


@pytest.mark.filterwarnings("ignore::models.adaptation.ClassSkewWarning")
def test_one_batch_is_adapted_to_as_a_whole() -> None:
    plain, (features, there, _) = model(), clean(40, seed=0)
    with torch.inference_mode():
        found = BatchAdapted(plain).fuse(features, there)
        wanted = adapt_normalisation(plain, features, there).fuse(features, there)
    torch.testing.assert_close(found.logits, wanted.logits)
    assert (found.logits - plain.fuse(features, there).logits).abs().max() > 1e-3


def test_rows_of_several_batches_come_back_in_order() -> None:
    features, there, _ = clean(150, seed=1)
    there["audio"] = torch.rand(150, generator=torch.Generator().manual_seed(0)) > 0.5
    with torch.inference_mode():
        found = BatchAdapted(model()).fuse(features, there)
    assert found.logits.shape == (150, 4)
    assert torch.equal(found.present["audio"], there["audio"])
    assert found.reliability is not None
    assert torch.equal(found.reliability["audio"] > 0, there["audio"])


def test_a_method_that_only_adapts_needs_the_one_that_is_trained() -> None:
    assert [method.adapts for method in methods(["concat", "concat_adapted"])] == ["", "concat"]
    with pytest.raises(ValueError, match="'concat_adapted' adapts the trained model of 'concat': name that"):
        methods(["concat_adapted", "nmer"])
