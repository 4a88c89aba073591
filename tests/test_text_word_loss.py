import numpy as np
import pytest

from noise_scheduler.text.word_loss import WordLoss

SENTENCE = "  Well, what did you\texpect me to do?\n"


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_share_of_lost_words_is_the_declared_rate():
    text = " ".join(f"word{number}" for number in range(8000))
    for level in (0.1, 0.5, 1.0):
        noisy, achieved = WordLoss((0.0, 0.6))(text, level, stream())
        assert achieved["word_loss_rate"] == pytest.approx(0.6 * level, abs=0.02)
        assert len(noisy.split()) == 8000 - achieved["lost_words"]


def test_kept_words_keep_their_order_and_their_white_space():
    words = SENTENCE.split()
    for seed in range(50):
        noisy, achieved = WordLoss((0.0, 0.5))(SENTENCE, 1.0, stream(seed))
        kept = noisy.split()
        assert len(kept) == len(words) - achieved["lost_words"]
        left = iter(words)
        assert all(word in left for word in kept)
        if kept:
            assert noisy.startswith("  ")
            assert not noisy.startswith("   ")
            assert noisy.endswith(kept[-1] + "\n")
            assert ("you\t" in noisy) == ("you" in kept[:-1])


def test_all_words_can_be_lost():
    assert WordLoss((0.0, 1.0))(SENTENCE, 1.0, stream()) == ("", {"lost_words": 8, "word_loss_rate": 1.0})


def test_nothing_is_lost_where_there_is_nothing():
    for text in ("", "  \t \n"):
        assert WordLoss()(text, 1.0, stream()) == (text, {"lost_words": 0, "word_loss_rate": 0.0})


def test_the_words_lost_at_a_level_are_lost_at_every_higher_one():
    text = " ".join(f"w{number}" for number in range(60))
    before = set(text.split())
    for level in (0.1, 0.4, 0.7, 1.0):
        kept = set(WordLoss()(text, level, stream())[0].split())
        assert kept <= before
        before = kept


def test_a_bad_range_is_refused():
    with pytest.raises(ValueError, match="loss_rate_range"):
        WordLoss((-0.1, 0.5))
