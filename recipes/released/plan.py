"""One training run: its seed, its fold, and where everything of it lies.

    OUT/work/FOLD/scales.safetensors   how features are standardised in a fold
    OUT/work/FOLD/seedN/METHOD.json    what the run's methods were judged to be
    OUT/checkpoints/FOLD/seedN/        models
    OUT/tensorboard/…                  curves of the training loops

Public: `RunPlan`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recipes.corpora import Fold
from recipes.corpora.features import FeatureCorpus
from recipes.released.settings import ReleasedSettings
from recipes.task import Task


@dataclass(frozen=True)
class RunPlan:
    """One run; sent to another process it is lists and settings, no features."""

    seed: int
    fold: Fold
    corpus: FeatureCorpus
    corpus_digest: str
    out: Path
    task: Task
    settings: ReleasedSettings

    @property
    def name(self) -> str:
        """Unlike that of any other run of the recipe."""
        return f"{self.fold.name}/seed{self.seed}"

    @property
    def scales(self) -> Path:
        """File of the fold's means and standard deviations."""
        return self.out / "work" / self.fold.name / "scales.safetensors"

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
    def batch_size(self) -> int:
        """Utterances of an optimiser step."""
        return min(self.settings.training.batch_size, len(self.fold.train))

    @property
    def total_steps(self) -> int:
        """Optimiser steps of a training."""
        return self.settings.epochs * (len(self.fold.train) // self.batch_size)

    def log(self, name: str) -> Path:
        """Folder of a training loop's TensorBoard curves."""
        return self.out / "tensorboard" / self.name / name
