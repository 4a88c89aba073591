"""noise_scheduler/text/asr: the noise, what it leaves alone, and what its parts write."""

from __future__ import annotations

import re

import numpy as np
import pytest

import noise_scheduler
from noise_scheduler.registry import build
from noise_scheduler.testing import check_noise
from noise_scheduler.text import lexicon
from noise_scheduler.text.asr import alignment, bigrams, boundaries, neighbours
from noise_scheduler.text.asr.respelling import respelled
from noise_scheduler.text.asr.words import word_of

TEXT = "  Well, I can't believe it!  Did Mr. O'Brien really\tsay “no” — in naïve 你好 words…? \n"


def _noisy(text, wer, seed=0, **fields):
    noise = build("text/asr", **fields)
    rng = np.random.Generator(np.random.Philox(seed))
    return noise(text, noise.position_for(wer), rng)


@pytest.mark.parametrize("fields", [{}, {"context": True}, {"profile": "conversation"}])
def test_contract(fields):
    check_noise(build("text/asr", **fields))


def test_all_that_is_not_changed_is_kept_exactly():
    """Where words are only replaced one by one, everything between the words and around them stays."""
    seen = 0
    for seed in range(400):
        noisy, made = _noisy(TEXT, 0.15, seed)
        if made["insertions"] or made["deletions"] or not made["substitutions"]:
            continue
        before, after = re.split(r"(\s+)", TEXT), re.split(r"(\s+)", noisy)
        if len(before) != len(after):  # one word for two, or two for one
            continue
        seen += 1
        assert before[1::2] == after[1::2]
        changed = 0
        for said, heard in zip(before[::2], after[::2], strict=True):
            changed += said != heard
            assert re.match(r"\W*", said)[0] == re.match(r"\W*", heard)[0]
            assert re.search(r"\W*$", said)[0] == re.search(r"\W*$", heard)[0]
        assert 0 < changed <= made["substitutions"]
    assert seen > 50


def test_what_cannot_be_read_as_english_stays():
    for seed in range(200):
        noisy, _ = _noisy("hello — 你好 שלום there", 0.4, seed)
        assert noisy == "" or [piece for piece in noisy.split() if not piece.isascii()] == ["—", "你好", "שלום"]
    assert _noisy("你好 👩‍👩‍👧 …", 1.0)[0] == "你好 👩‍👩‍👧 …"


def test_replacements_have_the_capitals_of_the_words_in_whose_place_they_stand():
    heard = {_noisy("LISTEN", 0.9, seed)[0] for seed in range(60)} | {
        _noisy("Listen", 0.9, seed)[0] for seed in range(60)
    }
    words = {word for text in heard for word in text.split()} - {"LISTEN", "Listen"}
    assert len(words) > 10
    firsts = {text.split()[0] for text in heard if text}
    assert all(word.isupper() or word[0].isupper() for word in firsts)


def test_the_pronoun_is_a_capital_where_there_are_any():
    spoken = "by and my eye high lie buy why tie die " * 3
    heard = " ".join(_noisy(spoken.capitalize(), 0.6, seed)[0] for seed in range(60)).split()
    assert "I" in heard
    assert "i" not in heard
    heard = " ".join(_noisy(spoken, 0.6, seed)[0] for seed in range(60)).split()
    assert "i" in heard
    assert "I" not in heard


def test_the_end_of_a_sentence_stays_where_its_last_word_is_lost():
    lost = 0
    for seed in range(300):
        noisy, made = _noisy("we never said that you were going to leave at once.", 0.4, seed, profile="conversation")
        if noisy and made["deletions"] and not noisy.endswith("once."):
            lost += 1
            assert noisy.endswith(".")
    assert lost > 20


def test_white_space_around_a_lost_word():
    """The white space after a lost word takes the place of that before it; at the ends, that of the text stays."""
    seen = set()
    for seed in range(400):
        noisy, made = _noisy("  one\ttwo\nthree ", 0.5, seed, profile="conversation")
        if made["substitutions"] or made["insertions"] or noisy == "":
            continue
        seen.add(noisy)
    allowed = {
        "  one\ttwo\nthree ", "  two\nthree ", "  one\nthree ", "  one\ttwo ", "  three ", "  two ", "  one ",
    }  # fmt: skip
    assert seen <= allowed
    assert len(seen) >= 5


def test_an_empty_transcript_loses_every_word():
    empty = [
        made for seed in range(300) if (result := _noisy("one more word", 1.1, seed))[0] == "" and (made := result[1])
    ]
    assert len(empty) > 100
    assert all(made["deletions"] == 3 and made["wer"] == 1 for made in empty)


def test_the_counts_are_nearly_those_of_the_shortest_alignment():
    counted = aligned = 0
    for seed in range(300):
        text = "i was so happy to see the old gang that i forgot about my suitcase"
        noisy, made = _noisy(text, 0.35, seed)
        counted += made["wer"] * len(text.split())
        aligned += len(alignment.edits(text.split(), noisy.split()))
    assert aligned <= counted
    assert counted - aligned < 0.06 * counted


