"""What a jitter buffer does to speech when packets come late: it stretches the sound to gain time, then hurries.

The receiver plays with a delay that follows what the network asks for. To raise the delay it repeats a pitch period,
to lower it again it leaves one out, each time with a short crossfade, where the sound resembles itself most: the
operations expand and accelerate of NetEq. The delay begins and ends at zero, so the wave keeps its length.

Public: `JitterBuffer`, registered as ``audio/jitter_buffer``.

References:
    WebRTC, NetEq (modules/audio_coding/neteq): expand, accelerate, pitch lags from 2.5 to 15 ms.
    Verhelst and Roelands, "An overlap-add technique based on waveform similarity (WSOLA)", ICASSP 1993.
    Liang, Färber and Girod, "Adaptive playout scheduling using time-scale modification in packet voice
    communications", ICASSP 2001.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..path import Range, check_range, loglerp
from ..registry import register

Wave = npt.NDArray[np.float32]

_SHORTEST_LAG_S, _LONGEST_LAG_S = 0.0025, 0.015
_MATCHED_S = 0.008  # how much of the sound is compared, and crossfaded
_STEP_S = 0.02  # from one decision to the next
_MEAN_HOLD_S = 0.25
_COMPARED_RATE_HZ = 8000.0


@register("audio/jitter_buffer", stage="channel")
@dataclass(frozen=True, slots=True)
class JitterBuffer:
    """Stretch and hurry the sound as a jitter buffer does, pitch periods repeated here and left out there.

    What the network asks for is drawn anew every 0.25 s on average. A share of these stretches, which rises along
    `late_share_range`, is late, by an exponential delay whose mean rises along `jitter_ms_range`; the others are in
    time. The buffer follows by at most one pitch period every 20 ms. All channels are cut alike.

    Achieved: `delay_ms` (mean over the sample), `changed_fraction` (share of decisions at which the sound was cut).

    Source: NetEq of WebRTC; exponential delays as in Liang, Färber and Girod 2001.
    """

    severity_measure: ClassVar[str] = "time_aligned"

    late_share_range: Range = (0.1, 1.0)
    """Share of the time for which packets are late (mild, extreme), in [1e-6, 1]; level moves along it in equal
    ratios."""
    jitter_ms_range: Range = (2.0, 250.0)
    """Mean delay of late packets in milliseconds (mild, extreme), in [0.01, 5000]; level moves along it in equal
    ratios."""

    def __post_init__(self) -> None:
        check_range("late_share_range", self.late_share_range, 1e-6, 1.0)
        check_range("jitter_ms_range", self.jitter_ms_range, 0.01, 5000.0)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float]]:
        samples = wave.shape[-1]
        step = max(1, round(_STEP_S * sample_rate))
        jitter = loglerp(self.jitter_ms_range, level) / 1000 * sample_rate
        share = loglerp(self.late_share_range, level)
        wanted = (_held(-(-samples // step), share, rng) * jitter).astype(np.int64)
        delays = _cut(wave, noisy := np.empty_like(wave), wanted, step, sample_rate)
        changed = float(np.count_nonzero(np.diff(delays, prepend=0)) / len(delays))
        return noisy, {"delay_ms": float(delays.mean()) / sample_rate * 1000, "changed_fraction": changed}


def _held(steps: int, share: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draws, each held for a geometric number of steps: a share of them exponential of mean 1, the others 0."""
    draws = rng.random((2, steps))
    drawn = draws[0] < _STEP_S / _MEAN_HOLD_S
    drawn[0] = True
    last = np.maximum.accumulate(np.where(drawn, np.arange(steps), 0))
    wanted: npt.NDArray[np.float64] = np.maximum(-np.log((1 - draws[1]) / share), 0)[last]
    return wanted


def _cut(
    wave: Wave, noisy: Wave, wanted: npt.NDArray[np.int64], step: int, sample_rate: float
) -> npt.NDArray[np.int64]:
    """Fill `noisy` with the wave as late as `wanted` in every step, as far as pitch periods allow; gives the delays."""
    mono = (wave if wave.ndim == 1 else wave.mean(0)).astype(np.float64)
    matched = min(step, max(1, round(_MATCHED_S * sample_rate)))
    fade = (np.arange(matched, dtype=np.float32) + np.float32(0.5)) / np.float32(matched)
    shortest, longest = (max(1, round(lag_s * sample_rate)) for lag_s in (_SHORTEST_LAG_S, _LONGEST_LAG_S))
    thin = max(1, int(sample_rate / _COMPARED_RATE_HZ))
    delays = np.zeros(len(wanted), np.int64)
    delay = 0
    for number, target in enumerate(wanted):
        start, end = number * step, min((number + 1) * step, wave.shape[-1])
        now = start - delay
        # Half the longest lag in every step that is left takes the delay back to zero at the end.
        highest = max(len(wanted) - number - 2, 0) * (longest // 2)
        change = min(int(target), highest) - delay
        lag = 0
        if end - start == step and change > 0 and now >= longest:
            lag = -_best_lag(mono, now, -1, shortest, min(change, longest), matched, thin)
        elif end - start == step and change < 0:
            least = min(longest // 2, -change) if delay > highest else shortest
            lag = _best_lag(mono, now, 1, least, min(-change, longest), matched, thin)
        delay -= lag
        delays[number] = delay
        noisy[..., start:end] = wave[..., start - delay : end - delay]
        if lag:
            crossed = noisy[..., start : start + matched]
            crossed *= fade
            crossed += wave[..., now : now + matched] * (1 - fade)
    return delays


def _best_lag(
    mono: npt.NDArray[np.float64], now: int, sign: int, shortest: int, longest: int, matched: int, thin: int
) -> int:
    """The lag after (sign 1) or before (−1) `now` at which the sound is most like that from `now` on; 0 for none.

    Both are compared by their normalised correlation, at every `thin`-th sample.
    """
    lags = np.arange(shortest, longest + 1, thin)
    if len(lags) == 0:
        return 0
    places = now + sign * lags[:, None] + np.arange(0, matched, thin)
    candidates = mono[np.minimum(places, len(mono) - 1)]
    likeness = np.einsum("ij,j->i", candidates, mono[now : now + matched : thin])
    likeness /= np.sqrt(np.einsum("ij,ij->i", candidates, candidates) + 1e-12)
    return int(lags[np.argmax(likeness)])
