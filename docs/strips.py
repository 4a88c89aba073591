"""The samples that the catalogue of noises shows, and the strips of pictures made of them.

A strip of a picture shows the levels of `LEVELS` from left to right; that of a clip has a row for each of `ROWS` and
`SHOWN` frames in it; that of sound or of features shows spectrograms. Noises run on pictures of exactly the size shown,
so that no resampling softens their grain. Sound is the recording of `docs.sounds`.

Public: `LEVELS`, `SIDE`, `FIGURE_SIDE`, `Run`, `sample`, `noisy`, `curve_of`, `strip_of`, `clean_clip`, `webp`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from docs.sounds import speech
from noise_scheduler import registry
from noise_scheduler.calibration import DEFAULTS, Curve, profile_of
from noise_scheduler.contract import run
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import example_samples

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
ROWS = (0.5, 1.0)
SIDE = 128
FIGURE_SIDE = 224
"""Shorter side, in pixels, of the picture that figures are measured on."""
FRAMES, SHOWN, FPS = 50, slice(6, None, 9), 25.0

_PICTURE = Path(__file__).parent / "astronaut.webp"
_SEED = 8
_GAP = 4
_MOST_BYTES = 24_000
_QUALITIES = (72, 60, 48, 36, 24)
_WINDOW, _HOP, _BANDS = 512, 160, 64
_DYNAMIC_DB = 70.0

Pixels = npt.NDArray[np.uint8]
Doubles = npt.NDArray[np.float64]


class Run(NamedTuple):
    """What became of a sample."""

    sample: Any
    achieved: Mapping[str, float | str]


def sample(kind: str, side: int = SIDE) -> tuple[Any, dict[str, float]]:
    """The clean sample of a kind, and its context; `side` is that of a picture in pixels."""
    if kind == "image":
        return picture(side), {}
    if kind == "video":
        return clip(), {"fps": FPS}
    if kind == "audio":
        wave, sample_rate = speech()
        return wave, {"sample_rate": sample_rate}
    if kind == "feature":
        bands = log_mel(*speech(), _HOP)
        return ((bands - bands.mean()) / bands.std()).astype(np.float32), {}
    _, data, context = example_samples(kind)[0]
    return data, context


def noisy(name: str, level: float, *, profile: str | None = None, side: int = SIDE) -> Run:
    """A noise on the sample of its kind, one random stream for all levels.

    Args:
        name: of the noise.
        level: in [0, 1].
        profile: shipped name; None for the usual one of the kind.
        side: of a picture, pixels.
    """
    kind = name.partition("/")[0]
    data, context = sample(kind, side)
    used = profile or DEFAULTS.get(kind)
    profiles = {kind: used} if used and curve_of(name, used) else {}
    with stream(key_of(_SEED, "catalogue"), 0, name) as rng:
        return Run(*run(registry.build(name), name, data, level, rng, context, profiles=profiles))


def curve_of(name: str, profile: str) -> Curve | None:
    """The curve of a noise in a profile; None where it has none, or one of another version of the noise."""
    curve = profile_of(profile).curves.get(name)
    return curve if curve and curve.version == registry.version_of(name) else None


def strip_of(name: str) -> Pixels | None:
    """The strip of a noise, RGB; None for text."""
    kind = name.partition("/")[0]
    if kind == "text":
        return None
    if kind == "video":
        return stacked([row(list(noisy(name, level).sample[SHOWN])) for level in ROWS])
    results = [noisy(name, level).sample for level in LEVELS]
    if kind == "audio":
        _, sample_rate = speech()
        results = [log_mel(wave, sample_rate, len(wave) // SIDE) for wave in results]
    return row(results if kind == "image" else painted(results))


def clean_clip() -> Pixels:
    """The strip of the clip without noise."""
    return row(list(clip()[SHOWN]))


@cache
def picture(side: int) -> Pixels:
    """The astronaut, RGB, `side` pixels square."""
    whole = cv2.imread(str(_PICTURE))
    if whole is None:
        raise FileNotFoundError(f"{_PICTURE} is missing or cannot be read; restore it from the repository")
    small = np.asarray(cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA)[..., ::-1], np.uint8, "C")
    small.setflags(write=False)
    return small


@cache
def clip() -> Pixels:
    """Two seconds of a camera that pans over the astronaut, and a clock whose hand turns once in them."""
    scene = picture(SIDE + FRAMES)
    frames = []
    for number in range(FRAMES):
        place = np.array([[1, 0, -number], [0, 1, -0.4 * number]], np.float64)
        frame = cv2.warpAffine(scene, place, (SIDE, SIDE))
        angle = 2 * np.pi * number / FRAMES
        hand = (int(16 * (20 + 13 * np.sin(angle))), int(16 * (SIDE - 20 - 13 * np.cos(angle))))
        centre = (16 * 20, 16 * (SIDE - 20))
        cv2.circle(frame, centre, 16 * 17, (30, 30, 40), -1, cv2.LINE_AA, 4)
        cv2.circle(frame, centre, 16 * 15, (245, 245, 240), -1, cv2.LINE_AA, 4)
        cv2.line(frame, centre, hand, (200, 20, 20), 3, cv2.LINE_AA, 4)
        frames.append(frame)
    whole = np.stack(frames).astype(np.uint8, copy=False)
    whole.setflags(write=False)
    return whole


def log_mel(wave: npt.NDArray[np.float32], sample_rate: float, hop: int) -> Doubles:
    """Energy in dB, (frames, mel bands), a frame every `hop` samples."""
    starts = np.arange(0, len(wave) - _WINDOW + 1, hop)
    windows = wave[starts[:, None] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    energy = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, _BANDS + 2) / 2595) - 1) * _WINDOW / sample_rate
    bins = np.arange(energy.shape[1])
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.clip(np.minimum(rising, falling), 0, None)
    decibels: Doubles = 10 * np.log10(energy @ weights.T + 1e-9)
    return decibels


def painted(planes: list[Any]) -> list[Pixels]:
    """Planes (time, bands) in colour, all on the scale of the first one."""
    top, bottom = planes[0].max(), max(planes[0].min(), planes[0].max() - _DYNAMIC_DB)
    pictures = []
    for plane in planes:
        grey = np.clip(255 * (plane.T[::-1] - bottom) / (top - bottom), 0, 255).astype(np.uint8)
        large = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        pictures.append(np.asarray(cv2.applyColorMap(large, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8))
    return pictures


def row(pictures: list[Pixels]) -> Pixels:
    """Pictures side by side, white between them."""
    return _joined(pictures, 1)


def stacked(rows: list[Pixels]) -> Pixels:
    """Rows below each other, white between them."""
    return _joined(rows, 0)


def _joined(parts: list[Pixels], axis: int) -> Pixels:
    shape = list(parts[0].shape)
    shape[axis] = _GAP
    gap = np.full(shape, 255, np.uint8)
    return np.concatenate([piece for part in parts for piece in (gap, part)][1:], axis)


def webp(pixels: Pixels) -> bytes:
    """The file of a picture, at the best quality that keeps it small."""
    for quality in _QUALITIES:
        ok, data = cv2.imencode(".webp", pixels[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
        if not ok:
            raise ValueError(f"a picture of {pixels.shape} cannot be coded as WebP")
        if data.size <= _MOST_BYTES:
            break
    coded: bytes = data.tobytes()
    return coded
