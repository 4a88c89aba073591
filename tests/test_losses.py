"""Losses of teacher and student: terms by hand, weights, regression, consistency, auxiliary targets."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from toy_modalities import DIMS, build, clean

from models.fusion import NMER, Concat, Experts, Fusion, FusionOutput
from models.losses import (
    LossWeights,
    NoiseProbe,
    central_moment_discrepancy,
    consistency,
    student_loss,
    teacher_loss,
)


class Own(Fusion):
    """A fusion with a term of its own in each place; nothing is computed."""

    term_weights = {"cycle": 0.5, "extra": 4.0, "reconstruction": 10.0}  # noqa: RUF012

    def forward(self, features: object, present: object, *, generator: object = None) -> FusionOutput:
        raise NotImplementedError

    def student_terms(self, output: FusionOutput, teacher: FusionOutput) -> dict[str, Tensor]:
        return {"extra": (output.joint - teacher.joint).abs().mean(dim=1)}


PLAIN = Concat({"audio": 3}, 2)


def handmade(**fields: object) -> FusionOutput:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    present = {"audio": torch.tensor([True, False]), "text": torch.tensor([True, True])}
    return FusionOutput(logits=logits, joint=torch.zeros(2, 3), present=present, **fields)  # type: ignore[arg-type]


def values(terms: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(term) for name, term in terms.items()}


def test_student_loss_terms_by_hand() -> None:
    votes = {"audio": torch.tensor([[1.0, 0.0], [50.0, 0.0]]), "text": torch.tensor([[0.0, 0.0], [0.0, 3.0]])}
    output = handmade(
        unimodal_logits=votes,
        reconstruction=torch.ones(2, 3),
        kl=torch.tensor([4.0, 8.0]),
        invariant=torch.full((2, 2), 2.0),
    )
    target = FusionOutput(
        logits=output.logits, joint=3 * torch.ones(2, 3), present=output.present, invariant=torch.zeros(2, 2)
    )
    label = torch.tensor([0, 1])
    weights = LossWeights(unimodal=0.5, kl=0.01, reconstruction=2.0, invariance=0.1)
    total, terms = student_loss(PLAIN, output, target, label, weights)
    cross_entropy = float(functional.cross_entropy(output.logits, label))
    seen = torch.stack([votes["audio"][0], votes["text"][0], votes["text"][1]])  # audio of row 1 is absent
    unimodal = float(functional.cross_entropy(seen, torch.tensor([0, 0, 1])))
    expected = {
        "cross_entropy": cross_entropy,
        "unimodal": unimodal,
        "kl": 6.0,
        "reconstruction": 4.0,
        "invariance": 4.0,
    }
    assert values(terms) == pytest.approx(expected)
    assert float(total) == pytest.approx(cross_entropy + 0.5 * unimodal + 0.01 * 6 + 2 * 4 + 0.1 * 4)


def test_terms_of_a_fusions_own_count_with_its_own_weights() -> None:
    fusion, label = Own({"audio": 3}, 2), torch.tensor([0, 1])
    output = handmade(reconstruction=torch.ones(2, 3), terms={"cycle": torch.tensor([1.0, 3.0])})
    target = FusionOutput(logits=output.logits, joint=3 * torch.ones(2, 3), present=output.present)
    total, terms = student_loss(fusion, output, target, label)
    assert values(terms) == pytest.approx(
        {"cross_entropy": float(terms["cross_entropy"]), "reconstruction": 4.0, "cycle": 2.0, "extra": 3.0}
    )
    assert float(total) == pytest.approx(float(terms["cross_entropy"]) + 10 * 4 + 0.5 * 2 + 4 * 3)
    without = student_loss(fusion, output, None, label)
    assert list(without.terms) == ["cross_entropy", "cycle"]
    alone = teacher_loss(fusion, output, label)
    assert float(alone.total) == pytest.approx(float(alone.terms["cross_entropy"]) + 0.5 * 2)


def test_a_term_that_nobody_weighs_is_an_error() -> None:
    output = handmade(terms={"unheard_of": torch.zeros(2)})
    with pytest.raises(KeyError, match="unheard_of"):
        student_loss(PLAIN, output, None, torch.tensor([0, 1]))


def test_losses_leave_out_what_a_fusion_does_not_have() -> None:
    features, present, label = clean(8, seed=6)
    concat, experts, nmer = Concat(DIMS, 4), Experts(DIMS, 4), NMER(DIMS, 4)
    output, target = concat(features, present), experts(features, present)
    assert list(student_loss(concat, output, target, label).terms) == ["cross_entropy"]
    assert set(teacher_loss(experts, target, label).terms) == {"cross_entropy", "unimodal", "invariance"}
    student = nmer(features, present)
    level = {name: torch.zeros(8) for name in DIMS}
    assert not {"reconstruction", "reliability"} & set(student_loss(nmer, student, None, label, level=level).terms)
    student.reliability = {name: torch.full((8,), 0.5) for name in DIMS}
    assert "reliability" not in student_loss(nmer, student, None, label).terms
    told = student_loss(nmer, student, None, label, level=level).terms
    torch.testing.assert_close(told["reliability"], torch.tensor(2.0).log())
    with pytest.raises(ValueError, match="same hidden width"):
        student_loss(nmer, student, output, label)


@pytest.mark.parametrize("name", ["nmer", "mmin", "poe_vae", "tfr_net"])
def test_losses_are_means_over_samples(name: str) -> None:
    """Each half of a batch, and the batch twice: terms average, they do not add up."""
    features, present, label = clean(16, seed=8)
    student = build(name).eval()
    teacher = Experts(DIMS, 4, hidden=student.teacher_hidden).eval()

    def terms(*rows: slice) -> dict[str, float]:
        part = (
            {n: torch.cat([x[r] for r in rows]) for n, x in features.items()},
            {n: torch.cat([m[r] for r in rows]) for n, m in present.items()},
        )
        labels = torch.cat([label[r] for r in rows])
        return values(student_loss(student, student(*part), teacher(*part), labels).terms)

    whole, left, right = terms(slice(0, 16)), terms(slice(0, 8)), terms(slice(8, 16))
    assert terms(slice(0, 16), slice(0, 16)) == pytest.approx(whole, rel=1e-4)
    assert {key: (left[key] + right[key]) / 2 for key in whole} == pytest.approx(whole, rel=1e-4, abs=1e-6)


def test_class_weight_reaches_both_cross_entropies() -> None:
    features, present, _ = clean(8, seed=9)
    experts = Experts(DIMS, 4).eval()
    output, label = experts(features, present), torch.tensor([0, 1] * 4)
    only_first = student_loss(experts, output, None, label, class_weight=torch.tensor([1.0, 0.0, 0.0, 0.0]))
    expected = functional.cross_entropy(output.logits[::2], label[::2])
    assert float(only_first.terms["cross_entropy"]) == pytest.approx(expected.item())
    votes = torch.cat([vote[::2] for vote in output.unimodal_logits.values()])
    expected = functional.cross_entropy(votes, torch.zeros(len(votes), dtype=torch.int64))
    assert float(only_first.terms["unimodal"]) == pytest.approx(expected.item())


def test_losses_are_finite_with_everything_missing() -> None:
    features, present, label = clean(4, seed=10)
    present = {name: torch.zeros_like(mask) for name, mask in present.items()}
    model = NMER(DIMS, 4)
    target = Experts(DIMS, 4)(features, present)
    output = model(features, present)
    for loss in (student_loss(model, output, target, label), teacher_loss(model, model(features, present), label)):
        loss.total.backward()
        assert loss.total.isfinite()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_regression_by_hand() -> None:
    present = {"audio": torch.tensor([True, False]), "text": torch.tensor([True, True])}
    votes = {"audio": torch.tensor([[1.0], [50.0]]), "text": torch.tensor([[0.0], [2.0]])}
    output = FusionOutput(torch.tensor([[1.5], [-1.0]]), torch.zeros(2, 3), present, unimodal_logits=votes)
    total, terms = student_loss(PLAIN, output, None, torch.tensor([1.0, -3.0]), LossWeights(unimodal=0.5))
    assert values(terms) == pytest.approx({"absolute_error": 1.25, "unimodal": 2.0})  # (0 + 1 + 5) / 3
    assert float(total) == pytest.approx(1.25 + 0.5 * 2)
    assert values(teacher_loss(PLAIN, output, torch.tensor([1.0, -3.0])).terms) == values(terms)
    with pytest.raises(ValueError, match="leave it out in regression"):
        student_loss(PLAIN, output, None, torch.zeros(2), class_weight=torch.ones(1))


def test_moment_discrepancy() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(500, 6, generator=generator), torch.randn(500, 6, generator=generator)
    everyone = {"a": torch.ones(500, dtype=torch.bool), "b": torch.ones(500, dtype=torch.bool)}
    same = float(central_moment_discrepancy({"a": one, "b": one.flip(0)}, everyone))
    alike = float(central_moment_discrepancy({"a": one, "b": other}, everyone))
    shifted = float(central_moment_discrepancy({"a": one, "b": other + 1}, everyone))
    wider = float(central_moment_discrepancy({"a": one, "b": other * 3}, everyone))
    assert same < 1e-4 < alike < wider
    assert alike < shifted


def test_consistency_is_symmetric_zero_at_agreement_and_stops_the_target() -> None:
    one, other = torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([[0.0, 0.5, 0.0]])
    assert float(consistency(one, one)) == pytest.approx(0, abs=1e-6)
    assert float(consistency(one, other)) == pytest.approx(float(consistency(other, one)), rel=1e-6)
    p, q = one.softmax(1), other.softmax(1)
    assert float(consistency(one, other)) == pytest.approx(float(((p - q) * (p.log() - q.log())).sum()), rel=1e-5)
    first = one.clone().requires_grad_()
    consistency(first, other).backward()
    torch.testing.assert_close(first.grad, p - q)  # of KL(q || p) alone: the other direction is held fixed


def test_consistency_of_values_is_their_mean_distance() -> None:
    one, other = torch.tensor([[1.0], [2.0]], requires_grad=True), torch.tensor([[3.0], [1.0]])
    agreement = consistency(one, other)
    assert float(agreement.detach()) == pytest.approx(1.5)
    agreement.backward()
    torch.testing.assert_close(one.grad, torch.tensor([[-0.25], [0.25]]))  # one of the two directions


def test_noise_probe_reads_level_and_type() -> None:
    generator = torch.Generator().manual_seed(0)
    joint = torch.randn(64, 12, generator=generator)
    level, noise = joint[:, :2].sigmoid(), (joint[:, 2:4] > 0).long()
    noise[::4] = -1  # none
    output = FusionOutput(joint[:, :4], joint, {"audio": torch.ones(64, dtype=torch.bool)})
    probe = NoiseProbe(12, modalities=2, types=2)
    optimiser = torch.optim.Adam(probe.parameters(), 0.1)
    weights, label = LossWeights(level=1.0, noise=1.0), torch.zeros(64, dtype=torch.int64)
    for _ in range(100):
        optimiser.zero_grad()
        loss = student_loss(PLAIN, output, None, label, weights, probed=probe(output, level, noise))
        loss.total.backward()
        optimiser.step()
    assert float(loss.terms["level"]) < 0.05
    assert float(loss.terms["noise"]) < 0.2
    assert probe(output, level, noise)["noise"].shape == (64,)
    assert float(probe(output, level, noise)["noise"][::4].abs().max().detach()) == 0
    assert set(NoiseProbe(12, modalities=2)(output, level, noise)) == {"level"}


def test_noise_probe_is_off_by_default() -> None:
    output, label = handmade(), torch.tensor([0, 1])
    probed = {"level": torch.ones(2), "noise": torch.ones(2)}
    loss = student_loss(PLAIN, output, None, label, probed=probed)
    assert float(loss.total) == pytest.approx(float(loss.terms["cross_entropy"]))
    assert float(loss.terms["level"]) == 1
