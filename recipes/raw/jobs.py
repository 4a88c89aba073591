"""The jobs of the raw path: per fold and modality the encoders and their bank, then per run the fusions.

Each job writes to the folders of its `RunPlan` and skips what is already there, so that a killed run goes on where it
was. Checkpoints lie in `RunPlan.checkpoints`, one folder per method.

Public: `encoder_job`, `teacher_job`, `fusion_job`, `adapted_job`, `finetune_job`, `done_files`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import models
from models.checkpoint import Preprocessing
from models.encoders import AudioEncoder, Encoder, TextEncoder, UnimodalClassifier, VideoEncoder
from models.losses import LossWeights
from models.model import EmotionModel
from models.seeding import seeded
from noise_scheduler import NoiseScheduler
from noise_scheduler.torch_data import StepSampler, encode
from recipes.corpora.cache import Cache
from recipes.files import read_tensors, write_json, write_tensors
from recipes.jobs import Report, shares, silent
from recipes.raw.adapted import BatchAdapted
from recipes.raw.bank import evaluation_bank, load_bank, training_bank
from recipes.raw.cards import run_card
from recipes.raw.conditions import (
    Bank,
    Views,
    clean_views,
    inputs,
    predict,
    scheduled_views,
    selection,
    zero_vector_views,
)
from recipes.raw.judging import judge_model, judge_unimodal
from recipes.raw.methods import FINETUNED, METHODS, Method
from recipes.raw.online import online_loader
from recipes.raw.plan import RunPlan
from recipes.raw.settings import MODALITIES
from recipes.raw.views import loader, view_steps
from recipes.resources import timed
from recipes.trainer import other_ranks
from recipes.training import fit_encoder, fit_end_to_end, fit_fusion

ENCODERS: dict[str, type[AudioEncoder] | type[VideoEncoder] | type[TextEncoder]] = {
    "audio": AudioEncoder,
    "video": VideoEncoder,
    "text": TextEncoder,
}
_TEACHER = Method("teacher", "experts", "clean teacher", "clean", "clean data", ("clean",))


def encoder_job(plan: RunPlan, modality: str, *, report: Report) -> None:
    """Train a modality's encoders of all kinds; encode the bank. Writes ``MODALITY.*`` to `plan.encoders`."""
    cache = Cache(plan.cache)
    weights_file = plan.encoders / f"{modality}.encoders.safetensors"
    training, encoding = shares(report, (0.6, 0.4))
    with seeded(plan.encoder_seed):
        classifiers = {
            kind: UnimodalClassifier(ENCODERS[modality](), len(plan.task.outputs)) for kind in plan.settings.kinds
        }
    if not weights_file.exists():
        with timed(plan.encoders / f"{modality}.encoders.stage.json", "encoder training") as count:
            count.utterances = _train_encoders(plan, cache, modality, classifiers, training)
        state = {f"{k}/{n}": t for k, c in classifiers.items() for n, t in c.state_dict().items()}
        write_tensors(weights_file, state)
    state = read_tensors(weights_file)
    for kind, classifier in classifiers.items():
        classifier.load_state_dict(_without_prefix(state, f"{kind}/"))
        classifier.eval()
    encoders: dict[str, Encoder] = {kind: classifier.encoder for kind, classifier in classifiers.items()}
    first, second = shares(encoding, (0.5, 0.5))
    with timed(plan.encoders / f"{modality}.bank.stage.json", "bank") as count:
        bank = training_bank(plan, cache, modality, encoders, first)
        bank |= evaluation_bank(plan, cache, modality, encoders, second)
        count.utterances = sum(there.numel() for name, there in bank.items() if name.endswith("_present"))
    write_json(plan.encoders / f"{modality}.unimodal.json", judge_unimodal(plan, cache, classifiers, bank))
    write_tensors(plan.encoders / f"{modality}.bank.safetensors", bank)


def teacher_job(plan: RunPlan, student: Method, *, report: Report) -> None:
    """Train the clean teacher of a method: experts of its width, on its encoders, on clean data."""
    teacher = replace(_TEACHER, name=student.teacher, encoders=student.encoders)
    model = _model(plan, teacher, hidden=student.teacher_hidden)
    model.meter = None  # it sees no noise
    with timed(plan.work / f"{teacher.name}.fusion.stage.json", "fusion") as count:
        count.utterances = _train_fusion(plan, model, None, teacher, Cache(plan.cache).labels, report)
    model.save_pretrained(plan.checkpoints / teacher.name, preprocessing=_preprocessing(plan))


