import difflib
import subprocess
import sys

import numpy as np
import pytest

from noise_scheduler.extras import MissingExtraError
from noise_scheduler.text import spelling
from noise_scheduler.text.spelling import Spelling, by_rule, observed

SENTENCE = "I really believe THEIR friends’ tomorrow-night party won't be separate, don't you? "


def misspelt(text: str, rate: float = 1.0, seed: int = 0, misspellings: str = "observed") -> str:
    return Spelling((0.0, rate), misspellings)(text, 1.0, np.random.Generator(np.random.Philox(seed)))[0]


@pytest.mark.parametrize(
    ("word", "wrong"),
    [
        ("believe", "beleive"),
        ("their", "there"),
        ("friend", "freind"),
        ("separate", "seperate"),
        ("receive", "recieve"),
    ],
)
def test_common_misspellings_are_observed(word, wrong):
    assert wrong in observed(word)


@pytest.mark.parametrize(
    ("word", "wrong"),
    [
        ("photograph", "fotograph"),
        ("knight", "night"),
        ("tomorrow", "tomorow"),
        ("wandered", "wanderred"),
        ("definite", "definit"),
        ("separate", "seperate"),
        ("ceiling", "cieling"),
        ("don't", "dont"),
        ("attendance", "attendence"),
        ("visible", "visable"),
        ("my", "myy"),
        ("from", "form"),
    ],
)
def test_rules_make_common_misspellings(word, wrong):
    assert wrong in by_rule(word)


def test_observed_misspellings_are_near_and_clean():
    """Near as difflib sees it, which counts otherwise than the noise does."""
    for word in SENTENCE.lower().replace("’", "'").split():
        plain = word.strip("'?,.")
        for wrong in observed(plain):
            assert wrong != plain
            assert set(wrong) <= set("abcdefghijklmnopqrstuvwxyz'-")
            if len(plain) > 4:
                assert difflib.SequenceMatcher(None, plain, wrong).ratio() > 0.5


def test_words_that_are_not_listed_are_misspelt_by_rule():
    assert observed("quibbleworths") == by_rule("quibbleworths") != ()
    assert observed("a") == by_rule("a") == ()
    assert observed("42nd") == ()


@pytest.mark.parametrize("misspellings", ["observed", "rules"])
def test_all_words_that_can_be_are_misspelt(misspellings):
    noisy = misspelt(SENTENCE, misspellings=misspellings)
    before, after = SENTENCE.split(), noisy.split()
    assert [a == b for a, b in zip(before, after, strict=True)] == [word == "I" for word in before]
    assert after[3].isupper()
    assert noisy[0] == "I"
    assert noisy.endswith("? ")


def test_share_of_misspelt_words_is_the_declared_rate():
    text = SENTENCE * 300
    words = len(SENTENCE.split()) - 1  # all but I
    noisy, achieved = Spelling((0.0, 0.3))(text, 1.0, np.random.Generator(np.random.Philox(1)))
    assert achieved["misspelt_words"] / (300 * words) == pytest.approx(0.3, rel=0.1)
    changed = sum(a != b for a, b in zip(text.split(), noisy.split(), strict=True))
    assert changed == achieved["misspelt_words"]


def test_other_scripts_and_accents_are_left_alone():
    text = "naïve Ünïcode 你好 été e\u0301te\u0301 42 B2B"
    assert misspelt(text) == text


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setattr(spelling.importlib.util, "find_spec", lambda name: None)
    spelling._list.cache_clear()
    spelling._as_written.cache_clear()
    try:
        with pytest.raises(MissingExtraError, match=r"noise-scheduler\[text\].*misspellings='rules'"):
            misspelt("word")
        assert misspelt("word", misspellings="rules") != "word"
    finally:
        spelling._list.cache_clear()


def test_heavy_imports_of_nlpaug_are_avoided():
    code = (
        "import sys, noise_scheduler.contract as c; c.corrupt('some words', 'text/spelling', level=1);"
        "sys.exit(bool({'pandas', 'torch', 'scipy', 'cv2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_bad_fields_are_refused():
    with pytest.raises(ValueError, match="error_rate_range"):
        Spelling((0.0, 1.5))
    with pytest.raises(ValueError, match="misspellings must be 'observed' or 'rules'"):
        Spelling(misspellings="list")
