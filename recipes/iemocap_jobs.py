"""The jobs of `recipes.iemocap`: per run and modality the encoders and their bank, then per run the fusions.

Each job writes below RUN/work/seedN and skips what is already there, so that a killed run goes on where it was.
Checkpoints lie in RUN/checkpoints/seedN/METHOD.

Public: `RunPlan`, `METHODS`, `Method`, `encoder_job`, `fusion_job`, `finetune_job`, `done_files`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

import models
from models.batch import RawBatch, collate
from models.diagnostics import active_dimensions, reconstruction_r2
from models.encoders import AudioEncoder, Encoder, TextEncoder, UnimodalClassifier, VideoEncoder
from models.model import EmotionModel
from models.seeding import seeded
from noise_scheduler import NoiseScheduler, fixed
from noise_scheduler.torch_data import Scheduled, StepSampler, encode
from recipes.conditions import CONDITIONS, Bank, clean_views, inputs, judge, predict, scheduled_views, zero_vector_views
from recipes.corpora.cache import Cache
from recipes.corpora.iemocap import LABELS
from recipes.files import read_tensors, write_json, write_tensors
from recipes.iemocap_settings import MODALITIES, IemocapSettings
from recipes.metrics import confusion, scores
from recipes.training import class_weights, fit_encoder, fit_end_to_end, fit_fusion
from recipes.views import curve_noises, encode_bank, evaluation_scheduler, loader, view_steps

Report = Callable[[int, int], None]
ENCODERS: dict[str, type[AudioEncoder] | type[VideoEncoder] | type[TextEncoder]] = {
    "audio": AudioEncoder,
    "video": VideoEncoder,
    "text": TextEncoder,
}
KINDS = ("clean", "noisy")
"""Encoders trained on clean data, and under scheduled noise; both start from the same clean ones."""


@dataclass(frozen=True)
class Method:
    """One row of the report: a fusion and what it is trained on."""

    name: str
    fusion: str
    label: str
    encoders: str
    training: str
    judged_on: tuple[str, ...]
    """Conditions of the validation data whose mean UA selects the epoch: those that it is trained for."""


_ALL = ("clean", "noisy/mean", "missing/mean")
METHODS = (
    Method("nmer", "nmer", "NMER (VAE), scheduled noise", "noisy", "scheduled noise", _ALL),
    Method("concat", "concat", "Concatenation, scheduled noise", "noisy", "scheduled noise", _ALL),
    Method("nmer_zero", "nmer", "NMER (VAE), zero vectors", "clean", "zero vectors", ("clean", "missing/mean")),
    Method("nmer_clean", "nmer", "NMER (VAE), clean data", "clean", "clean data", ("clean",)),
)
FINETUNED = Method(
    "nmer_finetuned",
    "nmer",
    "NMER (VAE), fine-tuned end to end",
    "noisy",
    "scheduled noise, end to end",
    ("training noise",),
)


@dataclass(frozen=True)
class RunPlan:
    """One run: a seed, its fold, and where everything is."""

    seed: int
    fold: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    cache: Path
    out: Path
    settings: IemocapSettings

    @property
    def work(self) -> Path:
        """Folder of the run's intermediate results."""
        return self.out / "work" / f"seed{self.seed}"

    @property
    def checkpoints(self) -> Path:
        """Folder of the run's models."""
        return self.out / "checkpoints" / f"seed{self.seed}"

    def log(self, name: str) -> Path:
        """Folder of a training loop's TensorBoard curves."""
        return self.out / "tensorboard" / f"seed{self.seed}" / name


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
            write_json(target, _judged(plan, model, teacher, method.encoders, labels))


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
        clean_views(_bank(plan, "clean", "train")),
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
    judged = _judged(plan, model, teacher, "noisy", cache.labels, plan.work / "finetuned")
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


