"""What other libraries have for the noises of text, each with one parameter from 0 to 1 that sets its strength.

A transform is built once and called with a str. nlpaug chooses words and, in them, letters: both shares can set the
strength, and both ways stand here, without its limit of ten words. textnoisr changes any character, white space
included. multypo mixes four kinds of typing errors.

Public: `PEERS`, `LIBRARIES`, `Peer`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import multypo
import nlpaug.augmenter.char as nac
import nlpaug.augmenter.word as naw
from textnoisr.noise import CharNoiseAugmenter

LIBRARIES = ("nlpaug", "textnoisr", "multypo")

Transform = Callable[[str], str]


@dataclass(frozen=True)
class Peer:
    """A transform of another library; its strength rises with the parameter."""

    name: str
    make: Callable[[float], Transform]
    """Given the parameter."""
    most: float = 1.0
    """The greatest parameter that it takes."""


def _first(augmenter: Any) -> Transform:
    return lambda text: augmenter.augment(text)[0] if text else text  # type: ignore[no-any-return]


def _letters(name: str, **fields: Any) -> list[Peer]:
    """A character augmenter of nlpaug, its strength set by the share of words or by that of letters."""
    fields = {"aug_word_max": None, "aug_char_max": None, "min_char": 1, **fields}

    def by_words(share: float) -> Transform:
        return _first(getattr(nac, name)(aug_word_p=share, **fields))

    def by_letters(share: float) -> Transform:
        return _first(getattr(nac, name)(aug_word_p=1, aug_char_min=0, aug_char_p=share, **fields))

    shown = f"nlpaug {name}" + (f" {fields['action']}" if "action" in fields else "")
    return [Peer(f"{shown}, words", by_words), Peer(f"{shown}, letters", by_letters)]


def _words(name: str, **fields: Any) -> Peer:
    """A word augmenter of nlpaug."""
    shown = f"nlpaug {name}" + (f" {fields['action']}" if "action" in fields else "")
    return Peer(shown, lambda share: _first(getattr(naw, name)(aug_p=share, aug_min=0, aug_max=None, **fields)))


def _textnoisr(*actions: str) -> Peer:
    most = 0.5 if "swap" in actions else 1.0
    name = f"textnoisr {', '.join(actions)}"
    return Peer(name, lambda share: CharNoiseAugmenter(share, actions=actions, seed=0).add_noise, most)  # type: ignore[return-value]


def _multypo(**shares: float) -> Peer:
    def make(share: float) -> Transform:
        generator = multypo.MultiTypoGenerator(language="english", typo_distribution=dict(shares))
        return lambda text: generator.insert_typos(text, typo_rate=share)

    return Peer(f"multypo {', '.join(shares)}", make, most=8.0)


PEERS: dict[str, list[Peer]] = {
    "keyboard": [
        *_letters("KeyboardAug", include_special_char=False, include_upper_case=False),
        _multypo(replace=1.0),
    ],
    "ocr": _letters("OcrAug"),
    "spelling": [_words("SpellingAug")],
    "random_letters": [
        *_letters("RandomCharAug", action="substitute", include_numeric=False),
        *_letters("RandomCharAug", action="insert", include_numeric=False),
        *_letters("RandomCharAug", action="delete"),
        _textnoisr("insert", "substitute", "delete"),
    ],
    "transposition": [
        *_letters("RandomCharAug", action="swap", min_char=3),  # it fails on words of one letter
        _textnoisr("swap"),
        _multypo(transpose=1.0),
    ],
    "word_loss": [_words("RandomWordAug", action="delete")],
    "word_order": [_words("RandomWordAug", action="swap")],
    "truncation": [_words("RandomWordAug", action="crop")],
    "unknown_words": [_words("RandomWordAug", action="substitute", target_words=["<unk>"])],
}
"""Noise, without its kind → what other libraries have for it. The others have no counterpart there."""
