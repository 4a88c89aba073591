"""What every fusion holds: no row meets another, absent rows are never read, all weights learn, configs rebuild."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from toy_modalities import DIMS, SMALL, build, clean

from models.fusion import FUSIONS, Experts, FusionOutput
from models.losses import consistency, student_loss, teacher_loss
from models.seeding import seeded

ALL = sorted(FUSIONS)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices on several threads wait for each other, badly so beside parallel test processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def some_absent(rows: int) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    """Features in double precision, so that equality is not blurred; row 0 whole, row 1 without any modality."""
    features, _, label = clean(rows, seed=1)
    generator = torch.Generator().manual_seed(0)
    present = {name: torch.rand(rows, generator=generator) > 0.4 for name in DIMS}
    for mask in present.values():
        mask[0], mask[1] = True, False
    return {name: x.double() for name, x in features.items()}, present, label


def take(values: dict[str, Tensor], rows: Tensor | slice) -> dict[str, Tensor]:
    return {name: value[rows] for name, value in values.items()}


def tensors(output: FusionOutput) -> dict[str, Tensor]:
    """Every (B, ...) tensor of an output by name."""
    found: dict[str, Tensor] = {}
    for field in FusionOutput.__dataclass_fields__:
        value = getattr(output, field)
        if isinstance(value, Tensor):
            found[field] = value
        elif isinstance(value, dict):
            found |= {f"{field}.{name}": part for name, part in value.items()}
    return found


@pytest.mark.parametrize("name", ALL)
def test_rows_do_not_meet(name: str) -> None:
    model = build(name).double().eval()
    features, present, _ = some_absent(12)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        whole = tensors(model(features, present))
        shuffled = tensors(model(take(features, order), take(present, order)))
        halves = [tensors(model(take(features, part), take(present, part))) for part in (slice(0, 1), slice(1, 12))]
        padded = tensors(
            model(
                {n: torch.cat([x, 100 * torch.ones_like(x)]) for n, x in features.items()},
                {n: torch.cat([mask, torch.ones_like(mask)]) for n, mask in present.items()},
            )
        )
    assert whole["logits"].std(dim=0).min() > 1e-3, "predictions must differ for the comparison to mean anything"
    for part, value in whole.items():
        torch.testing.assert_close(shuffled[part], value[order], atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(torch.cat([half[part] for half in halves]), value, atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(padded[part][:12], value, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_absent_rows_are_never_read(name: str) -> None:
    model = build(name).double()
    features, present, label = some_absent(12)
    spoilt = {n: x.masked_fill(~present[n][:, None], torch.nan) for n, x in features.items()}
    with torch.no_grad():
        one, other = tensors(model.eval()(features, present)), tensors(model(spoilt, present))
    assert all(torch.equal(other[part], value) for part, value in one.items())
    assert all(value.isfinite().all() for value in one.values())
    output = model.train()(spoilt, present)
    student_loss(model, output, None, label).total.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", ALL)
def test_shapes_and_nothing_present(name: str) -> None:
    model = build(name).eval()
    features, present, _ = clean(6, seed=2)
    with torch.no_grad():
        output = model(features, present)
        nothing = model(features, {n: torch.zeros_like(mask) for n, mask in present.items()})
    assert output.logits.shape == (6, 4)
    assert output.joint.shape == (6, model.joint_dim)
    assert all(value.isfinite().all() for value in tensors(nothing).values())
    assert torch.equal(nothing.logits, nothing.logits[:1].expand(6, 4))
    if model.teacher_hidden is not None:
        assert output.reconstruction is not None
        assert output.reconstruction.shape == (6, model.teacher_hidden * len(DIMS))
    for term in output.terms.values():
        assert term.shape == (6,)
    if output.kl is not None:
        assert output.kl.shape == (6,)
        assert float(nothing.kl.abs().max()) < 1e-6 or name == "nmer_paper"  # nothing there: the prior


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("classes", [4, 1])
def test_every_weight_learns(name: str, classes: int) -> None:
    model = build(name, classes=classes).train()
    features, present, label = some_absent(15)  # odd: the signs of an absolute error do not cancel
    features = {n: x.float() for n, x in features.items()}
    target = None
    label = label if classes > 1 else label.float()
    with seeded(0):
        if model.teacher_hidden is not None:
            target = Experts(DIMS, classes, hidden=model.teacher_hidden).eval()(*clean(15, seed=1)[:2])
        output = model(features, present, generator=torch.Generator().manual_seed(0))
    loss = student_loss(model, output, target, label, level={name: torch.full((len(label),), 0.5) for name in DIMS})
    loss.total.backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    assert still == []
    assert output.logits.shape == (15, classes)
    first = "cross_entropy" if classes > 1 else "absolute_error"
    assert next(iter(loss.terms)) == first
    assert set(output.terms) <= set(loss.terms)
    assert loss.total.isfinite()
    assert consistency(output.logits, output.logits).abs() < 1e-6


@pytest.mark.parametrize("name", ALL)
def test_one_sample_in_training_and_one_modality(name: str) -> None:
    features, present, label = clean(1, seed=3)
    model = build(name).train()
    teacher_loss(model, model(features, present), label).total.backward()
    alone = build(name, {"text": DIMS["text"]}).train()
    output = alone(features, present)
    student_loss(alone, output, None, label).total.backward()
    assert output.logits.isfinite().all()


@pytest.mark.parametrize("name", ALL)
def test_config_rebuilds(name: str) -> None:
    keywords = {
        parameter.name: parameter.default
        for parameter in inspect.signature(FUSIONS[name]).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    model = build(name).eval()
    assert model.config == keywords | SMALL.get(name, {})
    assert FUSIONS[name].name == name
    again = FUSIONS[name](DIMS, 4, **model.config).eval()
    again.load_state_dict(model.state_dict())
    features, present, _ = clean(4, seed=4)
    assert torch.equal(again(features, present).logits, model(features, present).logits)
    wider = {key: 2 * value for key, value in model.config.items() if isinstance(value, int) and value > 1}
    assert {key: FUSIONS[name](DIMS, 4, **model.config | wider).config[key] for key in wider} == wider


@pytest.mark.parametrize("name", ALL)
def test_latent_is_drawn_by_the_generator_alone(name: str) -> None:
    model = build(name).train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, torch.nn.MultiheadAttention):
            module.dropout = 0.0
    features, present, _ = clean(5, seed=4)
    state = torch.get_rng_state()
    one, same, other = (
        model(features, present, generator=torch.Generator().manual_seed(seed)).logits for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert torch.equal(torch.get_rng_state(), state)
    has_latent = hasattr(model, "posterior")
    assert torch.equal(one, other) != has_latent


def test_budgets_are_alike() -> None:
    dims = {"audio": 96, "video": 64, "text": 64}
    weights = {
        name: sum(p.numel() for p in FUSIONS[name](dims, 4).parameters()) for name in ALL if name != "nmer_paper"
    }
    del weights["experts"]  # a part of NMER
    assert all(0.93 < count / weights["nmer"] < 1.16 for count in weights.values()), weights


@pytest.mark.parametrize("name", ALL)
def test_a_missing_or_wrong_modality_is_named(name: str) -> None:
    features, present, _ = clean(3, seed=5)
    model = build(name)
    with pytest.raises(ValueError, match="'text' are missing"):
        model({k: features[k] for k in ("audio", "video")}, present)
    with pytest.raises(ValueError, match=r"'audio' must be \(B, 40\), got \(3, 32\)"):
        model(features | {"audio": features["video"]}, present)
    with pytest.raises(ValueError, match="at least one modality"):
        FUSIONS[name]({}, 4)
    with pytest.raises(ValueError, match="classes must be at least 1"):
        FUSIONS[name](DIMS, 0)
    with pytest.raises(TypeError, match="widht"):
        FUSIONS[name](DIMS, 4, widht=3)
