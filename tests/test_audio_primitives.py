from itertools import pairwise

import numpy as np
import pytest
from scipy import signal

from noise_scheduler.audio.primitives import RandomChain, RandomFilter, RandomGainCurve, RandomNoise, TimeFrequencyMask
from noise_scheduler.audio.speech_level import active_level_dbov
from noise_scheduler.testing import example_samples

RATE = 16000
SPEECH = example_samples("audio")[0][1]


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def hiss(samples: int, seed: int = 9) -> np.ndarray:
    return 0.1 * stream(seed).standard_normal(samples, dtype=np.float32)


@pytest.mark.parametrize("noise", [RandomFilter(), RandomGainCurve()])
def test_power_is_kept(noise):
    for wave in (SPEECH, np.stack([SPEECH, 3 * SPEECH])):
        noisy, _ = noise(wave, 0.8, stream(), sample_rate=RATE)
        assert np.mean(noisy.astype(float) ** 2) == pytest.approx(np.mean(wave.astype(float) ** 2), rel=1e-4)


def test_random_filters_have_the_declared_deviation_and_zero_phase():
    click = np.zeros(8001, np.float32)
    click[4000] = 1
    hertz = np.geomspace(120, 7500, 60)
    deviations, shapes = [], []
    for seed in range(12):
        response, achieved = RandomFilter((6.0, 6.0))(click, 1.0, stream(seed), sample_rate=RATE)
        assert achieved == {"deviation_db": 6.0}
        np.testing.assert_allclose(response[4001:7000], response[3999:1000:-1], atol=1e-5)
        gain_db = 20 * np.log10(np.abs(signal.freqz(response, worN=hertz, fs=RATE)[1]))
        deviations.append(gain_db.std())
        shapes.append(gain_db)
    assert np.mean(deviations) == pytest.approx(6.0, rel=0.1)
    assert np.abs(np.corrcoef(shapes)[np.triu_indices(12, 1)]).mean() < 0.4


