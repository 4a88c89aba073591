import numpy as np
import pytest

from noise_scheduler.audio.packet_loss import PacketLoss, gilbert, mean_run
from noise_scheduler.testing import check_noise, example_samples

SPEECH = example_samples("audio")[0][1]


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def runs(flags: np.ndarray) -> np.ndarray:
    """Lengths of the runs of True, one by one."""
    lengths, current = [], 0
    for flag in flags:
        if flag:
            current += 1
        elif current:
            lengths.append(current)
            current = 0
    return np.array(lengths + [current] * (current > 0))


@pytest.mark.parametrize("concealment", ["repeat", "fade"])
def test_contract(concealment):
    check_noise(PacketLoss(concealment=concealment))


@pytest.mark.parametrize(
    ("rate", "burst"), [(0.02, 3.0), (0.1, 1.0), (0.1, 5.0), (0.5, 3.0), (0.9, 4.0), (0.97, 100.0)]
)
def test_the_chain_has_the_declared_rate_and_geometric_bursts(rate, burst):
    lost = gilbert(400_000, rate, burst, stream(7))
    lengths = runs(lost)
    expected = max(burst, 1 / (1 - rate))  # never shorter than those of independent losses
    assert lost.mean() == pytest.approx(rate, rel=0.12)
    assert lengths.mean() == pytest.approx(expected, rel=0.08)
    assert mean_run(lost) == pytest.approx(lengths.mean())
    for longer_than in (1, 2, 5):  # P(length > n) = (1 − 1/mean)ⁿ
        share = np.mean(lengths > longer_than)
        assert share == pytest.approx((1 - 1 / expected) ** longer_than, abs=4 * np.sqrt(0.25 / len(lengths)) + 1e-3)
    # The next state depends on the present one only: bursts are independent of each other.
    assert abs(np.corrcoef(lengths[1:], lengths[:-1])[0, 1]) < 6 / np.sqrt(len(lengths)) or expected == 1


def test_the_chain_is_stationary_from_its_first_packet():
    first = [gilbert(1, 0.3, 10.0, stream(seed))[0] for seed in range(2000)]
    tenth = [gilbert(10, 0.3, 10.0, stream(seed))[9] for seed in range(2000)]
    assert np.mean(first) == pytest.approx(0.3, abs=0.04)
    assert np.mean(tenth) == pytest.approx(0.3, abs=0.04)


def test_with_the_same_draws_more_loss_only_adds_lost_packets():
    before = np.zeros(5000, bool)
    for rate in (0.01, 0.1, 0.3, 0.6, 0.8, 0.95, 1.0):
        lost = gilbert(5000, rate, 3.0, stream(3))
        assert not np.any(before & ~lost)
        before = lost
    assert before.all()


def lost_packets(noisy: np.ndarray, length: int) -> np.ndarray:
    return ~noisy[: len(noisy) // length * length].reshape(-1, length).any(1)


@pytest.mark.parametrize(("packet_ms", "sample_rate"), [(20.0, 16000), (10.0, 44100), (60.0, 8000)])
def test_reported_rate_and_burst_are_those_of_the_sample(packet_ms, sample_rate):
    wave = np.ones(sample_rate * 30, np.float32)
    length = round(packet_ms * sample_rate / 1000)
    noise = PacketLoss((0.2, 0.2), mean_burst_ms=100.0, packet_ms=packet_ms)
    noisy, achieved = noise(wave, 0.5, stream(), sample_rate=sample_rate)
    assert set(np.unique(noisy)) == {0, 1}
    lost = lost_packets(noisy, length)
    assert achieved["loss_rate"] == pytest.approx(1 - noisy.mean(), abs=2e-3)
    assert achieved["mean_burst_ms"] == pytest.approx(runs(lost).mean() * length / sample_rate * 1000, rel=0.02)


@pytest.mark.parametrize("concealment", ["repeat", "fade"])
def test_a_lost_packet_is_replaced_by_the_last_that_came(concealment):
    wave = np.stack([np.arange(1, 16001, dtype=np.float32), -np.arange(1, 16001, dtype=np.float32)])
    plain, _ = PacketLoss((0.3, 0.3))(wave, 0.5, stream(2), sample_rate=16000)
    noisy, _ = PacketLoss((0.3, 0.3), concealment=concealment)(wave, 0.5, stream(2), sample_rate=16000)
    lost = lost_packets(plain[0], 320)
    assert 3 < lost.sum() < 47
    assert runs(lost).max() > 3
    last = None
    since = 0
    for packet, was_lost in enumerate(lost):
        here = slice(packet * 320, (packet + 1) * 320)
        if not was_lost:
            last, since = wave[:, here], 0
            assert np.array_equal(noisy[:, here], wave[:, here])
            continue
        expected = np.zeros((2, 320)) if last is None else last.astype(float)
        if concealment == "fade":
            elapsed_ms = (since + np.arange(320)) / 16
            expected = expected * np.interp(elapsed_ms, [10, 60], [1, 0])
        since += 320
        assert noisy[:, here] == pytest.approx(expected, rel=1e-5, abs=1e-3)


def test_all_channels_lose_the_same_packets():
    noisy, _ = PacketLoss((0.4, 0.4))(np.ones((3, 9000), np.float32), 0.5, stream(), sample_rate=16000)
    assert np.array_equal(noisy[0], noisy[1])
    assert np.array_equal(noisy[0], noisy[2])


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"loss_rate_range": (0.1, 1.5)}, "loss_rate_range"),
        ({"mean_burst_ms": 0.0}, "mean_burst_ms"),
        ({"packet_ms": -20.0}, "packet_ms"),
        ({"concealment": "guess"}, "concealment"),
    ],
)
def test_bad_fields_are_refused(fields, named):
    with pytest.raises(ValueError, match=named):
        PacketLoss(**fields)
