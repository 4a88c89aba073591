"""Writes dialogs in the layout and byte formats of the IEMOCAP release.

    Session1/dialog/avi/DivX/Ses01F_impro01.avi           MPEG-4 tagged DIVX, both actors side by side, no sound
    Session1/dialog/wav/Ses01F_impro01.wav                16 kHz 16 bit, one channel per actor (left actor first)
    Session1/dialog/EmoEvaluation/Ses01F_impro01.txt      codes, mean attributes, evaluators' lines
    Session1/dialog/EmoEvaluation/{Categorical,Attribute}/Ses01F_impro01_e2_cat.txt …
    Session1/dialog/transcriptions/Ses01F_impro01.txt     what was said, with times
    Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav     16 kHz 16 bit mono

Conventions:
- The actor whose letter stands in the dialog's name (F in Ses01F_impro01) wears the markers and sits in the LEFT half
  of the frame; the partner sits in the RIGHT half. Frames here are 360 × 240 at 12 frames per second, half of the
  release's 720 × 480 at 29.97: readers take size and rate from the file.
- Times are seconds from the start of the dialog, with four decimals.
- Turns without a label (ids …_FXX0, …_MXX0) and lines without times (`M: Yeah.`) are in the transcription only.
- `._NAME` files are what a Mac leaves beside NAME on a foreign disk (AppleDouble, RFC 1740); they hold no data.

Public: `Spoken`, `write_dialog`, `write_text`, `write_junk`, `FPS`, `FRAME_SIZE`.
Reference: Busso et al. 2008, doi:10.1007/s10579-008-9076-6, and the release's README.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soundfile as sf

from recipes.demo.script import CODES, Dialog, Turn, stream
from recipes.demo.speech import SAMPLE_RATE

FPS = 12
FRAME_SIZE = (360, 240)
"""Width and height in pixels."""

NAMES = {
    "neu": "Neutral",
    "hap": "Happiness",
    "exc": "Excited",
    "ang": "Anger",
    "sad": "Sadness",
    "fru": "Frustration",
    "sur": "Surprise",
    "fea": "Fear",
    "dis": "Disgust",
    "oth": "Other",
}
# Valence, activation, dominance on the release's scale of 1 to 5.
ATTRIBUTES = {
    "neu": (3, 2, 3),
    "hap": (4, 3, 3),
    "exc": (4, 4, 3),
    "ang": (2, 4, 4),
    "sad": (2, 2, 2),
    "fru": (2, 3, 3),
    "sur": (3, 4, 3),
    "fea": (2, 4, 2),
    "dis": (2, 3, 3),
    "oth": (3, 3, 3),
    "xxx": (3, 3, 3),
}
assert set(ATTRIBUTES) == set(CODES)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A turn with its words and its place in the dialog."""

    turn: Turn
    text: str
    start_s: float
    end_s: float


def write_dialog(
    root: Path,
    dialog: Dialog,
    spoken: Sequence[Spoken],
    wave: npt.NDArray[np.float32],
    frames: Iterable[npt.NDArray[np.uint8]],
    seed: int,
) -> None:
    """Write all files of one dialog under `root`.

    wave: (samples, 2) float32 at 16 kHz, left actor first; frames: (240, 360, 3) uint8 RGB at FPS.
    """
    base = root / f"Session{dialog.left.session}"
    _write_video(base / "dialog/avi/DivX" / f"{dialog.id}.avi", frames)
    _write_wave(base / "dialog/wav" / f"{dialog.id}.wav", wave)
    labelled = [item for item in spoken if item.turn.code]
    for item in labelled:
        path = base / "sentences/wav" / dialog.id / f"{item.turn.id}.wav"
        channel = 0 if item.turn.speaker == dialog.left else 1
        start, end = round(item.start_s * SAMPLE_RATE), round(item.end_s * SAMPLE_RATE)
        _write_wave(path, wave[start:end, channel])
    _write_evaluation(base / "dialog/EmoEvaluation", dialog, labelled, seed)
    lines = _transcription(dialog, spoken, stream(seed, "transcription", dialog.id))
    write_text(base / "dialog/transcriptions" / f"{dialog.id}.txt", lines)


