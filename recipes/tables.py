"""Tables of results: one model, and Markdown, LaTeX (booktabs), CSV and HTML from it.

Rows are methods, columns conditions, cells mean ± standard deviation with a confidence interval. What can be said
of how the figures came about stands in the caption: protocol, selection rule, whether the test set was selected on.
All strings of a table are plain text; each format escapes them.

Public: `Table`, `Row`, `Column`, `Cell`, `TEST_SET`, `to_markdown`, `to_latex`, `to_csv`, `to_html`, `write_tables`.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from noise_scheduler.files import write_whole
from recipes.report import markup
from recipes.report.markup import number


@dataclass(frozen=True)
class Cell:
    """One figure over all runs, in its own unit."""

    mean: float
    std: float | None = None
    """Over the runs; None for a single run, or where it has no meaning."""
    interval: tuple[float, float] | None = None
    """Confidence interval of the mean."""
    mark: str = ""
    """Such as "*" for a significant difference; a note of the table says what it means."""


@dataclass(frozen=True)
class Column:
    """How the figures of a column are shown."""

    label: str
    higher_is_better: bool | None = True
    """None: no best, nothing is bold."""
    scale: float = 1.0
    """Figures are shown this many times as large: 100 for shares in per cent."""
    decimals: int = 1
    sign: bool = False
    """Show a plus sign too, for differences."""


@dataclass(frozen=True)
class Row:
    """One method; a cell that is None was not measured."""

    label: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Table:
    """One table; raises ValueError if a row does not fit the columns or a figure is not finite."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    protocol: str = ""
    """Name of the protocol, as in results.json."""
    selection: str = ""
    """How the model of a run is chosen."""
    selected_on_test: bool = False
    """Whether the test set had a part in choosing."""
    notes: tuple[str, ...] = ()
    first: str = "Method"
    """Head of the column of row labels."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"{self.title}: {row.label!r} has {len(row.cells)} cells, not {len(self.columns)}")
            for column, cell in zip(self.columns, row.cells, strict=True):
                figures = [] if cell is None else [cell.mean, cell.std or 0.0, *(cell.interval or ())]
                if not all(map(math.isfinite, figures)):
                    raise ValueError(f"{self.title}: {row.label!r}, {column.label!r} is not finite: {cell}")

    @property
    def caption(self) -> str:
        """Everything that a reader must know, as sentences."""
        parts = [self.title]
        if self.protocol:
            parts.append(f"Protocol: {self.protocol}")
        if self.selection:
            parts += [f"Selection: {self.selection}", TEST_SET[self.selected_on_test]]
        parts += self.notes
        if any(column.higher_is_better is not None for column in self.columns) and len(self.rows) > 1:
            parts.append("The best of a column is bold")
        return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts)


_PER_FLUSH = 10
TEST_SET = {
    False: "The test set was never used for selection.",
    True: "The test set was used for selection, so that figures are too good.",
}


class _Shown(NamedTuple):
    """A cell as it is read, but for the escaping."""

    mean: str
    std: str
    interval: str
    mark: str
    best: bool


def to_markdown(table: Table) -> str:
    """A GitHub-flavoured Markdown table under its caption."""

    def cell(shown: _Shown | None) -> str:
        if shown is None:
            return "–"
        figure = shown.mean + (f" ± {shown.std}" if shown.std else "")
        figure = f"**{figure}**" if shown.best else figure
        return figure + _markdown(shown.mark) + (f" {shown.interval}" if shown.interval else "")

    lines = [[table.first, *(column.label for column in table.columns)]]
    lines[0] = [_markdown(head) for head in lines[0]]
    lines.append(["---", *["---:"] * len(table.columns)])
    shown = zip(table.rows, _figures(table), strict=True)
    lines += [[_markdown(row.label), *map(cell, cells)] for row, cells in shown]
    return f"{_markdown(table.caption)}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def to_latex(table: Table) -> str:
    """A floating table with booktabs; one of more than four columns is scaled to the line (graphicx)."""

    def cell(shown: _Shown | None) -> str:
        if shown is None:
            return "--"
        figure = shown.mean + (f" ± {shown.std}" if shown.std else "")
        figure = rf"\textbf{{{_latex(figure)}}}" if shown.best else _latex(figure)
        mark = rf"\textsuperscript{{{_latex(shown.mark)}}}" if shown.mark else ""
        if not shown.interval:
            return figure + mark
        return rf"\shortstack[r]{{{figure}{mark}\\{{\scriptsize {_latex(shown.interval)}}}}}"

    head = " & ".join(_latex(label) for label in (table.first, *(column.label for column in table.columns)))
    shown = zip(table.rows, _figures(table), strict=True)
    body = "".join(f"{' & '.join([_latex(row.label), *map(cell, cells)])} \\\\\n" for row, cells in shown)
    wide = len(table.columns) > 4
    return (
        "\\begin{table}\n\\centering\n"
        f"\\caption{{{_latex(table.caption)}}}\n"
        + ("\\resizebox{\\linewidth}{!}{%\n" if wide else "")
        + f"\\begin{{tabular}}{{l{'r' * len(table.columns)}}}\n"
        f"\\toprule\n{head} \\\\\n\\midrule\n{body}\\bottomrule\n\\end{{tabular}}"
        + ("}" if wide else "")
        + "\n\\end{table}\n"
    )


def to_csv(tables: Sequence[Table]) -> str:
    """All tables as one file, a line per cell, in the unit that is shown (per cent, say), unrounded."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ("table", "protocol", "selection", "selected_on_test", "row", "column", "mean", "std", "low", "high", "mark")
    )
    for table in tables:
        on_test = str(table.selected_on_test).lower() if table.selection else ""
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if cell is not None:
                    figures = (cell.mean, cell.std, *(cell.interval or (None, None)))
                    shown = ["" if figure is None else round(figure * column.scale, 6) for figure in figures]
                    place = (table.title, table.protocol, table.selection, on_test, row.label, column.label)
                    writer.writerow((*place, *shown, cell.mark))
    return stream.getvalue()


