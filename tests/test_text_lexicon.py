"""noise_scheduler/text/lexicon.py: words by frequency, their pronunciations, and letter-to-sound for others."""

from __future__ import annotations

import difflib
import math

import pytest

from noise_scheduler.text import lexicon


def test_the_commonest_words_come_first():
    assert {"the", "to", "and", "i"} == set(lexicon.words()[:4])
    assert lexicon.rank("the") < lexicon.rank("because") < lexicon.rank("photograph") < lexicon.rank("dysentery")
    assert [lexicon.rank(word) for word in lexicon.words()] == list(range(len(lexicon.words())))
    assert lexicon.rank("qzxq") is None


def test_the_vocabulary_has_the_promised_size_and_covers_nearly_all_that_is_said():
    assert 25_000 <= len(lexicon.words()) <= 30_000
    logs = lexicon.log_probabilities()
    assert list(logs) == sorted(logs, reverse=True)
    assert 0.9 < sum(map(math.exp, logs)) < 1  # the rest is left to sentence ends and rare words


def test_every_pronunciation_is_made_of_the_39_phones():
    assert len(lexicon.PHONES) == 39
    used = {phone for word in lexicon.words() for phones in lexicon.pronunciations(word) for phone in phones}
    assert used == set(lexicon.PHONES)


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("cat", "K AE T"),
        ("Through", "TH R UW"),
        ("don't", "D OW N T"),
        ("don’t", "D OW N T"),
        ("Café", "K AH F EY"),
        ("7", "S EH V AH N"),
        ("42", "F AO R T UW"),
    ],
)
def test_known_words_in_any_case_accents_and_digits(word, phones):
    assert lexicon.pronunciation(word) == tuple(phones.split())


def test_a_word_may_have_several_pronunciations():
    assert {("R", "EH", "D"), ("R", "IY", "D")} <= set(lexicon.pronunciations("read"))


# Names and new words that the dictionary has not; pronounced by hand.
_UNKNOWN = {
    "covid": "K OW V IH D",
    "tiktok": "T IH K T AA K",
    "ghosting": "G OW S T IH NG",
    "xylophonist": "Z AY L AA F AH N IH S T",
    "unfriended": "AH N F R EH N D IH D",
    "rewatching": "R IY W AA CH IH NG",
    "photobombed": "F OW T OW B AA M D",
    "gloomsday": "G L UW M Z D EY",
    "clickbait": "K L IH K B EY T",
    "smushed": "S M AH SH T",
    "throngful": "TH R AO NG F AH L",
}


def test_unknown_words_are_read_by_letter_to_sound_rules():
    assert all(lexicon.rank(word) is None for word in _UNKNOWN)
    likeness = [
        difflib.SequenceMatcher(None, lexicon.pronunciation(word), phones.split()).ratio()
        for word, phones in _UNKNOWN.items()
    ]
    assert sum(likeness) / len(likeness) > 0.8


@pytest.mark.parametrize("word", ["", "你好", "שלום", "👩‍👩‍👧", "--", "'"])
def test_what_cannot_be_read_as_english_has_no_pronunciation(word):
    assert lexicon.pronunciation(word) == ()
    assert lexicon.homophones(word) == ()


def test_homophones():
    assert set(lexicon.homophones("their")) >= {"there", "they're"}
    assert set(lexicon.homophones("read")) >= {"red", "reed"}  # in both its pronunciations
    assert "two" in lexicon.homophones("to")
    ranks = [lexicon.rank(word) for word in lexicon.homophones("so")]
    assert ranks == sorted(ranks)
