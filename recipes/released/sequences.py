"""Sequences of a fold as a model sees them: standardised, under noise, in batches, encoded.

Public: `Sequences`, `fold_corpus`, `scales_job`, `train_loader`, `loader`, `encode_rows`, `Encoded`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from models.batch import Batch, collate
from models.model import EmotionModel
from noise_scheduler import NoiseScheduler
from noise_scheduler.torch_data import StepSampler, decode, encode
from recipes.corpora.features import MODALITIES, FeatureCorpus, Scale
from recipes.files import read_tensors, write_tensors
from recipes.jobs import Report
from recipes.released.plan import RunPlan

_DEVIATION_FLOOR = 1e-6
"""Of a feature that is constant over the training rows: it stays near 0."""


class Encoded(NamedTuple):
    """Utterances as vectors."""

    features: dict[str, Tensor]
    """Modality → (N, D) float32."""
    present: dict[str, Tensor]
    """Modality → (N,) bool."""

    def rows(self, rows: Tensor) -> Encoded:
        """Some of them."""
        return Encoded({m: x[rows] for m, x in self.features.items()}, {m: x[rows] for m, x in self.present.items()})


class Sequences(Dataset[dict[str, Any]]):
    """Some rows of a corpus, under a scheduler if one is given; takes indices that carry a step.

    The noise of a sample depends on its id and on the step alone.
    """

    def __init__(self, corpus: FeatureCorpus, rows: np.ndarray, scheduler: NoiseScheduler | None) -> None:
        self.corpus, self.rows, self.scheduler = corpus, rows, scheduler

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, code: int) -> dict[str, Any]:
        index, step = decode(code)
        sample = self.corpus[int(self.rows[index])]
        features: Mapping[str, Any] = sample["features"]
        level = dict.fromkeys(MODALITIES, 0.0)
        if self.scheduler is not None:
            features, record = self.scheduler(features, id=sample["id"], step=step)
            level = {modality: record.level(modality) for modality in MODALITIES}
        return {"features": features, "label": sample["label"], "row": index, "level": level}


def _collate(samples: Sequence[Mapping[str, Any]]) -> tuple[Batch, Tensor]:
    return collate(samples), torch.tensor([sample["row"] for sample in samples])


def train_loader(sequences: Sequences, *, batch_size: int, seed: int) -> DataLoader[Any]:
    """Shuffled batches with the rows' places, for training; the last, incomplete batch of an epoch is left out."""
    sampler = StepSampler(len(sequences), global_batch=batch_size, seed=seed)
    return DataLoader(sequences, batch_size=batch_size, sampler=sampler, collate_fn=_collate)


def loader(sequences: Sequences, *, step: int = 0, batch_size: int = 64) -> DataLoader[Any]:
    """All rows in their order, under the noise of one step."""
    codes = [encode(index, step) for index in range(len(sequences))]
    return DataLoader(sequences, batch_size=batch_size, sampler=codes, collate_fn=_collate)


@torch.inference_mode()
def encode_rows(models: Sequence[EmotionModel], sequences: Sequences) -> list[Encoded]:
    """The rows by the encoders of each model; every sequence is read, and its noise drawn, once."""
    parts: list[list[tuple[dict[str, Tensor], dict[str, Tensor]]]] = [[] for _ in models]
    for batch, _ in loader(sequences):
        for model, encoded in zip(models, parts, strict=True):
            encoded.append(model.encode(batch))
    return [
        Encoded(*({m: torch.cat([part[i][m] for part in encoded]) for m in MODALITIES} for i in (0, 1)))
        for encoded in parts
    ]


def fold_corpus(plan: RunPlan) -> FeatureCorpus:
    """The corpus normalised for the plan's fold: as the release does, or all modalities by `scales_job`."""
    corpus = plan.corpus.for_fold(plan.fold)
    if not plan.settings.data.standardise:
        return corpus
    moments = read_tensors(plan.scales)
    scales = {m: Scale(moments[f"{m}/mean"].numpy(), moments[f"{m}/std"].numpy()) for m in MODALITIES}
    return replace(corpus, scaled=scales)


def scales_job(plan: RunPlan, *, report: Report) -> None:
    """Mean and deviation of every feature over all steps of the fold's training rows. Writes `plan.scales`."""
    corpus = replace(plan.corpus, scaled={})
    count = dict.fromkeys(MODALITIES, 0)
    total = {m: np.zeros(corpus.dims[m]) for m in MODALITIES}
    squares = {m: np.zeros(corpus.dims[m]) for m in MODALITIES}
    for done, row in enumerate(plan.fold.train):
        for modality, values in corpus[int(row)]["features"].items():
            steps = values.astype(np.float64)
            count[modality] += len(steps)
            total[modality] += steps.sum(axis=0)
            squares[modality] += np.square(steps).sum(axis=0)
        report(done + 1, len(plan.fold.train))
    moments = {}
    for modality in MODALITIES:
        mean = total[modality] / count[modality]
        deviation = np.sqrt(np.maximum(squares[modality] / count[modality] - mean**2, 0))
        moments[f"{modality}/mean"] = torch.from_numpy(mean).float()
        moments[f"{modality}/std"] = torch.from_numpy(np.where(deviation < _DEVIATION_FLOOR, 1, deviation)).float()
    write_tensors(plan.scales, moments)
