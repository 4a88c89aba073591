"""English words by frequency with their pronunciations, and letter-to-sound rules for all others.

The words are the commonest of the CMU pronouncing dictionary by the unigrams of the English language model that comes
with pocketsphinx, both under the BSD licence in ``lexicon_license.txt``. Pronunciations are tuples of the 39 phones of
ARPAbet without stress. The files are built by ``tools/build_lexicon.py``, and read when a word is first asked for.

Public: `pronunciation`, `pronunciations`, `rank`, `homophones`, `words`, `log_probabilities`, `PHONES`.

References: Weide, "The CMU pronouncing dictionary", http://www.speech.cs.cmu.edu/cgi-bin/cmudict;
https://github.com/cmusphinx/pocketsphinx.
"""

from __future__ import annotations

import gzip
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

PHONES = (
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K",
    "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
"""The phones, in ARPAbet."""

CONTEXTS = ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (1, 2), (2, 1), (2, 2), (2, 3))
"""Letters before and after a letter that a letter-to-sound rule may look at, from the weakest rule to the strongest."""

Phones = tuple[str, ...]
_FOLDER = Path(__file__).parent
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_MOST_DIGITS = 8


def pronunciation(word: str) -> Phones:
    """How a word is usually pronounced, in any case; empty where nothing in it can be read as English."""
    return pronunciations(word)[0]


@lru_cache(maxsize=65536)
def pronunciations(word: str) -> tuple[Phones, ...]:
    """All pronunciations of a word, the usual one first; at least one, which may be empty."""
    spoken = _lexicon().spoken.get(word)
    if spoken is None:
        return (_read_out(word),)
    return tuple(tuple(phones.split(" ")) for phones in spoken.split("\t"))


def rank(word: str) -> int | None:
    """The place of a word in lower case among the words by frequency, from 0; None for a word that is not there."""
    return _lexicon().ranks.get(word)


def homophones(word: str) -> tuple[str, ...]:
    """The other words that share a pronunciation with a word in lower case, the commonest first."""
    lexicon = _lexicon()
    spoken = (" ".join(phones) for phones in pronunciations(word))
    found = {other for phones in spoken for other in lexicon.sounding.get(phones, ())} - {word, word.replace("’", "'")}
    return tuple(sorted(found, key=lexicon.ranks.__getitem__))


def words() -> tuple[str, ...]:
    """All words of the lexicon, the commonest first."""
    return _lexicon().words


def log_probabilities() -> tuple[float, ...]:
    """The natural logarithms of the probabilities of `words`, to a sixteenth."""
    return _lexicon().logs


class _Lexicon(NamedTuple):
    words: tuple[str, ...]
    ranks: dict[str, int]
    logs: tuple[float, ...]
    spoken: dict[str, str]  # pronunciations with tabs between them
    sounding: dict[str, list[str]]  # the words that have a pronunciation


@cache
def _lexicon() -> _Lexicon:
    logs: dict[str, int] = {}
    spoken: dict[str, str] = {}
    sounding: dict[str, list[str]] = {}
    for line in gzip.decompress((_FOLDER / "lexicon.txt.gz").read_bytes()).decode().split("\n"):
        word, log, phones = line.split("\t", 2)
        logs[word] = int(log)
        spoken[word] = phones
        for one in phones.split("\t"):
            sounding.setdefault(one, []).append(word)
    words = tuple(sorted(logs, key=logs.__getitem__))  # the file is alphabetical: equal ones stay so
    return _Lexicon(
        words,
        {word: place for place, word in enumerate(words)},
        tuple(-logs[word] / 16 for word in words),
        spoken,
        sounding,
    )


@cache
def _rules() -> dict[str, Phones]:
    lines = gzip.decompress((_FOLDER / "letter_to_sound.txt.gz").read_bytes()).decode().splitlines()
    return {key: tuple(sound.split()) for key, _, sound in (line.partition("\t") for line in lines)}


def _read_out(word: str) -> Phones:
    """The pronunciation of what is left of a word without case and accents; digits are read one by one."""
    letters = unicodedata.normalize("NFKD", word).casefold().replace("’", "'")
    letters = "".join(letter for letter in letters if letter in "abcdefghijklmnopqrstuvwxyz'0123456789").strip("'")
    if letters in _lexicon().spoken:
        return pronunciation(letters)
    if letters.isdigit():
        return tuple(phone for digit in letters[:_MOST_DIGITS] for phone in pronunciation(_DIGITS[int(digit)]))
    return _sounded(letters)


def _sounded(letters: str) -> Phones:
    """Letter by letter, each by the strongest rule whose context fits."""
    rules = _rules()
    padded = f"##{letters}###"
    phones: list[str] = []
    for place in range(2, 2 + len(letters)):
        letter = padded[place].upper()
        for before, after in reversed(CONTEXTS):
            sound = rules.get(padded[place - before : place] + letter + padded[place + 1 : place + 1 + after])
            if sound is not None:
                phones += sound
                break
    return tuple(phones)
