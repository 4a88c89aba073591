import numpy as np
import pytest

from noise_scheduler.text.masking import UnknownWords


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_every_word_can_be_masked_and_nothing_else():
    text = " Don't “stop”,\tNaïve e\u0301te\u0301-word 👩‍👩‍👧 - 1\ufe0f\u20e3!\n"
    noisy, achieved = UnknownWords()(text, 1.0, stream())
    assert noisy == " <unk> “<unk>”,\t<unk> <unk> 👩‍👩‍👧 - <unk>!\n"
    assert achieved == {"masked_words": 5, "mask_rate": 1.0}


def test_share_of_masked_words_is_the_declared_rate():
    text = "so it goes, " * 4000
    noisy, achieved = UnknownWords((0.0, 0.6), token="[MASK]")(text, 0.5, stream())
    assert noisy.count("[MASK]") == achieved["masked_words"]
    assert achieved["mask_rate"] == achieved["masked_words"] / 12000 == pytest.approx(0.3, abs=0.015)
    assert noisy.count(",") == 4000


def test_bad_fields_are_refused():
    with pytest.raises(ValueError, match="mask_rate_range"):
        UnknownWords((0.0, 1.5))
    with pytest.raises(ValueError, match="token must be a str"):
        UnknownWords(token=7)
