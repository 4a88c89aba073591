import numpy as np
import pytest

from noise_scheduler.text import lexicon
from noise_scheduler.text.homophones import Homophones, sounding_alike

SENTENCE = "  I know THEIR son; it's right here, don’t you’re eyes see? "


def swapped(text: str, rate: float = 1.0, seed: int = 0, **fields: int) -> str:
    return Homophones((0.0, rate), **fields)(text, 1.0, np.random.Generator(np.random.Philox(seed)))[0]


@pytest.mark.parametrize(
    ("word", "other"),
    [("their", "there"), ("there", "they're"), ("know", "no"), ("right", "write"), ("it's", "its"), ("sea", "see")],
)
def test_known_homophones_stand_in(word, other):
    assert other in sounding_alike(word, 12000)[0]


def test_every_swap_sounds_the_same_and_keeps_case_and_punctuation():
    seen = set()
    for seed in range(30):
        noisy = swapped(SENTENCE, 0.7, seed)
        assert noisy.startswith("  ")
        assert noisy.endswith("? ")
        for before, after in zip(SENTENCE.split(), noisy.split(), strict=True):
            a, b = before.strip(";,?"), after.strip(";,?")
            assert (before[len(a) :], a.isupper() and len(a) > 1) == (after[len(b) :], b.isupper() and len(b) > 1)
            if a != b:
                sounds = [set(lexicon.pronunciations(word.lower().replace("’", "'"))) for word in (a, b)]
                assert sounds[0] & sounds[1]
                seen.add((a, b))
    assert ("THEIR", "THERE") in seen
    assert ("you’re", "your") in seen


def test_common_words_stand_in_more_often():
    noisy = swapped("by " * 3000).split()
    assert noisy.count("buy") > 3 * noisy.count("bye") > 0
    assert set(swapped("by " * 3000, vocabulary_words=1000).split()) == {"buy"}
    shares = sounding_alike("by", 6000)[1]
    assert noisy.count("buy") / 3000 == pytest.approx(shares[0], abs=0.03)


def test_rate_is_of_the_words_with_homophones():
    noisy, achieved = Homophones((0.0, 0.3))("know that " * 4000, 1.0, np.random.Generator(np.random.Philox(1)))
    assert achieved["swapped_words"] == 4000 - noisy.split().count("know")
    assert achieved["swapped_words"] / 4000 == pytest.approx(0.3, abs=0.02)
    assert achieved["swap_rate"] == achieved["swapped_words"] / 8000


def test_what_has_no_homophones_stays():
    text = "Xylophones 你好 naïve well-known 42 that"
    assert swapped(text) == text


def test_bad_fields_are_refused():
    with pytest.raises(ValueError, match="swap_rate_range"):
        Homophones((0.0, 1.5))
    with pytest.raises(ValueError, match="vocabulary_words must be a whole number"):
        Homophones(vocabulary_words=0)
