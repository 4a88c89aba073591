"""Grey levels through a table of 256 entries.

StringZilla (Apache-2.0), which albumentations brings along, looks bytes up with the processor's shuffles, ten times as
fast as OpenCV; where it is not installed, OpenCV does the same.

Public: `map_greys`.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..extras import need

Pixels = npt.NDArray[np.uint8]


def map_greys(frame: Pixels, table: Pixels, out: Pixels) -> None:
    """Write what stands in a table for every value of a picture.

    Args:
        frame: contiguous (H, W, C) uint8.
        table: (256,) uint8 for all channels, or (256, C), one for each.
        out: contiguous, where to write, of the shape of `frame`; not `frame` itself.
    """
    cv2, fast = need("cv2", extra="image"), _stringzilla()
    if fast is None:
        cv2.LUT(frame, table if table.ndim == 1 else table[:, None], dst=out)
    elif table.ndim == 1 or frame.shape[2] == 1:
        np.copyto(out, frame)
        fast.translate(out.data, np.ascontiguousarray(table.reshape(256)).data, inplace=True)
    else:
        planes = np.empty((frame.shape[2], *frame.shape[:2]), np.uint8)
        channels = list(planes)
        cv2.split(frame, channels)
        for channel, column in zip(channels, np.ascontiguousarray(table.T), strict=True):
            fast.translate(channel.data, column.data, inplace=True)
        cv2.merge(channels, dst=out)


@cache
def _stringzilla() -> Any:
    try:
        module = importlib.import_module("stringzilla")
    except ImportError:
        return None
    return module if hasattr(module, "translate") else None
