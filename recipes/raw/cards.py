"""What a recipe knows of a model that it trained, for the card in its checkpoint.

Public: `run_card`, `noise_facts`, `INTENDED_USE`, `LIMITS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.cards import ModelCard, NoiseSeen, Result
from noise_scheduler import NoiseScheduler
from recipes.metrics import Metric
from recipes.raw.methods import Method
from recipes.raw.plan import RunPlan

INTENDED_USE = (
    "Research on emotion recognition that withstands noisy and missing modalities, and comparison of methods trained "
    "alike. Not for decisions about people."
)
_CONDITIONS = (
    "clean; noisy/S, noise of levels {low:g} to {high:g} on the modalities S (a audio, v video, t text); heldout/S, "
    "the same with types that were never trained on; missing/S, S absent; pooled, the six S as one test set; mean, "
    "their mean"
)
LIMITS = (
    "The speakers and the language of the corpus above, one speaker at a time, utterances of a few seconds. "
    "The figures are those of one run on its test fold; another fold, seed or corpus gives others."
)


def run_card(plan: RunPlan, method: Method, judged: Mapping[str, Any]) -> ModelCard:
    """The card of one method in one run; `judged` is what `recipes.raw.judging.judge_model` gives of it."""
    noise: dict[str, Any] = {"noise": ()}
    if method.training.startswith("scheduled noise"):
        noise = noise_facts(plan.settings.scheduler(method.encoders, seed=plan.encoder_seed, total_steps=1000))
    conditions = ", ".join(method.judged_on)
    low, high = plan.settings.evaluation.noisy_levels
    return ModelCard(
        corpus=plan.corpus,
        synthetic=plan.synthetic,
        corpus_digest=plan.cache.name,
        split=plan.split,
        seed=plan.seed,
        training=f"encoders on {method.encoders} data, fusion on {method.training}",
        selection=f"epoch with the best mean {plan.task.selection} on validation data, conditions {conditions}",
        test_used_for_selection=False,
        results=tuple(
            Result(metric["label"], condition, scores[metric["name"]], _interval(plan, judged, condition, metric))
            for condition, scores in judged["scores"].items()
            for metric in plan.task.metrics
        ),
        interval=f"95 % bootstrap of {plan.task.metrics[0]['label']} over the test utterances, models and noise fixed",
        conditions=_CONDITIONS.format(low=low, high=high),
        intended_use=INTENDED_USE,
        limits=LIMITS,
        **noise,
    )


def _interval(plan: RunPlan, judged: Mapping[str, Any], condition: str, metric: Metric) -> tuple[float, float] | None:
    """That of the headline under a condition which has one, widened to hold the value where BCa leaves it out."""
    if metric["name"] != plan.task.headline or condition not in judged["intervals"]:
        return None
    (low, high), value = judged["intervals"][condition], judged["scores"][condition][metric["name"]]
    return min(low, value), max(high, value)


def noise_facts(scheduler: NoiseScheduler) -> dict[str, Any]:
    """The fields of `ModelCard` that a scheduler decides: `noise`, `noise_condition`, `noise_digest`."""
    config = scheduler.to_dict()
    seen: list[NoiseSeen] = []
    for modality, mixture in config["noises"].items():
        level = config["level"]
        if isinstance(level, dict) and "kind" not in level:  # one level per modality
            level = level[modality]
        for entry in mixture["noises"] if isinstance(mixture, dict) else mixture:
            fields = {"noise": entry} if isinstance(entry, str) else dict(entry)
            name, weight = fields.pop("noise"), fields.pop("weight", 1)
            seen.append(NoiseSeen(modality, name + _arguments(fields), _words(weight), _words(level)))
    return {
        "noise": tuple(seen),
        "noise_condition": _words(config["condition"]),
        "noise_digest": scheduler.digest,
    }


def _words(value: Any) -> str:
    """A part of a scheduler's configuration in a line: ``uniform(low 0, high linear(start 0.3, end 1, until 30%))``."""
    if isinstance(value, dict):
        return f"{value['kind']}{_arguments({key: part for key, part in value.items() if key != 'kind'})}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_words, value))}]"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _arguments(fields: Mapping[str, Any]) -> str:
    said = ", ".join(f"{key} {_words(value)}" for key, value in fields.items() if value not in ([], {}))
    return f"({said})" if said else ""
