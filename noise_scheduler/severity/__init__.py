"""How much of a sample a noise has destroyed, from 0 (nothing) to 1 (all), on one scale for each modality.

| modality | measure |
|---|---|
| image | the share of local contrast, in five octave bands of luma, that the clean picture does not explain |
| video | the same, over frames and differences of consecutive frames |
| displacement, of both | (1 - share of the picture that is kept)², a place that is strained being kept in part |
| audio | 1 - NSIM, the structural similarity of the levels in 40 mel bands, loud frames counting most |
| time-aligned audio | 1 - share of the sound that is still heard x its similarity, hurried sound being kept in part |
| text | ½ (1 - chrF₄) + ½ (1 - token F1), the F-scores of character n-grams and of words |

What they are and where they come from is in `noise_scheduler.severity.pixels`, `noise_scheduler.severity.speech`,
`noise_scheduler.severity.time_code` and `noise_scheduler.severity.written`.

Public: `image`, `video`, `audio`, `text`, `displacement`, `ramps`, `against`, `trial`, `moves_pixels`, `moves_sound`,
`MEASURES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import sample
from ..registry import nearest
from .pixels import against_image, against_video, displacement, ramps
from .speech import against_audio
from .time_code import against_time_coded, time_coded
from .written import against_text

__all__ = [
    "MEASURES", "against", "audio", "displacement", "image", "moves_pixels", "moves_sound", "ramps", "text", "trial",
    "video",
]  # fmt: skip

Pixels = npt.NDArray[np.uint8]
Wave = npt.NDArray[np.float32]
Measure = Callable[[Any], float]


def image(clean: Pixels, noisy: Pixels) -> float:
    """Severity of a noisy picture.

    Args:
        clean, noisy: (H, W, C) uint8, C = 3 (RGB) or 1.

    Returns:
        In [0, 1]; 0 where the clean picture has no structure that could be lost.

    Raises:
        SampleError: one of them is no picture.
        ValueError: their shapes differ.
    """
    return against("image", clean)(noisy)


def video(clean: Pixels, noisy: Pixels) -> float:
    """Severity of a noisy clip; a frozen picture loses what moved.

    Args:
        clean, noisy: (T, H, W, C) uint8, C = 3 (RGB) or 1.

    Returns:
        In [0, 1]; 0 where the clean clip has neither structure nor movement.

    Raises:
        SampleError, ValueError: as `image`.
    """
    return against("video", clean)(noisy)


def audio(clean: Wave, noisy: Wave, *, sample_rate: float) -> float:
    """Severity of a noisy wave; its gain and polarity make no difference.

    Args:
        clean, noisy: (samples,) or (channels, samples) float32.
        sample_rate: of both, Hz.

    Returns:
        In [0, 1]; 0 where the clean wave is silent.

    Raises:
        SampleError: one of them is no wave.
        ValueError: their shapes differ.
    """
    return against("audio", clean, sample_rate=sample_rate)(noisy)


def text(clean: str, noisy: str) -> float:
    """Severity of a noisy text.

    Returns:
        In [0, 1]; 0 where the clean text is blank.

    Raises:
        SampleError: one of them is no text.
    """
    return against("text", clean)(noisy)


def trial(noise: Any, clean: Any, measure: Measure, **context: Any) -> tuple[Any, Measure]:
    """What a noise is run on to be measured, and what measures the result.

    Args:
        noise: from `noise_scheduler.build`.
        clean, measure: a sample, and the measure `against` it.
        context: `sample_rate` of audio; what else a sample comes with makes no difference.

    Returns:
        The two as they are; `ramps` in the sample's place and `displacement` for a noise that moves pixels; the wave
        with a time code as two channels more, and the measure of such, for a noise that moves sound.
    """
    if moves_pixels(noise):
        return ramps(clean.shape), displacement
    if moves_sound(noise):
        return time_coded(clean), against_time_coded(clean, sample_rate=float(context["sample_rate"]))
    return clean, measure


def moves_pixels(noise: Any) -> bool:
    """Whether a noise says that it is measured by `displacement`."""
    return bool(getattr(noise, "severity_measure", "") == "displacement")


def moves_sound(noise: Any) -> bool:
    """Whether a noise says that it is measured after alignment in time."""
    return bool(getattr(noise, "severity_measure", "") == "time_aligned")


def against(kind: str, clean: Any, **context: Any) -> Measure:
    """The measure of `kind` with its clean sample fixed, for many noisy versions of it: almost twice as fast.

    Args:
        kind: one of `MEASURES`.
        clean: a sample of that kind.
        context: `sample_rate` of audio; what else a sample comes with makes no difference.

    Returns:
        A function from a noisy sample of the same shape to its severity.

    Raises:
        ValueError: there is no measure for the kind.
        SampleError: `clean` is no sample of the kind.
    """
    if kind not in MEASURES:
        raise ValueError(f"no severity is defined for {kind!r}; {nearest(kind, MEASURES)}")
    sample.check(kind, clean, context, "clean")
    needed = {"sample_rate": context["sample_rate"]} if kind == "audio" else {}
    measure = MEASURES[kind](clean, **needed)

    def severity(noisy: Any) -> float:
        sample.check(kind, noisy, context, "noisy")
        if kind != "text" and noisy.shape != clean.shape:
            raise ValueError(f"clean and noisy {kind} must have one shape, not {clean.shape} and {noisy.shape}")
        return measure(noisy)

    return severity


MEASURES: dict[str, Callable[..., Measure]] = {
    "image": against_image,
    "video": against_video,
    "audio": against_audio,
    "text": against_text,
}
"""Kind of sample → the measure against a clean one."""
