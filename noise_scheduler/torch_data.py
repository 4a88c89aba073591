"""Online noise in PyTorch data loaders: the step travels with the index.

`StepSampler` hands the loader plain integers that hold the sample's index and the planned optimiser step;
`Scheduled` decodes them in the worker, plans and applies. So a sample's noise is a pure function of
(config, seed, sample id, planned step), whatever the number of workers and however far they prefetch.

Needs the extra ``torch``. Public: `StepSampler`, `Scheduled`, `encode`, `decode`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from .extras import need
from .rng import key_of, stream
from .scheduler import NoiseScheduler

_torch_data = need("torch.utils.data", extra="torch")

_SHIFT = 32
_INDEX = (1 << _SHIFT) - 1


def encode(index: int, step: int) -> int:
    """One integer that holds a sample's index and the step at which it is planned to be used.

    Raises:
        ValueError: the index is not in [0, 2**32), or the step not in [0, 2**31 - 1).
    """
    if not (0 <= index <= _INDEX and 0 <= step < (1 << 31) - 1):
        raise ValueError(f"index {index} or step {step} does not fit into one 64-bit integer")
    return step + 1 << _SHIFT | index


def decode(code: int) -> tuple[int, int]:
    """(index, step) of an integer from `encode` or `StepSampler`.

    Raises:
        RuntimeError: a plain index, which carries no step.
    """
    step = (code >> _SHIFT) - 1
    if step < 0:
        raise RuntimeError(f"index {code} carries no step: give the DataLoader sampler=StepSampler(...)")
    return code & _INDEX, step


class MapDataset(Protocol):
    """A map-style data set whose items are samples as `NoiseScheduler` takes them."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Mapping[str, Any]: ...


class StepSampler(_torch_data.Sampler):  # type: ignore[misc,name-defined]
    """Shuffled indices that carry the optimiser step at which they are planned to be used.

    The order is a pure function of (seed, epoch). The last, incomplete batch of an epoch is left out. Call
    `set_epoch` before each epoch (Lightning does), else the epoch repeats itself, steps included. `len` is that of a
    full epoch, also after a resume in the middle of one.

    Args:
        length: samples in the data set, < 2**32.
        global_batch: samples used in one optimiser step (batch size × accumulation).
        seed: of the order.

    Raises:
        ValueError: the data set is smaller than one global batch.
    """

    def __init__(self, length: int, *, global_batch: int, seed: int = 0) -> None:
        if not 1 <= global_batch <= length < 1 << _SHIFT:
            raise ValueError(f"global_batch ({global_batch}) must be between 1 and the number of samples ({length})")
        self.length, self.global_batch, self.seed = length, global_batch, seed
        self.epoch = self.first_batch = 0

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch."""
        return self.length // self.global_batch

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of `epoch`; does nothing if that is the present one."""
        if epoch != self.epoch:
            self.epoch, self.first_batch = epoch, 0

    def set_step(self, step: int) -> None:
        """Resume: the next sample drawn is the first one of optimiser step `step`, ≥ 0."""
        if step < 0:
            raise ValueError(f"step must be ≥ 0, not {step}")
        self.epoch, self.first_batch = divmod(step, self.steps_per_epoch)

    def __iter__(self) -> Iterator[int]:
        with stream(key_of(self.seed, "order"), self.epoch, "order") as rng:
            order = rng.bit_generator.random_raw(self.length).argsort(kind="stable")
        for batch in range(self.first_batch, self.steps_per_epoch):
            step = self.epoch * self.steps_per_epoch + batch
            indices = order[batch * self.global_batch : (batch + 1) * self.global_batch]
            yield from ((step + 1 << _SHIFT) | indices).tolist()

    def __len__(self) -> int:
        return self.steps_per_epoch * self.global_batch


class Scheduled(_torch_data.Dataset):  # type: ignore[misc,name-defined]
    """A data set under a noise scheduler; only `StepSampler`'s indices are valid.

    Each item is the noisy sample with two more keys: ``noise_step``, and ``levels``, float32 of one level per
    modality of the scheduler (0 where it is clean), which may serve as training targets.

    Args:
        dataset: map-style; its items are what the scheduler takes.
        scheduler: what is done to them.
        id_of: the id of a sample; its index where none is given.
    """

    def __init__(
        self,
        dataset: MapDataset | Sequence[Mapping[str, Any]],
        scheduler: NoiseScheduler,
        id_of: Callable[[Mapping[str, Any]], str | int] | None = None,
    ) -> None:
        self.dataset, self.scheduler, self.id_of = dataset, scheduler, id_of

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, code: int) -> dict[str, Any]:
        index, step = decode(code)
        sample = self.dataset[index]
        noisy, record = self.scheduler(sample, id=self.id_of(sample) if self.id_of else index, step=step)
        levels = np.array([record.level(modality) for modality in self.scheduler.noises], np.float32)
        return noisy | {"noise_step": step, "levels": levels}
