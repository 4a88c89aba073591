"""Tied noise: what happens to one modality follows from what was done to another one of the same sample.

A noise follows a modality if its field ``follows`` names one, as in ``build("text/asr", follows="audio")``: the words
that a recogniser gets wrong depend on what was done to the sound that it hears. A scheduler hits such a noise in those
samples, and only those, in which it hits the followed modality; its conditions, levels and spans do not apply. How much
is done is known only when the followed noises are done: a plan says level 0, and `noise_scheduler.apply` fills it in.
From then on the record stands for itself: applied again, whole or in part, it does the same to the text.

There are two kinds:

- A noise with a method ``follow(hits) -> (position, achieved)`` gets the executed hits on the followed modality, with
  the quantities that they achieved (``snr_db``, ``rt60_s`` …), and says how far to go along its own path, in [0, 1]. It
  always runs on that path, uncalibrated.
- A noise with ``hears: ClassVar[bool] = True`` gets the noisy sample of the followed modality as the context ``heard``,
  with its ``sample_rate``.

Where the followed noises hit spans, so does the first kind: a text in the words that were said within them, if sound is
followed and the sample has ``word_times``, (words, 2) seconds of start and end for each word between white space, and
otherwise in the same share of its words.

Public: `follow`, `followed`, `hears`, `untied`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .record import Hit
from .sample import SampleError
from .span import Span

_CAUSE = "caused_by"
"""What an applied record calls the noises that a hit follows."""


def followed(noise: Any) -> str:
    """The modality that a noise follows; empty for one that follows none."""
    return str(getattr(noise, "follows", ""))


def hears(noise: Any) -> bool:
    """Whether a noise is given the noisy sample that it follows."""
    return bool(getattr(noise, "hears", False))


def untied(noise: Any) -> Any:
    """The same noise on its own, at levels of its own; raises ValueError for one that hears, which cannot be."""
    if hears(noise):
        raise ValueError(f"{type(noise).__name__} hears the noisy {followed(noise)} of a sample: it cannot stand alone")
    return replace(noise, follows="") if followed(noise) else noise


def follow(hit: Hit, noise: Any, done: Sequence[Hit], sample: Mapping[str, Any]) -> Hit:
    """A hit of a noise that follows, with its level and spans.

    Args:
        hit: as planned, or from a record that was applied before.
        noise: its noise.
        done: the executed hits before it.
        sample: the sample, clean or with the followed modality already noisy.

    Returns:
        The hit with level and spans filled in; `achieved` says what caused it and what is expected.

    Raises:
        ValueError: the hit was never applied, or its noise hears, and no hit on the followed modality is among `done`.
        SampleError: ``word_times`` does not fit the text.
    """
    if _CAUSE in hit.achieved and not hears(noise):
        return hit
    causes = [cause for cause in done if cause.modality == followed(noise)]
    if not causes:
        raise ValueError(
            f"{hit.noise} follows {followed(noise)!r}, and the record has no hit on it: apply the record as a whole, "
            "or the part that an applied record holds"
        )
    caused_by = {_CAUSE: ", ".join(cause.noise for cause in causes)}
    if hears(noise):
        return replace(hit, level=1.0, spans=(), achieved=caused_by)
    position, expected = noise.follow(causes)
    spans: tuple[Span, ...] = ()
    if all(cause.spans for cause in causes):
        spans = _union([span for cause in causes for span in cause.spans])
        of_sound = all(cause.noise.startswith("audio/") for cause in causes)
        if of_sound and "word_times" in sample and isinstance(sample[hit.modality], str):
            wave, sample_rate = sample[followed(noise)], sample["sample_rate"]
            duration_s = wave.shape[-1] / sample_rate
            spans = _said_within(spans, _word_times(sample, hit.modality) / duration_s)
            position = position if spans else 0.0
    return replace(hit, level=min(max(float(position), 0.0), 1.0), spans=spans, achieved={**caused_by, **expected})


def _union(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The stretches that any of the spans covers."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return tuple(merged)


def _said_within(spans: Sequence[Span], times: np.ndarray) -> tuple[Span, ...]:
    """The runs of words whose middle lies within a span, as shares of all words."""
    middles = times.mean(1)
    inside = np.zeros(len(times), bool)
    for start, end in spans:
        inside |= (start <= middles) & (middles < end)
    edges = np.flatnonzero(np.diff(np.r_[False, inside, False].astype(np.int8)))
    count = len(times)
    return tuple((int(first) / count, int(last) / count) for first, last in edges.reshape(-1, 2))


def _word_times(sample: Mapping[str, Any], modality: str) -> np.ndarray:
    """(words, 2) seconds, checked."""
    times = np.asarray(sample["word_times"], np.float64)
    words = len(re.findall(r"\S+", sample[modality]))
    if words == 0:
        return np.zeros((0, 2))
    if times.shape != (words, 2) or not np.isfinite(times).all() or (times[:, 1] < times[:, 0]).any():
        raise SampleError(
            f"word_times must hold (start, end) in seconds for each of the {words} words of {modality}, not shape "
            f"{times.shape}" + ("" if times.shape != (words, 2) else " with ends before starts or values not finite")
        )
    return times
