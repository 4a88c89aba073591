"""One training with Lightning: ``python lightning_run.py CASE FOLDER`` on two processes, or `fit` in this one."""

import contextlib
import json
import logging
import sys
import warnings
from pathlib import Path

import lightning
import torch
from loader_runs import EPOCHS, GLOBAL_BATCH, SAMPLES, Corpus, id_of, map_loader, rows, scheduler
from torch.utils.data import DataLoader

from noise_scheduler.torch_data import Scheduled, StaleNoiseError, StepSampler
from noise_scheduler.torch_data.lightning import NoiseCallback


class Model(lightning.LightningModule):
    """Writes down what it is given."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.seen = []

    def training_step(self, batch, batch_idx):
        self.seen.append(rows(batch))
        return self.layer(torch.ones(1, 1)).sum()

    def validation_step(self, batch, batch_idx):
        self.log("accuracy", 0.9)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class Save(lightning.Callback):
    """Saves a checkpoint when a step is done, and stops there as a crash would."""

    def __init__(self, folder, step):
        self.file, self.step = folder / "at.ckpt", step

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.step and not self.file.exists():
            trainer.save_checkpoint(self.file)
            raise KeyboardInterrupt


def quiet_trainer(*callbacks, **arguments):
    """A trainer that says and saves nothing."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    settings = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": EPOCHS,
        "accumulate_grad_batches": 2,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "callbacks": list(callbacks),
    }
    return lightning.Trainer(**(settings | arguments))


def fit(loader, *, accumulate=2, checkpoint=None, callbacks=(), validate=False, guarded=None, **arguments):
    """Train; gives (rows of each micro-batch, trainer)."""
    trainer = quiet_trainer(
        NoiseCallback(guarded or loader), *callbacks, accumulate_grad_batches=accumulate,
        num_sanity_val_steps=2 if validate else 0, **arguments,
    )  # fmt: skip
    model = Model()
    held_out = DataLoader([torch.zeros(1)]) if validate else None
    with contextlib.suppress(SystemExit):  # Lightning's answer to KeyboardInterrupt
        trainer.fit(model, loader, held_out, ckpt_path=checkpoint, weights_only=False)
    return model.seen, trainer


def main(case, folder):
    layout = {"num_workers": 1}
    if case == "sharded":
        loader = map_loader(batch=2, **layout)
    elif case == "ragged":
        sampler = StepSampler(45, global_batch=GLOBAL_BATCH, seed=3, drop_last=False)
        loader = map_loader(batch=2, sampler=sampler, corpus=Corpus(45), **layout)
    elif case == "unsharded":
        sampler = StepSampler(SAMPLES, global_batch=GLOBAL_BATCH, seed=3, rank=0, world=1)
        loader = map_loader(batch=4, sampler=sampler)
    elif case == "batch_sampler":
        loader = map_loader(batch=2, batch_sampler=True)
    elif case == "wrong_global_batch":
        loader = map_loader(batch=4)
    elif case == "foreign":
        loader = DataLoader(Scheduled(Corpus(), scheduler(), id_of), batch_size=2)
    try:
        seen, trainer = fit(loader, devices=2, strategy="ddp")
        result = {"seen": seen}
        rank = trainer.global_rank
    except StaleNoiseError as error:
        result = {"error": str(error)}
        rank = torch.distributed.get_rank()
    (Path(folder) / f"{rank}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
