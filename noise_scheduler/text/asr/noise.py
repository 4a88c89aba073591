"""A transcript as a speech recogniser would have written it.

Public: `RecogniserErrors`, registered as ``text/asr``; `transcribe`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from ...path import check_range, lerp
from ...record import Hit
from ...registry import register
from .generator import Errors, generate
from .profile import Profile, load
from .sampling import Draw
from .words import Word, word_of

_SPACE = re.compile(r"(\s+)")
_I = re.compile(r"\bi(?=$|[ '])")
_SENTENCE_ENDS = ".?!…"


@register("text/asr", stage="channel")
@dataclass(frozen=True, slots=True)
class RecogniserErrors:
    """Write what a speech recogniser would have written: words misheard, left out and put in, in runs.

    The expected word error rate rises along `wer_range` with the level; at level 0 the transcript is clean, at level 1
    of the default it has more errors than words. What kinds of errors these are, how far the words are from what was
    said, how they cluster, and how often nothing is understood comes from the profile: as the word error rate rises,
    replacements lose their likeness and errors run together. Replacements have the capitals and the punctuation of the
    words in whose place they stand; a word that is left out goes with its punctuation and the white space after it.
    English; words that cannot be read as English are left as they are.

    The achieved "wer" counts the errors that were made against the words of the text; beside it stand the counts of
    "substitutions", "deletions" and "insertions".

    Source: errors of recognisers on ten speech corpora and of Whisper under noise; the model is described in
    `noise_scheduler.text.asr`.
    """

    wer_range: tuple[float, float] = (0.0, 1.1)
    """Expected word error rate at level 0 and at level 1; in [0, 1.1]."""
    profile: str = "noise"
    """Whose errors: "noise" (a recogniser hearing noise), "conversation" (disfluent speech, more is left out), or the
    path of a JSON file from `noise_scheduler.text.asr.fit`."""
    context: bool = False
    """Whether replacements are chosen with a view to the words beside them, as a language model would; slower."""
    follows: str = ""
    """The modality whose noise this one follows, such as "audio" (`noise_scheduler.tied`): errors are as many as the
    profile's recogniser makes in what it hears (`noise_scheduler.text.asr.heard`). Empty for none."""

    def __post_init__(self) -> None:
        check_range("wer_range", self.wer_range, 0.0, 1.1)
        load(self.profile)
        if not isinstance(self.context, bool):
            raise ValueError(f"context must be True or False, not {self.context!r}")

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        return transcribe(text, load(self.profile), lerp(self.wer_range, level), rng, context=self.context)

    def follow(self, hits: Sequence[Hit]) -> tuple[float, dict[str, float]]:
        """How far to go after these noises on the sound, and the word error rate that they lead one to expect."""
        wer = load(self.profile).hearing.wer(hits)
        return self.position_for(wer), {"expected_wer": wer}

    def position_for(self, wer: float) -> float:
        """The level at which this word error rate is expected, held to [0, 1]."""
        low, high = self.wer_range
        return min(max((wer - low) / (high - low), 0.0), 1.0) if high > low else float(wer >= high)


def transcribe(
    text: str, profile: Profile, wer: float, rng: np.random.Generator, *, context: bool = False
) -> tuple[str, dict[str, float]]:
    """The text with the errors of a profile at an expected word error rate; and what was done to it."""
    tokens = text.split()
    words = [word_of(token) for token in tokens]
    spoken = [word for word in words if word.spoken]
    count = len(spoken)
    if not count:
        return text, _achieved(0, 0, 0, 0)
    made = generate(spoken, profile.settings(wer), profile.choices[context], _uniform(rng, count), context)
    if made is None:
        return "", _achieved(count, 0, count, 0)
    if made.written:
        pieces = _pieces(text, tokens)
        first = 0 if pieces[0] else 2  # the latter where the text begins with white space
        places = [first + 2 * place for place, word in enumerate(words) if word.spoken]
        text = _rewritten(text, pieces, places, spoken, made)
    return text, _achieved(count, made.substitutions, made.deletions, made.insertions)


def _uniform(rng: np.random.Generator, words: int) -> Draw:
    """Uniform numbers, many at a time."""
    scalar: Callable[[], Any] = rng.random
    return chain(rng.random(16 + 2 * words).tolist(), iter(scalar, None)).__next__


def _rewritten(text: str, pieces: list[str], places: list[int], words: list[Word], made: Errors) -> str:
    """The text, which has these spoken words at these places among its pieces, with them as they were written."""
    has_capitals = not text.islower()
    before = made.inserted[-1]
    nothing_yet = not any(map(str.strip, pieces[: places[0]]))
    for at, word, written, after in zip(places, words, made.written, made.inserted, strict=False):
        if written is None and not after and not before:
            nothing_yet = False
        elif said := " ".join(filter(None, [before, word.core if written is None else written, after])):
            pieces[at] = word.dressed(_with_pronoun(said) if has_capitals else said)
            nothing_yet, before = False, ""
        else:
            pieces[at] = ""
            if nothing_yet:
                pieces[at + 1 : at + 2] = [""] * (at + 1 < len(pieces))
            else:
                pieces[at - 1] = ""  # the white space after a lost word takes the place of that before it
                _close(pieces, at, word.suffix)
    return "" if nothing_yet and not any(map(str.strip, pieces)) else "".join(pieces)


def _pieces(text: str, tokens: list[str]) -> list[str]:
    """Words, which are the tokens, and white space in turn."""
    if " ".join(tokens) != text:
        return _SPACE.split(text)
    pieces = [" "] * (2 * len(tokens) - 1)
    pieces[::2] = tokens
    return pieces


def _close(pieces: list[str], at: int, suffix: str) -> None:
    """The mark at the end of a sentence stays where its last word is lost."""
    if suffix and any(mark in suffix for mark in _SENTENCE_ENDS):
        while not pieces[at].strip():
            at -= 1
        if pieces[at][-1].isalnum():
            pieces[at] += suffix


def _with_pronoun(said: str) -> str:
    """The pronoun I is a capital in texts that have any."""
    return _I.sub("I", said) if "i" in said else said


def _achieved(words: int, substitutions: int, deletions: int, insertions: int) -> dict[str, float]:
    wer = (substitutions + deletions + insertions) / max(words, 1)
    return {"wer": wer, "substitutions": substitutions, "deletions": deletions, "insertions": insertions}
