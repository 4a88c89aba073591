"""Timing; noises beside their peers at equal strength; and the results file, with the environment of its figures.

A noise and a peer are compared on samples of one kind and size (`Bench`). Ours is set to half the scale of its measure,
or to half of what it can reach at most; each peer is then set to the same strength by bisection of one parameter.
Whoever cannot reach it to within .06 is timed at the nearest and marked. Times are medians over single calls, all
candidates in turn, each with a transform that was built once and samples in its own format.

Public: `alternate`, `microseconds`, `keep_freed_memory`, `write`; `Peer`, `Bench`, `compare`,
`compare_all`, `timed`, `summary`, `table`.
"""

from __future__ import annotations

import ctypes
import json
import math
import platform
import random
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import count, cycle
from pathlib import Path
from typing import Any

import numpy as np

import noise_scheduler as ns

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("noise-scheduler", "numpy", "torch")

TARGET, NEAR, CLOSE = 0.35, 0.06, 0.007
TIMING_S, MOST_ROUNDS, LEAST_ROUNDS = 0.6, 60, 4
SETTING_S = 0.5  # after which the strength of a slow transform is taken from the samples so far
HOPELESS = 10  # times the fastest, from which on a peer is timed by a single call, and not on greater samples

Call = Callable[[Any], Any]


def alternate(candidates: Mapping[str, Callable[[], Any]], *, rounds: int) -> dict[str, list[float]]:
    """Seconds of each call, all candidates in turn, in alternating order, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for turn in range(rounds + 1):
        for name in names if turn % 2 else reversed(names):
            start = time.perf_counter()
            candidates[name]()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def microseconds(call: Callable[[], Any], calls: int, *, rounds: int = 7) -> float:
    """Median microseconds of one of the `calls` that `call` makes."""
    return 1e6 * statistics.median(alternate({"": call}, rounds=rounds)[""]) / calls


def keep_freed_memory() -> None:
    """Have this process reuse what it frees: on a virtual machine, fresh memory can cost more than the arithmetic."""
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(-4, 0)  # M_MMAP_MAX
        ctypes.CDLL(None).mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


@dataclass(frozen=True)
class Peer:
    """A transform of another library; its strength rises as the parameter goes from `mild` to `strong`."""

    name: str
    """Letter of the library, a dot, and the transform."""
    make: Callable[[float, int], Call]
    """Given the parameter and the scale of the samples."""
    mild: float
    strong: float
    ratios: bool = False
    """Whether equal steps of strength are equal ratios of the parameter."""
    whole: bool = False
    """Whether the parameter is a whole number."""

    @property
    def letter(self) -> str:
        return self.name[0]

    def parameter(self, position: float) -> float:
        """The parameter at `position` in [0, 1] between mild and strong."""
        if self.ratios:
            value = self.mild * (self.strong / self.mild) ** position
        else:
            value = self.mild + (self.strong - self.mild) * position
        return round(value) if self.whole else value


@dataclass(frozen=True)
class Bench:
    """What a noise and its peers are compared on."""

    samples: list[Any]
    scale: int
    """Of the samples, for `Peer.make`: side of a picture in pixels, sampling rate of a wave in Hz."""
    strength: Callable[[Any, Any], float]
    """Of a noisy sample beside the clean one."""
    to_input: Callable[[str, Any], Any]
    """A sample as the library of a letter wants it."""
    to_sample: Callable[[str, Any], Any]
    """A sample from what that library gave."""
    context: Mapping[str, float] = field(default_factory=dict)
    """For `noise_scheduler.corrupt`."""


def compare_all(
    noises: Mapping[str, Any], peers: Mapping[str, Sequence[Peer]], benches: Mapping[int, Callable[[str], Bench]]
) -> tuple[dict[int, dict[str, Any]], list[str]]:
    """`compare` each noise at each size, the smallest first.

    Args:
        noises: those from `noise_scheduler.build`, by the names under which they have peers.
        benches: what a noise is compared on, by size.

    Returns:
        Size → name → figures, and the names of those that failed, with the error printed.
    """
    from rich.progress import track

    found: dict[int, dict[str, Any]] = {size: {} for size in sorted(benches)}
    failed = []
    for name, noise in track(noises.items(), "noises"):
        row: dict[str, Any] | None = None
        rows = {}
        try:
            for size in found:
                row = rows[size] = compare(noise, peers[name], benches[size](name), row)
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        for size, made in rows.items():
            found[size][name] = made
    if len(failed) == len(noises):
        raise SystemExit("no noise could be measured")
    return found, failed


def compare(noise: Any, peers: Sequence[Peer], bench: Bench, smaller: dict[str, Any] | None = None) -> dict[str, Any]:
    """Strengths and times of a noise and its peers on samples of one size, given those on smaller ones."""
    level, ours = _our_level(noise, bench)
    row: dict[str, Any] = {"level": level, "strength": ours, "peers": {}}
    calls: dict[str, Callable[[], Any]] = {"ours": _our_call(noise, level, bench)}
    for number, peer in enumerate(peers):
        key = peer.name if [other.name for other in peers].index(peer.name) == number else f"{peer.name} (2)"
        before = smaller["peers"].get(key, {"hopeless": True}) if smaller else {"position": 0.5, "hopeless": False}
        if before["hopeless"]:
            continue
        position, found = _peer_position(peer, bench, ours, before["position"])
        row["peers"][key] = {
            "number": number,
            "position": position,
            "parameter": peer.parameter(position),
            "strength": found,
            "reached": abs(found - ours) <= NEAR,
        }
        calls[key] = _peer_call(peer, peer.parameter(position), bench)
    times = timed(calls)
    least = min(times[key] for key in row["peers"])
    for key, found in row["peers"].items():
        found |= {"ms": times[key], "hopeless": times[key] > HOPELESS * least}
    return row | {"ms": times["ours"]} | _fastest(row["peers"], times["ours"])


def timed(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median milliseconds of a call, in turn with the others, over as many rounds as there is time for."""
    once = {name: times[0] for name, times in alternate(calls, rounds=1).items()}
    least = min((seconds for name, seconds in once.items() if name != "ours"), default=0)
    in_turn = {name: call for name, call in calls.items() if name == "ours" or once[name] < HOPELESS * least}
    rounds = int(TIMING_S / sum(once[name] for name in in_turn))
    seconds = alternate(in_turn, rounds=4 * math.ceil(min(max(rounds, LEAST_ROUNDS), MOST_ROUNDS) / 4))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {name: 1e3 * medians.get(name, once[name]) for name in calls}


