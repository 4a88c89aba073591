"""Lightning: a callback that checks every batch, resumes exactly, and passes metrics on to adaptive schedules.

    loader = DataLoader(Scheduled(dataset, scheduler), batch_size=8, sampler=StepSampler(n, global_batch=16))
    trainer = lightning.Trainer(accumulate_grad_batches=2, callbacks=[NoiseCallback(loader)])
    trainer.fit(model, loader)

Public: `NoiseCallback`.
"""

from __future__ import annotations

from typing import Any

from ..extras import need
from .guard import StaleNoiseError, check_layout, check_state, check_step, state_of

_lightning = need("lightning", extra="lightning")


class NoiseCallback(_lightning.Callback):  # type: ignore[misc,name-defined]
    """Guards a training under scheduled noise.

    It counts planned optimiser steps by itself (``global_step`` counts each of several optimisers, and not the steps
    that mixed precision skips) and keeps the count in the checkpoint, with the configuration's digest and the
    decisions of adaptive schedules. On a resume it sets the sampler to the step of the checkpoint. Where the
    scheduler adapts, decisions are taken after every validation, from ``trainer.callback_metrics``.

    Args:
        loader: the one that is trained on, over `Scheduled`.

    Raises:
        StaleNoiseError: the layout cannot give each batch the noise of its step, a batch was planned for another
            step, a checkpoint was made under another configuration, or the training ended before its last step.
    """

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.step = 0
        self._batches = 0

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.world_size > 1 and getattr(self.loader, "batch_size", 1) is None:
            raise StaleNoiseError("Lightning cannot shard a batch_sampler: give sampler= and batch_size=")
        self.dataset, sampler = check_layout(self.loader, trainer.accumulate_grad_batches)
        if sampler is None:
            raise StaleNoiseError("Lightning does not tell streams their step; use a map-style data set")
        self.sampler = sampler
        if self.sampler.place[1] != trainer.world_size:
            raise StaleNoiseError(
                f"StepSampler shards over {self.sampler.place[1]} processes, the trainer has {trainer.world_size}: "
                "leave rank and world out"
            )
        self.sampler.set_step(self.step)
        self._batches = self.step * trainer.accumulate_grad_batches

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if getattr(trainer.train_dataloader, "sampler", None) is not self.sampler:
            raise StaleNoiseError("NoiseCallback was given another loader than trainer.fit")

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        check_step(batch, self._batches // trainer.accumulate_grad_batches, self.dataset)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._batches += 1
        self.step = self._batches // trainer.accumulate_grad_batches

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if not trainer.sanity_checking and self.dataset.feedback is not None:
            metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
            self.dataset.feedback.update(trainer.strategy.broadcast(metrics), step=self.step)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.should_stop or trainer.limit_train_batches != 1.0:
            return
        epochs, most = trainer.max_epochs, trainer.max_steps
        ends = [most] if most >= 0 else []
        ends += [epochs * self.sampler.steps_per_epoch] if epochs is not None and epochs >= 0 else []
        if ends and self.step < min(ends):
            raise StaleNoiseError(
                f"the training ended at step {self.step} of {min(ends)}: the loader ran dry, as StatefulDataLoader "
                "does when it resumes from an epoch's last batch; use DataLoader, which NoiseCallback resumes exactly"
            )

    def state_dict(self) -> dict[str, Any]:
        return state_of(self.loader.dataset, self.step)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = check_state(self.loader.dataset, state)
