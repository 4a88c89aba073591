"""The pairs of `benchmarks.asr_pairs` as the benchmarks use them: by difficulty, and in two halves by reference.

Public: `Pair`, `pairs`, `POOLS`, `pool_of`, `trains`, `by`, `wer`.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmarks.asr_pairs import PAIRS

POOLS = ("mild", "middle", "hard")
_LEAST_WORDS = 3
_MILD_SNR_DB, _MILD_RT60_S, _MILD_LOSS = 10.0, 0.6, 0.1
_HARD_SNR_DB, _HARD_RT60_S, _HARD_LOSS = 0.0, 1.6, 0.4


@dataclass(frozen=True, slots=True)
class Pair:
    """What was said and what was heard."""

    reference: tuple[str, ...]
    hypothesis: tuple[str, ...]
    errors: int
    said: str
    """With capitals and punctuation."""
    condition: str
    """Kind of noise."""
    strength: float
    """Its SNR in dB, RT60 in seconds, or loss rate; 0 for clean."""
    voice: str
    recogniser: str
    row: dict[str, Any]
    """The line of the file."""


@cache
def pairs(recogniser: str = "whisper-tiny.en") -> tuple[Pair, ...]:
    """All pairs of a recogniser whose reference has three words or more."""
    found = []
    for line in PAIRS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        reference = tuple(row["reference"].split())
        if row["recogniser"] != recogniser or len(reference) < _LEAST_WORDS:
            continue
        strength = next((row[name] for name in ("snr_db", "rt60_s", "loss_rate") if name in row), 0.0)
        found.append(
            Pair(reference, tuple(row["hypothesis"].split()), row["errors"], row["as_said"], row["condition"],
                 round(float(strength), 3), row["voice"], recogniser, row)
        )  # fmt: skip
    return tuple(found)


def pool_of(pair: Pair) -> str:
    """How hard the condition is: one of `POOLS`."""
    if pair.condition == "clean":
        return "mild"
    if "environment+reverb" in pair.condition:
        return "middle" if pair.strength >= _MILD_SNR_DB else "hard"
    x = pair.strength
    if pair.condition == "reverb":
        return "mild" if x <= _MILD_RT60_S else "hard" if x >= _HARD_RT60_S else "middle"
    if pair.condition == "loss":
        return "mild" if x <= _MILD_LOSS else "hard" if x >= _HARD_LOSS else "middle"
    return "mild" if x >= _MILD_SNR_DB else "hard" if x <= _HARD_SNR_DB else "middle"


def trains(pair: Pair) -> bool:
    """Whether a pair is in the first half; all pairs of one reference are in the same."""
    return hashlib.blake2b(" ".join(pair.reference).encode(), digest_size=2).digest()[0] % 2 == 0


def by(found: Iterable[Pair], key: Callable[[Pair], Hashable]) -> dict[Any, list[Pair]]:
    """The pairs in groups, in the order of their keys."""
    groups: dict[Any, list[Pair]] = defaultdict(list)
    for pair in found:
        groups[key(pair)].append(pair)
    return dict(sorted(groups.items()))


def wer(found: Iterable[Pair]) -> float:
    """Word error rate over all words of the pairs."""
    found = list(found)
    return sum(pair.errors for pair in found) / max(1, sum(len(pair.reference) for pair in found))
