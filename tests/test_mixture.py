from collections import Counter
from itertools import permutations

import numpy as np
import pytest

import noise_scheduler as ns
from noise_scheduler import registry
from noise_scheduler.mixture import Mixture, physical_order

AUDIO = ["audio/background", "audio/reverb", "audio/white_noise", "audio/missing"]
QUIET, LOUD = (ns.build("audio/white_noise", snr_db_range=ends) for ends in ((30, 20), (10, 0)))


def plans(noises, n=3000, step=0, **arguments):
    arguments = {"level": ns.uniform(0.2, 1), "condition": ns.fixed("audio")} | arguments
    scheduler = ns.NoiseScheduler({"audio": noises}, **arguments)
    return [scheduler.plan(i, step).hits for i in range(n)]


def names(hits):
    return [hit.noise for hit in hits]


def near(share, p, n=3000):
    return share == pytest.approx(p, abs=4.5 * (p * (1 - p) / n) ** 0.5 + 1e-12)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_as_many_as_count_says_and_none_twice(count):
    for hits in plans(ns.mixture(AUDIO, count=count), n=300):
        assert len(hits) == len(set(names(hits))) == count
        assert len({hit.level for hit in hits}) == count, "each has a level of its own"


def test_counts_by_choice():
    mixture = ns.mixture(AUDIO, count=ns.choice({0: 0.2, 1: 0.5, 3: 0.3}))
    counts = Counter(map(len, plans(mixture)))
    for count, p in ((0, 0.2), (1, 0.5), (2, 0), (3, 0.3), (4, 0)):
        assert near(counts[count] / 3000, p)


def test_counts_by_choice_move():
    mixture = ns.mixture(AUDIO, count=ns.choice({0: ns.linear(1, 0, until=10), 2: ns.linear(0, 1, until=10)}))
    for step, p in ((0, 0), (5, 0.5), (10, 1)):
        assert near(sum(map(bool, plans(mixture, step=step))) / 3000, p)


def test_a_noise_whose_level_is_zero_does_not_hit():
    drawn = plans(ns.mixture(AUDIO, count=2), level=ns.choice({0: 1, 0.5: 3}))
    assert {hit.level for hits in drawn for hit in hits} == {0.5}
    counts = Counter(map(len, drawn))
    for count, p in ((0, 1 / 16), (1, 6 / 16), (2, 9 / 16)):
        assert near(counts[count] / 3000, p)


def test_one_is_drawn_by_weight():
    got = Counter(hits[0].noise for hits in plans(ns.mixture(dict(zip(AUDIO, (1, 2, 0, 5), strict=True)))))
    for noise, weight in zip(AUDIO, (1, 2, 0, 5), strict=True):
        assert near(got[noise] / 3000, weight / 8)


def test_two_are_drawn_by_weight_without_replacement():
    weights = dict(zip(AUDIO, (1, 2, 3, 4), strict=True))
    got = Counter(frozenset(names(hits)) for hits in plans(ns.mixture(weights, count=2)))
    for one, other in permutations(AUDIO, 2):
        a, b = weights[one], weights[other]
        assert near(got[frozenset((one, other))] / 3000, a / 10 * b / (10 - a) + b / 10 * a / (10 - b))


def test_weights_move():
    weights = {AUDIO[0]: ns.linear(1, 0, until=10), AUDIO[1]: ns.linear(0, 1, until=10)}
    for step, p in ((0, 1), (3, 0.7), (10, 0)):
        got = [hits[0].noise == AUDIO[0] for hits in plans(ns.mixture(weights), step=step)]
        assert near(np.mean(got), p)


def test_a_noise_of_no_weight_never_hits():
    hits = plans(ns.mixture({AUDIO[0]: 1, AUDIO[1]: 0, AUDIO[2]: 2}, count=3), n=200)
    assert {tuple(names(h)) for h in hits} == {(AUDIO[0], AUDIO[2])}


def test_the_first_of_two_is_the_one_that_would_come_alone():
    """Raising the count adds noises and changes neither type nor level of the one that is there."""
    alone, two = plans(ns.mixture(AUDIO), n=200), plans(ns.mixture(AUDIO, count=2), n=200)
    for (hit,), hits in zip(alone, two, strict=True):
        assert hit in hits


@pytest.mark.parametrize("listed", list(permutations(AUDIO))[::5])
def test_physical_order(listed):
    stages = [registry.STAGES.index(registry.stage_of(noise)) for noise in listed]
    expected = [noise for _, noise in sorted(zip(stages, listed, strict=True), key=lambda pair: pair[0])]
    assert expected != list(listed) or listed[0] in AUDIO[:2]
    for hits in plans(ns.mixture(list(listed), count=4), n=20):
        assert names(hits) == expected
    for hits in plans(ns.mixture(list(listed), count=2), n=100):
        assert names(hits) == [noise for noise in expected if noise in names(hits)]


def test_ties_keep_the_order_in_which_they_are_listed():
    for listed in (["audio/background", "audio/reverb"], ["audio/reverb", "audio/background"]):
        for hits in plans(ns.mixture(["audio/missing", *listed], count=3), n=20):
            assert names(hits) == [*listed, "audio/missing"]