def fusion_job(plan: RunPlan, name: str, *, report: Report) -> None:
    """Train one method's fusion and judge it. Writes ``METHOD.json`` to `plan.work`."""
    method, labels = METHODS[name], Cache(plan.cache).labels
    teacher = EmotionModel.from_pretrained(plan.checkpoints / method.teacher)
    model = _model(plan, method)
    started = time.process_time()
    with timed(plan.work / f"{name}.fusion.stage.json", "fusion") as count:
        count.utterances = _train_fusion(plan, model, teacher, method, labels, report)
    seconds = time.process_time() - started
    with timed(plan.work / f"{name}.evaluation.stage.json", "evaluation") as count:
        judged = judge_model(plan, model, teacher, method.encoders, labels)
        count.utterances = len(plan.fold.test)
    _save(plan, model, method, judged)
    times = {"training_cpu_s": seconds, "inference_us": _inference_us(model, load_bank(plan, method.encoders, "test"))}
    write_json(plan.work / f"{method.name}.time.json", times)
    write_json(plan.work / f"{method.name}.json", judged)


def adapted_job(plan: RunPlan, name: str, *, report: Report) -> None:
    """Judge the trained model of another method as it adapts to the test clips. Writes ``METHOD.json``."""
    method, labels = METHODS[name], Cache(plan.cache).labels
    teacher = EmotionModel.from_pretrained(plan.checkpoints / method.teacher)
    model = BatchAdapted(EmotionModel.from_pretrained(plan.checkpoints / method.adapts))
    with timed(plan.work / f"{name}.evaluation.stage.json", "evaluation") as count:
        judged = judge_model(plan, model, teacher, method.encoders, labels)
        count.utterances = len(plan.fold.test)
    write_json(plan.work / f"{name}.json", judged)


def finetune_job(plan: RunPlan, *, report: Report) -> None:
    """Fine-tune the whole NMER model under online noise and judge it. Writes ``nmer_finetuned.json``."""
    cache = Cache(plan.cache)
    training, encoding = shares(report, (0.7, 0.3))
    ranks = other_ranks(_fine_tune, plan, devices=plan.settings.trainer.devices)
    with timed(plan.work / "finetuned.stage.json", "end-to-end fine-tuning") as count, ranks:
        model, teacher, count.utterances = _fine_tune(plan, training)
    parts = shares(encoding, (1,) * len(MODALITIES))
    encoders: Any = model.encoders
    for modality, part in zip(MODALITIES, parts, strict=True):
        bank = evaluation_bank(plan, cache, modality, {"noisy": encoders[modality]}, part)
        write_tensors(plan.work / "finetuned" / f"{modality}.bank.safetensors", bank)
    judged = judge_model(plan, model, teacher, "noisy", cache.labels, plan.work / "finetuned")
    _save(plan, model, FINETUNED, judged)
    write_json(plan.work / f"{FINETUNED.name}.json", judged)


def _fine_tune(plan: RunPlan, report: Report = silent) -> tuple[EmotionModel, EmotionModel, int]:
    """The fine-tuned model, its teacher, and how many utterances it saw; what every rank of a training does."""
    settings, trainer, cache = plan.settings.finetune, plan.settings.trainer, Cache(plan.cache)
    teacher = EmotionModel.from_pretrained(plan.checkpoints / FINETUNED.teacher)
    model = EmotionModel.from_pretrained(plan.checkpoints / "nmer")
    sampler = StepSampler(len(plan.fold.train), global_batch=settings.batch_size, seed=plan.seed)
    total = settings.epochs * sampler.steps_per_epoch
    scheduler = plan.settings.scheduler(seed=plan.seed, total_steps=total)
    last = [encode(index, total) for index in range(len(plan.fold.val))]
    batch = settings.batch_size // trainer.devices
    fitted = fit_end_to_end(
        model,
        teacher,
        clean_views(load_bank(plan, FINETUNED.encoders, "train")),
        online_loader(
            cache, plan.fold.train, scheduler, batch_size=batch, sampler=sampler, workers=settings.loader_workers
        ),
        online_loader(cache, plan.fold.val, scheduler, batch_size=settings.batch_size, sampler=last),
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        weight_decay=plan.settings.fusion.weight_decay,
        ema_decay=settings.ema_decay,
        task=plan.task,
        class_weight=plan.task.class_weight(cache.labels[plan.fold.train]),
        seed=plan.seed,
        log=plan.log(f"{plan.name}/nmer_finetuned"),
        report=report,
        settings=trainer,
    )
    return model, teacher, fitted.steps * settings.batch_size


def done_files(plan: RunPlan) -> dict[str, list[Path]]:
    """Per job the files whose presence means that it is done."""
    files = {m: [plan.encoders / f"{m}.unimodal.json", plan.encoders / f"{m}.bank.safetensors"] for m in MODALITIES}
    teachers = {METHODS[name].teacher for name in plan.settings.methods} | {FINETUNED.teacher}
    files |= {name: [plan.checkpoints / name / "config.json"] for name in teachers}
    files |= {name: [plan.work / f"{name}.json"] for name in (*plan.settings.methods, FINETUNED.name)}
    return files


