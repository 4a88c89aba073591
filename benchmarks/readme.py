"""Put the results of benchmarks into the README, between the marks of each.

    python -m benchmarks.readme

Each ``<!-- NAME -->`` … ``<!-- end -->`` of README.md gets what `SECTIONS` makes of benchmarks/results.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import RESULTS
from noise_scheduler.files import write_whole

README = Path(__file__).parent.parent / "README.md"


def main() -> None:
    text = filled(README.read_text(encoding="utf-8"))
    write_whole(README, text.encode())


def filled(text: str) -> str:
    """The README with its sections written anew."""
    for name, section in SECTIONS.items():
        text, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda mark, section=section: mark[1] + section() + mark[2],
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"README.md has {count} marks <!-- {name} --> … <!-- end -->; one is needed")
    return text


def calibration() -> str:
    """A line for each profile, and the noises that miss a limit."""
    figures = _figures("calibration")
    lines = [
        "| profile | samples | noises | reach .7 | deviation from .7 × level | largest | over .05 | spread over .12 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, profile in figures.items():
        total = profile["summary"]
        cells = (
            profile["samples"], total["noises"], total["full"], f"{total['mean_deviation']:.3f}",
            f"{total['most_deviation']:.3f}", total["deviation_missed"], total["spread_missed"],
        )  # fmt: skip
        lines.append(f"| `{name}` | {' | '.join(map(str, cells))} |")
    note = (
        "`python -m benchmarks.calibration` measures this on people and scenes that the profiles were not measured on; "
        "the whole table is [benchmarks/results/calibration.md](benchmarks/results/calibration.md). Deviations are "
        "those of the noises that reach .7. These scatter most over samples (standard deviation of severity): "
    )
    return "\n".join([*lines, "", note + _widest(figures) + ".", ""])


def harm() -> str:
    """The first paragraph and table of the benchmark's own page, without its title."""
    blocks = (RESULTS / "harm.md").read_text(encoding="utf-8").split("\n\n")
    return "\n\n".join(blocks[1:3]).strip() + "\n"


def speed() -> str:
    return (RESULTS / "image.md").read_text(encoding="utf-8").strip() + "\n"


def _widest(figures: dict[str, Any]) -> str:
    spreads: dict[str, float] = {}
    for profile in figures.values():
        for noise, row in profile["noises"].items():
            if row["spread"] > 0.12:
                spreads[noise] = max(row["spread"], spreads.get(noise, 0))
    return ", ".join(f"`{noise}` {spread:.2f}" for noise, spread in sorted(spreads.items(), key=lambda item: -item[1]))


def _figures(name: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["figures"]
    return figures


SECTIONS: dict[str, Callable[[], str]] = {"calibration": calibration, "harm": harm, "speed": speed}
"""Mark in the README → what stands between it and the end."""

if __name__ == "__main__":
    main()
