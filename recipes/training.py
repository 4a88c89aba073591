"""Training loops on Lightning: an encoder alone, a fusion on a bank of views, both together under online noise.

Every loop keeps the weights that are best on validation data, writes its curves for TensorBoard and reports its
progress to a callback. Whatever torch draws (initialisation, dropout) depends on the given seed alone.
`recipes.trainer` says how weights are averaged, when a loop ends early, and what of it runs where.

Fusions on banks are a few small layers on vectors: they are trained in 32 bits on the CPU whatever the settings say, as
a GPU would spend its time on starting kernels.

Public: `fit_encoder`, `fit_fusion`, `fit_end_to_end`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from models.batch import MODALITIES, Batch, present
from models.encoders import Encoder, UnimodalClassifier
from models.fusion import FusionOutput
from models.losses import DEFAULT_WEIGHTS, Loss, LossWeights, NoiseProbe, consistency, student_loss, teacher_loss
from models.model import EmotionModel
from models.seeding import seeded
from noise_scheduler.torch_data import StepSampler, decode
from noise_scheduler.torch_data.lightning import NoiseCallback
from recipes.jobs import Report
from recipes.raw.conditions import Inputs, Views
from recipes.task import Task
from recipes.trainer import LOG_EVERY, Fitted, Predictions, TrainerSettings, Training, fit


class _EncoderTraining(Training):
    """An encoder with a classifier of its own."""

    def __init__(
        self, classifier: UnimodalClassifier, task: Task, class_weight: Tensor | None, **optimisation: Any
    ) -> None:
        super().__init__(**optimisation)
        self.classifier, self.task = classifier, task
        self.class_weight: Tensor | None
        self.register_buffer("class_weight", class_weight, persistent=False)
        self.modality = classifier.encoder.modality
        self.predictions = Predictions(task)
        self._kept = (self.averaged(classifier),)  # in a tuple, so that it is no sub-module

    def trained(self) -> nn.Module:
        return self.classifier

    def training_step(self, batch: Batch) -> Tensor:
        there = present(batch)[self.modality]
        assert batch.label is not None
        losses = self.task.loss(self.classifier(batch).float(), batch.label, self.class_weight)
        loss = (losses * there).sum() / there.sum().clamp(min=1)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Batch) -> None:
        assert batch.label is not None
        there = present(batch)[self.modality]
        self.predictions.update(self._kept[0](batch)[there], batch.label[there])

    def on_validation_epoch_end(self) -> None:
        self.select(self.predictions.score(), self._kept[0])


class _FusionTraining(Training):
    """A fusion on encoded views: two views of every row, their predictions drawn together."""

    fused = True

    def __init__(
        self,
        model: EmotionModel,
        teacher: EmotionModel | None,
        views: Views,
        clean: Views,
        labels: Tensor,
        validate: Callable[[EmotionModel], float],
        class_weight: Tensor | None,
        consistency_weight: float,
        weights: LossWeights,
        generator: torch.Generator,
        **optimisation: Any,
    ) -> None:
        super().__init__(**optimisation)
        self.weights = weights
        self.probe = NoiseProbe(model.fusion.joint_dim, len(MODALITIES)) if weights.level else None
        self.model, self.views, self.labels, self.validate = model, views, labels, validate
        self.class_weight, self.consistency_weight, self.generator = class_weight, consistency_weight, generator
        # In tuples, so that they are no sub-modules. What the teacher makes of a clean row never changes.
        with torch.no_grad():
            self._target = None if teacher is None else (_fuse(teacher, clean(0, 0, torch.arange(len(labels)))),)
        averaged = copy.deepcopy(model)
        averaged.fusion = self.averaged(model.fusion)  # type: ignore[assignment]
        averaged.meter = None if model.meter is None else self.averaged(model.meter)  # type: ignore[assignment]
        self._kept = (averaged,)

    def trained(self) -> nn.Module:
        return nn.ModuleList([part for part in (self.model.fusion, self.model.meter, self.probe) if part is not None])

    def on_train_epoch_start(self) -> None:
        self.model.train()
        self.model.encoders.eval()

    def training_step(self, codes: Tensor) -> Tensor:
        rows, step = codes & 0xFFFFFFFF, decode(int(codes[0]))[1]
        both = _joined(*(self.views(step, draw, rows) for draw in (0, 1)))
        output = _fuse(self.model, both, self.generator)  # two views of every row in one pass
        halves = [output.at(part) for part in (slice(len(rows)), slice(len(rows), None))]
        target = None if self._target is None else self._target[0].at(rows.repeat(2))
        loss = self._loss(output, target, self.labels[rows].repeat(2), both)
        agreement = consistency(halves[0].logits, halves[1].logits)
        total = loss.total + self.consistency_weight * agreement
        if self.global_step % LOG_EVERY == 0:  # what is logged costs as much as a small model
            self.log_dict(loss.terms | {"consistency": agreement.detach(), "loss": total.detach()})
        return total

    def _loss(self, output: FusionOutput, target: FusionOutput | None, label: Tensor, shown: Inputs) -> Loss:
        fusion, weights = self.model.fusion, self.weights
        if target is None:
            return teacher_loss(fusion, output, label, weights, self.class_weight)
        level = torch.stack([shown.level[name] for name in MODALITIES], dim=1)
        probed = None if self.probe is None else self.probe(output, level)
        return student_loss(fusion, output, target, label, weights, self.class_weight, shown.level, probed)

    def on_train_epoch_end(self) -> None:
        last = self.current_epoch + 1 == self.trainer.max_epochs
        if last or (self.current_epoch + 1) % 5 == 0:
            kept = self._kept[0].eval()
            self.select(self.validate(kept), kept)

    def on_train_end(self) -> None:
        super().on_train_end()
        meter = self._kept[0].meter
        if self.best_state and meter is not None:  # predictions select the epoch, the meter has no part in them
            self.best_state |= {f"meter.{name}": weight.clone() for name, weight in meter.state_dict().items()}


class _EndToEndTraining(Training):
    """Encoders and fusion together, on raw batches under online noise."""

    def __init__(
        self,
        model: EmotionModel,
        teacher: EmotionModel,
        clean: Views,
        task: Task,
        class_weight: Tensor | None,
        seed: int,
        compiled: bool,
        **optimisation: Any,
    ) -> None:
        super().__init__(**optimisation)
        self.model, self.clean, self.seed = model, clean, seed
        self.class_weight: Tensor | None
        self.register_buffer("class_weight", class_weight, persistent=False)
        self.predictions = Predictions(task)
        kept: Any = self.averaged(model)
        self._teacher, self._kept = (teacher,), (kept,)  # in tuples, so that they are no sub-modules
        encoders: Any = model.encoders
        self._encode = ({name: _compiled(encoder, compiled) for name, encoder in encoders.items()},)

    def trained(self) -> nn.Module:
        return self.model

    def beside(self) -> list[nn.Module]:
        return [*super().beside(), *self._teacher]

    def on_train_start(self) -> None:
        super().on_train_start()
        self.generator = torch.Generator(self.device).manual_seed(self.seed + self.global_rank)

    def on_train_epoch_start(self) -> None:
        self.model.train()  # a model from a checkpoint comes in evaluation mode

    def training_step(self, batch: tuple[Batch, dict[str, Tensor]]) -> Tensor:
        raw, columns = batch
        assert raw.label is not None
        clean = self.transfer_batch_to_device(self.clean(self.global_step, 0, columns["row"].cpu()), self.device, 0)
        there = present(raw)
        encoders: Any = self.model.encoders
        features = {
            name: torch.cat([encode(raw).float(), encoders[name].quality(raw)], dim=1)
            for name, encode in self._encode[0].items()
        }
        with torch.autocast(self.device.type, enabled=False):
            with torch.no_grad():
                target = _fuse(self._teacher[0], clean)
            output = self.model.fuse(features, there, generator=self.generator)
            loss = student_loss(
                self.model.fusion, output, target, raw.label, DEFAULT_WEIGHTS, self.class_weight, raw.levels
            )
        self.log_dict(loss.terms | {"loss": loss.total.detach()}, batch_size=len(raw))
        return loss.total

    def validation_step(self, batch: tuple[Batch, dict[str, Tensor]]) -> None:
        raw, _ = batch
        assert raw.label is not None
        features, there = self._kept[0].encode(raw)
        with torch.autocast(self.device.type, enabled=False):
            output = self._kept[0].fuse({name: values.float() for name, values in features.items()}, there)
        self.predictions.update(output.logits, raw.label)

    def on_validation_epoch_end(self) -> None:
        self.select(self.predictions.score(), self._kept[0])


def _compiled(encoder: Encoder, wanted: bool) -> Callable[[Batch], Tensor]:
    """An encoder, compiled if `wanted`; not that of text, whose work on strings would be compiled for every batch."""
    return torch.compile(encoder, dynamic=True) if wanted and encoder.modality != "text" else encoder


def _joined(one: Inputs, other: Inputs) -> Inputs:
    """The samples of one, then those of the other."""
    return Inputs(
        *({name: torch.cat([part[name], rest[name]]) for name in part} for part, rest in zip(one, other, strict=True))
    )


def _fuse(model: EmotionModel, shown: Inputs, generator: torch.Generator | None = None) -> FusionOutput:
    return model.fuse(shown.features, shown.present, generator=generator)


def fit_encoder(
    classifier: UnimodalClassifier,
    train: DataLoader[Any],
    validation: DataLoader[Any],
    *,
    task: Task,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
    ema_decay: float,
    class_weight: Tensor | None,
    seed: int,
    log: Path,
    report: Report,
    settings: TrainerSettings,
) -> Fitted:
    """Train a unimodal classifier in place, on one device."""
    training = _EncoderTraining(
        classifier,
        task,
        class_weight,
        steps=epochs * len(train),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        ema_decay=ema_decay,
        patience=settings.patience,
    )
    fitted = fit(training, train, validation, epochs, seed, log, report, settings=replace(settings, devices=1))
    classifier.load_state_dict(training.best_state)
    return fitted


def fit_fusion(
    model: EmotionModel,
    teacher: EmotionModel | None,
    views: Views,
    clean: Views,
    labels: Tensor,
    validate: Callable[[EmotionModel], float],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    ema_decay: float,
    consistency_weight: float,
    weights: LossWeights,
    class_weight: Tensor | None,
    seed: int,
    log: Path,
    report: Report,
    patience: int,
) -> Fitted:
    """Train a model's fusion in place on views of the rows, validating after every fifth epoch.

    Args:
        teacher: the clean teacher; None trains a teacher (stage 1).
        views, clean: training views and clean features of rows.
        labels: (N,) int64 of the rows.
        validate: score of a model on validation data, higher is better.
    """
    sampler = StepSampler(len(labels), global_batch=min(batch_size, len(labels)), seed=seed)
    loader = DataLoader(_Codes(), batch_size=sampler.global_batch, sampler=sampler)
    with seeded(seed):  # what else is trained beside the fusion is drawn here
        training = _FusionTraining(
            model,
            teacher,
            views,
            clean,
            labels,
            validate,
            class_weight,
            consistency_weight,
            weights,
            torch.Generator().manual_seed(seed),
            steps=epochs * sampler.steps_per_epoch,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            ema_decay=ema_decay,
            patience=patience,
        )
    fitted = fit(training, loader, None, epochs, seed, log, report)
    model.load_state_dict(training.best_state)
    model.eval()
    return fitted


def fit_end_to_end(
    model: EmotionModel,
    teacher: EmotionModel,
    clean: Views,
    train: DataLoader[Any],
    validation: DataLoader[Any],
    *,
    task: Task,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
    ema_decay: float,
    class_weight: Tensor | None,
    seed: int,
    log: Path,
    report: Report,
    settings: TrainerSettings,
) -> Fitted:
    """Train encoders and fusion together in place; on several devices, in all processes of `other_ranks`.

    The loaders give (raw batch, columns); the columns ``row`` and ``noise_step`` are (B,) int64. That of training has a
    `StepSampler` and the batches of one process.
    """
    sampler: Any = train.sampler
    training = _EndToEndTraining(
        model,
        teacher,
        clean,
        task,
        class_weight,
        seed,
        settings.compile,
        steps=epochs * sampler.steps_per_epoch,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        ema_decay=ema_decay,
        patience=settings.patience,
    )
    fitted = fit(training, train, validation, epochs, seed, log, report, NoiseCallback(train), settings=settings)
    model.load_state_dict(training.best_state)
    model.eval()
    return fitted


class _Codes(torch.utils.data.Dataset[int]):
    """Gives back the sampler's integers, so that the training step knows row and step."""

    def __getitem__(self, code: int) -> int:
        return code