def to_html(table: Table) -> str:
    """The table as markup in the style of the report."""

    def cell(shown: _Shown | None) -> str:
        if shown is None:
            return "–"
        figure = shown.mean + (f'<span class="std"> ± {shown.std}</span>' if shown.std else "")
        figure = f"<b>{figure}</b>" if shown.best else figure
        mark = f"<sup>{markup.text(shown.mark)}</sup>" if shown.mark else ""
        return figure + mark + (f'<br><span class="std">{shown.interval}</span>' if shown.interval else "")

    head = [markup.text(label) for label in (table.first, *(column.label for column in table.columns))]
    shown = zip(table.rows, _figures(table), strict=True)
    rows = [[markup.text(row.label), *map(cell, cells)] for row, cells in shown]
    return markup.table(markup.text(table.caption), head, rows, extra_class="scores")


def write_tables(folder: Path, name: str, tables: Sequence[Table]) -> list[Path]:
    """Write `folder`/`name`.md, .tex, .csv and .html, each whole or not at all, and give their paths."""
    contents = {
        "md": "\n".join(map(to_markdown, tables)),
        "tex": "% needs \\usepackage{booktabs, graphicx}\n\n" + _joined_latex(tables),
        "csv": to_csv(tables),
        "html": markup.document("Tables", {"Tables": "".join(map(to_html, tables))}),
    }
    files = [folder / f"{name}.{ending}" for ending in contents]
    for file, content in zip(files, contents.values(), strict=True):
        write_whole(file, content.encode())
    return files


def _joined_latex(tables: Sequence[Table]) -> str:
    """All tables; LaTeX holds back some fifty that await their page, and then gives up."""
    parts = [to_latex(table) for table in tables]
    breaks = range(_PER_FLUSH, len(parts), _PER_FLUSH)
    return "\n".join(("\\clearpage\n" if index in breaks else "") + part for index, part in enumerate(parts))


def _figures(table: Table) -> list[list[_Shown | None]]:
    """The cells as read, by row; what is best is decided on the digits shown, so equal digits are equally bold."""
    best = [_best(table, index) for index in range(len(table.columns))]
    return [
        [
            None if cell is None else _shown(column, cell, best=_rounded(column, cell) == top)
            for column, cell, top in zip(table.columns, row.cells, best, strict=True)
        ]
        for row in table.rows
    ]


def _best(table: Table, index: int) -> float | None:
    column = table.columns[index]
    values = [_rounded(column, cell) for row in table.rows if (cell := row.cells[index]) is not None]
    if column.higher_is_better is None or len(values) < 2:
        return None
    return max(values) if column.higher_is_better else min(values)


def _rounded(column: Column, cell: Cell) -> float:
    return round(cell.mean * column.scale, column.decimals)


def _shown(column: Column, cell: Cell, *, best: bool) -> _Shown:
    def figure(value: float, sign: bool = False) -> str:
        return number(value * column.scale, column.decimals, sign=sign)

    std = "" if cell.std is None else figure(cell.std)
    interval = "" if cell.interval is None else f"[{', '.join(figure(end, column.sign) for end in cell.interval)}]"
    return _Shown(figure(cell.mean, column.sign), std, interval, cell.mark, best)


def _markdown(value: str) -> str:
    return re.sub(r"([\\|*_`<>\[\]&~$])", r"\\\1", " ".join(value.split()))


_LATEX = {character: f"\\{character}" for character in "#$%&_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "[": "{[}",  # else an argument of the line break before it, as is a star
    "*": "{*}",
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "β": r"$\beta$",
    "²": r"\textsuperscript{2}",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
}


def _latex(value: str) -> str:
    return "".join(_LATEX.get(character, character) for character in " ".join(value.split()))
