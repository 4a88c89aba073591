"""What a method is trained on and under which conditions it is judged.

A test condition is a view (the test utterances under one noise, or without anything: ``missing``) and a rule that
says in which modalities an utterance shows it; the others are clean. Names are ``GROUP/PART``:

    clean                            all modalities as released
    T=20 gaussian/a … vt, avt        the named modalities under the β schedule over T steps, at a level drawn evenly
    missing/a … vt                   the named modalities absent
    missing_rate/0.3                 a share of all modalities absent, at least one kept
    unequal_rate/a0.1-v0.5-t0.3     each modality absent at a rate of its own, at least one kept
    dropped/0.3                     a share of the steps of every modality lost

The draws depend on the utterance alone (seed `EVALUATION_SEED`), so that all methods and runs are judged alike.

Public: `JudgedCondition`, `MISSING`, `judged_conditions`, `view_schedulers`, `training_scheduler`,
`hits`, `groups`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from noise_scheduler import NoiseScheduler, any_subset, build, fixed, missing_rate, uniform
from noise_scheduler.condition import Condition
from recipes.corpora.features import MODALITIES
from recipes.raw.conditions import SIX
from recipes.raw.methods import Method
from recipes.raw.protocols import EVALUATION_SEED, unequal_rate
from recipes.released.settings import EvaluationSettings, ReleasedSettings

MISSING = "missing"
"""The view in which nothing is there."""


@dataclass(frozen=True)
class JudgedCondition:
    """One condition that all test utterances are judged under."""

    name: str
    view: str
    shown_in: Condition
    """Which modalities show the view."""

    @property
    def group(self) -> str:
        """What stands before the slash."""
        return self.name.partition("/")[0]


def judged_conditions(settings: EvaluationSettings) -> tuple[JudgedCondition, ...]:
    """All but ``clean``, in the order of the report."""
    found: list[JudgedCondition] = []
    for view in _beta_views(settings):
        found += [JudgedCondition(f"{view}/{part}", view, fixed(subset)) for part, subset in SIX.items()]
        found.append(JudgedCondition(f"{view}/avt", view, fixed(MODALITIES)))
    if settings.missing:
        found += [JudgedCondition(f"missing/{part}", MISSING, fixed(subset)) for part, subset in SIX.items()]
    found += [JudgedCondition(f"missing_rate/{rate:g}", MISSING, missing_rate(rate)) for rate in settings.missing_rates]
    for rates in settings.unequal_rates:
        part = "-".join(f"{modality[0]}{rates[modality]:g}" for modality in MODALITIES)
        found.append(JudgedCondition(f"unequal_rate/{part}", MISSING, unequal_rate(rates)))
    found += [
        JudgedCondition(f"dropped/{rate:g}", f"dropped {rate:g}", fixed(MODALITIES)) for rate in settings.loss_rates
    ]
    return tuple(found)


def view_schedulers(settings: EvaluationSettings) -> dict[str, NoiseScheduler]:
    """View → the noise that makes it, on all modalities; not `MISSING`, which needs none."""
    schedulers = {}
    for view, (steps, noise_type) in _beta_views(settings).items():
        noise = build("feature/beta_schedule", steps=steps, noise_type=noise_type)
        schedulers[view] = NoiseScheduler(
            dict.fromkeys(MODALITIES, noise), level=uniform(0, 1), condition=fixed(MODALITIES), seed=EVALUATION_SEED
        )
    for rate in settings.loss_rates:
        schedulers[f"dropped {rate:g}"] = NoiseScheduler(
            dict.fromkeys(MODALITIES, "feature/step_loss"),
            level=rate,
            condition=fixed(MODALITIES),
            seed=EVALUATION_SEED,
        )
    return schedulers


def training_scheduler(
    settings: ReleasedSettings, method: Method, *, seed: int, total_steps: int
) -> NoiseScheduler | None:
    """The noise that a method is trained under; None for clean data."""
    if method.training == "scheduled noise":
        return settings.scheduler(seed=seed, total_steps=total_steps)
    if method.training == "zero vectors":  # none or one of the six, equally likely, as MMIN
        return NoiseScheduler(dict.fromkeys(MODALITIES, "feature/missing"), condition=any_subset({"avt": 0}), seed=seed)
    return None


def selection_schedulers(
    settings: ReleasedSettings, method: Method, *, total_steps: int
) -> tuple[NoiseScheduler | None, ...]:
    """What the validation utterances are seen under: clean, and the noise of training at its end if there is any."""
    noise = training_scheduler(settings, method, seed=0, total_steps=total_steps)
    return (None,) if noise is None else (None, replace(noise, seed=EVALUATION_SEED))


def hits(condition: JudgedCondition, ids: Sequence[str]) -> dict[str, Tensor]:
    """Modality → (N,) bool: which utterances show the condition's view in it."""
    chooser = NoiseScheduler(
        dict.fromkeys(MODALITIES, "feature/missing"), condition=condition.shown_in, seed=EVALUATION_SEED
    )
    chosen = [{hit.modality for hit in chooser.plan(name).hits} for name in ids]
    return {modality: torch.tensor([modality in one for one in chosen]) for modality in MODALITIES}


def groups(conditions: Sequence[JudgedCondition]) -> dict[str, tuple[str, ...]]:
    """Group → the names of the conditions whose mean stands for it; of the six and avt, the six.

    The group ``noisy`` has all groups of the β schedule taken together: its members are their means.
    """
    found: dict[str, list[str]] = {}
    for condition in conditions:
        if not condition.name.endswith("/avt"):
            found.setdefault(condition.group, []).append(condition.name)
    return {group: tuple(names) for group, names in found.items()}


def _beta_views(settings: EvaluationSettings) -> dict[str, tuple[int, str]]:
    return {
        f"T={steps} {noise_type}": (steps, noise_type)
        for noise_type in settings.noise_types
        for steps in settings.steps
    }
