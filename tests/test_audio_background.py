import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from noise_scheduler.audio import recordings as recordings_module
from noise_scheduler.audio.background import Background, WhiteNoise, add_noise, white
from noise_scheduler.audio.recordings import kept, loop, parts, recordings
from noise_scheduler.audio.speech_level import active_level_dbov
from noise_scheduler.testing import check_noise, example_samples

SPEECH = example_samples("audio")[0][1]


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def rms_db(x: np.ndarray) -> float:
    return 10 * math.log10(np.mean(x.astype(float) ** 2))


def tone(hertz: float, seconds: float, rate: int) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


@pytest.fixture(autouse=True)
def _fresh_caches():
    yield
    recordings_module._cache.clear()
    recordings.cache_clear()
    parts.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = stream(7)
    (tmp_path / "street").mkdir()
    soundfile.write(tmp_path / "street" / "cars.flac", 0.1 * rng.standard_normal(22050), 22050)
    soundfile.write(tmp_path / "kitchen.wav", 0.05 * rng.standard_normal((44100, 2)), 44100)
    soundfile.write(tmp_path / "Babble.OGG", 0.2 * rng.standard_normal(16000), 16000, format="OGG")
    (tmp_path / "notes.txt").write_text("no recording")
    (tmp_path / "._kitchen.wav").write_text("junk of an archive")
    return tmp_path


@pytest.mark.parametrize(("level", "snr_db"), [(0.01, 19.75), (0.4, 10.0), (1.0, -5.0)])
def test_white_noise_reaches_the_declared_snr(level, snr_db):
    noisy, achieved = WhiteNoise((20.0, -5.0))(SPEECH, level, stream(), sample_rate=16000)
    measured = active_level_dbov(SPEECH, 16000) - rms_db(noisy.astype(float) - SPEECH)
    assert measured == pytest.approx(snr_db, abs=0.1)
    assert achieved["snr_db"] == pytest.approx(snr_db, abs=1e-9)


def test_white_noise_is_white_and_normal():
    noise = white((400_000,), stream()).astype(float)
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(1, abs=0.005)
    assert np.mean(noise**4) == pytest.approx(3, abs=0.1)
    assert all(abs(np.mean(noise[:-lag] * noise[lag:])) < 0.01 for lag in (1, 2, 3, 17))
    shares = [np.mean(noise < quantile) for quantile in (-2.3263, 0.0, 1.2816)]
    assert shares == pytest.approx([0.01, 0.5, 0.9], abs=0.003)


def test_channels_hear_independent_white_noise():
    wave = np.stack([SPEECH, SPEECH])
    noisy, _ = WhiteNoise()(wave, 1.0, stream(), sample_rate=16000)
    left, right = noisy - wave
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.05


def test_silence_gets_noise_as_beside_nominal_speech():
    noisy, _ = WhiteNoise((30.0, 10.0))(np.zeros(16000, np.float32), 1.0, stream(), sample_rate=16000)
    assert rms_db(noisy) == pytest.approx(-26 - 10, abs=0.01)


def test_background_without_folder_is_white_noise():
    ours = Background(snr_db_range=(30.0, 0.0))(SPEECH, 0.5, stream(), sample_rate=16000)
    whites = WhiteNoise((30.0, 0.0))(SPEECH, 0.5, stream(), sample_rate=16000)
    assert np.array_equal(ours[0], whites[0])
    assert ours[1] == whites[1]


def test_background_keeps_the_contract(folder):
    check_noise(Background(folder=str(folder)))


def test_recordings_reach_the_declared_snr_and_name_themselves(folder):
    noise, names = Background(folder=str(folder), snr_db_range=(20.0, 5.0)), set()
    for seed in range(30):
        noisy, achieved = noise(SPEECH, 1.0, stream(seed), sample_rate=16000)
        assert active_level_dbov(SPEECH, 16000) - rms_db(noisy.astype(float) - SPEECH) == pytest.approx(5.0, abs=0.1)
        assert achieved["snr_db"] == pytest.approx(5.0)
        assert 0 <= achieved["start_s"] < 1
        names.add(achieved["recording"])
    assert names == {"Babble.OGG", "kitchen.wav", "street/cars.flac"}


def test_files_are_ordered_by_name_and_junk_is_left_out(folder):
    names = [path.relative_to(folder).as_posix() for path in recordings(str(folder))]
    assert names == ["Babble.OGG", "kitchen.wav", "street/cars.flac"]


def test_all_channels_hear_the_same_recording(folder):
    wave = np.stack([SPEECH, 0.5 * SPEECH])
    noisy, _ = Background(folder=str(folder))(wave, 1.0, stream(), sample_rate=16000)
    left, right = noisy - wave
    assert np.allclose(left, right, atol=1e-6)


def test_recordings_are_resampled(tmp_path):
    soundfile.write(tmp_path / "tone.wav", tone(1000, 2, 44100), 44100)
    wave = np.zeros(16000, np.float32)
    noisy, _ = Background(folder=str(tmp_path))(wave, 1.0, stream(), sample_rate=16000.0)
    spectrum = np.abs(np.fft.rfft(noisy * np.hanning(16000)))
    assert np.argmax(spectrum) == 1000
    assert (spectrum[950:1051] ** 2).sum() > 0.999 * (spectrum**2).sum()