def test_context_makes_more_fluent_transcripts():
    """By the mean association of neighbouring words in the table of bigrams."""
    texts = ["i would like to know what you think about all the people in this house"] * 400

    def fluency(context):
        total = 0.0
        for seed, text in enumerate(texts):
            words = _noisy(text, 0.4, seed, context=context)[0].split()
            ranks = [rank for word in words if (rank := lexicon.rank(word)) is not None]
            total += sum(map(bigrams.association, ranks, ranks[1:])) / max(len(ranks), 1)
        return total / len(texts)

    assert fluency(True) > fluency(False) + 0.05


def test_position_for_is_the_inverse_of_the_path():
    noise = build("text/asr", wer_range=(0.1, 0.6))
    assert noise.position_for(0.35) == pytest.approx(0.5)
    assert noise.position_for(0.02) == 0
    assert noise.position_for(2.0) == 1
    fixed = build("text/asr", wer_range=(0.2, 0.2))
    assert (fixed.position_for(0.1), fixed.position_for(0.2)) == (0, 1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"wer_range": (0.5, 0.1)}, "wer_range"),
        ({"wer_range": (0.0, 1.5)}, "wer_range"),
        ({"profile": "nosie"}, "profile.*'noise'"),
        ({"context": "yes"}, "context"),
    ],
)
def test_bad_fields_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        build("text/asr", **fields)


def test_a_sentence_in_the_package():
    said = "Nothing ever changes in this town, people just get older and meaner."
    assert noise_scheduler.corrupt(said, "text/asr", level=0.3, profile="none", seed=3) != said


# The parts


def test_neighbours_sound_alike():
    words = lexicon.words()
    assert {"there", "they're"} <= {
        words[rank] for rank in neighbours.neighbours(("DH", "EH", "R"), lexicon.rank("their")).ranks
    }
    found = neighbours.neighbours(lexicon.pronunciation("wobblish"))
    assert len(found.ranks) == neighbours.KEPT
    assert list(found.distances) != sorted(found.distances, reverse=True)
    assert len(neighbours.neighbours(()).ranks) == 0


def test_the_table_holds_what_the_search_finds():
    search = neighbours.Search()
    for word in ("coffee", "remember", "the", "disappointed"):
        rank = lexicon.rank(word)
        table, found = neighbours.neighbours((), rank), search(lexicon.pronunciation(word), rank)
        assert set(table.ranks) == set(found.ranks)
        np.testing.assert_allclose(table.distances, found.distances, atol=0.51 / neighbours.DISTANCE_STEPS)


def test_phone_distance_of_the_search_against_the_textbook_recursion():
    from noise_scheduler.text.asr.phones import GAP, NUMBER, SUBSTITUTION

    def distance(a, b):
        if not a or not b:
            return sum(GAP[NUMBER[phone]] for phone in a + b)
        return min(
            distance(a[1:], b[1:]) + SUBSTITUTION[NUMBER[a[0]], NUMBER[b[0]]],
            distance(a[1:], b) + GAP[NUMBER[a[0]]],
            distance(a, b[1:]) + GAP[NUMBER[b[0]]],
        )

    words = lexicon.words()
    said = lexicon.pronunciation("coffee")
    found = neighbours.Search()(said)
    for rank, cost in zip(found.ranks, found.distances, strict=True):
        assert cost == pytest.approx(distance(said, lexicon.pronunciation(words[rank])), abs=1e-5)


def test_words_across_boundaries():
    words = lexicon.words()
    assert {"alot", "allowed"} <= {words[rank] for rank in boundaries.alike(("AH", "L", "AA", "T")).ranks}
    said = lexicon.pronunciation("attention")
    assert 1 in boundaries.cuts(said)
    assert {"a", "i"} <= {words[rank] for rank in boundaries.alike(said[:1]).ranks}
    assert {"tension", "dungeon"} <= {words[rank] for rank in boundaries.alike(said[1:]).ranks}
    assert boundaries.cuts(("AH",)) == []
    said = lexicon.pronunciation("ice") + lexicon.pronunciation("cream")
    assert 1 in boundaries.cuts(said, 2)  # i scream
    assert 2 not in boundaries.cuts(said, 2)
    assert "scream" in {words[rank] for rank in boundaries.alike(said[1:]).ranks}


def test_respelling_changes_a_word_a_little():
    spellings = {respelled("zuckerberg", chance / 50) for chance in range(50)}
    assert "zuckerberg" not in spellings
    assert "sukerberg" in spellings or "suckerberg" in spellings
    assert all(abs(len(spelling) - 10) <= 3 for spelling in spellings)
    assert respelled("w", 0.5) == "w"


@pytest.mark.parametrize(
    ("token", "parts"),
    [
        ("Hello,", ("", "Hello", ",")),
        ("“don’t”", ("“", "don’t", "”")),
        ("—", ("—", "", "")),
        ("well-known.", ("", "well-known", ".")),
    ],
)
def test_a_token_is_taken_apart(token, parts):
    word = word_of(token)
    assert (word.prefix, word.core, word.suffix) == parts
    assert word.spoken == bool(parts[1])
