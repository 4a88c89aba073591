import dataclasses
import json
import pickle
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

import noise_scheduler as ns
from noise_scheduler import registry

NOISES = {
    "audio": {"audio/white_noise": 2, "audio/missing": 1},
    "video": ["image/occlusion", "image/low_light"],
    "text": ["text/word_loss"],
}


def scheduler(**changes):
    arguments = {"level": ns.uniform(0, ns.linear(0.2, 1.0, until="60%")), "seed": 7, "total_steps": 1000}
    return ns.NoiseScheduler(NOISES, **(arguments | changes))


def rich(**changes):
    """Mixtures, spans, several noises, a rule, all of them moving."""
    quiet, loud = (ns.build("audio/white_noise", snr_db_range=ends) for ends in ((30, 20), (10, 0)))
    arguments = {
        "level": {
            "audio": ns.uniform(0.1, ns.linear(0.2, 1.0)),
            "video": ns.beta(ns.linear(1, 5), 2),
            "text": ns.choice({0.3: ns.linear(1, 0), 0.9: ns.linear(0, 1)}),
        },
        "condition": ns.any_subset({"": ns.linear(4, 0)}),
        "span": ns.bursts(ns.uniform(0.2, 1.0), count=2),
        "seed": 5,
        "steps_per_epoch": 10,
        "total_steps": 100,
    }
    noises = {
        "audio": ns.mixture({quiet: 1, loud: ns.linear(0.1, 3), "audio/missing": 0.5}, count=ns.choice([0, 1, 2])),
        "video": ns.mixture(["image/low_light", "image/occlusion"], count=2),
        "text": ns.mixture(["text/word_loss", "text/keyboard"], count=ns.choice({1: 1, 2: ns.linear(0, 2)})),
    }
    return ns.NoiseScheduler(noises, **(arguments | changes))


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def test_plan_is_a_pure_function_of_config_seed_id_and_step():
    first = [scheduler().plan(f"u{i}", step) for i in range(20) for step in (0, 1, 999)]
    order = list(range(len(first)))
    random.Random(0).shuffle(order)
    fresh = scheduler()
    again = {i: fresh.plan(f"u{i // 3}", (0, 1, 999)[i % 3]) for i in order}
    assert [again[i] for i in range(len(first))] == first
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda i: fresh.plan(f"u{i // 3}", (0, 1, 999)[i % 3]), range(60))) == first
    assert scheduler(seed=8).plan("u0", 0) != first[0]


def test_plans_are_cached_by_nothing_but_the_clock():
    """A scheduler asked in any order, by step or by clock, plans as one that was just made."""
    warm = rich()
    clocks = [ns.Clock(step, *lengths) for step in range(0, 130, 9) for lengths in ((10, 100), (7, 60), (1, 1))]
    random.Random(0).shuffle(clocks)
    for clock in clocks * 2:
        assert [warm.plan(i, clock) for i in range(3)] == [rich().plan(i, clock) for i in range(3)]
        assert warm.plan("a", clock.step) == rich().plan("a", clock.step)


def test_decisions_are_part_of_the_clock():
    rule = ns.keep_in_band("m", 0, 1, start=0.2)
    adaptive = scheduler(level=rule, condition=ns.fixed("t"))
    for value in (0.7, 0.4, 0.7):
        assert adaptive.plan("a", ns.Clock(3, None, 1000, {rule: value})).level("text") == value
    assert adaptive.plan("a", adaptive.clock(3)).level("text") == 0.2
    with pytest.raises(ValueError, match=r"feedback\.at"):
        adaptive.plan("a", 3)


def test_threads_at_different_steps_plan_and_apply_as_one_thread(utterance):
    shared, jobs = rich(), [(i, step) for step in (0, 20, 40, 60, 80, 99) for i in range(4)] * 3
    serial = {job: rich()(utterance, id=job[0], step=job[1]) for job in dict.fromkeys(jobs)}
    with ThreadPoolExecutor(8) as pool:
        parallel = pool.map(lambda job: shared(utterance, id=job[0], step=job[1]), jobs)
    for job, (noisy, record) in zip(jobs, parallel, strict=True):
        assert record == serial[job][1]
        assert same(noisy, serial[job][0])


def test_a_scheduler_through_pickle_plans_the_same():
    original = rich()
    original.plan("a", 7)
    again = pickle.loads(pickle.dumps(original))
    assert again == original
    assert again.digest == original.digest
    for step in (7, 0, 99):
        assert [again.plan(i, step) for i in range(20)] == [original.plan(i, step) for i in range(20)]