def test_short_recordings_loop_without_clicks(tmp_path):
    soundfile.write(tmp_path / "hum.wav", tone(101.7, 0.35, 16000), 16000, subtype="FLOAT")
    noisy, achieved = Background(folder=str(tmp_path))(np.zeros(80000, np.float32), 1.0, stream(), sample_rate=16000)
    assert achieved["start_s"] < 0.35
    bends = np.abs(np.diff(noisy.astype(float), 2))
    assert bends.max() < 2 * np.median(np.sort(bends)[-8000:])
    loops = int(0.35 * 16000) - int(0.02 * 16000)
    assert np.allclose(noisy[:loops], noisy[loops : 2 * loops], atol=1e-6)


def test_crossfade_keeps_the_power_of_noise():
    powers = []
    for seed in range(200):
        loop = recordings_module.seamless(stream(seed).standard_normal(4000, dtype=np.float32), 16000)
        powers.append(np.mean(loop[:320] ** 2))
    assert np.mean(powers) == pytest.approx(1, abs=0.03)


def test_long_recordings_are_read_in_parts(tmp_path):
    seconds = np.repeat(np.arange(1, 151, dtype=np.float32) / 200, 400)  # sample value tells the second
    soundfile.write(tmp_path / "long.wav", seconds, 400, subtype="FLOAT")
    (file,) = recordings(str(tmp_path))
    count, part_s = parts(file)
    assert (count, part_s) == (2, 75.0)
    assert len(kept(file, 0, 400.0, loop)[0]) == 75 * 400 - 8
    noise, starts = Background(folder=str(tmp_path), snr_db_range=(0.0, 0.0)), []
    for seed in range(20):
        noisy, achieved = noise(np.zeros(600, np.float32), 1.0, stream(seed), sample_rate=400)
        start_s = achieved["start_s"]
        starts.append(start_s)
        if 0.1 < start_s % 75 < 73:  # away from the loop's seam: the stretch is where the record says
            second = [math.floor(start_s + 1e-9 + place / 400) for place in (0, 599)]
            assert noisy[0] / noisy[-1] == pytest.approx((second[0] + 1) / (second[1] + 1), rel=1e-3)
    assert min(starts) < 75 < max(starts)


def test_cache_is_bounded(folder, monkeypatch):
    monkeypatch.setattr(recordings_module, "_CACHE_BYTES", 100_000)
    noise = Background(folder=str(folder))
    for seed in range(20):
        noise(SPEECH, 0.5, stream(seed), sample_rate=16000)
        assert (
            len(recordings_module._cache) == 1
            or sum(made[0].nbytes for made in recordings_module._cache.values()) <= 100_000
        )


def test_a_pause_in_a_recording_is_not_blown_up(tmp_path):
    pause = np.full(32000, 1e-6)
    pause[:100] = 0.5
    soundfile.write(tmp_path / "pause.wav", pause, 16000, subtype="FLOAT")
    noise = Background(folder=str(tmp_path), snr_db_range=(0.0, 0.0))
    for seed in range(10):
        noisy, achieved = noise(SPEECH[:1600], 1.0, stream(seed), sample_rate=16000)
        assert np.abs(noisy).max() < 20
        measured = active_level_dbov(SPEECH[:1600], 16000) - rms_db(noisy.astype(float) - SPEECH[:1600])
        if achieved["snr_db"] < 60:
            assert achieved["snr_db"] == pytest.approx(measured, abs=0.1)


def test_noise_without_any_power_changes_nothing():
    noisy, achieved = add_noise(SPEECH, np.zeros_like(SPEECH), 10.0, 16000)
    assert np.array_equal(noisy, SPEECH)
    assert achieved == {}


def write_nan(path: Path) -> None:
    soundfile.write(path, np.array([0.1, np.nan, 0.2]), 16000, subtype="FLOAT")


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda path: path.write_text("this is not a recording"), "cannot use"),
        (lambda path: path.write_bytes(b""), "cannot use"),
        (lambda path: soundfile.write(path, np.zeros(0), 16000), "no samples"),
        (lambda path: soundfile.write(path, np.zeros(900), 16000), "silent"),
        (write_nan, "NaN"),
    ],
)
def test_a_bad_recording_names_itself(tmp_path, make, fault):
    make(tmp_path / "bad.wav")
    with pytest.raises(ValueError, match=rf"(?s)bad\.wav.*{fault}|{fault}.*bad\.wav"):
        Background(folder=str(tmp_path))(SPEECH, 0.5, stream(), sample_rate=16000)


def test_a_bad_folder_names_itself(tmp_path):
    with pytest.raises(ValueError, match="nowhere' does not exist"):
        Background(folder=str(tmp_path / "nowhere"))(SPEECH, 0.5, stream(), sample_rate=16000)
    with pytest.raises(ValueError, match=r"holds no \.wav, \.flac, \.ogg file"):
        Background(folder=str(tmp_path))(SPEECH, 0.5, stream(), sample_rate=16000)


@pytest.mark.parametrize("noise_class", [WhiteNoise, Background])
def test_a_bad_range_is_refused(noise_class):
    with pytest.raises(ValueError, match="snr_db_range"):
        noise_class(snr_db_range=(20.0, -500.0))
