"""The jobs of released features: per fold the standardisation, per run the clean teachers and the methods.

Each job writes to the folders of its `RunPlan`, whole or not at all, so that a killed run goes on where it was.

Public: `teacher_job`, `method_job`, `check_methods`; `scales_job` is in `recipes.released.sequences`.
"""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import Any

import models
from models.encoders import Encoder, LSTMEncoder, TextCNNEncoder
from models.losses import DEFAULT_WEIGHTS, LossWeights
from models.model import EmotionModel
from models.seeding import seeded
from recipes.corpora.features import FeatureCorpus
from recipes.files import write_json
from recipes.jobs import Report, shares
from recipes.raw.methods import METHODS, Method
from recipes.released.cards import run_card
from recipes.released.conditions import selection_schedulers, training_scheduler
from recipes.released.judging import judge_model
from recipes.released.plan import RunPlan
from recipes.released.sequences import Sequences, encode_rows, fold_corpus, loader, train_loader
from recipes.released.settings import ReleasedSettings
from recipes.released.training import fit_sequences
from recipes.resources import timed
from recipes.task import Task

_TEACHER = Method("teacher", "experts", "clean teacher", "clean", "clean data", ("clean",))


def teacher_job(plan: RunPlan, hidden: int, *, report: Report) -> None:
    """Stage 1: train the clean teacher of a width, encoders and fusion together."""
    with seeded(plan.seed):
        encoders = fresh_encoders(plan.corpus)
    model = models.create("experts", classes=plan.task.outputs, seed=plan.seed, encoders=encoders, hidden=hidden)
    model.meter = None  # it sees no noise
    _train(plan, model, None, _TEACHER, f"teacher{hidden}", report)
    model.save_pretrained(plan.teacher(hidden))


def method_job(plan: RunPlan, name: str, *, report: Report) -> None:
    """Stage 2: train one method from the teacher's encoders, and judge it. Writes ``METHOD.json`` to `plan.work`."""
    method = METHODS[name]
    teacher = EmotionModel.from_pretrained(plan.teacher(method.teacher_hidden))
    encoders: Any = copy.deepcopy(teacher.encoders)
    model = _method_model(plan.settings, plan.task, method, dict(encoders.items()), plan.seed)
    training, judging = shares(report, (0.8, 0.2))
    _train(plan, model, teacher, method, method.name, training)
    with timed(plan.work / f"{name}.evaluation.stage.json", "evaluation") as count:
        judged = judge_model(plan, model, teacher, judging)
        count.utterances = len(plan.fold.test)
    model.save_pretrained(plan.checkpoints / method.name, card=run_card(plan, method, judged))
    write_json(plan.work / f"{method.name}.json", judged)


def fresh_encoders(corpus: FeatureCorpus) -> dict[str, Encoder]:
    """The encoders of MMIN and NMER, for the widths of the corpus."""
    dims = corpus.dims
    return {
        "audio": LSTMEncoder("audio", dims["audio"]),
        "video": LSTMEncoder("video", dims["video"]),
        "text": TextCNNEncoder("text", dims["text"]),
    }


def check_methods(settings: ReleasedSettings, task: Task, corpus: FeatureCorpus) -> None:
    """Build every method once, so that a wrong option stops the recipe before any training. Raises ValueError."""
    for method in settings.rows:
        with seeded(0):
            encoders = fresh_encoders(corpus)
        fusion = _method_model(settings, task, method, encoders, 0).fusion
        if fusion.teacher_hidden not in (None, method.teacher_hidden):
            raise ValueError(
                f"fusion_options.{method.fusion}: teacher_hidden must be {method.teacher_hidden}, that of the teacher"
            )


def _method_model(
    settings: ReleasedSettings, task: Task, method: Method, encoders: dict[str, Encoder], seed: int
) -> EmotionModel:
    options = settings.fusion_options.get(method.fusion, {})
    return models.create(method.fusion, classes=task.outputs, seed=seed, encoders=encoders, **options)


def _train(
    plan: RunPlan, model: EmotionModel, teacher: EmotionModel | None, method: Method, log: str, report: Report
) -> None:
    settings, corpus, labels = plan.settings, fold_corpus(plan), plan.corpus.labels[plan.fold.train]
    noise = training_scheduler(settings, method, seed=plan.seed, total_steps=plan.total_steps)
    if teacher is None:
        target, weights = None, LossWeights(**asdict(settings.teacher_loss))
    else:
        weights = DEFAULT_WEIGHTS
        target = teacher, encode_rows([teacher], Sequences(corpus, plan.fold.train, None))[0]
    with timed(plan.work / f"{log}.training.stage.json", "training") as count:
        fitted = fit_sequences(
            model,
            target,
            train_loader(Sequences(corpus, plan.fold.train, noise), batch_size=plan.batch_size, seed=plan.seed),
            [
                loader(Sequences(corpus, plan.fold.val, seen), step=plan.total_steps)
                for seen in selection_schedulers(settings, method, total_steps=plan.total_steps)
            ],
            settings.training,
            task=plan.task,
            class_weight=plan.task.class_weight(labels) if settings.training.class_weights else None,
            weights=weights,
            seed=plan.seed,
            log=plan.log(f"{plan.name}/{log}"),
            report=report,
        )
        count.utterances = fitted.steps * plan.batch_size
