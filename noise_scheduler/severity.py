"""How much of a sample a noise has destroyed, from 0 (nothing) to 1 (all), on one scale for each modality.

| modality | measure |
|---|---|
| image | (1 - VIF)², the pixel-domain visual information fidelity of luma on four scales |
| video | (1 - VIF)², its information summed over frames and over differences of consecutive frames |

VIF is the share of the information about the scene that survives: each window of the noisy picture is modelled as a
gain times the clean one plus noise (Sheikh & Bovik, "Image information and visual quality", IEEE TIP 2006). Squared,
its loss is close to linear in what recognisers lose. It does not see colour, and it charges a shift of two pixels as
it charges a strong blur.

Public: `image`, `video`, `against`, `MEASURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import sample
from .extras import need
from .registry import nearest

_WINDOWS = (17, 9, 5, 3)  # of the four scales, pixels
_EYE_VARIANCE = 2.0  # of the observer's own noise, in squared grey levels
_FLAT_VARIANCE = 0.01  # below it lie rounding errors, and differences that no 8-bit picture can show

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
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


def against(kind: str, clean: Any) -> Measure:
    """The measure of `kind` with its clean sample fixed, for many noisy versions of it: almost twice as fast.

    Args:
        kind: one of `MEASURES`.
        clean: a sample of that kind.

    Returns:
        A function from a noisy sample of the same shape to its severity.

    Raises:
        ValueError: there is no measure for the kind.
        SampleError: `clean` is no sample of the kind.
    """
    if kind not in MEASURES:
        raise ValueError(f"no severity is defined for {kind!r}; {nearest(kind, MEASURES)}")
    sample.check(kind, clean, {}, "clean")
    measure = MEASURES[kind](clean)

    def severity(noisy: Any) -> float:
        sample.check(kind, noisy, {}, "noisy")
        if noisy.shape != clean.shape:
            raise ValueError(f"clean and noisy {kind} must have one shape, not {clean.shape} and {noisy.shape}")
        return measure(noisy)

    return severity


def _against_image(clean: Pixels) -> Measure:
    scales = _scales(_luma(clean))
    return lambda noisy: _severity([scales], [_luma(noisy)])


def _against_video(clean: Pixels) -> Measure:
    scales = [_scales(view) for view in _views(clean)]
    return lambda noisy: _severity(scales, _views(noisy))


MEASURES: dict[str, Callable[[Any], Measure]] = {"image": _against_image, "video": _against_video}
"""Kind of sample → the measure against a clean one."""


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
