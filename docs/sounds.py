"""The speech that the catalogue's sound noises are shown on, and its files to listen to.

The recording is from the LibriVox reading of Jane Austen's "Sense and Sensibility" (public domain), 3 s at 16 kHz:
"He was not an ill-disposed young man."

Public: `SPEECH`, `speech`, `ogg`.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

SPEECH = Path(__file__).parent / "speech.flac"

_MOST_BYTES = 30_000
_COMPRESSIONS = (0.7, 0.8, 0.9, 1.0)  # of Vorbis: 0.7 is quality 3


@cache
def speech() -> tuple[npt.NDArray[np.float32], float]:
    """(samples,) float32 and the sampling rate in Hz."""
    wave, sample_rate = soundfile.read(SPEECH, dtype="float32")
    wave.setflags(write=False)
    return wave, float(sample_rate)


def ogg(wave: npt.NDArray[np.float32], sample_rate: float) -> bytes:
    """The Ogg Vorbis file of a wave, at the best quality that keeps it small; what exceeds full scale is clipped."""
    for compression in _COMPRESSIONS:
        file = io.BytesIO()
        soundfile.write(
            file,
            np.clip(wave, -1, 1).T,
            round(sample_rate),
            format="OGG",
            subtype="VORBIS",
            compression_level=compression,
        )
        if len(coded := file.getvalue()) <= _MOST_BYTES:
            break
    return coded
