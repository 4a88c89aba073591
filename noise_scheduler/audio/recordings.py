"""A folder of recordings as a source of sound: listed once, read when drawn, resampled, kept in a bounded cache.

Recordings are WAV, FLAC or OGG files, found in the folder and below it, in the order of their names. They are read in
parts of up to a minute, so that a long one costs no more than what is drawn from it. What a noise makes of a part (a
loop, a single event, an impulse response) is kept in a cache that all noises of the process share, of which the least
recently used is dropped first.

Public: `recordings`, `check_folder`, `parts`, `kept`, `Stretch`, `draw_stretch`, `loop`, `seamless`, `mono`,
`listed`, `broken`.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..extras import need
from .resampling import resampled
from .speech_level import active_power, energy

Wave = npt.NDArray[np.float32]

SUFFIXES = (".wav", ".flac", ".ogg")
_PART_S = 60.0
_CROSSFADE_S = 0.02
_CACHE_BYTES = 128 * 2**20
_LISTED = 8


def check_folder(folder: str) -> None:
    """Raise `ValueError` unless `folder` can be the name of a folder; it is looked into when first drawn from."""
    if not isinstance(folder, str):
        raise ValueError(f"folder must be the path of a folder of recordings, or '' for none, not {folder!r}")


@lru_cache(maxsize=64)
def recordings(folder: str) -> tuple[Path, ...]:
    """The recordings in a folder and below it, sorted by name.

    Raises:
        ValueError: there is no such folder, or no recording in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(f"folder of recordings {folder!r} does not exist or is not a folder")
    named = [path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    found = [path for path in named if path.is_file()]
    if not found:
        raise ValueError(f"folder of recordings {folder!r} holds no {', '.join(SUFFIXES)} file")
    return tuple(sorted(found, key=lambda path: path.relative_to(root).as_posix()))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a recording."""

    wave: Wave
    """(samples,), free to be changed."""
    power: float
    """Mean power of the part of the recording that it is from."""
    active_power: float
    """Active speech power of that part after ITU-T P.56."""
    recording: str
    """Path of the recording below its folder."""
    start_s: float
    """Where in the recording the stretch begins, in seconds."""


def draw_stretch(folder: str, file: Path, samples: int, sample_rate: float, rng: np.random.Generator) -> Stretch:
    """A stretch of a recording of `folder` from a random point on; a shorter recording is looped without clicks."""
    count, part_s = parts(file)
    part = int(rng.integers(count))
    repeated, power, active = kept(file, part, float(sample_rate), loop)
    start = int(rng.integers(len(repeated)))
    wave = repeated.take(np.arange(start, start + samples), mode="wrap")
    return Stretch(wave, power, active, file.relative_to(folder).as_posix(), part * part_s + start / sample_rate)


@lru_cache(maxsize=1 << 14)
def parts(file: Path) -> tuple[int, float]:
    """How many parts a recording is read in, and how many seconds each of them has."""
    soundfile = need("soundfile", extra="audio")
    try:
        info = soundfile.info(str(file))
    except (soundfile.LibsndfileError, OSError) as error:
        raise broken(file, str(error)) from error
    duration_s = info.frames / info.samplerate
    count = max(1, round(duration_s / _PART_S))
    return count, duration_s / count


_Made = tuple[Any, ...]  # a wave and what is known of it
_cache: OrderedDict[tuple[Path, int, float, str], _Made] = OrderedDict()
_cache_lock = threading.Lock()


def kept(file: Path, part: int, sample_rate: float, make: Callable[[Path, Wave, float, float], _Made]) -> _Made:
    """What `make` makes of a part of a recording, from the cache where it is there.

    Args:
        file: the recording.
        part: which part of it, as counted by `parts`.
        sample_rate: the rate that is wanted, in Hz.
        make: a function of (file, frames, their native rate, wanted rate), frames being (samples, channels); its
            result is a tuple that begins with a wave.
    """
    key = (file, part, sample_rate, make.__qualname__)
    with _cache_lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    made = make(file, *_read(file, part), sample_rate)
    made[0].setflags(write=False)
    with _cache_lock:
        _cache[key] = made
        while len(_cache) > 1 and sum(other[0].nbytes for other in _cache.values()) > _CACHE_BYTES:
            _cache.popitem(last=False)
    return made


def loop(file: Path, frames: Wave, native_rate: float, sample_rate: float) -> tuple[Wave, float, float]:
    """A part of a recording in one channel as a seamless loop, its mean power and its active speech power."""
    wave = seamless(resampled(mono(file, frames), native_rate, sample_rate), sample_rate)
    return wave, energy(wave) / len(wave), active_power(wave, sample_rate)


def mono(file: Path, frames: Wave) -> Wave:
    """The mean over the channels of (samples, channels)."""
    wave: Wave = frames.mean(1)
    if not wave.any() and parts(file)[0] == 1:  # a silent stretch of a longer recording is fine: it adds nothing
        raise broken(file, "it is silent")
    return wave


def listed(names: Iterable[str]) -> str:
    """The names of what was drawn, each once, for the record; of more than eight, a digest stands for the others."""
    different = list(dict.fromkeys(names))
    first, others = different[:_LISTED], different[_LISTED:]
    if others:
        digest = hashlib.blake2b("\n".join(others).encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
        first.append(f"{len(others)} more ({digest})")
    return ", ".join(first)


def broken(file: Path, fault: str) -> ValueError:
    """The error that a recording cannot be used."""
    return ValueError(f"cannot use recording {str(file)!r}: {fault}; replace it or take it out of its folder")


def _read(file: Path, part: int) -> tuple[Wave, float]:
    """One part of a recording as (samples, channels), and its sample rate."""
    soundfile = need("soundfile", extra="audio")
    try:
        with soundfile.SoundFile(str(file)) as sound:
            native_rate = sound.samplerate
            length = round(parts(file)[1] * native_rate)
            sound.seek(part * length)
            frames: Wave = sound.read(length, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise broken(file, str(error)) from error
    if len(frames) == 0:
        raise broken(file, "it holds no samples")
    if not np.isfinite(frames).all():
        raise broken(file, "it holds NaN or infinite samples")
    return frames, native_rate


def seamless(wave: Wave, sample_rate: float) -> Wave:
    """The wave with its end faded into its beginning, so that it can be repeated; shorter by the crossfade."""
    fade = min(round(_CROSSFADE_S * sample_rate), len(wave) // 2)
    closed = wave[: len(wave) - fade].copy()
    turn = (np.arange(fade, dtype=np.float32) + np.float32(0.5)) * np.float32(math.pi / 2 / max(fade, 1))
    closed[:fade] = closed[:fade] * np.sin(turn) + wave[len(wave) - fade :] * np.cos(turn)
    return closed
