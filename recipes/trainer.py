"""What all training loops share: optimiser, kept weights, early stopping, and the machine that they run on.

A loop keeps the weights of the validation that is best so far; under `ema_decay` these are the weights' exponential
moving average, which is what is validated then. After `patience` validations in a row without a better one it ends; its
learning rate falls as if it went on. Seeds of ranks differ, so that they draw other dropout and latents.

Several devices are one process each (`other_ranks`), joined by DDP: gloo on CPUs, NCCL on GPUs. Every rank validates on
all validation data, so all keep the same weights, and a loss is the mean of the ranks' losses.

Public: `TrainerSettings`, `CPU`, `Training`, `TrainingError`, `Predictions`, `Fitted`, `fit`, `other_ranks`,
`LOG_EVERY`.
References: Loshchilov and Hutter, ICLR 2019 (AdamW); Polyak and Juditsky, SIAM J. Control Optim. 30(4), 1992
(averaging).
"""

from __future__ import annotations

import copy
import logging
import math
import multiprocessing
import os
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from models.seeding import seeded
from recipes.jobs import Report, die_with
from recipes.task import Task

LOG_EVERY = 10
"""Steps from one line of the curves to the next."""


@dataclass(frozen=True)
class TrainerSettings:
    """Where and how networks are trained; raises ValueError for what this machine cannot do."""

    accelerator: Literal["cpu", "gpu", "auto"] = "cpu"
    """auto: a GPU where torch sees one."""
    devices: int = 1
    """Processes with a CPU or GPU each, one training together."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """Of the encoders; a fusion and all losses are computed in 32 bits."""
    compile: bool = False
    """Compile the encoders of audio and video, which takes about a minute."""
    patience: int = 0
    """Validations without a better one that end a training; 0 for none."""

    def __post_init__(self) -> None:
        if self.devices < 1 or self.patience < 0:
            raise ValueError(f"devices must be ≥ 1 and patience ≥ 0, not {self.devices} and {self.patience}")
        gpus = torch.cuda.device_count()
        if self.accelerator == "gpu" and not gpus:
            raise ValueError(
                "accelerator 'gpu': torch sees no GPU here; set 'cpu', or 'auto' for a GPU if there is one"
            )
        if self.on_gpu and self.devices > gpus:
            raise ValueError(f"devices = {self.devices}: torch sees {gpus} GPUs here")
        if self.precision == "16-mixed" and not self.on_gpu:
            raise ValueError("precision '16-mixed' needs a GPU; 'bf16-mixed' does without one")
        if self.compile and not shutil.which(os.environ.get("CXX", "g++")):
            raise ValueError("compile needs a C++ compiler: install g++, or name one in CXX")

    @property
    def on_gpu(self) -> bool:
        """Whether GPUs are used."""
        return self.accelerator == "gpu" or (self.accelerator == "auto" and torch.cuda.is_available())


CPU = TrainerSettings()


class TrainingError(ValueError):
    """A training came to nothing; the message names it and the remedy."""


class Fitted(NamedTuple):
    """What a training came to."""

    score: float
    """Of the kept weights on validation data, higher is better."""
    steps: int
    """Optimiser steps done."""


class Training(lightning.LightningModule):
    """What all loops share: AdamW with a cosine schedule, and the best weights by validation."""

    fused: bool = False
    """One kernel for all weights, which pays where a step is short."""
    best_score: float = -math.inf

    def __init__(
        self, steps: int, learning_rate: float, weight_decay: float, ema_decay: float = 0.0, patience: int = 0
    ) -> None:
        super().__init__()
        self.steps, self.learning_rate, self.weight_decay = steps, learning_rate, weight_decay
        self.ema_decay, self.patience = ema_decay, patience
        self._averages: list[tuple[AveragedModel, nn.Module]] = []
        self._stale = 0
        self.best_state: dict[str, Tensor] = {}

    def trained(self) -> nn.Module:
        """The module whose weights are trained."""
        raise NotImplementedError

    def beside(self) -> list[nn.Module]:
        """Modules that are no part of the trained one and have to be on its device."""
        return [average for average, _ in self._averages]

    def averaged(self, module: nn.Module) -> nn.Module:
        """What is validated and kept of a module: the average of its weights, or itself where there is no EMA."""
        if not self.ema_decay:
            return module
        average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(self.ema_decay)).eval()  # type: ignore[no-untyped-call]
        self._averages.append((average, module))
        return average.module

    def configure_optimizers(self) -> Any:
        parameters = [p for p in self.trained().parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=self.fused
        )
        cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_up_and_cosine(step / self.steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}

    def on_train_start(self) -> None:
        for module in self.beside():
            module.to(self.device)

    def on_train_batch_end(self, *_: Any) -> None:
        for average, module in self._averages:
            average.update_parameters(module)

    def on_train_end(self) -> None:
        for module in self.beside():
            module.cpu()

    def select(self, score: float, module: nn.Module) -> None:
        """Keep the module's weights if `score` is the best so far; end the training if it is not for too long."""
        self.log("validation", score, on_epoch=True)
        if score > self.best_score:
            self.best_score, self.best_state, self._stale = score, copy.deepcopy(module.state_dict()), 0
        else:
            self._stale += 1
        if self.patience:
            stop = self._stale >= self.patience
            self.trainer.should_stop = self.trainer.strategy.reduce_boolean_decision(stop, all=False)


