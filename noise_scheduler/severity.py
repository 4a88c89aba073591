"""How much of a sample a noise has destroyed, from 0 (nothing) to 1 (all), on one scale for each modality.

| modality | measure |
|---|---|
| image | (1 - VIF)², the pixel-domain visual information fidelity of luma on four scales |
| video | (1 - VIF)², its information summed over frames and over differences of consecutive frames |

VIF is the share of the information about the scene that survives: each window of the noisy picture is modelled as a
gain times the clean one plus noise (Sheikh & Bovik, "Image information and visual quality", IEEE TIP 2006). Squared,
its loss is close to linear in what recognisers lose. It does not see colour, and it charges a shift of two pixels as
it charges a strong blur.

Public: `image`, `video`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from . import sample
from .extras import need

_SCALES = 4
_EYE_VARIANCE = 2.0  # of the observer's own noise, in squared grey levels
_FLAT_VARIANCE = 0.01  # below it lie rounding errors, and differences that no 8-bit picture can show

Floats = npt.NDArray[np.float32]


def image(clean: npt.NDArray[np.uint8], noisy: npt.NDArray[np.uint8]) -> float:
    """Severity of a noisy picture.

    Args:
        clean, noisy: (H, W, C) uint8, C = 3 (RGB) or 1.

    Returns:
        In [0, 1]; 0 where the clean picture has no structure that could be lost.

    Raises:
        SampleError: one of them is no picture.
        ValueError: their shapes differ.
    """
    _check("image", clean, noisy)
    return _severity([information(_luma(clean), _luma(noisy))])


def video(clean: npt.NDArray[np.uint8], noisy: npt.NDArray[np.uint8]) -> float:
    """Severity of a noisy clip; a frozen picture loses what moved.

    Args:
        clean, noisy: (T, H, W, C) uint8, C = 3 (RGB) or 1.

    Returns:
        In [0, 1]; 0 where the clean clip has neither structure nor movement.

    Raises:
        SampleError, ValueError: as `image`.
    """
    _check("video", clean, noisy)
    frames = [(_luma(before), _luma(after)) for before, after in zip(clean, noisy, strict=True)]
    parts = [information(before, after) for before, after in frames]
    for (before, after), (next_before, next_after) in pairwise(frames):
        parts.append(information(next_before - before, next_after - after))
    return _severity(parts)


def information(clean: Floats, noisy: Floats) -> tuple[float, float]:
    """Information about `clean` that is left in `noisy`, and that was in `clean`, summed over windows and scales.

    Args:
        clean, noisy: (H, W) float32 in grey levels.

    Returns:
        (left, all) in decimal logarithms; their ratio is VIF.
    """
    cv2 = need("cv2", extra="image")
    left = whole = 0.0
    for scale in range(_SCALES):
        window = 2 ** (_SCALES - scale) + 1

        def smooth(x: Any, window: int = window) -> Any:
            return cv2.GaussianBlur(x, (window, window), window / 5)

        if scale:
            clean, noisy = smooth(clean)[::2, ::2], smooth(noisy)[::2, ::2]
        clean_mean, noisy_mean = smooth(clean), smooth(noisy)
        variance = smooth(clean * clean) - clean_mean * clean_mean
        variance[variance < _FLAT_VARIANCE] = 0
        noisy_variance = np.maximum(smooth(noisy * noisy) - noisy_mean * noisy_mean, 0)
        covariance = np.maximum(smooth(clean * noisy) - clean_mean * noisy_mean, 0)
        gain = np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > 0)
        rest = np.maximum(noisy_variance - gain * covariance, 0)
        left += float(np.log10(1 + gain * gain * variance / (rest + _EYE_VARIANCE)).sum(dtype=np.float64))
        whole += float(np.log10(1 + variance / _EYE_VARIANCE).sum(dtype=np.float64))
    return left, whole


def _check(kind: str, clean: npt.NDArray[np.uint8], noisy: npt.NDArray[np.uint8]) -> None:
    for name, x in (("clean", clean), ("noisy", noisy)):
        sample.check(kind, x, {}, name)
    if clean.shape != noisy.shape:
        raise ValueError(f"clean and noisy {kind} must have one shape, not {clean.shape} and {noisy.shape}")


def _severity(parts: list[tuple[float, float]]) -> float:
    left, whole = (sum(column) for column in zip(*parts, strict=True))
    return (1 - min(left / whole, 1.0)) ** 2 if whole > 0 else 0.0


def _luma(picture: npt.NDArray[np.uint8]) -> Floats:
    """ITU-R BT.601 luma, (H, W) float32."""
    if picture.shape[-1] == 1:
        return picture[..., 0].astype(np.float32)
    cv2 = need("cv2", extra="image")
    grey: npt.NDArray[np.uint8] = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return grey.reshape(picture.shape[:2]).astype(np.float32)
