"""Small pieces of HTML: figures with their spread, tables, figures with captions, names of conditions and noises.

Everything that comes from outside is escaped here; functions that take finished markup say so.

Public: `text`, `percent`, `number`, `mean_std`, `noise_label`, `condition_label`, `score_table`, `table`,
`figure`, `document`.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from .results import Summary

_WORDS = {"a": "audio", "v": "video", "t": "text"}


def text(value: object) -> str:
    """Escaped for HTML."""
    return html.escape(str(value), quote=True)


def number(value: float, decimals: int = 1, *, sign: bool = False) -> str:
    """With a real minus sign, and never "−0.0"."""
    rounded = round(value, decimals) + 0.0
    return f"{rounded:{'+' if sign else ''}.{decimals}f}".replace("-", "−")


def mean_std(summary: Summary, scale: float = 1.0, decimals: int = 1, *, sign: bool = False) -> str:
    """Mean ± standard deviation, `scale` times as large; the mean alone where there is one run. Markup."""
    mean = number(summary["mean"] * scale, decimals, sign=sign)
    if summary["std"] is None or len(summary["values"]) < 2:
        return mean
    return f'{mean}<span class="std"> ± {number(summary["std"] * scale, decimals)}</span>'


def percent(summary: Summary) -> str:
    """A share in [0, 1] as "71.2 ± 1.3", in per cent. Markup."""
    return mean_std(summary, 100.0)


def noise_label(name: str) -> str:
    """ "audio/white_noise" → "white noise"."""
    return text(name.partition("/")[2].replace("_", " ") or name)


def condition_label(part: str) -> str:
    """The column head of a condition: initials with the words as a tooltip, anything else as it is. Markup."""
    if not set(part) <= _WORDS.keys():
        return text(part)
    words = " + ".join(_WORDS[letter] for letter in part)
    return f'<abbr title="{text(words)}">{text(part)}</abbr>'


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, extra_class: str = "") -> str:
    """A table whose first column holds the row heads; all arguments are markup."""
    first, *others = head
    head_cells = f'<th scope="col">{first}</th>' + "".join(f'<th scope="col">{cell}</th>' for cell in others)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>\n"
        for row in rows
    )
    return (
        f'<p class="caption">{caption}</p><div class="scroll" tabindex="0"><table class="{extra_class}">'
        f"<thead><tr>{head_cells}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def score_table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Summary | None]]],
    *,
    scale: float = 100.0,
    decimals: int = 1,
    lowest: bool = False,
    by_row: bool = False,
) -> str:
    """A table of mean ± std, the best of every column (or row) in bold; `caption`, `head`, row heads are markup.

    The best is the highest value or, where `lowest`, the lowest; it is decided on what can be read: cells with equal
    digits are all bold.
    """
    values = [[None if s is None else round(s["mean"] * scale, decimals) for s in summaries] for _, summaries in rows]
    lines = values if by_row else [list(column) for column in zip(*values, strict=True)]
    best = [(min if lowest else max)((v for v in line if v is not None), default=None) for line in lines]
    contest = [sum(v is not None for v in line) > 1 for line in lines]
    body = []
    for i, (row_head, summaries) in enumerate(rows):
        cells = [row_head]
        for j, summary in enumerate(summaries):
            line = i if by_row else j
            shown = "–" if summary is None else mean_std(summary, scale, decimals)
            is_best = contest[line] and values[i][j] is not None and values[i][j] == best[line]
            cells.append(f"<b>{shown}</b>" if is_best else shown)
        body.append(cells)
    return table(caption, head, body, extra_class="scores")


def figure(content: str, caption: str, *, extra_class: str = "") -> str:
    """A figure with its caption; both are markup."""
    return f'<figure class="{extra_class}">{content}<figcaption>{caption}</figcaption></figure>\n'


def document(
    title: str, sections: Mapping[str, str], *, banner: str = "", headline: str = "", overview: str = ""
) -> str:
    """A whole page in the style of the report: sections by title, with contents; all but the titles is markup."""
    anchors = {name: name.lower().replace(" ", "-") for name in sections}
    contents = "".join(f'<li><a href="#{anchors[name]}">{text(name)}</a></li>' for name in sections)
    body = "".join(
        f'<section id="{anchors[name]}"><h2>{text(name)}</h2>\n{section}</section>\n'
        for name, section in sections.items()
    )
    template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=text(title), banner=banner, headline=headline, overview=overview, contents=contents, sections=body
    )
