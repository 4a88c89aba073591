"""What a noise of text costs, against the fastest transform of other libraries at the same measured strength.

    python -m benchmarks.text [--only NAME ...]

Takes about a minute; writes benchmarks/results/text.json and text.md, and prints the table (a part of the noises is
only printed). Needs the dependency group ``bench``.

Strength is `noise_scheduler.severity.text`, mean over `TEXTS` and several draws. Ours is set to half the scale, or to
half of what it can reach at most; each peer is then set by bisection of one parameter to the same strength. Whoever
cannot reach it to within .06 is timed at the nearest and marked. Times are medians over single calls, all candidates
in turn in one process on one thread, on utterances of about 27 words, each with a transform that was built once. Ours
are called through `noise_scheduler.corrupt`, checks and random stream included; ``bare`` is the noise alone. Noises
without a counterpart elsewhere are timed all the same.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from collections.abc import Callable
from itertools import count, cycle
from typing import Any

import numpy as np
from rich.progress import track

import noise_scheduler as ns
from benchmarks.measure import RESULTS, alternate, write
from benchmarks.text_peers import LIBRARIES, PEERS, Peer
from noise_scheduler import calibration, severity

TEXTS = (
    "I know that you meant well when you called my boss, but now everybody at work thinks that I can't handle my own "
    "problems, and it hurts.",
    "When I was little we used to sit on that wall for hours, eating cherries and spitting the stones at the boys who "
    "walked past us.",
    "I've asked three different people for the same form, and each of them has sent me to another floor, so I'm not "
    "leaving until somebody signs it.",
    "It was supposed to be a quiet weekend, but then the pipes burst, the dog ran away, and your aunt decided to visit "
    "with all five children.",
)
TARGET, NEAR, CLOSE = 0.35, 0.06, 0.004
DRAWS, ROUNDS = 24, 400
HOPELESS = 40  # times the fastest, from which on a peer is timed by few calls, as it slows down the others

NAMES = sorted(
    name.partition("/")[2]
    for name in ns.names("text/*")
    if name not in ("text/missing", "text/asr", "text/rerecognise")
)


def strength(call: Callable[[str, int], str]) -> float:
    """Mean severity of what a call makes of the texts."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    return statistics.fmean(severity.text(text, call(text, draw)) for text in TEXTS for draw in range(DRAWS))


def bisect(reached: Callable[[float], float], target: float, most: float = 1.0) -> tuple[float, float]:
    """(position, value) of the position in [0, most] whose value comes nearest to the target."""
    low, high, best = 0.0, most, (0.0, math.inf)
    for _ in range(10):
        middle = (low + high) / 2
        value = reached(middle)
        best = min(best, (middle, value), key=lambda found: abs(found[1] - target))
        if abs(value - target) < CLOSE:
            break
        low, high = (low, middle) if value > target else (middle, high)
    return best


def compare(name: str) -> dict[str, Any]:
    """Strengths and times of our noise and its peers."""
    noise = ns.build(f"text/{name}")

    def ours(level: float) -> float:
        return strength(lambda text, draw: ns.corrupt(text, noise, level=level, step=draw))

    level, reached = bisect(ours, min(TARGET, ours(1.0) / 2))
    row: dict[str, Any] = {"level": level, "strength": reached, "peers": {}}
    position, _ = calibration.locate(calibration.usual(), f"text/{name}", noise, level, TEXTS[0])
    text, step, rng = cycle(TEXTS), count(), np.random.Generator(np.random.Philox(0))
    calls: dict[str, Callable[[], Any]] = {
        "ours": lambda: ns.corrupt(next(text), noise, level=level, step=next(step)),
        "bare": lambda: noise(next(text), position, rng),
    }
    for peer in PEERS.get(name, []):
        share, found = bisect(_peer_strength(peer), reached, peer.most)
        row["peers"][peer.name] = {"parameter": share, "strength": found, "reached": abs(found - reached) <= NEAR}
        calls[peer.name] = _peer_call(peer, share)
    for key, time in timed(calls).items():
        row["peers"].get(key, row)["bare_microseconds" if key == "bare" else "microseconds"] = time
    return row | fastest(row)


