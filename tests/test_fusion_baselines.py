"""What each baseline is by its paper: late fusion, LMF, bottleneck, MMIN, TFR-Net, PoE and MoPoE VAE."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from toy_modalities import DIMS, FACTORS, build, clean, corrupt, gaussian, train_student, train_teacher

from models.diagnostics import active_dimensions, reconstruction_r2
from models.fusion import LMF, MMIN, Bottleneck, Experts, Late, MoPoEVAE, PoEVAE, TFRNet
from models.losses import student_loss
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
    return train_teacher(hidden=16)


def without(*absent: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Four rows in which some modalities are absent."""
    features, present, _ = clean(4, seed=2)
    return features, {name: mask & (name not in absent) for name, mask in present.items()}


def test_late_is_the_mean_of_probabilities() -> None:
    model = build("late").eval()
    assert isinstance(model, Late)
    output = model(*without("video"))
    votes = output.unimodal_logits
    expected = (votes["audio"].softmax(1) + votes["text"].softmax(1)) / 2
    torch.testing.assert_close(output.logits.exp(), expected)
    torch.testing.assert_close(model(*without(*DIMS)).logits.exp(), torch.full((4, 4), 0.25))
    values = build("late", classes=1).eval()(*without("video"))
    torch.testing.assert_close(values.logits, (values.unimodal_logits["audio"] + values.unimodal_logits["text"]) / 2)


def test_lmf_is_a_tensor_fusion_of_low_rank() -> None:
    """The factors multiply to the full tensor that acts on the outer product of [1, h] over the modalities."""
    with seeded(0):
        model = LMF({"audio": 5, "text": 3}, 2, hidden=4, rank=2).eval()
    features = {"audio": torch.randn(6, 5), "text": torch.randn(6, 3)}
    present = {"audio": torch.ones(6, dtype=torch.bool), "text": torch.tensor([True] * 5 + [False])}
    weights, inputs = [], []
    for name, x in features.items():
        factor = model.factor[name]
        weights.append(torch.cat([factor.bias[:, None], factor.weight], dim=1).reshape(4, 2, 5))  # out, rank, [1, h]
        encoded = model.encoder[name](x).masked_fill(~present[name][:, None], 0)
        inputs.append(torch.cat([torch.ones(6, 1), encoded], dim=1))
    tensor = torch.einsum("ora,orb,r->oab", *weights, model.mix.weight[0])
    expected = torch.einsum("oab,na,nb->no", tensor, *inputs)
    torch.testing.assert_close(model(features, present).joint, expected, atol=1e-5, rtol=1e-4)


def test_bottleneck_is_the_only_way_between_modalities() -> None:
    model = build("bottleneck").eval()
    assert isinstance(model, Bottleneck)
    features, present = without()
    moved = features | {"text": features["text"] + 1}
    audio = slice(0, model.width)
    one, other = model(features, present).joint[:, audio], model(moved, present).joint[:, audio]
    assert (one - other).abs().max() > 1e-5
    alone = Bottleneck(DIMS, 4, layers=1).eval()  # the exchange shows from the second layer on
    assert torch.equal(alone(features, present).joint[:, audio], alone(moved, present).joint[:, audio])


def test_mmin_imagines_and_returns(teacher: Experts) -> None:
    with seeded(0):
        model = MMIN(DIMS, 4, teacher_hidden=16)
    train_student(model, teacher, steps=60)
    features, present, label = clean(200, seed=7)
    noisy, _ = corrupt(features, [gaussian], torch.Generator().manual_seed(0))
    with torch.no_grad():
        output, target = model(noisy, present), teacher(features, present)
    assert reconstruction_r2(output.reconstruction, target.joint) > 0.3
    imagined_away = (output.reconstruction - output.joint).square().mean()
    assert output.terms["cycle"].mean() < 0.2 * imagined_away
    weighted = student_loss(model, output, target, label)
    expected = weighted.terms["cross_entropy"] + 4 * weighted.terms["reconstruction"] + 2 * weighted.terms["cycle"]
    torch.testing.assert_close(weighted.total, expected)


