"""The trainer's side: is each batch the one that was planned for this step?

Public: `Guard`, `StaleNoiseError`; `check_layout`, `check_length`, `check_step`, `state_of`, `check_state`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..extras import need
from .dataset import Scheduled
from .iterable import ScheduledIterable
from .sampler import StepSampler

_torch_data = need("torch.utils.data", extra="torch")


class StaleNoiseError(RuntimeError):
    """The noise of a batch was planned for another step than the one it is used at, or would be."""


class Guard:
    """Checks a loader's layout once, and the step of every batch; saves what a resume needs.

    Args:
        loader: over `Scheduled` or `ScheduledIterable`.
        accumulate: batches in one optimiser step, on each process.
        world: number of processes among which the trainer deals out whole batches, as accelerate does; None where
            the sampler shards.

    Raises:
        StaleNoiseError: the layout cannot give each batch the noise of its step; the message says what to change.
    """

    def __init__(self, loader: Any, *, accumulate: int = 1, world: int | None = None) -> None:
        self.dataset, self.sampler = check_layout(loader, accumulate, world)

    def check(self, batch: Any, step: int) -> None:
        """Raise unless `batch` was planned for `step`, the number of optimiser steps done so far.

        Raises:
            StaleNoiseError: it was planned for another step, or with other decisions than are in force.
            KeyError: the batch has no ``noise_step``.
        """
        check_step(batch, step, self.dataset)

    def finish(self, step: int) -> None:
        """Raise unless the training has reached its end, at `step` optimiser steps.

        Raises:
            StaleNoiseError: the scheduler counts on more steps.
        """
        total = self.dataset.scheduler.total_steps
        if total is not None and step < total:
            raise StaleNoiseError(
                f"the training ended at step {step} of {total}: total_steps is another number, or the loader ran dry, "
                "as StatefulDataLoader does when it resumes from an epoch's last batch (leave its state out there)"
            )

    def state_dict(self, step: int) -> dict[str, Any]:
        """What a checkpoint taken after `step` optimiser steps needs to go on with the same noise."""
        return state_of(self.dataset, self.sampler, step)

    def load_state_dict(self, state: Mapping[str, Any]) -> int:
        """Go on from a checkpoint: sets the sampler or stream to the step that it returns.

        Raises:
            StaleNoiseError: it was made with another configuration or another order of samples.
            FeedbackError: its decisions cannot be followed.
        """
        step = check_state(self.dataset, self.sampler, state)
        (self.dataset if self.sampler is None else self.sampler).set_step(step)
        return step


def check_layout(loader: Any, accumulate: int, world: int | None = None) -> tuple[Any, StepSampler | None]:
    """The scheduled data set of a loader, and its sampler (None for streams).

    Args:
        loader: a ``DataLoader``.
        accumulate: batches in one optimiser step, on each process.
        world: number of processes that each take whole batches from the loader; None where the sampler deals out.

    Raises:
        StaleNoiseError: the layout cannot give each batch the noise of its step.
    """
    dataset = loader.dataset
    if not isinstance(dataset, Scheduled | ScheduledIterable):
        raise StaleNoiseError(
            f"the loader's data set is {type(dataset).__name__}: wrap it as Scheduled(data set, scheduler), with "
            "Subset, ConcatDataset and the like inside"
        )
    if getattr(loader, "in_order", True) is False and loader.num_workers > 1:
        raise StaleNoiseError("in_order=False mixes the batches of different steps; leave it at True")
    if isinstance(dataset, ScheduledIterable):
        if loader.batch_size != dataset.batch_size:
            raise StaleNoiseError(
                f"the loader's batch_size is {loader.batch_size}, ScheduledIterable counts on {dataset.batch_size}"
            )
        if accumulate != dataset.accumulate:
            raise StaleNoiseError(
                f"the trainer accumulates {accumulate} batches, ScheduledIterable counts on {dataset.accumulate}"
            )
        return dataset, None
    batches = loader.batch_sampler
    batches = getattr(batches, "batch_sampler", batches)  # under accelerate's BatchSamplerShard
    sampler = getattr(batches, "sampler", None)
    if not isinstance(sampler, StepSampler):
        raise StaleNoiseError(
            f"the loader's sampler is {type(sampler).__name__}: give it "
            "sampler=StepSampler(len(data set), global_batch=…)"
        )
    if sampler.length != len(dataset):
        raise StaleNoiseError(f"StepSampler counts on {sampler.length} samples, the data set has {len(dataset)}")
    processes = sampler.place[1] if world is None else world
    batch_size = getattr(batches, "batch_size", None)
    if batch_size is None:
        raise StaleNoiseError(f"{type(batches).__name__} has no fixed batch_size: use torch's BatchSampler")
    used = batch_size * accumulate * processes
    if used != sampler.global_batch:
        raise StaleNoiseError(
            f"an optimiser step uses {batch_size} samples × {accumulate} accumulated batches × {processes} "
            f"processes = {used}, StepSampler counts on {sampler.global_batch}: make global_batch={used}"
        )
    epoch = dataset.scheduler.steps_per_epoch
    if epoch is not None and epoch != sampler.steps_per_epoch:
        raise StaleNoiseError(
            f"the scheduler counts on {epoch} steps in an epoch, StepSampler makes {sampler.steps_per_epoch}: "
            "give NoiseScheduler steps_per_epoch=sampler.steps_per_epoch"
        )
    return dataset, sampler


def check_step(batch: Any, step: int, dataset: Any) -> None:
    """Raise unless a batch was planned for `step`, with the decisions that hold then."""
    total = dataset.scheduler.total_steps
    if total is not None and step >= total:
        raise StaleNoiseError(
            f"the training goes on at step {step}, the scheduler counts on {total} steps: give NoiseScheduler the "
            "number of steps that is trained as total_steps"
        )
    first, last = _extremes(batch, "noise_step")
    if first != step or last != step:
        planned = f"step {first}" if first == last else f"steps {first} to {last}"
        raise StaleNoiseError(
            f"this batch was planned for {planned}, the trainer is at step {step}: call sampler.set_epoch(epoch) "
            "before each epoch (set_step before each pass of a stream, and after a resume), make global_batch = batch "
            "size × accumulation × processes, and give streams equally many batches in each worker"
        )
    if dataset.feedback is not None:
        dataset.feedback.reached = step
        used, number = _extremes(batch, "noise_decisions"), dataset.feedback.at(step)[0]
        if used != (number, number):
            raise StaleNoiseError(
                f"this batch was planned for step {step} with other decisions than are in force: decisions must not "
                "reach steps that the loader has planned already; give Feedback a longer delay"
            )


def check_length(dataset: Any, end: int | None) -> None:
    """Raise unless the trainer means to make as many steps as the scheduler counts on, where both are known."""
    total = dataset.scheduler.total_steps
    if total is not None and end is not None and total != end:
        raise StaleNoiseError(
            f"the trainer means to make {end} optimiser steps, the scheduler counts on {total}: "
            f"give NoiseScheduler total_steps={end}"
        )


def state_of(dataset: Any, sampler: StepSampler | None, step: int) -> dict[str, Any]:
    """What a checkpoint needs: the step, the configuration's digest, the order of samples, the trace of decisions."""
    scheduler = dataset.scheduler
    state = {"step": int(step), "config": scheduler.digest, "scheduler": scheduler.to_dict()}
    if sampler is not None:
        state["order"] = sampler.order
    return state if dataset.feedback is None else state | {"feedback": dataset.feedback.state_dict()}


