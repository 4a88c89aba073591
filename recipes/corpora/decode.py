"""Decode the utterances of one dialog: face frames from its video, samples from the turns' own audio.

A dialog's video is read once from its start to the end of its last utterance, and no more than the frames of
the utterances in progress are held. Frames are evenly spaced: of an utterance of d seconds, frame k of T is the
one shown at start + (k + ½)·d/T; T is smaller than asked for where the utterance has fewer frames.

Public: Item (what a corpus gives), SAMPLE_RATE, Decoded, decode_dialog, faces_found.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import numpy.typing as npt
import soundfile

from recipes.corpora import Problem
from recipes.corpora.face import Box, Detector, crop, detects, fixed_box, half, median_box

__all__ = ["SAMPLE_RATE", "Decoded", "Item", "decode_dialog", "faces_found"]

SAMPLE_RATE = 16_000
MISSING_AT_END_S = 0.5
"""How much earlier than an utterance's end a video may stop; the last frame is then held."""
BOXES_IN_MEDIAN = 3
FRAMES_PER_SPEAKER = 5


class Item(Protocol):
    """An utterance as the cache needs it; the fields are those of `iemocap.Utterance`."""

    @property
    def id(self) -> str: ...
    @property
    def session(self) -> int: ...
    @property
    def speaker(self) -> str: ...
    @property
    def label(self) -> int: ...
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...
    @property
    def text(self) -> str: ...
    @property
    def wav(self) -> Path: ...
    @property
    def avi(self) -> Path: ...
    @property
    def side(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Decoded:
    """One decoded utterance."""

    item: Item
    audio: npt.NDArray[np.int16]
    """(samples,) at SAMPLE_RATE"""
    video: npt.NDArray[np.uint8]
    """(T, size, size, 3) RGB"""
    fps: float
    """T divided by the length in seconds."""
    crop: str
    """How the face was found: "detector" or "square"."""


@dataclass(slots=True)
class _Wanted:
    """The frames that an utterance still waits for."""

    item: Item
    indices: list[int]
    """Numbers of the frames in the dialog, rising."""
    halves: list[npt.NDArray[np.uint8]] = field(default_factory=list)

    def missing(self) -> int | None:
        return self.indices[len(self.halves)] if len(self.halves) < len(self.indices) else None


def decode_dialog(
    items: Sequence[Item], *, frames: int, size: int, detector: Detector | None, detected_speakers: frozenset[str]
) -> Iterator[Decoded | Problem]:
    """Yield every utterance of one dialog, decoded, or what keeps it from being so.

    `items` share one video file. The detector serves the speakers in `detected_speakers`: it looks at the middle
    frame of every utterance, and the box is the median of what it found in this and the speaker's last ones.
    """
    found: dict[str, deque[Box]] = {item.speaker: deque(maxlen=BOXES_IN_MEDIAN) for item in items}
    for wanted in _collect(items, frames):
        if isinstance(wanted, Problem):
            yield wanted
            continue
        item = wanted.item
        audio = _read_audio(item)
        if isinstance(audio, Problem):
            yield audio
            continue
        recent = found[item.speaker]
        if detector is not None and item.speaker in detected_speakers:
            recent.extend(box for box in [detector(wanted.halves[len(wanted.halves) // 2])] if box)
        height, width = wanted.halves[0].shape[:2]
        box = median_box(recent, height, width) if recent else fixed_box(height, width)
        video = np.stack([crop(pixels, box, size) for pixels in wanted.halves])
        fps = len(video) / (item.end_s - item.start_s)
        yield Decoded(item, audio, video, fps, "detector" if recent else "square")


def faces_found(items: Sequence[Item], detector: Detector | None) -> bool:
    """Whether the detector finds one speaker's face: the middle frames of his first utterances in one dialog.

    `items` are all utterances of the speaker in the corpus's order; the first dialog that can be decoded is used.
    """
    if detector is None:
        return False
    for avi in dict.fromkeys(item.avi for item in items):
        first = [item for item in items if item.avi == avi][:FRAMES_PER_SPEAKER]
        halves = [wanted.halves[0] for wanted in _collect(first, 1) if isinstance(wanted, _Wanted)]
        if halves:
            return detects(detector, halves)
    return False


def _collect(items: Sequence[Item], frames: int) -> Iterator[_Wanted | Problem]:
    """Read one video and yield each utterance as soon as it has its frames."""
    avi = items[0].avi
    waiting: list[_Wanted] = []
    last_index = -1
    last_frame: av.VideoFrame | None = None
    rate = Fraction(0)
    try:
        with av.open(str(avi)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            rate = stream.average_rate or stream.guessed_rate or Fraction(0)
            if rate <= 0:
                raise ValueError("states no frame rate")
            waiting = [_Wanted(item, _frame_numbers(item, rate, frames)) for item in _by_end(items)]
            for frame in container.decode(stream):
                index = last_index + 1
                if frame.pts is not None and frame.time_base is not None:
                    index = max(index, round(frame.pts * frame.time_base * rate))
                if last_frame is not None:
                    # A frame that the recorder dropped shows as the one before it.
                    _give(waiting, last_frame, until=index - 1)
                last_index, last_frame = index, frame
                _give(waiting, frame, until=index)
                while waiting and waiting[0].missing() is None:
                    yield waiting.pop(0)
                if not waiting:
                    return
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        if not waiting:
            waiting = [_Wanted(item, [0]) for item in items]
        message = f"{avi}: cannot be decoded ({error}); copy it again from the release"
        yield from (Problem(wanted.item.id, message) for wanted in waiting)
        return

    if last_frame is not None:
        _give(waiting, last_frame, until=last_index + math.floor(MISSING_AT_END_S * rate))
    for wanted in waiting:
        if wanted.missing() is None:
            yield wanted
        else:
            end_s = (last_index + 1) / float(rate)
            message = f"{avi}: truncated, it ends at {end_s:.2f} s, the utterance at {wanted.item.end_s:.2f} s"
            yield Problem(wanted.item.id, f"{message}; copy it again from the release")


def _by_end(items: Sequence[Item]) -> list[Item]:
    # In the order in which they become complete: the two actors talk over each other.
    return sorted(items, key=lambda item: (item.end_s, item.id))


def _frame_numbers(item: Item, rate: Fraction, frames: int) -> list[int]:
    per_second = float(rate)
    first, length = item.start_s * per_second, (item.end_s - item.start_s) * per_second
    # Times in the release are decimal: 1.5 s at 10 Hz must be 15 frames, whatever their binary difference is.
    tiny = 1e-6
    count = max(1, min(frames, math.floor(length + tiny)))
    return [math.floor(first + (k + 0.5) * length / count + tiny) for k in range(count)]


def _give(waiting: Sequence[_Wanted], frame: av.VideoFrame, until: int) -> None:
    """Hand `frame` to every utterance that waits for a frame numbered `until` or lower."""
    pixels: npt.NDArray[np.uint8] | None = None
    for wanted in waiting:
        while (missing := wanted.missing()) is not None and missing <= until:
            if pixels is None:
                pixels = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
            wanted.halves.append(half(pixels, wanted.item.side).copy())


def _read_audio(item: Item) -> npt.NDArray[np.int16] | Problem:
    try:
        samples, sample_rate = soundfile.read(item.wav, dtype="int16", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        return Problem(item.id, f"{item.wav}: cannot be decoded ({error}); copy it again from the release")
    if sample_rate != SAMPLE_RATE or samples.shape[1] != 1:
        shape = f"{sample_rate} Hz with {samples.shape[1]} channels"
        return Problem(item.id, f"{item.wav}: {shape}, expected {SAMPLE_RATE} Hz mono; convert it")
    mono: npt.NDArray[np.int16] = samples[:, 0]
    return mono
