"""Wrong colours: a camera balanced for another light than the one that shines.

Public: `ColourCast`, `planckian_rgb`, `DAYLIGHT_K`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..path import Range, check_range, fade_in, lerp
from ..registry import register
from .byte_table import map_greys
from .drift import Held, check_time_constant, factors
from .low_light import LINEAR_STEPS, decoded, encode_steps

DAYLIGHT_K = 6500.0
"""Colour temperature of daylight, K, the one side of every white balance error."""

_LOG_DRIFT = 0.15
_LUMA = np.array([0.2126, 0.7152, 0.0722])  # of linear light, ITU-R BT.709
_XYZ_TO_RGB = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)


@register("image/colour_cast")
@dataclass(frozen=True, slots=True)
class ColourCast:
    """Take daylight for the light of a lamp, or a lamp for daylight: a blue or an orange cast, at the same luma.

    The lamp's temperature falls along `temperature_k_range`, in equal steps of its reciprocal (mired), from near
    daylight to candlelight. In linear light each channel is multiplied by the ratio of the two illuminants on the
    Planckian locus, so that a white of given luma keeps it, and clipped. On a clip the error wanders smoothly. Grey
    pictures stay as they are. Achieved: `temperature_k`, that of the lamp about which it wanders, and `cast`, warm or
    cool.
    Source: Planckian locus of Kim et al., US patent 7,024,034 (2006); diagonal model of von Kries; white balance
    errors as in Afifi & Brown, "What else can fool deep learning?", ICCV 2019.
    """

    temperature_k_range: Range = (6400.0, 2000.0)
    """Temperature (mild, extreme) of the lamp that is mixed up with daylight of 6500 K, in [1900, 6500] K; below level
    .05 it draws nearer to daylight, to no error at 0."""
    time_constant_s: float | Held = 1.0
    """On a clip, seconds over which the error stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("temperature_k_range", self.temperature_k_range, 1900.0, DAYLIGHT_K, falling=True)
        check_time_constant(self.time_constant_s)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, float | str]]:
        """Tint an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        warm = bool(rng.random() < 0.5)
        wander = factors(
            rng,
            len(frames),
            fps=fps,
            time_constant_s=self.time_constant_s,
            log_size=_LOG_DRIFT,
            first_frame=first_frame,
        )
        mild, extreme = (1e6 / end for end in self.temperature_k_range)
        daylight = 1e6 / DAYLIGHT_K
        error_mired = (lerp((mild, extreme), level) - daylight) * fade_in(level)
        lamps_mired = np.minimum(daylight + error_mired * wander, 1e6 / 1900)

        noisy = np.empty_like(frames)
        for out, frame, lamp_mired in zip(noisy, frames, lamps_mired, strict=True):
            gain = _cast(1e6 / float(lamp_mired), warm) if frame.shape[2] == 3 else np.ones(1)
            codes = encode_steps((LINEAR_STEPS * (decoded()[:, None] * gain) + 0.5).astype(np.float32))
            map_greys(frame, codes, out)
        achieved: dict[str, float | str] = {
            "temperature_k": 1e6 / (daylight + error_mired),
            "cast": "warm" if warm else "cool",
        }
        return noisy.reshape(image.shape), achieved


def planckian_rgb(temperature_k: float) -> npt.NDArray[np.float64]:
    """Linear sRGB, of luma 1, of a black body's light.

    Args:
        temperature_k: in [1667, 25000] K. Below 1900 K blue is negative: the colour lies outside sRGB.

    Returns:
        (3,) red, green, blue.
    """
    t = 1e3 / temperature_k
    warm = temperature_k <= 4000
    if warm:
        x = ((-0.2661239 * t - 0.2343589) * t + 0.8776956) * t + 0.179910
    else:
        x = ((-3.0258469 * t + 2.1070379) * t + 0.2226347) * t + 0.240390
    if temperature_k <= 2222:
        y = ((-1.1063814 * x - 1.34811020) * x + 2.18555832) * x - 0.20219683
    elif warm:
        y = ((-0.9549476 * x - 1.37418593) * x + 2.09137015) * x - 0.16748867
    else:
        y = ((3.0817580 * x - 5.87338670) * x + 3.75112997) * x - 0.37001483
    rgb = _XYZ_TO_RGB @ np.array([x / y, 1, (1 - x - y) / y])
    unit: npt.NDArray[np.float64] = rgb / (_LUMA @ rgb)
    return unit


def _cast(lamp_k: float, warm: bool) -> npt.NDArray[np.float64]:
    """Gains of red, green and blue, of luma 1, where lamp and daylight are mixed up."""
    ratio = planckian_rgb(lamp_k) / planckian_rgb(DAYLIGHT_K)
    gain = ratio if warm else 1 / ratio
    unit: npt.NDArray[np.float64] = gain / (_LUMA @ gain)
    return unit
