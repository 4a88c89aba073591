"""The order of samples, with the step at which each is planned to be used.

Public: `StepSampler`.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..extras import need
from ..rng import key_of, stream
from .codec import MOST_SAMPLES, SHIFT

_torch = need("torch", extra="torch")
_distributed = need("torch.utils.data.distributed", extra="torch")


class StepSampler(_distributed.DistributedSampler):  # type: ignore[misc,name-defined]
    """Shuffled indices that carry the optimiser step at which they are planned to be used.

    The *global* order is a pure function of (seed, epoch); every process takes each `world`-th of it. So all processes
    together see the same samples at the same step on any number of them, also after a resume on another number.
    Call `set_epoch` before each epoch (Lightning and the Hugging Face Trainer do), else the epoch repeats itself,
    steps included. `len` is that of a full epoch, also after a resume in the middle of one.

    It is a ``DistributedSampler``, so that trainers see that it shards by itself and leave it alone.

    Args:
        length: samples in the data set, < 2**32.
        global_batch: samples used in one optimiser step: batch size × accumulation × number of processes.
        seed: of the order, in [0, 2**64).
        shuffle: False for the order of the data set, in every epoch.
        drop_last: whether the last, incomplete global batch of an epoch is left out; else it is filled up from the
            epoch's start. Either way all processes have equally many samples.
        rank, world: which process this is and how many there are; None asks ``torch.distributed``. Give 0 and 1
            where the trainer deals out whole batches by itself (accelerate).

    Raises:
        ValueError: the data set is smaller than one global batch, or `global_batch` is no multiple of `world`.
    """

    def __init__(
        self,
        length: int,
        *,
        global_batch: int,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = True,
        rank: int | None = None,
        world: int | None = None,
    ) -> None:
        # The base class wants a data set and a process group here; it is inherited from for its type alone.
        length, global_batch = operator.index(length), operator.index(global_batch)
        if not 1 <= global_batch <= length < MOST_SAMPLES:
            raise ValueError(f"global_batch ({global_batch}) must be between 1 and the number of samples ({length})")
        if (rank is None) != (world is None) or (world is not None and not 0 <= (rank or 0) < world):
            raise ValueError(f"give rank and world together, rank < world, not rank={rank} and world={world}")
        key_of(seed, "order")
        self.length, self.global_batch, self.seed = length, global_batch, seed
        self.shuffle, self.drop_last = shuffle, drop_last
        self._rank, self._world = rank, world
        self.epoch = self.first_batch = 0

    @property
    def order(self) -> dict[str, int]:
        """What the order of samples and its division into steps depend on, but for epoch and process."""
        names = ("length", "global_batch", "seed", "shuffle", "drop_last")
        return {name: int(getattr(self, name)) for name in names}

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch."""
        return self.length // self.global_batch if self.drop_last else -(-self.length // self.global_batch)

    @property
    def place(self) -> tuple[int, int]:
        """(rank, world): which process this is and how many there are.

        Raises:
            RuntimeError: several processes were started, but ``torch.distributed`` does not know of them yet.
            ValueError: `global_batch` is no multiple of their number.
        """
        rank, world = self._rank, self._world
        if rank is None or world is None:
            group = _torch.distributed
            if group.is_available() and group.is_initialized():
                rank, world = group.get_rank(), group.get_world_size()
            elif int(os.environ.get("WORLD_SIZE", "1")) > 1:
                raise RuntimeError(
                    f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but torch.distributed is not initialised: call "
                    "init_process_group before iterating, or give StepSampler rank= and world="
                )
            else:
                rank, world = 0, 1
        if self.global_batch % world:
            raise ValueError(
                f"global_batch ({self.global_batch}) must be a multiple of the number of processes ({world})"
            )
        return rank, world

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of `epoch`, ≥ 0; does nothing if that is the present one."""
        if epoch < 0:
            raise ValueError(f"epoch must be ≥ 0, not {epoch}")
        if epoch != self.epoch:
            self.epoch, self.first_batch = epoch, 0

    def set_step(self, step: int) -> None:
        """Resume: the next sample drawn is the first one of optimiser step `step`, ≥ 0."""
        if step < 0:
            raise ValueError(f"step must be ≥ 0, not {step}")
        self.epoch, self.first_batch = divmod(step, self.steps_per_epoch)

    def __iter__(self) -> _Codes:
        return _Codes(self)

    def __len__(self) -> int:
        return self.steps_per_epoch * self.global_batch // self.place[1]

    def codes(self, epoch: int, first_batch: int) -> list[int]:
        """This process's codes from a global batch of an epoch to the epoch's end."""
        rank, world = self.place
        if self.shuffle:
            with stream(key_of(self.seed, "order"), epoch, "order") as rng:
                order = rng.bit_generator.random_raw(self.length).argsort(kind="stable")
        else:
            order = np.arange(self.length)
        positions = np.arange(first_batch * self.global_batch + rank, self.steps_per_epoch * self.global_batch, world)
        steps = epoch * self.steps_per_epoch + positions // self.global_batch
        codes: list[int] = ((steps + 1 << SHIFT) | order[positions % self.length]).tolist()
        return codes


class _Codes(Iterator[int]):
    """One pass; its state lets ``StatefulDataLoader`` go on in the middle of one."""

    def __init__(self, sampler: StepSampler) -> None:
        self._sampler = sampler
        self._epoch, self._first_batch, self._position = sampler.epoch, sampler.first_batch, 0
        self._codes: list[int] | None = None

    def __next__(self) -> int:
        if self._codes is None:
            self._codes = self._sampler.codes(self._epoch, self._first_batch)
        if self._position >= len(self._codes):
            raise StopIteration
        self._position += 1
        return self._codes[self._position - 1]

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self._epoch, "first_batch": self._first_batch, "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._epoch, self._first_batch, self._position = state["epoch"], state["first_batch"], state["position"]
        self._codes = None
        self._sampler.epoch, self._sampler.first_batch = self._epoch, self._first_batch