def test_mmin_does_not_chase_its_own_cycle() -> None:
    """The cycle leads back to the embedding and must not move it, or both could shrink to nothing."""
    model = build("mmin").eval()
    output = model(*without())
    moved = torch.autograd.grad(output.terms["cycle"].sum(), output.joint, retain_graph=True)[0]
    torch.testing.assert_close(
        moved, torch.autograd.grad(_returned_error(model, output.joint), output.joint)[0], atol=1e-6, rtol=1e-4
    )


def _returned_error(model: MMIN, joint: Tensor) -> Tensor:
    returned, _ = model.back(model.imagine(joint)[0])
    return (returned - joint.detach()).square().mean(dim=1).sum()


def test_tfr_net_rebuilds_with_smooth_l1(teacher: Experts) -> None:
    with seeded(0):
        model = TFRNet(DIMS, 4, width=16, teacher_hidden=16)
    train_student(model, teacher, steps=60)
    features, present, label = clean(200, seed=7)
    noisy, _ = corrupt(features, [gaussian], torch.Generator().manual_seed(0))
    with torch.no_grad():
        output, target = model(noisy, present), teacher(features, present)
        blind = model(noisy, present | {"video": torch.zeros(200, dtype=torch.bool)})
    assert reconstruction_r2(output.reconstruction, target.joint) > 0.3
    # What is missing is rebuilt from the others, better than by its mean.
    assert reconstruction_r2(blind.reconstruction[:, 16:32], target.joint[:, 16:32]) > 0.1
    expected = torch.nn.functional.smooth_l1_loss(output.reconstruction, target.joint)
    torch.testing.assert_close(student_loss(model, output, target, label).terms["reconstruction"], expected)


@pytest.mark.parametrize("kind", [PoEVAE, MoPoEVAE])
def test_vae_baselines_use_their_latent(kind: type[PoEVAE], teacher: Experts) -> None:
    with seeded(0):
        model = kind(DIMS, 4, hidden=32, latent_dim=16, teacher_hidden=16)
    train_student(model, teacher, steps=60)
    features, present, _ = clean(200, seed=7)
    with torch.no_grad():
        output, target = model(features, present), teacher(features, present)
    assert active_dimensions(output.mean["product"]) >= min(FACTORS, 8)
    assert reconstruction_r2(output.reconstruction, target.joint) > 0.3


def test_poe_trains_each_modality_alone() -> None:
    model = build("poe_vae").eval()
    output = model(*without("video"))
    alone = model(*without("video", "text"))
    torch.testing.assert_close(output.estimates["audio"], alone.reconstruction)
    only_text = model(*without("video", "audio"))
    torch.testing.assert_close(output.terms["unimodal_kl"], (alone.kl + only_text.kl) / 2)
    target = Experts(DIMS, 4, hidden=64).eval()(*without())
    loss = model.student_terms(output, target)["unimodal_reconstruction"]
    errors = [(output.estimates[name] - target.joint).square().mean(dim=1) for name in ("audio", "text")]
    torch.testing.assert_close(loss, sum(errors) / 2)


def test_mopoe_is_the_mixture_of_the_products_of_subsets() -> None:
    mixture, product = build("mopoe_vae").eval(), build("poe_vae").eval()
    product.load_state_dict(mixture.state_dict())
    output = mixture(*without("video"))
    parts = [product(*without("video", *absent)) for absent in ((), ("audio",), ("text",))]
    means = torch.stack([part.mean["product"] for part in parts])
    torch.testing.assert_close(output.mean["product"], means.mean(dim=0))
    torch.testing.assert_close(output.kl, torch.stack([part.kl for part in parts]).mean(dim=0))
    second = torch.stack([part.variance["product"] + part.mean["product"].square() for part in parts]).mean(dim=0)
    torch.testing.assert_close(output.variance["product"], second - means.mean(dim=0).square(), atol=1e-5, rtol=1e-4)


def test_mopoe_draws_every_subset_that_is_there_and_no_other() -> None:
    model = build("mopoe_vae")
    assert isinstance(model, MoPoEVAE)
    there = torch.tensor([[True, False], [False, False], [True, False]]).repeat_interleave(300, dim=1)  # (S, B)
    chosen = model._choose(there, torch.Generator().manual_seed(0))
    counts = torch.bincount(chosen[:300], minlength=3)
    assert counts[1] == 0
    assert counts[[0, 2]].min() > 110
    assert (chosen[300:] == 0).all()
