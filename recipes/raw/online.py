"""Raw utterances of the cache under online noise, for training encoders and fusion together.

Public: `Rows`, `online_loader`, `collate_rows`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from models.batch import Batch, collate
from noise_scheduler import NoiseScheduler
from noise_scheduler.torch_data import Scheduled, StepSampler
from recipes.corpora.cache import Cache


class Rows(Dataset[dict[str, Any]]):
    """Some rows of the cache as raw samples that know their place among them."""

    def __init__(self, cache: Cache, rows: np.ndarray) -> None:
        self.cache, self.rows = cache, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self.cache[int(self.rows[index])], "row": index}


def online_loader(
    cache: Cache,
    rows: np.ndarray,
    scheduler: NoiseScheduler,
    *,
    batch_size: int,
    sampler: StepSampler | Sequence[int],
    workers: int = 0,
) -> DataLoader[Any]:
    """Batches of some rows as `collate_rows` gives them, each under the noise of its step."""
    return DataLoader(
        Scheduled(Rows(cache, rows), scheduler, _id_of),
        batch_size=batch_size,
        sampler=sampler,
        collate_fn=partial(collate_rows, modalities=scheduler.modalities),
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,
    )


def collate_rows(samples: Sequence[Mapping[str, Any]], modalities: Sequence[str]) -> tuple[Batch, dict[str, Tensor]]:
    """The batch, and (B,) int64 ``row`` and ``noise_step``; ``levels`` of a sample are those of `modalities`."""
    columns = {name: torch.tensor([sample[name] for sample in samples]) for name in ("row", "noise_step")}
    told = [
        dict(sample) | {"level": dict(zip(modalities, sample["levels"].tolist(), strict=True))} for sample in samples
    ]
    return collate(told), columns


def _id_of(sample: Mapping[str, Any]) -> str:
    return str(sample["id"])
