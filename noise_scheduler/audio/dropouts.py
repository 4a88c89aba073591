"""Moments in which the sound is gone: a loose plug, a wireless microphone out of reach.

Public: `Dropouts`, registered as ``audio/dropouts``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..path import Range, check_number, check_range, loglerp
from ..registry import register
from .packet_loss import from_blocks, gilbert, in_blocks, mean_run

Wave = npt.NDArray[np.float32]

_FADE_S = 0.004


@register("audio/dropouts")
@dataclass(frozen=True, slots=True)
class Dropouts:
    """Mute the wave in random stretches, faded within 4 ms at both ends, the same in all channels.

    The share of time lost rises along `lost_share_range`. The stretches have a mean of `mean_gap_ms`, or of what they
    would have if the sound came and went at random every 4 ms where that is longer.

    Achieved: `loss_rate` (share of time lost) and `mean_burst_ms` of this very sample.

    Source: alternating renewal process with geometric lengths (Gilbert 1960).
    """

    lost_share_range: Range = (0.005, 0.99)
    """Share of the time that is lost in the long run (mild, extreme), in [1e-6, 1]; level moves along it in equal
    ratios."""
    mean_gap_ms: float = 100.0
    """Mean length of a stretch in milliseconds, in (0, 60000]."""

    def __post_init__(self) -> None:
        check_range("lost_share_range", self.lost_share_range, 1e-6, 1.0)
        check_number("mean_gap_ms", self.mean_gap_ms, 0, 60_000, "ms", above=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        step = max(1, round(_FADE_S * sample_rate))
        step_ms = step / sample_rate * 1000
        blocks = in_blocks(wave, step)
        lost = gilbert(blocks.shape[-2] + 1, loglerp(self.lost_share_range, level), self.mean_gap_ms / step_ms, rng)
        before, after = lost[:-1], lost[1:]
        blocks[..., before & after, :] = 0
        ramp = np.arange(step, dtype=np.float32) / np.float32(step)
        edges = np.flatnonzero(before != after)
        blocks[..., edges, :] *= np.stack([1 - ramp, ramp]).take(before[edges], 0)
        noisy = from_blocks(blocks, wave.shape[-1])
        loss_rate = int(np.count_nonzero(lost)) / len(lost)
        return noisy, {"loss_rate": loss_rate, "mean_burst_ms": mean_run(lost) * step_ms}