def test_places():
    noises = [ns.build(f"text/{noise}") for noise in ("missing", "keyboard", "word_loss")]
    assert physical_order(noises) == (1, 0, 2)
    assert physical_order(noises[::-1]) == (1, 0, 2)
    assert physical_order(noises[1:2]) == (0,)


def test_the_same_noise_with_other_fields_draws_from_another_stream(utterance):
    scheduler = ns.NoiseScheduler({"audio": ns.mixture([QUIET, LOUD], count=2)}, level=0.5, condition=ns.fixed("audio"))
    plan = scheduler.plan("a")
    assert [hit.fields for hit in plan.hits] == [{"snr_db_range": (30, 20)}, {"snr_db_range": (10, 0)}]
    both = ns.replay(utterance, plan)["audio"]
    first = ns.replay(utterance, ns.Record(plan.id, plan.step, plan.key, plan.config, plan.hits[:1]))["audio"]
    assert abs(np.corrcoef(first - utterance["audio"], both - first)[0, 1]) < 0.05
    assert np.array_equal(both, ns.replay(utterance, ns.Record.from_json(plan.to_json()))["audio"])


def test_noises_are_applied_in_the_order_of_the_record(utterance):
    """The channel takes all away, and the noise of the sensor with it."""
    mixture = ns.mixture(["audio/missing", "audio/white_noise"], count=2)
    scheduler = ns.NoiseScheduler({"audio": mixture}, condition=ns.fixed("audio"))
    noisy, record = scheduler(utterance, id="a")
    assert names(record.hits) == ["audio/white_noise", "audio/missing"]
    assert not noisy["audio"].any()


def test_the_level_of_a_record_is_the_highest():
    for hits in plans(ns.mixture(AUDIO, count=3), n=20):
        record = ns.Record("a", 0, (0, 0), "", hits)
        assert record.level("audio") == max(hit.level for hit in hits)


@pytest.mark.parametrize(
    "spelled",
    [
        ["audio/reverb", ("audio/missing", 1)],
        ("audio/reverb", "audio/missing"),
        {"audio/reverb": 1, "audio/missing": 1.0},
        [ns.build("audio/reverb"), ns.build("audio/missing")],
        {ns.build("audio/reverb"): 1, "audio/missing": 1},
    ],
)
def test_spellings(spelled):
    made = ns.mixture(spelled, count=2.0)
    assert made == Mixture(("audio/reverb", "audio/missing"), (1, 1), 2)
    assert made.pairs == ((ns.build("audio/reverb"), 1.0), (ns.build("audio/missing"), 1.0))
    assert type(made.count) is int


def test_one_noise_is_a_mixture():
    assert ns.mixture("text/missing") == ns.mixture(ns.build("text/missing")) == ns.mixture(["text/missing"])
    assert ns.NoiseScheduler({"text": "text/missing"}).noises["text"] == ns.mixture("text/missing")


@pytest.mark.parametrize(
    ("noises", "count", "error", "message"),
    [
        ([], 1, ValueError, "at least one noise"),
        ({}, 1, ValueError, "at least one noise"),
        (["audio/reverp"], 1, KeyError, "audio/reverb"),
        ([3], 1, TypeError, "not a registered noise"),
        ([("audio/reverb", -1)], 1, ValueError, "a mixture: a weight must be ≥ 0"),
        ([("audio/reverb", "1")], 1, TypeError, "expected a number"),
        ([("audio/reverb", ns.uniform(0, 1))], 1, TypeError, "not the distribution"),
        ({"audio/reverb": 0, "audio/missing": ns.constant(0)}, 1, ValueError, "needs a positive weight"),
        (AUDIO, 5, ValueError, "from 0 to the number of noises \\(4\\), not 5"),
        (AUDIO, -1, ValueError, "from 0 to the number of noises"),
        (AUDIO, ns.choice([1, 5]), ValueError, "from 0 to the number of noises"),
        (AUDIO, ns.choice([0, 0.5]), ValueError, "a whole number from 0"),
        (AUDIO, 1.5, ValueError, "a whole number or a choice"),
        (AUDIO, True, ValueError, "a whole number or a choice"),
        (AUDIO, "two", ValueError, "a whole number or a choice"),
        (AUDIO, None, ValueError, "a whole number or a choice"),
        (AUDIO, float("nan"), ValueError, "a whole number or a choice"),
        (AUDIO, float("inf"), ValueError, "a whole number or a choice"),
        (AUDIO, ns.linear(0, 2), ValueError, "a whole number or a choice"),
        (AUDIO, ns.uniform(0, 2), ValueError, "a whole number or a choice"),
    ],
)
def test_faults_are_named_when_a_mixture_is_made(noises, count, error, message):
    with pytest.raises(error, match=message):
        ns.mixture(noises, count=count)


def test_as_many_weights_as_noises():
    with pytest.raises(ValueError, match="2 noises needs as many weights, not 1"):
        Mixture(("audio/reverb", "audio/missing"), (1,))
