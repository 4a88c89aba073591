"""Data sets under a scheduler.

Public: `Scheduled`, `MapDataset`; `Planned`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import get_spawning_popen
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from ..extras import need
from ..feedback import Feedback, adaptive_schedules
from ..scheduler import NoiseScheduler
from .codec import decode

_torch = need("torch", extra="torch")
_torch_data = need("torch.utils.data", extra="torch")
_shared: WeakKeyDictionary[Feedback, Any] = WeakKeyDictionary()


class MapDataset(Protocol):
    """A map-style data set whose items are samples as `NoiseScheduler` takes them."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Mapping[str, Any]: ...


class Planned:
    """What data sets under a scheduler share: a scheduler, and its decisions where the loader's workers see them.

    Scheduler, feedback and data set cannot be changed: the workers hold copies, which a change would not reach.
    """

    scheduler: NoiseScheduler
    feedback: Feedback | None
    _places: dict[str, int]

    def _plan_with(self, scheduler: NoiseScheduler, feedback: Feedback | None) -> None:
        if feedback is None and any(adaptive_schedules(scheduler)):
            raise ValueError(
                "this scheduler adapts: give the data set feedback=Feedback(scheduler), and call its "
                "update(metrics, step=…) after every evaluation"
            )
        if feedback is not None and feedback.scheduler.digest != scheduler.digest:
            raise ValueError("feedback belongs to another scheduler; make both from the same one")
        self.scheduler, self.feedback = scheduler, feedback
        self._places = {modality: place for place, modality in enumerate(scheduler.modalities)}
        self._decisions = None if feedback is None else _share(feedback)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__:
            raise AttributeError(
                f"{name} cannot be changed: the loader's workers hold copies that would not follow; "
                "make a new data set and a new loader"
            )
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        if self.feedback is not None and get_spawning_popen() is None:
            raise TypeError(
                "a copy of a data set would not hear of the decisions of its Feedback: make a new one in each process, "
                "from the same scheduler and a Feedback that is told the same metrics"
            )
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        if self.feedback is not None:  # in another process: look where the first one writes
            self.feedback.buffer = state["_decisions"].numpy()

    def _noisy(self, samples: Sequence[tuple[Mapping[str, Any], str | int, int]]) -> list[dict[str, Any]]:
        """Noisy versions of (sample, id, step), with ``noise_step`` and ``levels`` beside each."""
        levels = np.zeros((len(samples), len(self._places)), np.float32)
        result = []
        # Rows of one tensor: they are collated in half the time that arrays take.
        for (sample, id, step), row, tensor in zip(samples, levels, _torch.from_numpy(levels).unbind(), strict=True):
            number, clock = (0, step) if self.feedback is None else self.feedback.at(step)
            noisy, record = self.scheduler.apply(sample, self.scheduler.plan(id, clock))
            for hit in record.hits:
                place = self._places[hit.modality]
                row[place] = max(row[place], hit.level)
            noisy["noise_step"], noisy["levels"] = step, tensor
            if self.feedback is not None:
                noisy["noise_decisions"] = number
            result.append(noisy)
        return result


class Scheduled(Planned, _torch_data.Dataset):  # type: ignore[misc,name-defined]
    """A data set under a noise scheduler; only `StepSampler`'s indices are valid.

    Each item is the noisy sample with two more keys: ``noise_step``, and ``levels``, a (M,) float32 tensor of one
    level per modality in the order of `NoiseScheduler.modalities` (0 where it is clean), a possible training target.
    Under feedback ``noise_decisions`` is added, the number of decisions in force. A collate function of your own must
    keep ``noise_step`` (and ``noise_decisions``) for `Guard` to check.

    Args:
        dataset: map-style; its items are what the scheduler takes. Where it has ``__getitems__``, that is used.
        scheduler: what is done to them.
        id_of: the id of a sample; its index where none is given.
        feedback: of the scheduler, where it adapts.

    Raises:
        ValueError: the scheduler adapts and no `feedback` is given, or that is another scheduler's.
    """

    def __init__(
        self,
        dataset: MapDataset | Sequence[Mapping[str, Any]],
        scheduler: NoiseScheduler,
        id_of: Callable[[Mapping[str, Any]], str | int] | None = None,
        *,
        feedback: Feedback | None = None,
    ) -> None:
        self.dataset, self.id_of = dataset, id_of
        self._plan_with(scheduler, feedback)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, code: int) -> dict[str, Any]:
        return self.__getitems__([code])[0]

    def __getitems__(self, codes: Sequence[int]) -> list[dict[str, Any]]:
        places = [decode(code) for code in codes]
        fetch = getattr(self.dataset, "__getitems__", None)
        samples = fetch([i for i, _ in places]) if fetch else (self.dataset[i] for i, _ in places)
        id_of = self.id_of
        return self._noisy(
            [
                (sample, index if id_of is None else id_of(sample), step)
                for sample, (index, step) in zip(samples, places, strict=True)
            ]
        )


def _share(feedback: Feedback) -> Any:
    """The decisions as a tensor in shared memory, which `feedback` writes to from now on."""
    if feedback not in _shared:
        tensor = _torch.from_numpy(feedback.buffer).clone().share_memory_()
        feedback.buffer = tensor.numpy()
        _shared[feedback] = tensor
    return _shared[feedback]
