"""The contract of a noise, and the one place where a noise is run.

A noise is a frozen dataclass called as ``noise(x, level, rng, **context)``:

- `x` is a checked sample of the noise's kind (`noise_scheduler.sample`); it is never changed in place.
  A noise of kind ``image`` gets (H, W, C) or (T, H, W, C).
- `level` is the position in (0, 1] on the noise's own path, from mild to extreme. Level 0 is the identity; it is
  handled here, outside the noises, and so is calibration, which says what position a user's level means.
- `rng` is a `numpy.random.Generator`, the only source of randomness, not kept after the call.
- `context` is ``sample_rate=`` for audio; ``fps=`` (25 where none is known) and ``first_frame=`` for image and video;
  nothing for text and features, but ``heard=`` and ``sample_rate=`` for a noise that hears what it follows
  (`noise_scheduler.tied`). `first_frame` is the number of the clip's first frame in the whole recording: what is done
  to a frame depends on its number, so that a clip comes out the same bits whole or in pieces. Nothing is fitted to a
  clip as a whole, and the draws from `rng` do not depend on its length.
- A noise that shows earlier frames again has a method ``memory(fps) -> int``: how many frames before a frame its output
  depends on. A piece of a clip that begins with that many earlier frames, dropped from the result, comes out as in the
  whole; where there are fewer, the first one there is stands at the beginning.
- It returns the noisy sample, of the same shape and dtype, or a pair of it and a dict of achieved physical
  quantities such as ``{"snr_db": 11.9}``, which goes into the record.

Public: `Noise`, `run`, `corrupt`, `ContractError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import numpy as np

from . import registry, sample
from .calibration import kind_of, locate, resolve, usual
from .rng import key_of, stream
from .tied import followed, hears

Sample = TypeVar("Sample", np.ndarray, str)
Achieved = dict[str, float | str]


class Noise(Protocol):
    """Anything that can be called as the contract says."""

    def __call__(self, x: Any, level: float, rng: np.random.Generator, **context: Any) -> Any: ...


class ContractError(TypeError):
    """A noise broke the contract; the message names the noise and what it did."""


def corrupt(
    x: Sample,
    noise: str | Noise,
    *,
    level: float,
    seed: int = 0,
    id: str | int = 0,
    step: int = 0,
    sample_rate: float | None = None,
    fps: float | None = None,
    first_frame: int = 0,
    profile: str | None = None,
) -> Sample:
    """Apply one noise to one sample.

    Args:
        x: the sample; kinds, shapes and dtypes as in `noise_scheduler.sample`. Never changed in place.
        noise: a registered name, or a noise from `build`.
        level: how much, in [0, 1]; at 0 `x` itself is returned.
        seed, id, step: together they fix the noise's random stream.
        sample_rate: of audio, Hz.
        fps: frame rate of video, Hz.
        first_frame: number of the clip's first frame in the whole recording, where `x` is a piece of one.
        profile: what the level is measured on (`noise_scheduler.calibration`): a shipped name, the path of a
            profile, or ``"none"`` for the noise's own path; None for the usual one of this kind of sample.

    Returns:
        The noisy sample, of the shape and dtype of `x`.

    Raises:
        SampleError: `x` is not a sample of the noise's kind.
        ValueError: `level` is outside [0, 1], or the profile is for another kind of sample.
        KeyError: no noise or profile has that name.
    """
    built: Noise = registry.build(noise) if isinstance(noise, str) else noise
    name = registry.name_of(built)
    given = {"sample_rate": sample_rate, "fps": fps, "first_frame": first_frame}
    context = {name: value for name, value in given.items() if value is not None}
    profiles = usual() if profile is None else resolve({kind_of(name, x): profile})
    with stream(key_of(seed, id), step, name) as rng:
        noisy, _ = run(built, name, x, level, rng, context, profiles=profiles)
    return noisy  # type: ignore[no-any-return]


def run(
    noise: Noise,
    name: str,
    x: Any,
    level: float,
    rng: np.random.Generator,
    context: Mapping[str, Any],
    label: str = "",
    profiles: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Any, Achieved]:
    """Check the sample, run the noise, check what came back; gives (noisy sample, achieved quantities).

    The level goes through the curves of `profiles`; without any, it is the position on the noise's own path.
    """
    if not isinstance(level, int | float | np.floating) or not 0 <= level <= 1:
        raise ValueError(f"{name}: level must be a number in [0, 1], not {level!r}")
    kind = name.partition("/")[0]
    sample.check(kind, x, context, f"{label}: {name}" if label else name)
    if level == 0:
        return x, {}
    if "heard" not in context and hears(noise):
        raise ValueError(f"{name} hears the noisy {followed(noise)} of a sample: use it in a NoiseScheduler")
    position, scale = locate(profiles, name, noise, float(level), x)
    result = noise(x, position, rng, **_context_for(kind, context))
    noisy, achieved = result if isinstance(result, tuple) else (result, {})
    _check_result(name, x, noisy)
    return noisy, achieved | scale


def _context_for(kind: str, context: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "audio":
        return {"sample_rate": context["sample_rate"]}
    if kind in ("image", "video"):
        return {"fps": float(context.get("fps", 25.0)), "first_frame": int(context.get("first_frame", 0))}
    return {name: context[name] for name in ("heard", "sample_rate") if "heard" in context}


def _check_result(name: str, x: Any, noisy: Any) -> None:
    if isinstance(x, str):
        if not isinstance(noisy, str):
            raise ContractError(f"{name} returned {type(noisy).__name__} for a str")
    elif not isinstance(noisy, np.ndarray) or noisy.shape != x.shape or noisy.dtype != x.dtype:
        got = f"{noisy.dtype} {noisy.shape}" if isinstance(noisy, np.ndarray) else type(noisy).__name__
        raise ContractError(f"{name} returned {got} for {x.dtype} {x.shape}; shape and dtype must be kept")
