"""Writes monologues in the layout and formats of the raw CMU-MOSEI release.

    Raw/Videos/Full/Combined/VIDEO.mp4              H.264 with AAC at 44.1 kHz
    Raw/Transcript/Segmented/Combined/VIDEO.txt     VIDEO___INDEX___START___END___TEXT, seconds with three decimals
    CMU_MOSEI_Labels.csd                            HDF5 of the CMU-MultimodalSDK: All Labels/data/VIDEO/…
    cmu_mosei_std_folds.py                          its three lists of video ids

As in the release, labels stand in no order, with times that are not rounded; some sentences have no label, some start
before 0; a labelled video is in no fold. `._NAME` files are as in `release`. Frames are 180 × 144 at 12 per second.

Public: `Said`, `write_monologue`, `write_shared`, `FRAME_ROWS`.
Reference: Zadeh et al. 2018, and computational_sequence/file_ops.py of the CMU-MultimodalSDK for the CSD files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import h5py
import numpy as np
import numpy.typing as npt
from scipy import signal

from recipes.demo.face import HALF_SIZE
from recipes.demo.monologue import EMOTIONS, PARTS, Monologue, Sentence
from recipes.demo.release import FPS, write_junk, write_text
from recipes.demo.script import stream
from recipes.demo.speech import SAMPLE_RATE

FRAME_ROWS = slice(40, 184)
"""Rows of an actor's half frame that are filmed: the head and the shoulders' top."""
SOUND_RATE = 44_100
BLOCK = 1024
"""Samples in a frame of AAC."""
BITEXACT = {"flags": "+bitexact"}


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence with its words and its place in the video."""

    sentence: Sentence
    text: str
    start_s: float
    end_s: float


def write_monologue(
    root: Path,
    monologue: Monologue,
    said: Sequence[Said],
    wave: npt.NDArray[np.float32],
    frames: Iterable[npt.NDArray[np.uint8]],
) -> None:
    """Write video and transcript under `root`; wave: (samples,) at 16 kHz, frames: (144, 180, 3) RGB at FPS."""
    _write_video(root / "Raw/Videos/Full/Combined" / f"{monologue.id}.mp4", wave, frames)
    lines = [
        f"{monologue.id}___{item.sentence.index}___{item.start_s:.3f}___{item.end_s:.3f}___{item.text}" for item in said
    ]
    write_text(root / "Raw/Transcript/Segmented/Combined" / f"{monologue.id}.txt", lines)


def write_shared(root: Path, recordings: Sequence[tuple[Monologue, Sequence[Said]]], seed: int) -> None:
    """Write the label file and the fold lists of all videos."""
    ordered = sorted(recordings, key=lambda recording: recording[0].id)
    with h5py.File(root / "CMU_MOSEI_Labels.csd", "w") as file:
        data = file.create_group("All Labels/data")
        for monologue, said in ordered:
            rows = [
                (item.start_s, item.end_s, item.sentence.sentiment, *item.sentence.emotions)
                for item in said
                if item.sentence.labelled
            ]
            table = np.array(stream(seed, "label order", monologue.id).permutation(rows))
            group = data.create_group(monologue.id)
            group["features"], group["intervals"] = table[:, 2:], table[:, :2]
        metadata = {"root name": "All Labels", "dimension names": ["sentiment", *EMOTIONS], "creator": __name__}
        for name, value in metadata.items():
            file.create_dataset(f"All Labels/metadata/{name}", data=[json.dumps(value)], dtype=h5py.string_dtype())
    lists = {part: [monologue.id for monologue, _ in ordered if monologue.part == part] for part in PARTS}
    write_text(root / "cmu_mosei_std_folds.py", [f"standard_{part}_fold={ids!r}" for part, ids in lists.items()])


def _write_video(path: Path, wave: npt.NDArray[np.float32], frames: Iterable[npt.NDArray[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4", container_options={"fflags": "+bitexact"}) as container:
        video = container.add_stream(
            "libx264", rate=FPS, options=BITEXACT | {"preset": "veryfast", "crf": "18", "g": "60"}
        )
        video.width, video.height = HALF_SIZE[0], FRAME_ROWS.stop - FRAME_ROWS.start
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_count = 1
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono", options=BITEXACT)
        sound.bit_rate = 96_000
        for pixels in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(video.encode(None))
        resampled = signal.resample_poly(wave, SOUND_RATE // 100, SAMPLE_RATE // 100).astype(np.float32)
        for start in range(0, len(resampled), BLOCK):
            block = np.zeros((1, BLOCK), np.float32)
            block[0, : len(resampled) - start] = resampled[start : start + BLOCK]
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = SOUND_RATE, start
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    write_junk(path)