def test_gain_curves_have_the_declared_deviation_and_time_constant():
    wave = np.ones(60 * RATE, np.float32)
    noisy, _ = RandomGainCurve((5.0, 5.0), time_constant_s=0.2)(wave, 1.0, stream(), sample_rate=RATE)
    gain_db = 20 * np.log10(noisy[:: RATE // 100].astype(float))
    assert gain_db.std() == pytest.approx(5.0, rel=0.1)
    centred = gain_db - gain_db.mean()
    alike = [np.mean(centred[lag:] * centred[:-lag]) / np.mean(centred**2) for lag in (1, 10, 40)]
    assert alike[0] > 0.98
    assert 0.3 < alike[1] < 0.85
    assert abs(alike[2]) < 0.25


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_masks_cover_the_declared_share_of_the_plane(share):
    """Counted on a mel-spaced short-time spectrum of white noise: cells 6 dB below their usual level."""
    wave = hiss(4 * RATE)
    centres = 700 * np.expm1((np.arange(60) + 0.5) / 60 * np.log1p(8000 / 700))
    counted = []
    for seed in range(12):
        noisy, achieved = TimeFrequencyMask((share, share))(wave, 1.0, stream(seed), sample_rate=RATE)
        assert achieved == {"masked": share}
        hertz, _, cells = signal.stft(noisy, RATE, nperseg=512, noverlap=480)
        _, _, usual = signal.stft(wave, RATE, nperseg=512, noverlap=480)
        rows = np.abs(hertz[:, None] - centres).argmin(0)
        smooth = np.ones((1, 5))
        power, reference = (signal.convolve2d(np.abs(x[rows]) ** 2, smooth, "same") for x in (cells, usual))
        counted.append((power < reference / 4).mean())
    assert np.mean(counted) == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_masks_are_silent_and_the_rest_is_as_it_was(share):
    wave = hiss(4 * RATE)
    noisy, _ = TimeFrequencyMask((share, share))(wave, 1.0, stream(4), sample_rate=RATE)
    level = np.sqrt(np.convolve(noisy.astype(float) ** 2, np.ones(32) / 32, "same"))
    silent = level < 1e-3
    assert silent.mean() == pytest.approx(1 - np.sqrt(1 - share), abs=0.04)
    spectrum, before = (np.abs(np.fft.rfft(x[~silent])) ** 2 for x in (noisy, wave))
    bands = spectrum[: len(spectrum) // 100 * 100].reshape(100, -1).sum(1) / before[: len(before) // 100 * 100].reshape(
        100, -1
    ).sum(1)
    assert np.median(bands) == pytest.approx(1, abs=0.05)
    assert bands.min() < 0.1


@pytest.mark.parametrize("snr_db", [30.0, 0.0, -20.0])
def test_noise_has_the_declared_snr(snr_db):
    for seed in range(4):
        noisy, achieved = RandomNoise((snr_db, snr_db))(SPEECH, 1.0, stream(seed), sample_rate=RATE)
        noise = noisy.astype(float) - SPEECH
        measured = active_level_dbov(SPEECH, RATE) - 10 * np.log10(np.mean(noise**2))
        assert measured == pytest.approx(snr_db, abs=0.1)
        assert achieved["snr_db"] == pytest.approx(measured, abs=0.1)


def test_noise_is_as_coloured_and_as_uneven_as_its_fields_say():
    silence = np.zeros(20 * RATE, np.float32)

    def spreads(**fields):
        noise, _ = RandomNoise(**fields)(silence, 0.5, stream(2), sample_rate=RATE)
        bands = np.abs(np.fft.rfft(noise.astype(float))) ** 2
        edges = np.geomspace(200, 8000, 20) * len(bands) / 8000
        by_band = [bands[int(a) : int(b)].mean() for a, b in pairwise(edges)]
        by_time = np.mean(noise.astype(float).reshape(-1, 640) ** 2, 1)
        return np.std(10 * np.log10(by_band)), np.std(10 * np.log10(by_time))

    even = spreads(spectrum_deviation_db=0.0, envelope_deviation_db=0.0)
    assert max(even) < 0.6
    coloured, uneven = spreads(spectrum_deviation_db=12.0, envelope_deviation_db=8.0)
    assert 5 < coloured < 16
    assert 4 < uneven < 9


def test_a_chain_is_the_mean_of_its_primitives():
    """With one kind of primitive left, the mean of chains is that of three of its outputs, with weights of sum 1."""
    names, strengths = set(), []
    for seed in range(40):
        noisy, achieved = RandomChain((0.3, 0.3))(SPEECH, 1.0, stream(seed), sample_rate=RATE)
        assert achieved["strength"] == 0.3
        chains = achieved["chains"].split()
        assert len(chains) == 3
        assert all(1 <= len(chain) <= 2 for chain in chains)
        names |= set("".join(chains))
        if set("".join(chains)) <= set("tg"):  # neither mixes other frequencies or noise in
            strengths.append(np.corrcoef(noisy, SPEECH)[0, 1])
    assert names == set("fgtn")
    assert strengths
    assert min(strengths) > 0.7


@pytest.mark.parametrize(
    ("noise", "fields", "named"),
    [
        (RandomFilter, {"deviation_db_range": (0.0, 9.0)}, "deviation_db_range"),
        (RandomGainCurve, {"time_constant_s": 0.0}, "time_constant_s"),
        (RandomGainCurve, {"deviation_db_range": (9.0, 1.0)}, "deviation_db_range"),
        (TimeFrequencyMask, {"masked_range": (0.1, 1.1)}, "masked_range"),
        (RandomNoise, {"snr_db_range": (0.0, 30.0)}, "snr_db_range"),
        (RandomNoise, {"spectrum_deviation_db": 99.0}, "spectrum_deviation_db"),
        (RandomNoise, {"envelope_deviation_db": -1.0}, "envelope_deviation_db"),
        (RandomChain, {"strength_range": (0.0, 1.0)}, "strength_range"),
    ],
)
def test_bad_fields_are_refused(noise, fields, named):
    with pytest.raises(ValueError, match=named):
        noise(**fields)
