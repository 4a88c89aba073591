"""Reading the samples of a folder that a profile is measured on.

Public: `read_corpus`, `READERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..registry import nearest
from .measure import Sample

CLIP_FRAMES = 12
CLIP_FPS = 12.5
_LONG_S = 20.0  # of a longer file, the frames after its middle are decoded alone

Pixels = npt.NDArray[np.uint8]


def read_corpus(kind: str, folder: Path, *, most: int | None = None, side: int | None = None) -> list[Sample]:
    """Samples of a folder and its subfolders, from evenly spaced files in the order of their names.

    A file that cannot be read makes way for one that was passed over.

    Args:
        kind: ``"image"`` or ``"video"``.
        folder: with pictures or video files; others are passed over.
        most: how many at most; None for the kind's usual number.
        side: pictures and frames are cut to their central square and scaled to this side, pixels; None for the
            kind's usual one.

    Raises:
        ValueError: the kind has no reader, or fewer than two samples can be read.
        NotADirectoryError: there is no such folder.
    """
    if kind not in READERS:
        raise ValueError(f"{kind!r} cannot be calibrated; {nearest(kind, READERS)}")
    if not folder.is_dir():
        raise NotADirectoryError(20, "not a folder", str(folder))
    suffixes, read, usual_most, usual_side = READERS[kind]
    most, side = most or usual_most, side or usual_side
    files = [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in suffixes and file.is_file()]
    if len(files) > most:
        chosen = [index * len(files) // most for index in range(most)]
        files = [files[index] for index in (*chosen, *sorted(set(range(len(files))) - set(chosen)))]
    samples = list(islice((sample for file in files if (sample := read(file, side)) is not None), most))
    if len(samples) < 2:
        raise ValueError(f"{folder} holds {len(samples)} readable {kind} files; two are needed ({', '.join(suffixes)})")
    return samples


def _read_picture(file: Path, side: int) -> Sample | None:
    cv2 = need("cv2", extra="image")
    data = np.frombuffer(file.read_bytes(), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return None if picture is None else Sample(square(np.ascontiguousarray(picture[..., ::-1]), side), {})


def _read_clip(file: Path, side: int) -> Sample | None:
    """The frames in the middle of a file, thinned out to about `CLIP_FPS`."""
    av = need("av", extra="video")
    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            fps = float(stream.average_rate or 25)
            stride = max(1, round(fps / CLIP_FPS))
            if container.duration and container.duration > _LONG_S * av.time_base:
                container.seek(container.duration // 2)
            decoded = islice(container.decode(stream), 0, round(_LONG_S * fps), stride)
            frames = [square(frame.to_ndarray(format="rgb24"), side) for frame in decoded]
    except (av.error.FFmpegError, IndexError):
        return None
    start = max(0, (len(frames) - CLIP_FRAMES) // 2)
    return Sample(np.stack(frames[start : start + CLIP_FRAMES]), {"fps": fps / stride}) if frames else None


def square(picture: Pixels, side: int) -> Pixels:
    """The central square of a picture (H, W, 3) uint8, scaled to `side` pixels."""
    cv2 = need("cv2", extra="image")
    height, width = picture.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    cut = picture[top : top + edge, left : left + edge]
    scaled: Pixels = cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA if edge > side else cv2.INTER_CUBIC)
    return scaled


class Reader(NamedTuple):
    """How the samples of a kind are read."""

    suffixes: tuple[str, ...]
    """Of its files."""
    read: Callable[[Path, int], Sample | None]
    """A sample from a file, given the side in pixels; None for a file that cannot be read."""
    most: int
    """The usual number of samples: with them, a profile takes less than a minute on two cores."""
    side: int
    """The usual side, pixels."""


READERS = {
    "image": Reader(
        (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".pgm", ".ppm", ".tif", ".tiff"), _read_picture, 24, 224
    ),
    "video": Reader((".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v"), _read_clip, 6, 112),
}
"""Kind of sample → how it is read."""
