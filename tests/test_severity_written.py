"""Severity of text: against a plain count with lists, values worked out by hand, and its ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noise_scheduler import SampleError, severity
from noise_scheduler.severity.written import chrf, token_f1
from noise_scheduler.testing import example_samples

LETTERS = st.text(st.sampled_from("abcAB é'.你 "), max_size=30)


def matches(one, other):
    """How many items two lists share, each counted once."""
    rest = list(other)
    return sum(item in rest and (rest.remove(item) or True) for item in one)


def plain_chrf(clean, noisy):
    clean, noisy = ["".join(text.split()) for text in (clean, noisy)]
    precisions, recalls = [], []
    for n in range(1, 5):
        ours, theirs = ([text[i : i + n] for i in range(len(text) - n + 1)] for text in (clean, noisy))
        if ours:
            precisions.append(matches(theirs, ours) / max(1, len(theirs)))
            recalls.append(matches(theirs, ours) / len(ours))
    if not precisions:
        return 1.0
    precision, recall = (sum(values) / len(values) for values in (precisions, recalls))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@given(LETTERS, LETTERS)
def test_chrf_is_that_of_a_plain_count(clean, noisy):
    assert chrf(clean, noisy) == pytest.approx(plain_chrf(clean, noisy))
    assert chrf(clean, clean) == pytest.approx(1)
    assert 0 <= severity.text(clean, noisy) <= 1
    assert severity.text(clean, clean) == pytest.approx(0)


def test_by_hand():
    # one letter of four: 3/4 of the 1-grams, 2/3 of the 2-grams, 1/2 of the 3-grams, none of the 4-grams; no word
    assert severity.text("abcd", "abce") == pytest.approx((1 - (3 / 4 + 2 / 3 + 1 / 2) / 4) / 2 + 0.5)
    # a word of three: F1 = 2 * 2 / (3 + 2)
    assert token_f1("one Two three", "three ONE") == pytest.approx(0.8)
    assert token_f1("the the the cat", "the cat cat") == pytest.approx(2 * 2 / 7)


def test_ends():
    clean = "I can't believe it!"
    assert severity.text(clean, "") == 1
    assert severity.text(clean, " ") == 1
    assert severity.text(clean, "你好") == 1
    assert severity.text("", "anything") == severity.text(" \n", "anything") == 0
    assert severity.text("?!", "?!") == 0
    assert severity.text("?!", "..") == 1  # no word in it: its signs alone
    assert severity.text(clean, "i can't believe it!") < severity.text(clean, "i can believe it!") < 0.3


def test_order_of_words_is_seen_through_their_letters():
    clean = "nobody came to the station that night"
    moved = "that night nobody came to the station"
    assert token_f1(clean, moved) == 1
    assert 0 < severity.text(clean, moved) < 0.15


def test_example_samples():
    for label, x, _ in example_samples("text"):
        assert severity.text(x, x) == 0, label
        assert 0 <= severity.text(x, x[::-1] + "x") <= 1, label


def test_only_texts_are_measured():
    with pytest.raises(SampleError, match="str"):
        severity.text("one", 1)
    with pytest.raises(ValueError, match="no severity is defined for 'feature'"):
        severity.against("feature", None)
