"""What a noise of images costs, against the fastest transform of other libraries at the same measured strength.

    python -m benchmarks.image [--only NAME ...] [--sizes 112 224 512] [--no-clips]

Takes about three minutes; writes benchmarks/results/image.json and image.md, and prints the table (a part of the noises
is only printed). Needs the dependency group ``bench``, best in an environment of its own: it brings an old setuptools
and a second OpenCV.

Strength is `noise_scheduler.severity` (for `colour_cast`, which luma does not show, the root mean square change), mean
over the pictures. Ours is set to half the scale, or to half of what it can reach at most; each peer is then set by
bisection of one parameter to the same strength, at each size. Whoever cannot reach it to within .06 is timed at the
nearest and marked. Times are medians over single calls, all candidates in turn in one process on one thread, each with
a transform that was built once and a picture in its own format: conversion to and from tensors is not counted. Freed
memory is kept for all, because getting it anew takes longer than most transforms on some machines. Ours are called
through `noise_scheduler.corrupt`, checks and random stream included. A clip is 16 frames of 224²: ours in one call, the
fastest peer frame by frame.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
import traceback
from collections.abc import Callable
from itertools import count, cycle
from typing import Any

import cv2
import numpy as np
import skimage.data
import torch
from rich.progress import track

import noise_scheduler as ns
from benchmarks.image_peers import LIBRARIES, PEERS, Peer, to_input, to_picture
from benchmarks.measure import RESULTS, alternate, keep_freed_memory, write
from noise_scheduler import severity

SIZES = (112, 224, 512)
CLIP_FRAMES, CLIP_SIZE = 16, 224
TARGET, NEAR, CLOSE = 0.35, 0.06, 0.007
TIMING_S, MOST_ROUNDS, LEAST_ROUNDS = 0.6, 60, 4
SETTING_S = 0.5  # after which the strength of a slow transform is taken from the pictures so far
HOPELESS = 10  # times the fastest, from which on a peer is timed by a single call, and not on greater pictures

Strength = Callable[[np.ndarray, np.ndarray], float]


def pictures(size: int) -> list[np.ndarray]:
    """The sample pictures of scikit-image in colour: their central squares."""
    squares = []
    for whole in (skimage.data.astronaut(), skimage.data.cat(), skimage.data.coffee(), skimage.data.rocket()):
        side = min(whole.shape[:2])
        top, left = (whole.shape[0] - side) // 2, (whole.shape[1] - side) // 2
        square = whole[top : top + side, left : left + side]
        squares.append(
            cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA if size < side else cv2.INTER_CUBIC)
        )
    return squares


def colour_change(clean: np.ndarray, noisy: np.ndarray) -> float:
    """Root mean square difference, 1 between black and white."""
    return float(np.sqrt(np.mean((clean.astype(np.float32) - noisy) ** 2))) / 255


def our_level(name: str, clean: list[np.ndarray], strength: Strength) -> tuple[float, float]:
    """(level, strength) at the target, or at half of what the noise can reach."""

    def reached(level: float) -> float:
        return mean_strength(lambda x, draw: ns.corrupt(x, f"image/{name}", level=level, step=draw), clean, strength)

    return bisect(reached, min(TARGET, reached(1.0) / 2), 0.5)


def peer_position(
    peer: Peer, clean: list[np.ndarray], strength: Strength, target: float, start: float
) -> tuple[float, float]:
    """(position of the parameter, strength), as near to the target as it comes."""
    known: dict[float, float] = {}

    def reached(position: float) -> float:
        parameter = peer.parameter(position)
        if parameter not in known:
            transform = peer.make(parameter, clean[0].shape[0])
            known[parameter] = mean_strength(
                lambda x, draw: to_picture(peer.library, transform(to_input(peer.library, x))), clean, strength
            )
        return known[parameter]

    return bisect(reached, target, start)


def mean_strength(call: Callable[[np.ndarray, int], np.ndarray], clean: list[np.ndarray], strength: Strength) -> float:
    """Over the pictures, two draws each; over fewer where the call is slow."""
    seed()
    start, values = time.perf_counter(), []
    for draw in range(2):
        for picture in clean:
            values.append(strength(picture, call(picture, draw)))
            if time.perf_counter() - start > SETTING_S:
                return statistics.fmean(values)
    return statistics.fmean(values)


def bisect(reached: Callable[[float], float], target: float, start: float) -> tuple[float, float]:
    """(position, value) of the position in [0, 1] whose value comes nearest to the target."""
    low, high, middle, best = 0.0, 1.0, start, (0.0, math.inf)
    for _ in range(8):
        value = reached(middle)
        best = min(best, (middle, value), key=lambda found: abs(found[1] - target))
        if abs(value - target) < CLOSE:
            break
        low, high = (low, middle) if value > target else (middle, high)
        middle = (low + high) / 2
    return best


def compare(name: str, size: int, smaller: dict[str, Any] | None = None) -> dict[str, Any]:
    """Strengths and times of our noise and its peers on pictures of one size, given those on smaller ones."""
    clean = pictures(size)
    strength: Strength = colour_change if name == "colour_cast" else severity.image
    level, ours = our_level(name, clean, strength)
    row: dict[str, Any] = {"level": level, "strength": ours, "peers": {}}
    calls: dict[str, Callable[[], Any]] = {"ours": our_call(name, level, clean)}
    for number, peer in enumerate(PEERS[name]):
        key = peer.name if [other.name for other in PEERS[name]].index(peer.name) == number else f"{peer.name} (2)"
        before = smaller["peers"].get(key, {"hopeless": True}) if smaller else {"position": 0.5, "hopeless": False}
        if before["hopeless"]:
            continue
        position, found = peer_position(peer, clean, strength, ours, before["position"])
        row["peers"][key] = {
            "number": number,
            "position": position,
            "parameter": peer.parameter(position),
            "strength": found,
            "reached": abs(found - ours) <= NEAR,
        }
        calls[key] = peer_call(peer, peer.parameter(position), clean)
    times = timed(calls)
    least = min(times[key] for key in row["peers"])
    for key, found in row["peers"].items():
        found |= {"ms": times[key], "hopeless": times[key] > HOPELESS * least}
    return row | {"ms": times["ours"]} | fastest(row["peers"], times["ours"])


def compare_clip(name: str, still: dict[str, Any]) -> dict[str, Any]:
    """A clip at the level of the still picture against its fastest peer, called for every frame."""
    clip = np.stack(pictures(CLIP_SIZE) * (CLIP_FRAMES // 4))
    peer = PEERS[name][still["peers"][still["fastest"]]["number"]]
    transform = peer.make(still["peers"][still["fastest"]]["parameter"], CLIP_SIZE)
    frames = [to_input(peer.library, frame) for frame in clip]
    step = count()
    ms = timed(
        {
            "ours": lambda: ns.corrupt(clip, f"image/{name}", level=still["level"], step=next(step)),
            "peer": lambda: [transform(frame) for frame in frames],
        }
    )
    return {"ms": ms["ours"], "peer": still["fastest"], "peer_ms": ms["peer"], "ratio": ms["peer"] / ms["ours"]}


def our_call(name: str, level: float, clean: list[np.ndarray]) -> Callable[[], Any]:
    noise, picture, step = ns.build(f"image/{name}"), cycle(clean), count()
    return lambda: ns.corrupt(next(picture), noise, level=level, step=next(step))


def peer_call(peer: Peer, parameter: float, clean: list[np.ndarray]) -> Callable[[], Any]:
    transform = peer.make(parameter, clean[0].shape[0])
    picture = cycle([to_input(peer.library, x) for x in clean])
    return lambda: transform(next(picture))


def timed(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median milliseconds of a call, in turn with the others, over as many rounds as there is time for."""
    once = {name: times[0] for name, times in alternate(calls, rounds=1).items()}
    least = min((seconds for name, seconds in once.items() if name != "ours"), default=0)
    in_turn = {name: call for name, call in calls.items() if name == "ours" or once[name] < HOPELESS * least}
    rounds = int(TIMING_S / sum(once[name] for name in in_turn))
    seconds = alternate(in_turn, rounds=4 * math.ceil(min(max(rounds, LEAST_ROUNDS), MOST_ROUNDS) / 4))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {name: 1e3 * medians.get(name, once[name]) for name in calls}


