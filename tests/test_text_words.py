import numpy as np
import pytest

from noise_scheduler.text.words import Repetition, WordOrder

SENTENCE = "  Well, I don't know what\tyou expect me to do. Nothing?\n"


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_repeats_have_their_rate():
    text = " ".join(f"w{number}" for number in range(20000))
    for rate in (0.02, 0.5, 4.0):
        noisy, achieved = Repetition((rate, rate))(text, 1.0, stream())
        assert achieved["repeats_per_word"] == pytest.approx(rate, rel=0.08)
        added = len(noisy.split()) - 20000
        assert added / achieved["repeats"] == pytest.approx(0.8 + 0.15 * 2 + 0.05 * 3, rel=0.05)


def test_number_of_repeats_is_geometric():
    text = ". ".join(f"w{number}" for number in range(20000))  # no phrases across punctuation
    said = Repetition((1.0, 1.0))(text, 1.0, stream())[0].replace(".", "").split()
    times = np.bincount([int(word[1:]) for word in said]) - 1
    for number in range(4):
        assert np.mean(times == number) == pytest.approx(0.5 ** (number + 1), abs=0.015)


def test_without_what_is_said_again_the_text_is_there():
    """The words in order, what is repeated just before them, punctuation where it was."""
    for seed in range(40):
        noisy, achieved = Repetition((0.4, 0.4))(SENTENCE, 1.0, stream(seed))
        rest = iter(noisy)
        assert all(character in rest for character in SENTENCE), "a subsequence"
        assert [c for c in noisy if c in ",.?\n"] == list(",.?\n")
        if achieved["repeats"] == 0:
            assert noisy == SENTENCE


def test_phrases_are_said_again_as_they_were():
    found = set()
    for seed in range(300):
        noisy, achieved = Repetition((0.05, 0.05))("one two three. four", 1.0, stream(seed))
        if achieved["repeats"] == 1:
            found.add(noisy)
    assert found == {
        "one one two three. four",
        "one two one two three. four",
        "one two three one two three. four",
        "one two two three. four",
        "one two three two three. four",
        "one two three three. four",
        "one two three. four four",
    }


def test_words_move_within_their_reach():
    text = " ".join(map(str, range(3000)))
    for reach in (1.5, 3.0, 20.0):
        noisy, achieved = WordOrder((reach, reach))(text, 1.0, stream())
        order = np.array(noisy.split(), int)
        assert sorted(order) == list(range(3000))
        displacement = np.abs(order - np.arange(3000))
        assert 0 < displacement.max() < reach
        assert achieved["mean_displacement_words"] == pytest.approx(displacement.mean())


def test_nothing_moves_at_a_reach_of_one():
    assert WordOrder((1.0, 1.0))(SENTENCE, 1.0, stream()) == (SENTENCE, {"mean_displacement_words": 0.0})


def test_white_space_stays_where_it_is():
    noisy, _ = WordOrder((50.0, 50.0))(SENTENCE, 1.0, stream(1))
    assert sorted(noisy.split()) == sorted(SENTENCE.split())
    assert noisy.split() != SENTENCE.split()
    assert [c for c in noisy if c.isspace()] == [c for c in SENTENCE if c.isspace()]


def test_a_far_reach_is_a_full_shuffle():
    text = " ".join(map(str, range(200)))
    order = np.array(WordOrder((1e6, 1e6))(text, 1.0, stream())[0].split(), int)
    assert abs(np.corrcoef(order, np.arange(200))[0, 1]) < 0.2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Repetition((0.0, 1.0)), "repeats_per_word_range"),
        (lambda: Repetition((0.1, 100.0)), "repeats_per_word_range"),
        (lambda: WordOrder((0.5, 2.0)), "reach_words_range"),
    ],
)
def test_bad_fields_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
