"""What scheduling costs: planning a sample, and a loader that schedules beside the same loader that does not.

    python -m benchmarks.scheduling

Takes about two minutes; writes benchmarks/results/scheduling.json and prints tables. The peer of the loader is
PyTorch's own ``DataLoader`` over the bare data set: utterances of 3 s of sound at 16 kHz, 8 face crops of 64 × 64 and
a sentence. They are decoded from FLAC and JPEG in memory, as a data set of files does, or copied from memory-mapped
arrays, as the IEMOCAP recipe reads its cache: the leanest data set there is. Noise is at level 0, so that what is
measured is scheduling alone.
"""

from __future__ import annotations

import io
import statistics
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile
import torch
from torch.utils.data import DataLoader

import noise_scheduler as ns
from benchmarks.measure import alternate, microseconds, write
from noise_scheduler.torch_data import Scheduled, StepSampler

SAMPLES, BATCH, ROUNDS = 1024, 32, 21
BESIDE = {"sample_rate": 16000, "fps": 12.5, "text": "I did not think that you would come back so soon"}
NOISES: dict[str, Any] = {
    "audio": {"audio/background": 3, "audio/reverb": 3, "audio/missing": 2},
    "video": ["image/motion_blur", "image/occlusion", "image/low_light"],
    "text": ["text/keyboard", "text/word_loss"],
}


class Mapped:
    """Utterances in memory-mapped arrays."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        np.save(folder / "audio.npy", rng.standard_normal((SAMPLES, 48000), dtype=np.float32))
        np.save(folder / "video.npy", rng.integers(0, 256, (SAMPLES, 8, 64, 64, 3), dtype=np.uint8))
        self.audio = np.load(folder / "audio.npy", mmap_mode="r")
        self.video = np.load(folder / "video.npy", mmap_mode="r")

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> dict[str, Any]:
        return BESIDE | {"audio": np.array(self.audio[index]), "video": np.array(self.video[index])}


class Decoded:
    """Utterances as FLAC and JPEG; a tone in noise and a smooth picture, which compress as speech and faces do."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        time_s = np.arange(48000) / 16000
        wave = 0.2 * np.sin(2 * np.pi * 200 * time_s) * np.sin(2 * np.pi * 3 * time_s) + 0.003 * rng.standard_normal(
            48000
        )
        flac = io.BytesIO()
        soundfile.write(flac, wave, 16000, format="FLAC")
        frame = cv2.resize(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), (64, 64), interpolation=cv2.INTER_CUBIC)
        self.flac, self.jpeg = flac.getvalue(), cv2.imencode(".jpg", frame)[1]

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> dict[str, Any]:
        wave, _ = soundfile.read(io.BytesIO(self.flac), dtype="float32")
        frames: list[Any] = [cv2.imdecode(self.jpeg, cv2.IMREAD_COLOR_RGB) for _ in range(8)]
        return BESIDE | {"audio": wave, "video": np.stack(frames)}


def scheduler(noises: dict[str, Any], level: Any, **more: Any) -> ns.NoiseScheduler:
    condition = ns.fixed(("audio", "video", "text"))
    return ns.NoiseScheduler(noises, level=level, condition=condition, total_steps=10**6, seed=7, **more)


def planning() -> dict[str, float]:
    """Microseconds per sample: clock → plan → record, all three modalities hit."""
    level = ns.uniform(0, ns.linear(0.2, 1.0, until="60%"))
    usual, clean = scheduler(NOISES, level), scheduler(NOISES, ns.linear(0, 1, since="50%"))
    mixtures = {modality: ns.mixture(noises, count=ns.choice([0, 1, 2])) for modality, noises in NOISES.items()}
    several = scheduler(mixtures, level, span=ns.uniform(0.3, 1))
    ids, step, fresh = [f"u{i}" for i in range(1024)], count(), count()
    records = [usual.plan(id, 1000) for id in ids]

    def plan(noise: ns.NoiseScheduler, samples: list[str], batch: int) -> None:
        for first in range(0, len(samples), batch):
            now = next(step)
            for id in samples[first : first + batch]:
                noise.plan(id, now)

    calls: dict[str, Callable[[], Any]] = {
        "batches of 32": lambda: plan(usual, ids, 32),
        "batches of 1": lambda: plan(usual, ids, 1),
        "batches of 32, ids not seen before": lambda: plan(usual, [f"n{next(fresh)}" for _ in ids], 32),
        "batches of 32, up to two noises and a span per modality": lambda: plan(several, ids, 32),
        "batches of 32, level 0": lambda: plan(clean, ids, 32),
        "record to JSON": lambda: [record.to_json() for record in records],
    }
    return {name: microseconds(call, len(ids)) for name, call in calls.items()}


def loading(kind: type[Mapped | Decoded], workers: int) -> dict[str, float]:
    """Samples per second of the loader at level 0 and of the bare loader, and the ratio of the two in each round."""
    with tempfile.TemporaryDirectory() as folder:
        utterances = kind(Path(folder))
        sampler = StepSampler(SAMPLES, global_batch=BATCH)
        order = [code & 0xFFFFFFFF for code in sampler]
        noisy = Scheduled(utterances, scheduler(NOISES, ns.linear(0, 1, since="50%")))
        layout: dict[str, Any] = {"batch_size": BATCH, "num_workers": workers, "persistent_workers": workers > 0}
        scheduled: DataLoader[Any] = DataLoader(noisy, sampler=sampler, **layout)
        bare: DataLoader[Any] = DataLoader(utterances, sampler=order, **layout)  # type: ignore[arg-type]
        seconds = alternate(
            {"scheduled": lambda: list(_shapes(scheduled)), "bare": lambda: list(_shapes(bare))}, rounds=ROUNDS
        )
    ratios = [bare_s / own_s for bare_s, own_s in zip(seconds["bare"], seconds["scheduled"], strict=True)]
    return {
        "scheduled, samples/s": SAMPLES / statistics.median(seconds["scheduled"]),
        "bare, samples/s": SAMPLES / statistics.median(seconds["bare"]),
        "ratio": statistics.median(ratios),
        "ratio, lower quartile": statistics.quantiles(ratios, n=4)[0],
    }


def main() -> None:
    torch.set_num_threads(1)
    plans = planning()
    loaders = {
        f"{kind.__name__.lower()}, {workers} workers": loading(kind, workers)
        for kind in (Decoded, Mapped)
        for workers in (0, 1, 2)
    }
    file = write("scheduling", {"planning_us": plans, "loading": loaders})
    print("| planning | µs per sample |\n|---|---|")
    for name, value in plans.items():
        print(f"| {name} | {value:.1f} |")
    print("\n| loader | at level 0, samples/s | bare, samples/s | ratio |\n|---|---|---|---|")
    for name, figures in loaders.items():
        print(
            f"| {name} | {figures['scheduled, samples/s']:.0f} | {figures['bare, samples/s']:.0f} | "
            f"{figures['ratio']:.3f} |"
        )
    print(f"\n{file}")


def _shapes(loader: DataLoader[Any]) -> Iterator[tuple[int, ...]]:
    for batch in loader:
        yield tuple(batch["audio"].shape)


if __name__ == "__main__":
    main()
