"""A tiny corpus in the layout of the raw CMU-MOSEI release, quirks included, for the tests of reader and cache.

Ten videos with four sentences each, of which the third carries no label, and labels in reverse order. Green tells the
frame's number (`green_of`); the sound is a tone whose pitch tells the second it is in (`tone_hz`).
"""

import functools
import tempfile
from pathlib import Path

import av
import h5py
import numpy as np

PARTS = {"train": (1, 2, 3, 4, 5), "valid": (6, 7), "test": (8, 9), "": (10,)}
VIDEO_FPS = 10
VIDEO_S = 14.0
SOUND_RATE = 44_100
TIMES = ((-0.4876543, 2.5), (2.123456, 5.0), (5.2, 8.25), (7.75, 11.5))
"""Start and end of the sentences; the transcript has them with three decimals."""
LABELLED = (0, 1, 3)
TEXTS = ("So this is ___ it.", "I really liked it, though.", "Not rated.", "Bye (umm) everyone!")
UNDERSCORED = "_vide-3____"
"""A video whose id begins and ends with underscores."""


def name_of(video: int) -> str:
    return UNDERSCORED if video == 3 else f"video-{video:05d}"


def values_of(video: int, sentence: int) -> list[float]:
    """Sentiment and six emotions, within their ranges."""
    return [round((video * 0.5 + sentence) % 6 - 3, 4), video / 4, 0.0, sentence / 3, 0.0, 1 / 3, 0.0]


def write_release(root: Path) -> Path:
    """Write the corpus below `root` and return it; 30 labelled sentences, 27 of them in the folds."""
    root.mkdir()
    for folder in ("Raw/Videos/Full/Combined", "Raw/Transcript/Segmented/Combined"):
        (root / folder).mkdir(parents=True)
        (root / folder / "._video-00001.mp4").write_bytes(b"\x00\x05\x16\x07junk")
    for video in range(1, 11):
        video_of(root, video).write_bytes(_film())
        transcript_of(root, video).write_text("\n".join(lines_of(video)) + "\n", encoding="utf-8")
    write_labels(root)
    lists = {part: [name_of(video) for video in videos] for part, videos in PARTS.items() if part}
    folds_of(root).write_text("\n".join(f"standard_{part}_fold={ids}\n" for part, ids in lists.items()))
    return root


@functools.cache
def _film() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_video(Path(folder) / "video.mp4")
        return (Path(folder) / "video.mp4").read_bytes()


def video_of(root: Path, video: int) -> Path:
    return root / f"Raw/Videos/Full/Combined/{name_of(video)}.mp4"


def transcript_of(root: Path, video: int) -> Path:
    return root / f"Raw/Transcript/Segmented/Combined/{name_of(video)}.txt"


def labels_of(root: Path) -> Path:
    return root / "CMU_MOSEI_Labels.csd"


def folds_of(root: Path) -> Path:
    return root / "cmu_mosei_std_folds.py"


def lines_of(video: int) -> list[str]:
    return [
        f"{name_of(video)}___{i}___{start:.3f}___{end:.3f}___{text}"
        for i, ((start, end), text) in enumerate(zip(TIMES, TEXTS, strict=True))
    ]


def write_labels(root: Path) -> None:
    with h5py.File(labels_of(root), "w") as file:
        for video in range(1, 11):
            group = file.create_group(f"All Labels/data/{name_of(video)}")
            rows = LABELLED[::-1]
            group["features"] = np.array([values_of(video, i) for i in rows], np.float32)
            group["intervals"] = np.array([TIMES[i] for i in rows])
        file["All Labels/metadata/root name"] = ['"All Labels"']


def green_of(number: int) -> int:
    """Green of that frame; in steps that survive the codec, so it comes round after 30 frames."""
    return 8 * number % 240


def tone_hz(second: int) -> float:
    return 400.0 + 100.0 * second


def write_video(path: Path, seconds: float = VIDEO_S, sound_s: float | None = None, key_frames: int = 250) -> None:
    """Write an MP4 of H.264 and AAC; without sound for `sound_s` 0."""
    sound_s = seconds if sound_s is None else sound_s
    with av.open(str(path), "w", format="mp4") as container:
        picture = container.add_stream("libx264", rate=VIDEO_FPS, options={"crf": "10", "g": str(key_frames)})
        picture.width, picture.height, picture.pix_fmt = 96, 64, "yuv420p"
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="stereo") if sound_s else None
        for number in range(round(seconds * VIDEO_FPS)):
            pixels = np.full((64, 96, 3), (200, green_of(number), 0), np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(picture.encode())
        if sound:
            t = np.arange(round(sound_s * SOUND_RATE)) / SOUND_RATE
            # A whole number of periods in every second: no clicks between the tones.
            wave = (0.5 * np.sin(2 * np.pi * np.vectorize(tone_hz)(t.astype(int)) * t)).astype(np.float32)
            for start in range(0, len(wave) - 1023, 1024):
                block = np.stack([wave[start : start + 1024]] * 2)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = SOUND_RATE, start
                container.mux(sound.encode(frame))
            container.mux(sound.encode())
