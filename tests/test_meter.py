"""Reliability follows noise, of types that it was not learnt from too, and shapes nothing but itself."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor
from toy_modalities import DIMS, TRAINED_ON, clean, corrupt

from models.meter import NoiseMeter, reliability_error
from models.seeding import seeded


def drowned(x: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    """A type that nothing is learnt from."""
    return x + 2 * level * (2 * torch.rand(x.shape, generator=generator) - 1)


def trained(share_noisy: float) -> NoiseMeter:
    """A meter after a short training in which this share of the samples is noisy."""
    features, present, _ = clean(320, seed=0)
    drawn = torch.Generator().manual_seed(1)
    with seeded(0):
        meter = NoiseMeter(DIMS, hidden=32)
        optimiser = torch.optim.AdamW(meter.parameters(), 3e-3)
        for _ in range(400):
            noisy, level = corrupt(features, TRAINED_ON, drawn)
            for name, x in features.items():
                spared = torch.rand(len(x), generator=drawn) > share_noisy
                noisy[name][spared], level[name][spared] = x[spared].clamp(-3, 3), 0
            optimiser.zero_grad()
            reliability_error(meter(noisy, present), level, present).mean().backward()
            optimiser.step()
    return meter.eval()


@pytest.fixture(scope="module")
def meter() -> NoiseMeter:
    return trained(0.4)  # most samples are clean


def test_reliability_follows_the_level_on_types_seen_and_unseen(meter: NoiseMeter) -> None:
    features, present, _ = clean(400, seed=8)
    for noises in (TRAINED_ON, (drowned,)):
        noisy, level = corrupt(features, noises, torch.Generator().manual_seed(4))
        with torch.no_grad():
            reliability, untouched = meter(noisy, present), meter(features, present)
        for name in DIMS:
            assert spearmanr(reliability[name], 1 - level[name]).statistic >= 0.6
            assert reliability[name].mean() < untouched[name].mean() - 0.1


def test_one_that_never_saw_noise_takes_everything_for_clean() -> None:
    features, present, _ = clean(100, seed=8)
    noisy, _ = corrupt(features, TRAINED_ON, torch.Generator().manual_seed(4))
    unwarned = trained(0.0)
    with torch.no_grad():
        assert all(float(values.mean()) > 0.95 for values in unwarned(noisy, present).values())


def test_absent_rows_count_for_nothing(meter: NoiseMeter) -> None:
    features, present, _ = clean(6, seed=2)
    present["audio"] = torch.tensor([True, False] * 3)
    wild = {**features, "audio": features["audio"].masked_fill(~present["audio"][:, None], 1e9)}
    with torch.no_grad():
        found = meter(features, present)
        beside_wild = meter(wild, present)
        alone = meter(*({name: values[:1] for name, values in given.items()} for given in (features, present)))
        nothing = meter(features, {name: torch.zeros(6, dtype=torch.bool) for name in DIMS})
    assert torch.equal(found["audio"] > 0, present["audio"])
    for name in DIMS:
        torch.testing.assert_close(beside_wild[name], found[name])
        torch.testing.assert_close(alone[name], found[name][:1])
        assert not nothing[name].any()


def test_mixed_precision_changes_little(meter: NoiseMeter) -> None:
    features, present, _ = clean(6, seed=2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = meter({name: x.bfloat16() for name, x in features.items()}, present)
    for name, values in meter(features, present).items():
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name], values, atol=0.02, rtol=0)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_batches_too_small_for_statistics_train_too(rows: int) -> None:
    features, present, _ = clean(4, seed=2)
    present["audio"] = torch.arange(4) < rows
    with seeded(0):
        meter = NoiseMeter(DIMS)
        found = meter(features, present)
    assert all(values.isfinite().all() for values in found.values())
    assert int((found["audio"] > 0).sum()) == rows


def test_the_error_is_the_cross_entropy_over_what_is_there_and_shapes_the_meter_alone() -> None:
    features, present, _ = clean(6, seed=1)
    present["text"][0] = False
    rows = {name: x.requires_grad_() for name, x in features.items()}
    with seeded(0):
        meter = NoiseMeter(DIMS).eval()
    level = {name: torch.full((6,), 0.25) for name in DIMS}
    reliability = meter(rows, present)
    error = reliability_error(reliability, level, present)
    each = [-(0.75 * reliability[name].log() + 0.25 * (1 - reliability[name]).log()) for name in DIMS]
    expected = torch.stack(each).mean(dim=0)
    expected[0] = (each[0][0] + each[1][0]) / 2
    torch.testing.assert_close(error, expected)
    error.sum().backward()
    assert all(x.grad is None for x in rows.values())
    assert all(p.grad is not None for p in meter.parameters())
