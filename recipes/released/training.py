"""The training loop of released features: encoders and fusion together, on sequences under noise.

Adam with a constant learning rate and then a linear decay, gradients clipped at a norm of 1, as MMIN and NMER train;
the weights of the epoch that is best on validation data are kept.

Public: `fit_sequences`. Source: the training of MMIN (Zhao, Li and Jin, ACL 2021), which NMER (arXiv 2311.16114) takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from models.batch import Batch
from models.losses import DEFAULT_WEIGHTS, LossWeights, student_loss, teacher_loss
from models.model import EmotionModel
from recipes.jobs import Report
from recipes.released.sequences import Encoded
from recipes.released.settings import TrainingSettings
from recipes.task import Task
from recipes.trainer import Fitted, Predictions, Training, fit


def fit_sequences(
    model: EmotionModel,
    teacher: tuple[EmotionModel, Encoded] | None,
    train: DataLoader[Any],
    validation: Sequence[DataLoader[Any]],
    settings: TrainingSettings,
    *,
    task: Task,
    class_weight: Tensor | None,
    weights: LossWeights = DEFAULT_WEIGHTS,
    seed: int,
    log: Path,
    report: Report,
) -> Fitted:
    """Train a model in place; the score of the kept epoch is the mean over the loaders of validation.

    Args:
        teacher: the clean teacher and the training rows, clean, as it encodes them; None trains a teacher (stage 1).
        train, validation: give (batch, (B,) places of its rows among all).
    """
    training = _SequenceTraining(model, teacher, task, class_weight, weights, settings, len(validation), seed)
    epochs = settings.epochs + settings.decay_epochs
    training.steps = epochs * len(train)
    fitted = fit(training, train, validation, epochs, seed, log, report)
    model.load_state_dict(training.best_state)
    model.eval()
    return fitted


class _SequenceTraining(Training):
    def __init__(
        self,
        model: EmotionModel,
        teacher: tuple[EmotionModel, Encoded] | None,
        task: Task,
        class_weight: Tensor | None,
        weights: LossWeights,
        settings: TrainingSettings,
        validations: int,
        seed: int,
    ) -> None:
        super().__init__(0, settings.learning_rate, settings.weight_decay)
        self.model, self.class_weight, self.weights, self.settings = model, class_weight, weights, settings
        self.generator = torch.Generator().manual_seed(seed)
        self._teacher = (teacher,)  # in a tuple, so that it is no sub-module
        self.predictions = [Predictions(task) for _ in range(validations)]

    def trained(self) -> nn.Module:
        return self.model

    def configure_optimizers(self) -> Any:
        first, second = self.settings.betas
        optimizer = torch.optim.Adam(
            self.model.parameters(), lr=self.learning_rate, betas=(first, second), weight_decay=self.weight_decay
        )
        constant, decay = self.settings.epochs, self.settings.decay_epochs
        linear = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda epoch: 1 - max(0, epoch + 1 - constant) / (decay + 1)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": linear, "interval": "epoch"}}

    def on_train_epoch_start(self) -> None:
        self.model.train()  # a teacher's encoders come in evaluation mode

    def training_step(self, shown: tuple[Batch, Tensor]) -> Tensor:
        batch, rows = shown
        assert batch.label is not None
        output = self.model(batch, generator=self.generator)
        if self._teacher[0] is None:
            loss = teacher_loss(self.model.fusion, output, batch.label, self.weights, self.class_weight)
        else:
            teacher, clean = self._teacher[0]
            with torch.no_grad():
                target = teacher.fuse(*clean.rows(rows))
            loss = student_loss(
                self.model.fusion, output, target, batch.label, self.weights, self.class_weight, batch.levels
            )
        self.log_dict(loss.terms | {"loss": loss.total.detach()}, batch_size=len(batch))
        return loss.total

    def validation_step(self, shown: tuple[Batch, Tensor], _: int, dataloader_idx: int = 0) -> None:
        batch, _rows = shown
        assert batch.label is not None
        output = self.model(batch, generator=self.generator)
        self.predictions[dataloader_idx].update(output.logits, batch.label)

    def on_validation_epoch_end(self) -> None:
        scores = [predictions.score() for predictions in self.predictions]
        self.select(sum(scores) / len(scores), self.model)
