"""NMER of the paper: the published sizes, and that each switch brings its defect and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from toy_modalities import DIMS, SMALL, clean

from models.fusion import Experts, NMERPaper
from models.losses import student_loss
from models.seeding import seeded

SWITCHES = ("attention_across_batch", "summed_kl", "sampled_latent_at_test", "sigmoid_output")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices on several threads wait for each other, badly so beside parallel test processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def paper(**switches: Any) -> NMERPaper:
    with seeded(0):
        return NMERPaper(DIMS, 4, **SMALL["nmer_paper"] | switches).eval()


@torch.no_grad()
def logits(model: NMERPaper, rows: slice = slice(None), seed: int = 0) -> Tensor:
    features, present, _ = clean(8, seed=1)
    generator = torch.Generator().manual_seed(seed)
    part = ({n: x[rows] for n, x in features.items()}, {n: mask[rows] for n, mask in present.items()})
    output: Tensor = model(*part, generator=generator).logits
    return output


def test_sizes_are_those_published() -> None:
    model = NMERPaper({"audio": 130, "video": 342, "text": 1024}, 4)
    assert model.joint_dim == 384
    assert [layer.linear1.in_features for layer in model.transformer.layers] == [768] * 5
    assert all(layer.self_attn.num_heads == 8 for layer in model.transformer.layers)
    decoder = [(part.in_features, part.out_features) for part in model.decoder if isinstance(part, torch.nn.Linear)]
    assert decoder == [(448, 128), (128, 384)]
    classifier = [part.weight.shape[::-1] for part in model.classifier if isinstance(part, torch.nn.Linear)]
    assert [tuple(shape) for shape in classifier] == [(384, 128), (128, 128), (128, 4)]
    assert {part.p for part in model.classifier if isinstance(part, torch.nn.Dropout)} == {0.1}
    assert model.term_weights["kl"] == pytest.approx(2 / 384)


def test_all_defects_are_off() -> None:
    config = NMERPaper(DIMS, 4).config
    assert [config[switch] for switch in SWITCHES] == [False] * 4


def test_attention_across_the_batch_makes_predictions_depend_on_it() -> None:
    right, wrong = paper(), paper(attention_across_batch=True)
    torch.testing.assert_close(logits(right)[:3], logits(right, slice(0, 3)), atol=1e-5, rtol=0)
    assert (logits(wrong)[:3] - logits(wrong, slice(0, 3))).abs().max() > 1e-3
    # A batch of one has nobody to attend to: there the two are the same network.
    torch.testing.assert_close(logits(wrong, slice(0, 1)), logits(right, slice(0, 1)), atol=1e-6, rtol=0)


def test_a_sampled_latent_makes_predictions_random_at_test_time() -> None:
    right, wrong = paper(), paper(sampled_latent_at_test=True)
    assert torch.equal(logits(right, seed=1), logits(right, seed=2))
    assert not torch.equal(logits(wrong, seed=1), logits(wrong, seed=2))
    assert torch.equal(logits(wrong, seed=1), logits(wrong, seed=1))


def test_a_sigmoid_cannot_reach_what_lies_outside() -> None:
    features, present, _ = clean(8, seed=1)
    linear, squashed = (paper(sigmoid_output=switch)(features, present).reconstruction for switch in (False, True))
    assert linear.min() < 0
    torch.testing.assert_close(squashed, linear.sigmoid())


def test_a_summed_kl_grows_with_the_batch() -> None:
    features, present, label = clean(8, seed=1)
    twice = {n: torch.cat([x, x]) for n, x in features.items()}, {n: torch.cat([m, m]) for n, m in present.items()}
    teacher = Experts(DIMS, 4, hidden=16).eval()
    terms = {}
    for summed in (False, True):
        model = paper(summed_kl=summed)
        once = student_loss(model, model(features, present), teacher(features, present), label)
        double = student_loss(model, model(*twice), teacher(*twice), label.repeat(2))
        terms[summed] = float(once.terms["kl"]), float(double.terms["kl"])
        weights = model.term_weights
        expected = sum(weights.get(name, 1.0) * float(term) for name, term in once.terms.items())
        assert float(once.total.detach()) == pytest.approx(expected, rel=1e-5)
    assert terms[False][1] == pytest.approx(terms[False][0], rel=1e-5)
    assert terms[True][0] == pytest.approx(8 * terms[False][0], rel=1e-5)
    assert terms[True][1] == pytest.approx(16 * terms[False][0], rel=1e-5)
    assert paper(summed_kl=True).term_weights["kl"] == 1


def test_invariance_is_over_all_modalities() -> None:
    features, present, label = clean(8, seed=1)
    model, teacher = paper(), Experts(DIMS, 4, hidden=16).eval()
    output, target = model(features, present), teacher(features, present)
    expected = torch.cat([output.invariants[n] - target.invariants[n] for n in DIMS], dim=1).square().mean()
    assert float(student_loss(model, output, target, label).terms["invariance"]) == pytest.approx(float(expected))
