"""Training loops on Lightning: an encoder alone, a fusion on a bank of views, both together under online noise.

Every loop keeps the weights of the epoch that is best on validation data, writes its curves for TensorBoard and
reports its progress to a callback. Whatever torch draws (initialisation, dropout) depends on the given seed alone.

Public: `fit_encoder`, `fit_fusion`, `fit_end_to_end`; for other loops: `Training`, `Predictions`, `fit`.
"""

from __future__ import annotations

import copy
import logging
import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from models.batch import MODALITIES, Batch, present
from models.encoders import UnimodalClassifier
from models.fusion import FusionOutput
from models.losses import Loss, LossWeights, NoiseProbe, consistency, student_loss, teacher_loss
from models.model import EmotionModel
from models.seeding import seeded
from noise_scheduler.torch_data import StepSampler, decode
from noise_scheduler.torch_data.lightning import NoiseCallback
from recipes.jobs import Report
from recipes.raw.conditions import Inputs, Views
from recipes.task import Task

LOG_EVERY = 10
"""Steps from one line of the curves to the next."""


def _warm_up_and_cosine(progress: float) -> float:
    """Factor of the learning rate: a linear rise over the first fifth of a training, then a cosine to 0.02."""
    return min(1.0, 0.01 + 5 * progress) * (0.02 + 0.49 * (1 + math.cos(math.pi * min(1.0, progress))))


class Training(lightning.LightningModule):
    """What all loops share: AdamW with a cosine schedule, and the best epoch by validation."""

    fused: bool = False
    """One kernel for all weights, which pays where a step is short."""
    best_score: float = -math.inf
    best_state: dict[str, Tensor]

    def __init__(self, steps: int, learning_rate: float, weight_decay: float) -> None:
        super().__init__()
        self.steps, self.learning_rate, self.weight_decay = steps, learning_rate, weight_decay

    def trained(self) -> nn.Module:
        """The module whose weights are trained and selected."""
        raise NotImplementedError

    def configure_optimizers(self) -> Any:
        parameters = [p for p in self.trained().parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=self.fused
        )
        cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_up_and_cosine(step / self.steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}

    def select(self, score: float, module: nn.Module) -> None:
        """Keep the module's weights if `score` is the best so far."""
        self.log("validation", score, on_epoch=True)
        if score > self.best_score:
            self.best_score, self.best_state = score, copy.deepcopy(module.state_dict())


class Predictions:
    """Outputs and labels of an epoch of validation, until they are scored."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.outputs: list[Tensor] = []
        self.labels: list[Tensor] = []

    def update(self, outputs: Tensor, labels: Tensor) -> None:
        self.outputs.append(outputs.float().cpu())
        self.labels.append(labels.cpu())

    def score(self) -> float:
        """How good the epoch is by the task's selection, 0 where there was nothing to score; then empty again."""
        outputs, labels = torch.cat(self.outputs).numpy(), torch.cat(self.labels).numpy()
        self.outputs, self.labels = [], []
        return self.task.select(outputs, labels) if len(labels) else 0.0


class _EncoderTraining(Training):
    """An encoder with a classifier of its own."""

    def __init__(
        self, classifier: UnimodalClassifier, task: Task, class_weight: Tensor | None, **optimisation: Any
    ) -> None:
        super().__init__(**optimisation)
        self.classifier, self.task, self.class_weight = classifier, task, class_weight
        self.modality = classifier.encoder.modality
        self.predictions = Predictions(task)

    def trained(self) -> nn.Module:
        return self.classifier

    def training_step(self, batch: Batch) -> Tensor:
        there = present(batch)[self.modality]
        assert batch.label is not None
        losses = self.task.loss(self.classifier(batch), batch.label, self.class_weight)
        loss = (losses * there).sum() / there.sum().clamp(min=1)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Batch) -> None:
        assert batch.label is not None
        there = present(batch)[self.modality]
        self.predictions.update(self.classifier(batch)[there], batch.label[there])

    def on_validation_epoch_end(self) -> None:
        self.select(self.predictions.score(), self.classifier)


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
        ema_decay: float,
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
        average = AveragedModel(model.fusion, multi_avg_fn=get_ema_multi_avg_fn(ema_decay))  # type: ignore[no-untyped-call]
        averaged = copy.deepcopy(model)
        averaged.fusion = average.module  # type: ignore[assignment]
        self._average, self._averaged = (average,), (averaged,)

    def trained(self) -> nn.Module:
        return nn.ModuleList([self.model.fusion, *([] if self.probe is None else [self.probe])])

    def on_train_epoch_start(self) -> None:
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

    def on_train_batch_end(self, *_: Any) -> None:
        self._average[0].update_parameters(self.model.fusion)

    def on_train_epoch_end(self) -> None:
        last = self.current_epoch + 1 == self.trainer.max_epochs
        if last or (self.current_epoch + 1) % 5 == 0:
            averaged = self._averaged[0].eval()
            self.select(self.validate(averaged), averaged)


