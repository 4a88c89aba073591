"""What one training run of any recipe is: its seed, its fold, and where everything of it lies.

    OUT/work/FOLD/seedN/METHOD.json  what the run's methods were judged to be
    OUT/checkpoints/FOLD/seedN/      models
    OUT/tensorboard/…                curves of the training loops

Public: `Plan`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recipes.corpora import Fold
from recipes.task import Task


@dataclass(frozen=True)
class Plan:
    """One run: a seed, its fold, and where everything is."""

    seed: int
    fold: Fold
    out: Path
    task: Task

    @property
    def name(self) -> str:
        """Unlike that of any other run of the recipe."""
        return f"{self.fold.name}/seed{self.seed}"

    @property
    def split(self) -> str:
        """The fold and the sizes of its parts, in words."""
        train, val, test = (len(rows) for rows in (self.fold.train, self.fold.val, self.fold.test))
        return f"{self.fold.name}; {train} utterances to train, {val} to validate, {test} to test"

    @property
    def work(self) -> Path:
        """Folder of the run's intermediate results."""
        return self.out / "work" / self.name

    @property
    def checkpoints(self) -> Path:
        """Folder of the run's models."""
        return self.out / "checkpoints" / self.name

    def log(self, name: str) -> Path:
        """Folder of a training loop's TensorBoard curves: of the run's own loops, and of encoders that runs share."""
        return self.out / "tensorboard" / name