def timed(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median microseconds of a call, in turn with the others; of few calls where it is hopelessly slow."""
    few = {key: statistics.median(times) for key, times in alternate(calls, rounds=6).items()}
    in_turn = {key: call for key, call in calls.items() if few[key] < HOPELESS * min(few.values())}
    medians = few | {key: statistics.median(times) for key, times in alternate(in_turn, rounds=ROUNDS).items()}
    return {key: 1e6 * time for key, time in medians.items()}


def _peer_strength(peer: Peer) -> Callable[[float], float]:
    def reached(share: float) -> float:
        transform = peer.make(share)
        return strength(lambda text, draw: transform(text))

    return reached


def _peer_call(peer: Peer, share: float) -> Callable[[], Any]:
    transform, text = peer.make(share), cycle(TEXTS)
    return lambda: transform(next(text))


def summary(rows: dict[str, dict[str, Any]], library: str = "") -> dict[str, float]:
    """Geometric mean of the ratios to the fastest peers, of one library or of all, and the share of noises that win."""
    ratios = [found["ratio"] for row in rows.values() if (found := fastest(row, library))]
    return {
        "geometric_mean_ratio": statistics.geometric_mean(ratios) if ratios else math.nan,
        "at_least_as_fast": sum(ratio >= 1 for ratio in ratios) / max(1, len(ratios)),
    }


def fastest(row: dict[str, Any], library: str = "") -> dict[str, Any]:
    """The peer to beat: the fastest of those at our strength, or of all where none is; nothing where there is none."""
    peers = {key: peer for key, peer in row["peers"].items() if key.startswith(library)}
    if not peers:
        return {}
    able = {key: peer for key, peer in peers.items() if peer["reached"]} or peers
    name = min(able, key=lambda key: able[key]["microseconds"])
    return {"fastest": name, "ratio": able[name]["microseconds"] / row["microseconds"]}


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| noise | µs | alone, µs | strength | fastest peer | µs | times as long |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in figures["noises"].items():
        cells = [name, f"{row['microseconds']:.1f}", f"{row['bare_microseconds']:.1f}", f"{row['strength']:.2f}"]
        if "fastest" in row:
            peer = row["peers"][row["fastest"]]
            mark = "" if peer["reached"] else "*"
            cells += [row["fastest"], f"{peer['microseconds']:.1f}", f"{row['ratio']:.1f}×{mark}"]
        else:
            cells += ["none", "", ""]
        lines.append("| " + " | ".join(cells) + " |")
    for peers, found in figures["summary"].items():
        label = "the fastest peer" if peers == "all" else f"{peers} alone"
        lines.append(
            f"| geometric mean of the ratios to {label} | | | | | | **{found['geometric_mean_ratio']:.1f}×** |"
        )
        lines.append(f"| at least as fast as {label} | | | | | | {found['at_least_as_fast']:.0%} |")
    note = (
        "An utterance of 27 words; *alone* is without the checks and the random stream of `corrupt`. The strength is "
    )
    note += "that of ours; * where no peer reaches it, so that the nearest is timed."
    return "\n".join([*lines, "", note, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=NAMES, default=NAMES)
    options = parser.parse_args()
    rows = {name: compare(name) for name in track(options.only, "noises")}
    figures: dict[str, Any] = {"target_severity": TARGET, "noises": rows}
    figures["summary"] = {"all": summary(rows), "nlpaug": summary(rows, "nlpaug")}
    print(table(figures))
    if options.only == NAMES:  # a part is only shown
        print(write("text", figures, packages=LIBRARIES))
        (RESULTS / "text.md").write_text(table(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
