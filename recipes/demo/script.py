"""Who speaks when, what they feel, and how clearly each modality shows it.

The corpus is planned here in full before anything is rendered, so that it depends on the seed alone and never on
the number of worker processes. Every draw comes from `stream(seed, name)`, a generator of its own per name.

How hard the corpus is follows from one mechanism. Each turn has a class; given the class, each modality shows it or
not, independently of the other two:

- *clear*: the cue lies at the class (scaled by a random intensity);
- *vague*: the cue lies near neutral, pulled a little towards the own class and a little towards a random one;
- *mixed*: the cue lies between the own class and another one.

So one modality alone stays uncertain for many turns, and several together resolve most of them.

Public: `Speaker`, `Turn`, `Dialog`, `plan_corpus`, `draw_cue`, `apportion`, `stream`, `CLASSES`, `FOUR_CLASS`, `CODES`.
The shares of the codes follow the counts of IEMOCAP (Busso et al. 2008, doi:10.1007/s10579-008-9076-6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SESSIONS = (1, 2, 3, 4, 5)
FOUR_CLASS = ("neu", "hap", "exc", "ang", "sad")
"""Codes that count towards the four classes (excited is merged into happy)."""
OTHER = ("fru", "xxx", "sur", "oth", "fea", "dis")
CODES = FOUR_CLASS + OTHER

SHARES = {"neu": 1708, "hap": 595, "exc": 1041, "ang": 1103, "sad": 1084}
OTHER_SHARES = {"fru": 18, "xxx": 9, "sur": 4, "oth": 2, "fea": 2, "dis": 1}
OTHER_PER_FOUR_CLASS = 0.25
TURNS_PER_DIALOG = 18

# Chance that a modality shows the class clearly, and chance that it lies between two classes; the rest is vague.
CLEAR = {"audio": 0.68, "video": 0.64, "text": 0.54}
MIXED = {"audio": 0.05, "video": 0.06, "text": 0.04}

EMOTION = {"neu": "neu", "hap": "hap", "exc": "hap", "ang": "ang", "sad": "sad"}
BLEND = {"fru": ("ang", "sad"), "sur": ("hap", "neu"), "fea": ("sad", "ang"), "dis": ("ang", "neu")}
CLASSES = ("neu", "hap", "ang", "sad")


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """Return the generator that belongs to this seed and name; equal names give equal draws on every machine."""
    digest = hashlib.blake2b("/".join(map(str, (seed, *name))).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


@dataclass(frozen=True, slots=True)
class Speaker:
    """An actor: one of the ten of the dialogs, two in each session; in the monologues everyone has a number."""

    session: int
    """1 … 5; from 1 on in the monologues."""
    sex: str
    """'F' or 'M'."""

    @property
    def name(self) -> str:
        return f"Ses{self.session:02d}_{self.sex}"


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance as planned: identity, code and the cue weights of each modality."""

    id: str
    speaker: Speaker
    code: str
    """One of CODES, or '' for a turn that carries no label (it is in the transcription only)."""
    cues: Mapping[str, Mapping[str, float]]
    """Modality → class → weight: how strongly the turn shows this class in this modality, 0 none, 1 fully."""
    clear: Mapping[str, bool]
    """Modality → whether the cue is clear."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """One recording: the actor whose letter is in its name wears the markers and sits on the left."""

    id: str
    left: Speaker
    right: Speaker
    turns: tuple[Turn, ...]


def plan_corpus(seed: int, utterances: int) -> list[Dialog]:
    """Plan all dialogs of a corpus with `utterances` four-class turns (≥ 20) and about a quarter more of other codes.

    Raises ValueError for fewer than 20 utterances: below that a session would lack a class.
    """
    if utterances < 20:
        raise ValueError(f"utterances must be at least 20, so that every session holds all classes; got {utterances}")
    others = apportion(OTHER_SHARES, max(len(OTHER), round(utterances * OTHER_PER_FOUR_CLASS)))
    other_codes = [code for code, count in others.items() for _ in range(count)]
    dialogs: list[Dialog] = []
    for index, session in enumerate(SESSIONS):
        total = utterances // len(SESSIONS) + (index < utterances % len(SESSIONS))
        counts = apportion(SHARES | {"hap": 0, "exc": SHARES["hap"] + SHARES["exc"]}, total)
        happy = counts.pop("exc")
        # Alternate the rounding, so that both codes occur in the smallest corpus too.
        counts["hap"] = int(happy * SHARES["hap"] / (SHARES["hap"] + SHARES["exc"]) + (0.75 if index % 2 else 0.25))
        counts["exc"] = happy - counts["hap"]
        codes = [code for code, count in counts.items() for _ in range(count)] + other_codes[index :: len(SESSIONS)]
        stream(seed, "codes", session).shuffle(codes)
        dialogs += _plan_session(seed, session, codes)
    return dialogs


def _plan_session(seed: int, session: int, codes: Sequence[str]) -> list[Dialog]:
    """Deal the codes of one session to dialogs, half of them improvised, half scripted, F and M in turn."""
    count = max(4, round(len(codes) / TURNS_PER_DIALOG))
    parts = [codes[i * len(codes) // count : (i + 1) * len(codes) // count] for i in range(count)]
    dialogs = []
    for i, part in enumerate(parts):
        number, marked = i // 4 + 1, "FM"[i % 2]
        scene = f"impro{number:02d}" if i % 4 < 2 else f"script{number:02d}_1"
        left, right = Speaker(session, marked), Speaker(session, "FM"[1 - i % 2])
        dialogs.append(_plan_dialog(seed, f"Ses{session:02d}{marked}_{scene}", left, right, part))
    return dialogs


def _plan_dialog(seed: int, dialog_id: str, left: Speaker, right: Speaker, codes: Sequence[str]) -> Dialog:
    rng = stream(seed, "turns", dialog_id)
    numbers = {"F": 0, "M": 0}
    speaker = left if rng.random() < 0.5 else right
    turns = []
    unlabelled_at = int(rng.integers(len(codes) + 1))
    for i, code in enumerate([*codes[:unlabelled_at], "", *codes[unlabelled_at:]]):
        if i and rng.random() < 0.85:
            speaker = right if speaker is left else left
        if code:
            turn_id = f"{dialog_id}_{speaker.sex}{numbers[speaker.sex]:03d}"
            numbers[speaker.sex] += 1
        else:
            turn_id = f"{dialog_id}_{speaker.sex}XX0"
        turns.append(_plan_turn(seed, turn_id, speaker, code))
    return Dialog(dialog_id, left, right, tuple(turns))


def _plan_turn(seed: int, turn_id: str, speaker: Speaker, code: str) -> Turn:
    rng = stream(seed, "cues", turn_id)
    if code in EMOTION:
        mixture = [EMOTION[code]]
    elif code in BLEND:
        mixture = list(BLEND[code])
    else:
        mixture = ["neu", CLASSES[int(rng.integers(len(CLASSES)))]]
    cues: dict[str, dict[str, float]] = {}
    clear: dict[str, bool] = {}
    for modality in ("audio", "video", "text"):
        cues[modality], clear[modality] = draw_cue(modality, mixture, 1.0, rng)
    return Turn(turn_id, speaker, code, cues, clear)


def draw_cue(
    modality: str, mixture: Sequence[str], strength: float, rng: np.random.Generator
) -> tuple[dict[str, float], bool]:
    """Draw how a modality shows one of the classes in `mixture`: class → weight, and whether it is clear.

    A clear cue has a weight of about `strength`, 1 for a fully shown class.
    """
    draw, intensity = rng.random(), strength * rng.uniform(0.8, 1.2)
    own = mixture[int(rng.integers(len(mixture)))]
    other = CLASSES[int(rng.integers(len(CLASSES)))]
    weights = dict.fromkeys(CLASSES, 0.0)
    clear = bool(draw < CLEAR[modality])
    if clear:
        weights[own] += intensity
    elif draw < CLEAR[modality] + MIXED[modality]:
        weights[own] += 0.5 * intensity
        weights[other] += 0.5
    else:
        weights[own] += 0.15
        weights[other] += 0.2 * rng.random()
    return weights, clear


def apportion(shares: Mapping[str, int], total: int) -> dict[str, int]:
    """Split `total` by largest remainder; a code with a share gets one at least where `total` allows."""
    whole = sum(shares.values())
    exact = {code: total * share / whole for code, share in shares.items()}
    counts = {code: max(int(value), min(1, shares[code])) for code, value in exact.items()}
    while sum(counts.values()) < total:
        counts[max(counts, key=lambda code: exact[code] - counts[code])] += 1
    while sum(counts.values()) > total:
        counts[max(counts, key=lambda code: (counts[code] > 1, counts[code] - exact[code]))] -= 1
    return counts
