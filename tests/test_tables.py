"""Tables: the same figures in every format, escaped in each, the best bold, and what a caption must say."""

import csv
import io
import re
from dataclasses import replace

import pytest
from test_report import Balance, visible

from recipes.tables import Cell, Column, Row, Table, to_csv, to_html, to_latex, to_markdown, write_tables

HOSTILE = r"""a|b_c*d <b>&amp;</b> 100% #1 $x$ {y} \alpha ~^ "q" [z] `k`"""


def table(**changes):
    percent = Column("clean", scale=100)
    mae = Column("MAE", higher_is_better=False, decimals=3)
    size = Column("parameters", higher_is_better=None, decimals=0)
    made = Table(
        "UA in per cent",
        (percent, mae, size),
        (
            Row("ours", (Cell(0.7126, 0.0134, (0.69, 0.734), "*"), Cell(0.5), Cell(1000))),
            Row("concat", (Cell(0.7124, 0.02), Cell(0.6, 0.1), Cell(2000))),
            Row("late", (Cell(0.65, 0.02), None, None)),
        ),
        protocol="MMIN six conditions",
        selection="best UA on the validation speakers",
        selected_on_test=False,
        notes=("Over 3 runs",),
    )
    return replace(made, **changes)


def test_markdown_golden():
    assert to_markdown(table()).splitlines()[2:] == [
        "| Method | clean | MAE | parameters |",
        "| --- | ---: | ---: | ---: |",
        "| ours | **71.3 ± 1.3**\\* [69.0, 73.4] | **0.500** | 1000 |",
        "| concat | 71.2 ± 2.0 | 0.600 ± 0.100 | 2000 |",
        "| late | 65.0 ± 2.0 | – | – |",
    ]


def test_latex_golden():
    lines = to_latex(table()).splitlines()
    assert lines[0] == r"\begin{table}"
    assert r"Method & clean & MAE & parameters \\" in lines
    stacked = r"\shortstack[r]{\textbf{71.3 $\pm$ 1.3}\textsuperscript{{*}}\\{\scriptsize {[}69.0, 73.4]}}"
    assert rf"ours & {stacked} & \textbf{{0.500}} & 1000 \\" in lines
    assert r"late & 65.0 $\pm$ 2.0 & -- & -- \\" in lines
    rules = [line for line in lines if line.endswith("rule")]
    assert rules == [r"\toprule", r"\midrule", r"\bottomrule"]


def test_csv_golden():
    rows = list(csv.DictReader(io.StringIO(to_csv([table()]))))
    assert len(rows) == 7  # cells that were measured
    assert rows[0] == {
        "table": "UA in per cent",
        "protocol": "MMIN six conditions",
        "selection": "best UA on the validation speakers",
        "selected_on_test": "false",
        "row": "ours",
        "column": "clean",
        "mean": "71.26",
        "std": "1.34",
        "low": "69.0",
        "high": "73.4",
        "mark": "*",
    }


def test_html_golden():
    shown = to_html(table())
    assert Balance(shown).faults == []
    assert (
        '<td><b>71.3<span class="std"> ± 1.3</span></b><sup>*</sup><br><span class="std">[69.0, 73.4]</span></td>'
        in shown
    )
    assert shown.count("<b>") == 2


def test_best_is_decided_on_what_can_be_read():
    rows = tuple(Row(name, (Cell(share),)) for name, share in (("a", 0.71263), ("b", 0.71261), ("c", 0.7)))
    assert to_markdown(table(columns=(Column("UA", scale=100),), rows=rows)).count("**71.3**") == 2
    assert "**" not in to_markdown(table(columns=(Column("UA", scale=100),), rows=rows[:1]))


def test_signs_and_zeros():
    rows = tuple(Row(str(value), (Cell(value, interval=(value - 1, value + 1)),)) for value in (2.0, -3.0, -0.0001))
    shown = to_markdown(table(columns=(Column("gain", higher_is_better=None, sign=True),), rows=rows))
    assert "| +2.0 [+1.0, +3.0] |" in shown
    assert "| −3.0 [−4.0, −2.0] |" in shown
    assert "| +0.0 [−1.0, +1.0] |" in shown


def test_the_caption_says_how_the_figures_came_about():
    assert table().caption == (
        "UA in per cent. Protocol: MMIN six conditions. Selection: best UA on the validation speakers. "
        "The test set was never used for selection. Over 3 runs. The best of a column is bold."
    )
    assert "figures are too good" in table(selected_on_test=True).caption
    assert "test set" not in table(selection="").caption


def test_every_format_escapes_what_it_must():
    hostile = table(
        title=HOSTILE, protocol=HOSTILE, columns=(Column(HOSTILE),), rows=(Row(HOSTILE, (Cell(1, mark=HOSTILE),)),)
    )
    parsed = Balance(to_html(hostile))
    assert parsed.faults == []
    assert visible(to_html(hostile)).count(re.sub(r"\s+", " ", HOSTILE)) == 5  # title, protocol, column, row, mark
    markdown = to_markdown(hostile)
    for line in markdown.splitlines()[2:]:
        assert len(re.findall(r"(?<!\\)\|", line)) == 3
    assert not re.search(r"(?<!\\)[<*_`$~\[]", markdown)
    latex = to_latex(hostile)
    assert latex.count(r"\textbackslash{}alpha \textasciitilde{}\textasciicircum{} ''q'' {[}z] `k`") == 5
    assert latex.count(r"a\textbar{}b\_c{*}d \textless{}b\textgreater{}\&amp;") == 5
    assert latex.count(r"100\% \#1 \$x\$ \{y\}") == 5
    row = next(csv.DictReader(io.StringIO(to_csv([hostile]))))
    assert {row[key] for key in ("table", "protocol", "row", "column", "mark")} == {HOSTILE}


def test_empty_tables_are_whole():
    empty = table(columns=(), rows=())
    assert to_markdown(empty).endswith("| Method |\n| --- |\n")
    assert r"\begin{tabular}{l}" in to_latex(empty)
    assert to_csv([]).count("\n") == 1
    assert Balance(to_html(empty)).faults == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Row("ours", (Cell(1), Cell(2))), "UA in per cent: 'ours' has 2 cells, not 3"),
        (Row("ours", (Cell(float("nan")), None, None)), "'ours', 'clean' is not finite"),
        (Row("ours", (None, Cell(1, interval=(0, float("inf"))), None)), "'ours', 'MAE' is not finite"),
    ],
)
def test_malformed_tables_are_refused(row, message):
    with pytest.raises(ValueError, match=message):
        table(rows=(row,))


def test_files_are_written_whole(tmp_path):
    files = write_tables(tmp_path / "new", "tables", [table(), table(title="WA in per cent")])
    assert [file.name for file in files] == ["tables.md", "tables.tex", "tables.csv", "tables.html"]
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == sorted(file.name for file in files)
    for file in files:
        content = file.read_text(encoding="utf-8")
        assert content.index("UA in per cent") < content.index("WA in per cent")
    assert Balance(files[3].read_text(encoding="utf-8")).faults == []


def test_latex_lets_pages_go_before_too_many_tables_wait(tmp_path):
    files = write_tables(tmp_path, "many", [table()] * 25)
    latex = next(file for file in files if file.suffix == ".tex").read_text("utf-8")
    between = latex.split("\\clearpage")
    assert [part.count("\\begin{table}") for part in between] == [10, 10, 5]


def test_latex_knows_the_letters_of_the_protocols():
    headed = to_latex(Table("NMER: β schedule", (), (), protocol="T ≤ 20"))
    assert r"$\beta$ schedule" in headed
    assert headed.isascii()
