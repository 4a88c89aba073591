"""Does equal severity mean like harm? What a speech recogniser loses to every noise of audio, against its severity.

    python -m benchmarks.harm_speech [--recogniser pocketsphinx]

The recognisers are those of `benchmarks.asr_recognise`, which share nothing with the measure; the utterances are
held-out ones of `benchmarks.speech_corpus` whose words are known and of which the recogniser gets four fifths at least
without noise. Loss is the share of its word accuracy that is lost, accuracy being 1 - WER, and 0 at the least.

Every noise of the profile is run at two levels. `benchmarks.harm_fit` says what R² and residuals are. The logistic
curve is the response to ``severity`` of `noise_scheduler.text.asr.heard`, for noises that report neither SNR, RT60 nor
loss rate: WER = 1 - (1 - floor) (1 - error), error = 1 / (1 + exp(-(severity - midpoint) / scale)).
Written: benchmarks/results/harm_speech.json, harm_speech.md and docs/severity_harm_speech.png.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from rich.progress import track
from scipy.optimize import curve_fit

import noise_scheduler as ns
from benchmarks import harm_fit
from benchmarks.asr_align import repaired, word_errors, words
from benchmarks.asr_recognise import RECOGNISERS
from benchmarks.measure import RESULTS, write
from benchmarks.speech_corpus import RATE, ROOT
from noise_scheduler import severity
from noise_scheduler.calibration import profile_of
from noise_scheduler.contract import run
from noise_scheduler.files import write_whole
from noise_scheduler.record import Hit
from noise_scheduler.rng import key_of, stream
from noise_scheduler.text.asr.heard import DEFAULT, heard

LEVELS = (0.5, 1.0)
MOST_CLEAN_ERRORS = 0.2
MOST_UTTERANCES = 20
PLOT = Path("docs/severity_harm_speech.png")


class Utterance(NamedTuple):
    wave: np.ndarray
    said: list[str]
    clean_errors: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recogniser", choices=RECOGNISERS, default="whisper-tiny.en")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    profile = profile_of("speech")
    utterances = sure_utterances(RECOGNISERS[arguments.recogniser])
    with ProcessPoolExecutor(
        arguments.processes, get_context("spawn"), initializer=set_up, initargs=(arguments.recogniser, utterances)
    ) as pool:
        names = sorted(profile.curves)
        results = track(pool.map(family, names), "noises", total=len(names), transient=True)
        points = dict(zip(names, results, strict=True))
    said = sum(len(one.said) for one in utterances)
    found = harm_fit.fitted(points)
    result = {
        "recogniser": arguments.recogniser,
        "profile": str(profile),
        "utterances": len(utterances),
        "words": said,
        "clean_wer": round(sum(one.clean_errors for one in utterances) / said, 4),
        **found,
        "logistic": logistic({name: family for name, family in points.items() if told_by_severity(name, utterances)}),
        "points": points,
    }
    print(text := page(result))
    write("harm_speech", result)
    write_whole(RESULTS / "harm_speech.md", text.encode())
    title = f"{arguments.recogniser}, {len(points)} noises, R² = {found['r2']:.3f}"
    harm_fit.plot(PLOT, found, points, title)


def sure_utterances(recognise: Callable[[np.ndarray], str]) -> list[Utterance]:
    """Those that are recognised best without noise, in the order of their names."""
    sure = [one for one in transcribed(recognise) if one.clean_errors <= MOST_CLEAN_ERRORS * len(one.said)]
    if len(sure) < 2:
        raise SystemExit(f"too little speech in {ROOT}; run python -m benchmarks.corpora first")
    return [sure[index * len(sure) // MOST_UTTERANCES] for index in range(min(MOST_UTTERANCES, len(sure)))]


def transcribed(recognise: Callable[[np.ndarray], str]) -> Iterator[Utterance]:
    for file in sorted((ROOT / "held_out").glob("*.txt")):
        wave, rate = soundfile.read(file.with_suffix(".flac"), dtype="float32")
        if rate != RATE:
            raise ValueError(f"{file.with_suffix('.flac')} has {rate} Hz, not {RATE}; run python -m benchmarks.corpora")
        said = words(file.read_text(encoding="utf-8"))
        yield Utterance(wave, said, errors(said, recognise(wave)))


def errors(said: list[str], heard: str) -> int:
    return word_errors(said, repaired(said, words(heard)))


def set_up(recogniser: str, utterances: list[Utterance]) -> None:
    global _recognise, _utterances, _measures
    _recognise, _utterances = RECOGNISERS[recogniser], utterances
    _measures = [severity.against("audio", one.wave, sample_rate=RATE) for one in utterances]


def family(name: str) -> list[dict[str, float]]:
    """The points of a noise."""
    noise = ns.build(name)
    return [point(noise, level) for level in LEVELS]


def point(noise: Any, level: float) -> dict[str, float]:
    found, lost, said = [], 0.0, 0
    for index, (one, against) in enumerate(zip(_utterances, _measures, strict=True)):
        probe, measure = severity.trial(noise, one.wave, against, sample_rate=RATE)
        noisy = ns.corrupt(probe, noise, level=level, id=index, sample_rate=RATE)
        found.append(measure(noisy))
        heard = _recognise(noisy if probe is one.wave else noisy[0])
        lost += min(errors(one.said, heard), len(one.said))
        said += len(one.said)
    clean = 1 - sum(one.clean_errors for one in _utterances) / said
    return {
        "level": round(level, 3),
        "severity": round(statistics.mean(found), 4),
        "spread": round(statistics.stdev(found), 4),
        "wer": round(lost / said, 4),
        "loss": round(max(0.0, 1 - (1 - lost / said) / clean), 4),
    }


def told_by_severity(name: str, utterances: list[Utterance]) -> bool:
    """Whether a noise reports nothing else that word errors are told from."""
    with stream(key_of(0, 0), 0, name) as rng:
        _, achieved = run(ns.build(name), name, utterances[0].wave, 0.5, rng, {"sample_rate": RATE})
    return [quantity for quantity, _ in heard([Hit("audio", name, 1, 0.5, achieved=achieved)])] == ["severity"]


def logistic(points: harm_fit.Points) -> dict[str, float]:
    """Midpoint and scale of the response to severity, the number of noises, and the RMS error of the WER."""
    x, y = np.array([[point["severity"], point["wer"]] for family in points.values() for point in family]).T

    def curve(at: np.ndarray, midpoint: float, scale: float) -> np.ndarray:
        return 1 - (1 - DEFAULT.floor) / (1 + np.exp((at - midpoint) / scale))

    (midpoint, scale), _ = curve_fit(curve, x, y, p0=(0.6, 0.1))
    off = float(np.sqrt(np.mean((y - curve(x, midpoint, scale)) ** 2)))
    return {
        "midpoint": round(float(midpoint), 2),
        "scale": round(float(scale), 2),
        "noises": len(points),
        "rms_error": round(off, 3),
    }


def page(result: dict[str, Any]) -> str:
    curve = result["logistic"]
    lines = [
        "# Equal severity, like harm: speech",
        "",
        f"Loss of word accuracy of {result['recogniser']} on {result['utterances']} held-out utterances "
        f"({result['words']} words, {result['clean_wer']:.0%} of them wrong without noise), two levels of each of "
        f"{len(result['points'])} noises. R² of the isotonic fit of loss on severity: {result['r2']:.3f}; "
        f"{result['r2_left_out']:.3f} where each noise is judged by the fit to the others. Of {curve['noises']} noises "
        "that report neither SNR, RT60 nor loss rate, the word error rate follows a logistic curve of severity, "
        f"midpoint {curve['midpoint']:.2f}, scale {curve['scale']:.2f}, to {curve['rms_error']:.3f} (RMS). Written "
        "by `python -m benchmarks.harm_speech`.",
        "",
        *harm_fit.table(result, result["points"]),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
