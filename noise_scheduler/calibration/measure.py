"""Measuring a profile: mean severity along each noise's path, inverted at equal steps of severity.

Two passes: the first finds the path's shape at fixed positions, on a part of the samples; the second measures all of
them at the positions that the first one gives for the levels, with more draws where severities scatter. Its means are
made to rise by isotonic regression and are inverted by interpolation. The random stream of a measurement depends on the
noise, the sample and the position's number alone, so that a profile does not depend on the number of processes.

Public: `calibrate`, `to_json`.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import registry, severity
from ..contract import Noise, run
from ..extras import need
from ..rng import key_of, stream
from ..tied import hears
from . import FULL_SEVERITY, KNOTS, digest_of

LEAST_SEVERITY = 0.1
"""A noise that does less than this at the end of its path is left out: it has no strength to calibrate."""

_FIRST = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0)
_SECOND = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_FIRST_SHARE = 3  # the first pass looks at every third sample
_STANDARD_ERROR = 0.01  # that the second pass aims at, in severity

Doubles = npt.NDArray[np.float64]


class Sample(NamedTuple):
    """One sample of a corpus."""

    data: Any
    """As `noise_scheduler.sample` has it."""
    context: Mapping[str, float]
    """`fps` or `sample_rate`."""


def calibrate(
    kind: str,
    corpus: Sequence[Sample],
    noises: Iterable[str],
    *,
    draws: int = 2,
    seed: int = 0,
    processes: int | None = None,
    watch: Callable[[Iterable[Any], int], Iterable[Any]] = lambda results, total: results,
) -> dict[str, Any]:
    """Measure a profile.

    Args:
        kind: of the samples, a key of `noise_scheduler.severity.MEASURES`.
        corpus: the samples, at least two.
        noises: registered names; one that is all or nothing (``graded = False``), or that hears another modality, is
            left out.
        draws: how often a sample is measured at most, where severities scatter.
        seed: of all random streams.
        processes: that share the work; None for as many as there are processors.
        watch: called with the results as they come and their number, for a progress bar.

    Returns:
        The profile as a dict for `to_json`, with the noises that were left out under ``"too_mild"``.

    Raises:
        ValueError: there is no measure for the kind, or too few samples.
    """
    if len(corpus) < 2:
        raise ValueError(f"a profile needs two samples at least, not {len(corpus)}")
    for x, context in corpus:
        severity.against(kind, x, **context)
    graded = {name: noise for name in noises if _has_curve(noise := registry.build(name))}
    with ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=_set_up, initargs=(kind, corpus, draws, seed)
    ) as pool:
        results = dict(zip(graded, watch(pool.map(_curve, graded.values()), len(graded)), strict=True))
    return {
        "profile": 1,
        "kind": kind,
        "corpus": {"samples": len(corpus), "digest": _digest(corpus)},
        "noises": {name: curve for name, curve in results.items() if isinstance(curve, dict)},
        "too_mild": {name: top for name, top in results.items() if not isinstance(top, dict)},
    }


def _has_curve(noise: Noise) -> bool:
    return getattr(noise, "graded", True) and not hears(noise)


def to_json(profile: Mapping[str, Any]) -> str:
    """The text of a profile file: a line for each noise."""
    head = {key: value for key, value in profile.items() if key not in ("noises", "too_mild")}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    for key in ("noises", "too_mild"):
        items = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(profile[key].items())]
        lines.append(f"{json.dumps(key)}: {{\n" + ",\n".join(items) + "\n}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


class _Work:
    """What a process holds: the corpus, ready to be measured against."""

    corpus: Sequence[Sample] = ()
    measures: Sequence[severity.Measure] = ()
    draws = 1
    seed = 0


def _set_up(kind: str, corpus: Sequence[Sample], draws: int, seed: int) -> None:
    if kind in ("image", "video"):
        need("cv2", extra="image").setNumThreads(1)
    _Work.corpus, _Work.draws, _Work.seed = corpus, draws, seed
    _Work.measures = [severity.against(kind, x, **context) for x, context in corpus]


def severities(noise: Noise, position: float, turn: int, *, draws: int = 1, every: int = 1) -> Doubles:
    """Severity of a noise at a position of its path on every, or every so many, samples of the corpus."""
    name, measured = registry.name_of(noise), []
    for draw in range(draws):
        for index in range(0, len(_Work.corpus), every):
            x, context = _Work.corpus[index]
            x, measure = severity.trial(noise, x, _Work.measures[index], **context)
            with stream(key_of(_Work.seed, index), turn, name, draw) as rng:
                noisy, _ = run(noise, name, x, position, rng, context)
            measured.append(measure(noisy))
    return np.array(measured)


def _curve(noise: Noise) -> dict[str, Any] | float:
    """The curve of a noise; its severity at the end of its path where that is too little."""
    first = [severities(noise, position, turn, every=_FIRST_SHARE) for turn, position in enumerate(_FIRST)]
    path, shape = np.r_[0, _FIRST], np.r_[0, _rising([s.mean() for s in first], [s.size for s in first])]
    if shape[-1] < LEAST_SEVERITY:
        return round(float(shape[-1]), 4)
    positions = [float(np.interp(level * min(FULL_SEVERITY, shape[-1]), shape, path)) for level in _SECOND]
    scatter = np.interp(positions, path, np.r_[0, [s.std() for s in first]])
    again = [
        severities(noise, position, turn, draws=_draws(spread))
        for turn, (position, spread) in enumerate(zip(positions, scatter, strict=True), len(_FIRST))
    ]
    for further in (min(1.0, 1.1 * positions[-1]), 1.0):  # so that level 1 lies between two measurements
        if positions[-1] < further and again[-1].mean() < FULL_SEVERITY:
            positions.append(further)
            again.append(severities(noise, further, len(_FIRST) + len(again), draws=_draws(scatter[-1])))
    rising = _rising([s.mean() for s in again], [s.size for s in again])
    top = min(FULL_SEVERITY, float(rising[-1]))
    return {
        "version": registry.version_of(registry.name_of(noise)),
        "fields": digest_of(noise),
        "max_severity": round(top, 4),
        "spread": round(float(np.mean([s.std() for s in again])), 4),
        "positions": _strict(np.interp(np.linspace(0, top, KNOTS), np.r_[0, rising], np.r_[0, positions])),
    }


def _draws(spread: float) -> int:
    """How often each sample is measured, for a mean that is as exact as it need be."""
    return int(np.clip(np.ceil((spread / _STANDARD_ERROR) ** 2 / len(_Work.corpus)), 1, _Work.draws))


def _rising(means: Any, weights: Any) -> Doubles:
    """The means, made to rise strictly from a positive value."""
    optimize = need("scipy.optimize", extra="cli")
    means = optimize.isotonic_regression(np.maximum(means, 0), weights=np.asarray(weights, float)).x
    rising: Doubles = means + 1e-7 * np.arange(1, len(means) + 1)
    return rising


def _strict(knots: Doubles) -> list[float]:
    """Knots of six decimals that rise strictly from 0 to at most 1."""
    steps = np.rint(knots * 1e6).astype(int)
    steps[0] = 0
    for index in range(1, len(steps)):
        steps[index] = max(steps[index], steps[index - 1] + 1)
    excess = max(0, int(steps[-1]) - 10**6)
    return [round(max(int(step) - excess, index) / 1e6, 6) for index, step in enumerate(steps)]


def _digest(corpus: Sequence[Sample]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for x, _ in corpus:
        digest.update(np.ascontiguousarray(x).tobytes() if isinstance(x, np.ndarray) else str(x).encode())
    return digest.hexdigest()
