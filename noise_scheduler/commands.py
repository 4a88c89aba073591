"""The commands of ``noise-scheduler``: what there is, and what a scheduler does over a training run.

A mistake of the user gives one line on stderr that names the remedy, and exit code 2.

Public: `app`.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from . import __version__
from .calibration import FULL_SEVERITY
from .extras import need
from .files import write_whole
from .plot import adaptive_note, figure, level_figure, page, record_rows
from .record import Record
from .registry import describe, names
from .scheduler import NoiseScheduler
from .survey import survey

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Item = TypeVar("Item")

_RECORDS = 10
_BAR_AFTER_S = 1.0

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Realistic noise under curricula: list the noises, see what a schedule does before training with it.",
)  # fmt: skip


@app.callback(invoke_without_command=True)
def about(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command("list")
def list_noises(
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="Glob pattern, such as 'audio/*'.")] = "*",
) -> None:
    """List the noises, with what each does."""
    found = names(pattern)
    if not found:
        _fail(f"no noise matches {pattern!r}; `noise-scheduler list` shows all")
    width = max(map(len, found))
    for name in found:
        typer.echo(f"{name:{width}}  {describe(name).summary}")


@app.command("describe")
def describe_noise(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a noise, such as 'audio/reverb'.")],
) -> None:
    """Describe a noise: what it does, its parameters, its source."""
    with _mistakes():
        typer.echo(str(describe(name)))


@app.command()
def schedule(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file of a scheduler.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for <name of CONFIG>.png and .html.  [default: the current one]"),
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Write the picture here and, without --out, nothing else.")] = None,
    level_png: Annotated[
        Path | None,
        typer.Option(help="Write a small picture of the levels alone here and, without --out, nothing else."),
    ] = None,
    total_steps: Annotated[int | None, typer.Option(help="Length of the training, instead of the file's.")] = None,
    steps_per_epoch: Annotated[int | None, typer.Option(help="Length of an epoch, instead of the file's.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed, instead of the file's.")] = None,
    points: Annotated[int, typer.Option(min=2, help="Steps at which the training is looked at.")] = 61,
    samples: Annotated[int, typer.Option(min=1, help="Samples planned at each of them.")] = 2000,
) -> None:
    """Show what a scheduler does over a training: levels, noises, modalities hit, as a picture and as a page.

    Nothing is trained and no data is needed: the plans of many samples are counted.
    """
    with _mistakes(config):
        need("matplotlib", extra="cli")
        scheduler = _scheduler(config, total_steps, steps_per_epoch, seed)
        seen = survey(
            scheduler, points=points, samples=samples, watch=lambda steps: _with_bar("planning", steps, len(steps))
        )
        steps = np.linspace(0, seen.steps[-1], _RECORDS).round().astype(int).tolist()
        records = [scheduler.plan(id, scheduler.clock(step)) for id, step in enumerate(steps)]
    name = config.stem
    if out is None and png is None and level_png is None:
        out = Path()
    if png is None and out is not None:
        png = out / f"{name}.png"
    files: dict[Path, bytes] = {}
    if png is not None:
        files[png] = _png(figure(seen, title=name), dpi=150)
    if level_png is not None:
        files[level_png] = _png(level_figure(seen, name.replace("_", " ")), dpi=180)
    if out is not None:
        files[out / f"{name}.html"] = page(seen, scheduler, records, title=name).encode()
    with _mistakes():
        for file, data in files.items():
            write_whole(file, data)
    note = adaptive_note(scheduler)
    for line in (*_table(records), "", *([note] if note else []), *(f"written: {file}" for file in files)):
        typer.echo(line)


@app.command()
def calibrate(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Kind of the samples: image, video, audio or text.")],
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Folder of pictures, video files, recordings, or text files with a sentence on each line.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Write the profile here.")],
    noises: Annotated[str | None, typer.Option(help="Glob pattern of noises.  [default: all of the kind]")] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="How many samples at most, chosen evenly.  "
            "[default: 24 pictures, 6 clips, 16 recordings, 120 sentences]",
        ),
    ] = None,
    side: Annotated[
        int | None,
        typer.Option(min=16, help="Side to which frames are cut and scaled, pixels.  [default: 224; of clips 112]"),
    ] = None,
    draws: Annotated[
        int | None, typer.Option(min=1, help="How often a sample is measured at most.  [default: 2; of text 8]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random streams.")] = 0,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes.  [default: all processors]")] = None,
) -> None:
    """Measure how severe each noise is on your own data, and write the profile that evens them out."""
    from .calibration import measure
    from .calibration.corpus import READERS, read_corpus

    with _mistakes(folder):
        corpus = read_corpus(kind, folder, most=samples, side=side)
        found = [name for family in _families(kind) for name in names(f"{family}/*") if _matches(name, noises)]
        if not found:
            raise ValueError(f"no noise of {kind} samples matches {noises!r}; `noise-scheduler list` shows all")
        profile = measure.calibrate(
            kind,
            corpus,
            found,
            draws=draws or READERS[kind].draws,
            seed=seed,
            processes=processes,
            watch=partial(_with_bar, "measuring"),
        )
        write_whole(out, measure.to_json(profile).encode())
    curves = profile["noises"].values()
    full = sum(curve["max_severity"] >= FULL_SEVERITY for curve in curves)
    typer.echo(f"{len(curves)} noises measured on {len(corpus)} samples, {full} of them reach {FULL_SEVERITY:g}")
    for name, top in profile["too_mild"].items():
        typer.echo(f"left out: {name}, severity {top:.3f} at the end of its path")
    typer.echo(f"written: {out}")


def _families(kind: str) -> tuple[str, ...]:
    """The kinds of noise that samples of a kind take."""
    return ("image", "video") if kind == "video" else (kind,)


def _matches(name: str, pattern: str | None) -> bool:
    return pattern is None or fnmatch(name, pattern)


def _scheduler(config: Path, total_steps: int | None, steps_per_epoch: int | None, seed: int | None) -> NoiseScheduler:
    given = {"total_steps": total_steps, "steps_per_epoch": steps_per_epoch, "seed": seed}
    scheduler = NoiseScheduler.from_toml(config)
    return replace(scheduler, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


def _table(records: Sequence[Record]) -> list[str]:
    """Lines of a table in columns, a line for each hit."""
    rows = [("step", "id", "modality", "noise", "level", "part hit")]
    for record in records:
        for index, row in enumerate(record_rows(record)):
            rows.append(((str(record.step), str(record.id)) if index == 0 else ("", "")) + row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:{'>' if i == 0 else '<'}{widths[i]}}" for i, cell in enumerate(row)).rstrip() for row in rows
    ]


def _with_bar(what: str, items: Iterable[Item], total: int) -> Iterator[Item]:
    """The items, with a progress bar on a terminal where they take long."""
    console, start = Console(stderr=True), time.monotonic()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total, visible=False)
        for item in items:
            yield item
            bar.update(task, advance=1, visible=time.monotonic() - start > _BAR_AFTER_S)


def _png(chart: Figure, dpi: int) -> bytes:
    buffer = io.BytesIO()
    chart.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


@contextmanager
def _mistakes(file: Path | None = None) -> Iterator[None]:
    """What the user can mend, in one line; `file` is what was read."""
    try:
        yield
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}; check the path" if error.filename else str(error))
    except UnicodeDecodeError as error:
        _fail(f"{file}: not a text file ({error.reason} at byte {error.start}); save it as UTF-8")
    except (KeyError, ValueError, TypeError, ImportError) as error:
        message = str(error.args[0]) if isinstance(error, KeyError) else str(error)
        if missing := re.search(r"needs (total_steps|steps_per_epoch):", message):
            option = missing[1].replace("_", "-")
            message = f"{message[: missing.end()]} give --{option} N, or write {missing[1]} = N into the file"
        _fail(
            message if file is None or isinstance(error, ImportError) or str(file) in message else f"{file}: {message}"
        )


def _fail(message: str) -> None:
    typer.echo("noise-scheduler: " + " ".join(message.split()), err=True)
    raise typer.Exit(2)
