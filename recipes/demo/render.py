"""Renders one planned dialog or monologue: words, voices, faces, files.

Public: `render_dialog`, `render_monologue`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from recipes.demo import face, mosei_release, release, speech, text
from recipes.demo.monologue import Monologue
from recipes.demo.script import Dialog, Speaker, Turn, stream

PAUSE_S = (0.15, 0.40)
MARGIN_S = 0.08
"""Silence kept before and after the words of a turn."""
CROSSTALK = 0.06
"""How much of one actor the other's microphone picks up."""


def render_dialog(root: Path, seed: int, dialog: Dialog) -> list[release.Spoken]:
    """Render and write one dialog; return its turns with their times."""
    cv2.setNumThreads(1)
    spoken, wave = _speak_dialog(dialog, seed)
    frames = _film_dialog(dialog, spoken, wave, seed)
    release.write_dialog(root, dialog, spoken, wave, frames, seed)
    return spoken


def render_monologue(root: Path, seed: int, monologue: Monologue) -> list[mosei_release.Said]:
    """Render and write one monologue; return its sentences with their times."""
    cv2.setNumThreads(1)
    said, wave = _speak_monologue(monologue, seed)
    frames = _film_monologue(monologue, said, wave, seed)
    mosei_release.write_monologue(root, monologue, said, wave, frames)
    return said


def _speak_dialog(dialog: Dialog, seed: int) -> tuple[list[release.Spoken], npt.NDArray[np.float32]]:
    """Return the turns with their times, and the two microphones, shape (samples, 2) at 16 kHz."""
    espeak, at_s = speech.Espeak(), 0.5
    spoken, voices = [], []
    for turn in dialog.turns:
        rng = stream(seed, "speech", turn.id)
        words = text.sentence(turn.cues["text"], rng) if turn.code else text.backchannel(rng)
        voice = speech.speak(espeak, words, speech.voice_of(turn.speaker, seed), turn.cues["audio"], rng)
        end_s = round(at_s + len(voice) / speech.SAMPLE_RATE + 2 * MARGIN_S, 4)
        spoken.append(release.Spoken(turn, words, at_s, end_s))
        voices.append(voice)
        at_s = round(end_s + rng.uniform(*PAUSE_S), 4)
    samples = round((at_s + 0.5) * speech.SAMPLE_RATE)
    wave = np.zeros((samples, 2), np.float32)
    for item, voice in zip(spoken, voices, strict=True):
        start = round((item.start_s + MARGIN_S) * speech.SAMPLE_RATE)
        near = 0 if item.turn.speaker == dialog.left else 1
        wave[start : start + len(voice), near] += voice
        wave[start : start + len(voice), 1 - near] += CROSSTALK * voice
    for channel in (0, 1):
        wave[:, channel] += speech.room_noise(samples, stream(seed, "room", dialog.id, channel))
    return spoken, wave


def _film_dialog(
    dialog: Dialog, spoken: list[release.Spoken], wave: npt.NDArray[np.float32], seed: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the frames of the dialog, shape (240, 360, 3) uint8 RGB: the left actor, then the right one."""
    count = int(len(wave) / speech.SAMPLE_RATE * release.FPS)
    halves = []
    for channel, speaker in enumerate((dialog.left, dialog.right)):
        actor = face.Actor(speaker, dialog.id, seed)
        poses = _poses(actor, speaker, dialog, spoken, wave[:, channel], count, seed)
        halves.append((actor, poses))
    for i in range(count):
        yield np.hstack([face.draw(actor, poses[i]) for actor, poses in halves])


def _poses(
    actor: face.Actor,
    speaker: Speaker,
    dialog: Dialog,
    spoken: list[release.Spoken],
    wave: npt.NDArray[np.float32],
    count: int,
    seed: int,
) -> list[face.Pose]:
    """Return one pose per frame: the mood of the turn while speaking, a neutral listener otherwise."""
    silence = np.zeros(count)
    poses = face.act(actor, {}, silence, release.FPS, stream(seed, "listener", dialog.id, speaker.name))
    for item in spoken:
        if item.turn.speaker == speaker:
            first, last = int(item.start_s * release.FPS), min(int(item.end_s * release.FPS) + 1, count)
            loud = _loudness(wave, first, last)
            rng = stream(seed, "acting", item.turn.id)
            poses[first:last] = face.act(actor, _visible(item.turn), loud, release.FPS, rng)
    return poses


def _visible(turn: Turn) -> dict[str, float]:
    return dict(turn.cues["video"]) if turn.code else {}


def _loudness(wave: npt.NDArray[np.float32], first: int, last: int) -> npt.NDArray[np.float64]:
    """Return how loud the wave is in each frame, 0 to 1 relative to the turn's own peaks, shape (last - first,)."""
    per_frame = speech.SAMPLE_RATE / release.FPS
    edges = np.clip((np.arange(first, last + 1) * per_frame).astype(int), 0, len(wave))
    sums = np.concatenate([[0.0], np.cumsum(wave[edges[0] : edges[-1]].astype(np.float64) ** 2)])
    rms = np.sqrt(np.diff(sums[edges - edges[0]]) / per_frame)
    return np.asarray(np.clip(rms / max(float(np.percentile(rms, 90)), 1e-6) - 0.08, 0, 1) ** 0.8)


def _speak_monologue(monologue: Monologue, seed: int) -> tuple[list[mosei_release.Said], npt.NDArray[np.float32]]:
    """Return the sentences with their times, and the sound, shape (samples,) at 16 kHz."""
    espeak, voice, at_s = speech.Espeak(), speech.voice_of(monologue.speaker, seed), 0.2
    said: list[mosei_release.Said] = []
    placed: list[tuple[int, npt.NDArray[np.float32]]] = []
    for sentence in monologue.sentences:
        rng = stream(seed, "speech", monologue.id, sentence.index)
        words = text.sentence(sentence.cues["text"], rng)
        spoken = speech.speak(espeak, words, voice, sentence.cues["audio"], rng)
        placed.append((round(at_s * speech.SAMPLE_RATE), spoken))
        # As in the release, times are generous: they overlap those of the neighbours, and the first may lie before 0.
        start_s, at_s = at_s - rng.uniform(0.05, 0.35), at_s + len(spoken) / speech.SAMPLE_RATE
        said.append(mosei_release.Said(sentence, words, start_s, at_s + rng.uniform(0.05, 0.25)))
        at_s += rng.uniform(*PAUSE_S)
    wave = speech.room_noise(round((at_s + 0.3) * speech.SAMPLE_RATE), stream(seed, "room", monologue.id))
    for start, spoken in placed:
        wave[start : start + len(spoken)] += spoken
    return said, wave


def _film_monologue(
    monologue: Monologue, said: list[mosei_release.Said], wave: npt.NDArray[np.float32], seed: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the frames of the video, shape (144, 180, 3) uint8 RGB."""
    count = int(len(wave) / speech.SAMPLE_RATE * release.FPS)
    actor = face.Actor(monologue.speaker, monologue.id, seed)
    poses = face.act(actor, {}, np.zeros(count), release.FPS, stream(seed, "waiting", monologue.id))
    last = 0
    for item in said:
        first, last = max(last, int(item.start_s * release.FPS)), min(int(item.end_s * release.FPS) + 1, count)
        rng = stream(seed, "acting", monologue.id, item.sentence.index)
        loud = _loudness(wave, first, last)
        poses[first:last] = face.act(actor, item.sentence.cues["video"], loud, release.FPS, rng)
    for pose in poses:
        yield face.draw(actor, pose)[mosei_release.FRAME_ROWS]
