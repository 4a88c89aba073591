"""Normal deviates for noise over every pixel, several times faster than a generator's own.

Public: `table_normals`.
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt


def table_normals(rng: np.random.Generator, count: int) -> npt.NDArray[np.float32]:
    """Independent normal deviates of mean 0 and variance 1, drawn from 65,536 quantiles; none is beyond 4.4.

    Args:
        rng: the random stream.
        count: how many.

    Returns:
        (count,) float32.
    """
    draws = rng.integers(0, 2**64 - 1, -(-count // 4), dtype=np.uint64, endpoint=True).view(np.uint16)
    return _quantiles().take(draws[:count])


@cache
def _quantiles() -> npt.NDArray[np.float32]:
    normal = NormalDist()
    upper = np.array([normal.inv_cdf(0.5 + (i + 0.5) / 65536) for i in range(32768)])
    upper /= np.sqrt(np.mean(upper**2))
    table = np.concatenate([-upper[::-1], upper]).astype(np.float32)
    table.setflags(write=False)
    return table
