"""What is wrong in a configuration raises, and names its place and the nearest valid name."""

import pytest
from test_config import RAMP, text

import noise_scheduler as ns


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (text(sede=3), "a scheduler has no key 'sede'; did you mean 'seed'"),
        (text(Level=0.5), "'level'"),
        ({"level": 1}, "needs the key 'noises'"),
        ({"noises": ["text/missing"]}, "needs the key 'noises': a table from modality"),
        (text(level={"kind": "liner"}), "level has no kind 'liner'; did you mean 'linear'"),
        (text(level={"kind": "easy_to_hart"}), "'easy_to_hard'"),
        (text(level={"kind": "bursts", "share": 1}), "level has no kind 'bursts'"),
        (text(level={"kind": 3}), "level has no kind 3"),
        (text(level={"kind": ["linear"]}), "level has no kind"),
        (text(level=RAMP | {"untill": 3}), "level: linear has no parameter 'untill'; did you mean 'until'"),
        (
            text(level={"kind": "easy_to_hard", "widht": 3}),
            "easy_to_hard has no parameter 'widht'; did you mean 'width'",
        ),
        (
            text(level={"kind": "linear", "start": 0}),
            "level: linear lacks the parameter 'end'; it takes start, end, si",
        ),
        (text(level={"kind": "uniform", "low": 0, "high": RAMP | {"kind": "liner"}}), "level.high has no kind 'liner'"),
        (text(level={"kind": "uniform", "low": 0, "high": RAMP | {"sinse": 1}}), "level.high: linear has .* 'since'"),
        (text(level={"text": {"kind": "cosin"}}), "level.text has no kind 'cosin'; did you mean 'cosine'"),
        (
            text(level={"kind": "piecewise", "points": [[0, 0], [5, {"kind": "constnt", "value": 1}]]}),
            "level.points.1.1 has no kind 'constnt'; did you mean 'constant'",
        ),
        (
            text(level={"kind": "maximum", "values": [0, {"kind": "repeat", "schedule": 1, "evry": 2}]}),
            "level.values.1: repeat has no parameter 'evry'; did you mean 'every'",
        ),
        (text(condition={"kind": "any"}), "condition has no kind 'any'; valid: any_subset"),
        (text(condition={"kind": "missing_rate", "rates": 1}), "missing_rate has no parameter 'rates'; .* 'rate'"),
        (
            text(condition={"kind": "independent", "rates": {"text": {"kind": "sine"}}}),
            "condition.rates.text has no kind",
        ),
        (
            text(condition={"kind": "any_subset", "weights": {"text": {"kind": "liner"}}}),
            "condition.weights.text has no",
        ),
        (text(span={"kind": "burst", "share": 1}), "span has no kind 'burst'; did you mean 'bursts'"),
        (
            text(span={"kind": "bursts", "share": 1, "cuont": 2}),
            "bursts has no parameter 'cuont'; did you mean 'count'",
        ),
        (text(span={"kind": "bursts", "share": {"kind": "unifrom"}}), "span.share has no kind 'unifrom'; .* 'uniform'"),
        ({"noises": {"text": "text/mising"}}, "text/missing"),
        ({"noises": {"text": [{"noise": "text/mising"}]}}, "text/missing"),
        ({"noises": {"text": [{"weight": 2}]}}, "noises.text: a noise table needs the key 'noise'"),
        ({"noises": {"text": {"text/missing": 2}}}, "noises.text has no key 'text/missing'; valid: count, noises"),
        ({"noises": {"text": {"noises": ["text/missing"], "cuont": 2}}}, "noises.text has no key 'cuont'; .* 'count'"),
        ({"noises": {"text": {"noises": [], "count": {"kind": "chioce"}}}}, "noises.text.count has no kind 'chioce'"),
        (
            {"noises": {"text": {"noise": "text/missing", "weight": {"kind": "x"}}}},
            "noises.text.weight has no kind 'x'",
        ),
    ],
    ids=str,
)
def test_unknown_names_at_every_level_name_the_place_and_the_nearest(config, message):
    with pytest.raises(KeyError, match=message):
        ns.NoiseScheduler.from_dict(config)


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (text(level="high"), TypeError, "expected a number"),
        (text(level=1.5), ValueError, "level must stay in"),
        (text(level={"txet": 0.5}), ValueError, "level: no modality is called 'txet'; did you mean 'text'"),
        (text(level={}), ValueError, "level: 'text' needs one too"),
        (text(level=RAMP | {"start": "x"}), TypeError, "level: expected a number.*'x'"),
        (text(level=RAMP | {"until": "x"}), ValueError, "level: a time is steps"),
        (text(level={"kind": "uniform", "low": 0, "high": RAMP | {"until": "x"}}), ValueError, "level.high: a time is"),
        (text(level={"kind": "maximum", "values": 0.5}), ValueError, "level: maximum needs at least one"),
        (text(level={"kind": "choice", "values": 0.5}), ValueError, "level: choice needs values"),
        (text(level={"kind": "beta", "a": 0, "b": 1}), ValueError, "level: a of a beta distribution"),
        (
            text(level={"kind": "linear", "start": {"kind": "uniform", "low": 0, "high": 1}, "end": 1}),
            TypeError,
            "start",
        ),
        (text(condition="any_subset"), TypeError, "condition must be such as any_subset"),
        (text(condition=RAMP), KeyError, "condition has no kind 'linear'; valid: any_subset"),
        (text(condition={"kind": "any_subset", "weights": "text"}), TypeError, "condition: .* expected a mapping"),
        (text(condition={"kind": "independent", "rates": {"text": 2}}), ValueError, "condition: a rate must stay in"),
        (text(condition={"kind": "fixed", "modalities": 3}), TypeError, "condition: fixed takes names"),
        (text(condition={"kind": "fixed", "modalities": ["txet"]}), ValueError, "'text'"),
        (text(span="half"), TypeError, "expected a number"),
        (text(span={"kind": "bursts", "share": 0.5, "count": "2"}), ValueError, "span: the count of bursts"),
        (text(seed="x"), ValueError, "seed must be an integer"),
        (text(total_steps=1.5), TypeError, "total_steps must be an integer"),
        ({"noises": {}}, TypeError, "noises must be a mapping"),
        ({"noises": {"text": 5}}, TypeError, "noises.text: a noise is named by a string"),
        ({"noises": {"text": []}}, ValueError, "noises.text: a mixture needs at least one noise"),
        ({"noises": {"text": {"count": 1}}}, ValueError, "noises.text: a mixture needs at least one noise"),
        ({"noises": {"text": {"noises": ["text/missing"], "count": 2}}}, ValueError, "noises.text: count must be"),
        ({"noises": {"text": {"noises": ["text/missing"], "count": RAMP}}}, KeyError, "noises.text.count has no kind"),
        ({"noises": {"text": {"noise": "text/missing", "wieght": 1}}}, TypeError, "text/missing has no field 'wieght'"),
        ({"noises": {"text": {"noise": "text/keyboard", "layuot": 1}}}, TypeError, "did you mean 'layout'"),
        ({"noises": {"text": {"noise": "text/missing", "weight": "x"}}}, TypeError, "noises.text: expected a number"),
        ({"noises": {"text": {"noise": 3}}}, TypeError, "noises.text: a noise is named by a string"),
    ],
    ids=str,
)
def test_bad_values_name_the_place(config, error, message):
    with pytest.raises(error, match=message):
        ns.NoiseScheduler.from_dict(config)


def test_bad_toml_is_named_with_its_file(tmp_path):
    file = tmp_path / "noise.toml"
    file.write_text("level = {kind = \n")
    with pytest.raises(ValueError, match=r"noise.toml is not valid TOML: .*line 1"):
        ns.NoiseScheduler.from_toml(file)
    with pytest.raises(FileNotFoundError):
        ns.NoiseScheduler.from_toml(tmp_path / "nothing.toml")


def test_no_numbers_that_are_none(tmp_path):
    file = tmp_path / "noise.toml"
    file.write_text('level = nan\n[noises]\ntext = "text/missing"\n')
    with pytest.raises(ValueError, match="level must stay in"):
        ns.NoiseScheduler.from_toml(file)
