"""What an image, a clip, a wave, a sentence and a feature sequence are; checked once, at the edge.

| kind    | shape                                  | dtype   | context                  |
|---------|----------------------------------------|---------|--------------------------|
| image   | (H, W, C), C = 3 (RGB) or 1            | uint8   |                          |
| video   | (T, H, W, C)                           | uint8   | `fps`, Hz; `first_frame` |
| audio   | (samples,) or (channels, samples)      | float32 | `sample_rate`, Hz        |
| text    | str                                    |         |                          |
| feature | (T, D)                                 | float32 |                          |

Noises of kind ``image`` take images and video. Audio is nominally in [-1, 1]; nothing clips it unless that
is the noise.

Public: `check`, `SampleError`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


class SampleError(ValueError):
    """A sample is not what its kind asks for; the message names the fault and the remedy."""


def check(kind: str, x: Any, context: Mapping[str, Any], name: str = "") -> None:
    """Raise `SampleError` unless `x` is a well-formed sample of `kind` (see the module's table).

    Args:
        kind: one of `noise_scheduler.registry.KINDS`.
        x: the sample.
        context: `sample_rate` for audio, `fps` and `first_frame` for video; other keys are ignored.
        name: what to call the sample in the message, for example the modality's name.
    """
    where = f"{name}: " if name else ""
    if kind == "text":
        if not isinstance(x, str):
            raise SampleError(f"{where}text must be a str, not {type(x).__name__}")
        return
    if not isinstance(x, np.ndarray):
        raise SampleError(f"{where}{kind} must be a numpy array, not {type(x).__name__}; use numpy.asarray")
    if x.size == 0:
        raise SampleError(f"{where}{kind} is empty (shape {x.shape}); leave absent modalities out of the sample")
    if kind in ("image", "video"):
        _check_pixels(kind, x, context, where)
    elif kind == "audio":
        _check_audio(x, context, where)
    else:
        _check_feature(x, where)


def _check_pixels(kind: str, x: np.ndarray, context: Mapping[str, Any], where: str) -> None:
    if x.dtype != np.uint8:
        raise SampleError(f"{where}{kind} must be uint8 in 0..255, not {x.dtype}; scale and round it first")
    dimensions = (4,) if kind == "video" else (3, 4)
    if x.ndim not in dimensions or x.shape[-1] not in (1, 3):
        layouts = "(T, H, W, C)" if kind == "video" else "(H, W, C), or (T, H, W, C) for video,"
        raise SampleError(
            f"{where}{kind} must have shape {layouts} with C = 3 (RGB) or 1 (grey), not {x.shape}; "
            "add a last axis to a grey picture, move channels last"
        )
    if "fps" in context:
        _check_rate("fps", context["fps"], where, "frames per second of the clip")
    first_frame = context.get("first_frame", 0)
    if isinstance(first_frame, bool) or not isinstance(first_frame, int | np.integer) or first_frame < 0:
        raise SampleError(
            f"{where}first_frame must be an integer ≥ 0 (the number of the clip's first frame), not {first_frame!r}"
        )


def _check_audio(x: np.ndarray, context: Mapping[str, Any], where: str) -> None:
    if x.dtype != np.float32:
        raise SampleError(f"{where}audio must be float32, nominally in [-1, 1], not {x.dtype}; convert it first")
    if x.ndim not in (1, 2):
        raise SampleError(f"{where}audio must have shape (samples,) or (channels, samples), not {x.shape}")
    if x.ndim == 2 and x.shape[0] > 64 and x.shape[0] > x.shape[1]:
        raise SampleError(f"{where}audio of shape {x.shape} seems to be (samples, channels); transpose it")
    if not _all_finite(x):
        raise SampleError(f"{where}audio holds NaN or infinite samples; repair or drop the recording")
    if "sample_rate" not in context:
        raise SampleError(f"{where}audio needs its sample_rate in Hz beside it")
    _check_rate("sample_rate", context["sample_rate"], where, "samples per second")


def _check_feature(x: np.ndarray, where: str) -> None:
    if x.dtype != np.float32:
        raise SampleError(f"{where}feature must be float32, not {x.dtype}; convert it first")
    if x.ndim != 2:
        raise SampleError(f"{where}feature must have shape (T, D), not {x.shape}")
    if not _all_finite(x):
        raise SampleError(f"{where}feature holds NaN or infinite values; repair or drop the sample")


def _all_finite(x: np.ndarray) -> bool:
    """Whether no value is NaN or infinite: the sum of squares is finite then, unless it overflows."""
    flat = x.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.dot(flat, flat)
    return math.isfinite(squares) or bool(np.isfinite(x).all())


def _check_rate(name: str, value: Any, where: str, meaning: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
        raise SampleError(f"{where}{name} must be a positive number ({meaning}), not {value!r}")
