import io
import os

import pytest
from rich.console import Console

from recipes.jobs import Job, run_jobs


def write(path, text, *, report):
    report(1, 2)
    path.write_text(f"{text} {os.getpid()}")
    report(2, 2)


def fail(*, report):
    raise ValueError("this job failed")


@pytest.mark.parametrize("workers", [0, 2])
def test_jobs_run_once_and_done_ones_not_at_all(tmp_path, workers):
    jobs = [Job(f"job {i}", write, (tmp_path / str(i), f"job {i}"), done=i == 1) for i in range(4)]
    output = io.StringIO()
    run_jobs("All", jobs, workers, Console(file=output, width=100))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2", "3"]
    here = {path.read_text().endswith(f" {os.getpid()}") for path in tmp_path.iterdir()}
    assert here == {workers == 0}
    assert "All" in output.getvalue()
    told = {line for line in output.getvalue().splitlines() if " is done, " in line}
    assert {line.split(" is done")[0] for line in told} == {"job 0", "job 2", "job 3"}
    assert {line.split(", ")[1] for line in told} == {"2 of 4", "3 of 4", "4 of 4"}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_failing_job_raises(workers):
    with pytest.raises(ValueError, match="this job failed"):
        run_jobs("All", [Job("bad", fail, ())], workers, Console(file=io.StringIO()))
