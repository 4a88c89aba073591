import difflib
from itertools import pairwise

import numpy as np
import pytest

from noise_scheduler.text.letters import RandomLetters, Transposition

TEXT = "The quick brown fox JUMPS over the lazy dog, doesn't it? " * 1000


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.mark.parametrize("rate", [0.03, 0.2])
def test_errors_have_their_rate_and_kinds(rate):
    """Counted by an alignment of the texts, word by word."""
    noisy, achieved = RandomLetters((0.0, rate), insertion_share=0.2, deletion_share=0.5)(TEXT, 1.0, stream())
    counts = {"insert": 0, "delete": 0, "replace": 0}
    for before, after in zip(TEXT.split(" "), noisy.split(" "), strict=True):
        change = len(after) - len(before)
        if change == 0:
            counts["replace"] += sum(a != b for a, b in zip(before, after, strict=True))
        else:
            counts["insert" if change > 0 else "delete"] += abs(change)
    letters = sum(map(str.isalpha, TEXT))
    assert achieved["letter_error_rate"] == pytest.approx(rate, rel=0.08)
    assert achieved["wrong_letters"] == pytest.approx(achieved["letter_error_rate"] * letters)
    if rate < 0.1:  # few words have two errors, which could make up for each other
        assert sum(counts.values()) / letters == pytest.approx(rate, rel=0.15)
        assert counts["insert"] / sum(counts.values()) == pytest.approx(0.2, abs=0.06)
        assert counts["delete"] / sum(counts.values()) == pytest.approx(0.5, abs=0.06)


def test_every_letter_of_the_alphabet_is_put_in_alike_often():
    noisy, _ = RandomLetters((0.0, 1.0), insertion_share=0, deletion_share=0)("m" * 26000, 1.0, stream())
    counts = [noisy.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert counts[12] == 0
    assert min(counts[:12] + counts[13:]) > 900
    assert max(counts) < 1180


def test_letters_go_before_and_behind():
    noisy, _ = RandomLetters((0.0, 1.0), insertion_share=1, deletion_share=0)("M" * 4000, 1.0, stream())
    assert len(noisy) == 8000
    assert noisy.isupper()
    behind = sum(noisy[place] == "M" for place in range(0, 8000, 2))
    assert behind / 4000 == pytest.approx(0.5 + 0.5 / 26, abs=0.03)


def test_all_letters_can_be_dropped():
    noisy, achieved = RandomLetters((0.0, 1.0), insertion_share=0, deletion_share=1)("Ah, that's it. 7 ", 1.0, stream())
    assert noisy == ", ' . 7 "
    assert achieved == {"wrong_letters": 9, "letter_error_rate": 1.0}


@pytest.mark.parametrize(
    ("word", "first", "last"), [("привет", "а", "я"), ("ΚΑΛΗΜΕΡΑ", "Α", "Ω"), ("Straße", "A", "z"), ("naïve", "a", "z")]
)
def test_letters_stay_in_their_alphabet(word, first, last):
    noisy, _ = RandomLetters((0.0, 1.0), insertion_share=0, deletion_share=0)(word * 50, 1.0, stream())
    assert len(noisy) == 50 * len(word)
    for a, b in zip(word * 50, noisy, strict=True):
        assert a != b
        assert a.isupper() == b.isupper()
        assert first <= b <= last


def test_shares_are_checked():
    with pytest.raises(ValueError, match="together at most 1"):
        RandomLetters(insertion_share=0.7, deletion_share=0.6)
    with pytest.raises(ValueError, match="at least 0"):
        RandomLetters(insertion_share=-0.1)


@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_swaps_have_their_rate(rate):
    noisy, achieved = Transposition((0.0, rate))(TEXT, 1.0, stream())
    pairs = sum(a.isalpha() and b.isalpha() and a != b for a, b in pairwise(TEXT))
    assert achieved["swaps"] / pairs == pytest.approx(rate, rel=0.15)
    changed = sum(a.lower() != b.lower() for a, b in zip(TEXT, noisy, strict=True))
    assert changed == 2 * achieved["swaps"]
    assert achieved["swap_rate"] == pytest.approx(changed / sum(map(str.isalpha, TEXT)))


def test_words_keep_their_letters_and_the_places_of_their_capitals():
    noisy, _ = Transposition((0.0, 0.6))(TEXT, 1.0, stream())
    assert noisy != TEXT
    for before, after in zip(TEXT.split(" "), noisy.split(" "), strict=True):
        assert sorted(before.lower()) == sorted(after.lower())
        assert [letter.isupper() for letter in before] == [letter.isupper() for letter in after]
        assert all(a == b for a, b in zip(before, after, strict=True) if not a.isalpha())


def test_no_letter_moves_twice():
    noisy, achieved = Transposition((0.0, 1.0))("abcdefg", 1.0, stream())
    assert (noisy, achieved) == ("badcfeg", {"swaps": 3, "swap_rate": 6 / 7})


def test_letters_at_apostrophes_and_marks_stay():
    assert Transposition((0.0, 1.0))("I'm a be\u0301 ße", 1.0, stream())[0] == "I'm a be\u0301 eß"


def test_a_higher_level_keeps_the_errors_of_a_lower_one():
    before = TEXT[:400]
    for noise in (RandomLetters((0.0, 0.3)), Transposition((0.0, 0.1))):
        similar = [
            difflib.SequenceMatcher(None, before, noise(before, level, stream(3))[0], autojunk=False).ratio()
            for level in (0.1, 0.3, 0.6, 1.0)
        ]
        assert similar == sorted(similar, reverse=True)
        assert similar[0] > similar[-1]


@pytest.mark.parametrize("noise", [RandomLetters, Transposition])
def test_a_bad_range_is_refused(noise):
    with pytest.raises(ValueError, match="rate_range"):
        noise((0.0, 1.5))
