"""Video codecs at low rates, run for real through FFmpeg (PyAV): H.264, VP8, VP9 and motion JPEG.

Coding is causal, as in a call: no B-frames, no look-ahead, one reference before the other; groups of pictures are
closed, and key frames stand at fixed frame numbers. The quantiser is constant. It is an integer to the codecs; between
two integers one is drawn per clip, with odds that make the mean exact. Over the upper half of the levels the picture
is also coded at ever smaller size and enlarged again, as calls step down a ladder of resolutions.

Colour is coded as 4:2:0 BT.601; of grey clips only the luma counts. Odd sizes are padded with their last row and
column, small ones to 16 px.

Public: `H264`, `VP8`, `VP9`, `MotionJpeg`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..image.rounding import stochastic_round
from ..path import Range, check_range, lerp, loglerp
from ..registry import register
from .timing import Pixels, check_seconds, frames_in

_LEAST_PX = 16
_LADDER_LEVEL = 0.5
_LAMBDA_PER_QSCALE = 118  # FF_QP2LAMBDA
_FREE_BIT_RATE = 1_000_000_000  # the rate control of libvpx then stays at its finest quantiser, which is given

_WEBRTC_VP = {"deadline": "realtime", "lag-in-frames": "0", "auto-alt-ref": "0"}


@register("video/h264", stage="channel")
@dataclass(frozen=True, slots=True)
class H264:
    """Code the clip as H.264 at a constant quantiser and decode it again: blocks, smear, lost texture.

    The quantisation parameter rises along `qp_range`, and from level .5 on the size falls along `size_range`.
    Achieved: `qp`, `size` (share of the sides that is coded), `bits_per_pixel` of the whole picture.
    Source: ITU-T H.264; x264, preset veryfast, tune zerolatency.
    """

    qp_range: Range = (16.0, 51.0)
    """Quantisation parameter (mild, extreme), in [1, 51]; 6 more double the quantiser's step. Level moves along it
    linearly."""
    size_range: Range = (1.0, 0.6)
    """Share of the picture's sides that is coded (at level .5 and below, extreme); level moves along it in equal ratios
    from .5 on."""
    key_interval_s: float = 2.0
    """Seconds from one key frame to the next; the first frame of a recording is one."""

    def __post_init__(self) -> None:
        check_range("qp_range", self.qp_range, 1.0, 51.0)
        _check_fields(self.size_range, self.key_interval_s)

    def memory(self, fps: float) -> int:
        """How many frames before a piece of a recording are needed."""
        return frames_in(self.key_interval_s, fps) - 1

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Code a clip (T, H, W, C), uint8."""
        qp = stochastic_round(lerp(self.qp_range, level), rng)
        options = {
            "preset": "veryfast",
            "tune": "zerolatency",
            "qp": str(qp),
            "x264-params": "scenecut=0:keyint=infinite:ipratio=1:threads=1",
        }
        coder = _Coder("libx264", "h264", options)
        groups = _groups(len(clip), first_frame, frames_in(self.key_interval_s, fps))
        noisy, achieved = _coded(clip, coder, groups, _size(self.size_range, level), rng)
        return noisy, {"qp": qp, **achieved}


