"""Intervals of what a model is judged to be."""

import numpy as np

from recipes.raw.conditions import SIX
from recipes.raw.judging import intervals
from recipes.task import Emotion

TASK = Emotion("four", ("a", "b", "c", "d"))


def judged(rows=80, views=1, right=0.7, seed=0):
    """Judgements in which an utterance is right or wrong under all its views and conditions."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 4, rows)
    said = np.where(rng.random(rows) < right, label, (label + 1) % 4)
    outputs = np.eye(4, dtype=np.float32)[said]
    clean = {"outputs": outputs, "label": label, "scores": TASK.score(outputs, label)}
    noisy = {"outputs": outputs.repeat(views, 0), "label": label.repeat(views)}
    return {"clean": clean} | {f"noisy/{part}": noisy for part in SIX} | {"noisy/mean": {"scores": clean["scores"]}}


def test_intervals_hold_the_score_and_shrink_with_the_test_set():
    found = intervals(judged(), TASK, np.random.default_rng(0))
    assert list(found) == ["clean", "noisy/mean"]
    low, high = found["clean"]
    assert low < judged()["clean"]["scores"]["ua"] < high
    assert 0.1 < high - low < 0.3
    more = intervals(judged(rows=800), TASK, np.random.default_rng(0))["clean"]
    assert more[1] - more[0] < 0.5 * (high - low)


def test_views_of_an_utterance_do_not_count_as_so_many_utterances():
    one, eight = (intervals(judged(views=views), TASK, np.random.default_rng(0)) for views in (1, 8))
    assert one["noisy/mean"] == eight["noisy/mean"]


def test_the_generator_decides():
    first, again, other = (intervals(judged(), TASK, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_single_utterance_has_none():
    assert intervals(judged(rows=1), TASK, np.random.default_rng(0)) == {}
