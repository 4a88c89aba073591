"""What a recipe of released features knows of a model that it trained, for the card in its checkpoint.

Public: `run_card`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.cards import ModelCard, Result
from recipes.raw.cards import INTENDED_USE, LIMITS, noise_facts
from recipes.raw.methods import Method
from recipes.released.conditions import training_scheduler
from recipes.released.plan import RunPlan

_CONDITIONS = (
    "clean, all modalities as released; of each group of conditions of the protocol the mean of its conditions, and "
    "pooled, these as one test set"
)


def run_card(plan: RunPlan, method: Method, judged: Mapping[str, Any]) -> ModelCard:
    """The card of one method in one run; `judged` is what `recipes.released.judging.judge_model` gives of it."""
    noise = training_scheduler(plan.settings, method, seed=plan.seed, total_steps=plan.total_steps)
    shown = [name for name in judged["scores"] if name == "clean" or name.endswith(("/mean", "/pooled"))]
    return ModelCard(
        corpus=plan.corpus.name,
        synthetic=plan.corpus.synthetic,
        corpus_digest=plan.corpus_digest,
        split=plan.split,
        seed=plan.seed,
        training=f"encoders of sequences and fusion together on {method.training}, from a clean teacher's encoders",
        selection=f"epoch with the best {plan.task.selection} on validation data, clean and under noise of training",
        test_used_for_selection=False,
        results=tuple(
            Result(metric["label"], name, judged["scores"][name][metric["name"]])
            for name in shown
            for metric in plan.task.metrics
        ),
        conditions=_CONDITIONS,
        intended_use=INTENDED_USE,
        limits=LIMITS,
        **({"noise": ()} if noise is None else noise_facts(noise)),
    )
