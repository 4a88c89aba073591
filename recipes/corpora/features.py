"""Corpora that are released as features: sequences of vectors per modality, read from HDF5 one utterance at a time.

A reader (mmin, mmsa) checks a release as a whole and makes a `FeatureCorpus` of it. Only ids, labels and folds of it
are in memory. A sample is what `models.batch.collate` takes.

Public: FeatureCorpus, FeatureSample, Scale, Source, MODALITIES; for readers: array_fault, open_hdf5.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict

import h5py
import numpy as np
import numpy.typing as npt

from recipes.corpora import CorpusError, Fold

__all__ = ["MODALITIES", "FeatureCorpus", "FeatureSample", "Scale", "Source", "array_fault", "open_hdf5"]

MODALITIES = ("audio", "video", "text")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the features of one modality lie: a data set (T, dim) per utterance, named by its id."""

    file: Path
    dim: int
    group: str = "/"
    """The group of the file that holds the data sets."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """z-normalisation of one modality: (features - mean) / std."""

    mean: npt.NDArray[np.float32]
    """(dim,)"""
    std: npt.NDArray[np.float32]
    """(dim,), positive"""


class FeatureSample(TypedDict):
    """One utterance."""

    id: str
    label: int | float
    features: dict[str, npt.NDArray[np.float32]]
    """Keyed by MODALITIES: (T, dim), T ≥ 1 and of each modality its own, finite."""


@dataclass(frozen=True, eq=False)
class FeatureCorpus:
    """The usable utterances of one copy of a release, in the order of `ids`.

    `corpus[i]` reads utterance i from the files, which are opened on first use in each process; sent to another
    process, a corpus is its lists alone. Arrays are the caller's own.
    """

    root: Path
    name: str
    """Of the release, for tables."""
    ids: tuple[str, ...]
    labels: npt.NDArray[Any]
    """(N,) int64 indices into `classes`, or float32 values to regress."""
    classes: tuple[str, ...]
    """Empty where labels are values."""
    groups: tuple[str, ...]
    """(N,) who or what must not be in two parts of a fold: the speaker (Ses01F), or the video."""
    folds: tuple[Fold, ...]
    """The splits of the release."""
    sources: Mapping[str, Source]
    """Keyed by MODALITIES."""
    left_out: tuple[str, ...]
    """What was skipped and why, one line each; empty unless bad input was to be skipped."""
    notes: tuple[str, ...]
    """What a reader of results must know about this copy, one line each."""
    synthetic: bool
    """True for generated files in the same layout (SYNTHETIC.json beside them)."""
    scales: Mapping[str, Mapping[str, Scale]] = field(default_factory=dict, repr=False)
    """Fold name → modality → how the release normalises that modality in that fold; empty where it does not."""
    scaled: Mapping[str, Scale] = field(default_factory=dict, repr=False)
    """What `corpus[i]` applies, by modality: nothing before `for_fold`."""
    _files: _Files = field(default_factory=lambda: _Files(), repr=False)

    @property
    def dims(self) -> dict[str, int]:
        """Width of the vectors of each modality."""
        return {modality: source.dim for modality, source in self.sources.items()}

    def for_fold(self, fold: Fold) -> FeatureCorpus:
        """The same corpus, normalised as the release prescribes in one of its folds (by the fold's training part)."""
        return replace(self, scaled=self.scales.get(fold.name, {}))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: int) -> FeatureSample:
        """The utterance at index `i`. Raises CorpusError where its files have changed since the corpus was read."""
        features = {modality: self._read(modality, source, self.ids[i]) for modality, source in self.sources.items()}
        return {"id": self.ids[i], "label": self.labels[i].item(), "features": features}

    def _read(self, modality: str, source: Source, key: str) -> npt.NDArray[np.float32]:
        try:
            values = self._files.open(source.file)[source.group][key][()]
        except (KeyError, OSError) as error:
            raise CorpusError(
                f"{source.file}: {key}: cannot be read any more ({error}); read the corpus again"
            ) from error
        values = np.asarray(values, dtype=np.float32)
        scale = self.scaled.get(modality)
        return values if scale is None else (values - scale.mean) / scale.std


class _Files:
    """HDF5 files opened on first use, by each process for itself: a handle is of no use after a fork."""

    def __init__(self) -> None:
        self._opened: dict[tuple[int, Path], Any] = {}

    def open(self, file: Path) -> Any:
        key = os.getpid(), file
        if key not in self._opened:
            self._opened[key] = open_hdf5(file)
        return self._opened[key]

    def __reduce__(self) -> tuple[type[_Files], tuple[()]]:
        return _Files, ()


def open_hdf5(file: Path) -> Any:
    """The HDF5 file opened for reading. Raises CorpusError where it is missing, truncated or none."""
    if not file.is_file():
        raise CorpusError(f"{file}: missing; copy it again from the release")
    try:
        return h5py.File(file, "r")
    except OSError as error:
        raise CorpusError(f"{file}: truncated or not an HDF5 file ({error}); copy it again from the release") from error


def array_fault(values: npt.NDArray[Any], dim: int) -> str | None:
    """What keeps `values` from being the features (T, dim) of an utterance, or None."""
    if values.ndim != 2 or values.shape[1] != dim:
        return f"has shape {values.shape}, expected (T, {dim})"
    if values.dtype.kind != "f":
        return f"holds {values.dtype}, expected floats"
    if len(values) == 0:
        return "is empty, without a single step"
    with np.errstate(over="ignore"):
        unusable = values.size - np.count_nonzero(np.isfinite(values.astype(np.float32)))
    return f"has {unusable} values that are NaN or infinite" if unusable else None