def test_records_of_mixtures_and_spans_replay_the_same_bytes_through_json(utterance):
    planner, seen = rich(), set()
    for step in (0, 30, 60, 99):
        for i in range(8):
            noisy, record = planner(utterance, id=i, step=step)
            line = record.to_json()
            assert ns.Record.from_json(line) == record
            assert ns.Record.from_json(line).to_json() == line
            assert same(ns.replay(utterance, ns.Record.from_json(line)), noisy)
            again, done = planner.apply(utterance, planner.plan(i, step))
            assert done == record
            assert same(again, noisy)
            seen |= {(hit.modality, sum(h.modality == hit.modality for h in record.hits)) for hit in record.hits}
    assert {("audio", 2), ("video", 2), ("text", 1), ("text", 2)} <= seen


@pytest.mark.parametrize("lengths", [(1, 1), (1, 100), (10, 1), (10**9, 10**9)])
def test_extreme_clocks_are_defined(lengths):
    for step in (0, 1, 100, 10**12):
        for i in range(20):
            for hit in rich().plan(i, ns.Clock(step, *lengths)).hits:
                assert 0 < hit.level <= 1


def test_conditions_types_and_levels_have_their_distributions():
    plans = [scheduler(level=ns.uniform(0.25, 0.75)).plan(i, 0) for i in range(4000)]
    subsets = Counter(tuple(hit.modality for hit in plan.hits) for plan in plans)
    assert len(subsets) == 8
    assert all(abs(count / 4000 - 1 / 8) < 0.02 for count in subsets.values())
    audio = [hit for plan in plans for hit in plan.hits if hit.modality == "audio"]
    assert abs(np.mean([hit.noise == "audio/white_noise" for hit in audio]) - 2 / 3) < 0.04
    levels = np.array([hit.level for plan in plans for hit in plan.hits])
    assert 0.25 <= levels.min() < 0.26
    assert 0.74 < levels.max() < 0.75
    assert abs(levels.mean() - 0.5) < 0.01


def test_level_follows_its_schedule():
    ramp = scheduler(level=ns.linear(0, 1, until=100), condition=ns.fixed("avt"))
    assert ramp.plan("a", 0).hits == ()
    assert {hit.level for hit in ramp.plan("a", 50).hits} == {0.5}
    assert ramp.plan("a", 50).level("audio") == 0.5
    assert ramp.plan("a", 50).level("smell") == 0


def test_a_level_for_each_modality():
    levels = {"text": 0.2, "audio": ns.linear(0, 1, until=10), "video": ns.choice([0.5, 0.7])}
    each = scheduler(level=levels, condition=ns.fixed("avt"))
    for i in range(20):
        plan = each.plan(i, 4)
        assert plan.level("text") == 0.2
        assert plan.level("audio") == 0.4
        assert plan.level("video") in (0.5, 0.7)
    assert {hit.modality for hit in each.plan(0, 0).hits} == {"video", "text"}
    assert each == scheduler(level=dict(reversed(levels.items())), condition=ns.fixed("avt"))


def test_the_level_of_a_modality_does_not_depend_on_that_of_others():
    one = scheduler(level={"text": ns.uniform(0, 1), "audio": 0.1, "video": 0.1}, condition=ns.fixed("avt"))
    other = scheduler(level=ns.uniform(0, 1), condition=ns.fixed("avt"))
    for i in range(20):
        assert one.plan(i, 3).only("text").hits == other.plan(i, 3).only("text").hits


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ({"text": 1, "audio": 1}, "level: 'video' needs one too"),
        ({"text": 1, "audio": 1, "video": 1, "smell": 1}, "level: no modality is called 'smell'; valid: audio"),
        ({"text": 1, "audio": 1, "vidio": 1}, "level: no modality is called 'vidio'; did you mean 'video'"),
        ({"text": 1, "audio": 1, "video": ns.linear(0, 2)}, r"level\.video must stay in"),
    ],
)
def test_bad_level_for_each_modality(level, message):
    with pytest.raises(ValueError, match=message):
        scheduler(level=level)


@pytest.mark.parametrize(
    "level", [ns.beta(2, 0.5, low=1, high=0), ns.uniform(1, 0), ns.choice({0.8: 1, 0: 1})], ids=str
)
def test_a_level_that_may_end_at_zero_still_hits(level):
    """The last quantile of a distribution that is turned is its lowest."""
    turned = ns.NoiseScheduler({"text": "text/missing"}, level=level, condition=ns.fixed("text"))
    assert sum(bool(turned.plan(i).hits) for i in range(200)) > 60


def test_weights_may_be_schedules():
    switch = {
        "text/word_loss": ns.linear(1, 0, since=10, until=10),
        "text/missing": ns.linear(0, 1, since=10, until=10),
    }
    change = ns.NoiseScheduler({"text": switch}, condition=ns.fixed("text"))
    assert {change.plan(i, 9).hits[0].noise for i in range(50)} == {"text/word_loss"}
    assert {change.plan(i, 10).hits[0].noise for i in range(50)} == {"text/missing"}


