"""Decode the utterances of one video: face frames, and samples from the turns' own audio or from the video's.

A video is read once, up to the end of its last utterance, and no more than the frames of the utterances in progress
are held; what lies between utterances far apart is skipped where the file has an index by time (MP4). Frames are
evenly spaced: of an utterance of d seconds, frame k of T is the one shown at start + (k + ½)·d/T; T is smaller than
asked for where the utterance has fewer frames. Sound cut from a video is mixed to mono, resampled to 16 kHz and
placed by its time stamps.

Public: Item (what a corpus gives), SAMPLE_RATE, Decoded, decode_dialog, faces_found.
"""

import functools
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import numpy.typing as npt
import soundfile

from recipes.corpora import Problem
from recipes.corpora.face import Box, Detector, crop, detects, fixed_box, median_box, speakers_view

__all__ = ["SAMPLE_RATE", "Decoded", "Item", "decode_dialog", "faces_found"]

SAMPLE_RATE = 16_000
MISSING_AT_END_S = 0.5
"""How much earlier than an utterance's end a video may stop; the last frame is then held, and the sound silent."""
SKIP_S = 10.0
"""How far ahead the next wanted frame must lie for a seek: about the distance of key frames."""
GAP_S = 0.05
"""How far a block of sound must lie from the end of the one before for its time stamp to move it."""
BOXES_IN_MEDIAN = 3
FRAMES_PER_SPEAKER = 5


class Item(Protocol):
    """An utterance as the cache needs it: `iemocap.Utterance`, `cmu_mosei.Utterance`."""

    @property
    def id(self) -> str: ...
    @property
    def session(self) -> int:
        """Recording session, 0 where the corpus has none."""

    @property
    def speaker(self) -> str: ...
    @property
    def label(self) -> float:
        """A class (int) or a value to regress (float)."""

    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...
    @property
    def text(self) -> str: ...
    @property
    def audio_file(self) -> Path:
        """The utterance alone, 16 kHz mono; or `video_file`, from whose sound it is then cut."""

    @property
    def video_file(self) -> Path: ...
    @property
    def side(self) -> str | None:
        """Half of the frame in which the speaker is, "left" or "right"; None where the speaker is alone in it."""


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
    """Numbers of the frames in the video, rising."""
    views: list[npt.NDArray[np.uint8]] = field(default_factory=list)

    def missing(self) -> int | None:
        return self.indices[len(self.views)] if len(self.views) < len(self.indices) else None


