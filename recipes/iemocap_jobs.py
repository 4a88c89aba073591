"""The jobs of `recipes.iemocap`: per run and modality the encoders and their bank, then per run the fusions.

Each job writes to the folder `RunPlan.work` and skips what is already there, so that a killed run goes on where it
was. Checkpoints lie in `RunPlan.checkpoints`, one folder per method.

Public: `encoder_job`, `fusion_job`, `finetune_job`, `done_files`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

import models
from models.batch import Batch, collate
from models.encoders import AudioEncoder, Encoder, TextEncoder, UnimodalClassifier, VideoEncoder
from models.model import EmotionModel
from models.seeding import seeded
from noise_scheduler import NoiseScheduler, fixed
from noise_scheduler.torch_data import Scheduled, StepSampler, encode
from recipes.conditions import clean_views, inputs, judge, scheduled_views, zero_vector_views
from recipes.corpora.cache import Cache
from recipes.corpora.iemocap import LABELS
from recipes.files import read_tensors, write_json, write_tensors
from recipes.iemocap_settings import MODALITIES
from recipes.judging import judge_model
from recipes.metrics import scores
from recipes.run_plan import FINETUNED, KINDS, METHODS, Method, RunPlan, load_bank
from recipes.training import class_weights, fit_encoder, fit_end_to_end, fit_fusion
from recipes.views import curve_noises, encode_bank, evaluation_scheduler, loader, view_steps

Report = Callable[[int, int], None]
ENCODERS: dict[str, type[AudioEncoder] | type[VideoEncoder] | type[TextEncoder]] = {
    "audio": AudioEncoder,
    "video": VideoEncoder,
    "text": TextEncoder,
}


def encoder_job(plan: RunPlan, modality: str, *, report: Report) -> None:
    """Train a modality's clean and noisy encoders; encode the bank. Writes ``MODALITY.*`` to `plan.work`."""
    cache = Cache(plan.cache)
    weights_file = plan.work / f"{modality}.encoders.safetensors"
    training, encoding = _shares(report, (0.6, 0.4))
    with seeded(plan.seed):
        classifiers = {kind: UnimodalClassifier(ENCODERS[modality](), len(LABELS)) for kind in KINDS}
    if not weights_file.exists():
        _train_encoders(plan, cache, modality, classifiers, training)
        state = {f"{k}/{n}": t for k, c in classifiers.items() for n, t in c.state_dict().items()}
        write_tensors(weights_file, state)
    state = read_tensors(weights_file)
    for kind, classifier in classifiers.items():
        own = {name.removeprefix(f"{kind}/"): t for name, t in state.items() if name.startswith(f"{kind}/")}
        classifier.load_state_dict(own)
        classifier.eval()
    encoders: dict[str, Encoder] = {kind: classifier.encoder for kind, classifier in classifiers.items()}
    bank = _training_bank(plan, cache, modality, encoders, _shares(encoding, (0.5, 0.5))[0])
    bank |= _evaluation_bank(plan, cache, modality, encoders, _shares(encoding, (0.5, 0.5))[1])
    write_json(plan.work / f"{modality}.unimodal.json", _unimodal(plan, cache, classifiers, bank))
    write_tensors(plan.work / f"{modality}.bank.safetensors", bank)


def fusion_job(plan: RunPlan, *, report: Report) -> None:
    """Train the teacher and every method's fusion; judge them. Writes ``METHOD.json`` to `plan.work`."""
    labels, shares = Cache(plan.cache).labels, _shares(report, (1,) * (1 + len(METHODS)))
    teacher = _teacher(plan, labels, shares[0])
    for method, part in zip(METHODS, shares[1:], strict=True):
        target = plan.work / f"{method.name}.json"
        if not target.exists():
            model = _model(plan, method.fusion, method.encoders, plan.seed)
            _train_fusion(plan, model, teacher, method, labels, part)
            model.save_pretrained(plan.checkpoints / method.name)
            write_json(target, judge_model(plan, model, teacher, method.encoders, labels))


