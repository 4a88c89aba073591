import numpy as np
import pytest

import noise_scheduler as ns
from noise_scheduler.survey import PERCENTILES, survey

NOISES = {
    "audio": {"audio/white_noise": 1, "audio/missing": 3},
    "text": ["text/word_loss"],
    "video": ["image/missing"],
}


def scheduler(noises=NOISES, **changes):
    arguments = {"level": 0.5, "condition": ns.fixed(tuple(noises)), "total_steps": 200}
    return ns.NoiseScheduler(noises, **(arguments | changes))


def test_steps_go_from_the_first_to_the_last():
    seen = survey(scheduler(), points=5, samples=10)
    assert seen.steps.tolist() == [0, 50, 100, 149, 199]
    assert seen.progress == pytest.approx(seen.steps / 199 * 100)
    assert seen.axis == "progress of training (%)"
    assert (seen.total_steps, seen.plans) == (200, 50)


def test_a_training_of_unknown_length_is_looked_at_for_a_thousand_steps():
    seen = survey(scheduler(total_steps=None), points=4, samples=10)
    assert seen.steps.tolist() == seen.progress.tolist() == [0, 333, 666, 999]
    assert seen.axis == "training step"


@pytest.mark.parametrize("total", [1, 2, 3])
def test_a_short_training_has_fewer_points(total):
    seen = survey(scheduler(total_steps=total), points=31, samples=10)
    assert seen.steps.tolist() == list(range(total))
    assert seen.progress.tolist() == [0, 50, 100][:: 2 if total == 2 else 1][:total]
    assert seen.plans == 10 * total


def test_percentiles_of_a_uniform_level():
    seen = survey(scheduler(level=ns.uniform(0, ns.linear(0.2, 1.0, until=199))), points=3, samples=1500)
    for top, column in zip((0.2, 0.6, 1.0), range(3), strict=True):
        expected = np.array(PERCENTILES) / 100 * top
        assert seen.all_levels[:, column] == pytest.approx(expected, abs=0.04 * top)
        for modality in NOISES:
            assert seen.levels[modality][:, column] == pytest.approx(expected, abs=0.06 * top)


def test_levels_of_each_modality():
    levels = {"audio": 0.2, "text": ns.linear(0, 1, until=199), "video": 0.8}
    seen = survey(scheduler(level=levels), points=3, samples=50)
    assert (seen.levels["audio"] == 0.2).all()
    assert (seen.levels["video"] == 0.8).all()
    assert np.isnan(seen.levels["text"][:, 0]).all(), "never hit at level 0"
    assert seen.levels["text"][:, 1:] == pytest.approx(np.broadcast_to([100 / 199, 1], (5, 2)))
    assert seen.all_levels[:, 2] == pytest.approx(np.percentile([0.2, 1, 0.8] * 50, PERCENTILES))
    assert np.isnan(survey(scheduler(level=0), points=2, samples=5).all_levels).all()


def test_shares_of_types():
    seen = survey(scheduler(condition=ns.independent({"audio": 0.8, "text": 0, "video": 1})), points=4, samples=2000)
    assert seen.types["audio"]["audio/white_noise"] == pytest.approx(np.full(4, 0.2), abs=0.04)
    assert seen.types["audio"]["audio/missing"] == pytest.approx(np.full(4, 0.6), abs=0.05)
    assert seen.types["video"]["image/missing"] == pytest.approx(np.ones(4))
    assert not seen.types["text"]["text/word_loss"].any()
    assert seen.type_shares("audio") == pytest.approx({"audio/missing": 0.75, "audio/white_noise": 0.25}, abs=0.02)
    assert list(seen.type_shares("audio")) == ["audio/missing", "audio/white_noise"]
    assert seen.type_shares("text") == {"text/word_loss": 0}


def test_shares_of_types_move():
    switch = {"text/word_loss": ns.linear(1, 0, until=199), "text/missing": ns.linear(0, 1, until=199)}
    seen = survey(scheduler({"text": switch}), points=3, samples=1000)
    assert seen.types["text"]["text/missing"] == pytest.approx([0, 0.5, 1], abs=0.06)


def test_a_share_of_plans_is_at_most_one():
    """Two noises of one name that hit together are one hit by that name."""
    two = [ns.build("audio/white_noise", snr_db_range=ends) for ends in ((30, 20), (10, 0))]
    seen = survey(scheduler({"audio": ns.mixture([*two, "audio/missing"], count=2)}), points=2, samples=500)
    assert seen.types["audio"]["audio/missing"] == pytest.approx(np.full(2, 2 / 3), abs=0.08)
    assert seen.types["audio"]["audio/white_noise"] == pytest.approx(np.ones(2))


def test_conditions():
    seen = survey(scheduler(condition=ns.any_subset()), points=3, samples=2000)
    assert list(seen.conditions) == [
        "",
        "audio",
        "text",
        "video",
        "audio+text",
        "audio+video",
        "text+video",
        "audio+text+video",
    ]
    for share in seen.conditions.values():
        assert share == pytest.approx(np.full(3, 1 / 8), abs=0.035)
    assert sum(seen.conditions.values()) == pytest.approx(np.ones(3))
    assert seen.hit_shares() == pytest.approx([1 / 8, 3 / 8, 3 / 8, 1 / 8], abs=0.03)


def test_conditions_move():
    clean = ns.any_subset({"": ns.linear(1, 0, until=199)} | dict.fromkeys(["a", "t", "v", "av", "tv", "avt"], 0))
    seen = survey(scheduler(condition=clean), points=3, samples=1000)
    assert set(seen.conditions) == {"", "audio+text"}
    assert seen.conditions[""] == pytest.approx([0.5, 1 / 3, 0], abs=0.06)


def test_several_noises_on_a_modality_are_one_condition():
    mixture = ns.mixture(["audio/white_noise", "audio/reverb"], count=2)
    seen = survey(scheduler({"audio": mixture, "text": "text/missing"}), points=2, samples=20)
    assert set(seen.conditions) == {"audio+text"}
    assert seen.hit_shares() == [0, 0, 1]


def test_durations():
    seen = survey(scheduler(span=ns.linear(0.2, 0.8, until=199)), points=3, samples=20)
    for duration in seen.durations.values():
        assert duration == pytest.approx([0.2, 0.2 + 0.6 * 100 / 199, 0.8])
    whole = survey(scheduler(condition=ns.fixed("text")), points=2, samples=20)
    assert whole.durations["text"].tolist() == [1, 1]
    assert np.isnan(whole.durations["audio"]).all()
    bursts = survey(scheduler(span=ns.bursts(ns.uniform(0.1, 0.5), count=4)), points=2, samples=500)
    assert bursts.durations["audio"] == pytest.approx(np.full(2, 0.3), abs=0.02)


def test_a_survey_is_reproducible_and_needs_no_decisions():
    adaptive = scheduler(level=ns.keep_in_band("m", 0, 1, start=0.3), steps_per_epoch=10)
    one, other = (survey(adaptive, points=3, samples=50) for _ in range(2))
    assert (one.levels["audio"] == 0.3).all()
    assert all(np.array_equal(one.types["audio"][n], other.types["audio"][n]) for n in one.types["audio"])
