"""Diagnostics on perfect, empty, malformed and golden input."""

from __future__ import annotations

import pytest
import torch

from models.diagnostics import (
    active_dimensions,
    kl_per_dimension,
    reconstruction_gain,
    reconstruction_r2,
)


def test_active_dimensions_counts_what_varies() -> None:
    mean = torch.randn(400, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 1, 0.2, 0.05, 0, 0])
    assert active_dimensions(mean) == 3
    assert active_dimensions(mean, threshold=0.001) == 4
    assert active_dimensions(torch.ones(5, 3)) == 0
    with pytest.raises(ValueError, match="at least two rows"):
        active_dimensions(torch.ones(1, 3))


def test_kl_per_dimension_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, variance = torch.randn(50, 3, generator=generator), 0.1 + torch.rand(50, 3, generator=generator)
    mean[:, 2], variance[:, 2] = 0, 1
    posterior = torch.distributions.Normal(mean, variance.sqrt())
    prior = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    expected = torch.distributions.kl_divergence(posterior, prior).mean(dim=0)
    torch.testing.assert_close(kl_per_dimension(mean, variance), expected)
    assert float(expected[2]) == 0
    with pytest.raises(ValueError, match="at least two rows"):
        kl_per_dimension(torch.ones(1, 3), torch.ones(1, 3))


def test_reconstruction_r2_on_golden_input() -> None:
    target = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 8.0]])
    assert reconstruction_r2(target, target) == 1
    assert reconstruction_r2(target.mean(dim=0).expand(3, 2), target) == pytest.approx(0)
    assert reconstruction_r2(-target, target) < 0
    with pytest.raises(ValueError, match="does not vary"):
        reconstruction_r2(torch.zeros(3, 2), torch.ones(3, 2))
    with pytest.raises(ValueError, match="one shape"):
        reconstruction_r2(torch.zeros(3, 1), target)


def test_reconstruction_gain_is_over_what_was_not_repaired() -> None:
    target = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 8.0]])
    mean = target.mean(dim=0).expand(3, 2)
    assert reconstruction_gain(target, mean, target) == pytest.approx(1)
    assert reconstruction_gain(mean, target, target) == pytest.approx(-1)
    assert reconstruction_gain(mean, mean, target) == 0