def finetune_job(plan: RunPlan, *, report: Report) -> None:
    """Fine-tune the whole NMER model under online noise and judge it. Writes ``nmer_finetuned.json``."""
    settings, cache = plan.settings.finetune, Cache(plan.cache)
    teacher = EmotionModel.from_pretrained(plan.checkpoints / "teacher")
    model = EmotionModel.from_pretrained(plan.checkpoints / "nmer")
    training, encoding = _shares(report, (0.7, 0.3))
    sampler = StepSampler(len(plan.train), global_batch=settings.batch_size, seed=plan.seed)
    scheduler = plan.settings.scheduler(seed=plan.seed, total_steps=settings.epochs * sampler.steps_per_epoch)
    train: DataLoader[Any] = DataLoader(
        Scheduled(_Rows(cache, plan.train), scheduler, _id_of),
        batch_size=settings.batch_size,
        sampler=sampler,
        collate_fn=_collate_rows,
        num_workers=settings.loader_workers,
        multiprocessing_context="spawn" if settings.loader_workers else None,
        persistent_workers=settings.loader_workers > 0,
    )
    validation: DataLoader[Any] = DataLoader(
        Scheduled(_Rows(cache, plan.validation), scheduler, _id_of),
        batch_size=settings.batch_size,
        sampler=[encode(index, scheduler.total_steps or 0) for index in range(len(plan.validation))],
        collate_fn=_collate_rows,
    )
    fit_end_to_end(
        model,
        teacher,
        clean_views(load_bank(plan, "clean", "train")),
        train,
        validation,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        weight_decay=plan.settings.fusion.weight_decay,
        class_weight=class_weights(cache.labels[plan.train], len(LABELS)),
        seed=plan.seed,
        log=plan.log("nmer_finetuned"),
        report=training,
    )
    model.save_pretrained(plan.checkpoints / FINETUNED.name)
    parts = _shares(encoding, (1,) * len(MODALITIES))
    encoders: Any = model.encoders
    for modality, part in zip(MODALITIES, parts, strict=True):
        bank = _evaluation_bank(plan, cache, modality, {"noisy": encoders[modality], "clean": encoders[modality]}, part)
        write_tensors(plan.work / "finetuned" / f"{modality}.bank.safetensors", bank)
    judged = judge_model(plan, model, teacher, "noisy", cache.labels, plan.work / "finetuned")
    write_json(plan.work / f"{FINETUNED.name}.json", judged)


def done_files(plan: RunPlan) -> dict[str, list[Path]]:
    """Per job the files whose presence means that it is done."""
    files = {m: [plan.work / f"{m}.unimodal.json", plan.work / f"{m}.bank.safetensors"] for m in MODALITIES}
    files["fusion"] = [plan.work / f"{method.name}.json" for method in METHODS]
    files["finetune"] = [plan.work / f"{FINETUNED.name}.json"]
    return files


def _train_encoders(
    plan: RunPlan, cache: Cache, modality: str, classifiers: dict[str, UnimodalClassifier], report: Report
) -> None:
    settings = plan.settings.encoder
    warm, clean, noisy = _shares(report, (settings.clean_epochs, settings.noisy_epochs, settings.noisy_epochs))
    sampler = StepSampler(len(plan.train), global_batch=settings.batch_size, seed=plan.seed)
    scheduler = plan.settings.scheduler(seed=plan.seed, total_steps=settings.noisy_epochs * sampler.steps_per_epoch)

    def fit(kind: str, epochs: int, noise: NoiseScheduler | None, name: str, part: Report) -> None:
        last = [encode(index, epochs * sampler.steps_per_epoch) for index in range(len(plan.validation))]
        batch = settings.batch_size
        sampler.set_epoch(0)
        fit_encoder(
            classifiers[kind],
            loader(cache, plan.train, modality, noise, batch_size=batch, sampler=sampler),
            loader(cache, plan.validation, modality, noise, batch_size=batch, sampler=last),
            epochs=epochs,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            class_weight=class_weights(cache.labels[plan.train], len(LABELS)),
            seed=plan.seed,
            log=plan.log(f"{modality}_{name}"),
            report=part,
        )

    fit("clean", settings.clean_epochs, None, "warm_up", warm)
    classifiers["noisy"].load_state_dict(classifiers["clean"].state_dict())
    fit("clean", settings.noisy_epochs, None, "clean", clean)
    fit("noisy", settings.noisy_epochs, scheduler, "noisy", noisy)


def _training_bank(
    plan: RunPlan, cache: Cache, modality: str, encoders: dict[str, Encoder], report: Report
) -> dict[str, Tensor]:
    """Scheduled views of the training rows under ``train/…``, by the noisy encoder; clean rows by both."""
    settings = plan.settings
    total = _fusion_steps(plan)
    scheduler = settings.scheduler(seed=plan.seed, total_steps=total)
    views = [(scheduler, step) for step in view_steps(settings.bank.views, total)]
    bank = encode_bank({"noisy": encoders["noisy"]}, cache, plan.train, modality, views, report)
    bank |= encode_bank({"clean": encoders["clean"]}, cache, plan.train, modality, [], lambda *_: None) | {
        "views_present": bank["views_present"]
    }
    return {f"train/{name}": tensor for name, tensor in bank.items()}


def _evaluation_bank(
    plan: RunPlan, cache: Cache, modality: str, encoders: dict[str, Encoder], report: Report
) -> dict[str, Tensor]:
    """Noisy views of validation and test rows, and of the test rows for the curves, by both encoders."""
    settings = plan.settings.evaluation
    trained = plan.settings.scheduler(seed=plan.seed, total_steps=1)
    scheduler = evaluation_scheduler(trained, settings)
    views = [(scheduler, step) for step in range(settings.views)]
    noises = curve_noises(scheduler, modality)
    parts = _shares(report, (1, 1, len(noises) * len(settings.curve_levels) / settings.views))
    bank: dict[str, Tensor] = {}
    for name, rows, part in (("validation", plan.validation, parts[0]), ("test", plan.test, parts[1])):
        encoded = encode_bank(encoders, cache, rows, modality, views, part)
        bank |= {f"{name}/{key}": tensor for key, tensor in encoded.items()}
    curve_views = [
        (NoiseScheduler({modality: noise}, level=level, condition=fixed((modality,)), seed=scheduler.seed), 0)
        for noise in noises.values()
        for level in settings.curve_levels
    ]
    encoded = encode_bank(encoders, cache, plan.test, modality, curve_views, parts[2])
    return bank | {f"curves/{key}": tensor for key, tensor in encoded.items()}


