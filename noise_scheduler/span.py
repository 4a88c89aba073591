"""Spans: noise over a part of a sample, or in several bursts, instead of over the whole.

A span is a share of the sample's duration: of frames, of audio samples, of feature steps, of words. Pictures have no
duration and are hit as a whole.

Public: `bursts`, `Bursts`; `place`, `splice`, `text_parts`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np

from .distribution import Level
from .schedule import bounds

Span = tuple[float, float]
"""Start and end of a hit stretch as shares of the duration, in [0, 1]."""

_FADE_S = 0.005
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Bursts:
    """Noise over `share` of the duration, in `count` equal stretches at random places, none overlapping."""

    share: Level
    """In (0, 1]; a number, schedule or distribution."""
    _: KW_ONLY
    count: int = 1
    """How many stretches, 1 to 64."""

    def __post_init__(self) -> None:
        low, high = bounds(self.share)
        if not 0 < high <= 1 or low < 0:
            raise ValueError(f"the share of a span must stay in [0, 1], but can reach [{low:g}, {high:g}]")
        number = isinstance(self.count, int | float | np.number) and not isinstance(self.count, bool)
        if not number or not 1 <= self.count <= 64 or self.count % 1:
            raise ValueError(f"the count of bursts must be a whole number from 1 to 64, not {self.count!r}")
        object.__setattr__(self, "count", int(self.count))

    @property
    def whole(self) -> bool:
        """Whether the whole sample is always hit."""
        return bounds(self.share)[0] == 1.0


bursts = Bursts


def place(share: float, starts: Sequence[float]) -> tuple[Span, ...]:
    """Stretches of equal length that together cover `share`, one for each uniform number in `starts`."""
    length = share / len(starts)
    spans: list[Span] = []
    for index, start in enumerate(sorted(starts)):
        begin = start * (1.0 - share) + index * length
        spans.append((begin, min(begin + length, 1.0)))
    return tuple(spans)


def splice(kind: str, clean: np.ndarray, noisy: np.ndarray, spans: Sequence[Span], sample_rate: float) -> np.ndarray:
    """`noisy` within the spans, `clean` elsewhere; audio is cross-faded over 5 ms inside each span.

    Args:
        kind: of the sample, as in `noise_scheduler.sample`.
        clean, noisy: of one shape.
        sample_rate: of audio, in Hz.
    """
    if kind in ("image", "video") and clean.ndim == 3:
        return noisy
    axis = clean.ndim - 1 if kind == "audio" else 0
    result = clean.copy()
    for first, last in _indices(spans, clean.shape[axis]):
        part = (*[slice(None)] * axis, slice(first, last))
        if kind == "audio":
            fade = min(round(_FADE_S * sample_rate), (last - first) // 2)
            gain = np.ones(last - first, np.float32)
            ramp = (np.arange(fade, dtype=np.float32) + 1) / np.float32(fade + 1)
            gain[:fade] = ramp if first else 1
            gain[last - first - fade :] = ramp[::-1] if last < clean.shape[axis] else 1
            result[part] = gain * noisy[part] + (1 - gain) * clean[part]
        else:
            result[part] = noisy[part]
    return result


def text_parts(text: str, spans: Sequence[Span]) -> list[tuple[int, int]]:
    """The hit stretches of a text, whole words, as (start, end) of characters; empty where it has no word."""
    words = [match.span() for match in _WORD.finditer(text)]
    if not words:
        return []
    return [(words[first][0], words[last - 1][1]) for first, last in _indices(spans, len(words))]


def _indices(spans: Sequence[Span], length: int) -> list[tuple[int, int]]:
    """Spans as [first, last) of `length` items, at least one item each, none of them twice."""
    indices: list[tuple[int, int]] = []
    free = 0
    for start, end in spans:
        first = max(min(round(start * length), length - 1), free)
        last = max(round(end * length), first + 1)
        if first < length:
            indices.append((first, min(last, length)))
            free = indices[-1][1]
    return indices
