"""The command line that recipes share, the folder that a run claims, and what it leaves there.

Public: `main`, `RunError`, `check_free`, `claimed_folder`, `finish`.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape

from recipes import settings as settings_files
from recipes.compare import main as compare_runs
from recipes.corpora import CorpusError
from recipes.corpora.cache import CacheError
from recipes.files import read_json, write_json
from recipes.report import write_report
from recipes.resources import collect
from recipes.settings import SettingsError
from recipes.trainer import TrainingError

Settings = TypeVar("Settings")

_PACKAGES = (
    "numpy",
    "torch",
    "lightning",
    "torchmetrics",
    "opencv-python-headless",
    "scipy",
    "av",
    "nlpaug",
    "pyroomacoustics",
)


class RunError(ValueError):
    """The run's folder cannot be used, or not all of it be written; the message names it and the remedy."""


def main(
    name: str,
    description: str,
    config: Path,
    demo: Path,
    settings_class: type[Settings],
    run: Callable[[Settings, argparse.Namespace, Console], None],
    arguments: Sequence[str] | None,
) -> int:
    """Run a recipe; gives the exit code: 0 done, 2 wrong input, 130 interrupted.

    `run` is given the settings and the options data, out, cache, workers, resume and skip_bad.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m recipes.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help=f"the corpus (default: a demo corpus, made in {demo})")
    parser.add_argument("--out", type=Path, default=Path("runs", name), help="folder of the run (default: %(default)s)")
    parser.add_argument("--config", type=Path, default=config, help="settings, TOML (default: %(default)s)")
    parser.add_argument("--cache", type=Path, help="folder of decoded corpora (default: cache beside RUN)")
    parser.add_argument("--workers", type=_count, default=os.cpu_count() or 1, help="processes; 0 works in this one")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was broken off")
    parser.add_argument("--skip-bad", action="store_true", help="leave out what cannot be read, and list it")
    options, overrides = parser.parse_known_args(arguments)
    options.cache = options.cache or options.out.parent / "cache"
    console = Console()
    try:
        run(settings_files.load(settings_class, options.config, overrides), options, console)
    except (CorpusError, CacheError, SettingsError, RunError, TrainingError, FileExistsError) as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print("Interrupted; the same command with --resume goes on from here.", highlight=False)
        return 130
    return 0


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number ≥ 0, not {text!r}")
    return int(text)


def check_free(out: Path, resume: bool) -> None:
    """Raise RunError where `out` is a file, or holds something that is not to be or cannot be gone on with."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file; give --out a folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not resume:
        raise RunError(f"{out} is not empty: go on with it by --resume, or give another --out")
    if not (out / "settings.json").exists():
        raise RunError(f"{out} holds no run that could be gone on with, but something else: give another --out")


@contextmanager
def claimed_folder(out: Path, settings: Any, corpus_digest: str) -> Iterator[None]:
    """Hold `out` for this run while the body runs; write down what the run is, and with what it is done.

    Raises:
        RunError: another command is at work in the folder, or it holds a run that was something else.
    """
    out.mkdir(parents=True, exist_ok=True)
    folder = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with this process, whatever ends that
        except BlockingIOError as error:
            raise RunError(f"{out}: another command is at work there; wait for it, or give another --out") from error
        _write_down(out, settings, corpus_digest)
        yield
    finally:
        os.close(folder)


def _write_down(out: Path, settings: Any, corpus_digest: str) -> None:
    """settings.json, which must be as it was; environment.json, a list of all that the run was done with."""
    resolved = {"settings": settings_files.to_dict(settings), "corpus_digest": corpus_digest}
    file = out / "settings.json"
    if file.exists():
        before = read_json(file)
        changed = sorted(_differences(before, resolved))
        if changed:
            raise RunError(f"{out} was started with other {', '.join(changed)}: give another --out, or what it had")
    else:
        write_json(file, resolved)
    packages = {name: importlib.metadata.version(name) for name in ("noise-scheduler", *_PACKAGES)}
    machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    environment, file = machine | {"packages": packages}, out / "environment.json"
    earlier = read_json(file) if file.exists() else []
    if environment not in earlier:
        write_json(file, [*earlier, environment])


def finish(
    out: Path, results: Mapping[str, Any], gallery: Sequence[Mapping[str, Any]], wall_s: float, workers: int
) -> Path:
    """Write results.json, resources.json, report.html and tables/ of a run whose jobs are done; gives the report."""
    write_json(out / "results.json", results)
    write_json(out / "resources.json", collect(out / "work", wall_s, workers))
    report = write_report(out, gallery)
    if compare_runs([str(out), "--out", str(out / "tables")]):
        raise RunError(f"{out / 'tables'} could not be written, see above; the report is there: {report}")
    return report


def _differences(before: Any, after: Any, name: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict) and name != "settings.noise":
        keys = sorted(before.keys() | after.keys())
        return [
            found
            for key in keys
            for found in _differences(before.get(key), after.get(key), f"{name}.{key}".lstrip("."))
        ]
    return [] if before == after else [name]