class Predictions:
    """Outputs and labels of an epoch of validation, until they are scored."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.outputs: list[Tensor] = []
        self.labels: list[Tensor] = []

    def update(self, outputs: Tensor, labels: Tensor) -> None:
        self.outputs.append(outputs.float().cpu())
        self.labels.append(labels.cpu())

    def score(self) -> float:
        """How good the epoch is by the task's selection, 0 where there was nothing to score; then empty again."""
        outputs, labels = torch.cat(self.outputs).numpy(), torch.cat(self.labels).numpy()
        self.outputs, self.labels = [], []
        return self.task.select(outputs, labels) if len(labels) else 0.0


def fit(
    training: Training,
    train: DataLoader[Any],
    validation: DataLoader[Any] | Sequence[DataLoader[Any]] | None,
    epochs: int,
    seed: int,
    log: Path,
    report: Report,
    *callbacks: lightning.Callback,
    settings: TrainerSettings = CPU,
) -> Fitted:
    """Run a loop; the best weights are then in `training.best_state`, the module itself has the last.

    Raises:
        TrainingError: no validation gave a number, or the weights are not finite.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    rank = int(os.environ["LOCAL_RANK"]) if settings.devices > 1 else 0
    with warnings.catch_warnings(), seeded(seed + rank), _seeded_gpus(seed + rank, settings):
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*(num_workers|log_every_n_steps|litlogger|LeafSpec).*")
        trainer = lightning.Trainer(
            accelerator="cuda" if settings.on_gpu else "cpu",
            devices=settings.devices,
            strategy=DDPStrategy(find_unused_parameters=True) if settings.devices > 1 else "auto",
            use_distributed_sampler=False,  # `StepSampler` shards by itself
            precision=settings.precision,
            max_epochs=epochs,
            gradient_clip_val=1.0,
            logger=TensorBoardLogger(log.parent, name=log.name, version=""),
            callbacks=[_Progress(report, training.steps), *callbacks],
            log_every_n_steps=LOG_EVERY,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
        )
        trainer.fit(training, train, validation)
    kept = training.best_state
    if not kept or not all(weight.isfinite().all() for weight in kept.values()):
        where = "/".join(log.parts[log.parts.index("tensorboard") + 1 :]) if "tensorboard" in log.parts else log.name
        raise TrainingError(f"the training of {where} diverged: lower learning_rate of its part and give another --out")
    return Fitted(training.best_score, trainer.global_step)


@contextmanager
def other_ranks(function: Callable[..., Any], *arguments: Any, devices: int) -> Iterator[None]:
    """Run ``function(*arguments)`` in the processes of ranks 1 to `devices` − 1; the body does the same as rank 0.

    What is called in all of them must call `fit` equally often. Function and arguments are pickled for the processes.

    Raises:
        RuntimeError: a rank failed; it has said why on stderr.
    """
    if devices == 1:
        yield
        return
    before = dict(os.environ)
    context = multiprocessing.get_context("spawn")
    ranks = [context.Process(target=_run_rank, args=(os.getpid(), function, arguments)) for _ in range(devices - 1)]
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(find_free_network_port()),
        "NODE_RANK": "0",
        "WORLD_SIZE": str(devices),
        "OMP_NUM_THREADS": str(torch.get_num_threads()),  # else Lightning takes all cores
    }
    try:
        for number, process in enumerate(ranks, 1):
            os.environ["LOCAL_RANK"] = str(number)
            process.start()
        os.environ["LOCAL_RANK"] = "0"
        yield
        for process in ranks:
            process.join()
        if any(process.exitcode for process in ranks):
            raise RuntimeError(f"a process of a training on {devices} devices failed; see above")
    finally:
        for process in ranks:
            if process.is_alive():
                process.terminate()
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        os.environ.clear()
        os.environ |= before


def _run_rank(parent: int, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    threading.Thread(target=die_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    function(*arguments)


@contextmanager
def _seeded_gpus(seed: int, settings: TrainerSettings) -> Iterator[None]:
    """The same as `models.seeding.seeded` for the generators of GPUs, where they are used."""
    with ExitStack() as stack:
        if settings.on_gpu:
            stack.enter_context(torch.random.fork_rng(devices=range(settings.devices)))
            torch.cuda.manual_seed_all(seed)
        yield


def _warm_up_and_cosine(progress: float) -> float:
    """Factor of the learning rate: a linear rise over the first fifth of a training, then a cosine to 0.02."""
    return min(1.0, 0.01 + 5 * progress) * (0.02 + 0.49 * (1 + math.cos(math.pi * min(1.0, progress))))


class _Progress(lightning.Callback):
    """Tells the recipe how far a loop is."""

    def __init__(self, report: Report, steps: int) -> None:
        self.report, self.steps = report, steps

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self.report(trainer.global_step, self.steps)
