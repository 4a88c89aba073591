"""One clip of the user's own, made into what a model was trained on: face frames and a mono wave.

Frames and crop are those of the cache of decoded corpora: frame k of T is the one shown at (k + ½)·d/T of a clip of d
seconds; the box is the median of what the detector finds in three of them and is held over the clip, or the stated
square in the middle where it finds no face. Frames are turned upright as the file says.

Public: `Clip`, `ClipError`, `read_clip`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.stream import Disposition

from models.checkpoint import Preprocessing
from recipes.corpora.face import crop, fixed_box, load_detector, median_box

MISSING_AT_END_S = 0.5
"""How much earlier than its file says a clip may end."""
SILENT_PEAK = 1e-3
"""Below it (−60 dB of full scale) a wave counts as silence."""
_LOOKED_AT = 3

Pixels = npt.NDArray[np.uint8]


class ClipError(ValueError):
    """A clip cannot be used; the message names the file and the remedy."""


@dataclass(slots=True)
class Clip:
    """A decoded clip; what is missing says why under its modality's name."""

    seconds: float
    audio: npt.NDArray[np.float32] | None = None
    """(samples,) in [-1, 1)"""
    video: Pixels | None = None
    """(T, size, size, 3) RGB"""
    face: str | None = None
    """How the crop was found: "detector", "square", or None without video."""
    missing: dict[str, str] = field(default_factory=dict)


def read_clip(file: Path, wanted: Preprocessing, modalities: Collection[str] = ("audio", "video")) -> Clip:
    """Decode those `modalities` of a clip of any container and codec that FFmpeg reads.

    A stream that is not there, silence and black frames are missing modalities. Raises ClipError when there is no such
    file, it holds neither picture nor sound, or it is corrupt or cut short.
    """
    if not file.is_file():
        raise ClipError(f"{file}: no such file")
    clip = Clip(0.0)
    try:
        with av.open(str(file)) as container:
            audio = len(container.streams.audio) > 0
            video = any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video)
            promised, streams = (container.duration or 0) / av.time_base, len(container.streams)
        if not video and not audio:
            raise ClipError(f"{file}: holds neither a picture nor a sound stream; give a clip with one of them")
        for modality, there, take, kind in (
            ("audio", audio, _take_audio, "sound"),
            ("video", video, _take_video, "picture"),
        ):
            if modality in modalities and there:
                take(clip, file, wanted)
                streams -= 1
            elif modality in modalities:
                clip.missing[modality] = f"the clip has no {kind} stream"
        if streams == 0:  # the duration of the file is that of its longest stream
            _check_end(file, clip.seconds, promised)
    except av.error.FFmpegError as error:
        raise ClipError(f"{file}: cannot be decoded ({error.strerror}); is it a whole clip?") from error
    return clip


def _take_audio(clip: Clip, file: Path, wanted: Preprocessing) -> None:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=wanted.sample_rate)
    pieces: list[npt.NDArray[np.int16]] = []
    with av.open(str(file)) as container:
        stream = container.streams.audio[0]
        for frame in chain(container.decode(stream), [None]):  # None: what the resampler still holds
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    clip.seconds = max(clip.seconds, len(samples) / wanted.sample_rate)
    wave = samples.astype(np.float32) / np.float32(32768)
    if np.abs(wave).max(initial=0) < SILENT_PEAK:
        clip.missing["audio"] = "the sound is silent" if len(wave) else "the sound stream is empty"
    else:
        clip.audio = wave


def _take_video(clip: Clip, file: Path, wanted: Preprocessing) -> None:
    shown_at = [float(frame.time or 0) for frame in _frames(file)]  # read twice: only the chosen frames are held
    if not shown_at:
        clip.missing["video"] = "the picture stream is empty"
        return
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        seconds = shown_at[-1] - shown_at[0] + 1 / rate
        _check_end(file, len(shown_at) / rate, stream.frames / rate)
    clip.seconds = max(clip.seconds, seconds)
    chosen = _evenly_spaced(shown_at, seconds, wanted.frames)
    kept = {index: _upright(frame) for index, frame in enumerate(_frames(file)) if index in chosen}
    pictures = [kept[index] for index in chosen]
    if not any(picture.any() for picture in pictures):
        clip.missing["video"] = "the picture is black"
        return
    height, width = pictures[0].shape[:2]
    detector = load_detector()
    spread = np.linspace(0, len(pictures) - 1, min(_LOOKED_AT, len(pictures))).round().astype(int)
    found = [box for index in spread if detector and (box := detector(pictures[index]))]
    box = median_box(found, height, width) if found else fixed_box(height, width)
    clip.video = np.stack([crop(picture, box, wanted.frame_size) for picture in pictures])
    clip.face = "detector" if found else "square"


def _frames(file: Path) -> Iterator[Any]:
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        yield from container.decode(stream)


def _evenly_spaced(shown_at: Sequence[float], seconds: float, frames: int) -> list[int]:
    """Numbers of the frames shown at the middle of each of `frames` equal parts; all of them where there are fewer."""
    count = min(frames, len(shown_at))
    tiny = 1e-6  # a frame that begins at the very moment is the one shown
    moments = [shown_at[0] + (k + 0.5) * seconds / count + tiny for k in range(count)]
    return [max(0, bisect_right(shown_at, moment) - 1) for moment in moments]


def _upright(frame: Any) -> Pixels:
    pixels: Pixels = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
    return np.ascontiguousarray(pixels)


def _check_end(file: Path, seconds: float, promised: float) -> None:
    if seconds < promised - MISSING_AT_END_S:
        raise ClipError(f"{file}: cut short, it ends at {seconds:.2f} of {promised:.2f} s; copy it again")
