import json
from types import MappingProxyType

import numpy as np
import pytest

import noise_scheduler as ns
from noise_scheduler.feedback import adaptive_schedules

RULE = ns.keep_in_band("val/accuracy", 0.6, 0.8, start=0.2, change=0.1)
PACE = ns.self_paced("val/loss", worst=2.0, best=1.0)
GOOD, BAD = {"val/accuracy": 0.9, "val/loss": 1.5}, {"val/accuracy": 0.1, "val/loss": 3.0}


def scheduler(level=RULE, **changes):
    arguments = {"condition": ns.fixed("text"), "steps_per_epoch": 10, "total_steps": 200}
    return ns.NoiseScheduler({"text": "text/word_loss"}, level=level, **(arguments | changes))


def several():
    """Rules in every corner of a configuration, one of them twice."""
    return ns.NoiseScheduler(
        {"text": {"text/word_loss": 1, "text/missing": PACE}, "audio": ns.mixture("audio/missing")},
        level={"text": ns.uniform(0, RULE), "audio": ns.constant(0.1).then(RULE, at=5)},
        condition=ns.any_subset({"": ns.keep_in_band("val/accuracy", 0.5, 0.6, start=1, change=1, most=4)}),
        span=ns.bursts(ns.maximum(0.1, ns.balance("a", {"a": "val/loss", "t": "val/accuracy"}, start=0.5))),
        steps_per_epoch=10,
    )


def levels(feedback, steps):
    return [feedback.scheduler.plan("a", feedback.at(step)[1]).level("text") for step in steps]


def trained(feedback):
    feedback.update(GOOD, step=7)
    feedback.update(BAD, step=30)
    feedback.update(GOOD, step=42)
    feedback.update(GOOD, step=45)
    return feedback


def test_decisions_hold_from_the_next_start_of_an_epoch():
    feedback = ns.Feedback(scheduler())
    assert feedback.update(GOOD, step=7) == pytest.approx({"level": 0.3})
    assert levels(feedback, (0, 7, 9, 10, 11, 500)) == pytest.approx([0.2, 0.2, 0.2, 0.3, 0.3, 0.3])
    feedback.update(GOOD, step=30)
    assert levels(feedback, (9, 10, 29, 30, 31)) == pytest.approx([0.2, 0.3, 0.3, 0.4, 0.4]), "at once at a start"
    assert [feedback.at(step)[0] for step in (9, 10, 29, 30)] == [0, 1, 1, 2]


@pytest.mark.parametrize(("delay", "first"), [(4, 11), ("2ep", 27), ("5%", 17), ("0.25ep", 10), (2.5, 10)])
def test_decisions_hold_after_a_delay(delay, first):
    feedback = ns.Feedback(scheduler(), delay=delay)
    feedback.update(GOOD, step=7)
    assert levels(feedback, (7, first - 1, first)) == pytest.approx([0.2, 0.2, 0.3])
    assert feedback.trace[0]["from"] == first


def test_a_delay_needs_no_epochs():
    feedback = ns.Feedback(scheduler(steps_per_epoch=None), delay=1)
    feedback.update(GOOD, step=7)
    assert levels(feedback, (7, 8)) == pytest.approx([0.2, 0.3])


def test_two_decisions_in_the_same_epoch():
    feedback = ns.Feedback(scheduler())
    feedback.update(GOOD, step=12)
    feedback.update(GOOD, step=15)
    feedback.update(GOOD, step=15)
    assert levels(feedback, (15, 19, 20)) == pytest.approx([0.2, 0.2, 0.5]), "each goes on from the one before"
    assert feedback.at(20)[0] == 3


def test_a_decision_changes_no_plan_of_an_earlier_step():
    feedback = ns.Feedback(several())
    plans = {}
    for now in range(0, 60, 3):
        for step in range(now, now + 3):
            plans[step] = [feedback.scheduler.plan(i, feedback.at(step)[1]) for i in range(10)]
        feedback.update({"val/accuracy": now / 60, "val/loss": 2 - now / 60}, step=now + 3)
    for step in reversed(plans):
        assert [feedback.scheduler.plan(i, feedback.at(step)[1]) for i in range(10)] == plans[step]
    plain = several()
    changed = [plain.plan(i, plain.clock(step)) != plans[step][i] for step in plans for i in range(10)]
    assert sum(changed) > 300, "decisions matter"


def test_a_plan_asked_for_beforehand_changes_only_from_where_the_decision_holds():
    feedback = ns.Feedback(scheduler())
    ahead = levels(feedback, range(40))
    feedback.update(GOOD, step=13)
    assert levels(feedback, range(20)) == ahead[:20]
    assert levels(feedback, range(20, 40)) == pytest.approx([0.3] * 20)