def decode_dialog(
    items: Sequence[Item], *, frames: int, size: int, detector: Detector | None, detected_speakers: frozenset[str]
) -> Iterator[Decoded | Problem]:
    """Yield every utterance of one dialog, decoded, or what keeps it from being so.

    `items` share one video file. The detector serves the speakers in `detected_speakers`: it looks at the middle
    frame of every utterance, and the box is the median of what it found in this and the speaker's last ones.
    """
    read_audio = _audio_reader(items)
    found: dict[str, deque[Box]] = {item.speaker: deque(maxlen=BOXES_IN_MEDIAN) for item in items}
    for wanted in _collect(items, frames):
        if isinstance(wanted, Problem):
            yield wanted
            continue
        item = wanted.item
        audio = read_audio(item)
        if isinstance(audio, Problem):
            yield audio
            continue
        recent = found[item.speaker]
        if detector is not None and item.speaker in detected_speakers:
            recent.extend(box for box in [detector(wanted.views[len(wanted.views) // 2])] if box)
        height, width = wanted.views[0].shape[:2]
        box = median_box(recent, height, width) if recent else fixed_box(height, width)
        video = np.stack([crop(pixels, box, size) for pixels in wanted.views])
        fps = len(video) / (item.end_s - item.start_s)
        yield Decoded(item, audio, video, fps, "detector" if recent else "square")


def faces_found(items: Sequence[Item], detector: Detector | None) -> bool:
    """Whether the detector finds one speaker's face: the middle frames of his first utterances in one dialog.

    `items` are all utterances of the speaker in the corpus's order; the first dialog that can be decoded is used.
    """
    if detector is None:
        return False
    for video_file in dict.fromkeys(item.video_file for item in items):
        first = [item for item in items if item.video_file == video_file][:FRAMES_PER_SPEAKER]
        views = [wanted.views[0] for wanted in _collect(first, 1) if isinstance(wanted, _Wanted)]
        if views:
            return detects(detector, views)
    return False


def _collect(items: Sequence[Item], frames: int) -> Iterator[_Wanted | Problem]:
    """Read one video and yield each utterance as soon as it has its frames."""
    video_file = items[0].video_file
    waiting: list[_Wanted] = []
    last_index = -1
    last_frame: av.VideoFrame | None = None
    rate = Fraction(0)
    try:
        with av.open(str(video_file)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            rate = stream.average_rate or stream.guessed_rate or Fraction(0)
            if rate <= 0:
                raise ValueError("states no frame rate")
            waiting = [_Wanted(item, _frame_numbers(item, rate, frames)) for item in _by_end(items)]
            for last_index, last_frame in _shown(container, stream, rate, waiting):
                _give(waiting, last_frame, until=last_index)
                while waiting and waiting[0].missing() is None:
                    yield waiting.pop(0)
            if not waiting:
                return
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        if not waiting:
            waiting = [_Wanted(item, [0]) for item in items]
        message = f"{video_file}: cannot be decoded ({error}); copy it again from the release"
        yield from (Problem(wanted.item.id, message) for wanted in waiting)
        return

    if last_frame is not None:
        _give(waiting, last_frame, until=last_index + math.floor(MISSING_AT_END_S * rate))
    for wanted in waiting:
        if wanted.missing() is None:
            yield wanted
        else:
            end_s = (last_index + 1) / float(rate)
            message = f"{video_file}: truncated, it ends at {end_s:.2f} s, the utterance at {wanted.item.end_s:.2f} s"
            yield Problem(wanted.item.id, f"{message}; copy it again from the release")


def _shown(
    container: av.container.InputContainer, stream: av.VideoStream, rate: Fraction, waiting: Sequence[_Wanted]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield (number, frame) in rising order until nobody waits: this frame is shown up to that number."""
    skips = "mp4" in container.format.name  # in an AVI file, frames can only be counted
    number, previous, sought = -1, None, -1
    decoded = container.decode(stream)
    while waiting:
        target = min(missing for wanted in waiting if (missing := wanted.missing()) is not None)
        if skips and target != sought and target - number > SKIP_S * rate:
            container.seek(math.floor(target / rate * av.time_base))
            number, previous, sought = -1, None, target
            decoded = container.decode(stream)
        frame = next(decoded, None)
        if frame is None:
            return
        index = number + 1
        if frame.pts is not None and frame.time_base is not None:
            index = max(index, round(frame.pts * frame.time_base * rate))
        if previous is not None and index > number + 1:
            # A frame that the recorder dropped shows as the one before it.
            yield index - 1, previous
        number, previous = index, frame
        yield number, frame


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
            wanted.views.append(speakers_view(pixels, wanted.item.side).copy())


def _audio_reader(items: Sequence[Item]) -> Callable[[Item], npt.NDArray[np.int16] | Problem]:
    """How the utterances of one video get their samples: each from its own file, or cut from the video's sound."""
    video_file = items[0].video_file
    if items[0].audio_file != video_file:
        return _read_own_audio
    try:
        track = _read_track(video_file, until_s=max(item.end_s for item in items))
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        message = f"{video_file}: its sound cannot be decoded ({error}); copy it again from the release"
        return lambda item: Problem(item.id, message)
    return functools.partial(_cut, track)


def _read_track(video_file: Path, until_s: float) -> npt.NDArray[np.int16]:
    """The sound of a video from time 0 to `until_s`, or to its end where that comes first; (samples,)."""
    track = np.zeros(math.ceil(until_s * SAMPLE_RATE), np.int16)
    position = 0
    with av.open(str(video_file)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        for frame in itertools.chain(container.decode(stream), [None]):
            for block in resampler.resample(frame):
                samples = block.to_ndarray()[0]
                if block.time is not None and abs(block.time * SAMPLE_RATE - position) > GAP_S * SAMPLE_RATE:
                    position = round(block.time * SAMPLE_RATE)
                samples = samples[max(0, -position) : max(0, len(track) - position)]
                track[max(0, position) : max(0, position) + len(samples)] = samples
                position += block.samples
            if position >= len(track):
                break
    return track[: max(0, position)]


def _cut(track: npt.NDArray[np.int16], item: Item) -> npt.NDArray[np.int16] | Problem:
    first, last = round(item.start_s * SAMPLE_RATE), round(item.end_s * SAMPLE_RATE)
    if last - len(track) > MISSING_AT_END_S * SAMPLE_RATE:
        message = f"{item.video_file}: its sound ends at {len(track) / SAMPLE_RATE:.2f} s, the utterance at"
        return Problem(item.id, f"{message} {item.end_s:.2f} s; copy it again from the release")
    samples = np.zeros(last - first, np.int16)
    present = track[first:last]
    samples[: len(present)] = present
    return samples


def _read_own_audio(item: Item) -> npt.NDArray[np.int16] | Problem:
    try:
        samples, sample_rate = soundfile.read(item.audio_file, dtype="int16", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        return Problem(item.id, f"{item.audio_file}: cannot be decoded ({error}); copy it again from the release")
    if sample_rate != SAMPLE_RATE or samples.shape[1] != 1:
        shape = f"{sample_rate} Hz with {samples.shape[1]} channels"
        return Problem(item.id, f"{item.audio_file}: {shape}, expected {SAMPLE_RATE} Hz mono; convert it")
    mono: npt.NDArray[np.int16] = samples[:, 0]
    return mono
