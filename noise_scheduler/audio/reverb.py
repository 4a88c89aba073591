"""Room reverberation: an image-source room for the first reflections, diffuse sound for the rest.

A fixed bank of shoebox rooms is built lazily with pyroomacoustics. In a room with hard walls the energy of the
image sources arrives at a constant rate, 4 π c d² / V per second relative to the direct sound (V volume,
d distance of the source). So a room is stored as its *undamped* response: the image sources for the first 50 ms,
then Gaussian noise of that same power. Damping it by exp(−6.9 t / RT60) gives any reverberation time, and a
factor gives any ratio of direct to reverberant energy (DRR).

Instead of the bank a folder of recorded impulse responses can be used (`noise_scheduler.audio.recorded_rooms`).

The direct sound stays where it was and the wave keeps its length and its power.

Public: `Reverb`, registered as ``audio/reverb``; `room_response`, `ROOMS`.

References:
    Allen and Berkley, "Image method for efficiently simulating small-room acoustics", JASA 65 (1979).
    Lehmann and Johansson, "Diffuse reverberation model for efficient image-source simulation of room impulse
    responses", IEEE TASLP 18 (2010): early images, exponentially damped noise after them.
    Scheibler, Bezzam and Dokmanić, "Pyroomacoustics", ICASSP 2018.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import check_range, lerp, loglerp
from ..registry import register
from .amplitude import at_power_of
from .convolution import convolved
from .recorded_rooms import recorded_room
from .recordings import check_folder, recordings
from .speech_level import energy

Wave = npt.NDArray[np.float32]

ROOMS = 16
"""Number of rooms in the bank."""

_SPEED_OF_SOUND = 343.0
_DECAY_60_DB = math.log(1000.0)
_EARLY_S = 0.05
_CROSSFADE_S = 0.01
_SHORTEST_RT60_S, _LONGEST_RT60_S = 0.1, 10.0


@register("audio/reverb", stage="scene", version=2)
@dataclass(frozen=True, slots=True)
class Reverb:
    """Let the wave sound as in a room: reverberation time up, direct sound down as the level rises.

    RT60 rises in equal ratios along `rt60_s` and DRR falls in equal steps along `drr_db`; the room (and with it
    the pattern of reflections) is drawn for every sample. All channels hear the same room. On real speech the
    default passes from inaudible to a severity of .73. With a `folder` the response is one recorded there: what comes
    later than 2.5 ms after its direct sound is scaled to the DRR, and RT60 is what it has.

    Source: image-source method (Allen and Berkley 1979) with diffuse tail (Lehmann and Johansson 2010).
    """

    path_fields: ClassVar[tuple[str, ...]] = ("rt60_s", "drr_db")

    rt60_s: tuple[float, float] = (0.1, 3.0)
    """Time in seconds in which the reverberation falls by 60 dB, at level 0 and at level 1; in [0.1, 10]."""
    drr_db: tuple[float, float] = (20.0, -20.0)
    """Energy of the direct sound over that of all later sound, in dB, at level 0 and 1; in [-60, 60]."""
    folder: str = ""
    """Folder with impulse responses (WAV, FLAC, OGG), searched with its subfolders; empty for the bank of rooms."""

    def __post_init__(self) -> None:
        check_folder(self.folder)
        check_range("rt60_s", self.rt60_s, _SHORTEST_RT60_S, _LONGEST_RT60_S)
        check_range("drr_db", self.drr_db, -60.0, 60.0, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float | str]]:
        drr_db = lerp(self.drr_db, level)
        if self.folder:
            noisy, achieved = self._in_recorded_room(wave, drr_db, rng, sample_rate)
        else:
            rt60_s, room = loglerp(self.rt60_s, level), int(rng.integers(ROOMS))
            noisy = convolved(wave, room_response(room, rt60_s, drr_db, sample_rate))
            achieved = {"rt60_s": rt60_s, "drr_db": drr_db, "room": room}
        return at_power_of(wave, noisy), achieved

    def _in_recorded_room(
        self, wave: Wave, drr_db: float, rng: np.random.Generator, sample_rate: float
    ) -> tuple[Wave, dict[str, float | str]]:
        files = recordings(self.folder)
        file = files[int(rng.integers(len(files)))]
        room = recorded_room(file, sample_rate)
        response = room.response.copy()
        response[room.direct_length :] *= np.float32(10 ** ((room.drr_db - drr_db) / 20))
        name = file.relative_to(self.folder).as_posix()
        noisy = convolved(wave, response, room.lead)
        return noisy, {"rt60_s": room.rt60_s, "drr_db": drr_db, "recording": name}


def room_response(room: int, rt60_s: float, drr_db: float, sample_rate: float) -> Wave:
    """The impulse response of a room of the bank: 1 at sample 0, then RT60 seconds of reverberation.

    Args:
        room: 0 … `ROOMS` − 1.
        rt60_s: reverberation time, in [0.1, 10].
        drr_db: direct-to-reverberant ratio.
        sample_rate: in Hz.
    """
    length = math.ceil(rt60_s * sample_rate)
    undamped = _undamped_response(room, math.ceil(rt60_s), float(sample_rate))[:length]
    decay_per_sample = np.float32(-_DECAY_60_DB / (rt60_s * sample_rate))
    response: Wave = undamped * np.exp(np.arange(length, dtype=np.float32) * decay_per_sample)
    reverberant = energy(response)
    if reverberant > 0:
        response *= np.float32(math.sqrt(10 ** (-drr_db / 10) / reverberant))
    response[0] = 1
    return response


@lru_cache(maxsize=4 * ROOMS)
def _undamped_response(room: int, seconds: int, sample_rate: float) -> Wave:
    """All that follows the direct sound in a room with hard walls, the direct sound having amplitude 1.

    A longer response begins with the shorter one, so that a room stays the same room as RT60 grows.
    """
    rng = np.random.Generator(np.random.Philox(key=room))
    size = np.array([4.0, 3.0, 2.4]) + rng.random(3) * np.array([6.0, 4.0, 1.2])
    source, microphone = (0.5 + rng.random(3) * (size - 1.0) for _ in range(2))
    distance = float(np.linalg.norm(source - microphone))
    early = _image_sources(size, source, microphone, sample_rate)

    length = math.ceil(seconds * sample_rate)
    power = 4 * math.pi * _SPEED_OF_SOUND * distance**2 / (float(np.prod(size)) * sample_rate)
    response = rng.standard_normal(length, dtype=np.float32) * np.float32(math.sqrt(power))
    fade = np.clip((np.arange(len(early)) / sample_rate - _EARLY_S) / _CROSSFADE_S, 0, 1) * (math.pi / 2)
    joined = min(len(early), length)
    response[:joined] = (early * np.cos(fade))[:joined] + response[:joined] * np.sin(fade)[:joined]
    response[0] = 0
    response.setflags(write=False)
    return response


def _image_sources(
    size: npt.NDArray[np.float64],
    source: npt.NDArray[np.float64],
    microphone: npt.NDArray[np.float64],
    sample_rate: float,
) -> npt.NDArray[np.float64]:
    """The reflections up to the end of the crossfade, each at its nearest sample; the direct sound is 1 at 0.

    Walls reflect with a negative sign, which keeps the response free of an offset (Lehmann and Johansson 2008).
    """
    direct = float(np.linalg.norm(source - microphone))
    reach = direct + _SPEED_OF_SOUND * (_EARLY_S + _CROSSFADE_S)
    order = math.ceil(reach * float(np.sqrt(np.sum(size**-2.0)))) + 3
    pyroomacoustics = need("pyroomacoustics", extra="audio")
    room = pyroomacoustics.ShoeBox(size, fs=16000, materials=pyroomacoustics.Material(0.0), max_order=order)
    room.add_source(source)
    room.add_microphone(microphone)
    room.image_source_model()
    images = room.sources[0]
    distances = np.linalg.norm(images.images - microphone[:, None], axis=0)
    amplitudes = np.where(images.orders % 2, -1.0, 1.0) * direct / distances
    delays = np.rint((distances - direct) / _SPEED_OF_SOUND * sample_rate).astype(np.int64)
    length = math.ceil((_EARLY_S + _CROSSFADE_S) * sample_rate)
    heard = delays < length
    return np.bincount(delays[heard], amplitudes[heard], length).astype(np.float64)
