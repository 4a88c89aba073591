"""Lightning: a callback that checks every batch, resumes exactly, and passes metrics on to adaptive schedules.

    loader = DataLoader(Scheduled(dataset, scheduler), batch_size=8, sampler=StepSampler(n, global_batch=16))
    trainer = lightning.Trainer(accumulate_grad_batches=2, callbacks=[NoiseCallback(loader)])
    trainer.fit(model, loader)

Public: `NoiseCallback`.
"""

from __future__ import annotations

from typing import Any

from ..extras import need
from .guard import StaleNoiseError, check_layout, check_length, check_state, check_step, state_of

_lightning = need("lightning", extra="lightning")


class NoiseCallback(_lightning.Callback):  # type: ignore[misc,name-defined]
    """Guards one training under scheduled noise.

    It counts planned optimiser steps by itself (``global_step`` counts each of several optimisers, and not the steps
    that mixed precision skips) and keeps the count in the checkpoint, with the configuration's digest, the order of
    samples and the decisions of adaptive schedules. On a resume it sets the sampler to the step of the checkpoint.
    Where the scheduler adapts, decisions are taken after every validation, from ``trainer.callback_metrics``.

    Args:
        loader: the one that is trained on, over `Scheduled`.

    Raises:
        StaleNoiseError: the layout or the length of the training cannot give each batch the noise of its step, a
            batch was planned for another step, a checkpoint was made under another configuration or inside a group of
            accumulated batches, or the training ended before its last step or without a decision.
    """

    def __init__(self, loader: Any) -> None:
        self.loader, self.dataset = loader, loader.dataset
        self._resumed: dict[str, Any] | None = None
        self._batches, self._accumulate = 0, 1

    @property
    def step(self) -> int:
        """Planned optimiser steps done."""
        return self._batches // self._accumulate

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        if getattr(self.loader, "batch_size", 1) is None:
            raise StaleNoiseError(
                "Lightning cannot shard a batch_sampler: give the DataLoader sampler= and batch_size="
            )
        whole = type(trainer.limit_train_batches) is float and trainer.limit_train_batches == 1.0
        if not (whole or trainer.fast_dev_run) or trainer.overfit_batches:
            raise StaleNoiseError("limit_train_batches and overfit_batches cut epochs short: put a Subset in Scheduled")
        self._accumulate = trainer.accumulate_grad_batches
        self.dataset, sampler = check_layout(self.loader, self._accumulate)
        if sampler is None:
            raise StaleNoiseError("Lightning does not tell streams their step; use a map-style data set")
        self.sampler = sampler
        if sampler.place[1] != trainer.world_size:
            raise StaleNoiseError(
                f"StepSampler shards over {sampler.place[1]} processes, the trainer has {trainer.world_size}: "
                "leave rank and world out"
            )
        if not trainer.fast_dev_run:
            check_length(self.dataset, self._end(trainer, pl_module))
        self._batches = self._begin(trainer) * self._accumulate
        sampler.set_step(self.step)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.global_step and not self._batches:
            raise StaleNoiseError("this checkpoint was saved without NoiseCallback: start anew")

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if getattr(trainer.train_dataloader, "sampler", None) is not self.sampler:
            raise StaleNoiseError(
                "NoiseCallback guards another loader than the one that is trained on: give both the same, built once "
                "(no reload_dataloaders_every_n_epochs)"
            )

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        check_step(batch, self.step, self.dataset)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._batches += 1

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        feedback = self.dataset.feedback
        if feedback is not None and trainer.state.fn == "fit" and not trainer.sanity_checking:
            metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
            feedback.update(trainer.strategy.broadcast(metrics), step=self.step)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.fast_dev_run:
            return
        if self.dataset.feedback is not None and not self.dataset.feedback.trace:
            raise StaleNoiseError("the scheduler adapts, but no validation took place to decide by: give fit() one")
        end = self._end(trainer, pl_module)
        if end is not None and self.step < end and not trainer.should_stop:
            raise StaleNoiseError(
                f"the training ended at step {self.step} of {end}: the loader ran dry, as StatefulDataLoader "
                "does when it resumes from an epoch's last batch; use DataLoader, which NoiseCallback resumes exactly"
            )

    def state_dict(self) -> dict[str, Any]:
        return state_of(self.dataset, self.sampler, self.step) | {"inside": self._batches % self._accumulate}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._resumed = state

    def _begin(self, trainer: Any) -> int:
        """The step at which this training begins."""
        if self._resumed is None:  # a first fit, or one more of the same trainer
            return int(trainer.current_epoch) * self.sampler.steps_per_epoch
        if self._resumed.get("inside"):
            raise StaleNoiseError(
                "this checkpoint was saved between accumulated batches, where no optimiser step ends: go on from one "
                "saved after a step (every_n_train_steps counts those)"
            )
        return check_state(self.dataset, self.sampler, self._resumed)

    def _end(self, trainer: Any, pl_module: Any) -> int | None:
        """The planned step at which this training ends, where it can be known."""
        epochs, steps = trainer.max_epochs, trainer.max_steps
        ends = [epochs * self.sampler.steps_per_epoch] if epochs is not None and epochs >= 0 else []
        if steps >= 0:
            if not pl_module.automatic_optimization:  # Lightning counts each of several optimisers then
                return None
            ends.append(steps)
        return min(ends, default=None)
