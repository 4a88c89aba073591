"""Fusions, their losses, and the diagnostics that tell a working latent from a collapsed one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from models.diagnostics import active_dimensions, reconstruction_r2
from models.fusion import FUSIONS, NMER, Concat, Experts, FusionOutput
from models.losses import (
    LossWeights,
    central_moment_discrepancy,
    consistency,
    student_loss,
    teacher_loss,
)
from models.seeding import seeded

DIMS = {"audio": 20, "video": 16, "text": 12}
Data = tuple[dict[str, Tensor], dict[str, Tensor], Tensor]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices on several threads wait for each other, badly so beside parallel test processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def toy(rows: int, seed: int) -> Data:
    """Three linear views of 24 hidden factors, four of which carry the class."""
    fixed, drawn = torch.Generator().manual_seed(99), torch.Generator().manual_seed(seed)
    label = torch.randint(0, 4, (rows,), generator=drawn)
    factors = torch.randn(rows, 24, generator=drawn)
    factors[:, :4] += 2 * torch.eye(4)[label]
    features = {
        name: factors @ torch.randn(24, width, generator=fixed) / 5 + 0.2 * torch.randn(rows, width, generator=drawn)
        for name, width in DIMS.items()
    }
    return features, {name: torch.ones(rows, dtype=torch.bool) for name in DIMS}, label


def noisy(features: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    return {name: x + 0.3 * torch.randn(x.shape, generator=generator) for name, x in features.items()}


@pytest.fixture(scope="module")
def teacher() -> Experts:
    features, present, label = toy(192, 0)
    with seeded(0):
        model = Experts(DIMS, 4, hidden=32)
        optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
        for _ in range(60):
            optimiser.zero_grad()
            teacher_loss(model, model(features, present), label).total.backward()
            optimiser.step()
    return model.eval()


def trained_student(teacher: Experts, weights: LossWeights, steps: int = 120) -> NMER:
    features, present, label = toy(192, 0)
    with torch.no_grad():
        target = teacher(features, present)
    generator = torch.Generator().manual_seed(1)
    with seeded(0):
        model = NMER(DIMS, 4, hidden=32)
        optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
        for _ in range(steps):
            optimiser.zero_grad()
            output = model(noisy(features, generator), present, generator=generator)
            student_loss(model, output, target, label, weights).total.backward()
            optimiser.step()
    return model.eval()


def test_latent_is_used_with_the_default_weights(teacher: Experts) -> None:
    student = trained_student(teacher, LossWeights())
    features, present, label = toy(200, 7)
    with torch.no_grad():
        output = student(noisy(features, torch.Generator().manual_seed(3)), present)
        target = teacher(features, present)
    assert output.mean is not None
    assert output.kl is not None
    assert output.reconstruction is not None
    assert active_dimensions(output.mean["product"]) >= student.latent_dim // 2
    assert output.kl.shape == (200,)
    assert 2 < float(output.kl.mean()) < 200
    # Better than the mean, and than a decoder that may not look at the latent.
    r2 = reconstruction_r2(output.reconstruction, target.joint)
    with torch.no_grad():
        blind = student.decoder(torch.cat([torch.zeros(200, student.latent_dim), output.invariant], dim=1))
    assert r2 > 0.4
    assert r2 > reconstruction_r2(blind, target.joint) + 0.1
    assert float((output.logits.argmax(1) == label).float().mean()) > 0.6


def test_a_summed_kl_collapses_and_the_diagnostic_says_so(teacher: Experts) -> None:
    student = trained_student(teacher, LossWeights(kl=1.0))
    features, present, _ = toy(200, 7)
    with torch.no_grad():
        output = student(features, present)
    assert output.mean is not None
    assert output.kl is not None
    assert active_dimensions(output.mean["product"]) < student.latent_dim // 2
    assert float(output.kl.mean()) < 0.5


@pytest.mark.parametrize("name", sorted(FUSIONS))
def test_rows_do_not_meet_and_absent_values_do_not_count(name: str) -> None:
    features, present, _ = toy(12, 1)
    generator = torch.Generator().manual_seed(0)
    present = {key: torch.rand(12, generator=generator) > 0.4 for key in DIMS}
    with seeded(0):
        model = FUSIONS[name](DIMS, 4).eval()
        for parameter in model.parameters():
            parameter.data += 0.02 * torch.randn(parameter.shape)
    with torch.no_grad():
        whole = model(features, present)
        parts = [
            model({k: x[i : i + 1] for k, x in features.items()}, {k: m[i : i + 1] for k, m in present.items()})
            for i in range(12)
        ]
        spoilt = {k: x.masked_fill(~present[k][:, None], torch.nan) for k, x in features.items()}
        unread = model(spoilt, present)
    torch.testing.assert_close(torch.cat([part.logits for part in parts]), whole.logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.cat([part.joint for part in parts]), whole.joint, atol=1e-5, rtol=0)
    assert torch.equal(unread.logits, whole.logits)
    assert whole.joint.shape == (12, model.joint_dim)
    assert model(features, {k: torch.zeros(12, dtype=torch.bool) for k in DIMS}).logits.isfinite().all()


def test_nmer_starts_as_its_experts() -> None:
    features, present, _ = toy(6, 2)
    model, teacher = NMER(DIMS, 4).eval(), Experts(DIMS, 4).eval()
    model.experts.load_state_dict(teacher.state_dict())  # how a student is warm-started
    with torch.no_grad():
        output, experts = model(features, present), teacher(features, present)
    assert torch.equal(output.logits, experts.logits)
    assert output.unimodal_logits is not None
    torch.testing.assert_close(sum(output.unimodal_logits.values()), experts.logits)


def test_product_of_experts_is_exact() -> None:
    features, present, _ = toy(5, 3)
    present["video"][2] = False
    present = {name: mask.index_fill(0, torch.tensor([4]), False) for name, mask in present.items()}
    with torch.no_grad():
        output = NMER(DIMS, 4).eval()(features, present)
    assert output.mean is not None
    assert output.variance is not None
    assert output.kl is not None
    for row in range(5):
        there = [name for name in DIMS if present[name][row]]
        precision = 1 + sum((1 / output.variance[name][row] for name in there), torch.zeros(32))
        mean = sum((output.mean[n][row] / output.variance[n][row] for n in there), torch.zeros(32)) / precision
        torch.testing.assert_close(output.variance["product"][row], 1 / precision)
        torch.testing.assert_close(output.mean["product"][row], mean, atol=1e-6, rtol=1e-5)
    posterior = torch.distributions.Normal(output.mean["product"], output.variance["product"].sqrt())
    prior = torch.distributions.Normal(torch.zeros(32), torch.ones(32))
    expected = torch.distributions.kl_divergence(posterior, prior).sum(dim=1)
    torch.testing.assert_close(output.kl, expected, atol=1e-5, rtol=1e-4)
    assert float(output.kl[4]) == pytest.approx(0, abs=1e-6)  # nothing there: the prior
    assert (output.variance["product"][0] < output.variance["product"][4]).all()


def test_latent_is_drawn_in_training_only_and_by_the_generator() -> None:
    features, present, _ = toy(5, 4)
    model = NMER(DIMS, 4, dropout=0.0)
    state = torch.get_rng_state()
    draws = [
        model(features, present, generator=torch.Generator().manual_seed(seed)).reconstruction for seed in (1, 1, 2)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), state)
    model.eval()
    assert torch.equal(model(features, present).reconstruction, model(features, present).reconstruction)


def test_concat_has_the_budget_of_nmer() -> None:
    dims = {"audio": 96, "video": 64, "text": 64}
    nmer, concat = (sum(p.numel() for p in FUSIONS[name](dims, 4).parameters()) for name in ("nmer", "concat"))
    assert 0.8 < concat / nmer < 1.25


def test_fusion_names_a_missing_or_wrong_modality() -> None:
    features, present, _ = toy(3, 5)
    model = Concat(DIMS, 4)
    with pytest.raises(ValueError, match="'text' are missing"):
        model({k: features[k] for k in ("audio", "video")}, present)
    with pytest.raises(ValueError, match=r"'audio' must be \(B, 20\), got \(3, 16\)"):
        model(features | {"audio": features["video"]}, present)
    with pytest.raises(ValueError, match="at least one modality"):
        Concat({}, 4)
    with pytest.raises(ValueError, match="classes must be at least 1"):
        Experts(DIMS, 0)
    with pytest.raises(ValueError, match="latent_dim must be at least 1"):
        NMER(DIMS, 4, latent_dim=0)