@register("video/vp8", stage="channel")
@dataclass(frozen=True, slots=True)
class VP8:
    """Code the clip as VP8 at a constant quantiser and decode it again, as calls on the web do.

    The quantiser rises along `quantiser_range`, and from level .5 on the size falls along `size_range`.
    Achieved: `quantiser`, `size` (share of the sides that is coded), `bits_per_pixel` of the whole picture.
    Source: RFC 6386; libvpx in real-time mode with the settings of WebRTC.
    """

    quantiser_range: Range = (2.0, 56.0)
    """Quantiser (mild, extreme) of libvpx, in [0, 63], of which WebRTC uses up to 56; level moves along
    it linearly."""
    size_range: Range = (1.0, 0.4)
    """Share of the picture's sides that is coded (at level .5 and below, extreme); level moves along it in equal ratios
    from .5 on."""
    key_interval_s: float = 2.0
    """Seconds from one key frame to the next; the first frame of a recording is one."""

    def __post_init__(self) -> None:
        check_range("quantiser_range", self.quantiser_range, 0.0, 63.0)
        _check_fields(self.size_range, self.key_interval_s)

    def memory(self, fps: float) -> int:
        """How many frames before a piece of a recording are needed."""
        return frames_in(self.key_interval_s, fps) - 1

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Code a clip (T, H, W, C), uint8."""
        # A speed below zero is kept; libvpx adapts one above to the time that coding takes.
        coder = _Coder("libvpx", "vp8", {**_WEBRTC_VP, "cpu-used": "-6"})
        return _coded_as_in_calls(self, coder, clip, level, rng, fps, first_frame)


@register("video/vp9", stage="channel")
@dataclass(frozen=True, slots=True)
class VP9:
    """Code the clip as VP9 at a constant quantiser and decode it again: large flat patches, smooth edges.

    The quantiser rises along `quantiser_range`, and from level .5 on the size falls along `size_range`.
    Achieved: `quantiser`, `size` (share of the sides that is coded), `bits_per_pixel` of the whole picture.
    Source: VP9 bitstream & decoding process specification, 2016; libvpx in real-time mode with the settings of WebRTC.
    """

    quantiser_range: Range = (4.0, 56.0)
    """Quantiser (mild, extreme) of libvpx, in [0, 63], of which WebRTC uses up to 56; level moves along
    it linearly."""
    size_range: Range = (1.0, 0.5)
    """Share of the picture's sides that is coded (at level .5 and below, extreme); level moves along it in equal ratios
    from .5 on."""
    key_interval_s: float = 2.0
    """Seconds from one key frame to the next; the first frame of a recording is one."""

    def __post_init__(self) -> None:
        check_range("quantiser_range", self.quantiser_range, 0.0, 63.0)
        _check_fields(self.size_range, self.key_interval_s)

    def memory(self, fps: float) -> int:
        """How many frames before a piece of a recording are needed."""
        return frames_in(self.key_interval_s, fps) - 1

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Code a clip (T, H, W, C), uint8."""
        coder = _Coder("libvpx-vp9", "vp9", {**_WEBRTC_VP, "cpu-used": "7"})
        return _coded_as_in_calls(self, coder, clip, level, rng, fps, first_frame)


def _coded_as_in_calls(
    noise: VP8 | VP9, coder: _Coder, clip: Pixels, level: float, rng: np.random.Generator, fps: float, first_frame: int
) -> tuple[Pixels, dict[str, float]]:
    """A clip coded by libvpx at the quantiser and the size of a level."""
    quantiser = stochastic_round(lerp(noise.quantiser_range, level), rng)
    groups = _groups(len(clip), first_frame, frames_in(noise.key_interval_s, fps))
    size = _size(noise.size_range, level)
    noisy, achieved = _coded(clip, replace(coder, quantiser=quantiser), groups, size, rng)
    return noisy, {"quantiser": quantiser, **achieved}


@register("video/mjpeg", stage="channel")
@dataclass(frozen=True, slots=True)
class MotionJpeg:
    """Code the clip as motion JPEG, every frame for itself, and decode it again, as webcams on USB do.

    The quantiser rises along `qscale_range`, and from level .5 on the size falls along `size_range`.
    Achieved: `qscale`, `size` (share of the sides that is coded), `bits_per_pixel` of the whole picture.
    Source: ITU-T T.81; USB video class, motion JPEG payload; FFmpeg's coder.
    """

    qscale_range: Range = (1.0, 31.0)
    """FFmpeg's scale of the quantisation table (mild, extreme), in [1, 31]; level moves along it in equal ratios."""
    size_range: Range = (1.0, 0.5)
    """Share of the picture's sides that is coded (at level .5 and below, extreme); level moves along it in equal ratios
    from .5 on."""

    def __post_init__(self) -> None:
        check_range("qscale_range", self.qscale_range, 1.0, 31.0)
        _check_fields(self.size_range, 1.0)

    def __call__(
        self, clip: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Code a clip (T, H, W, C), uint8."""
        qscale = stochastic_round(loglerp(self.qscale_range, level), rng)
        options = {"flags": "+qscale", "global_quality": str(_LAMBDA_PER_QSCALE * qscale)}
        coder = _Coder("mjpeg", "mjpeg", options, qscale, "yuvj420p")
        noisy, achieved = _coded(clip, coder, [slice(None)], _size(self.size_range, level), rng)
        return noisy, {"qscale": qscale, **achieved}


@dataclass(frozen=True, slots=True)
class _Coder:
    """A coder and its decoder, by FFmpeg's names, and how they are set."""

    encoder: str
    decoder: str
    options: Mapping[str, str]
    quantiser: int | None = None
    layout: str = "yuv420p"

    def transcoded(self, pictures: npt.NDArray[np.uint8]) -> tuple[list[npt.NDArray[np.uint8]], int]:
        """I420 pictures (T, 3/2 H, W) after coding as one closed group, and its length in bytes."""
        av = need("av", extra="video")
        encoder = av.CodecContext.create(self.encoder, "w")
        encoder.height, encoder.width = pictures.shape[1] * 2 // 3, pictures.shape[2]
        encoder.pix_fmt = self.layout
        encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
        encoder.thread_count = 1
        encoder.options = dict(self.options)
        if self.quantiser is not None:
            encoder.qmin = encoder.qmax = self.quantiser
            encoder.bit_rate = _FREE_BIT_RATE
        packets: list[Any] = []
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format=self.layout)
            frame.pts = number
            packets += encoder.encode(frame)
        packets += encoder.encode(None)
        decoder = av.CodecContext.create(self.decoder, "r")
        decoder.thread_count = 1
        frames = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.decode(None)
        length = sum(packet.size for packet in packets)
        if self.decoder == "h264":
            length -= sum(_remarks(bytes(packet)) for packet in packets)
        return [frame.to_ndarray() for frame in frames], length


