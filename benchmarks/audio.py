"""What a noise of sound costs, against the fastest transform of other libraries at the same measured strength.

    python -m benchmarks.audio [--only NAME ...] [--rates 16000 48000]

Takes about five minutes; writes benchmarks/results/audio.json and audio.md, and prints the table (a part of the noises
is only printed). Needs the dependency group ``bench``, best in an environment of its own, with a torchaudio that goes
with its torch, and the recordings of `benchmarks.speech_corpus`.

Strength is `noise_scheduler.severity` (for `gain`, which that does not hear, the share of the amplitude that is lost),
mean over four utterances of 5 s, set anew at each sampling rate (`benchmarks.measure` says how). At 48 kHz they are the
same utterances, interpolated, with nothing above 8 kHz. All run in one process on one thread; conversion to and from
tensors is not counted. Ours are called through `noise_scheduler.corrupt`, checks and random stream included.
"""

from __future__ import annotations

import argparse
from functools import cache, partial
from pathlib import Path

import numpy as np
import soundfile
import torch
from scipy.signal import resample_poly

import noise_scheduler as ns
from benchmarks.audio_peers import FIELDS, LIBRARIES, NOTE, PEERS, to_input, to_wave
from benchmarks.measure import RESULTS, TARGET, Bench, compare_all, summary, table, write
from noise_scheduler import severity

CORPUS = Path("data/corpora/speech/held_out")
NATIVE_RATE = 16000
RATES = (16000, 48000)
WAVES, SECONDS = 4, 5


@cache
def waves(rate: int) -> list[np.ndarray]:
    """The first utterances of different voices, repeated to their length."""
    files = {file.stem.rpartition("_")[0]: file for file in sorted(CORPUS.glob("*.flac"), reverse=True)}
    if len(files) < WAVES:
        raise SystemExit(f"{CORPUS} holds too few recordings: run python -m benchmarks.speech_corpus")
    found = [soundfile.read(file, dtype="float32")[0] for _, file in sorted(files.items())[:WAVES]]
    native = [np.resize(wave, SECONDS * NATIVE_RATE) for wave in found]
    return [np.ascontiguousarray(resample_poly(wave, rate // NATIVE_RATE, 1), np.float32) for wave in native]


def severity_at(rate: int, clean: np.ndarray, noisy: np.ndarray) -> float:
    return severity.audio(clean, noisy, sample_rate=rate)


def amplitude_lost(clean: np.ndarray, noisy: np.ndarray) -> float:
    """Share of the root mean square."""
    return 1 - float(np.sqrt(np.mean(noisy**2) / np.mean(clean**2)))


def bench(name: str, rate: int) -> Bench:
    """The utterances at one sampling rate for a noise, and what measures its strength on them."""
    strength = amplitude_lost if name == "gain" else partial(severity_at, rate)
    return Bench(
        waves(rate), rate, strength, to_input, partial(to_wave, samples=SECONDS * rate), {"sample_rate": float(rate)}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=sorted(PEERS), default=sorted(PEERS))
    parser.add_argument("--rates", nargs="+", type=int, default=list(RATES))
    options = parser.parse_args()
    torch.set_num_threads(1)

    noises = {name: ns.build(f"audio/{name}", **FIELDS.get(name, dict)()) for name in options.only}
    found, failed = compare_all(noises, PEERS, {rate: partial(bench, rate=rate) for rate in options.rates})
    figures = {
        "target_severity": TARGET,
        "waves": {str(rate): rows for rate, rows in found.items()},
        "summary": {str(rate): summary(rows) for rate, rows in found.items()},
    }
    columns = {f"{SECONDS} s at {rate // 1000} kHz, ms": rows for rate, rows in found.items()}
    shown = table(columns, figures["summary"].values(), NOTE)
    print(shown)
    if failed:
        raise SystemExit(f"not measured, see above: {', '.join(failed)}; nothing is written")
    if options.only == sorted(PEERS) and options.rates == list(RATES):  # a part is only shown
        print(write("audio", figures, packages=(*LIBRARIES, "scipy")))
        (RESULTS / "audio.md").write_text(shown, encoding="utf-8")


if __name__ == "__main__":
    main()