def _train_encoders(
    plan: RunPlan, cache: Cache, modality: str, classifiers: dict[str, UnimodalClassifier], report: Report
) -> int:
    """Train a modality's classifiers in place; gives how many utterances they saw."""
    settings, seed = plan.settings.encoder, plan.encoder_seed
    epochs = dict.fromkeys(classifiers, settings.noisy_epochs)
    warm, *others = shares(report, (settings.clean_epochs, *epochs.values()))
    sampler = StepSampler(len(plan.fold.train), global_batch=settings.batch_size, seed=seed)
    total = settings.noisy_epochs * sampler.steps_per_epoch

    def fit(kind: str, epochs: int, noise: NoiseScheduler | None, name: str, part: Report) -> int:
        last = [encode(index, epochs * sampler.steps_per_epoch) for index in range(len(plan.fold.val))]
        batch = settings.batch_size
        sampler.set_epoch(0)
        fitted = fit_encoder(
            classifiers[kind],
            loader(cache, plan.fold.train, modality, noise, batch_size=batch, sampler=sampler),
            loader(cache, plan.fold.val, modality, noise, batch_size=batch, sampler=last),
            task=plan.task,
            epochs=epochs,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            ema_decay=settings.ema_decay,
            class_weight=plan.task.class_weight(cache.labels[plan.fold.train]),
            seed=seed,
            log=plan.log(f"{plan.encoder_name}/{modality}_{name}"),
            report=part,
            settings=plan.settings.trainer,
        )
        return fitted.steps * batch

    seen = fit("clean", settings.clean_epochs, None, "warm_up", warm)
    for kind in classifiers:
        classifiers[kind].load_state_dict(classifiers["clean"].state_dict())
    for kind, part in zip(classifiers, others, strict=True):
        noise = None if kind == "clean" else plan.settings.scheduler(kind, seed=seed, total_steps=total)
        seen += fit(kind, settings.noisy_epochs, noise, kind, part)
    return seen


def _model(plan: RunPlan, method: Method, **overrides: int) -> EmotionModel:
    """A fresh fusion on trained encoders, with features standardised on the clean training rows."""
    encoders: dict[str, Encoder] = {}
    for modality in MODALITIES:
        state = read_tensors(plan.encoders / f"{modality}.encoders.safetensors")
        encoders[modality] = ENCODERS[modality]()
        encoders[modality].load_state_dict(_without_prefix(state, f"{method.encoders}/encoder."))
    model = models.create(method.fusion, classes=plan.task.outputs, seed=plan.seed, encoders=encoders, **overrides)
    model.encoders.requires_grad_(False)
    clean = inputs(load_bank(plan, method.encoders, "train"), "clean")
    model.standardiser.fit(model.vectors(clean.features), clean.present)
    return model


def _train_fusion(
    plan: RunPlan, model: EmotionModel, teacher: EmotionModel | None, method: Method, labels: np.ndarray, report: Report
) -> int:
    """Train a model's fusion in place; gives how many utterances it saw."""
    settings = plan.settings.fusion
    bank = load_bank(plan, method.encoders, "train")
    validation = load_bank(plan, method.encoders, "validation")

    def validate(averaged: EmotionModel) -> float:
        return selection(averaged, validation, labels[plan.fold.val], plan.task, method.judged_on)

    fitted = fit_fusion(
        model,
        teacher,
        _training_views(plan, method, bank),
        clean_views(bank),
        torch.from_numpy(labels[plan.fold.train]),
        validate,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        ema_decay=settings.ema_decay,
        consistency_weight=settings.consistency if method.consistent else 0.0,
        weights=LossWeights(level=settings.level),
        class_weight=plan.task.class_weight(labels[plan.fold.train]),
        seed=plan.seed,
        log=plan.log(f"{plan.name}/{method.name}"),
        report=report,
        patience=plan.settings.trainer.patience,
    )
    return fitted.steps * min(settings.batch_size, len(plan.fold.train))


def _training_views(plan: RunPlan, method: Method, bank: Bank) -> Views:
    if method.training == "scheduled noise":
        return scheduled_views(bank, view_steps(plan.settings.bank.views, plan.fusion_steps), plan.seed)
    return zero_vector_views(bank, plan.seed) if method.training == "zero vectors" else clean_views(bank)


def _save(plan: RunPlan, model: EmotionModel, method: Method, judged: Mapping[str, Any]) -> None:
    card, preprocessing = run_card(plan, method, judged), _preprocessing(plan)
    model.save_pretrained(plan.checkpoints / method.name, card=card, preprocessing=preprocessing)


def _inference_us(model: EmotionModel, test: Bank, repeats: int = 20) -> float:
    """Time of the fusion alone for an utterance, all test rows in one batch: the median of some repeats."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        predict(model, test, "clean")
        times.append(time.perf_counter() - started)
    return 1e6 * float(np.median(times)) / len(test["audio"]["clean"])


def _preprocessing(plan: RunPlan) -> Preprocessing:
    return Preprocessing(frames=plan.settings.data.frames, frame_size=plan.settings.data.frame_size)


def _without_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
