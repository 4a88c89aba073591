"""One training with the Hugging Face Trainer: `train` in this process, or ``python huggingface_run.py CASE FOLDER``."""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1", TOKENIZERS_PARALLELISM="false")

import datasets
import numpy as np
import torch
import transformers
from accelerate import Accelerator
from loader_runs import EPOCHS, GLOBAL_BATCH, SAMPLES, Corpus, id_of, map_loader, rows, scheduler
from torch.utils.data import default_collate
from transformers import TrainingArguments

from noise_scheduler.torch_data import Guard, Scheduled, StepSampler
from noise_scheduler.torch_data.huggingface import ScheduledTrainer

transformers.logging.set_verbosity_error()
datasets.disable_progress_bars()


class Model(torch.nn.Module):
    """Writes down what it is given; asks for the levels, not for the step."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.given = set()

    def forward(self, audio, text, id, sample_rate, levels=None):
        self.given |= set(map(type, (audio, text, levels)))
        return {"loss": self.layer(torch.ones(1, 1)).sum()}


class Trainer(ScheduledTrainer):
    """Writes down the batches."""

    def training_step(self, model, inputs, num_items_in_batch=None):
        self.seen.append(rows(inputs))
        return super().training_step(model, inputs, num_items_in_batch)


def as_samples(batch):
    """The transform of a `datasets.Dataset`: numbers of Arrow as the arrays that noises take."""
    return batch | {"audio": [np.asarray(wave, np.float32) for wave in batch["audio"]]}


def corpus(samples=SAMPLES):
    """`Corpus` as a `datasets.Dataset`."""
    listed = [Corpus()[index] for index in range(samples)]
    columns = {name: [row[name] for row in listed] for name in listed[0]}
    return datasets.Dataset.from_dict(columns).with_transform(as_samples)


def train(
    *,
    noise=None,
    feedback=None,
    data=None,
    resume=None,
    out=None,
    batch=4,
    accumulate=2,
    evaluate=None,
    wrap=None,
    **more,
):
    """Train; gives (rows of each micro-batch, trainer)."""
    settings = {
        "num_train_epochs": EPOCHS,
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": accumulate,
        "data_seed": 3,
        "use_cpu": True,
        "report_to": [],
        "disable_tqdm": True,
        "save_strategy": "no",
        "dataloader_drop_last": True,
        "remove_unused_columns": False,
        "logging_strategy": "no",
        "label_names": ["sample_rate"],  # something that makes an evaluation report its loss
    }
    arguments = TrainingArguments(out or tempfile.mkdtemp(), **(settings | more))
    data = Scheduled(corpus() if data is None else data, noise or scheduler(), id_of, feedback=feedback)
    data = wrap(data) if wrap else data
    # the Trainer's own collator leaves strings out
    trainer = Trainer(Model(), arguments, train_dataset=data, eval_dataset=evaluate, data_collator=default_collate)
    trainer.seen = []
    trainer.train(resume_from_checkpoint=resume)
    return trainer.seen, trainer


def accelerated(batch):
    """The same with accelerate alone; gives the rows of each micro-batch."""
    accelerator = Accelerator(cpu=True)
    sampler = StepSampler(SAMPLES, global_batch=GLOBAL_BATCH, seed=3, rank=0, world=1)
    loader = accelerator.prepare(map_loader(sampler=sampler, batch=batch, num_workers=1))
    guard = Guard(loader, accumulate=2, world=accelerator.num_processes)
    seen = []
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        for micro in loader:
            guard.check(micro, len(seen) // 2)
            seen.append(rows(micro))
    guard.finish(len(seen) // 2)
    return seen


def main(case, folder):
    if case == "accelerate":
        seen = accelerated(batch=2)
    else:
        split = case == "split"
        seen, _ = train(batch=4 if split else 2, accelerator_config={"split_batches": split}, ddp_backend="gloo")
    (Path(folder) / f"{os.environ['RANK']}.json").write_text(json.dumps(seen))
    torch.distributed.barrier()
    os._exit(0)  # gloo may abort where one process is gone before the other has let go of it


if __name__ == "__main__":
    main(*sys.argv[1:])
