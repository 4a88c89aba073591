"""Reading the samples of a folder that a profile is measured on.

Public: `read_corpus`, `READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..registry import nearest
from .measure import Sample

CLIP_FRAMES = 12
CLIP_FPS = 12.5
_LONG_S = 20.0  # of a longer file, the frames after its middle are decoded alone
_WAVE_S = 8.0  # of a longer recording, this much from its middle is taken

Pixels = npt.NDArray[np.uint8]


def read_corpus(kind: str, folder: Path, *, most: int | None = None, side: int | None = None) -> list[Sample]:
    """Samples of a folder and its subfolders, evenly spaced in the order of the files' names.

    A file that cannot be read makes way for one that was passed over.

    Args:
        kind: ``"image"``, ``"video"``, ``"audio"`` or ``"text"``.
        folder: with pictures, video files, recordings (up to 8 s from the middle of each are taken), or text files in
            UTF-8 with a sentence on each line; others are passed over.
        most: how many at most; None for the kind's usual number.
        side: pictures and frames are cut to their central square and scaled to this side, pixels; None for the
            kind's usual one.

    Raises:
        ValueError: the kind has no reader or no side, or fewer than two samples can be read.
        NotADirectoryError: there is no such folder.
    """
    if kind not in READERS:
        raise ValueError(f"{kind!r} cannot be calibrated; {nearest(kind, READERS)}")
    reader = READERS[kind]
    if side and not reader.side:
        raise ValueError(f"a side of {side} pixels is for pictures and clips; leave it out for {kind}")
    if not folder.is_dir():
        raise NotADirectoryError(20, "not a folder", str(folder))
    files = [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in reader.suffixes and file.is_file()]
    found = _evenly(_sentences(files) if kind == "text" else files, most or reader.most)
    read = (sample for item in found if (sample := reader.read(item, side or reader.side)) is not None)
    samples = list(islice(read, most or reader.most))
    if len(samples) < 2:
        what = "sentences" if kind == "text" else f"readable {kind} files"
        raise ValueError(f"{folder} holds {len(samples)} {what}; two are needed ({', '.join(reader.suffixes)})")
    return samples


def _evenly(items: Sequence[Any], most: int) -> list[Any]:
    """The items, `most` evenly spaced ones before the others."""
    if len(items) <= most:
        return list(items)
    chosen = [index * len(items) // most for index in range(most)]
    return [items[index] for index in (*chosen, *sorted(set(range(len(items))) - set(chosen)))]


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


def _read_wave(file: Path, side: int) -> Sample | None:
    """The middle of a recording, its first channel."""
    soundfile = need("soundfile", extra="audio")
    try:
        with soundfile.SoundFile(str(file)) as sound:
            rate, frames = sound.samplerate, round(_WAVE_S * sound.samplerate)
            sound.seek(max(0, (len(sound) - frames) // 2))
            wave = np.ascontiguousarray(sound.read(frames, dtype="float32", always_2d=True)[:, 0])
    except (soundfile.LibsndfileError, OSError):
        return None
    return Sample(wave, {"sample_rate": float(rate)}) if wave.any() and np.isfinite(wave).all() else None


def _sentences(files: Sequence[Path]) -> list[str]:
    """The lines of all files, without the blank ones."""
    return [line.strip() for file in files for line in _lines(file) if line.strip()]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (UnicodeDecodeError, OSError):
        return []


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
    read: Callable[[Any, int], Sample | None]
    """A sample from a file, or a sentence, given the side in pixels; None for a file that cannot be read."""
    most: int
    """The usual number of samples: with them, a profile takes less than a minute on two cores."""
    draws: int
    """How often a sample is usually measured at most, where severities scatter."""
    side: int = 0
    """The usual side, pixels; 0 for what has none."""


READERS = {
    "image": Reader(
        (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".pgm", ".ppm", ".tif", ".tiff"), _read_picture, 24, 2, side=224
    ),
    "video": Reader((".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v"), _read_clip, 6, 2, side=112),
    "audio": Reader((".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au"), _read_wave, 16, 2),
    "text": Reader((".txt",), lambda sentence, _: Sample(sentence, {}), 120, 8),
}
"""Kind of sample → how it is read."""
