"""What a run is: its seed, fold and folders, the methods that it trains, the banks that it holds.

Public: `RunPlan`, `Method`, `METHODS`, `FINETUNED`, `KINDS`, `load_bank`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.conditions import Bank
from recipes.files import read_tensors
from recipes.iemocap_settings import MODALITIES, IemocapSettings

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


def load_bank(plan: RunPlan, kind: str, part: str, folder: Path | None = None) -> Bank:
    """A part (train, validation, test, curves) of the banks of all modalities, by one kind of encoder."""
    bank = {}
    for modality in MODALITIES:
        tensors = read_tensors((folder or plan.work) / f"{modality}.bank.safetensors")
        names = {"clean": f"{kind}/clean", "views": f"{kind}/views"}
        names |= {name: name for name in ("clean_present", "views_present")}
        bank[modality] = {name: tensors[f"{part}/{stored}"] for name, stored in names.items()}
    return bank
