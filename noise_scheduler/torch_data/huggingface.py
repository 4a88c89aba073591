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
from .guard import StaleNoiseError, check_layout, check_state, check_step, state_of
from .sampler import StepSampler

_transformers = need("transformers", extra="huggingface")
_STATE_FILE = "noise_scheduler.json"
_OURS = ("noise_step", "noise_decisions", "levels")


class ScheduledTrainer(_transformers.Trainer):  # type: ignore[misc,name-defined]
    """``transformers.Trainer`` under scheduled noise; give it ``train_dataset=Scheduled(…)``.

    The global batch is that of the arguments (per-device batch × accumulation × processes), the order's seed
    ``data_seed`` or ``seed``; an incomplete last batch is dropped or filled up as ``dataloader_drop_last`` says. The
    keys that `Scheduled` adds are taken out of the inputs unless the model's ``forward`` asks for them. Checkpoints
    carry the configuration's digest. Where the scheduler adapts, decisions are taken after every evaluation.

    Raises:
        StaleNoiseError: the layout cannot give each batch the noise of its step, a batch was planned for another
            step, or a checkpoint was made under another configuration.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.args.remove_unused_columns:
            raise StaleNoiseError(
                "set TrainingArguments(remove_unused_columns=False): noise_step must reach the trainer"
            )
        self._asked = inspect.signature(self.model.forward).parameters
        self.add_callback(_Decide(self))

    def get_train_dataloader(self) -> Any:
        loader = super().get_train_dataloader()
        world = 1 if self.accelerator.split_batches else self.args.world_size
        check_layout(loader, self.args.gradient_accumulation_steps, world)
        return loader

    def _get_train_sampler(self, train_dataset: Any = None) -> StepSampler:
        args = self.args
        processes = 1 if self.accelerator.split_batches else args.world_size
        return StepSampler(
            len(self.train_dataset),
            global_batch=self._train_batch_size * args.gradient_accumulation_steps * processes,
            seed=args.seed if args.data_seed is None else args.data_seed,
            drop_last=args.dataloader_drop_last,
            rank=0,
            world=1,  # accelerate deals out whole batches
        )

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        check_step(inputs, self.state.global_step, self.train_dataset)
        asked = {name: value for name, value in inputs.items() if name not in _OURS or name in self._asked}
        return super().training_step(model, asked, num_items_in_batch)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
            temporary = folder / f".{_STATE_FILE}"
            temporary.write_text(json.dumps(state_of(self.train_dataset, self.state.global_step)), encoding="utf-8")
            temporary.replace(folder / _STATE_FILE)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        file = Path(resume_from_checkpoint) / _STATE_FILE
        if not file.exists():
            raise StaleNoiseError(
                f"{resume_from_checkpoint} has no {_STATE_FILE}: it was not saved by ScheduledTrainer"
            )
        check_state(self.train_dataset, json.loads(file.read_text(encoding="utf-8")))
        super()._load_from_checkpoint(resume_from_checkpoint, model)


class _Decide(_transformers.TrainerCallback):  # type: ignore[misc,name-defined]
    """Tells the metrics of every evaluation to adaptive schedules."""

    def __init__(self, trainer: ScheduledTrainer) -> None:
        self.trainer = trainer

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, Any], **kwargs: Any) -> None:
        feedback = getattr(self.trainer.train_dataset, "feedback", None)
        if feedback is not None:
            feedback.update(metrics, step=state.global_step)
