import numpy as np
import pytest
from scipy import signal

from noise_scheduler.audio.filters import BandPass, HighPass, LowPass
from noise_scheduler.registry import build
from noise_scheduler.testing import check_noise

ORDERS = (1, 4, 6, 12)


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def response_db(noise, level, sample_rate, seconds=4):
    """Magnitude against frequency, measured with an impulse in the middle of silence."""
    click = np.zeros(int(seconds * sample_rate), np.float32)
    click[len(click) // 2] = 1
    noisy, achieved = noise(click, level, stream(), sample_rate=sample_rate)
    hz = np.fft.rfftfreq(len(click), 1 / sample_rate)
    return hz, 20 * np.log10(np.abs(np.fft.rfft(noisy.astype(float))) + 1e-12), achieved


def crossings(hz, decibels):
    """Frequencies at which the response passes −3.01 dB."""
    above = decibels > -3.0103
    return hz[np.flatnonzero(above[1:] != above[:-1])]


@pytest.mark.parametrize("name", ["audio/low_pass", "audio/high_pass", "audio/band_pass"])
def test_contract_at_another_order(name):
    check_noise(build(name, order=1), draws=1)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_low_and_high_pass_are_3_db_down_at_the_cutoff(order, sample_rate, level):
    for noise in (LowPass(order=order), HighPass(order=order)):
        hz, decibels, achieved = response_db(noise, level, sample_rate)
        assert crossings(hz, decibels) == pytest.approx([achieved["cutoff_hz"]], rel=0.05)


@pytest.mark.parametrize("order", [2, 6])
@pytest.mark.parametrize("kind", ["lowpass", "highpass"])
def test_the_magnitude_is_that_of_a_butterworth_filter(order, kind):
    noise = {"lowpass": LowPass, "highpass": HighPass}[kind]((700.0, 700.0), order=order)
    hz, decibels, _ = response_db(noise, 0.5, 48000)
    sections = signal.butter(order, 700, kind, fs=48000, output="sos")
    used = (hz > 150) & (hz < 3000)  # the bilinear transform bends the reference towards the Nyquist frequency
    _, reference = signal.sosfreqz(sections, hz[used], fs=48000)
    expected = np.maximum(20 * np.log10(np.abs(reference)), -60)
    assert np.maximum(decibels[used], -60) == pytest.approx(expected, abs=0.5)


def test_half_of_the_path_is_the_telephone_band():
    for sample_rate in (8000, 16000, 48000):
        hz, decibels, achieved = response_db(BandPass(), 0.5, sample_rate)
        assert (achieved["low_hz"], achieved["high_hz"]) == pytest.approx((300, 3400), rel=0.005)
        assert crossings(hz, decibels) == pytest.approx([300, 3400], rel=0.05)


@pytest.mark.parametrize("noise", [LowPass(), HighPass(), BandPass()])
def test_nothing_is_delayed(noise):
    wave = stream(1).standard_normal(16000, dtype=np.float32)
    for level in (0.2, 0.6, 1.0):
        noisy, _ = noise(wave, level, stream(), sample_rate=16000)
        assert np.argmax(signal.correlate(noisy, wave)) == len(wave) - 1


@pytest.mark.parametrize("samples", [1, 100, 1023, 5000, 40_001])
def test_blocks_join_without_seams(samples):
    """The same response over the whole wave at once, with enough silence behind it."""
    wave = stream(2).standard_normal((2, samples), dtype=np.float32)
    for noise in (LowPass((900.0, 900.0)), HighPass((200.0, 200.0))):
        noisy, _ = noise(wave, 1.0, stream(), sample_rate=16000)
        size = 1 << 17
        hz = np.fft.rfftfreq(size, 1 / 16000)
        with np.errstate(divide="ignore"):
            ratio = hz / 900 if isinstance(noise, LowPass) else 200 / hz
        whole = np.fft.irfft(np.fft.rfft(wave, size) / np.sqrt(1 + ratio**12), size)[:, :samples]
        assert noisy == pytest.approx(whole, abs=2e-3)


def test_cutoffs_beyond_the_nyquist_frequency_are_brought_below_it():
    for noise in (
        LowPass((20000.0, 15000.0)),
        HighPass((9000.0, 20000.0)),
        BandPass((100.0, 200.0), (30000.0, 20000.0)),
    ):
        _, achieved = noise(stream().standard_normal(800, dtype=np.float32), 0.5, stream(), sample_rate=8000)
        assert max(achieved.values()) == pytest.approx(3800)


def test_the_mild_end_fades_in():
    wave = stream(3).standard_normal(8000, dtype=np.float32)
    noise = BandPass()
    quiet = [
        np.sqrt(np.mean((noise(wave, level, stream(), sample_rate=48000)[0] - wave) ** 2))
        for level in (0.001, 0.01, 0.05)
    ]
    assert quiet[0] < 0.03 < quiet[2]
    assert quiet == sorted(quiet)


@pytest.mark.parametrize(
    ("noise", "fields", "named"),
    [
        (LowPass, {"cutoff_hz_range": (100.0, 200.0)}, "cutoff_hz_range"),
        (HighPass, {"cutoff_hz_range": (200.0, 100.0)}, "cutoff_hz_range"),
        (LowPass, {"order": 0}, "order"),
        (HighPass, {"order": 2.5}, "order"),
        (BandPass, {"low_hz_range": (100.0, 2000.0)}, "low_hz_range"),
        (BandPass, {"high_hz_range": (100.0, 2000.0)}, "high_hz_range"),
    ],
)
def test_bad_fields_are_refused(noise, fields, named):
    with pytest.raises(ValueError, match=named):
        noise(**fields)
