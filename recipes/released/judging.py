"""Everything that the report says of one model in one run.

Public: `judge_model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.fusion import FusionOutput
from models.model import EmotionModel
from noise_scheduler.rng import key_of, stream
from recipes.corpora.features import MODALITIES
from recipes.jobs import Report
from recipes.latent import latent
from recipes.raw.protocols import EVALUATION_SEED
from recipes.released.conditions import MISSING, hits, judged_conditions, view_schedulers
from recipes.released.plan import RunPlan
from recipes.released.sequences import Encoded, Sequences, encode_rows, fold_corpus


def judge_model(plan: RunPlan, model: EmotionModel, teacher: EmotionModel, report: Report) -> dict[str, Any]:
    """Scores under every condition, and what the report shows beside them."""
    task, ids = plan.task, [plan.corpus.ids[row] for row in plan.fold.test]
    rows = judged_rows(plan)
    label = plan.corpus.labels[plan.fold.test][rows.numpy()]
    own, clean_teachers = _views(plan, model, teacher, report)
    said: dict[str, list[FusionOutput]] = {"clean": [_fuse(plan, model, own["clean"].rows(rows))]}
    unmended: dict[str, list[FusionOutput]] = {"clean": [_fuse(plan, teacher, clean_teachers["clean"].rows(rows))]}
    for condition in judged_conditions(plan.settings.evaluation):
        shown_in = hits(condition, ids)
        for views, one, found in ((own, model, said), (clean_teachers, teacher, unmended)):
            shown = _shown(views, condition.view, shown_in).rows(rows)
            found[condition.name] = [_fuse(plan, one, shown)]
    for found in (said, unmended):
        found |= _pooled(found)
    outputs = {name: torch.cat([one.logits for one in parts]).numpy() for name, parts in said.items()}
    labels = {name: np.tile(label, len(parts)) for name, parts in said.items()}
    scores = _ordered({name: task.score(outputs[name], labels[name]) for name in said})
    main = next(name for name in scores if name.endswith("/pooled"))
    whole = [name for name in scores if name == "clean" or (name.endswith("/pooled") and not name.startswith("T="))]
    return {
        "parameters": sum(weight.numel() for weight in model.fusion.parameters()),
        "scores": scores,
        "confusion": {name: task.confusion(outputs[name], labels[name]) for name in ("clean", main)},
        "calibration_error": {name: task.calibration_error(outputs[name], labels[name]) for name in whole},
        "latent": latent(
            {name: FusionOutput.join(said[name]) for name in whole},
            {name: torch.cat([one.joint for one in unmended[name]]) for name in whole},
            {name: unmended["clean"][0].joint.repeat(len(said[name]), 1) for name in whole},
            main,
        ),
    }


def judged_rows(plan: RunPlan) -> Tensor:
    """Places of the test rows in the order in which they are judged: all of them, in the order of the release.

    With `shuffled_truncated_test` they are shuffled and the last, incomplete batch is dropped, as a test loader with
    the settings of the training loader does.
    """
    count = len(plan.fold.test)
    if not plan.settings.evaluation.shuffled_truncated_test:
        return torch.arange(count)
    with stream(key_of(plan.seed, "test order"), 0, "order") as rng:
        order = torch.from_numpy(rng.permutation(count))
    batch = min(plan.batch_size, count)
    return order[: count // batch * batch]


def _views(
    plan: RunPlan, model: EmotionModel, teacher: EmotionModel, report: Report
) -> tuple[dict[str, Encoded], dict[str, Encoded]]:
    """View → the test rows as the encoders of the model and of its teacher give them."""
    corpus = fold_corpus(plan)
    schedulers = {"clean": None} | view_schedulers(plan.settings.evaluation)
    own, teachers = {}, {}
    for done, (view, scheduler) in enumerate(schedulers.items()):
        own[view], teachers[view] = encode_rows([model, teacher], Sequences(corpus, plan.fold.test, scheduler))
        report(done + 1, len(schedulers))
    return own, teachers


def _shown(views: Mapping[str, Encoded], view: str, shown_in: Mapping[str, Tensor]) -> Encoded:
    """The clean rows, but the view in the modalities of each row that `shown_in` says."""
    clean = views["clean"]
    if view == MISSING:
        return Encoded(clean.features, {m: clean.present[m] & ~shown_in[m] for m in MODALITIES})
    noisy = views[view]
    return Encoded(
        {m: torch.where(shown_in[m][:, None], noisy.features[m], clean.features[m]) for m in MODALITIES},
        {m: torch.where(shown_in[m], noisy.present[m], clean.present[m]) for m in MODALITIES},
    )


@torch.inference_mode()
def _fuse(plan: RunPlan, model: EmotionModel, shown: Encoded) -> FusionOutput:
    """The rows in batches as in training: a fusion whose attention runs across the batch depends on them."""
    generator = torch.Generator().manual_seed(EVALUATION_SEED)  # of a latent that is drawn at test time
    places = torch.arange(len(shown.present[MODALITIES[0]]))
    outputs = [model.fuse(*shown.rows(part), generator=generator) for part in torch.split(places, plan.batch_size)]
    return FusionOutput.join(outputs)


def _pooled(said: Mapping[str, list[FusionOutput]]) -> dict[str, list[FusionOutput]]:
    """The conditions of each group as one test set; ``noisy/…``: those of the same name over all ``T=…`` groups."""
    pooled: dict[str, list[FusionOutput]] = {}
    for name, parts in said.items():
        group, _, part = name.partition("/")
        if group.startswith("T="):
            pooled.setdefault(f"noisy/{part}", []).extend(parts)
    for name, parts in {**said, **pooled}.items():
        group, _, part = name.partition("/")
        if part and part != "avt":
            pooled.setdefault(f"{group}/pooled", []).extend(parts)
    return pooled


def _ordered(scores: Mapping[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """With the mean of every group, ``clean`` and ``noisy/…`` first, the others as they were judged."""
    grouped: dict[str, dict[str, dict[str, float]]] = {"clean": {}, "noisy": {}}
    for name, values in scores.items():
        group, _, part = name.partition("/")
        grouped.setdefault(group, {})[part] = values
    ordered = {"clean": grouped.pop("clean")[""]}
    for group, parts in grouped.items():
        if not parts:
            continue
        pooled = parts.pop("pooled")
        members = [values for part, values in parts.items() if part != "avt"]
        mean = {name: float(np.mean([values[name] for values in members])) for name in pooled}
        ordered |= {f"{group}/{part}": values for part, values in (parts | {"mean": mean, "pooled": pooled}).items()}
    return ordered
