"""The page: the figure, the planned records as a table, the configuration as TOML; no file beside it is needed.

Public: `page`, `record_rows`, `adaptive_note`, `toml`.
"""

from __future__ import annotations

import html
import json
import re
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..feedback import adaptive_schedules
from ..record import Hit, Record
from ..scheduler import NoiseScheduler
from ..survey import Survey
from .areas import CLEAN
from .charts import drawn, svg
from .colours import StandIns, dark, light

_TEMPLATE = Path(__file__).with_name("page.html")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_MOST_SPANS = 3
_LINE = 88


def page(survey: Survey, scheduler: NoiseScheduler, records: Sequence[Record], *, title: str = "Noise schedule") -> str:
    """A self-contained HTML page in light and dark.

    Args:
        survey: of `scheduler`; drawn as `figure` draws it.
        scheduler: whose configuration and digest are shown.
        records: of plans, shown in a table.
        title: heads the page.
    """
    colours = StandIns()
    picture = colours.replaced(svg(drawn(survey, colours), "Levels, noises and modalities hit over the training"))
    facts = {
        "modalities": ", ".join(scheduler.modalities),
        "training": "length not given" if scheduler.total_steps is None else f"{scheduler.total_steps} steps",
        "epoch": "length not given" if scheduler.steps_per_epoch is None else f"{scheduler.steps_per_epoch} steps",
        "seed": scheduler.seed,
        "digest": scheduler.digest,
    }
    return string.Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        light=colours.style(light),
        dark=colours.style(dark),
        facts="\n".join(f"<div><dt>{key}</dt><dd>{html.escape(str(fact))}</dd></div>" for key, fact in facts.items()),
        figure=picture,
        counted=f"{survey.plans} plans at {len(survey.steps)} steps",
        adaptive=html.escape(adaptive_note(scheduler)),
        records="\n".join(_table_rows(record) for record in records),
        config=html.escape(toml(scheduler.to_dict())),
    )


def record_rows(record: Record) -> list[tuple[str, str, str, str]]:
    """(modality, noise, level, span) of each hit in words; one row that says `CLEAN` where there is none."""
    rows = [(h.modality, h.noise, f"{h.level:.3f}" if h.level else "follows", _span_words(h)) for h in record.hits]
    return rows or [(CLEAN, "", "", "")]


def adaptive_note(scheduler: NoiseScheduler) -> str:
    """What the reader must know where schedules follow metrics; empty where none does."""
    names = [name for name, _ in adaptive_schedules(scheduler)]
    if not names:
        return ""
    return f"Adaptive schedules ({', '.join(names)}) are shown as they start: what they become follows from training."


def toml(config: Mapping[str, Any]) -> str:
    """A scheduler's dict as the TOML that gives an equal scheduler."""
    return "\n".join(_section((), config)) + "\n"


def _table_rows(record: Record) -> str:
    if not record.hits:
        return f'<tr>{_head(record, 1)}<td colspan="4" class="clean">{CLEAN}</td></tr>'
    rows = []
    for index, hit in enumerate(record.hits):
        modality, noise, level, span = map(html.escape, record_rows(record)[index])
        cells = (
            f"<td>{modality}</td><td><code>{noise}</code></td>"
            f'<td class="level">{_strip(((0.0, hit.level),))}{level}</td>'
            f'<td class="span">{_strip(hit.spans or ((0.0, float(hit.level > 0)),))}{span}</td>'
        )
        rows.append(f"<tr>{_head(record, len(record.hits)) if index == 0 else ''}{cells}</tr>")
    return "\n".join(rows)


def _head(record: Record, rows: int) -> str:
    id = html.escape(str(record.id))
    return f'<th scope="rowgroup" rowspan="{rows}">{record.step}</th><td rowspan="{rows}">{id}</td>'


def _strip(spans: Sequence[tuple[float, float]]) -> str:
    marks = (f'<i style="left:{100 * start:.1f}%;width:{100 * (end - start):.1f}%"></i>' for start, end in spans)
    return f'<span class="strip" aria-hidden="true">{"".join(marks)}</span>'


def _span_words(hit: Hit) -> str:
    if not hit.level:
        return ""
    if not hit.spans:
        return "whole"
    if len(hit.spans) > _MOST_SPANS:
        return f"{len(hit.spans)} parts, {100 * sum(end - start for start, end in hit.spans):.0f} % in all"
    return ", ".join(f"{100 * start:.0f}–{100 * end:.0f} %" for start, end in hit.spans)


def _section(path: tuple[str, ...], table: Mapping[str, Any]) -> list[str]:
    """The lines of a table: what fits a line first, then the tables in it."""
    lines, sections = [], []
    for name, value in table.items():
        line = f"{_key(name)} = {_value(value)}"
        if isinstance(value, Mapping) and (not path or len(line) > _LINE):
            inner = _section((*path, name), value)
            header = ["", f"[{'.'.join(map(_key, (*path, name)))}]"]
            sections += inner if inner[:1] == [""] else [*header, *inner]
        elif isinstance(value, list | tuple) and len(line) > _LINE:
            lines += [f"{_key(name)} = [", *(f"    {_value(item)}," for item in value), "]"]
        else:
            lines.append(line)
    return [*lines, *sections]


def _value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _value(name)
