"""Lossy coding of pictures, done by the real codecs; every frame of a clip is coded for itself (motion JPEG).

Quality is an integer to the codecs. Between two integers one is drawn, with odds that make the mean exact: what is
rounded down after adding one even draw from [0, 1), the same in all frames, so that quality does not flicker. On a clip
quality drifts without inertia, as the rate control of an encoder lets it.

Public: `Jpeg`, `WebP`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, lerp, loglerp
from ..registry import register
from .drift import Held, check_time_constant, factors

_LOG_DRIFT = 0.25
_LONGEST_SIDE = {".jpg": 65500, ".webp": 16383}

Pixels = npt.NDArray[np.uint8]


@register("image/jpeg", stage="channel")
@dataclass(frozen=True, slots=True)
class Jpeg:
    """Code the picture as baseline JPEG with 4:2:0 chroma and decode it again.

    The quality falls along `quality_range`, from hardly visible to blocks of single colours. Level moves in equal
    ratios of the scale that the quality puts on the quantisation tables, 5000 / q percent below 50 and 200 − 2 q
    above. On a clip the scale drifts. Sides are at most 65,500 px. Achieved: `quality` and `bits_per_pixel`, the
    means over all frames given.
    Source: ITU-T T.81; quality as in the Independent JPEG Group's library.
    """

    quality_range: Range = (98.0, 1.0)
    """Quality (mild, extreme) of the IJG library, in [1, 99]."""
    time_constant_s: float | Held = 1.0
    """On a clip, seconds over which the quality stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("quality_range", self.quality_range, 1.0, 99.0, falling=True)
        check_time_constant(self.time_constant_s)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Code an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        mild, extreme = (_table_scale(end) for end in self.quality_range)
        scale, draw = loglerp((mild, extreme), level), rng.random()
        drift = _drift(rng, image, fps, first_frame, self.time_constant_s)
        qualities = [math.floor(_quality_of_scale(min(scale * factor, 5000.0)) + draw) for factor in drift]
        sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
        return _coded(image, ".jpg", [[cv2.IMWRITE_JPEG_QUALITY, quality, *sampling] for quality in qualities])


@register("image/webp", stage="channel")
@dataclass(frozen=True, slots=True)
class WebP:
    """Code the picture as lossy WebP, an intra frame of VP8, and decode it again: smeared texture, few block edges.

    The quality falls along `quality_range`; level moves in equal steps of the quantiser that belongs to it. Even the
    lowest quality leaves shapes and edges in place. On a clip the quantiser drifts. Sides are at most 16,383 px.
    Achieved: `quality` and `bits_per_pixel`, the means over all frames given.
    Source: RFC 9649 and RFC 6386; quality as in libwebp.
    """

    quality_range: Range = (100.0, 1.0)
    """Quality (mild, extreme) of libwebp, in [1, 100]."""
    time_constant_s: float | Held = 1.0
    """On a clip, seconds over which the quality stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("quality_range", self.quality_range, 1.0, 100.0, falling=True)
        check_time_constant(self.time_constant_s)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Code an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        mild, extreme = (_fineness(end) for end in self.quality_range)
        coarse, draw = 1 - lerp((mild, extreme), level), rng.random()
        coarsest = 1 - _fineness(1.0)
        drift = _drift(rng, image, fps, first_frame, self.time_constant_s)
        finenesses = [1 - min(coarse * factor, coarsest) for factor in drift]
        qualities = [max(1, math.floor(_quality_of_fineness(fineness) + draw)) for fineness in finenesses]
        return _coded(image, ".webp", [[cv2.IMWRITE_WEBP_QUALITY, quality] for quality in qualities])


def _drift(
    rng: np.random.Generator, image: Pixels, fps: float, first_frame: int, time_constant_s: float | Held
) -> list[float]:
    """A factor for every frame of a picture or clip."""
    frames = len(image) if image.ndim == 4 else 1
    drift: list[float] = factors(
        rng,
        frames,
        fps=fps,
        time_constant_s=time_constant_s,
        log_size=_LOG_DRIFT,
        first_frame=first_frame,
        inertia=False,
    ).tolist()
    return drift


def _coded(image: Pixels, suffix: str, options: list[list[int]]) -> tuple[Pixels, dict[str, float]]:
    """The picture or clip after coding and decoding with the options of each frame, of which the second is the quality.

    The dict is what was achieved.
    """
    cv2 = need("cv2", extra="image")
    frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
    height, width, channels = frames.shape[1:]
    if max(height, width) > _LONGEST_SIDE[suffix]:
        raise ValueError(f"{suffix[1:]} codes sides of at most {_LONGEST_SIDE[suffix]:,} px, not {height} × {width}")
    noisy = np.empty_like(frames)
    coded_bytes = 0
    for out, frame, chosen in zip(noisy, frames, options, strict=True):
        ordered = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) if channels == 3 else frame
        _, code = cv2.imencode(suffix, ordered, chosen)
        coded_bytes += code.size
        decoded = cv2.imdecode(code, cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE)
        if channels == 3:
            cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB, dst=out)
        else:
            out[...] = decoded.reshape(frame.shape)
    return noisy.reshape(image.shape), {
        "quality": sum(chosen[1] for chosen in options) / len(options),
        "bits_per_pixel": 8 * coded_bytes / (len(frames) * height * width),
    }


def _table_scale(quality: float) -> float:
    """Per cent by which the IJG library scales the quantisation tables of T.81, Annex K."""
    return 5000 / quality if quality < 50 else 200 - 2 * quality


def _quality_of_scale(scale: float) -> float:
    return 5000 / scale if scale > 100 else 100 - scale / 2


def _fineness(quality: float) -> float:
    """libwebp's 1 − quantiser index / 127 of a quality."""
    share = quality / 100
    return float((share * 2 / 3 if share < 0.75 else 2 * share - 1) ** (1 / 3))


def _quality_of_fineness(fineness: float) -> float:
    share = fineness**3
    return 100 * (1.5 * share if share < 0.5 else (share + 1) / 2)
