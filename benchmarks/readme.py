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


def asr() -> str:
    """How far errors can be told from a recogniser's, in three ways, and what a text classifier makes of them."""
    figures = _figures("asr")
    heads = [f"{name} (WER {pool['wer']:.2f})" for name, pool in figures["realism"].items()]
    lines = [
        "| told from Whisper tiny.en (AUC) by | " + " | ".join(heads) + " |",
        "|---|" + "---|" * len(heads),
    ]
    for generator in ("text/asr noise", "text/asr noise, context", "random swaps", "nlpaug spelling"):
        cells = [
            " / ".join(f"{view['auc']:.2f}" for view in pool["generators"][generator].values())
            for pool in figures["realism"].values()
        ]
        lines.append(f"| {generator}: n-grams / alignment / and fluency | {' | '.join(cells)} |")
    curves = figures["curves"]
    note = (
        "On voices that the curves were not fitted on, the expected word error rate is off by "
        f"{curves['mean_off']:.2f} on average, within .15 in {curves['within']:.0%} of the conditions. Written by "
        f"`python -m benchmarks.asr`. {_page('asr')}"
    )
    return "\n".join([*lines, "", note, ""])


def speed() -> str:
    return (RESULTS / "image.md").read_text(encoding="utf-8").strip() + "\n"


def speed_audio() -> str:
    """A line for each sampling rate, and the noises that are slower than a peer at the first."""
    figures = _figures("audio")
    heads = {rate: f"{int(rate) // 1000} kHz" for rate in figures["waves"]}
    lines = ["| 5 s of speech at | noises | geometric mean | as fast as the fastest peer |", "|---|---|---|---|"]
    for rate, head in heads.items():
        found = figures["summary"][rate]
        lines.append(
            f"| {head} | {len(figures['waves'][rate])} | {found['geometric_mean_ratio']:.1f}× | "
            f"{found['at_least_as_fast']:.0%} |"
        )
    rate, rows = next(iter(figures["waves"].items()))
    slower = {name: row for name, row in rows.items() if row["ratio"] < 1}
    return "\n".join([*lines, "", f"Slower than a peer at {heads[rate]}: {_slower(slower)}. {_page('audio')}", ""])


def speed_text() -> str:
    """The two means, and the noises that are slower than a peer."""
    figures = _figures("text")
    lines = ["| an utterance of 27 words, beside | geometric mean | as fast as the fastest |", "|---|---|---|"]
    for head, key in (("all libraries", "all"), ("nlpaug alone", "nlpaug")):
        found = figures["summary"][key]
        lines.append(f"| {head} | {found['geometric_mean_ratio']:.1f}× | {found['at_least_as_fast']:.0%} |")
    slower = {name: row for name, row in figures["noises"].items() if row.get("ratio", 1) < 1}
    return "\n".join([*lines, "", f"Slower than a peer: {_slower(slower)}. {_page('text')}", ""])


def training() -> str:
    """What online noise costs in a step of end-to-end training."""
    step = _figures("training")["step"]
    low, high = step["ratio_quartiles"]
    return (
        f"A step on 32 raw utterances under the noise of the IEMOCAP recipe takes {step['ratio']:.2f} times as long\n"
        f"as on clean ones (quartiles {low:.2f} and {high:.2f} over {step['rounds']} rounds), with two workers on two\n"
        "cores: `python -m benchmarks.training`.\n"
    )


def _opening(page: str, *, blocks: int) -> str:
    """The first blocks of a benchmark's own page, without its title."""
    parts = (RESULTS / f"{page}.md").read_text(encoding="utf-8").split("\n\n")
    return "\n\n".join(parts[1 : 1 + blocks]).strip() + "\n"


def _slower(rows: dict[str, dict[str, Any]]) -> str:
    ordered = sorted(rows.items(), key=lambda item: item[1]["ratio"])
    return ", ".join(f"`{name}` {row['ratio']:.1f}× ({row['fastest']})" for name, row in ordered) or "none"


def _page(name: str) -> str:
    return f"The whole table: [benchmarks/results/{name}.md](benchmarks/results/{name}.md)."


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


SECTIONS: dict[str, Callable[[], str]] = {
    "calibration": calibration,
    "harm": lambda: _opening("harm", blocks=2),
    "harm-speech": lambda: _opening("harm_speech", blocks=1),
    "harm-text": lambda: _opening("harm_text", blocks=2),
    "asr": asr,
    "speed": speed,
    "speed-audio": speed_audio,
    "speed-text": speed_text,
    "training": training,
}
"""Mark in the README → what stands between it and the end."""

if __name__ == "__main__":
    main()
