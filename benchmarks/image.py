"""What a noise of images costs, against the fastest transform of other libraries at the same measured strength.

    python -m benchmarks.image [--only NAME ...] [--sizes 112 224 512] [--no-clips]

Takes about three minutes; writes benchmarks/results/image.json and image.md, and prints the table (a part of the noises
is only printed). Needs the dependency group ``bench``, best in an environment of its own: it brings an old setuptools
and a second OpenCV.

Strength is `noise_scheduler.severity` (for `colour_cast`, which luma does not show, the root mean square change), mean
over the pictures, set anew at each size (`benchmarks.measure` says how). All run in one process on one thread;
conversion to and from tensors is not counted, and freed memory is kept, for all, because on some machines getting it
anew takes longer than most transforms. Ours are called through `noise_scheduler.corrupt`, checks and random stream
included. A clip is 16 frames of 224²: ours in one call, the fastest peer frame by frame.
"""

from __future__ import annotations

import argparse
from functools import partial
from itertools import count
from typing import Any

import cv2
import numpy as np
import skimage.data
import torch
from rich.progress import track

import noise_scheduler as ns
from benchmarks.image_peers import LIBRARIES, PEERS, to_input, to_picture
from benchmarks.measure import RESULTS, TARGET, Bench, compare_all, keep_freed_memory, summary, table, timed, write
from noise_scheduler import severity

SIZES = (112, 224, 512)
CLIP_FRAMES, CLIP_SIZE = 16, 224
NOTE = "A albumentations, T torchvision v2, K kornia, I imagecorruptions"


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


def bench(name: str, size: int) -> Bench:
    """The pictures of one size for a noise, and what measures its strength on them."""
    strength = colour_change if name == "colour_cast" else severity.image
    return Bench(pictures(size), size, strength, to_input, to_picture)


def compare_clip(name: str, still: dict[str, Any]) -> dict[str, Any]:
    """A clip at the level of the still picture against its fastest peer, called for every frame."""
    clip = np.stack(pictures(CLIP_SIZE) * (CLIP_FRAMES // 4))
    peer = PEERS[name][still["peers"][still["fastest"]]["number"]]
    transform = peer.make(still["peers"][still["fastest"]]["parameter"], CLIP_SIZE)
    frames = [to_input(peer.letter, frame) for frame in clip]
    step = count()
    ms = timed(
        {
            "ours": lambda: ns.corrupt(clip, f"image/{name}", level=still["level"], step=next(step)),
            "peer": lambda: [transform(frame) for frame in frames],
        }
    )
    return {"ms": ms["ours"], "fastest": still["fastest"], "peer_ms": ms["peer"], "ratio": ms["peer"] / ms["ours"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=sorted(PEERS), default=sorted(PEERS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--clips", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    keep_freed_memory()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)

    benches = {size: partial(bench, size=size) for size in options.sizes}
    found, failed = compare_all({name: ns.build(f"image/{name}") for name in options.only}, PEERS, benches)
    clips: dict[str, Any] = {}
    if options.clips:
        stills = (
            found.get(CLIP_SIZE)
            or compare_all(
                {name: ns.build(f"image/{name}") for name in options.only},
                PEERS,
                {CLIP_SIZE: partial(bench, size=CLIP_SIZE)},
            )[0][CLIP_SIZE]
        )
        clips = {name: compare_clip(name, still) for name, still in track(stills.items(), "clips")}
    figures: dict[str, Any] = {
        "target_severity": TARGET,
        "pictures": {str(size): rows for size, rows in found.items()},
        "clips": clips,
        "summary": {str(size): summary(rows) for size, rows in found.items()},
    }
    if clips:
        figures["summary"]["clip"] = summary(clips)
    columns = {f"{size}², ms": rows for size, rows in found.items()}
    if clips:
        columns["16 × 224², ms"] = clips
    shown = table(columns, figures["summary"].values(), NOTE)
    print(shown)
    if failed:
        raise SystemExit(f"not measured, see above: {', '.join(failed)}; nothing is written")
    if options.only == sorted(PEERS) and options.clips and options.sizes == list(SIZES):  # a part is only shown
        print(write("image", figures, packages=(*LIBRARIES, "opencv-python-headless", "scikit-image")))
        (RESULTS / "image.md").write_text(shown, encoding="utf-8")


if __name__ == "__main__":
    main()
