"""What a run took: seconds and utterances of its stages, peak memory of its processes; never part of results.json.

    NAME.stage.json     one stage of one job, in the folder of the job
    RUN/resources.json  the run, as `Resources` says

Public: `timed`, `write_stage`, `collect`, `Resources`, `Stage`, `STAGES`.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from recipes.files import read_json, write_json

STAGES = ("decoding", "encoder training", "bank", "fusion", "end-to-end fine-tuning", "training", "evaluation")
"""In the order in which they are reported; ``training`` is that of encoders and fusion together, on features."""


class Stage(TypedDict):
    """One stage of a run, over all its jobs."""

    jobs: int
    seconds: float
    """Sum over the jobs and their processes, those at the same time too."""
    utterances: int
    """Utterances or, in a bank, views of utterances gone through, each as often as it was."""


class Resources(TypedDict):
    """RUN/resources.json."""

    wall_s: float
    """From the command's start to its results; of the last command, where a run was resumed."""
    workers: int
    """Processes for jobs; 0 where all was done in one."""
    stages: dict[str, Stage]
    peak_memory_mib: dict[str, int]
    """Resident size: ``recipe`` is the process that was started, ``largest_other_process`` of those that it started.
    Pages of the memory-mapped cache count as far as they were read."""


@dataclass
class Count:
    """How many utterances a stage went through; to be set by the stage."""

    utterances: int = 0


@contextmanager
def timed(file: Path, stage: str) -> Iterator[Count]:
    """Time the body as a `stage`, and write ``NAME.stage.json`` to `file` when it is done."""
    count, started = Count(), time.perf_counter()
    yield count
    write_stage(file, stage, time.perf_counter() - started, count.utterances)


def write_stage(file: Path, stage: str, seconds: float, utterances: int) -> None:
    """Write down one stage of one job."""
    write_json(file, {"stage": stage, "seconds": round(seconds, 3), "utterances": utterances})


def collect(folder: Path, wall_s: float, workers: int) -> Resources:
    """The resources of a run from the stages below `folder` and from what the system says of this process so far."""
    stages: dict[str, Stage] = {}
    for file in sorted(folder.rglob("*.stage.json")):
        found = read_json(file)
        stage = stages.setdefault(found["stage"], {"jobs": 0, "seconds": 0.0, "utterances": 0})
        stage["jobs"] += 1
        stage["seconds"] = round(stage["seconds"] + found["seconds"], 3)
        stage["utterances"] += found["utterances"]
    return {
        "wall_s": round(wall_s, 1),
        "workers": workers,
        "stages": {name: stages[name] for name in STAGES if name in stages},
        "peak_memory_mib": {
            "recipe": _peak_mib(resource.RUSAGE_SELF),
            "largest_other_process": _peak_mib(resource.RUSAGE_CHILDREN),
        },
    }


def _peak_mib(who: int) -> int:
    """Greatest resident size: of this process, or of the largest that it (or a process of its) has waited for."""
    peak = resource.getrusage(who).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10))  # bytes there, KiB elsewhere