def check_state(dataset: Any, sampler: StepSampler | None, state: Mapping[str, Any]) -> int:
    """The step of a checkpoint, after its decisions have been taken up.

    Raises:
        StaleNoiseError: it was made with another configuration or another order of samples.
    """
    needed = {"step", "config"} | ({"order"} if sampler is not None else set())
    needed |= {"feedback"} if dataset.feedback is not None else set()
    if missing := sorted(needed - set(state)):
        raise StaleNoiseError(
            f"the checkpoint lacks {', '.join(missing)}: it was not saved by the guard of such a training; start anew"
        )
    if state["config"] != dataset.scheduler.digest:
        changes = "; ".join(_differences(state.get("scheduler", {}), dataset.scheduler.to_dict()))
        raise StaleNoiseError(
            f"this checkpoint was made under the noise configuration {state['config']}, the scheduler is "
            f"{dataset.scheduler.digest} ({changes}): go on with the same configuration, or start anew"
        )
    for name, value in ({} if sampler is None else sampler.order).items():
        before = state["order"].get(name)
        if before != value:
            raise StaleNoiseError(
                f"this checkpoint was made with {name}={before}, StepSampler has {name}={value}: go on with the same, "
                "or start anew"
            )
    if dataset.feedback is not None:
        dataset.feedback.load_state_dict(state["feedback"])
    return int(state["step"])


def _differences(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """What differs between two configurations, as "place: before → after"."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            yield from _differences(before.get(name), after.get(name), f"{place}.{name}" if place else name)
    elif before != after:
        yield f"{place}: {before} → {after}"


def _extremes(batch: Any, name: str) -> tuple[int, int]:
    """The least and greatest value of a column of a batch: of a mapping, or of the mappings that make it up."""
    if isinstance(batch, Mapping) and name in batch:
        values = batch[name]
    elif isinstance(batch, list | tuple) and batch and all(isinstance(row, Mapping) and name in row for row in batch):
        values = [row[name] for row in batch]
    elif isinstance(batch, list | tuple) and any(isinstance(part, Mapping) and name in part for part in batch):
        values = next(part[name] for part in batch if isinstance(part, Mapping) and name in part)
    elif hasattr(batch, name):
        values = getattr(batch, name)
    else:
        raise KeyError(f"the batch has no {name!r}: keep it in collate_fn, so that its step can be checked")
    values = values.tolist() if hasattr(values, "tolist") else values
    values = values if isinstance(values, list | tuple) else [values]
    return int(min(values)), int(max(values))
