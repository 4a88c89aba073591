"""Timing, and the results file: figures with the environment that they were measured in.

Public: `alternate`, `microseconds`, `keep_freed_memory`, `write`.
"""

from __future__ import annotations

import ctypes
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("noise-scheduler", "numpy", "torch")


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
