import json
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_distribution import distributions
from test_schedule import UNITS, built, trainings, trees

import noise_scheduler as ns
from noise_scheduler import config as config_module

RAMP = {"kind": "linear", "start": 0.2, "end": 1.0, "until": "60%"}
EVERYTHING = """
seed = 7
steps_per_epoch = 50
total_steps = 500

[level]
text = 0.4
[level.video]
kind = "uniform"
low = 0
high = {kind = "then", first = {kind = "linear", start = 0.2, end = 0.5, until = "1ep"}, second = 0.8, switch = "30%"}
[level.audio]
kind = "truncated_normal"
mean = {kind = "keep_in_band", metric = "val/accuracy", low = 0.6, high = 0.8, start = 0.2}
std = {kind = "cosine", start = 0.1, end = 0.3}

[condition]
kind = "any_subset"
weights = {"" = {kind = "linear", start = 8, end = 1}, av = 2, "video+text" = 0.5}

[span]
kind = "bursts"
count = 2
share = {kind = "maximum", values = [0.3, {kind = "cyclic", low = 0.2, high = 0.9, period = "1ep"}]}

[noises]
video = ["image/motion_blur", {noise = "image/low_light", weight = 2}]

[noises.audio]
count = {kind = "choice", values = [0, 1, 2], weights = [1, {kind = "constant", value = 2}, 1]}
noises = [
    {noise = "audio/white_noise", weight = {kind = "stepwise", points = [[0, 1], ["2ep", 3]]}, snr_db_range = [20, -5]},
    {noise = "audio/white_noise", snr_db_range = [40, 30]},
    "audio/reverb",
]

[noises.text]
noises = ["text/keyboard", "text/word_loss"]
count = {kind = "choice", values = [1, 2]}
"""
LOUD = ns.build("audio/white_noise", snr_db_range=(20, -5))


def everything():
    """The same in Python."""
    white = [ns.build("audio/white_noise", snr_db_range=ends) for ends in ((20, -5), (40, 30))]
    return ns.NoiseScheduler(
        {
            "video": {"image/motion_blur": 1, "image/low_light": 2},
            "audio": ns.mixture(
                {white[0]: ns.stepwise((0, 1), ("2ep", 3)), white[1]: 1, "audio/reverb": 1},
                count=ns.choice({0: 1, 1: ns.constant(2), 2: 1}),
            ),
            "text": ns.mixture(["text/keyboard", "text/word_loss"], count=ns.choice([1, 2])),
        },
        level={
            "text": 0.4,
            "video": ns.uniform(0, ns.linear(0.2, 0.5, until="1ep").then(0.8, at="30%")),
            "audio": ns.truncated_normal(ns.keep_in_band("val/accuracy", 0.6, 0.8, start=0.2), ns.cosine(0.1, 0.3)),
        },
        condition=ns.any_subset({"": ns.linear(8, 1), "av": 2, ("video", "text"): 0.5}),
        span=ns.bursts(ns.maximum(0.3, ns.cyclic(0.2, 0.9, period="1ep")), count=2),
        seed=7,
        steps_per_epoch=50,
        total_steps=500,
    )


def text(**changes):
    return {"noises": {"text": "text/word_loss"}} | changes


def through_json(scheduler):
    """Sorted, as some writers do."""
    return ns.NoiseScheduler.from_dict(json.loads(json.dumps(scheduler.to_dict(), sort_keys=True, allow_nan=False)))


def assert_same(one, other, steps=(0, 7, 150, 499, 1000)):
    assert one == other
    assert one.digest == other.digest
    assert one.to_dict() == other.to_dict()
    for step in steps:
        assert [one.plan(i, one.clock(step)) for i in range(5)] == [other.plan(i, other.clock(step)) for i in range(5)]


def test_a_file_with_everything(tmp_path):
    file = tmp_path / "noise.toml"
    file.write_text(EVERYTHING)
    assert_same(ns.NoiseScheduler.from_toml(file), everything())
    assert_same(ns.NoiseScheduler.from_toml(str(file)), through_json(everything()))


