"""Audio noises of this package, a recogniser that hears them, and ``text/asr`` that follows them.

    nice python -m benchmarks.asr_tied [--utterances N]

Appends to data/asr/tied.jsonl and goes on where it stopped; about a second per utterance. A scheduler hits the sound of
a sentence (`benchmarks.asr_speech`) with one noise at a level between .1 and 1, a recogniser writes what it hears, and
for every tenth sentence ``text/rerecognise`` does, too. A line: number, reference, hypothesis, voice, noise, the
record, the severity of the sound as measured, and of every tenth the other hypothesis.

Public: `Row`, `rows`, `tied`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

import noise_scheduler as ns
from benchmarks.asr_align import repaired, word_errors, words
from benchmarks.asr_pairs import spoken
from benchmarks.asr_recognise import whisper, whisper_folder
from benchmarks.asr_speech import ROOT, SAMPLE_RATE
from noise_scheduler import severity
from noise_scheduler.record import Hit, Record
from noise_scheduler.text.asr.heard import Hearing

TIED = ROOT / "tied.jsonl"
LEFT_OUT = ("audio/missing",)
Words = tuple[str, ...]
_DRAWS = 5
_REAL_ONE_IN = 10
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
    rng = np.random.Generator(np.random.Philox(key=_FIRST + number))
    said, _ = spoken(number, rng)
    level = float(rng.uniform(0.1, 1.0))
    noises: dict[str, Any] = {"audio": [name]}
    if number % _REAL_ONE_IN == 0:
        noises["text"] = [ns.build("text/rerecognise", model=str(whisper_folder()))]
    scheduler = ns.NoiseScheduler(
        noises, level={"audio": level}, condition=ns.fixed("audio"), profiles={"audio": "none"}
    )
    noisy, record = scheduler({"audio": said.wave, "text": said.text, "sample_rate": SAMPLE_RATE}, id=number)
    reference = words(said.text)
    found = {
        "number": number,
        "reference": " ".join(reference),
        "hypothesis": " ".join(repaired(reference, words(whisper(noisy["audio"])))),
        "voice": said.voice,
        "noise": name,
        "record": json.loads(record.to_json()),
        "severity": severity.audio(said.wave, noisy["audio"], sample_rate=SAMPLE_RATE),
    }
    if "text" in noises:
        found["rerecognised"] = " ".join(repaired(reference, words(noisy["text"])))
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """An utterance and what the recogniser wrote."""

    reference: tuple[str, ...]
    hypothesis: tuple[str, ...]
    voice: str
    noise: str
    rerecognised: tuple[str, ...] | None
    """What ``text/rerecognise`` wrote, of every tenth."""
    hits: tuple[Hit, ...]
    """What was done to the sound; its severity is as measured, where the record does not say it."""

    @property
    def errors(self) -> int:
        return word_errors(self.reference, self.hypothesis)


@cache
def rows() -> tuple[Row, ...]:
    """What was collected so far."""
    found = []
    for line in TIED.read_text(encoding="utf-8").splitlines() if TIED.exists() else []:
        body = json.loads(line)
        hit = Record.from_json(json.dumps(body["record"])).hits[0]
        hit = replace(hit, achieved={"severity": body["severity"], **hit.achieved})
        words_said, words_written = (tuple(body[side].split()) for side in ("reference", "hypothesis"))
        again = tuple(body["rerecognised"].split()) if "rerecognised" in body else None
        found.append(Row(words_said, words_written, body["voice"], body["noise"], again, (hit,)))
    return tuple(found)


def tied(hearing: Hearing) -> dict[str, Any]:
    """For each audio noise the WER and the severity of the recogniser and of ``text/asr``, and the expected WER.

    Errors of an utterance count up to the number of its words.
    """
    noise = ns.build("text/asr")
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows():
        groups[row.noise].append(row)
    rng = np.random.default_rng(0)
    result = {}
    for name, group in sorted(groups.items()):
        said = [row.reference for row in group]
        expected = [hearing.wer(row.hits) for row in group]
        made = [
            [_written(noise, reference, wer, rng) for reference, wer in zip(said, expected, strict=True)]
            for _ in range(_DRAWS)
        ]
        heard = [row.hypothesis for row in group]
        result[name] = {
            "utterances": len(group),
            "wer": _wer(said, heard),
            "expected": float(np.average(expected, weights=[len(reference) for reference in said])),
            "model_wer": statistics.fmean(_wer(said, texts) for texts in made),
            "severity": _severity(said, heard),
            "model_severity": statistics.fmean(_severity(said, texts) for texts in made),
        }
    both = [row for row in rows() if row.rerecognised is not None]
    if not both:
        return {}
    said = [row.reference for row in both]
    noisy = {
        "utterances": len(both),
        "wer": _wer(said, [row.rerecognised or () for row in both]),
        "fast_wer": _wer(said, [row.hypothesis for row in both]),
        "expected": float(np.average([hearing.wer(row.hits) for row in both], weights=[len(text) for text in said])),
    }
    return {"noises": result, "rerecognise": noisy}


def _written(noise: Any, reference: Words, wer: float, rng: np.random.Generator) -> Words:
    position = noise.position_for(wer)
    return tuple(words(noise(" ".join(reference), position, rng)[0])) if position > 0 else reference


def _wer(said: Sequence[Words], written: Sequence[Words]) -> float:
    errors = sum(min(word_errors(a, b), len(a)) for a, b in zip(said, written, strict=True))
    return errors / sum(map(len, said))


def _severity(said: Sequence[Words], written: Sequence[Words]) -> float:
    pairs = zip(said, written, strict=True)
    return statistics.fmean(severity.text(" ".join(a), " ".join(b)) for a, b in pairs)


if __name__ == "__main__":
    main()
