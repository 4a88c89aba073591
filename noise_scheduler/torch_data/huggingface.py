"""Hugging Face: a ``Trainer`` that trains on `Scheduled`, checks every batch and resumes exactly.

    arguments = TrainingArguments("out", per_device_train_batch_size=8, remove_unused_columns=False)
    ScheduledTrainer(model, arguments, train_dataset=Scheduled(dataset, scheduler), data_collator=collate).train()

`dataset` may be a ``datasets.Dataset`` whose transform or format gives samples as `NoiseScheduler` takes them; wrap it
*after* ``with_transform``. Needs the extra ``huggingface``.

Public: `ScheduledTrainer`.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from ..extras import need
from ..files import write_whole
from .dataset import Scheduled
from .guard import StaleNoiseError, check_layout, check_length, check_state, check_step, state_of
from .sampler import StepSampler

_transformers = need("transformers", extra="huggingface")
get_last_checkpoint = need("transformers.trainer_utils", extra="huggingface").get_last_checkpoint
_STATE_FILE = "noise_scheduler.json"
_OURS = ("noise_step", "noise_decisions", "levels")


class ScheduledTrainer(_transformers.Trainer):  # type: ignore[misc,name-defined]
    """``transformers.Trainer`` under scheduled noise; give it ``train_dataset=Scheduled(…)``.

    The global batch is that of the arguments (per-device batch × accumulation × processes), the order's seed
    ``data_seed`` or ``seed``; an incomplete last batch is dropped or filled up as ``dataloader_drop_last`` says. The
    keys that `Scheduled` adds are taken out of the inputs unless the model's ``forward`` asks for them. Checkpoints
    carry the configuration's digest. Where the scheduler adapts, decisions are taken after every evaluation.

    Raises:
        StaleNoiseError: the layout or the length of the training cannot give each batch the noise of its step, a batch
            was planned for another step, a checkpoint was made under another configuration, or the scheduler adapts and
            no evaluation took place.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not isinstance(self.train_dataset, Scheduled):
            raise StaleNoiseError(f"train_dataset must be Scheduled(…), not {type(self.train_dataset).__name__}")
        if self.args.remove_unused_columns:
            raise StaleNoiseError(
                "set TrainingArguments(remove_unused_columns=False): noise_step must reach the trainer"
            )
        if self.args.ignore_data_skip:
            raise StaleNoiseError("leave TrainingArguments(ignore_data_skip) at False: a resume would repeat batches")
        self._asked = inspect.signature(self.model.forward).parameters
        self.add_callback(_CheckLength(self))

    def train(self, resume_from_checkpoint: str | bool | None = None, *args: Any, **kwargs: Any) -> Any:
        folder = get_last_checkpoint(self.args.output_dir) if resume_from_checkpoint is True else resume_from_checkpoint
        if folder:
            file = Path(folder) / _STATE_FILE
            if not file.exists():
                raise StaleNoiseError(f"{folder} has no {_STATE_FILE}: it was not saved by ScheduledTrainer")
            state = json.loads(file.read_text(encoding="utf-8"))
            check_state(self.train_dataset, self._get_train_sampler(), state)
        return super().train(resume_from_checkpoint, *args, **kwargs)

    def get_train_dataloader(self) -> Any:
        loader = super().get_train_dataloader()
        check_layout(loader, self.args.gradient_accumulation_steps, self._processes)
        return loader

    @property
    def _processes(self) -> int:
        """Processes that each take whole batches; with split batches all share each."""
        return 1 if self.accelerator.split_batches else self.args.world_size

    def _get_train_sampler(self, train_dataset: Any = None) -> StepSampler:
        args = self.args
        return StepSampler(
            len(self.train_dataset),
            global_batch=self._train_batch_size * args.gradient_accumulation_steps * self._processes,
            seed=args.seed if args.data_seed is None else args.data_seed,
            drop_last=args.dataloader_drop_last,
            rank=0,
            world=1,  # accelerate deals out whole batches
        )

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        check_step(inputs, self.state.global_step, self.train_dataset)
        asked = {name: value for name, value in inputs.items() if name not in _OURS or name in self._asked}
        return super().training_step(model, asked, num_items_in_batch)

    def _evaluate(self, trial: Any, ignore_keys_for_eval: Any, skip_scheduler: bool = False) -> dict[str, float]:
        metrics: dict[str, float] = super()._evaluate(trial, ignore_keys_for_eval, skip_scheduler)
        feedback = self.train_dataset.feedback
        if feedback is not None and not skip_scheduler:  # that is the evaluation before the first step
            feedback.update(metrics, step=self.state.global_step)
        return metrics

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
            state = state_of(self.train_dataset, self._get_train_sampler(), self.state.global_step)
            write_whole(folder / _STATE_FILE, json.dumps(state).encode())


class _CheckLength(_transformers.TrainerCallback):  # type: ignore[misc,name-defined]
    """Compares the length of the training with the scheduler's, once the trainer knows it."""

    def __init__(self, trainer: ScheduledTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        check_length(self.trainer.train_dataset, state.max_steps)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        feedback = self.trainer.train_dataset.feedback
        if feedback is not None and not feedback.trace:
            raise StaleNoiseError("the scheduler adapts, but no evaluation took place to decide by: set eval_strategy")
