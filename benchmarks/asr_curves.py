"""The word error rate that conditions lead to: curves fitted on some voices, judged on others.

A curve is what `noise_scheduler.text.asr.heard` fits: 1 − (1 − floor) Π (1 − error), with a logistic error in the SNR
(white noise, babble and surroundings each), the RT60 and the loss rate. What a noise of another kind does to speech is
told from its severity; that curve is the one that `benchmarks.harm_speech` found. Errors of an utterance count up to
the number of its words.

The curves come from natural voices: recordings, and the neural voice. Each is left out once, and its WER compared with
curves from the others, condition by condition. Voices of formants and of joined or statistical speech lose their words
in far less noise; how far the curves are off on them is shown beside.

Public: `curves`, `default_hearing`.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.asr_pools import Pair, by
from benchmarks.measure import RESULTS
from noise_scheduler.record import Hit
from noise_scheduler.text.asr.heard import DEFAULT, Hearing, fit

_NOISES = {"white": "audio/white_noise", "babble": "audio/babble", "environment": "audio/wind"}
READERS = ("librivox", "librispeech", "arctic", "lecturer")
_LEAST_PAIRS = 10
_CLOSE = 0.15


def curves(found: Sequence[Pair]) -> dict[str, Any]:
    """The default hearing, and how far curves are off on voices that they do not come from."""
    natural = [pair for pair in found if is_natural(pair)]
    judged = {}
    for voice, group in by(found, voice_of).items():
        if len(group) >= 10 * _LEAST_PAIRS:
            others = [pair for pair in natural if voice_of(pair) != voice]
            judged[voice] = {"natural": is_natural(group[0])} | judgement(fitted(others), group)
    gaps = [abs(row["off"]) for voice in judged.values() if voice["natural"] for row in voice["conditions"].values()]
    hearing = default_hearing(found)
    return {
        "hearing": hearing.to_dict(),
        "conditions": judgement(hearing, natural)["conditions"],
        "voices": judged,
        "mean_off": statistics.fmean(gaps),
        "within": sum(gap <= _CLOSE for gap in gaps) / len(gaps),
    }


def is_natural(pair: Pair) -> bool:
    return pair.voice.startswith(("recorded/", "piper/"))


def voice_of(pair: Pair) -> str:
    """The speaker; all of espeak as one, and recordings as two, what is read and what is said freely."""
    kind, _, name = pair.voice.partition("/")
    if kind == "recorded":
        return "recorded, read" if name.startswith(READERS) else "recorded, free"
    return kind if kind == "espeak" else pair.voice


def default_hearing(found: Sequence[Pair]) -> Hearing:
    """The curves of natural voices."""
    hearing = fitted([pair for pair in found if is_natural(pair)])
    curve = json.loads((RESULTS / "harm_speech.json").read_text(encoding="utf-8"))["figures"]["logistic"]
    return Hearing(hearing.floor, {**hearing.responses, "severity": (curve["midpoint"], curve["scale"])})


def fitted(found: Sequence[Pair]) -> Hearing:
    errors, lengths = [pair.errors for pair in found], [len(pair.reference) for pair in found]
    return fit([hits(pair) for pair in found], errors, lengths, DEFAULT)


def judgement(hearing: Hearing, group: Sequence[Pair]) -> dict[str, Any]:
    """Expected and measured WER of each condition with enough pairs."""
    rows = {}
    for (condition, strength), part in by(group, lambda pair: (pair.condition, pair.strength)).items():
        if len(part) < _LEAST_PAIRS:
            continue
        words = np.array([len(pair.reference) for pair in part], float)
        errors = np.minimum([pair.errors for pair in part], words)
        expected = float(np.average([hearing.wer(hits(pair)) for pair in part], weights=words))
        measured = float(errors.sum() / words.sum())
        rows[f"{condition} {strength:g}"] = {
            "pairs": len(part), "measured": measured, "expected": expected, "off": expected - measured
        }  # fmt: skip
    gaps = [row["off"] for row in rows.values()]
    return {"mean_off": statistics.fmean(gaps), "worst_off": max(gaps, key=abs), "conditions": rows}


def hits(pair: Pair) -> list[Hit]:
    """What was done to the sound, as a record says it."""
    row, found = pair.row, []
    if "snr_db" in row:
        kind = pair.condition.partition("+")[0]
        found.append(Hit("audio", _NOISES[kind], 1, 0.5, achieved={"snr_db": row["snr_db"]}))
    if "rt60_s" in row:
        found.append(Hit("audio", "audio/reverb", 1, 0.5, achieved={"rt60_s": row["rt60_s"], "drr_db": row["drr_db"]}))
    if "loss_rate" in row:
        found.append(Hit("audio", "audio/packet_loss", 1, 0.5, achieved={"loss_rate": row["loss_rate"]}))
    return found
