"""One training run: its seed, its fold, and where everything of it lies.

    OUT/work/FOLD/…              encoders and banks of a fold that all seeds share, or
    OUT/work/FOLD/seedN/…        those of one run; and what its fusions were judged to be
    OUT/checkpoints/FOLD/seedN/  models
    OUT/tensorboard/…            curves of the training loops

Public: `RunPlan`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.raw.settings import RawSettings
from recipes.task import Task


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
    task: Task
    settings: RawSettings
    corpus: str
    """Name of the corpus, for the models' cards."""
    synthetic: bool

    @property
    def name(self) -> str:
        """Unlike that of any other run of the recipe."""
        return f"{self.fold}/seed{self.seed}"

    @property
    def encoder_seed(self) -> int:
        """Seed of the encoders and of their bank."""
        return self.settings.run.seeds[0] if self.settings.encoder.shared else self.seed

    @property
    def encoder_name(self) -> str:
        """Unlike that of any other set of encoders."""
        return self.fold if self.settings.encoder.shared else self.name

    @property
    def encoders(self) -> Path:
        """Folder of the encoders and the bank of their views."""
        return self.out / "work" / self.encoder_name

    @property
    def work(self) -> Path:
        """Folder of the run's intermediate results."""
        return self.out / "work" / self.name

    @property
    def checkpoints(self) -> Path:
        """Folder of the run's models."""
        return self.out / "checkpoints" / self.name

    def teacher(self, hidden: int) -> Path:
        """Folder of the clean teacher of a width."""
        return self.checkpoints / f"teacher{hidden}"

    @property
    def fusion_steps(self) -> int:
        """Optimiser steps of a fusion's training."""
        settings = self.settings.fusion
        return settings.epochs * (len(self.train) // min(settings.batch_size, len(self.train)))

    def log(self, name: str) -> Path:
        """Folder of a training loop's TensorBoard curves."""
        return self.out / "tensorboard" / name
