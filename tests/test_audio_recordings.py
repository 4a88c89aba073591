import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from noise_scheduler.audio import recordings as module
from noise_scheduler.audio.background import Background
from noise_scheduler.audio.recordings import draw_stretch, kept, loop, parts, recordings

SPEECH = 0.1 * np.ones(1600, np.float32)


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def noise_file(path: Path, seconds: float = 1.0, rate: int = 8000, seed: int = 1) -> Path:
    soundfile.write(path, 0.1 * stream(seed).standard_normal(int(seconds * rate)), rate)
    return path


def draw_eight(folder: Path) -> None:
    for seed in range(8):
        Background(folder=str(folder))(SPEECH, 0.5, stream(seed), sample_rate=8000)


@pytest.fixture(autouse=True)
def _fresh_caches():
    yield
    module._cache.clear()
    recordings.cache_clear()
    parts.cache_clear()


def test_what_is_made_of_a_recording_is_made_once_and_read_only(tmp_path):
    file, made = noise_file(tmp_path / "a.wav"), []

    def doubled(file, frames, native_rate, sample_rate):
        made.append((native_rate, sample_rate, frames.shape))
        return (2 * frames[:, 0],)

    first = kept(file, 0, 8000.0, doubled)[0]
    assert kept(file, 0, 8000.0, doubled)[0] is first
    assert made == [(8000, 8000.0, (8000, 1))]
    assert not first.flags.writeable
    kept(file, 0, 16000.0, doubled)
    assert len(made) == 2


def test_noises_do_not_take_what_others_made(tmp_path):
    file = noise_file(tmp_path / "a.wav")

    def beginning(file, frames, native_rate, sample_rate):
        return (frames[:10, 0].copy(),)

    assert len(kept(file, 0, 8000.0, beginning)[0]) == 10
    assert len(kept(file, 0, 8000.0, loop)[0]) == 8000 - 160


def test_a_file_that_breaks_in_mid_run_names_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_CACHE_BYTES", 0)  # nothing but the latest is kept
    first, second = noise_file(tmp_path / "first.wav"), noise_file(tmp_path / "second.wav")
    draw_eight(tmp_path)
    second.write_bytes(b"overwritten by something else")
    with pytest.raises(ValueError, match=r"second\.wav.*replace it or take it out"):
        draw_eight(tmp_path)
    second.unlink()
    first.unlink()
    with pytest.raises(ValueError, match=r"(first|second)\.wav"):
        draw_eight(tmp_path)


def test_a_recording_cut_short_names_itself(tmp_path):
    file = noise_file(tmp_path / "cut.flac", seconds=200.0)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 3])
    late = next(seed for seed in range(99) if stream(seed).integers(3) == 2)
    with pytest.raises(ValueError, match=r"cut\.flac"):
        draw_stretch(str(tmp_path), file, 800, 8000, stream(late))


def test_threads_share_one_cache(tmp_path):
    for number in range(4):
        noise_file(tmp_path / f"{number}.wav", seed=number)
    noise = Background(folder=str(tmp_path))
    alone = [noise(SPEECH, 0.5, stream(seed), sample_rate=16000)[0] for seed in range(16)]
    module._cache.clear()
    together = [None] * 16

    def work(seed):
        together[seed] = noise(SPEECH, 0.5, stream(seed), sample_rate=16000)[0]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_names_are_listed_once_and_briefly():
    assert module.listed(["b", "a", "b"]) == "b, a"
    many = [f"{number}.wav" for number in range(3000)]
    assert len(module.listed(many)) < 100
    assert module.listed(many).startswith("0.wav, 1.wav, ")
    assert module.listed(many) != module.listed([*many[:-1], "other.wav"])


def test_a_folder_that_is_called_like_a_recording_is_none(tmp_path):
    (tmp_path / "takes.wav").mkdir()
    file = noise_file(tmp_path / "takes.wav" / "a.wav")
    assert recordings(str(tmp_path)) == (file,)


def test_a_folder_must_be_a_path():
    with pytest.raises(ValueError, match="folder must be the path"):
        Background(folder=3)
