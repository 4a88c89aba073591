"""The robustness report: one self-contained HTML page from a run's results.json.

The page needs no network and no other file: charts are inline SVG, pictures and sounds are in the page. The
schema of results.json is documented, and checked, in `recipes.report.results`.

Public: `write_report`, `read_results`, `ResultsError`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from noise_scheduler import NoiseScheduler

from .page import page
from .resources import read_resources
from .results import ResultsError, read_results

__all__ = ["ResultsError", "read_results", "write_report"]


def write_report(run: Path, samples: Sequence[Mapping[str, Any]]) -> Path:
    """Write `run`/report.html from `run`/results.json and, if it is there, `run`/resources.json; gives its path.

    Args:
        run: folder of a finished run.
        samples: two to four utterances for the gallery, as `recipes.corpora.cache` gives them: id, label, audio
            float32 (n,), sample_rate Hz, video uint8 (T, S, S, 3), fps Hz, text.

    The same input gives the same bytes. The page is written under a temporary name and then moved, so that an
    older report stays whole if anything fails.

    Raises:
        ResultsError: results.json is missing, of another schema, or one of the two lacks something.
    """
    source, target = run / "results.json", run / "report.html"
    results = read_results(source)
    try:
        scheduler = NoiseScheduler.from_dict(results["scheduler"])
    except (KeyError, TypeError, ValueError) as error:
        message = error.args[0] if error.args else error
        raise ResultsError(f"{source}: scheduler: {message}; install the package that wrote the file") from error
    scratch = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        scratch.write_text(page(results, samples, scheduler, read_resources(run)), encoding="utf-8")
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    return target
