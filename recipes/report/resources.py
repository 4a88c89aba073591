"""The section of the report that says what the run took; its figures are those of one machine, and vary.

Public: `read_resources`, `resources_section`.
"""

from __future__ import annotations

from pathlib import Path

from recipes.resources import Resources, Stage

from .markup import number, table, text
from .results import read_checked


def read_resources(run: Path) -> Resources | None:
    """The checked content of `run`/resources.json; None where there is none. Raises ResultsError."""
    file = run / "resources.json"
    return read_checked(file, Resources) if file.exists() else None


def resources_section(found: Resources) -> str:
    """Time, throughput and memory. Markup."""
    workers = found["workers"]
    processes = "one process" if workers < 2 else f"{workers} processes"
    peak = found["peak_memory_mib"]
    rows = [
        [text(name), str(stage["jobs"]), number(stage["seconds"]), str(stage["utterances"]), _rate(stage)]
        for name, stage in found["stages"].items()
    ]
    head = ["Stage", "Jobs", "Seconds", "Utterances", "Utterances per second"]
    note = (
        f"<p>{number(found['wall_s'] / 60)} minutes with jobs in {processes}. Peak memory: "
        f"{number(peak['recipe'] / 1024, 2)} GiB in the recipe, {number(peak['largest_other_process'] / 1024, 2)} GiB "
        "in the largest of the processes that it started. These figures are of one machine and vary from run to run; "
        "those above do not.</p>"
    )
    caption = "Seconds are summed over jobs and processes, so the rates are those of one process"
    return note + table(caption, head, rows, extra_class="scores")


def _rate(stage: Stage) -> str:
    return number(stage["utterances"] / stage["seconds"]) if stage["seconds"] else "–"
