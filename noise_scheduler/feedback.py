"""Feedback from training: the decisions of adaptive schedules, and their trace.

The rules (`noise_scheduler.adaptive`) are part of the configuration. What was decided by them is kept apart, in a
`Feedback`, which is told metrics outside the loader. Every decision holds from a step that is not planned yet, and is
written to a trace; a sample's noise is then a pure function of (config, seed, id, step) and the trace.

    level = ns.uniform(0, ns.keep_in_band("val/accuracy", 0.6, 0.8, start=0.2))
    scheduler = ns.NoiseScheduler({"audio": ["audio/reverb"]}, level=level, steps_per_epoch=100)
    feedback = ns.Feedback(scheduler)
    feedback.update({"val/accuracy": 0.83}, step=100)      # after each validation; holds from the next epoch on

Public: `Feedback`, `FeedbackError`, `adaptive_schedules`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .adaptive import Adaptive
from .clock import Clock, Time
from .files import write_whole
from .registry import nearest

if TYPE_CHECKING:
    from .scheduler import NoiseScheduler

_CAPACITY = 4096


class FeedbackError(RuntimeError):
    """A decision cannot be taken or a trace cannot be followed; the message says why and what to do."""


class Feedback:
    """Takes the decisions of a scheduler's adaptive schedules, and remembers them.

    A decision that is taken when `step` optimiser steps are done holds from the next start of an epoch (from `step`
    itself where that is one), or from `delay` later. No loader may have planned that far: with a `delay`, it must be
    longer than the loader's prefetching reaches, and the guard of `noise_scheduler.torch_data` raises where it is not.
    In distributed training every process must be told the same metrics. There is room for 4096 decisions.

    Args:
        scheduler: one with adaptive schedules.
        delay: steps (or ``"2ep"``, ``"5%"``) from a decision until it holds; None for the next start of an epoch.
        trace_file: where the trace is kept up to date, as JSON lines.

    Raises:
        ValueError: the scheduler has no adaptive schedule, or no `steps_per_epoch` and no `delay` is given.
    """

    def __init__(
        self, scheduler: NoiseScheduler, *, delay: Time | None = None, trace_file: str | Path | None = None
    ) -> None:
        self.scheduler, self.delay, self.trace_file = scheduler, delay, trace_file
        self.schedules = dict(adaptive_schedules(scheduler))
        if not self.schedules:
            raise ValueError("this scheduler has no adaptive schedule such as keep_in_band; it needs no Feedback")
        if delay is None and scheduler.steps_per_epoch is None:
            raise ValueError("give steps_per_epoch= to NoiseScheduler, or delay= to Feedback")
        if delay is not None and scheduler.clock(0).steps(delay) < 1:
            raise ValueError(f"delay must be at least one step, not {delay!r}")
        self.trace: list[dict[str, Any]] = []
        self.reached = -1
        """The last step that is known to be trained; no decision may hold from it or earlier."""
        self._now: tuple[int, list[float], int, Clock] | None = None
        self.buffer = np.zeros((_CAPACITY + 1, 1 + len(self.schedules)))
        """(capacity + 1, 1 + values): how many decisions and how many traces were taken up, then a row (first step,
        values) for each decision. It may lie in memory that processes share."""

    def update(self, metrics: Mapping[str, Any], *, step: int) -> dict[str, float]:
        """Decide anew, from metrics measured when `step` optimiser steps were done.

        Returns:
            The values decided on, by their place in the configuration.

        Raises:
            KeyError: a metric that a schedule follows is missing; the message lists the nearest names.
            ValueError: a metric is no finite number.
            FeedbackError: `step` lies before an earlier decision, or the decision would hold for steps already trained.
        """
        followed = dict.fromkeys(name for schedule in self.schedules.values() for name in schedule.follows())
        known = {name: _metric(metrics, name) for name in followed}
        if self._from(step) <= self.reached:
            raise FeedbackError(
                f"a decision at step {step} would hold from step {self._from(step)}, but step {self.reached} is "
                "trained already: give the number of optimiser steps done (not of epochs)"
            )
        if self.trace and step < self.trace[-1]["step"]:
            raise FeedbackError(f"step {step} lies before the last decision, at {self.trace[-1]['step']}")
        before = self._values(len(self.trace))
        values = {
            place: schedule.decide(value, known)
            for (place, schedule), value in zip(self.schedules.items(), before, strict=True)
        }
        self._append({"step": int(step), "from": self._from(step), "metrics": known, "values": values})
        if self.trace_file is not None:
            self.save(self.trace_file)
        return values

    def at(self, step: int) -> tuple[int, Clock]:
        """Which decisions hold at `step`, as a number, and the scheduler's clock then, which carries them."""
        state = self.buffer[0, :2].tolist()
        if self._now is None or self._now[:2] != (step, state):
            number = int(state[0])
            while number and self.buffer[number, 0] > step:
                number -= 1
            values = dict(zip(self.schedules.values(), self._values(number), strict=True))
            clock = Clock(step, self.scheduler.steps_per_epoch, self.scheduler.total_steps, values)
            self._now = (step, state, int(state[1]) * (_CAPACITY + 1) + number, clock)
        return self._now[2:]

    def state_dict(self) -> dict[str, Any]:
        """The trace, for a checkpoint."""
        return {"config": self.scheduler.digest, "trace": [dict(entry) for entry in self.trace]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a trace: every decision is taken again from its metrics and must come out the same.

        Raises:
            FeedbackError: it is no trace or that of another configuration, or a decision comes out differently.
        """
        if "config" not in state or "trace" not in state:
            raise FeedbackError(f"a trace of decisions has the keys config and trace, not {', '.join(map(str, state))}")
        if state["config"] != self.scheduler.digest:
            raise FeedbackError(
                f"this trace belongs to the configuration {state['config']}, not to {self.scheduler.digest}; "
                "go on with the configuration that it was made with"
            )
        again = Feedback(self.scheduler, delay=self.delay)
        for entry in state["trace"]:
            try:
                again.update(entry["metrics"], step=entry["step"])
            except (KeyError, TypeError, ValueError) as error:
                raise FeedbackError(f"{entry!r} is no decision of this configuration ({error})") from error
            if again.trace[-1] != entry:
                raise FeedbackError(f"the decision {entry} comes out as {again.trace[-1]}: was delay= another one?")
        self.trace = again.trace
        again.buffer[0, 1] = self.buffer[0, 1] + 1
        self.buffer[:] = again.buffer
        self._now, self.reached = None, -1
        if self.trace_file is not None:
            self.save(self.trace_file)

    def save(self, file: str | Path) -> None:
        """Write the trace as JSON lines: first the configuration's digest, then a line for each decision."""
        state = self.state_dict()
        lines = [{"config": state["config"]}, *state["trace"]]
        write_whole(Path(file), "".join(json.dumps(line) + "\n" for line in lines).encode())

    def load(self, file: str | Path) -> None:
        """Take up the trace that `save` wrote.

        Raises:
            FeedbackError: not a trace, or as `load_state_dict`.
        """
        try:
            first, *trace = map(json.loads, Path(file).read_text(encoding="utf-8").splitlines())
            state = {"config": first["config"], "trace": trace}
        except (ValueError, KeyError, TypeError) as error:
            raise FeedbackError(
                f"{file} is not a trace of decisions ({error}); give the file that save wrote"
            ) from error
        self.load_state_dict(state)

    def _from(self, step: int) -> int:
        clock = self.scheduler.clock(step)
        if self.delay is not None:
            return clock.step + math.ceil(clock.steps(self.delay))
        epoch = self.scheduler.steps_per_epoch or 1
        return -(-clock.step // epoch) * epoch

    def _values(self, number: int) -> list[float]:
        if number == 0:
            return [schedule.start for schedule in self.schedules.values()]
        values: list[float] = self.buffer[number, 1:].tolist()
        return values

    def _append(self, entry: dict[str, Any]) -> None:
        number = len(self.trace) + 1
        if number > _CAPACITY:
            raise FeedbackError(f"more than {_CAPACITY} decisions: decide less often")
        self.buffer[number] = (entry["from"], *entry["values"].values())
        self.buffer[0, 0] = number  # last, so that a reader never sees half a decision
        self.trace.append(entry)


def adaptive_schedules(scheduler: NoiseScheduler) -> Iterator[tuple[str, Adaptive]]:
    """(place in the configuration, schedule) of every adaptive schedule, each schedule once."""
    seen: set[Adaptive] = set()
    for name in ("level", "condition", "span", "noises"):
        for place, schedule in _walk(name, getattr(scheduler, name)):
            if schedule not in seen:
                seen.add(schedule)
                yield place, schedule


def _walk(place: str, value: Any) -> Iterator[tuple[str, Adaptive]]:
    if isinstance(value, Adaptive):
        yield place, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _walk(f"{place}.{name}", item)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _walk(f"{place}.{index}", item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _walk(f"{place}.{field.name}", getattr(value, field.name))


def _metric(metrics: Mapping[str, Any], name: str) -> float:
    if name not in metrics:
        raise KeyError(f"no metric is called {name!r}; {nearest(name, map(str, metrics))}")
    value = float(metrics[name])
    if not math.isfinite(value):
        raise ValueError(f"the metric {name!r} is {value}: a level cannot follow it; leave this update out")
    return value