def test_apply_touches_what_is_hit_and_nothing_else(utterance):
    before = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in utterance.items()}
    noisy, record = scheduler(level=0.5, condition=ns.fixed("at"))(utterance, id="a")
    assert same(utterance, before)
    assert noisy["video"] is utterance["video"]
    assert not np.array_equal(noisy["audio"], utterance["audio"])
    assert noisy["text"] != utterance["text"]
    assert [hit.modality for hit in record.hits] == ["audio", "text"]


def test_replay_gives_the_same_bytes_through_json(utterance):
    for step in range(12):
        noisy, record = scheduler(level=ns.uniform(0.3, 1))(utterance, id="a", step=step)
        line = record.to_json()
        assert "\n" not in line
        assert ns.Record.from_json(line) == record
        assert same(ns.replay(utterance, ns.Record.from_json(line)), noisy)


def test_record_carries_achieved_quantities(utterance):
    noise = ns.build("audio/white_noise", snr_db_range=(20, 0))
    _, record = ns.NoiseScheduler({"audio": noise}, level=0.5, condition=ns.fixed("audio"))(utterance, id="a")
    assert record.hits[0].fields == {"snr_db_range": (20, 0)}
    assert record.hits[0].achieved["snr_db"] == pytest.approx(10, abs=0.1)


def test_replay_refuses_another_version(utterance, monkeypatch):
    _, record = scheduler(level=1.0, condition=ns.fixed("t"))(utterance, id="a")
    entry = registry._entries["text/word_loss"]
    monkeypatch.setitem(registry._entries, "text/word_loss", dataclasses.replace(entry, version=entry.version + 1))
    with pytest.raises(ValueError, match="CHANGELOG"):
        ns.replay(utterance, record)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{}",
        '{"record": 1}',
        '{"record": 99}',
        '{"record":1,"id":1,"step":0,"key":"zz","config":"","hits":[]}',
        '{"record":1,"id":null,"step":0,"key":"00000000000000000000000000000000","config":"","hits":[]}',
        '{"record":1,"id":1,"step":-1,"key":"00000000000000000000000000000000","config":"","hits":[]}',
        '{"record":1,"id":1,"step":0,"key":"00000000000000000000000000000000","config":"","hits":[{"nois":1}]}',
    ],
)
def test_bad_record(line):
    with pytest.raises(ValueError, match="not a noise record"):
        ns.Record.from_json(line)


def test_config_round_trip_is_exact():
    original = ns.NoiseScheduler(
        {
            "audio": {ns.build("audio/white_noise", snr_db_range=(20, -5)): ns.linear(0, 2), "audio/reverb": 1},
            "text": "text/word_loss",
        },
        level=ns.uniform(ns.constant(0.1), ns.linear(0.2, 1.0, since="1ep", until="60%")),
        condition=ns.fixed(("audio",)),
        seed=3,
        steps_per_epoch=10,
        total_steps=100,
    )
    config = json.loads(json.dumps(original.to_dict()))
    again = ns.NoiseScheduler.from_dict(config)
    assert again == original
    assert again.to_dict() == original.to_dict()
    assert again.digest == original.digest
    assert again.plan("a", 40) == original.plan("a", 40)


def test_digest_follows_the_configuration():
    assert scheduler().digest == scheduler().digest
    assert scheduler().digest != scheduler(seed=8).digest
    assert scheduler().plan("a", 0).config == scheduler().digest


def test_the_order_of_modalities_makes_no_difference():
    """A writer that sorts keys must not change the noise."""
    turned = ns.NoiseScheduler(dict(reversed(NOISES.items())), level=0.5, seed=7)
    original = ns.NoiseScheduler(NOISES, level=0.5, seed=7)
    again = ns.NoiseScheduler.from_dict(json.loads(json.dumps(original.to_dict(), sort_keys=True)))
    assert turned == original == again
    assert turned.digest == original.digest == again.digest
    for i in range(50):
        assert turned.plan(i, 3) == original.plan(i, 3) == again.plan(i, 3)


def test_numbers_of_numpy_and_whole_numbers_are_numbers():
    one = ns.NoiseScheduler({"text": {"text/word_loss": 1}}, level=1, seed=np.int64(3), total_steps=np.int64(9))
    other = ns.NoiseScheduler({"text": {"text/word_loss": 1.0}}, level=np.float32(1), seed=3, total_steps=9)
    assert one.digest == other.digest
    assert one.plan(np.int64(4), np.int64(2)) == other.plan(4, 2)
    assert ns.Record.from_json(one.plan(np.int64(4), 2).to_json()) == one.plan(4, 2)
    with pytest.raises(TypeError, match="step must be an integer"):
        one.plan("a", 2.5)