def test_all_rules_of_a_configuration_are_found_once():
    assert [place for place, _ in adaptive_schedules(several())] == [
        "level.audio.second",
        "condition.weights.0.1",
        "span.share.values.1",
        "noises.text.weights.1",
    ]
    values = ns.Feedback(several()).update(GOOD, step=0)
    assert values == pytest.approx(
        {
            "level.audio.second": 0.3,
            "condition.weights.0.1": 2,
            "span.share.values.1": 0.5 + 0.1 * (2 * 1.5 / 2.4 - 1),
            "noises.text.weights.1": 0.5,
        }
    )


def test_the_clock_of_a_step_has_the_lengths_of_the_scheduler():
    clock = ns.Feedback(scheduler()).at(3)[1]
    assert (clock.step, clock.steps_per_epoch, clock.total_steps) == (3, 10, 200)
    assert clock.decisions == {RULE: 0.2}


def test_a_trace_says_when_why_and_what():
    feedback = ns.Feedback(scheduler())
    feedback.update({"val/accuracy": np.float32(0.5), "val/loss": 1, "epoch": "3"}, step=np.int64(7))
    assert feedback.trace == [{"step": 7, "from": 10, "metrics": {"val/accuracy": 0.5}, "values": {"level": 0.1}}]
    json.dumps(feedback.state_dict(), allow_nan=False)


@pytest.mark.parametrize("make", [scheduler, several])
@pytest.mark.parametrize("delay", [None, 3])
def test_state_goes_to_json_and_back(make, delay):
    before = trained(ns.Feedback(make(), delay=delay))
    after = ns.Feedback(make(), delay=delay)
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    assert after.trace == before.trace
    assert after.state_dict() == before.state_dict()
    for step in range(70):
        assert after.at(step)[1] == before.at(step)[1]
    assert after.update(BAD, step=60) == before.update(BAD, step=60), "it goes on where the other stood"


def test_a_loaded_trace_takes_the_place_of_another():
    one, other = ns.Feedback(scheduler()), ns.Feedback(scheduler())
    one.update(GOOD, step=10)
    other.update(BAD, step=10)
    assert levels(one, [10]) == pytest.approx([0.3])
    one.load_state_dict(MappingProxyType(other.state_dict()))
    assert levels(one, [10]) == pytest.approx([0.1])
    one.load_state_dict({"config": one.scheduler.digest, "trace": []})
    assert levels(one, [10]) == [0.2]


def test_a_state_is_a_copy():
    feedback = ns.Feedback(scheduler())
    empty = feedback.state_dict()
    feedback.update(GOOD, step=10)
    assert empty["trace"] == []
    feedback.state_dict()["trace"][0]["values"] = None
    assert feedback.trace[0]["values"] is not None


def test_save_and_load(tmp_path):
    before = trained(ns.Feedback(scheduler()))
    before.save(tmp_path / "trace.jsonl")
    config, *trace = map(json.loads, (tmp_path / "trace.jsonl").read_text().splitlines())
    assert config == {"config": before.scheduler.digest}
    assert trace == before.trace
    after = ns.Feedback(scheduler())
    after.load(str(tmp_path / "trace.jsonl"))
    assert after.trace == before.trace
    assert [file.name for file in tmp_path.iterdir()] == ["trace.jsonl"], "nothing temporary is left"


def test_an_empty_trace_is_a_trace(tmp_path):
    ns.Feedback(scheduler()).save(tmp_path / "trace.jsonl")
    feedback = trained(ns.Feedback(scheduler()))
    feedback.load(tmp_path / "trace.jsonl")
    assert feedback.trace == []


def test_the_trace_file_is_kept_up_to_date(tmp_path):
    file = tmp_path / "trace.jsonl"
    feedback = ns.Feedback(scheduler(), trace_file=file)
    assert not file.exists()
    for count, step in enumerate((7, 30, 42), 1):
        feedback.update(GOOD, step=step)
        again = ns.Feedback(scheduler())
        again.load(file)
        assert again.trace == feedback.trace
        assert len(again.trace) == count
    with pytest.raises(KeyError):
        feedback.update({}, step=60)
    assert len(file.read_text().splitlines()) == 4, "what was not decided is not there"
    earlier = feedback.state_dict()
    earlier["trace"] = earlier["trace"][:1]
    feedback.load_state_dict(earlier)
    assert len(file.read_text().splitlines()) == 2, "a return to a checkpoint is followed"


def change(**changes):
    return lambda trace: trace[1].update(changes)


