"""A tiny corpus in the layout of the IEMOCAP release, quirks included, for the tests of reader and cache.

Five sessions with the dialogs impro01 (of F and of M); in each dialog both actors speak four-class and other
turns. The left half of the video is red and the right one blue, and green tells the frame's number (`green_of`),
so that side and time of a decoded frame can be read off its colour.
"""

import wave
from pathlib import Path

import av
import numpy as np

VIDEO_FPS = 10
VIDEO_S = 12.0
TURN_S = 1.5
TURNS = (("F000", "neu"), ("M000", "exc"), ("F001", "xxx"), ("M001", "ang"), ("F002", "hap"), ("M002", "sad"))
FOUR_CLASS_PER_DIALOG = 5


def write_release(root: Path, sessions: tuple[int, ...] = (1, 2, 3, 4, 5)) -> Path:
    """Write the corpus below `root` and return it; 10 dialogs of 5 four-class utterances for all sessions."""
    video = root.parent / "video.avi"
    root.mkdir()
    write_video(video)
    for session in sessions:
        for named in "FM":
            _write_dialog(root / f"Session{session}", f"Ses0{session}{named}_impro01", video)
    return root


def start_s(turn: int) -> float:
    """Start of the turn at that place in TURNS."""
    return 0.5 + turn * 1.8


def green_of(number: int) -> int:
    """Green of that frame; in steps that survive the codec, so it comes round after 30 frames."""
    return 8 * number % 240


def write_video(path: Path, width: int = 96, height: int = 64, seconds: float = VIDEO_S) -> None:
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=VIDEO_FPS)
        stream.codec_tag = "DIVX"
        stream.bit_rate = 4_000_000
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(round(seconds * VIDEO_FPS)):
            pixels = np.zeros((height, width, 3), np.uint8)
            pixels[:, : width // 2, 0] = 200
            pixels[:, width // 2 :, 2] = 200
            pixels[..., 1] = green_of(number)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def write_wav(path: Path, samples: np.ndarray, sample_rate: int = 16_000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.astype("<i2").tobytes())


def turn_samples(turn: int) -> np.ndarray:
    """A ramp that differs from turn to turn; int16."""
    return (np.arange(round(TURN_S * 16_000)) % 1000 + 1000 * turn).astype(np.int16)


def _write_dialog(session: Path, dialog: str, video: Path) -> None:
    folder = session / "dialog"
    for name in ("EmoEvaluation/Categorical", "transcriptions", "avi/DivX"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    labels = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    texts = []
    for number, (turn, code) in enumerate(TURNS):
        start = start_s(number)
        labels += [
            f"[{start:.4f} - {start + TURN_S:.4f}]\t{dialog}_{turn}\t{code}\t[2.5000, 2.5000, 2.5000]",
            "C-E2:\tNeutral; Anger;\t()",
            "C-F1:\tOther;\t(a comment that",
            "runs on)",
            "A-E3:\tval 3; act 2; dom  2;\t()",
            "",
        ]
        texts.append(f"{dialog}_{turn} [{start:08.4f}-{start + TURN_S:08.4f}]: Turn {number}: hello. [LAUGHTER]")
        write_wav(session / "sentences" / "wav" / dialog / f"{dialog}_{turn}.wav", turn_samples(number))
    texts.insert(1, "M: Yeah.")
    texts.append(f"{dialog}_MXX0 [011.0000-011.5000]: Never labelled.")
    label_file = folder / "EmoEvaluation" / f"{dialog}.txt"
    label_file.write_text("\r\n".join(labels), encoding="utf-8", newline="")
    (folder / "EmoEvaluation" / f"._{dialog}.txt").write_bytes(b"\x00\x05\x16\x07junk")
    (folder / "EmoEvaluation" / "Categorical" / f"{dialog}_e1_cat.txt").write_text("not a label file\n")
    (folder / "transcriptions" / f"{dialog}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    (folder / "transcriptions" / f"._{dialog}.txt").write_bytes(b"\x00\x05\x16\x07junk")
    (folder / "avi" / "DivX" / f"{dialog}.avi").write_bytes(video.read_bytes())