class _EndToEndTraining(Training):
    """Encoders and fusion together, on raw batches under online noise."""

    def __init__(
        self,
        model: EmotionModel,
        teacher: EmotionModel,
        clean: Views,
        task: Task,
        class_weight: Tensor | None,
        generator: torch.Generator,
        **optimisation: Any,
    ) -> None:
        super().__init__(**optimisation)
        self.model, self.clean, self.class_weight, self.generator = model, clean, class_weight, generator
        self._teacher = (teacher,)
        self.predictions = Predictions(task)

    def trained(self) -> nn.Module:
        return self.model

    def training_step(self, batch: tuple[Batch, dict[str, Tensor]]) -> Tensor:
        raw, columns = batch
        assert raw.label is not None
        with torch.no_grad():
            target = _fuse(self._teacher[0], self.clean(self.global_step, 0, columns["row"]))
        output = self.model(raw, generator=self.generator)
        loss = student_loss(self.model.fusion, output, target, raw.label, class_weight=self.class_weight)
        self.log_dict(loss.terms | {"loss": loss.total.detach()}, batch_size=len(raw))
        return loss.total

    def validation_step(self, batch: tuple[Batch, dict[str, Tensor]]) -> None:
        raw, _ = batch
        assert raw.label is not None
        self.predictions.update(self.model(raw).logits, raw.label)

    def on_validation_epoch_end(self) -> None:
        self.select(self.predictions.score(), self.model)


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
    class_weight: Tensor | None,
    seed: int,
    log: Path,
    report: Report,
) -> float:
    """Train a unimodal classifier in place; gives how good the kept epoch is on validation."""
    training = _EncoderTraining(
        classifier,
        task,
        class_weight,
        steps=epochs * len(train),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
    fit(training, train, validation, epochs, seed, log, report)
    classifier.load_state_dict(training.best_state)
    return training.best_score


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
) -> float:
    """Train a model's fusion in place on views of the rows; gives the validation score that was kept.

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
            ema_decay,
            weights,
            torch.Generator().manual_seed(seed),
            steps=epochs * sampler.steps_per_epoch,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
        )
    fit(training, loader, None, epochs, seed, log, report)
    model.load_state_dict(training.best_state)
    model.eval()
    return training.best_score


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
    class_weight: Tensor | None,
    seed: int,
    log: Path,
    report: Report,
) -> float:
    """Train encoders and fusion together in place; gives how good the kept epoch is on validation.

    The loaders give (raw batch, columns); the columns ``row`` and ``noise_step`` are (B,) int64.
    """
    training = _EndToEndTraining(
        model,
        teacher,
        clean,
        task,
        class_weight,
        torch.Generator().manual_seed(seed),
        steps=epochs * len(train),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
    fit(training, train, validation, epochs, seed, log, report, NoiseCallback(train))
    model.load_state_dict(training.best_state)
    model.eval()
    return training.best_score


class _Codes(torch.utils.data.Dataset[int]):
    """Gives back the sampler's integers, so that the training step knows row and step."""

    def __getitem__(self, code: int) -> int:
        return code


class _Progress(lightning.Callback):
    """Tells the recipe how far a loop is, and the sampler which epoch it is."""

    def __init__(self, report: Report, steps: int) -> None:
        self.report, self.steps = report, steps

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self.report(trainer.global_step, self.steps)


def fit(
    training: Training,
    train: DataLoader[Any],
    validation: DataLoader[Any] | Sequence[DataLoader[Any]] | None,
    epochs: int,
    seed: int,
    log: Path,
    report: Report,
    *callbacks: lightning.Callback,
) -> None:
    """Run a loop; the best weights are then in `training.best_state`, the module itself has the last."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings(), seeded(seed):
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*(num_workers|log_every_n_steps|litlogger|LeafSpec).*")
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            gradient_clip_val=1.0,
            logger=TensorBoardLogger(log.parent, name=log.name, version=""),
            callbacks=[_Progress(report, training.steps), *callbacks],
            log_every_n_steps=LOG_EVERY,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
        )
        trainer.fit(training, train, validation)