def _remarks(packet: bytes) -> int:
    """Bytes of the H.264 packet that are supplemental information (type 6): x264 writes its settings there, as text."""
    units = packet.split(b"\0\0\1")[1:]
    return sum(3 + len(unit) for unit in units if unit[0] & 31 == 6)


def _coded(
    clip: Pixels, coder: _Coder, groups: list[slice], size: float, rng: np.random.Generator
) -> tuple[Pixels, dict[str, float]]:
    """The clip after coding and decoding, group by group, its sides shrunk to `size` meanwhile."""
    cv2 = need("cv2", extra="video")
    frames, height, width = clip.shape[:3]
    below, right = (max(_LEAST_PX, side + side % 2) - side for side in (height, width))
    whole = (width + right, height + below)
    small = (_even(whole[0] * size, rng), _even(whole[1] * size, rng))
    noisy = np.empty(clip.shape, np.uint8)
    coded_bytes = 0
    for group in groups:
        pictures = []
        for frame in np.ascontiguousarray(clip[group]):
            padded = cv2.copyMakeBorder(frame, 0, below, 0, right, cv2.BORDER_REPLICATE)
            if small != whole:
                padded = cv2.resize(padded, small, interpolation=cv2.INTER_AREA)
            pictures.append(_to_i420(padded))
        decoded, length = coder.transcoded(np.stack(pictures))
        coded_bytes += length
        for out, picture in zip(noisy[group], decoded, strict=True):
            padded = _from_i420(picture, clip.shape[3])
            if small != whole:
                padded = cv2.resize(padded, whole, interpolation=cv2.INTER_LINEAR)
            out[...] = padded[:height, :width].reshape(out.shape)
    return noisy, {"size": small[0] / whole[0], "bits_per_pixel": 8 * coded_bytes / (frames * height * width)}


def _to_i420(picture: Pixels) -> Pixels:
    """(3/2 H, W): luma, then the two chroma planes; neutral chroma for a grey picture."""
    cv2 = need("cv2", extra="video")
    if picture.ndim == 3 and picture.shape[2] == 3:
        planes: Pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
        return planes
    height, width = picture.shape[:2]
    return np.concatenate([picture.reshape(height, width), np.full((height // 2, width), 128, np.uint8)])


def _from_i420(planes: Pixels, channels: int) -> Pixels:
    cv2 = need("cv2", extra="video")
    if channels == 1:
        return planes[: len(planes) * 2 // 3]
    picture: Pixels = cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420)
    return picture


def _even(side: float, rng: np.random.Generator) -> int:
    return max(_LEAST_PX, 2 * stochastic_round(side / 2, rng))


def _size(size_range: Range, level: float) -> float:
    """Share of the sides that is coded: falls over the levels above `_LADDER_LEVEL`."""
    return loglerp(size_range, max(0.0, (level - _LADDER_LEVEL) / (1 - _LADDER_LEVEL)))


def _groups(frames: int, first_frame: int, interval: int) -> list[slice]:
    """Parts of a clip from key frame to key frame, which stand at multiples of `interval` in the recording."""
    keys = [0, *range(-first_frame % interval or interval, frames, interval), frames]
    return [slice(first, end) for first, end in pairwise(keys)]


def _check_fields(size_range: Range, key_interval_s: float) -> None:
    check_range("size_range", size_range, 0.02, 1.0, falling=True)
    check_seconds("key_interval_s", key_interval_s)
