"""How many words a recogniser gets wrong, from what was done to the sound that it hears.

Each quantity that a noise achieved has a response: the share of words that are lost to it rises with it along a
logistic curve,

    error(x) = 1 / (1 + exp(-(x - midpoint) / scale)),

with a negative scale for what is worse when it falls, such as the SNR. Several causes act independently of each other
and of the errors that the recogniser makes on clean speech:

    WER = 1 - (1 - floor) · Π (1 - error)

| quantity | of |
|---|---|
| ``snr_db/white`` | white noise, and noises that add it: far field, low recording level |
| ``snr_db/babble`` | other voices |
| ``snr_db/environment`` | every other noise that reports a speech-active SNR |
| ``rt60_s`` | reverberation |
| ``loss_rate`` | lost packets, drop-outs, missing sound |
| ``severity`` | every noise that reports none of these |

Reverberation counts by its RT60, unless the direct sound is stronger than in any room in which the response was
measured: then by the RT60 at which the nearest talker there (.7 m away, in 250 m³) had that ratio of direct to
reverberant sound. A voice right at the microphone stays clear in a hall.

The default was measured with one recogniser (Whisper tiny.en, ``python -m benchmarks.asr``; severity by ``python -m
benchmarks.harm_speech``). On other voices and sentences it may be off by .15; another recogniser needs its own, which
`fit` finds.

Public: `Hearing`, `DEFAULT`, `heard`, `fit`, `QUANTITIES`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ...calibration import FULL_SEVERITY
from ...extras import need
from ...record import Hit
from ...registry import nearest

QUANTITIES = ("snr_db/white", "snr_db/babble", "snr_db/environment", "rt60_s", "loss_rate", "severity")
"""What a recogniser's errors are told from."""

_STEEPEST = {"snr_db": 0.5, "rt60_s": 0.05, "loss_rate": 0.02, "severity": 0.02}
_LEAST_UTTERANCES = 8
_WHITE = ("audio/white_noise", "audio/far_field", "audio/gain")
_NEAREST_DRR_DB = 2.2  # at an RT60 of 1 s; it falls by 10 dB where that is ten times as long


@dataclass(frozen=True, slots=True)
class Hearing:
    """The word error rate of a recogniser as a function of what was done to the sound."""

    floor: float
    """WER on clean speech, in [0, 1)."""
    responses: Mapping[str, tuple[float, float]]
    """Quantity, one of `QUANTITIES`, → (midpoint, scale) of its logistic curve, in the unit of the quantity."""

    def __post_init__(self) -> None:
        if not 0 <= self.floor < 1:
            raise ValueError(f"floor is the WER on clean speech, in [0, 1), not {self.floor!r}")
        for quantity, response in self.responses.items():
            if quantity not in QUANTITIES:
                raise ValueError(f"no quantity is called {quantity!r}; {nearest(quantity, QUANTITIES)}")
            finite = len(response) == 2 and all(math.isfinite(value) for value in response)
            if not finite or response[1] == 0 or (response[1] < 0) != quantity.startswith("snr_db"):
                sign = "< 0" if quantity.startswith("snr_db") else "> 0"
                raise ValueError(f"{quantity}: a response is (midpoint, scale {sign}), not {response!r}")
        object.__setattr__(self, "responses", MappingProxyType(dict(self.responses)))

    def __reduce__(self) -> Any:
        return Hearing, (self.floor, dict(self.responses))

    def wer(self, hits: Sequence[Hit]) -> float:
        """The expected WER, in [0, 1), of speech on which noises were executed; `floor` for none."""
        kept = 1 - self.floor
        for quantity, value in heard(hits):
            if quantity in self.responses:
                kept *= 1 - _logistic(value, *self.responses[quantity])
        return 1 - kept

    def to_dict(self) -> dict[str, Any]:
        """A plain dict for JSON."""
        return {"floor": self.floor, "responses": {name: list(pair) for name, pair in self.responses.items()}}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Hearing:
        """The hearing that `to_dict` wrote.

        Raises:
            ValueError: a quantity is unknown, or a response is no pair of numbers.
        """
        try:
            return cls(float(body["floor"]), {name: tuple(pair) for name, pair in body["responses"].items()})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a recogniser's hearing ({error}): {body!r}") from error