@settings(deadline=None, max_examples=100)
@given(trees, trainings, st.sampled_from(UNITS), st.data())
def test_any_schedule_is_unchanged_by_serialisation(tree, training, units, data):
    schedule = built(tree, *training, units)
    original = ns.NoiseScheduler(
        {"text": ns.mixture([("text/word_loss", schedule), "text/missing"], count=2)},
        level=schedule,
        condition=ns.independent(schedule),
        span=ns.bursts(ns.maximum(schedule, 0.1)),
        steps_per_epoch=training[0],
        total_steps=training[1],
    )
    again = through_json(original)
    assert again.level == schedule
    step = data.draw(st.integers(0, 3000))
    assert again.level.at(again.clock(step)) == schedule.at(original.clock(step))
    assert_same(again, original, (0, 1, training[1], step))


@settings(deadline=None, max_examples=50)
@given(distributions(), trainings, st.integers(0, 300))
def test_any_distribution_is_unchanged_by_serialisation(distribution, training, step):
    original = ns.NoiseScheduler(
        {"text": "text/word_loss", "audio": ["audio/missing"]},
        level={"text": distribution, "audio": 0.5},
        span=ns.bursts(distribution, count=3) if ns.schedule.bounds(distribution)[1] else 1.0,
        steps_per_epoch=training[0],
        total_steps=training[1],
    )
    assert_same(through_json(original), original, (0, step))


@pytest.mark.parametrize(
    "condition",
    [
        ns.any_subset(),
        ns.any_subset({"": 3, "av": ns.linear(0, 1)}),
        ns.six_conditions(),
        ns.six_conditions({"audio+video": 2, "t": 0}),
        ns.fixed("av"),
        ns.fixed(("text",)),
        ns.fixed(""),
        ns.independent(0.3),
        ns.independent({"av": ns.cosine(0, 1), "text": 0.2}),
        ns.missing_rate(0.4),
        ns.missing_rate(ns.linear(0, 0.7)),
    ],
    ids=str,
)
def test_every_condition_is_unchanged_by_serialisation(condition):
    noises = {"audio": "audio/missing", "video": "image/missing", "text": "text/missing"}
    original = ns.NoiseScheduler(noises, condition=condition, total_steps=500)
    assert_same(through_json(original), original)


