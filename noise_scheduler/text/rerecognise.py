"""The transcript that a real recogniser makes of the noisy sound, in place of the text.

Where `noise_scheduler.text.asr` imitates a recogniser in microseconds, this runs one, Whisper in faster-whisper: about
half a second per utterance on one thread for the smallest model. So it serves to check the imitation, and to evaluate.

The model is loaded when it is first called for, once per process, also in the workers of a data loader. It decodes by
beam search at temperature 0, without second tries, and draws nothing: the transcript depends on the sound alone.
Between machines and versions of the library it can differ, as arithmetic differs.

Public: `Rerecognise`, registered as ``text/rerecognise``.

Reference: Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023;
faster-whisper, https://github.com/SYSTRAN/faster-whisper.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..registry import register

Wave = npt.NDArray[np.float32]

_MODEL_RATE = 16_000
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_COMPUTE_TYPES = ("int8", "int8_float32", "float32")


@register("text/rerecognise", stage="channel")
@dataclass(frozen=True, slots=True)
class Rerecognise:
    """Replace the text by what a recogniser writes when it hears the noisy sound of the sample.

    It follows the sound (`noise_scheduler.tied`): a scheduler runs it in the samples in which it hits the followed
    modality, and the level is that of the sound. Channels are mixed to one. Upper and lower case and punctuation are
    the recogniser's, and so are its habits, such as inventing words where nothing can be heard.

    The achieved "wer" is the word error rate against the text that was given, without regard to case and punctuation;
    it is above 1 where many words are invented.

    Source: Radford et al. 2023 (Whisper), run in faster-whisper.
    """

    hears: ClassVar[bool] = True
    graded: ClassVar[bool] = False

    model: str = "tiny.en"
    """Folder of a Whisper model converted for CTranslate2, or the name of one to download, such as ``small.en``."""
    language: str = "en"
    """Code of the spoken language; empty to let a multilingual model find out."""
    beam_size: int = 5
    """Hypotheses that are followed at once, ≥ 1."""
    compute_type: str = "int8"
    """Arithmetic of CTranslate2: int8 (fastest), int8_float32 or float32."""
    follows: str = "audio"
    """Modality that is heard."""

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("model must be the folder or the name of a Whisper model, not empty")
        if not isinstance(self.beam_size, int) or self.beam_size < 1:
            raise ValueError(f"beam_size must be a whole number ≥ 1, not {self.beam_size!r}")
        if self.compute_type not in _COMPUTE_TYPES:
            raise ValueError(f"compute_type must be one of {', '.join(_COMPUTE_TYPES)}, not {self.compute_type!r}")

    def __call__(
        self, text: str, level: float, rng: np.random.Generator, *, heard: Wave, sample_rate: float
    ) -> tuple[str, dict[str, float]]:
        recogniser = _recogniser(self.model, self.compute_type)
        segments, _ = recogniser.transcribe(
            _for_model(heard, sample_rate),
            language=self.language or None,
            beam_size=self.beam_size,
            temperature=0.0,
            condition_on_previous_text=False,
        )
        transcript = " ".join(segment.text.strip() for segment in segments)
        return transcript, {"wer": _word_error_rate(text, transcript)}


_loaded: dict[tuple[int, str, str], Any] = {}
_loading = threading.Lock()


def _recogniser(model: str, compute_type: str) -> Any:
    """The model of this process; a copy that came along in a fork has lost its threads, so it is loaded anew."""
    key = os.getpid(), model, compute_type
    with _loading:
        if key not in _loaded:
            whisper = need("faster_whisper", extra="rerecognise").WhisperModel
            try:
                _loaded[key] = whisper(model, device="cpu", compute_type=compute_type, cpu_threads=1, num_workers=1)
            except Exception as error:
                raise ValueError(
                    f"model: cannot load the Whisper model {model!r} ({error}); give the folder of one that is "
                    "converted for CTranslate2, or a name that can be downloaded"
                ) from error
    return _loaded[key]


def _for_model(wave: Wave, sample_rate: float) -> Wave:
    """One channel at 16 kHz."""
    mono = wave if wave.ndim == 1 else wave.mean(0)
    if sample_rate != _MODEL_RATE:
        ratio = Fraction(_MODEL_RATE / sample_rate).limit_denominator(10_000)
        mono = need("scipy.signal", extra="audio").resample_poly(mono, ratio.numerator, ratio.denominator)
    return np.ascontiguousarray(mono, dtype=np.float32)


def _word_error_rate(text: str, transcript: str) -> float:
    """Word errors per word of the text, case and punctuation left out; 0 words count as 1."""
    said, written = (_WORD.findall(line.replace("’", "'").casefold()) for line in (text, transcript))
    return _edit_distance(said, written) / max(1, len(said))


def _edit_distance(one: Sequence[str], other: Sequence[str]) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one):
        corner, row[0] = row[0], i + 1
        for j, b in enumerate(other):
            corner, row[j + 1] = row[j + 1], min(corner + (a != b), row[j] + 1, row[j + 1] + 1)
    return row[-1]
