"""Curricula by name: distributions of the level whose bounds move over the training.

Each is one line of `noise_scheduler.distribution` and `noise_scheduler.curves`; write your own the same way.

Public: `easy_to_hard`, `hard_to_easy`, `accordion`.
"""

from __future__ import annotations

import numpy as np

from .clock import Time
from .curves import linear
from .distribution import Uniform, uniform


def easy_to_hard(*, width: float = 0.4, since: Time = 0, until: Time = "60%") -> Uniform:
    """A window of `width` levels that moves from the easy end to the hard end between `since` and `until`.

    Source: Bengio et al., "Curriculum learning", ICML 2009.
    """
    _check_width(width)
    return uniform(linear(0.0, 1.0 - width, since=since, until=until), linear(width, 1.0, since=since, until=until))


def hard_to_easy(*, width: float = 0.4, since: Time = 0, until: Time = "60%") -> Uniform:
    """A window of `width` levels that moves from the hard end to the easy end: an anti-curriculum."""
    _check_width(width)
    return uniform(linear(1.0 - width, 0.0, since=since, until=until), linear(1.0, width, since=since, until=until))


def accordion(*, width: float = 0.2, since: Time = 0, until: Time = "60%") -> Uniform:
    """The `width` hardest levels at first, widened to all levels by `until`: accordion annealing.

    Source: Braun, Neil & Liu, "A curriculum learning method for improved noise robustness in automatic speech
    recognition", arXiv 1606.06864 (there from 0 dB SNR up to 50 dB in steps).
    """
    _check_width(width)
    return uniform(linear(1.0 - width, 0.0, since=since, until=until), 1.0)


def _check_width(width: float) -> None:
    if not isinstance(width, int | float | np.number) or isinstance(width, bool) or not 0 <= width <= 1:
        raise ValueError(f"width must be a number in [0, 1], not {width!r}")