def summary(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Geometric mean of the ratios, and the share of noises at least as fast as the fastest peer."""
    ratios = [row["ratio"] for row in rows.values()]
    return {
        "geometric_mean_ratio": statistics.geometric_mean(ratios),
        "at_least_as_fast": sum(ratio >= 1 for ratio in ratios) / len(ratios),
    }


def table(columns: Mapping[str, Mapping[str, Any]], summaries: Iterable[Mapping[str, float]], libraries: str) -> str:
    """Rows of noises as Markdown.

    Args:
        columns: head → noise → figures.
        summaries: of the columns.
        libraries: what the letters of peers stand for.
    """
    lines = ["| noise | fastest peer | " + " | ".join(columns) + " |", "|---|---|" + "---|" * len(columns)]
    for name in next(iter(columns.values())):
        rows = [column[name] for column in columns.values()]
        peers = ", ".join(dict.fromkeys(row["fastest"] for row in rows))
        lines.append(f"| {name} | {peers} | " + " | ".join(map(_cell, rows)) + " |")
    summaries = list(summaries)
    means = [f"**{found['geometric_mean_ratio']:.1f}×**" for found in summaries]
    lines.append("| geometric mean of the ratios | | " + " | ".join(means) + " |")
    shares = [f"{found['at_least_as_fast']:.0%}" for found in summaries]
    lines.append("| at least as fast as the fastest peer | | " + " | ".join(shares) + " |")
    note = (
        f"Peers: {libraries}. In brackets, how many times as long the fastest peer takes; * where no peer reaches the "
        "strength, so that the nearest is timed."
    )
    return "\n".join([*lines, "", note, ""])


def seed() -> None:
    """Seed the global generators, from which peers draw."""
    import torch

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


def _our_level(noise: Any, bench: Bench) -> tuple[float, float]:
    """(level, strength) at the target, or at half of what the noise can reach."""

    def reached(level: float) -> float:
        return _mean_strength(
            lambda x, draw: ns.corrupt(x, noise, level=level, step=draw, **bench.context),  # type: ignore[arg-type]
            bench,
        )

    return _bisect(reached, min(TARGET, reached(1.0) / 2), 0.5)


def _peer_position(peer: Peer, bench: Bench, target: float, start: float) -> tuple[float, float]:
    """(position of the parameter, strength), as near to the target as it comes."""
    known: dict[float, float] = {}

    def reached(position: float) -> float:
        parameter = peer.parameter(position)
        if parameter not in known:
            transform = peer.make(parameter, bench.scale)
            known[parameter] = _mean_strength(
                lambda x, draw: bench.to_sample(peer.letter, transform(bench.to_input(peer.letter, x))), bench
            )
        return known[parameter]

    return _bisect(reached, target, start)


def _mean_strength(call: Callable[[Any, int], Any], bench: Bench) -> float:
    """Over the samples, two draws each; over fewer where the call is slow."""
    seed()
    start, values = time.perf_counter(), []
    for draw in range(2):
        for sample in bench.samples:
            values.append(bench.strength(sample, call(sample, draw)))
            if time.perf_counter() - start > SETTING_S:
                return statistics.fmean(values)
    return statistics.fmean(values)


def _bisect(reached: Callable[[float], float], target: float, start: float) -> tuple[float, float]:
    """(position, value) of the position in [0, 1] whose value comes nearest to the target."""
    low, high, middle, best = 0.0, 1.0, start, (0.0, math.inf)
    for _ in range(8):
        value = reached(middle)
        best = min(best, (middle, value), key=lambda found: abs(found[1] - target))
        if abs(value - target) < CLOSE:
            break
        low, high = (low, middle) if value > target else (middle, high)
        middle = (low + high) / 2
    return best


def _our_call(noise: Any, level: float, bench: Bench) -> Callable[[], Any]:
    sample, step = cycle(bench.samples), count()
    return lambda: ns.corrupt(next(sample), noise, level=level, step=next(step), **bench.context)  # type: ignore[arg-type]


def _peer_call(peer: Peer, parameter: float, bench: Bench) -> Callable[[], Any]:
    transform = peer.make(parameter, bench.scale)
    sample = cycle([bench.to_input(peer.letter, x) for x in bench.samples])
    return lambda: transform(next(sample))


def _fastest(peers: dict[str, dict[str, Any]], ms: float) -> dict[str, Any]:
    """The peer to beat: the fastest of those at our strength, or of all where none is."""
    able = {key: peer for key, peer in peers.items() if peer["reached"]} or peers
    name = min(able, key=lambda key: able[key]["ms"])
    return {"fastest": name, "ratio": able[name]["ms"] / ms}


def _cell(row: Mapping[str, Any]) -> str:
    star = "*" if "peers" in row and not row["peers"][row["fastest"]]["reached"] else ""
    return f"{row['ms']:.2f} ({row['ratio']:.1f}×{star})"


def write(name: str, figures: Mapping[str, Any], packages: Iterable[str] = ()) -> Path:
    """Write a benchmark's figures to ``benchmarks/results/NAME.json``, with the versions of further `packages`."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    temporary = file.with_suffix(".part")
    body = {"benchmark": name, "environment": _environment(packages), "figures": figures}
    temporary.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(file)
    return file


def _environment(packages: Iterable[str]) -> dict[str, Any]:
    import os

    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "packages": {name: found for name in (*_PACKAGES, *packages) if (found := _version(name))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
