"""Wrapped transforms of waves: audiomentations, torchaudio, torch-audiomentations, and modules of torch.

A wave goes to audiomentations as (samples,) or (channels, samples), to torchaudio and other modules of torch as a
(channels, samples) tensor, to torch-audiomentations as (1, channels, samples). A transform that takes one channel only
gets the channels one by one, and draws the same for each of them. Many transforms fail on a few samples: a wave of less
than a tenth of a second goes in with silence behind it, and what comes out is cut to its length.

Public: `call`, `LIBRARIES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..contract import ContractError
from ..rng import stream
from .libraries import Libraries, Run, of_tensor, prepared

Wave = npt.NDArray[np.float32]

_LEAST_S = 0.1


def call(name: str, *, takes_rate: bool, blend: Callable[[float], float] | None) -> Callable[..., Any]:
    """The method ``__call__`` of a wrapped noise of waves; where `takes_rate`, a transform is made for a rate."""

    def transform_wave(
        self: Any, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float | str]]:
        """Transform a wave (samples,) or (channels, samples), float32."""
        rate = int(sample_rate) if sample_rate == int(sample_rate) else sample_rate
        run, library = prepared(LIBRARIES, self, name, level, *((rate,) if takes_rate else ()))
        given = _long_enough(wave, math.ceil(_LEAST_S * rate))
        noisy = np.asarray(run(given, rng, rate))
        if noisy.shape != given.shape or noisy.dtype.kind != "f":
            raise ContractError(
                f"{name}: the transform made {noisy.dtype} {noisy.shape} of float32 {given.shape}; a noise keeps "
                "length and channels: leave trimming, padding and other sample rates to the data set, let a stretch "
                "leave the length unchanged, and end with floats"
            )
        if not np.isfinite(noisy).all():
            raise ValueError(f"{name}: the transform made samples that are not finite")
        noisy = noisy[..., : wave.shape[-1]]
        share = 1.0 if blend is None else float(blend(level))
        mixed = noisy if share >= 1 else wave * np.float32(1 - share) + noisy * np.float32(share)
        return np.ascontiguousarray(mixed, np.float32), {"library": library}

    return transform_wave


def _long_enough(wave: Wave, samples: int) -> Wave:
    missing = samples - wave.shape[-1]
    return np.pad(wave, [(0, 0)] * (wave.ndim - 1) + [(0, missing)]) if missing > 0 else wave


def _audiomentations(transform: Any) -> Run:
    from .global_random import drawing_from

    mixes = _takes_channels(transform)

    def run(wave: Wave, rng: np.random.Generator, sample_rate: float) -> npt.NDArray[Any]:
        channels = wave.reshape(-1, wave.shape[-1])
        if mixes and len(channels) > 1:
            return np.asarray(transform(np.array(wave, order="C"), sample_rate))
        if len(channels) == 1:
            return np.asarray(transform(channels[0].copy(), sample_rate)).reshape(*wave.shape[:-1], -1)
        key = (int(rng.bit_generator.random_raw()), int(rng.bit_generator.random_raw()))
        made = []
        for channel in channels:
            with stream(key, 0, "channel") as generator, drawing_from(generator):
                made.append(np.asarray(transform(channel.copy(), sample_rate)))
        return np.stack(made)

    return run


def _takes_channels(transform: Any) -> bool:
    children = getattr(transform, "transforms", None)
    if isinstance(children, list | tuple):
        return all(_takes_channels(child) for child in children)
    return bool(getattr(transform, "supports_multichannel", True))


def _torch(transform: Any) -> Run:
    import torch

    def run(wave: Wave, rng: np.random.Generator, sample_rate: float) -> npt.NDArray[Any]:
        channels = torch.from_numpy(np.array(wave.reshape(-1, wave.shape[-1]), order="C"))
        made: npt.NDArray[Any] = of_tensor(transform, channels, rng, "a wave").numpy()
        return made.reshape(*wave.shape[:-1], -1) if made.ndim == 2 and len(made) == len(channels) else made

    return run


def _torch_audiomentations(transform: Any) -> Run:
    def on_batch(channels: Any, sample_rate: float) -> Any:
        made = transform(channels[None], sample_rate=sample_rate)
        return getattr(made, "samples", made)[0]  # an ObjectDict, or a tensor in older releases

    def run(wave: Wave, rng: np.random.Generator, sample_rate: float) -> npt.NDArray[Any]:
        return np.asarray(_torch(lambda channels: on_batch(channels, sample_rate))(wave, rng, sample_rate))

    return run


LIBRARIES: Libraries = {
    "audiomentations": _audiomentations,
    "torch_audiomentations": _torch_audiomentations,
    "torchaudio": _torch,
    "torch": _torch,
}