def _write_video(path: Path, frames: Iterable[npt.NDArray[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="avi", container_options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("mpeg4", rate=FPS, options={"flags": "+bitexact", "qmin": "3", "qmax": "8"})
        video.width, video.height = FRAME_SIZE
        video.pix_fmt = "yuv420p"
        video.bit_rate = 900_000
        video.codec_tag = "DIVX"
        video.codec_context.thread_count = 1
        for frame in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(video.encode(None))
    write_junk(path)


def _write_wave(path: Path, wave: npt.NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, wave, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    write_junk(path)


def write_text(path: Path, lines: Sequence[str]) -> None:
    """Write the lines of a text file, and the junk beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    write_junk(path)


def write_junk(path: Path) -> None:
    """Write the AppleDouble file of `path`: header, one entry for 32 bytes of Finder information."""
    header = struct.pack(">II16sH", 0x00051607, 0x00020000, b"Mac OS X        ", 1)
    entry = struct.pack(">III", 9, 38, 32)
    path.with_name(f"._{path.name}").write_bytes(header + entry + bytes(32))


def _write_evaluation(folder: Path, dialog: Dialog, spoken: Sequence[Spoken], seed: int) -> None:
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    categorical: dict[str, list[str]] = {name: [] for name in ("e2", "e3", "e4")}
    attribute: dict[str, list[str]] = {name: [] for name in ("e3", "e4")}
    for item in spoken:
        turn, rng = item.turn, stream(seed, "evaluators", item.turn.id)
        votes = _votes(turn.code, rng)
        ratings = [[int(np.clip(v + rng.integers(-1, 2), 1, 5)) for v in ATTRIBUTES[turn.code]] for _ in range(2)]
        mean = ", ".join(f"{value:.4f}" for value in np.mean(ratings, 0))
        lines.append(f"[{item.start_s:.4f} - {item.end_s:.4f}]\t{turn.id}\t{turn.code}\t[{mean}]")
        own = f"{turn.speaker.sex}1"
        lines += [f"C-{name}:\t{vote};\t()" for name, vote in zip(("E2", "E3", "E4", own), votes, strict=True)]
        rated = [*ratings, ratings[0]]
        lines += [
            f"A-{name}:\tval {v}; act {a}; dom  {d};\t()"
            for name, (v, a, d) in zip(("E3", "E4", own), rated, strict=True)
        ]
        lines.append("")
        for name, vote in zip(categorical, votes[:3], strict=True):
            categorical[name].append(f"{turn.id} :{vote.replace('Neutral', 'Neutral state')}; ()")
        for name, (v, a, d) in zip(attribute, ratings, strict=True):
            attribute[name].append(f"{turn.id} :act {a}; :val {v}; :dom  {d}; ()")
    write_text(folder / f"{dialog.id}.txt", lines)
    for name, rows in categorical.items():
        write_text(folder / "Categorical" / f"{dialog.id}_{name}_cat.txt", rows)
    for name, rows in attribute.items():
        write_text(folder / "Attribute" / f"{dialog.id}_{name}_atr.txt", rows)


def _votes(code: str, rng: np.random.Generator) -> list[str]:
    """Three evaluators and the actor: the code has a strict majority of the three; xxx has none."""
    names = list(NAMES.values())
    if code == "xxx":
        return [names[int(i)] for i in rng.choice(len(names), 4, replace=False)]
    votes = [NAMES[code]] * 4
    if rng.random() < 0.4:
        votes[int(rng.integers(3))] = names[int(rng.integers(len(names)))]
    return votes


def _transcription(dialog: Dialog, spoken: Sequence[Spoken], rng: np.random.Generator) -> list[str]:
    """One line per turn, and one or two lines that carry no times, as remarks do in the release."""
    lines = [f"{s.turn.id} [{s.start_s:08.4f}-{s.end_s:08.4f}]: {s.text}" for s in spoken]
    lines.insert(int(rng.integers(1, len(lines) + 1)), f"{dialog.right.sex}: Yeah, yeah.")
    if rng.random() < 0.5:
        lines.insert(int(rng.integers(1, len(lines) + 1)), f"{dialog.id}_{dialog.left.sex}XX1: [LAUGHTER]")
    return lines
