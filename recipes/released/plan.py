"""One training run on released features; beside what every run has:

    OUT/work/FOLD/scales.safetensors   how features are standardised in a fold

Public: `RunPlan`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recipes.corpora.features import FeatureCorpus
from recipes.plan import Plan
from recipes.released.settings import ReleasedSettings


@dataclass(frozen=True)
class RunPlan(Plan):
    """One run; sent to another process it is lists and settings, no features."""

    settings: ReleasedSettings
    corpus: FeatureCorpus
    corpus_digest: str

    @property
    def scales(self) -> Path:
        """File of the fold's means and standard deviations."""
        return self.out / "work" / self.fold.name / "scales.safetensors"

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