DEFAULT = Hearing(
    0.072,
    {
        "snr_db/white": (-1.38, -5.16),
        "snr_db/babble": (4.62, -4.21),
        "snr_db/environment": (-6.06, -7.12),
        "rt60_s": (1.47, 0.44),
        "loss_rate": (0.49, 0.17),
        "severity": (0.52, 0.14),
    },
)
"""The hearing of Whisper tiny.en."""


def heard(hits: Sequence[Hit]) -> Iterator[tuple[str, float]]:
    """The quantities that tell how well speech can still be heard, with their values, for each noise on it."""
    for hit in hits:
        found = False
        for name in ("snr_db", "rt60_s", "loss_rate"):
            value = hit.achieved.get(name)
            if isinstance(value, int | float):
                found = True
                value = _audible_rt60_s(hit) if name == "rt60_s" else float(value)
                yield f"{name}/{_sound(hit)}" if name == "snr_db" else name, value
        if not found:
            yield "severity", float(hit.achieved.get("severity", FULL_SEVERITY * hit.level))


def fit(noises: Sequence[Sequence[Hit]], errors: Sequence[int], words: Sequence[int], start: Hearing) -> Hearing:
    """The hearing of a recogniser from utterances that it recognised.

    Least squares of the WER, each utterance with the weight of its words. Quantities that occur in none of the
    utterances keep the response of `start`.

    Args:
        noises: for each utterance the executed hits on its sound, from its record; none for clean speech.
        errors: substitutions, deletions and insertions of each.
        words: in the reference of each, ≥ 1.
        start: where the search begins.

    Raises:
        ValueError: the sequences have different lengths, there are fewer than 8 utterances, or one has no words or a
            negative number of errors.
    """
    if not len(noises) == len(errors) == len(words) or len(words) < _LEAST_UTTERANCES:
        raise ValueError(
            f"a hearing is fitted to {_LEAST_UTTERANCES} utterances or more, with hits, errors and words of each, not "
            f"{len(noises)}, {len(errors)} and {len(words)}"
        )
    if min(words) < 1 or min(errors) < 0:
        raise ValueError("words must be ≥ 1 and errors ≥ 0 in every utterance; leave out those with an empty reference")
    told = [list(heard(hits)) for hits in noises]
    found = [name for name in QUANTITIES if name in start.responses and any(name == n for t in told for n, _ in t)]
    wers = np.minimum(np.asarray(errors, float) / np.asarray(words, float), 1.0)
    weights = np.sqrt(np.asarray(words, float))
    signs = [math.copysign(1.0, start.responses[name][1]) for name in found]

    def unpacked(x: Any) -> Hearing:
        pairs = {
            name: (float(x[1 + 2 * i]), signs[i] * (_STEEPEST[name.partition("/")[0]] + math.exp(x[2 + 2 * i])))
            for i, name in enumerate(found)
        }
        return Hearing(1 / (1 + math.exp(-x[0])), {**start.responses, **pairs})

    def residuals(x: Any) -> Any:
        hearing = unpacked(x)
        return (np.array([hearing.wer(hits) for hits in noises]) - wers) * weights

    first = [math.log(max(start.floor, 1e-3) / (1 - start.floor))]
    for name in found:
        midpoint, scale = start.responses[name]
        first += [midpoint, math.log(max(abs(scale) - _STEEPEST[name.partition("/")[0]], 1e-3))]
    low = [-12.0, *[bound for _ in found for bound in (-np.inf, -12.0)]]
    high = [4.0, *[bound for _ in found for bound in (np.inf, 6.0)]]
    solve = need("scipy.optimize", extra="audio").least_squares
    return unpacked(solve(residuals, first, bounds=(low, high), x_scale="jac").x)


def _audible_rt60_s(hit: Hit) -> float:
    """RT60 in seconds, no longer than the ratio of direct to reverberant sound lets it be heard."""
    rt60_s, drr_db = float(hit.achieved["rt60_s"]), hit.achieved.get("drr_db")
    return min(rt60_s, 10 ** ((_NEAREST_DRR_DB - drr_db) / 10)) if isinstance(drr_db, int | float) else rt60_s


def _sound(hit: Hit) -> str:
    """Which of the measured noises a noise is most like."""
    if hit.noise in _WHITE or (hit.noise == "audio/background" and not hit.fields.get("folder")):
        return "white"
    return "babble" if hit.noise == "audio/babble" else "environment"


def _logistic(x: float, midpoint: float, scale: float) -> float:
    z = (x - midpoint) / scale
    return 1 / (1 + math.exp(-z)) if z > -30 else 0.0
