import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_clusters import TEXTS

from noise_scheduler.text.tokens import cluster_start, geometric, hits, like, split_words


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_places_between_clusters_are_those_of_the_unicode_standard(text):
    regex = pytest.importorskip("regex")
    bounds = {0, len(text)} | {found.end() for found in regex.finditer(r"\X", text)}
    for place in range(len(text) + 1):
        assert cluster_start(text, place) == max(bound for bound in bounds if bound <= place)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), TEXTS))
def test_words_and_what_is_between_give_the_text(text):
    parts = split_words(text)
    assert "".join(parts) == text
    assert len(parts) % 2 == 1
    for word in parts[1::2]:
        assert word[0].isalnum()
        assert unicodedata.category(word[-1])[0] in "LNM" or word[-1] in "_\u200c\u200d"
        assert not any(map(str.isspace, word))
    for between in parts[::2]:
        assert not any(map(str.isalnum, between))


def test_words_hold_their_apostrophes_hyphens_and_marks():
    text = "“Don’t,” she said - well-known e\u0301te\u0301s, rock 'n' roll's 3 हिन्दी 👩‍👩‍👧 1\ufe0f\u20e3!"
    words = ["Don’t", "she", "said", "well-known", "étés", "rock", "n", "roll's", "3", "हिन्दी", "1️⃣"]
    assert split_words(text)[1::2] == words


def test_case_follows_the_model():
    assert [like(model, "their") for model in ("there", "There", "THERE", "T", "")] == [
        "their", "Their", "THEIR", "Their", "their",
    ]  # fmt: skip


def test_hits_have_their_rate_and_stay_at_higher_rates():
    before: dict[int, float] = {}
    for rate in (0.0, 0.01, 0.2, 0.7, 1.0):
        places, choices = hits(np.random.Generator(np.random.Philox(1)), 20000, rate)
        assert len(places) / 20000 == pytest.approx(rate, abs=0.01)
        now = dict(zip(places, choices, strict=True))
        assert before.items() <= now.items()
        assert all(0 <= choice < 1 for choice in choices)
        before = now


@pytest.mark.parametrize("mean", [0.02, 0.5, 3.0])
def test_geometric_numbers(mean):
    numbers = np.array(geometric(np.random.Generator(np.random.Philox(2)).random(40000), mean))
    assert numbers.mean() == pytest.approx(mean, rel=0.06)
    assert numbers.var() == pytest.approx(mean * (1 + mean), rel=0.1)
    assert np.mean(numbers == 0) == pytest.approx(1 / (1 + mean), abs=0.01)


def test_geometric_numbers_have_an_end():
    assert geometric(np.array([0.0, 1e-320, 0.5]), 0.0) == [0, 0, 0]
    assert geometric(np.array([0.0]), 30.0) == [64]
