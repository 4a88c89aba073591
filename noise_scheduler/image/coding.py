"""Lossy coding of pictures, done by the real codecs; every frame of a clip is coded for itself (motion JPEG).

Quality is an integer to the codecs. Between two integers one is drawn, with odds that make the mean exact.

Public: `Jpeg`, `WebP`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, lerp, loglerp
from ..registry import register
from .rounding import stochastic_round

_LONGEST_SIDE = {".jpg": 65500, ".webp": 16383}

Pixels = npt.NDArray[np.uint8]


@register("image/jpeg", stage="channel")
@dataclass(frozen=True, slots=True)
class Jpeg:
    """Code the picture as baseline JPEG with 4:2:0 chroma and decode it again.

    The quality falls along `quality_range`, from hardly visible to blocks of single colours. Level moves in equal
    ratios of the scale that the quality puts on the quantisation tables, 5000 / q percent below 50 and 200 − 2 q
    above. Sides are at most 65,500 px. Achieved: `quality`, and `bits_per_pixel`, the mean over the frames.
    Source: ITU-T T.81; quality as in the Independent JPEG Group's library.
    """

    quality_range: Range = (95.0, 1.0)
    """Quality (mild, extreme) of the IJG library, in [1, 99]."""

    def __post_init__(self) -> None:
        check_range("quality_range", self.quality_range, 1.0, 99.0, falling=True)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Code an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        mild, extreme = (_table_scale(end) for end in self.quality_range)
        quality = stochastic_round(_quality_of_scale(loglerp((mild, extreme), level)), rng)
        sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
        noisy, bits_per_pixel = _coded(image, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality, *sampling])
        return noisy, {"quality": quality, "bits_per_pixel": bits_per_pixel}


@register("image/webp", stage="channel")
@dataclass(frozen=True, slots=True)
class WebP:
    """Code the picture as lossy WebP, an intra frame of VP8, and decode it again: smeared texture, few block edges.

    The quality falls along `quality_range`; level moves in equal steps of the quantiser that belongs to it. Even the
    lowest quality leaves shapes and edges in place. Sides are at most 16,383 px. Achieved: `quality`, and
    `bits_per_pixel`, the mean over the frames.
    Source: RFC 9649 and RFC 6386; quality as in libwebp.
    """

    quality_range: Range = (95.0, 1.0)
    """Quality (mild, extreme) of libwebp, in [1, 100]."""

    def __post_init__(self) -> None:
        check_range("quality_range", self.quality_range, 1.0, 100.0, falling=True)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Code an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        mild, extreme = (_fineness(end) for end in self.quality_range)
        quality = stochastic_round(_quality_of_fineness(lerp((mild, extreme), level)), rng)
        noisy, bits_per_pixel = _coded(image, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])
        return noisy, {"quality": quality, "bits_per_pixel": bits_per_pixel}


def _coded(image: Pixels, suffix: str, options: list[int]) -> tuple[Pixels, float]:
    """The picture or clip after coding and decoding, and its mean rate in bits per pixel."""
    cv2 = need("cv2", extra="image")
    frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
    height, width, channels = frames.shape[1:]
    if max(height, width) > _LONGEST_SIDE[suffix]:
        raise ValueError(f"{suffix[1:]} codes sides of at most {_LONGEST_SIDE[suffix]:,} px, not {height} × {width}")
    noisy = np.empty_like(frames)
    coded_bytes = 0
    for out, frame in zip(noisy, frames, strict=True):
        ordered = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) if channels == 3 else frame
        _, code = cv2.imencode(suffix, ordered, options)
        coded_bytes += code.size
        decoded = cv2.imdecode(code, cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE)
        if channels == 3:
            cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB, dst=decoded)
        out[...] = decoded.reshape(frame.shape)
    return noisy.reshape(image.shape), 8 * coded_bytes / (len(frames) * height * width)


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