@pytest.mark.parametrize(
    "rule",
    [
        ns.keep_in_band("loss", 0.1, 0.2, higher_is_better=False, start=0.3, most=0.9),
        ns.self_paced("accuracy", worst=0.2, best=0.8, start=0.1),
        ns.balance("audio", {"audio": "a", "text": "t"}, start=0.4, least=0.1),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_every_rule_is_unchanged_by_serialisation(rule):
    original = ns.NoiseScheduler({"text": "text/word_loss"}, level=rule.scale(0.5), steps_per_epoch=3)
    assert_same(through_json(original), original)


def test_yes_and_no_stay_what_they_are():
    rule = ns.keep_in_band("loss", 0, 1, higher_is_better=False)
    assert ns.NoiseScheduler({"text": "text/missing"}, level=rule).to_dict()["level"]["higher_is_better"] is False


def test_every_kind_has_a_name_and_every_name_a_kind():
    """A class that is added to a family without a name in configurations is noticed."""
    named = set(config_module._NAMES)
    for module, base in (("curves", "at"), ("schedule", "at"), ("adaptive", "decide"), ("distribution", "quantile")):
        public = {n: v for n, v in vars(getattr(ns, module)).items() if not n.startswith("_")}
        classes = [v for v in public.values() if isinstance(v, type) and hasattr(v, base)]
        made = {c for c in classes if hasattr(c, "__dataclass_fields__") and c is not ns.Clock}
        assert made <= named
        assert len(made) >= 3


def test_rules_and_metrics_in_toml():
    table = 'kind = "balance"\nmodality = "audio"\nreliance = {audio = "val/no_audio", text = "val/no_text"}'
    scheduler = ns.NoiseScheduler.from_dict(tomllib.loads(f'noises.text = "text/missing"\n[level]\n{table}'))
    assert scheduler.level == ns.balance("audio", {"audio": "val/no_audio", "text": "val/no_text"})


@pytest.mark.parametrize(
    ("spelled", "plain"),
    [
        ("text/keyboard", [("text/keyboard", 1)]),
        (["text/keyboard"], [("text/keyboard", 1)]),
        ({"noise": "text/keyboard", "weight": 2}, [("text/keyboard", 2)]),
        ([{"noise": "text/keyboard"}, "text/missing"], ["text/keyboard", "text/missing"]),
        ({"noises": "text/keyboard"}, "text/keyboard"),
        ({"noises": {"noise": "text/keyboard"}, "count": 1.0}, "text/keyboard"),
    ],
)
def test_spellings_of_noises(spelled, plain):
    made = ns.NoiseScheduler.from_dict({"noises": {"text": spelled}})
    assert_same(made, ns.NoiseScheduler({"text": ns.mixture(plain)}))


def test_the_example_in_the_documentation_is_right():
    doc = config_module.__doc__
    start, end = doc.index("    level = "), doc.index("Named curricula")
    scheduler = ns.NoiseScheduler.from_dict(tomllib.loads(doc[start:end].replace("\n    ", "\n").strip()))
    assert scheduler.noises["audio"].noises[0] == ns.build("audio/background", snr_db_range=(20, -5))
    assert scheduler.noises["text"].count == ns.choice([0, 2])
    assert scheduler.level == ns.uniform(0, ns.linear(0.2, 1.0, until="60%"))


def test_the_dict_is_plain_and_short():
    plain = ns.NoiseScheduler({"text": ["text/missing", ("text/keyboard", 2)], "audio": LOUD}, level=0.5).to_dict()
    assert plain == {
        "noises": {
            "text": ["text/missing", {"noise": "text/keyboard", "weight": 2.0}],
            "audio": [{"noise": "audio/white_noise", "weight": 1.0, "snr_db_range": [20.0, -5.0]}],
        },
        "level": 0.5,
        "condition": {"kind": "any_subset", "weights": []},
        "span": {"kind": "bursts", "share": 1.0, "count": 1.0},
        "seed": 0,
    }


def test_to_dict_does_not_lend_the_scheduler():
    scheduler = everything()
    scheduler.to_dict()["noises"]["text"].clear()
    assert scheduler == everything()


def test_the_digest_does_not_depend_on_how_numbers_are_written():
    one = ns.NoiseScheduler({"text": ("text/keyboard",)}, level=ns.linear(0, 1, until=np.int64(5)), span=1)
    other = ns.NoiseScheduler(
        {"text": {"text/keyboard": 1.0}}, level=ns.linear(0.0, 1.0, until=5.0), span=ns.bursts(1.0)
    )
    assert_same(one, other)


@pytest.mark.parametrize(
    "change",
    [
        {"level": 0.5},
        {"level": {"text": 1.0}},
        {"level": ns.linear(1, 1)},
        {"condition": ns.fixed("text")},
        {"condition": ns.independent(0.5)},
        {"span": 0.5},
        {"seed": 1},
        {"total_steps": 9},
        {"steps_per_epoch": 9},
    ],
    ids=str,
)
def test_the_digest_follows_every_part(change):
    plain = ns.NoiseScheduler({"text": "text/keyboard"})
    assert ns.NoiseScheduler({"text": "text/keyboard"}, **change).digest != plain.digest


def test_the_digest_follows_the_noises():
    digests = [
        ns.NoiseScheduler({"text": noises}).digest
        for noises in (
            "text/keyboard",
            {"text/keyboard": 2},
            ns.build("text/keyboard", layout="de"),
            ["text/keyboard", "text/missing"],
            ["text/missing", "text/keyboard"],
            ns.mixture(["text/keyboard", "text/missing"], count=2),
        )
    ]
    assert len(set(digests)) == 6


def test_fields_of_noises_keep_their_type():
    noise = ns.build("feature/beta_schedule", steps=50)
    original = ns.NoiseScheduler({"feature": noise})
    assert original.to_dict()["noises"]["feature"][0]["steps"] == 50
    assert_same(through_json(original), original)
    whole, fraction = (ns.build("audio/white_noise", snr_db_range=ends) for ends in ((20, -5), (20.0, -5.0)))
    assert ns.NoiseScheduler({"audio": whole}).digest == ns.NoiseScheduler({"audio": fraction}).digest
