"""Severity of pictures and clips: how little of their local contrast the clean ones explain, and displacement.

A picture is split into octave bands of spatial frequency (the Laplacian pyramid; Burt & Adelson, IEEE Trans. Commun.
1983). In a window around each place of each band the noisy picture is modelled as a gain times the clean one plus a
rest (as in VIF; Sheikh & Bovik, "Image information and visual quality", IEEE TIP 2006). What is explained there is the
gain's share of the noisy variance, an observer's own noise included: the squared correlation coefficient (the
structure term of SSIM; Wang et al., IEEE TIP 2004), damped where there is nothing to be seen. Severity is one minus the
mean of it over places and bands, relative to that of the clean picture; a place counts as much as it counts there, and
from band to band places, four times fewer, count three times as much each.

VIF itself takes the logarithm of signal to noise: it charges a lower contrast, to which recognisers adapt, and spares
a noise that is local. ``python -m benchmarks.harm`` has what a classifier loses to either. The measure does not see
colour, and it charges a shift of two pixels as it charges a strong blur.

A noise that only moves pixels is therefore measured by what it does to `ramps`, a picture whose colours tell places. It
says so with ``severity_measure: ClassVar[str] = "displacement"``. Shift, zoom and turn of the picture as a whole cost
no more than what they push out of it; a place that is strained beside them is kept by 1 / (1 + (strain / .3)²). This
form and its constant were fitted to what a classifier loses to all three such noises (``python -m benchmarks.harm``).

Public: `against_image`, `against_video`, `displacement`, `ramps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..extras import need

_BANDS = 5
_BAND_WEIGHT = 3.0  # of a place, from a band to the next coarser one
_LOW_PASS_SIGMA, _LOW_PASS_SIDE = 1.4, 9  # between the bands, pixels
_WINDOW_SIGMA, _WINDOW_SIDE = 1.4, 7  # in which contrast is compared, pixels
_EYE_VARIANCE = 0.3  # of the observer's own noise, in squared grey levels; rounding to 8 bits alone has .08
_FIELD_CELLS = 28  # rows and columns in which a field of displacements is read
_HALF_KEPT = 0.3  # strain at which half of a place is kept
_FLAT_VARIANCE = 0.003  # below it lie rounding errors, and differences that no 8-bit picture can show

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
    """Unexplained contrast of pictures (H, W, C) uint8 against a clean one."""
    known = _known(_luma(clean))
    return lambda noisy: _severity([known], [_luma(noisy)])


def against_video(clean: Pixels) -> Measure:
    """Unexplained contrast of clips (T, H, W, C) uint8 and of the differences of consecutive frames."""
    known = [_known(view) for view in _views(clean)]
    return lambda noisy: _severity(known, _views(noisy))


class _Band(NamedTuple):
    """What is known of a clean picture in one band."""

    picture: Floats
    mean: Floats
    precision: Floats
    """One over the variance; 0 where there is none."""
    explained: float
    """Sum over places, where the noisy picture is the clean one."""


def _known(picture: Floats) -> list[_Band]:
    known = []
    for band in _bands(picture):
        mean = _smooth(band)
        variance = _smooth(band * band) - mean * mean
        variance[variance < _FLAT_VARIANCE] = 0
        precision = np.divide(1, variance, out=np.zeros_like(variance), where=variance > 0)
        known.append(_Band(band, mean, precision, _sum(variance / (variance + _EYE_VARIANCE))))
    return known


def _explained(known: list[_Band], noisy: Floats) -> float:
    """What the clean picture explains of a noisy one, all bands together."""
    total = 0.0
    for index, (clean, band) in enumerate(zip(known, _bands(noisy), strict=True)):
        mean = _smooth(band)
        variance = _smooth(band * band) - mean * mean
        covariance = np.maximum(_smooth(clean.picture * band) - clean.mean * mean, 0)
        by_gain = covariance * covariance * clean.precision
        total += _BAND_WEIGHT**index * _sum(by_gain / (np.maximum(variance, by_gain) + _EYE_VARIANCE))
    return total


def _severity(clean: Sequence[list[_Band]], noisy: Sequence[Floats]) -> float:
    whole = sum(_BAND_WEIGHT**index * band.explained for known in clean for index, band in enumerate(known))
    explained = sum(_explained(known, view) for known, view in zip(clean, noisy, strict=True))
    return 1 - min(explained / whole, 1.0) if whole > 0 else 0.0


def _bands(picture: Floats) -> Iterator[Floats]:
    """What is in a picture beside its next coarser version, and so on."""
    for _ in range(_BANDS):
        coarse = _blurred(picture, _LOW_PASS_SIDE, _LOW_PASS_SIGMA)
        yield picture - coarse
        picture = np.ascontiguousarray(coarse[::2, ::2])


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


def _smooth(x: Floats) -> Floats:
    """Means over the window around each place."""
    return _blurred(x, _WINDOW_SIDE, _WINDOW_SIGMA)


def _blurred(x: Floats, side: int, sigma: float) -> Floats:
    blurred: Floats = need("cv2", extra="image").GaussianBlur(x, (side, side), sigma)
    return blurred.reshape(x.shape)


def _sum(x: npt.NDArray[np.floating[Any]]) -> float:
    return float(need("cv2", extra="image").sumElems(x)[0])