def _bank(plan: RunPlan, kind: str, part: str, folder: Path | None = None) -> Bank:
    """A part (train, validation, test, curves) of the banks of all modalities, by one kind of encoder."""
    bank = {}
    for modality in MODALITIES:
        tensors = read_tensors((folder or plan.work) / f"{modality}.bank.safetensors")
        names = {"clean": f"{kind}/clean", "views": f"{kind}/views"}
        names |= {name: name for name in ("clean_present", "views_present")}
        bank[modality] = {name: tensors[f"{part}/{stored}"] for name, stored in names.items()}
    return bank


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
    model.standardiser.fit(*inputs(_bank(plan, kind, "train"), "clean"))
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
    bank, validation = _bank(plan, method.encoders, "train"), _bank(plan, method.encoders, "validation")
    clean = clean_views(_bank(plan, "clean", "train"))
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


def _judged(
    plan: RunPlan, model: EmotionModel, teacher: EmotionModel, kind: str, labels: np.ndarray, folder: Path | None = None
) -> dict[str, Any]:
    """Everything that the report says of one model in one run."""
    label, classes = labels[plan.test], len(LABELS)
    test, curves = _bank(plan, kind, "test", folder), _bank(plan, kind, "curves", folder)
    judged = judge(model, test, label, classes)
    result: dict[str, Any] = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "scores": {name: {k: one[k] for k in ("ua", "wa", "macro_f1")} for name, one in judged.items()},
        "confusion": {
            name: confusion(judged[name]["predicted"], judged[name]["label"], classes)
            for name in ("clean", "noisy/pooled")
        },
        "curves": _curves(plan, model, test, curves, label),
        "latent": None,
    }
    if predict(model, test, "clean").mean is not None:
        clean_test = _bank(plan, "clean", "test")
        result["latent"] = _latent(model, teacher, test, clean_test)
    return result


def _curves(plan: RunPlan, model: EmotionModel, test: Bank, curves: Bank, label: np.ndarray) -> dict[str, Any]:
    """Noise → UA at each level of the settings, only its modality being noisy."""
    settings = plan.settings.evaluation
    result: dict[str, list[float]] = {}
    scheduler = evaluation_scheduler(plan.settings.scheduler(seed=plan.seed, total_steps=1), settings)
    for modality in MODALITIES:
        views = iter(range(curves[modality]["views"].shape[1]))
        for noise in curve_noises(scheduler, modality):
            result[noise] = []
            for _ in settings.curve_levels:
                view = next(views)
                noisy = dict(curves[modality]) | {
                    "clean": curves[modality]["views"][:, view],
                    "clean_present": curves[modality]["views_present"][:, view],
                }
                predicted = predict(model, {**test, modality: noisy}, "clean").logits.argmax(1).numpy()
                result[noise].append(scores(predicted, label, len(LABELS))["ua"])
    return result


def _latent(model: EmotionModel, teacher: EmotionModel, test: Bank, clean_test: Bank) -> dict[str, Any]:
    """Is the auto-encoder at work: active dimensions, KL, and R² of the reconstruction of the clean teacher's view."""
    target = predict(teacher, clean_test, "clean").joint
    result: dict[str, Any] = {"reconstruction_r2": {}}
    six = [condition for condition in CONDITIONS if condition.startswith("noisy/")]
    for name, conditions in (("clean", ["clean"]), ("noisy/pooled", six)):
        outputs = [predict(model, test, condition) for condition in conditions]
        reconstruction = torch.cat([_given(output.reconstruction) for output in outputs])
        repeated = target.repeat_interleave(len(reconstruction) // len(target) // len(conditions), 0)
        result["reconstruction_r2"][name] = reconstruction_r2(reconstruction, repeated.repeat(len(conditions), 1))
        mean = torch.cat([_given(output.mean)["product"] for output in outputs])
        result |= {
            "size": mean.shape[1],
            "active": active_dimensions(mean),
            "kl_nats": float(torch.cat([_given(output.kl) for output in outputs]).mean()),
        }
    return result


def _given(value: Any) -> Any:
    assert value is not None
    return value


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


def _collate_rows(samples: list[dict[str, Any]]) -> tuple[RawBatch, Tensor]:
    return collate(samples), torch.tensor([sample["row"] for sample in samples])
