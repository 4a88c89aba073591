"""Severity of pictures and clips: visual information fidelity, and displacement.

VIF is the share of the information about the scene that survives: each window of the noisy picture is modelled as a
gain times the clean one plus noise (Sheikh & Bovik, "Image information and visual quality", IEEE TIP 2006). Squared,
its loss is close to linear in what recognisers lose. It does not see colour, and it charges a shift of two pixels as
it charges a strong blur.

A noise that only moves pixels is therefore measured by what it does to `ramps`, a picture whose colours tell places. It
says so with ``severity_measure: ClassVar[str] = "displacement"``. Shift, zoom and turn of the picture as a whole cost
no more than what they push out of it; a place that is strained beside them is kept by 1 / (1 + (strain / .3)²). This
form and its constant were fitted to what a classifier loses to all three such noises (``python -m benchmarks.harm``).

Public: `against_image`, `against_video`, `displacement`, `ramps`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..extras import need

_WINDOWS = (17, 9, 5, 3)  # of the four scales, pixels
_EYE_VARIANCE = 2.0  # of the observer's own noise, in squared grey levels
_FIELD_CELLS = 28  # rows and columns in which a field of displacements is read
_HALF_KEPT = 0.3  # strain at which half of a place is kept
_FLAT_VARIANCE = 0.01  # below it lie rounding errors, and differences that no 8-bit picture can show

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Measure = Callable[[Any], float]


def displacement(noisy: Pixels) -> float:
    """Severity of a noise that moves pixels, from what it makes of `ramps`; of a clip, over its frames.

    The local map from the noisy to the clean picture, its Jacobian, is compared with the picture's typical similarity
    (shift, zoom and turn); strain is the Frobenius norm of what remains. Where the map turns the picture over, as
    beyond a border that mirrors it, nothing of the clean picture is kept.

    Args:
        noisy: (H, W, 3) or (T, H, W, 3) uint8.

    Returns:
        In [0, 1].
    """
    frames = noisy.reshape(-1, *noisy.shape[-3:])
    return (1 - float(np.mean([_kept(frame) for frame in frames]))) ** 2


def ramps(shape: tuple[int, ...]) -> Pixels:
    """A picture or clip whose red rises from left to right and whose green rises downwards, over all grey levels.

    Args:
        shape: of the sample that it stands for, (…, H, W, C).

    Returns:
        (…, H, W, 3) uint8.
    """
    height, width = shape[-3:-1]
    picture = np.full((*shape[:-1], 3), 128, np.uint8)
    picture[..., 0] = np.rint(np.linspace(0, 255, width))
    picture[..., 1] = np.rint(np.linspace(0, 255, height))[:, None]
    return picture


def against_image(clean: Pixels) -> Measure:
    """(1 - VIF)² of pictures (H, W, C) uint8 against a clean one."""
    scales = _scales(_luma(clean))
    return lambda noisy: _severity([scales], [_luma(noisy)])


def against_video(clean: Pixels) -> Measure:
    """(1 - VIF)² of clips (T, H, W, C) uint8 against a clean one, with the differences of consecutive frames."""
    scales = [_scales(view) for view in _views(clean)]
    return lambda noisy: _severity(scales, _views(noisy))


class _Scale(NamedTuple):
    """What is known of a clean picture on one scale."""

    picture: Floats
    mean: Floats
    variance: Floats
    information: float


def _scales(picture: Floats) -> list[_Scale]:
    scales = []
    for index, window in enumerate(_WINDOWS):
        if index:
            picture = _smooth(picture, window)[::2, ::2]
        mean = _smooth(picture, window)
        variance = _smooth(picture * picture, window) - mean * mean
        variance[variance < _FLAT_VARIANCE] = 0
        scales.append(_Scale(picture, mean, variance, _sum_log(variance / _EYE_VARIANCE)))
    return scales


def _left(scales: list[_Scale], noisy: Floats) -> float:
    """The information about a clean picture that is left in a noisy one."""
    left = 0.0
    for index, (clean, window) in enumerate(zip(scales, _WINDOWS, strict=True)):
        if index:
            noisy = _smooth(noisy, window)[::2, ::2]
        mean = _smooth(noisy, window)
        variance = _smooth(noisy * noisy, window) - mean * mean
        covariance = np.maximum(_smooth(clean.picture * noisy, window) - clean.mean * mean, 0)
        gain = np.divide(covariance, clean.variance, out=np.zeros_like(mean), where=clean.variance > 0)
        rest = np.maximum(variance - gain * covariance, 0)
        left += _sum_log(gain * gain * clean.variance / (rest + _EYE_VARIANCE))
    return left


def _severity(clean: Sequence[list[_Scale]], noisy: Sequence[Floats]) -> float:
    whole = sum(scale.information for scales in clean for scale in scales)
    left = sum(_left(scales, view) for scales, view in zip(clean, noisy, strict=True))
    return (1 - min(left / whole, 1.0)) ** 2 if whole > 0 else 0.0


def _kept(frame: Pixels) -> float:
    """The share of a picture that is kept where its `ramps` have become `frame`."""
    height, width = frame.shape[:2]
    cv2 = need("cv2", extra="image")
    cells = cv2.resize(frame.astype(np.float32), (_FIELD_CELLS, _FIELD_CELLS), interpolation=cv2.INTER_AREA)
    place = ((width - 1) * cells[..., 0] + 1j * (height - 1) * cells[..., 1]) / 255  # x + i y in pixels
    by_x = np.diff(place, axis=1)[:-1] * (_FIELD_CELLS / width)
    by_y = np.diff(place, axis=0)[:, :-1] * (_FIELD_CELLS / height)
    turned, sheared = (by_x - 1j * by_y) / 2, (by_x + 1j * by_y) / 2  # Wirtinger derivatives; a similarity has no other
    area = np.abs(turned) ** 2 - np.abs(sheared) ** 2
    upright = area > 0
    if not upright.any():
        return 0.0
    typical = np.median(turned[upright].real) + 1j * np.median(turned[upright].imag)
    strain = 2 * (np.abs(turned[upright] / typical - 1) ** 2 + np.abs(sheared[upright] / typical) ** 2)
    return min(1.0, float((area[upright] / (1 + strain / _HALF_KEPT**2)).sum() / area.size))


def _views(clip: Pixels) -> list[Floats]:
    """The frames of a clip, and the differences of consecutive ones."""
    frames = [_luma(frame) for frame in clip]
    return [*frames, *(after - before for before, after in pairwise(frames))]


def _luma(picture: Pixels) -> Floats:
    """ITU-R BT.601 luma, (H, W) float32."""
    if picture.shape[-1] == 1:
        return picture[..., 0].astype(np.float32)
    cv2 = need("cv2", extra="image")
    grey: Pixels = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
    return grey.reshape(picture.shape[:2]).astype(np.float32)


def _smooth(x: Floats, window: int) -> Floats:
    smoothed: Floats = need("cv2", extra="image").GaussianBlur(x, (window, window), window / 5)
    return smoothed.reshape(x.shape)


def _sum_log(x: npt.NDArray[np.floating[Any]]) -> float:
    return float(np.log1p(x).sum(dtype=np.float64))