def test_a_plan_cannot_change_the_scheduler():
    noise = ns.build("audio/white_noise", snr_db_range=(20, 0))
    fixed = ns.NoiseScheduler({"audio": noise}, condition=ns.fixed("audio"))
    fixed.plan("a").hits[0].fields["snr_db_range"] = (0, 0)
    assert fixed.plan("b").hits[0].fields == {"snr_db_range": (20, 0)}


def test_weights_that_are_all_zero_at_a_step_are_named():
    rising = ns.NoiseScheduler({"text": {"text/word_loss": ns.linear(0, 1, until=10)}}, condition=ns.fixed("text"))
    assert rising.plan("a", 5).hits
    with pytest.raises(ValueError, match="text: all weights are zero at step 0"):
        rising.plan("a", 0)


def test_replay_notices_a_changed_folder(tmp_path, utterance):
    for name in ("b", "c"):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * np.random.default_rng(0).standard_normal(16000), 16000)
    noise = ns.build("audio/background", folder=tmp_path)
    _, record = ns.NoiseScheduler({"audio": noise}, condition=ns.fixed("audio"))(utterance, id="a")
    hit = record.hits[0]
    assert ns.replay(utterance, record)["audio"].shape == utterance["audio"].shape
    other = dataclasses.replace(hit, achieved={**hit.achieved, "recording": "z.wav"})
    with pytest.raises(ValueError, match="restore the files"):
        ns.replay(utterance, dataclasses.replace(record, hits=(other,)))


def changed(**changes):
    return scheduler().to_dict() | changes


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (changed(sede=3), "'seed'"),
        (changed(level={"kind": "liner", "start": 0, "end": 1}), "'linear'"),
        (changed(level={"kind": "linear", "start": 0, "end": 1, "untill": 3}), "'until'"),
        (changed(level={"kind": "linear", "start": 0}), "lacks the parameter 'end'"),
        (changed(condition={"kind": "any"}), "any_subset"),
        (changed(noises={"audio": [{"noise": "audio/white_nose"}]}), "audio/white_noise"),
        (changed(noises={"audio": [{"weight": 2}]}), "'noise'"),
        ({"level": 1}, "'noises'"),
    ],
)
def test_unknown_keys_name_the_nearest(config, message):
    with pytest.raises(KeyError, match=message):
        ns.NoiseScheduler.from_dict(config)


@pytest.mark.parametrize(
    ("noises", "arguments", "message"),
    [
        ({}, {}, "must be a mapping"),
        ({"text": []}, {}, "text: a mixture needs at least one noise"),
        ({"text": {"text/missing": 0}}, {}, "text: a mixture needs a positive weight"),
        ({"text": {"text/missing": -1}}, {}, "text: a mixture: a weight must be ≥ 0"),
        ({"text": "text/missing"}, {"level": 1.5}, "level must stay"),
        ({"text": "text/missing"}, {"level": ns.uniform(0, ns.linear(0, 2))}, "level must stay"),
        ({"text": "text/missing"}, {"level": "high"}, "expected a number"),
        ({"text": "text/missing"}, {"level": float("nan")}, "level must stay"),
        ({"text": "text/missing"}, {"level": ns.linear(0, 1).scale(1.5)}, "can reach .0, 1.5"),
        ({"text": "text/missing"}, {"span": 0}, "the share of a span"),
        ({"text": "text/missing"}, {"span": ns.uniform(0, 1.5)}, "the share of a span"),
        ({"text": "text/missing"}, {"span": "half"}, "expected a number"),
        ({"text": "text/missing"}, {"condition": ns.fixed("audio")}, "names no modality"),
        ({"text": "text/missing"}, {"steps_per_epoch": 2.5}, "steps_per_epoch must be an integer"),
        (["text/missing"], {}, "must be a mapping"),
        ({"text": "text/missing"}, {"seed": -1}, "seed"),
        ({"text": "text/missing"}, {"condition": "any_subset"}, "condition must be"),
        ({"text": "text/missing"}, {"total_steps": 0}, "total_steps"),
        ({"text": {"text/missing": ns.uniform(0, 1)}}, {}, "not the distribution"),
    ],
)
def test_bad_scheduler(noises, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ns.NoiseScheduler(noises, **arguments)


def test_a_modality_does_not_depend_on_the_others(utterance):
    plan = scheduler(level=0.7, condition=ns.fixed("avt")).plan("a", 3)
    full = ns.replay(utterance, plan)
    for modality in ("audio", "video", "text"):
        alone = ns.replay(utterance, plan.only(modality))
        assert same(alone, utterance | {modality: full[modality]})


def test_absent_modality_is_named(utterance):
    del utterance["text"]
    with pytest.raises(KeyError, match="'a' has no 'text'"):
        scheduler(level=1.0, condition=ns.fixed("t"))(utterance, id="a")
