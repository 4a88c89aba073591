"""Streams of samples under a scheduler.

Public: `ScheduledIterable`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..extras import need
from ..feedback import Feedback
from ..scheduler import NoiseScheduler
from .dataset import Planned

_torch = need("torch", extra="torch")
_torch_data = need("torch.utils.data", extra="torch")

_STEP, _PASS, _WORKERS = 0, 1, 2
_MOST_WORKERS = 1024


class ScheduledIterable(Planned, _torch_data.IterableDataset):  # type: ignore[misc,name-defined]
    """A stream of samples under a noise scheduler.

    The loader takes batches from its workers in turn, so worker w of W knows that its j-th batch is the batch
    j W + w of the pass, and at which step that is used. This holds while all workers have equally many batches
    (repeat the stream, or divide it evenly) and the loader keeps their order; `Guard` raises where it does not. The
    *order* of samples depends on the number of workers; the noise of a sample at a step does not.

    Tell it the step before every pass: ``dataset.set_step(step)``. In distributed training each process reads its
    own part of the stream. Items gain the keys that `Scheduled` adds.

    Args:
        source: gives samples, each worker and process its own part (see ``torch.utils.data.get_worker_info``).
        scheduler: what is done to them.
        batch_size: that of the loader.
        accumulate: batches in one optimiser step, on each process.
        id_of: the id of a sample.
        feedback: of the scheduler, where it adapts.

    Raises:
        ValueError: batch_size or accumulate is below 1, the scheduler adapts and no `feedback` is given, or that is
            another scheduler's.
    """

    def __init__(
        self,
        source: Iterable[Mapping[str, Any]],
        scheduler: NoiseScheduler,
        id_of: Callable[[Mapping[str, Any]], str | int],
        *,
        batch_size: int,
        accumulate: int = 1,
        feedback: Feedback | None = None,
    ) -> None:
        if batch_size < 1 or accumulate < 1:
            raise ValueError(f"batch_size and accumulate must be ≥ 1, not {batch_size} and {accumulate}")
        self.source, self.id_of = source, id_of
        self.batch_size, self.accumulate = batch_size, accumulate
        self._plan_with(scheduler, feedback)
        self._owner, self._clock = os.getpid(), _new_clock()

    def set_step(self, step: int) -> None:
        """Say at which optimiser step, ≥ 0, the next pass begins; needed before every pass."""
        if step < 0:
            raise ValueError(f"step must be ≥ 0, not {step}")
        if os.getpid() != self._owner:  # in another training process: a clock of its own
            self.__dict__ |= {"_owner": os.getpid(), "_clock": _new_clock()}
        self._clock[_STEP] = step
        self._clock[_PASS] += 1

    def __iter__(self) -> _Pass:
        return _Pass(self)


def _new_clock() -> Any:
    """Shared with the workers: the first step of the pass, the pass, and the last pass of each worker."""
    return _torch.zeros(_WORKERS + _MOST_WORKERS, dtype=_torch.int64).share_memory_()


class _Pass(Iterator[dict[str, Any]]):
    """One pass of one worker; its state lets ``StatefulDataLoader`` go on in the middle of one."""

    def __init__(self, dataset: ScheduledIterable) -> None:
        info = _torch_data.get_worker_info()
        self._worker: int = info.id if info else 0
        self._workers: int = info.num_workers if info else 1
        self._dataset = dataset
        self._samples: Iterator[Mapping[str, Any]] | None = None
        self._first: int | None = None
        self._position = 0

    def __next__(self) -> dict[str, Any]:
        dataset = self._dataset
        if self._samples is None:
            self._start()
        assert self._samples is not None
        assert self._first is not None
        sample = next(self._samples)
        batch = self._position // dataset.batch_size * self._workers + self._worker
        self._position += 1
        step = self._first + batch // dataset.accumulate
        return dataset._noisy([(sample, dataset.id_of(sample), step)])[0]

    def state_dict(self) -> dict[str, Any]:
        source = self._samples.state_dict() if hasattr(self._samples, "state_dict") else None  # type: ignore[union-attr]
        first = self._step_of_pass() if self._first is None else self._first  # saved before the first sample
        return {"first": first, "position": self._position, "source": source}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._first, self._position = state["first"], state["position"]
        if self._first is None:
            return
        samples = iter(self._dataset.source)
        if state["source"] is not None:
            samples.load_state_dict(state["source"])  # type: ignore[attr-defined]
        else:
            samples = itertools.islice(samples, self._position, None)
        self._samples = samples

    def _start(self) -> None:
        self._first = self._step_of_pass()
        if self._first is None:
            raise RuntimeError(
                "this pass over ScheduledIterable has no step: call set_step(optimiser steps done) before every pass"
            )
        clock = self._dataset._clock
        clock[_WORKERS + self._worker] = clock[_PASS]
        self._samples = iter(self._dataset.source)

    def _step_of_pass(self) -> int | None:
        """The first step of a pass that was announced and not begun; None where there is none."""
        clock = self._dataset._clock
        return None if clock[_PASS] == clock[_WORKERS + self._worker] else int(clock[_STEP])
