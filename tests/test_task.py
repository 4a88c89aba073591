import numpy as np
import pytest

from recipes.task import Emotion, Sentiment


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("task", [Emotion("four", ("a", "b", "c", "d")), Sentiment()], ids=lambda task: task.name)
def test_counts_of_utterances_tell_the_headline(task, seed):
    rng = np.random.default_rng(seed)
    outputs = rng.standard_normal((30, len(task.outputs))).astype(np.float32)
    label = rng.integers(0, 3, 30) if len(task.outputs) > 1 else rng.integers(-3, 4, 30).astype(np.float32)
    found = task.headline_of(task.tally(outputs, label).sum(0))
    assert found == pytest.approx(task.score(outputs, label)[task.headline])
