"""What online noise costs in end-to-end training: the same steps on noisy and on clean raw utterances, in turn.

    python -m benchmarks.training [--data data/demo] [--cache runs/cache] [--rounds 16]

Takes about five minutes on two cores; writes benchmarks/results/training.json and prints a table. A step is that of the
fine-tuning of the IEMOCAP recipe, on its noise and corpus: NMER on the encoders for raw data, a batch of 32, forward,
loss, backward, clipping and AdamW on one thread, as in the recipe's processes, while two workers load, corrupt and
collate. A round is `STEPS` steps with an empty loader at the start and at the end, noisy and clean on the same
utterances; rounds go through the whole schedule. Its ratio is noisy to clean; the figure is the median of the ratios.

Beside it stands what a worker spends on an utterance: reading it, and each noise of the schedule, at its levels.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch.utils.data import DataLoader, Dataset

import models
import noise_scheduler as ns
from benchmarks.measure import alternate, write
from models.batch import MODALITIES, collate
from models.losses import student_loss
from noise_scheduler.registry import name_of
from noise_scheduler.torch_data import StepSampler, decode
from recipes import iemocap, settings
from recipes.corpora import cache as raw_cache
from recipes.corpora.cache import Cache
from recipes.raw.online import Rows, collate_rows, online_loader
from recipes.raw.settings import RawSettings

BATCH, STEPS, WORKERS = 32, 8, 2


class _Clean(Dataset[dict[str, Any]]):
    """The utterances of `Rows` without noise, under the sampler's indices."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, code: int) -> dict[str, Any]:
        index, step = decode(code)
        return {**self.rows[index], "noise_step": step, "levels": torch.zeros(len(MODALITIES))}


def training_step() -> Callable[[Any], None]:
    """A step of training on a batch of the loaders."""
    model = models.create("nmer", classes=iemocap.RECIPE.task.outputs, seed=0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    generator = torch.Generator().manual_seed(0)

    def step(batch: Any) -> None:
        optimizer.zero_grad()
        loss = student_loss(model.fusion, model(batch[0], generator=generator), None, batch[0].label).total
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def compare(cache: Cache, configured: RawSettings, rounds: int) -> dict[str, Any]:
    """Milliseconds of a step, noisy and clean, and the ratio in each round."""
    rows = np.arange(len(cache))
    sampler = StepSampler(len(rows), global_batch=BATCH, seed=0)
    scheduler = configured.scheduler(seed=0, total_steps=(rounds + 1) * sampler.steps_per_epoch)
    codes: list[int] = []  # of the round; both loaders look here
    loaders = {
        "noisy": online_loader(cache, rows, scheduler, batch_size=BATCH, sampler=codes, workers=WORKERS),
        "clean": DataLoader(
            _Clean(Rows(cache, rows)),
            batch_size=BATCH,
            sampler=codes,
            collate_fn=partial(collate_rows, modalities=MODALITIES),
            num_workers=WORKERS,
            multiprocessing_context="spawn",
            persistent_workers=True,
        ),
    }
    step = training_step()

    def run(loader: Iterable[Any]) -> None:
        for batch in loader:
            step(batch)

    ms: dict[str, list[float]] = {name: [] for name in loaders}
    for number in track(range(rounds + 1), "rounds"):
        sampler.set_epoch(number)
        codes[:] = list(sampler)[: STEPS * BATCH]
        for name in sorted(loaders, reverse=bool(number % 2)):
            started = time.perf_counter()
            run(loaders[name])
            if number:  # the first round starts the workers
                ms[name].append(1e3 * (time.perf_counter() - started) / STEPS)
    ratios = [noisy / clean for noisy, clean in zip(ms["noisy"], ms["clean"], strict=True)]
    lower, median, upper = statistics.quantiles(ratios, n=4)
    return {
        "noisy_ms": statistics.median(ms["noisy"]),
        "clean_ms": statistics.median(ms["clean"]),
        "ratio": median,
        "ratio_quartiles": [lower, upper],
        "rounds": rounds,
    }


def costs(cache: Cache, configured: RawSettings) -> dict[str, Any]:
    """Milliseconds of a worker on an utterance, and of a step alone on an utterance of its batch."""
    samples = [cache[row] for row in range(0, len(cache), len(cache) // 64)][:64]
    whole = configured.scheduler(seed=0, total_steps=1000)

    def apply(scheduler: ns.NoiseScheduler) -> None:
        for number, sample in enumerate(samples):
            scheduler(sample, id=sample["id"], step=1000 * number // len(samples))

    single = {
        name_of(noise): ns.NoiseScheduler(
            {modality: noise}, level=whole.level, condition=ns.fixed((modality,)), total_steps=1000
        )
        for modality, mixture in whole.noises.items()
        for noise in mixture.noises
    }
    labelled = [
        {**sample, "row": 0, "noise_step": 0, "levels": torch.zeros(len(MODALITIES))} for sample in samples[:BATCH]
    ]
    batch, step = collate_rows(labelled, MODALITIES), training_step()
    calls: dict[str, Callable[[], Any]] = {
        "read": lambda: [cache[row] for row in range(len(samples))],
        "schedule": partial(apply, whole),
        **{name: partial(apply, scheduler) for name, scheduler in single.items()},
    }
    beside: dict[str, Callable[[], Any]] = {"collate": lambda: collate(labelled), "step": lambda: step(batch)}
    found = {name: statistics.median(times) / len(samples) for name, times in alternate(calls, rounds=5).items()}
    found |= {name: statistics.median(times) / BATCH for name, times in alternate(beside, rounds=5).items()}
    return {name: 1e3 * seconds for name, seconds in found.items()}


def table(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    lines = ["| per utterance | ms |", "|---|---|"]
    lines += [f"| {name} | {ms:.2f} |" for name, ms in figures["utterance_ms"].items()]
    return "\n".join([sentence(figures), "", *lines])


def sentence(figures: Mapping[str, Any]) -> str:
    """What a step costs, in a sentence."""
    step = figures["step"]
    low, high = step["ratio_quartiles"]
    return (
        f"A step on a batch of {BATCH} raw utterances under the IEMOCAP recipe's schedule takes {step['ratio']:.2f} "
        f"times as long as on clean ones (quartiles {low:.2f} and {high:.2f} over {step['rounds']} rounds; "
        f"{step['noisy_ms']:.0f} and {step['clean_ms']:.0f} ms), with {WORKERS} workers on two cores."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=iemocap.RECIPE.demo_folder)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--rounds", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(1)
    configured = settings.load(RawSettings, iemocap.RECIPE.config)
    iemocap.RECIPE.demo(options.data)
    data = configured.data
    cache = raw_cache.build(iemocap.RECIPE.read(options.data), options.cache, frames=data.frames, size=data.frame_size)
    figures = {"step": compare(cache, configured, options.rounds), "utterance_ms": costs(cache, configured)}
    print(write("training", figures, packages=("lightning", "opencv-python-headless", "scipy")))
    print(table(figures))


if __name__ == "__main__":
    main()
