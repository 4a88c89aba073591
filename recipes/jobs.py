"""Jobs of a run in parallel processes, with one progress view; finished jobs are not done again.

A job is a top-level function ``job(*arguments, report=...)`` that writes its results itself, whole or not at all;
`report(done, total)` tells how far it is. Its outcome must not depend on the number of processes.

Public: `Job`, `run_jobs`, `Report`, `shares`, `silent`, `die_with`.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Report = Callable[[int, int], None]
"""(done, total) → nothing; tells how far a job is."""

_queue: Any = None


@dataclass(frozen=True)
class Job:
    """What to call, and what to call it in the progress view."""

    title: str
    function: Callable[..., None]
    arguments: tuple[Any, ...]
    done: bool = False
    """Its results are there already."""


def run_jobs(title: str, jobs: Sequence[Job], workers: int, console: Console) -> None:
    """Run the jobs that are not done, the first ones first.

    Args:
        workers: processes; 0 runs the jobs one after the other in this process.

    Raises:
        Exception: what a job raised; the jobs not yet started are given up.
    """
    if not jobs:
        return
    waiting = [job for job in jobs if not job.done]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=2) as progress:
        whole = progress.add_task(f"[bold]{title}", total=len(jobs), completed=len(jobs) - len(waiting))
        if workers == 0:
            for job in waiting:
                _run_here(job, progress, whole)
        elif waiting:
            _run_in_processes(waiting, workers, progress, whole)


def shares(report: Report, parts: Sequence[float]) -> list[Report]:
    """One report per part of a job, `parts` being how much of the whole each takes."""
    ends = np.cumsum(parts) / np.sum(parts)

    def part(start: float, end: float) -> Report:
        return lambda done, total: report(round(1000 * (start + (end - start) * done / max(total, 1))), 1000)

    return [part(start, end) for start, end in zip([0.0, *ends], ends, strict=False)]


def silent(done: int, total: int) -> None:
    """A report to nobody."""


def _run_here(job: Job, progress: Progress, whole: TaskID) -> None:
    task = progress.add_task(f"  {job.title}", total=None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        job.function(*job.arguments, report=lambda done, total: progress.update(task, completed=done, total=total))
    finally:
        torch.set_num_threads(threads)
    progress.remove_task(task)
    _end(job, progress, whole)


def _run_in_processes(jobs: Sequence[Job], workers: int, progress: Progress, whole: TaskID) -> None:
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), context, initializer=_start_worker, initargs=(queue, os.getpid())
    )
    tasks: dict[int, TaskID] = {}
    futures: dict[Future[None], int] = {pool.submit(_run_there, i, job): i for i, job in enumerate(jobs)}
    try:
        while futures:
            finished, _ = wait(futures, timeout=0.5, return_when=FIRST_COMPLETED)
            while not queue.empty():
                index, done, total = queue.get()
                if index not in tasks:
                    tasks[index] = progress.add_task(f"  {jobs[index].title}")
                progress.update(tasks[index], completed=done, total=total)
            for future in finished:
                index = futures.pop(future)
                future.result()
                if index in tasks:
                    progress.update(tasks[index], visible=False)
                _end(jobs[index], progress, whole)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _end(job: Job, progress: Progress, whole: TaskID) -> None:
    progress.advance(whole)
    if not progress.console.is_terminal:  # where no bar can be seen, a log gets a line per job
        task = next(task for task in progress.tasks if task.id == whole)
        progress.console.print(f"{job.title} is done, {task.completed:.0f} of {task.total:.0f}", highlight=False)


def _start_worker(queue: Any, parent: int) -> None:
    global _queue
    _queue = queue
    torch.set_num_threads(1)
    threading.Thread(target=die_with, args=(parent,), daemon=True).start()


def die_with(parent: int) -> None:
    """End this process when the recipe was killed, so that nothing goes on writing behind its back."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _run_there(index: int, job: Job) -> None:
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > 0.3:
            last = time.monotonic()
            _queue.put((index, done, total))

    job.function(*job.arguments, report=report)
