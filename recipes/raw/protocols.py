"""Test conditions beyond the subsets of modalities: rates of missing modalities, rates of dropped data, scenes.

    missing_rate/R    a share R of all modalities is absent, at least one of each utterance is kept: the protocol of
                      GCNet (Lian et al., TPAMI 2023) and IMDer (Wang et al., NeurIPS 2023)
    unequal_rate/…    the same with a rate for each modality: RedCore (Sun et al., AAAI 2024, arXiv 2312.10386)
    dropped/R         a share R of every modality is lost, as TFR-Net (Yuan et al., ACM MM 2021) does to features, in
                      the raw streams: 25 ms of sound silent, frames black, words left out
    scene/NAME        whatever a scheduler of the settings does, such as the noise of a challenge

What is hit follows from the utterance's id alone, so that it is the same for all methods, runs and folds.

Public: `ProtocolSettings`, `absences`, `noises`, `unequal_rate`, `rate_curves`, `EVALUATION_SEED`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.batch import MODALITIES
from noise_scheduler import NoiseScheduler, any_subset, build, bursts, fixed, missing_rate
from noise_scheduler.condition import Condition
from noise_scheduler.registry import nearest
from recipes.metrics import area_under_curve, summary

EVALUATION_SEED = 2**32
"""Seed of the noise in validation and test, the same for all methods and runs; no training run uses it."""
_MISSING = {"audio": "audio/missing", "video": "image/missing", "text": "text/missing"}
_TAKEN = {"mean", "pooled", "a", "v", "t", "av", "at", "vt"}
"""Parts of conditions that mean something in every group: no scene can be called so."""
_SOUND_MS = 25.0
"""Length of the pieces of sound that are dropped, each on its own: the usual frame of speech features."""


@dataclass(frozen=True)
class ProtocolSettings:
    """What a run is judged under beside clean data and the subsets of modalities."""

    name: str
    """As in tables, with what it reproduces."""
    missing_rates: tuple[float, ...] = ()
    """Rising, in [0, 1]; beyond 2/3 they mean that, since one of three modalities is kept."""
    unequal_rates: tuple[dict[str, Any], ...] = ()
    """Modality → rate in [0, 1], at most 2 in all."""
    dropped_rates: tuple[float, ...] = ()
    """Rising, in [0, 1)."""
    scenes: dict[str, Any] = field(default_factory=dict)
    """Name → noise, of the form of `RawSettings.noise`."""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name must say which protocol it is")
        for key, rates in (("missing_rates", self.missing_rates), ("dropped_rates", self.dropped_rates)):
            if sorted(set(rates)) != list(rates) or not all(0 <= rate <= 1 for rate in rates):
                raise ValueError(f"{key} must be rising rates in [0, 1], not {list(rates)}")
        if 1 in self.dropped_rates:
            raise ValueError("dropped_rates must stay below 1: nothing would be left")
        for unequal in self.unequal_rates:
            _check_unequal(unequal)
        for name, table in self.scenes.items():
            _scene(name, table)


def absences(protocol: ProtocolSettings) -> dict[str, NoiseScheduler]:
    """Condition → the scheduler whose plans say which modalities of an utterance are absent."""
    found: dict[str, Condition] = {f"missing_rate/{rate}": missing_rate(rate) for rate in protocol.missing_rates}
    for rates in protocol.unequal_rates:
        name = "-".join(f"{modality[0]}{float(rates[modality])}" for modality in MODALITIES)
        found[f"unequal_rate/{name}"] = unequal_rate(rates)
    return {
        name: NoiseScheduler(_MISSING, condition=condition, seed=EVALUATION_SEED) for name, condition in found.items()
    }


def noises(protocol: ProtocolSettings, frames: int) -> dict[str, dict[str, NoiseScheduler]]:
    """Condition → modality → the noise of its test views, for clips of `frames` frames."""
    found = {f"dropped/{rate}": _dropping(rate, frames) for rate in protocol.dropped_rates}
    scenes = {f"scene/{name}": _scene(name, table) for name, table in protocol.scenes.items()}
    return found | {name: dict.fromkeys(MODALITIES, scene) for name, scene in scenes.items()}


def rate_curves(
    protocol: ProtocolSettings, judged: Mapping[str, Sequence[Mapping[str, Any]]], headline: str
) -> list[dict[str, Any]]:
    """The headline against the rate, as curves of results.json; `judged` is what each method's runs were judged."""
    groups = {
        "missing_rate": ("missing rate", protocol.missing_rates),
        "dropped": ("dropping rate", protocol.dropped_rates),
    }
    curves = []
    for group, (title, rates) in groups.items():
        if len(rates) < 2:
            continue
        methods = {}
        for name, runs in judged.items():
            lines = [[run["scores"][f"{group}/{rate}"][headline] for rate in rates] for run in runs]
            methods[name] = {
                "score": [summary(values) for values in zip(*lines, strict=True)],
                "area": summary([area_under_curve(rates, line) for line in lines]),
            }
        curves.append({"modality": "all", "noise": title, "scale": "rate", "levels": list(rates), "methods": methods})
    return curves