def fastest(peers: dict[str, dict[str, Any]], ms: float) -> dict[str, Any]:
    """The peer to beat: the fastest of those at our strength, or of all where none is."""
    able = {key: peer for key, peer in peers.items() if peer["reached"]} or peers
    name = min(able, key=lambda key: able[key]["ms"])
    return {"fastest": name, "ratio": able[name]["ms"] / ms}


def summary(rows: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Geometric mean of the ratios, and the share of noises at least as fast as the fastest peer."""
    ratios = [row["ratio"] for row in rows.values()]
    return {
        "geometric_mean_ratio": statistics.geometric_mean(ratios),
        "at_least_as_fast": sum(ratio >= 1 for ratio in ratios) / len(ratios),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    sizes = list(figures["pictures"])
    heads = [f"{size}², ms" for size in sizes] + (["16 × 224², ms"] if figures["clips"] else [])
    lines = ["| noise | fastest peer | " + " | ".join(heads) + " |", "|---|---|" + "---|" * len(heads)]
    for name in figures["pictures"][sizes[-1]]:
        rows = [figures["pictures"][size][name] for size in sizes]
        cells = [
            f"{row['ms']:.2f} ({row['ratio']:.1f}×{'' if row['peers'][row['fastest']]['reached'] else '*'})"
            for row in rows
        ]
        if clip := figures["clips"].get(name):
            cells.append(f"{clip['ms']:.1f} ({clip['ratio']:.1f}×)")
        peers = ", ".join(dict.fromkeys(row["fastest"] for row in rows))
        lines.append(f"| {name} | {peers} | " + " | ".join(cells) + " |")
    means = [f"**{found['geometric_mean_ratio']:.1f}×**" for found in figures["summary"].values()]
    lines.append("| geometric mean of the ratios | | " + " | ".join(means) + " |")
    shares = [f"{found['at_least_as_fast']:.0%}" for found in figures["summary"].values()]
    lines.append("| at least as fast as the fastest peer | | " + " | ".join(shares) + " |")
    note = (
        "Peers: A albumentations, T torchvision v2, K kornia, I imagecorruptions. In brackets, how many times as long "
    )
    note += "the fastest peer takes; * where no peer reaches the strength, so that the nearest is timed."
    return "\n".join([*lines, "", note, ""])


def seed() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=sorted(PEERS), default=sorted(PEERS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--clips", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    keep_freed_memory()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)

    found: dict[int, dict[str, Any]] = {size: {} for size in sorted(options.sizes)}
    clips: dict[str, Any] = {}
    failed = []
    for name in track(options.only, "noises"):
        try:
            rows: dict[int, dict[str, Any]] = {}
            for size in found:
                rows[size] = compare(name, size, list(rows.values())[-1] if rows else None)
            if options.clips:
                clips[name] = compare_clip(name, rows.get(CLIP_SIZE) or compare(name, CLIP_SIZE))
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        for size, row in rows.items():
            found[size][name] = row
    if len(failed) == len(options.only):
        raise SystemExit("no noise could be measured")
    figures: dict[str, Any] = {
        "target_severity": TARGET,
        "pictures": {str(size): rows for size, rows in found.items()},
        "clips": clips,
        "summary": {str(size): summary(rows) for size, rows in found.items()},
    }
    if clips:
        figures["summary"]["clip"] = summary(clips)
    print(table(figures))
    if failed:
        raise SystemExit(f"not measured, see above: {', '.join(failed)}; nothing is written")
    if options.only == sorted(PEERS) and options.clips and options.sizes == list(SIZES):  # a part is only shown
        print(write("image", figures, packages=(*LIBRARIES, "opencv-python-headless", "scikit-image")))
        (RESULTS / "image.md").write_text(table(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
