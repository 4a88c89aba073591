"""NMER and the experts with a VAE: their latents work, and a collapsed one is told from them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from toy_modalities import DIMS, TRAINED_ON, clean, corrupt, train_student, train_teacher

from models.diagnostics import (
    active_dimensions,
    kl_per_dimension,
    reconstruction_gain,
    reconstruction_r2,
)
from models.fusion import NMER, Experts, ExpertsVAE, Fusion, FusionOutput
from models.losses import LossWeights, student_loss
from models.seeding import seeded


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices on several threads wait for each other, badly so beside parallel test processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def teacher() -> Experts:
    return train_teacher(hidden=32)


def fresh(name: str) -> NMER | ExpertsVAE:
    with seeded(0):
        if name == "nmer":
            return NMER(DIMS, 4, hidden=32)
        return ExpertsVAE(DIMS, 4, hidden=32, teacher_hidden=32)


@pytest.fixture(scope="module")
def students(teacher: Experts) -> dict[str, Fusion]:
    trained: dict[str, Fusion] = {name: fresh(name) for name in ("nmer", "experts_vae")}
    for student in trained.values():
        train_student(student, teacher)
    return trained


def judged(student: Fusion, teacher: Experts) -> tuple[FusionOutput, Tensor, Tensor]:
    """Output on unseen noisy rows, the clean target, and the teacher's representation of the noisy rows."""
    features, present, _ = clean(300, seed=7)
    noisy, _ = corrupt(features, TRAINED_ON, torch.Generator().manual_seed(3))
    with torch.no_grad():
        return student(noisy, present), teacher(features, present).joint, teacher(noisy, present).joint


def assert_works_as_a_vae(student: Fusion, teacher: Experts) -> None:
    output, target, noisy = judged(student, teacher)
    assert output.mean is not None
    assert output.variance is not None
    assert output.kl is not None
    assert output.reconstruction is not None
    latent, variance = output.mean["product"], output.variance["product"]
    assert active_dimensions(latent) >= latent.shape[1] // 2
    assert int((kl_per_dimension(latent, variance) > 0.01).sum()) >= latent.shape[1] // 2
    assert 2 < float(output.kl.mean()) < 200
    assert reconstruction_r2(output.reconstruction, target) > 0.4
    assert reconstruction_gain(output.reconstruction, noisy, target) > 0.05
    if output.joint.shape == target.shape:
        assert reconstruction_gain(output.reconstruction, output.joint, target) > 0.05


@pytest.mark.parametrize("name", ["nmer", "experts_vae"])
def test_the_vae_works_as_a_vae(name: str, students: dict[str, Fusion], teacher: Experts) -> None:
    assert_works_as_a_vae(students[name], teacher)


@pytest.mark.parametrize("name", ["nmer", "experts_vae"])
def test_a_summed_kl_collapses_and_the_same_assertions_say_so(name: str, teacher: Experts) -> None:
    student = fresh(name)
    train_student(student, teacher, LossWeights(kl=1.0), steps=60)
    output, _, _ = judged(student, teacher)
    assert output.mean is not None
    assert output.kl is not None
    assert active_dimensions(output.mean["product"]) < 4
    assert float(output.kl.mean()) < 0.5
    with pytest.raises(AssertionError):
        assert_works_as_a_vae(student, teacher)


def test_the_decoder_needs_the_latent(students: dict[str, Fusion], teacher: Experts) -> None:
    student = students["nmer"]
    output, target, _ = judged(student, teacher)
    with torch.no_grad():
        blind = student.reconstruct(torch.zeros(300, student.latent_dim), output)
    assert reconstruction_r2(output.reconstruction, target) > reconstruction_r2(blind, target) + 0.05


def test_nmer_starts_as_its_experts() -> None:
    features, present, _ = clean(6, seed=2)
    model, teacher = NMER(DIMS, 4).eval(), Experts(DIMS, 4).eval()
    model.experts.load_state_dict(teacher.state_dict())
    with torch.no_grad():
        output, experts = model(features, present), teacher(features, present)
    assert torch.equal(output.logits, experts.logits)
    assert output.unimodal_logits is not None
    torch.testing.assert_close(sum(output.unimodal_logits.values()), experts.logits)


@pytest.mark.parametrize("name", ["nmer", "experts_vae"])
def test_product_of_experts_is_exact(name: str) -> None:
    features, present, _ = clean(5, seed=3)
    present["video"][2] = False
    present = {name: mask.index_fill(0, torch.tensor([4]), False) for name, mask in present.items()}
    with torch.no_grad():
        output = fresh(name).eval()(features, present)
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


def test_the_teacher_gets_no_gradient() -> None:
    features, present, label = clean(16, seed=8)
    teacher, student = Experts(DIMS, 4), NMER(DIMS, 4)
    student_loss(student, student(features, present), teacher(features, present), label).total.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_a_latent_has_a_dimension() -> None:
    with pytest.raises(ValueError, match="latent_dim must be at least 1"):
        NMER(DIMS, 4, latent_dim=0)


@pytest.mark.parametrize("absent", list(DIMS))
def test_what_is_told_of_an_absent_modality_explains_a_third_of_it(
    absent: str, students: dict[str, Fusion], teacher: Experts
) -> None:
    features, present, _ = clean(300, seed=9)
    target = teacher(features, present).joint
    present = present | {absent: torch.zeros(300, dtype=torch.bool)}
    with torch.no_grad():
        output = students["nmer"](features, present)
    assert output.reconstruction is not None
    place = list(DIMS).index(absent)
    told, meant = (joint.chunk(3, dim=1)[place] for joint in (output.reconstruction, target))
    assert reconstruction_r2(told, meant) > 0.3
