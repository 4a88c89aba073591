"""How far tone curves may depart from the straight line before a picture loses its local contrast.

A curve that folds grey levels which a picture does not hold costs it nothing, and one that is straight over those it
holds costs little. What is kept is looked at on a few hundred pixels: in small windows, the squared correlation of
luma before and after (as in `noise_scheduler.severity.pixels`, of which this is one band).

Public: `departure_borne`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import loglerp
from .light import grid_shape

_ENDS, _TRIALS = (0.01, 1.6), 8  # of departures that a picture may bear, fractions of full scale
_TRIED = np.array([loglerp(_ENDS, (trial + 0.5) / _TRIALS) for trial in range(_TRIALS)])
_JUDGED_SIDE = 20  # pixels of the shorter side that are looked at
_WINDOW = (3, 3)  # of those
_SEEN_VARIANCE = 0.3  # of what an observer would not see, in squared grey levels
_NEXT_TO_NOTHING = 1e-3
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_GREY = np.arange(256)[:, None] / 255

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def departure_borne(frame: Pixels, bend: Doubles) -> float:
    """The departure up to which a picture keeps its local contrast, in [.01, 1.6] of full scale.

    Contrast that is kept in part counts in part: a picture that keeps all of it up to a departure and none beyond bears
    that one, and one that keeps half of it whatever the departure bears the geometric mean of the two ends.

    Args:
        frame: (H, W, C) uint8, C = 3 or 1.
        bend: (256, C), what the curves add to the grey levels, in fractions of full scale, at a departure of 1.
    """
    kept = _contrast_kept(frame, bend.T[..., None] * _TRIED)
    return loglerp(_ENDS, float(kept.mean()))


def _contrast_kept(frame: Pixels, bends: Doubles) -> Floats:
    """Shares of local contrast that are kept under each of several bends (C, 256, bends) of the tone curves.

    It is a half where there is no contrast that could be lost.
    """
    height, width, channels = frame.shape
    rows, columns = grid_shape(height, width, _JUDGED_SIDE)
    pixels = frame[np.arange(rows) * height // rows][:, np.arange(columns) * width // columns]
    luma = np.array(_LUMA if channels == 3 else (1.0,), np.float32)
    clean = (pixels.astype(np.float32) @ luma)[..., None]
    curves = 255 * luma[:, None, None] * np.clip(_GREY + bends, 0, 1, dtype=np.float32)
    bent = np.zeros((rows, columns, bends.shape[-1]), np.float32)
    for channel, curve in enumerate(curves):
        bent += curve.take(pixels[..., channel], 0)
    clean_mean, bent_mean = _around(clean), _around(bent)
    clean_variance = np.maximum(_around(clean * clean) - clean_mean * clean_mean, 0)
    bent_variance = np.maximum(_around(bent * bent) - bent_mean * bent_mean, 0)
    covariance = np.maximum(_around(clean * bent) - clean_mean * bent_mean, 0)
    seen, bent_seen = clean_variance + _SEEN_VARIANCE, bent_variance + _SEEN_VARIANCE
    explained = (covariance * covariance / (seen * bent_seen)).sum((0, 1))
    whole = ((clean_variance / seen) ** 2).sum()
    kept: Floats = (explained + _NEXT_TO_NOTHING / 2) / (whole + _NEXT_TO_NOTHING)
    return kept


def _around(x: Floats) -> Floats:
    """Means over the window around each place."""
    means: Floats = need("cv2", extra="image").blur(x, _WINDOW)
    return means.reshape(x.shape)
