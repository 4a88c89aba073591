import re

import numpy as np
import pytest

from noise_scheduler.text.fillers import Fillers

SENTENCE = "  I can't believe it, you\tdrove ALL the way?\n"
FORMS = ("uh", "um", "er", "you know", "I mean", "like", "well")


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_fillers_have_their_rate_and_false_starts_their_share():
    text = "nothing ever changes " * 5000
    for rate in (0.03, 0.4, 3.0):
        noisy, achieved = Fillers((rate, rate), false_start_share=0.4)(text, 1.0, stream())
        assert achieved["fillers_per_word"] == pytest.approx(rate, rel=0.08)
        assert len(re.findall(r"\b(?:n|no|not|e|ev|c|ch|cha)- ", noisy)) / achieved["fillers"] == pytest.approx(
            0.4, abs=0.05
        )


def test_without_fillers_the_text_is_there():
    said = re.compile(rf"\b(?:{'|'.join(FORMS)}) ")
    for seed in range(40):
        noisy, achieved = Fillers((0.5, 0.5), false_start_share=0.0)(SENTENCE, 1.0, stream(seed))
        assert said.sub("", noisy) == SENTENCE
        assert len(said.findall(noisy)) == achieved["fillers"]


def test_all_forms_are_said():
    noisy, _ = Fillers((2.0, 2.0), false_start_share=0.0)("word " * 500, 1.0, stream())
    assert set(noisy.replace("you know", "you_know").replace("I mean", "I_mean").split()) == {
        "word", "you_know", "I_mean", *(form for form in FORMS if " " not in form),
    }  # fmt: skip


def test_false_starts_are_beginnings_of_the_word_that_follows():
    noisy, _ = Fillers((1.0, 1.0), false_start_share=1.0)("marvellous " * 200, 1.0, stream())
    begun = set(re.findall(r"(\S+)- ", noisy))
    assert begun == {"m", "ma", "mar"}
    short, _ = Fillers((1.0, 1.0), false_start_share=1.0)("we do " * 100, 1.0, stream())
    assert "-" not in short


def test_false_starts_do_not_split_clusters():
    noisy, _ = Fillers((2.0, 2.0), false_start_share=1.0)("e\u0301e\u0301e\u0301e\u0301 " * 50, 1.0, stream())
    assert "e-" not in noisy
    assert "e\u0301- " in noisy


def test_bad_fields_are_refused():
    with pytest.raises(ValueError, match="fillers_per_word_range"):
        Fillers((0.0, 1.0))
    with pytest.raises(ValueError, match=r"false_start_share must be a number in \[0, 1\]"):
        Fillers(false_start_share=1.2)
