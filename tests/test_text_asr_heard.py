"""Expected word error rates: the curves, how causes add up, what is read from records, and the fit to a recogniser."""

import math
import pickle

import numpy as np
import pytest

from noise_scheduler.record import Hit
from noise_scheduler.registry import build
from noise_scheduler.text.asr.heard import Hearing, fit, heard

HEARING = Hearing(0.05, {"snr_db/white": (0.0, -4.0), "snr_db/babble": (6.0, -3.0), "rt60_s": (1.5, 0.4)})


def hit(noise="audio/white_noise", level=0.5, fields=(), **achieved):
    return Hit("audio", noise, 1, level, fields=dict(fields), achieved=achieved)


def test_the_curve_of_one_cause():
    assert HEARING.wer([]) == pytest.approx(0.05)
    assert HEARING.wer([hit(snr_db=0.0)]) == pytest.approx(0.05 + 0.95 * 0.5)
    assert HEARING.wer([hit(snr_db=4.0)]) == pytest.approx(0.05 + 0.95 / (1 + math.e))
    assert HEARING.wer([hit(snr_db=60.0)]) == pytest.approx(0.05, abs=1e-5)
    assert HEARING.wer([hit(snr_db=-900.0)]) == pytest.approx(1.0)


def test_causes_are_independent():
    noise, room = hit(snr_db=4.0), hit("audio/reverb", rt60_s=1.5, drr_db=0.0)
    kept = [1 - (HEARING.wer([cause]) - 0.05) / 0.95 for cause in (noise, room)]
    assert HEARING.wer([noise, room]) == pytest.approx(1 - 0.95 * kept[0] * kept[1])
    both = hit("audio/far_field", snr_db=4.0, rt60_s=1.5)
    assert [name for name, _ in heard([both])] == ["snr_db/white", "rt60_s"]


def test_reverberation_is_not_heard_beside_a_near_voice():
    """Equally strong at 8.1 m in a hall of 20000 m³ with 1 s: there it counts in full, at the mouth not at all."""
    counted = [
        dict(heard([hit("audio/far_field", rt60_s=1.0, drr_db=20 * math.log10(8.06 / distance_m))]))["rt60_s"]
        for distance_m in (0.05, 2.0, 8.06, 30.0)
    ]
    assert counted[0] < 0.001
    assert counted[0] < counted[1] < counted[2]
    assert counted[2:] == [1.0, 1.0]
    for rt60_s in (0.3, 0.6, 1.0, 1.6):  # the nearest talker in the largest room of those measured, by Sabine
        drr_db = 10 * math.log10(0.161 * 250 / rt60_s / (16 * math.pi) / 0.7**2)
        assert dict(heard([hit(rt60_s=rt60_s, drr_db=drr_db)]))["rt60_s"] == pytest.approx(rt60_s, rel=0.03)
    assert dict(heard([hit(rt60_s=2.0)]))["rt60_s"] == 2.0


def test_missing_sound_is_lost_sound():
    _, achieved = build("audio/missing")(np.ones(9, np.float32), 0.1, np.random.default_rng(), sample_rate=8000)
    assert list(heard([Hit("audio", "audio/missing", 1, 0.1, achieved=achieved)])) == [("loss_rate", 1.0)]


@pytest.mark.parametrize(
    ("noise", "expected"),
    [
        (hit(snr_db=5.0), "snr_db/white"),
        (hit("audio/background", snr_db=5.0), "snr_db/white"),
        (hit("audio/background", fields={"folder": "cafe"}, snr_db=5.0), "snr_db/environment"),
        (hit("audio/babble", snr_db=5.0), "snr_db/babble"),
        (hit("audio/wind", snr_db=5.0), "snr_db/environment"),
        (hit("audio/gain", snr_db=5.0, gain_db=-40.0), "snr_db/white"),
        (hit("audio/packet_loss", loss_rate=0.2, mean_burst_ms=60.0), "loss_rate"),
        (hit("audio/clipping", severity=0.3, clipped_fraction=0.1), "severity"),
    ],
)
def test_what_is_read_from_a_hit(noise, expected):
    assert [name for name, _ in heard([noise])] == [expected]


def test_a_noise_that_is_not_calibrated_counts_by_its_level():
    assert list(heard([hit("audio/clipping", level=0.5)])) == [("severity", pytest.approx(0.35))]


def test_it_survives_json_and_the_way_to_another_process():
    assert Hearing.from_dict(HEARING.to_dict()) == HEARING
    assert pickle.loads(pickle.dumps(HEARING)) == HEARING


@pytest.mark.parametrize(("errors", "words"), [([1] * 8, [0, *[5] * 7]), ([-1, *[1] * 7], [5] * 8)])
def test_a_fit_to_impossible_counts_is_refused(errors, words):
    with pytest.raises(ValueError, match="words must be ≥ 1 and errors ≥ 0"):
        fit([[hit(snr_db=3.0)]] * 8, errors, words, HEARING)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"floor": 1.0, "responses": {}}, "floor is the WER on clean speech"),
        ({"floor": 0.1, "responses": {"snr_bd/white": [0, -1]}}, "did you mean 'snr_db/white'"),
        ({"floor": 0.1, "responses": {"snr_db/white": [0, 1]}}, r"scale < 0"),
        ({"floor": 0.1, "responses": {"rt60_s": [0, -1]}}, r"scale > 0"),
        ({"floor": 0.1, "responses": {"rt60_s": [0, math.nan]}}, "a response is"),
        ({"responses": {}}, "not a recogniser's hearing"),
        ({"floor": 0.1, "responses": [1]}, "not a recogniser's hearing"),
    ],
)
def test_what_is_refused(body, message):
    with pytest.raises(ValueError, match=message):
        Hearing.from_dict(body)


def test_a_fit_finds_the_recogniser_that_made_the_errors():
    true = Hearing(0.1, {"snr_db/white": (5.0, -5.0), "rt60_s": (0.8, 0.2)})
    rng = np.random.default_rng(0)
    noises, words = [], rng.integers(8, 20, 600).tolist()
    for index in range(600):
        cause = hit(snr_db=float(rng.uniform(-10, 30))), hit("audio/reverb", rt60_s=float(rng.uniform(0.1, 2)))
        noises.append([[cause[0]], [cause[1]], []][index % 3])
    errors = [int(rng.binomial(n, true.wer(hits))) for n, hits in zip(words, noises, strict=True)]
    found = fit(noises, errors, words, HEARING)
    assert found.responses["snr_db/babble"] == HEARING.responses["snr_db/babble"]
    for hits in noises[:60]:
        assert found.wer(hits) == pytest.approx(true.wer(hits), abs=0.05)


def test_a_fit_needs_utterances():
    with pytest.raises(ValueError, match="8 utterances or more"):
        fit([[]] * 3, [0] * 3, [5] * 3, HEARING)
    with pytest.raises(ValueError, match="with hits, errors and words of each"):
        fit([[]] * 9, [0] * 8, [5] * 9, HEARING)