def _unimodal(
    plan: RunPlan, cache: Cache, classifiers: dict[str, UnimodalClassifier], bank: dict[str, Tensor]
) -> dict[str, Any]:
    """UA of each encoder with its own classifier on clean and noisy test data."""
    label = cache.labels[plan.test]
    result: dict[str, Any] = {}
    for kind, classifier in classifiers.items():
        result[kind] = {}
        for condition, features in (("clean", bank[f"test/{kind}/clean"]), ("noisy", bank[f"test/{kind}/views"])):
            with torch.inference_mode():
                logits = classifier.head(torch.nn.functional.gelu(features.flatten(0, -2)))
            predicted = logits.argmax(1).numpy()
            result[kind][condition] = scores(predicted, label.repeat(len(predicted) // len(label)), len(LABELS))
    return result


def _model(plan: RunPlan, fusion: str, kind: str, seed: int) -> EmotionModel:
    """A fresh fusion on a run's trained encoders, with features standardised on the clean training rows."""
    encoders: dict[str, Encoder] = {}
    for modality in MODALITIES:
        state = read_tensors(plan.work / f"{modality}.encoders.safetensors")
        prefix = f"{kind}/encoder."
        encoders[modality] = ENCODERS[modality]()
        encoders[modality].load_state_dict(
            {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        )
    model = models.create(fusion, classes=LABELS, seed=seed, encoders=encoders)
    model.encoders.requires_grad_(False)
    model.standardiser.fit(*inputs(load_bank(plan, kind, "train"), "clean"))
    return model


def _teacher(plan: RunPlan, labels: np.ndarray, report: Report) -> EmotionModel:
    """The clean teacher: experts on clean encoders and clean data."""
    folder = plan.checkpoints / "teacher"
    if not (folder / "config.json").exists():
        model = _model(plan, "experts", "clean", plan.seed)
        method = Method("teacher", "experts", "clean teacher", "clean", "clean data", ("clean",))
        _train_fusion(plan, model, None, method, labels, report)
        model.save_pretrained(folder)
    return EmotionModel.from_pretrained(folder)


def _train_fusion(
    plan: RunPlan, model: EmotionModel, teacher: EmotionModel | None, method: Method, labels: np.ndarray, report: Report
) -> None:
    settings = plan.settings.fusion
    bank, validation = load_bank(plan, method.encoders, "train"), load_bank(plan, method.encoders, "validation")
    clean = clean_views(load_bank(plan, "clean", "train"))
    views = clean
    if method.training == "scheduled noise":
        views = scheduled_views(bank, view_steps(plan.settings.bank.views, _fusion_steps(plan)), plan.seed)
    elif method.training == "zero vectors":
        views = zero_vector_views(bank, plan.seed)

    def validate(averaged: EmotionModel) -> float:
        judged = judge(averaged, validation, labels[plan.validation], len(LABELS))
        return float(np.mean([judged[condition]["ua"] for condition in method.judged_on]))

    fit_fusion(
        model,
        teacher,
        views,
        clean,
        torch.from_numpy(labels[plan.train]),
        validate,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        ema_decay=settings.ema_decay,
        consistency_weight=settings.consistency,
        class_weight=class_weights(labels[plan.train], len(LABELS)),
        seed=plan.seed,
        log=plan.log(method.name),
        report=report,
    )


def _fusion_steps(plan: RunPlan) -> int:
    """Optimiser steps of a fusion's training."""
    settings = plan.settings.fusion
    return settings.epochs * (len(plan.train) // min(settings.batch_size, len(plan.train)))


def _shares(report: Report, shares: Sequence[float]) -> list[Report]:
    """One report per part of a job, `shares` being how much of the whole each takes."""
    ends = np.cumsum(shares) / np.sum(shares)

    def part(start: float, end: float) -> Report:
        return lambda done, total: report(round(1000 * (start + (end - start) * done / max(total, 1))), 1000)

    return [part(start, end) for start, end in zip([0.0, *ends], ends, strict=False)]


class _Rows(torch.utils.data.Dataset[dict[str, Any]]):
    """Some rows of the cache as raw samples that know their place among them."""

    def __init__(self, cache: Cache, rows: np.ndarray) -> None:
        self.cache, self.rows = cache, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self.cache[int(self.rows[index])], "row": index}


def _id_of(sample: Any) -> str:
    return str(sample["id"])


def _collate_rows(samples: list[dict[str, Any]]) -> tuple[Batch, dict[str, Tensor]]:
    columns = {name: torch.tensor([sample[name] for sample in samples]) for name in ("row", "noise_step")}
    return collate(samples), columns
