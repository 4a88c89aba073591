"""One training run of the raw path; beside what every run has:

    OUT/work/FOLD/…              encoders and banks of a fold that all seeds share, or
    OUT/work/FOLD/seedN/…        those of one run

Public: `RunPlan`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recipes.plan import Plan
from recipes.raw.settings import RawSettings


@dataclass(frozen=True)
class RunPlan(Plan):
    """One run on the rows of a cache."""

    settings: RawSettings
    cache: Path
    corpus: str
    """Name of the corpus, for the models' cards."""
    synthetic: bool

    @property
    def encoder_seed(self) -> int:
        """Seed of the encoders and of their bank."""
        return self.settings.run.seeds[0] if self.settings.encoder.shared else self.seed

    @property
    def encoder_name(self) -> str:
        """Unlike that of any other set of encoders."""
        return self.fold.name if self.settings.encoder.shared else self.name

    @property
    def encoders(self) -> Path:
        """Folder of the encoders and the bank of their views."""
        return self.out / "work" / self.encoder_name

    @property
    def fusion_steps(self) -> int:
        """Optimiser steps of a fusion's training."""
        settings, rows = self.settings.fusion, len(self.fold.train)
        return settings.epochs * (rows // min(settings.batch_size, rows))