def _dropping(rate: float, frames: int) -> dict[str, NoiseScheduler]:
    """A share of each modality is lost at random: of sound, of so many frames, of words."""
    gone = round(rate * frames)
    lost: dict[str, Any] = dict(_MISSING)
    if rate > 0:
        gap_ms = _SOUND_MS / (1 - rate)  # the mean run of losses that are independent of each other
        lost["audio"] = build("audio/dropouts", lost_share_range=(rate, rate), mean_gap_ms=gap_ms)
        lost["text"] = build("text/word_loss", loss_rate_range=(rate, rate))
    return {
        modality: NoiseScheduler(
            {modality: noise},
            level=float(gone > 0 if modality == "video" else rate > 0),
            condition=fixed((modality,)),
            span=bursts(gone / frames, count=gone) if modality == "video" and gone else 1.0,
            seed=EVALUATION_SEED,
        )
        for modality, noise in lost.items()
    }


def _scene(name: str, table: Any) -> NoiseScheduler:
    if not name or "/" in name or ":" in name or not isinstance(table, Mapping):
        raise ValueError(f"scenes.{name} must be a table of noise, with a name free of '/' and ':'")
    if name in _TAKEN:
        raise ValueError(
            f"scenes.{name}: conditions are called so already; choose another name than {', '.join(sorted(_TAKEN))}"
        )
    try:
        scheduler = NoiseScheduler.from_dict({"seed": EVALUATION_SEED, "total_steps": 1} | dict(table))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"scenes.{name}: {error.args[0]}") from error
    for modality in scheduler.noises:
        if modality not in MODALITIES:
            raise ValueError(f"scenes.{name}: no modality is called {modality!r}; {nearest(modality, MODALITIES)}")
    return scheduler


def unequal_rate(rates: Mapping[str, float]) -> Condition:
    """Every modality absent at its rate, at least one of each utterance kept. Raises ValueError on other rates."""
    _check_unequal(rates)
    return any_subset(_unequal_weights(rates))


def _check_unequal(rates: Mapping[str, Any]) -> None:
    for modality in rates:
        if modality not in MODALITIES:
            raise ValueError(f"unequal_rates: no modality is called {modality!r}; {nearest(modality, MODALITIES)}")
    if set(rates) != set(MODALITIES):
        raise ValueError(f"unequal_rates needs a rate for each of {', '.join(MODALITIES)}, not {dict(rates)}")
    values = list(rates.values())
    if not all(type(rate) in (int, float) and 0 <= rate <= 1 for rate in values) or sum(values) > 2:
        raise ValueError(f"unequal_rates must lie in [0, 1] and add up to at most 2, not {dict(rates)}")


def _unequal_weights(rates: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    """How likely each subset is absent: every modality at its rate, never all of them, and else as even as can be.

    Iterative proportional fitting (Deming & Stephan 1940) from equal weights.
    """
    subsets = [subset for subset in any_subset().subsets(MODALITIES) if len(subset) < len(MODALITIES)]
    weights = dict.fromkeys(subsets, 1 / len(subsets))
    for _ in range(500):
        for modality, rate in rates.items():
            absent = sum(weight for subset, weight in weights.items() if modality in subset)
            for subset in subsets:
                share, wanted = (absent, rate) if modality in subset else (1 - absent, 1 - rate)
                weights[subset] *= wanted / share if share > 0 else 0.0
    # Rounded, so that plans do not hang on the last bits of the arithmetic.
    return {subset: round(weight, 9) for subset, weight in weights.items()} | {tuple(MODALITIES): 0.0}
