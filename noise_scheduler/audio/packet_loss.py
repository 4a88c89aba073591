"""Packets that get lost on the way, in bursts, and what the receiver plays in their place.

Losses follow a Markov chain of two states (Gilbert 1960; the model of Elliott 1963 with no loss in the good state and
nothing but loss in the bad one). Two quantities fix it: the share of packets lost and the mean length of a burst.

Public: `PacketLoss`, registered as ``audio/packet_loss``; `gilbert`, `mean_run`, `in_blocks`,
`from_blocks`.

References:
    Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 39 (1960).
    Elliott, "Estimates of error rates for codes on burst-noise channels", Bell System Technical Journal 42 (1963).
    Hasslinger and Hohlfeld, "The Gilbert-Elliott model for packet loss in real time services on the internet", 2008.
    ITU-T G.711 Appendix I (1999): packet loss concealment; the rate at which it fades.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..path import Range, check_number, check_range, loglerp
from ..registry import register

Wave = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

CONCEALMENTS = ("zero", "repeat", "fade")
_FULL_S, _GONE_S = 0.01, 0.06  # G.711 Appendix I: unchanged for 10 ms, then 20 % less every 10 ms


@register("audio/packet_loss", stage="channel")
@dataclass(frozen=True, slots=True)
class PacketLoss:
    """Lose packets in bursts, the same in all channels, and conceal them as a receiver does.

    The share of packets lost rises along `loss_rate_range`. Bursts have a mean of `mean_burst_ms`, or of what the
    losses would have if they were independent of each other where that is longer.

    Achieved: `loss_rate` and `mean_burst_ms` of this very sample.

    Source: Gilbert 1960, Elliott 1963; concealment as in ITU-T G.711 Appendix I, by packets instead of pitch periods.
    """

    loss_rate_range: Range = (0.005, 0.97)
    """Share of the packets that are lost in the long run (mild, extreme), in [1e-6, 1]; level moves along it in equal
    ratios."""
    mean_burst_ms: float = 60.0
    """Mean length of a burst in milliseconds, in (0, 60000]."""
    packet_ms: float = 20.0
    """Length of a packet in milliseconds, in (0, 1000]."""
    concealment: str = "zero"
    """What is played in place of a lost packet: ``"zero"`` for nothing, ``"repeat"`` for the last packet that came,
    ``"fade"`` for that packet fading away within 60 ms."""

    def __post_init__(self) -> None:
        check_range("loss_rate_range", self.loss_rate_range, 1e-6, 1.0)
        check_number("mean_burst_ms", self.mean_burst_ms, 0, 60_000, "ms", above=True)
        check_number("packet_ms", self.packet_ms, 0, 1000, "ms", above=True)
        if self.concealment not in CONCEALMENTS:
            raise ValueError(f"concealment must be one of {', '.join(CONCEALMENTS)}, not {self.concealment!r}")

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        length = max(1, round(self.packet_ms / 1000 * sample_rate))
        packets = in_blocks(wave, length)
        rate, burst = loglerp(self.loss_rate_range, level), self.mean_burst_ms / self.packet_ms
        lost = gilbert(packets.shape[-2], rate, burst, rng)
        if self.concealment == "zero":
            packets[..., lost, :] = 0
        else:
            _replace(packets, lost, sample_rate if self.concealment == "fade" else None)
        noisy = from_blocks(packets, wave.shape[-1])
        return noisy, {"loss_rate": float(lost.mean()), "mean_burst_ms": mean_run(lost) * length / sample_rate * 1000}


def in_blocks(wave: Wave, length: int) -> Wave:
    """A copy of (…, samples) as (…, blocks, length), the last block filled up with silence."""
    samples = wave.shape[-1]
    count = -(-samples // length)
    blocks = np.empty((*wave.shape[:-1], count * length), np.float32)
    blocks[..., :samples] = wave
    blocks[..., samples:] = 0
    return blocks.reshape(*wave.shape[:-1], count, length)


def from_blocks(blocks: Wave, samples: int) -> Wave:
    """The first samples of (…, blocks, length) as (…, samples)."""
    return np.ascontiguousarray(blocks.reshape(*blocks.shape[:-2], -1)[..., :samples])


def gilbert(count: int, rate: float, mean_run: float, rng: np.random.Generator) -> Flags:
    """Which of `count` packets are lost: a stationary Markov chain of two states.

    Args:
        count: of packets.
        rate: share lost in the long run, in [0, 1].
        mean_run: mean number of packets lost in a row; never less than 1 / (1 − rate), that of independent losses.
        rng: one number is drawn per packet. With the same draws, a packet lost at one rate is lost at any higher one.
    """
    stay_lost = max(1 - 1 / mean_run, rate) if mean_run > 0 else rate
    become_lost = (1 - stay_lost) * rate / (1 - rate) if rate < 1 else 1.0
    draws = rng.random(count)
    # A draw below `become_lost` loses the packet and one from `stay_lost` on saves it, whatever was before; any other
    # lets the state be. So the state is that of the last packet that was decided.
    lost = draws < become_lost
    decided = lost | (draws >= stay_lost)
    lost[0], decided[0] = draws[0] < rate, True
    last = np.maximum.accumulate(np.where(decided, np.arange(count), 0))
    return lost[last]


def mean_run(flags: Flags) -> float:
    """Mean length of the runs of True; 0 where there are none."""
    runs = int(flags[0]) + int(np.count_nonzero(flags[1:] & ~flags[:-1]))
    return int(np.count_nonzero(flags)) / max(runs, 1)


def _replace(packets: Wave, lost: Flags, sample_rate: float | None) -> None:
    """Put the last packet that came in the place of lost ones, in place; faded at a given rate of samples."""
    at = np.arange(len(lost))
    last = np.maximum.accumulate(np.where(lost, -1, at))
    before_any = last < 0
    gaps = np.flatnonzero(lost)
    substitutes = packets[..., last[gaps], :]
    if sample_rate is not None:
        length = packets.shape[-1]
        elapsed_s = ((at - last)[gaps, None] * length - length + np.arange(length)) / sample_rate
        substitutes *= np.clip((_GONE_S - elapsed_s) / (_GONE_S - _FULL_S), 0, 1).astype(np.float32)
    packets[..., gaps, :] = substitutes
    packets[..., before_any, :] = 0
