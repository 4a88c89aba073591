"""What every text noise leaves as it was, whatever the script."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_clusters import CLUSTERS, TEXTS

import noise_scheduler as ns
from noise_scheduler.testing import check_noise
from noise_scheduler.text.truncation import Truncation

NAMES = [name for name in ns.names("text/*") if name not in ("text/missing", "text/asr", "text/rerecognise")]
LETTER_NOISES = ["text/keyboard", "text/ocr", "text/random_letters", "text/spelling", "text/transposition"]
REMOVING = ["text/case_loss", "text/punctuation_loss", "text/run_on", "text/word_loss", "text/word_order"]
ADDING = ["text/fillers", "text/repetition", "text/word_order", "text/case_loss"]


def noisy(name: str, text: str, level: float, seed: int) -> str:
    return ns.corrupt(text, name, level=level, seed=seed, profile="none")


def clusters(text: str) -> list[str]:
    return pytest.importorskip("regex").findall(r"\X", text)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(text=st.one_of(st.text(), TEXTS), level=st.floats(0.01, 1), seed=st.integers(0, 99))
def test_any_text_is_taken(name, text, level, seed):
    result = noisy(name, text, level, seed)
    assert noisy(name, text, level, seed) == result
    if text.isascii():
        assert result.isascii()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["", " ", "\t \n\u00a0"])
def test_blank_texts_stay(name, text):
    if name != "text/truncation":
        assert noisy(name, text, 1.0, 0) == text


@pytest.mark.parametrize("name", LETTER_NOISES)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS, level=st.floats(0.1, 1), seed=st.integers(0, 99))
def test_letters_are_changed_and_white_space_and_clusters_are_not(name, text, level, seed):
    result = noisy(name, text, level, seed)
    assert [part for part in result if part.isspace()] == [part for part in text if part.isspace()]
    long = [part for part in clusters(text) if len(part) > 1]
    assert [part for part in clusters(result) if len(part) > 1] == long


@pytest.mark.parametrize("name", LETTER_NOISES)
def test_scripts_without_capitals_stay(name):
    text = "你好，世界 שלום עולם مرحبا بالعالم हिन्दी ภาษาไทย 한국어 👩‍👩‍👧🇩🇪"
    assert noisy(name, text, 1.0, 3) == text


@pytest.mark.parametrize("name", REMOVING)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS, seed=st.integers(0, 99))
def test_nothing_new_comes_in(name, text, seed):
    before = Counter(map(str.casefold, clusters(text)))
    assert Counter(map(str.casefold, clusters(noisy(name, text, 0.6, seed)))) <= before


@pytest.mark.parametrize("name", ADDING)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS, seed=st.integers(0, 99))
def test_nothing_is_lost(name, text, seed):
    after = Counter(map(str.casefold, clusters(noisy(name, text, 0.7, seed))))
    assert Counter(map(str.casefold, clusters(text))) <= after


@settings(max_examples=100, deadline=None)
@given(text=TEXTS, level=st.floats(0.05, 1), seed=st.integers(0, 99), side=st.sampled_from(["end", "start"]))
def test_truncation_cuts_between_clusters(text, level, seed, side):
    rng = np.random.Generator(np.random.Philox(seed))
    kept, achieved = Truncation(side=side, unit="characters")(text, level, rng)
    whole, part = clusters(text), clusters(kept)
    assert part == (whole[: len(part)] if side == "end" else whole[len(whole) - len(part) :])
    assert achieved["lost_share"] == pytest.approx(1 - len(kept) / len(text) if text else 0.0)


def test_the_clusters_of_these_tests_are_clusters():
    assert [clusters(cluster) for cluster in CLUSTERS] == [[cluster] for cluster in CLUSTERS]
