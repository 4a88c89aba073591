"""noise_scheduler/text/asr: profiles, the rates that they declare, and what `fit` learns."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from noise_scheduler.registry import build
from noise_scheduler.text import asr, lexicon
from noise_scheduler.text.asr import bigrams
from noise_scheduler.text.asr.alignment import edits
from noise_scheduler.text.asr.words import word_of, words_of

# Frames and fillers of everyday English, for sentences that no profile was fitted on.
_OPENINGS = (
    "i think that", "you know", "", "", "", "yesterday", "well", "maybe", "she told me that", "do you remember when",
    "he said", "if you ask me", "on the way home", "to be honest", "last summer",
)  # fmt: skip
_SUBJECTS = (
    "my sister", "the man from the garage", "we", "they", "i", "you", "everybody at work", "our neighbor",
    "the little girl", "his old teacher", "nobody", "somebody from the office", "her husband", "the whole family",
)  # fmt: skip
_VERBS = (
    "never liked", "just bought", "forgot about", "was looking for", "really wanted", "talked about", "gave away",
    "couldn't find", "will remember", "has been afraid of", "broke", "laughed at", "would rather sell", "painted",
)  # fmt: skip
_OBJECTS = (
    "the house by the river", "that terrible movie", "a new bicycle", "the keys", "all those letters", "your birthday",
    "the black dog", "three bottles of wine", "an enormous sandwich", "the photographs", "it", "everything",
    "a story about the war", "the piano lessons",
)  # fmt: skip
_ENDINGS = (
    "", "", "", "before the holidays", "and i was so angry", "but it was too late", "because of the weather",
    "in front of the children", "with a big smile", "as soon as possible", "for no reason at all", "at the station",
)  # fmt: skip


def _held_out(count, seed=5):
    """Sentences of a small grammar, and two together; 3 to 35 words long."""
    rng = np.random.Generator(np.random.Philox(seed))

    def sentence():
        parts = (_OPENINGS, _SUBJECTS, _VERBS, _OBJECTS, _ENDINGS)
        return " ".join(filter(None, (part[rng.integers(len(part))] for part in parts)))

    return [sentence() if rng.random() < 0.6 else f"{sentence()} and {sentence()}" for _ in range(count)]


def _transcribed(texts, wer, seed=0, **fields):
    noise = build("text/asr", **fields)
    rng = np.random.Generator(np.random.Philox(seed))
    return [noise(text, noise.position_for(wer), rng)[0] for text in texts]


def _measured(texts, heard):
    return asr.measure([(words_of(said), words_of(text)) for said, text in zip(texts, heard, strict=True)])


@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize("profile", asr.PROFILES)
@pytest.mark.parametrize("wer", [0.08, 0.25, 0.45, 0.6])
def test_declared_rates_are_met_on_held_out_sentences(profile, wer, context):
    texts = _held_out(1000) * 3  # three draws each, as a thousand leave chance too much room
    declared = asr.load(profile).rates(wer)
    made = _measured(texts, _transcribed(texts, wer, profile=profile, context=context))
    assert declared.wer == pytest.approx(wer)
    for rate in ("substitution_rate", "deletion_rate", "insertion_rate"):
        assert getattr(made, rate) == pytest.approx(getattr(declared, rate), rel=0.1, abs=0.005), rate
    assert made.phone_similarity == pytest.approx(declared.phone_similarity, abs=0.04)
    assert made.variance_ratio == pytest.approx(declared.variance_ratio, rel=0.25)
    assert made.runs == pytest.approx(declared.runs, abs=0.06)
    assert made.empty_rate == pytest.approx(declared.empty_rate, abs=0.02)


def test_edits_by_hand():
    assert edits(["a", "b", "c"], ["a", "b", "c"]) == []
    assert edits(["a", "b", "c"], ["a", "x", "c"]) == [("replace", 1, 1)]
    assert edits(["a", "b", "c"], ["a", "c"]) == [("delete", 1, 1)]
    assert edits(["a", "c"], ["a", "b", "c", "d"]) == [("insert", 1, 1), ("insert", 2, 3)]
    assert edits(["a", "b"], ["c"]) == [("replace", 0, 0), ("delete", 1, 1)]
    assert edits(["a"], ["b", "c"]) == [("insert", 0, 0), ("replace", 0, 1)]
    assert len(edits(["the", "cat", "sat"], [])) == 3


def test_rates_by_hand():
    pairs = [
        (["red", "cat", "sat", "down"], ["read", "cap", "sat"]),  # two words misheard in a run, one lost
        (["we", "all", "know", "it"], ["we", "all", "know", "it", "now"]),
        (["gone"], []),
    ]
    rates = asr.measure(pairs)
    assert (rates.substitution_rate, rates.deletion_rate, rates.insertion_rate) == (2 / 9, 2 / 9, 1 / 9)
    assert rates.phone_similarity == pytest.approx((1 + 2 / 3) / 2)
    assert rates.runs == (1 / 2, 1 / 2, 0)
    assert rates.empty_rate == 1 / 3
    assert rates.variance_ratio == pytest.approx((1.5**2 + 1.5**2) / (8 * 3 / 8 * 5 / 8))


def _recogniser(texts, rng):
    """A recogniser of simple habits: r for l, words lost at the end, and "yeah" put in."""
    heard = []
    for text in texts:
        words = text.split()
        said = [{"the": "a", "really": "rarely"}.get(word, word) if rng.random() < 0.3 else word for word in words]
        if rng.random() < 0.4:
            said = said[:-2]
        if rng.random() < 0.3:
            said.insert(int(rng.integers(len(said) + 1)), "yeah")
        heard.append(" ".join(said) if rng.random() < 0.95 else "")
    return heard


@pytest.fixture(scope="module")
def learned():
    texts = _held_out(300, seed=8)
    heard = _recogniser(texts, np.random.Generator(np.random.Philox(9)))
    return texts, heard, asr.fit(texts, heard, name="toy")


def test_fit_meets_the_recogniser_at_its_own_word_error_rate(learned, tmp_path):
    texts, heard, profile = learned
    real = _measured(texts, heard)
    profile.save(tmp_path / "toy.json")
    made = _measured(texts * 3, _transcribed(texts * 3, real.wer, profile=str(tmp_path / "toy.json")))
    assert made.substitution_rate == pytest.approx(real.substitution_rate, abs=0.015)
    assert made.deletion_rate == pytest.approx(real.deletion_rate, abs=0.02)
    assert made.insertion_rate == pytest.approx(real.insertion_rate, abs=0.01)
    assert made.empty_rate == pytest.approx(real.empty_rate, abs=0.025)


def test_fit_learns_confusions_and_insertions(learned):
    _, _, profile = learned
    draw = np.random.Generator(np.random.Philox(3)).random
    for said, instead in (("really", "rarely"), ("the", "a")):
        times = profile.confusions[said][instead]
        assert times > 3
        heard = [profile.choices[0].learned(word_of(said), draw) for _ in range(1000)]
        seen = sum(profile.confusions[said].values())
        assert heard.count(instead) / 1000 == pytest.approx(times / (seen + 2), abs=0.06)
    assert profile.choices[0].learned(word_of("bicycle"), draw) is None
    assert profile.insertions.get("yeah", 0) > 30 or profile.insertions == asr.load("noise").insertions


def test_a_fitted_path_runs_from_clean_to_the_end_of_the_shipped_one(learned):
    _, _, profile = learned
    wers = [rates.wer for rates in profile.path]
    assert wers == sorted(wers)
    assert wers[-1] == pytest.approx(asr.load("noise").path[-1].wer)
    end, usual = profile.path[-1], asr.load("noise").path[-1]
    assert end.deletion_rate == pytest.approx(usual.deletion_rate)
    assert profile.settings(0.0).error == 0


def test_a_profile_survives_saving_with_what_others_keep_in_it(learned, tmp_path):
    _, _, profile = learned
    file = tmp_path / "kept" / "toy.json"
    profile.save(file)
    content = json.loads(file.read_text())
    content["audio"] = {"white": [-2.2, 3.8, 0.044]}
    file.write_text(json.dumps(content))
    again = asr.load(str(file))
    assert (again.path, again.points, again.confusions) == (profile.path, profile.points, profile.confusions)
    again.save(tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == content


def test_bad_transcripts_are_refused():
    with pytest.raises(ValueError, match="2 references, 1 hypotheses"):
        asr.fit(["a b", "c"], ["a b"])
    with pytest.raises(ValueError, match="too few"):
        asr.fit(["one two three"], ["one three"])
    texts = _held_out(100)
    with pytest.raises(ValueError, match="no errors"):
        asr.fit(texts, texts)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"version": 99}'])
def test_a_file_that_is_no_profile_is_named(content, tmp_path):
    file = tmp_path / "other.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=re.escape(str(file))):
        build("text/asr", profile=str(file))


def test_the_data_of_the_package_is_small():
    """The wheel grows by at most 1.5 MB; these files are compressed already."""
    folder = Path(lexicon.__file__).parent
    files = [*folder.glob("*.gz"), *(folder / "asr").glob("*.gz"), *(folder / "asr").glob("*.json")]
    assert sum(file.stat().st_size for file in files) < 1.4e6


def test_bigrams_know_common_pairs():
    rank = lexicon.rank
    assert bigrams.association(rank("thank"), rank("you")) > 3
    assert bigrams.association(rank("of"), rank("the")) > 1 > -1 > bigrams.association(rank("the"), rank("of"))
    assert bigrams.association(-1, rank("the")) == bigrams.association(rank("the"), -1) == 0
    followers = [bigrams.sampled_follower(rank("united"), chance / 100) for chance in range(100)]
    assert followers.count(rank("states")) > 40
