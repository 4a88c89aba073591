"""The cache on CMU-MOSEI: values to regress, whole frames, sound cut from the video, long videos."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from mosei_release import TIMES, VIDEO_FPS, green_of, name_of, tone_hz, video_of, write_release, write_video

from recipes.corpora import CorpusError, decode
from recipes.corpora.cache import Cache, build
from recipes.corpora.cmu_mosei import Corpus, read


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return read(write_release(tmp_path_factory.mktemp("whole") / "release"))


@pytest.fixture(scope="module")
def cache(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return build(corpus, tmp_path_factory.mktemp("cache"), frames=5, size=16, jobs=1)


def test_labels_are_values_to_regress(corpus: Corpus, cache: Cache) -> None:
    assert cache.ids == tuple(u.id for u in corpus.utterances)
    assert cache.labels.dtype == np.float32
    assert cache.labels.tolist() == [u.label for u in corpus.utterances]
    assert len(set(cache.labels.tolist())) > 5
    assert {type(sample["label"]) for sample in cache} == {float}
    assert cache.speakers == tuple(u.video for u in corpus.utterances)
    assert cache.meta["crop"] == {"detector": 0, "square": len(cache)}


def test_frames_are_of_the_utterance(cache: Cache) -> None:
    video = cache[cache.ids.index(f"{name_of(2)}_1")]["video"].astype(int).mean(axis=(1, 2))
    start, end = round(TIMES[1][0], 3), TIMES[1][1]
    expected = [green_of(int((start + (k + 0.5) * (end - start) / 5) * VIDEO_FPS)) for k in range(5)]
    assert np.allclose(video[:, 1], expected, atol=3.9)  # half a step
    assert video[:, 0].min() > 150


def test_sound_is_of_the_utterance(cache: Cache) -> None:
    sample = cache[cache.ids.index(f"{name_of(2)}_3")]  # from 7.75 s to 11.5 s
    audio = sample["audio"]
    assert len(audio) == round((11.5 - 7.75) * 16_000)
    pitch = [np.fft.rfft(audio[at : at + 3200] * np.hanning(3200)) for at in (0, 4800, 20_800, 36_800, 52_800)]
    assert [5 * np.abs(spectrum).argmax() for spectrum in pitch] == [tone_hz(s) for s in (7, 8, 9, 10, 11)]
    # The tone changes at 8 s: a quarter of a second in, to within a few milliseconds.
    low = np.array(
        [
            np.abs(np.sum(audio[i : i + 160] * np.exp(2j * np.pi * tone_hz(7) * np.arange(160) / 16_000)))
            for i in range(3200, 4800, 16)
        ]
    )
    assert 3200 + 16 * int(np.argmax(low < 0.5 * low[0])) == pytest.approx(4000 - 80, abs=100)


def test_result_does_not_depend_on_the_number_of_processes(corpus: Corpus, cache: Cache, tmp_path: Path) -> None:
    together = build(corpus, tmp_path, frames=5, size=16, jobs=2)
    for name in ("audio.bin", "video.bin", "index.json"):
        assert (together.folder / name).read_bytes() == (cache.folder / name).read_bytes()


def test_a_changed_label_is_another_cache(corpus: Corpus, cache: Cache, tmp_path: Path) -> None:
    first, *rest = corpus.utterances
    changed = dataclasses.replace(corpus, utterances=(dataclasses.replace(first, label=first.label + 0.25), *rest))
    assert build(changed, tmp_path, frames=5, size=16, jobs=1).folder.name != cache.folder.name


def late_sentence(corpus: Corpus, root: Path, start_s: float) -> Corpus:
    """A corpus of one sentence of 2 s in a video of 40 s, with a key frame every second."""
    path = root / "late.mp4"
    write_video(path, seconds=40, key_frames=VIDEO_FPS)
    times = {"start_s": start_s, "end_s": start_s + 2, "video_file": path}
    return dataclasses.replace(corpus, root=root, utterances=(dataclasses.replace(corpus.utterances[0], **times),))


def test_what_lies_before_a_late_sentence_is_not_decoded(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = late_sentence(corpus, tmp_path, 35.0)
    decoded: list[int] = []
    original = decode._shown

    def counted(*arguments):  # type: ignore[no-untyped-def]
        for number, frame in original(*arguments):
            decoded.append(number)
            yield number, frame

    monkeypatch.setattr(decode, "_shown", counted)
    skipping = build(late, tmp_path / "skipping", frames=4, size=16, jobs=1)[0]
    assert min(decoded) >= 330
    decoded.clear()
    monkeypatch.setattr(decode, "SKIP_S", np.inf)
    reading = build(late, tmp_path / "reading", frames=4, size=16, jobs=1)[0]
    assert min(decoded) == 0
    assert np.array_equal(skipping["video"], reading["video"])
    expected = [green_of(int((35 + (k + 0.5) / 2) * VIDEO_FPS)) for k in range(4)]
    assert np.allclose(skipping["video"].astype(int).mean(axis=(1, 2))[:, 1], expected, atol=3.9)


def test_sound_that_ends_early_is_silence_for_a_moment_and_a_fault_after(corpus: Corpus, tmp_path: Path) -> None:
    root = write_release(tmp_path / "release")
    write_video(video_of(root, 4), sound_s=11.3)
    sample = {s["id"]: s for s in build(read(root), tmp_path / "cache", size=16, jobs=1)}[f"{name_of(4)}_3"]
    assert len(sample["audio"]) == round((11.5 - 7.75) * 16_000)
    assert np.abs(sample["audio"][-1600:]).max() < 1e-3
    assert np.abs(sample["audio"][:-8000]).max() > 0.3

    write_video(video_of(root, 4), sound_s=9.0)
    with pytest.raises(
        CorpusError, match=r"1 problem in[^$]*00004_3: .*its sound ends at (8\.9|9\.0)\d s, the utterance at 11\.50"
    ):
        build(read(root), tmp_path / "cache", size=16, jobs=1)
    assert len(build(read(root), tmp_path / "cache", size=16, jobs=1, skip_bad=True)) == 26

    readable = read(root)
    write_video(video_of(root, 4), sound_s=0)
    with pytest.raises(CorpusError, match=r"3 problems in[^$]*00004\.mp4: its sound cannot be decoded .*copy it again"):
        build(readable, tmp_path / "cache", size=16, jobs=1)
