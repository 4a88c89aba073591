"""Three noisy linear views of a few hidden factors, and how fusions are trained on them: for the tests of fusions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from models.fusion import FUSIONS, Experts, Fusion
from models.losses import DEFAULT_WEIGHTS, LossWeights, student_loss, teacher_loss
from models.seeding import seeded

DIMS = {"audio": 40, "video": 32, "text": 24}
FACTORS = 10
SMALL: dict[str, dict[str, Any]] = {
    "nmer_paper": {"teacher_hidden": 16, "latent_dim": 8, "layers": 2, "heads": 2, "feedforward": 32}
}
"""Overrides for fusions whose default size is too large for tests."""

Noise = Callable[[Tensor, Tensor, torch.Generator], Tensor]


def build(name: str, dims: Mapping[str, int] = DIMS, classes: int = 4, seed: int = 0) -> Fusion:
    """A fusion of test size, its weights moved a little so that no head is zero."""
    with seeded(seed):
        model = FUSIONS[name](dims, classes, **SMALL.get(name, {}))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.05 * torch.randn(parameter.shape)
    return model


def clean(rows: int, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    """Features, presence and labels; four of the hidden factors carry the class."""
    fixed, drawn = torch.Generator().manual_seed(99), torch.Generator().manual_seed(seed)
    label = torch.randint(0, 4, (rows,), generator=drawn)
    factors = torch.randn(rows, FACTORS, generator=drawn)
    factors[:, :4] += 2 * torch.eye(4)[label]
    features = {
        name: factors @ torch.randn(FACTORS, width, generator=fixed) / FACTORS**0.5
        + 0.2 * torch.randn(rows, width, generator=drawn)
        for name, width in DIMS.items()
    }
    return features, {name: torch.ones(rows, dtype=torch.bool) for name in DIMS}, label


def gaussian(x: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    return x + 1.5 * level * torch.randn(x.shape, generator=generator)


def blank(x: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    return torch.where(torch.rand(x.shape, generator=generator) < level, 0.0, x)


TRAINED_ON: Sequence[Noise] = (gaussian, blank)


def corrupt(
    features: Mapping[str, Tensor], noises: Sequence[Noise], generator: torch.Generator
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Every row of every modality under one of the noises at a level of its own; features and levels (B,)."""
    noisy, levels = {}, {}
    for name, x in features.items():
        level = torch.rand(len(x), 1, generator=generator)
        kind = torch.randint(len(noises), (len(x), 1), generator=generator)
        views = torch.stack([noise(x, level, generator) for noise in noises])
        noisy[name] = views[kind[:, 0], torch.arange(len(x))].clamp(-3, 3)
        levels[name] = level[:, 0]
    return noisy, levels


def train_teacher(hidden: int = 32, steps: int = 80) -> Experts:
    features, present, label = clean(320, seed=0)
    with seeded(0):
        teacher = Experts(DIMS, 4, hidden=hidden)
        optimiser = torch.optim.AdamW(teacher.parameters(), 3e-3)
        for _ in range(steps):
            optimiser.zero_grad()
            teacher_loss(teacher, teacher(features, present), label).total.backward()
            optimiser.step()
    return teacher.eval()


def train_student(student: Fusion, teacher: Experts, weights: LossWeights = DEFAULT_WEIGHTS, steps: int = 160) -> None:
    """Train `student` in place on noisy views, a tenth of the modalities missing; it ends in evaluation mode."""
    features, _, label = clean(320, seed=0)
    generator = torch.Generator().manual_seed(1)
    with seeded(0):
        optimiser = torch.optim.AdamW(student.train().parameters(), 3e-3)
        for _ in range(steps):
            optimiser.zero_grad()
            rows = torch.randperm(len(label), generator=generator)[:96]
            views = {name: x[rows] for name, x in features.items()}
            noisy, level = corrupt(views, TRAINED_ON, generator)
            kept = {name: torch.rand(len(rows), generator=generator) > 0.1 for name in DIMS}
            output = student(noisy, kept, generator=generator)
            with torch.no_grad():
                target = teacher(views, {name: torch.ones_like(mask) for name, mask in kept.items()})
            student_loss(student, output, target, label[rows], weights, level=level).total.backward()
            optimiser.step()
    student.eval()