@pytest.mark.parametrize(
    "tamper",
    [
        change(values={"level": 0.9}),
        change(values={"level.high": 0.2}),
        change(metrics={"val/accuracy": 0.95}),
        change(metrics={"val/accuracy": float("nan")}),
        change(metrics={"val/accuracy": None}),
        change(metrics={"val/acc": 0.5}),
        change(metrics=3),
        change(step=41),
        change(step=3),
        change(step=-1),
        change(step="30"),
        change(step=30.5),
        change(**{"from": 20}),
        change(note="mine"),
        lambda trace: trace.reverse(),
        lambda trace: trace.pop(0),
        lambda trace: trace[1].pop("step"),
        lambda trace: trace[1].pop("values"),
        lambda trace: trace.insert(0, []),
        lambda trace: trace.insert(0, None),
    ],
)
def test_a_trace_that_was_tampered_with_is_refused(tamper, tmp_path):
    state = json.loads(json.dumps(trained(ns.Feedback(scheduler())).state_dict()))
    tamper(state["trace"])
    feedback = ns.Feedback(scheduler())
    feedback.update(BAD, step=10)
    before = feedback.state_dict()
    with pytest.raises(ns.FeedbackError):
        feedback.load_state_dict(state)
    file = tmp_path / "trace.jsonl"
    file.write_text("\n".join(map(json.dumps, [{"config": state["config"]}, *state["trace"]])))
    with pytest.raises(ns.FeedbackError):
        feedback.load(file)
    assert feedback.state_dict() == before, "nothing of it is taken up"
    assert levels(feedback, [10]) == pytest.approx([0.1])


def test_the_trace_of_another_configuration_is_refused():
    state = ns.Feedback(scheduler()).state_dict()
    for other in (scheduler(seed=1), scheduler(total_steps=300), several()):
        with pytest.raises(ns.FeedbackError, match="belongs to the configuration"):
            ns.Feedback(other).load_state_dict(state)
    with pytest.raises(ns.FeedbackError, match="has the keys config and trace"):
        ns.Feedback(scheduler()).load_state_dict({"step": 3})


def test_the_trace_of_another_delay_is_refused():
    state = trained(ns.Feedback(scheduler(), delay=3)).state_dict()
    with pytest.raises(ns.FeedbackError, match="was delay= another one"):
        ns.Feedback(scheduler()).load_state_dict(state)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"step": 3}', "3", "null", '{"config": "x"}\nnot JSON'])
def test_a_file_that_is_no_trace(text, tmp_path):
    (tmp_path / "trace.jsonl").write_text(text)
    with pytest.raises(ns.FeedbackError, match="is not a trace of decisions"):
        ns.Feedback(scheduler()).load(tmp_path / "trace.jsonl")
    with pytest.raises(FileNotFoundError):
        ns.Feedback(scheduler()).load(tmp_path / "nothing.jsonl")


@pytest.mark.parametrize("metric", [float("nan"), float("inf"), -np.inf, np.float32("nan")])
def test_a_metric_that_is_no_number_is_refused(metric):
    feedback = ns.Feedback(scheduler())
    with pytest.raises(ValueError, match=r"the metric 'val/accuracy' is .*: a level cannot follow it"):
        feedback.update({"val/accuracy": metric}, step=10)
    assert feedback.trace == []
    assert levels(feedback, [10]) == [0.2]


def test_a_missing_metric_lists_the_nearest():
    feedback = ns.Feedback(scheduler())
    with pytest.raises(KeyError, match="no metric is called 'val/accuracy'; did you mean 'val/acuracy'"):
        feedback.update({"val/acuracy": 0.5, "train/loss": 1}, step=10)
    with pytest.raises(KeyError, match="no metric is called 'val/accuracy'; valid: epoch"):
        feedback.update({"epoch": 1}, step=10)
    assert feedback.trace == []


def test_decisions_come_in_the_order_of_the_steps():
    feedback = ns.Feedback(scheduler())
    feedback.update(GOOD, step=30)
    with pytest.raises(ns.FeedbackError, match="step 29 lies before the last decision, at 30"):
        feedback.update(GOOD, step=29)
    with pytest.raises(TypeError, match="step must be an integer"):
        feedback.update(GOOD, step=31.5)
    with pytest.raises(ValueError, match="step must be ≥ 0"):
        ns.Feedback(scheduler()).update(GOOD, step=-1)
    assert len(feedback.trace) == 1


@pytest.mark.parametrize(
    ("arguments", "delay", "message"),
    [
        ({"level": 0.5}, None, "no adaptive schedule"),
        ({"steps_per_epoch": None}, None, "give steps_per_epoch= to NoiseScheduler, or delay= to Feedback"),
        ({}, 0, "delay must be at least one step"),
        ({}, "0.01ep", "delay must be at least one step"),
        ({}, "soon", "a time is steps"),
        ({"steps_per_epoch": None}, "1ep", "needs steps_per_epoch"),
    ],
)
def test_faults_are_named_when_feedback_is_made(arguments, delay, message):
    with pytest.raises(ValueError, match=message):
        ns.Feedback(scheduler(**arguments), delay=delay)


def test_there_is_room_for_some_thousand_decisions():
    feedback = ns.Feedback(scheduler())
    for step in range(4096):
        feedback.update(GOOD, step=step)
    with pytest.raises(ns.FeedbackError, match="decide less often"):
        feedback.update(GOOD, step=5000)
    assert levels(feedback, [0, 10, 20, 5000]) == pytest.approx([0.3, 1, 1, 1])
