"""Does calibration hold on pictures, clips, voices and sentences that it was not measured on?

    python -m benchmarks.corpora        # once: fetches the samples
    python -m benchmarks.calibration    # all shipped profiles; or --profile faces, --noises "image/*blur"

For every noise of a profile, at 20 levels, on all held-out samples (other people, scenes, voices, sentences): mean
severity against level × its maximum, and how much severity scatters over the samples. Written:
benchmarks/results/calibration.json and calibration.md, in which profiles and noises that were left out keep their
figures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.progress import track

from benchmarks import measure
from noise_scheduler import build, corrupt, severity
from noise_scheduler.calibration import FULL_SEVERITY, Profile, profile_of
from noise_scheduler.calibration.corpus import read_corpus
from noise_scheduler.calibration.measure import Sample
from noise_scheduler.files import write_whole

CORPORA = {"photos": "photos", "faces": "faces", "video": "clips", "speech": "speech", "text": "text"}
"""Profile → the folder of its held-out samples."""

DRAWS = {"text": 20}
"""Of each sample at each level where it is not one: for a text they scatter widely."""

LEVELS = np.arange(1, 21) / 20
MOST_DEVIATION, MEAN_DEVIATION, MOST_SPREAD = 0.05, 0.02, 0.12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=CORPORA, action="append", help="instead of all")
    parser.add_argument("--noises", default="*", help="glob pattern; the other noises keep their figures")
    arguments = parser.parse_args()
    figures = known()
    for name in arguments.profile or CORPORA:
        profile = profile_of(name)
        names = [noise for noise in profile.curves if fnmatch(noise, arguments.noises)]
        corpus = read_corpus(profile.kind, Path("data/corpora") / CORPORA[name] / "held_out", most=1000)
        means, spreads = measured(name, profile.kind, names, corpus)
        found = {noise: row(profile, noise, means[noise], spreads[noise]) for noise in names}
        found = figures.get(name, {}).get("noises", {}) | found
        rows = {noise: found[noise] for noise in profile.curves if noise in found}
        figures[name] = {"samples": len(corpus), "summary": summary(rows.values()), "noises": rows}
        print("\n".join(table(name, figures[name])))
    figures = {name: figures[name] for name in CORPORA if name in figures}
    text = "\n".join(line for name, found in figures.items() for line in table(name, found)) + "\n"
    write_whole(measure.RESULTS / "calibration.md", text.encode())
    print(f"written: {measure.write('calibration', figures)}")


def known() -> dict[str, Any]:
    """Profile → the figures of the last run."""
    file = measure.RESULTS / "calibration.json"
    figures: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["figures"] if file.exists() else {}
    return figures


def measured(
    profile: str, kind: str, names: list[str], corpus: list[Sample]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Mean and standard deviation of severity over the samples, at each level of each noise."""
    with ProcessPoolExecutor(
        mp_context=get_context("spawn"), initializer=set_up, initargs=(profile, kind, corpus)
    ) as pool:
        results = track(pool.map(severities, names), f"{profile}, held out", total=len(names), transient=True)
        severity_of = dict(zip(names, results, strict=True))
    return {name: s.mean(1) for name, s in severity_of.items()}, {name: s.std(1) for name, s in severity_of.items()}


def set_up(profile: str, kind: str, corpus: list[Sample]) -> None:
    global _profile, _corpus, _measures
    cv2.setNumThreads(1)
    _profile, _corpus = profile, corpus
    _measures = [severity.against(kind, x, **context) for x, context in corpus]


def severities(noise: str) -> np.ndarray:
    """(levels, samples and draws); a sample has the same random streams at all levels."""
    built = build(noise)
    trials = [
        (*severity.trial(built, x, against, **context), context)
        for (x, context), against in zip(_corpus, _measures, strict=True)
    ] * DRAWS.get(_profile, 1)
    return np.array(
        [
            [
                against(corrupt(x, built, level=level, seed=1, id=index, profile=_profile, **context))
                for index, (x, against, context) in enumerate(trials)
            ]
            for level in LEVELS.tolist()
        ]
    )


def row(profile: Profile, noise: str, means: np.ndarray, spreads: np.ndarray) -> dict[str, Any]:
    top = profile.curves[noise].max_severity
    deviations = np.abs(means - top * LEVELS)[1::2]  # at .1, .2 … 1
    return {
        "max_severity": top,
        "means": means.round(4).tolist(),
        "most_deviation": round(float(deviations.max()), 4),
        "mean_deviation": round(float(deviations.mean()), 4),
        "spread": round(float(spreads[1::2].mean()), 4),
        "most_spread": round(float(spreads[1::2].max()), 4),
        "rises": all(low < high for low, high in pairwise(means)),
    }


def summary(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    rows = list(rows)
    full = [row for row in rows if row["max_severity"] >= FULL_SEVERITY]
    return {
        "noises": len(rows),
        "full": len(full),
        "most_deviation": max((row["most_deviation"] for row in full), default=0.0),
        "mean_deviation": round(float(np.mean([row["mean_deviation"] for row in full])), 4) if full else 0.0,
        "deviation_missed": sum(row["most_deviation"] > MOST_DEVIATION for row in full),
        "spread_missed": sum(row["spread"] > MOST_SPREAD for row in rows),
        "not_rising": sum(not row["rises"] for row in rows),
    }


def table(name: str, figures: Mapping[str, Any]) -> list[str]:
    total = figures["summary"]
    lines = [
        f"**{name}**, {figures['samples']} held-out samples: {total['full']} of {total['noises']} noises reach "
        f"severity {FULL_SEVERITY:g}. Their mean deviation from .7 × level is {total['mean_deviation']:.3f}, the "
        f"largest {total['most_deviation']:.3f}; {total['deviation_missed']} exceed {MOST_DEVIATION:g} at some level. "
        f"{total['spread_missed']} noises scatter by more than {MOST_SPREAD:g}, {total['not_rising']} do not rise at "
        "every one of 20 levels.",
        "",
        "| noise | max severity | deviation: mean | largest | spread | rises |",
        "|---|---|---|---|---|---|",
    ]
    for noise, found in figures["noises"].items():
        cells = (found["max_severity"], found["mean_deviation"], found["most_deviation"], found["spread"])
        limits = (2.0, 1.0, MOST_DEVIATION, MOST_SPREAD)
        shown = (
            f"**{cell:.3f}**" if cell > limit else f"{cell:.3f}" for cell, limit in zip(cells, limits, strict=True)
        )
        lines.append(f"| {noise} | {' | '.join(shown)} | {'yes' if found['rises'] else '**no**'} |")
    return [*lines, ""]


if __name__ == "__main__":
    main()
