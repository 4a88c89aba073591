"""Typing errors: a neighbouring key is struck instead of the right one.

The neighbours come from the keyboard layouts that nlpaug ships. Its own augmenter is not called: it draws from
global generators and takes the text apart at apostrophes. Nor is the package imported, as that takes seconds;
its layout files are read from where it is installed.

Public: `Keyboard`, registered as ``text/keyboard``; `neighbours`.

Reference: Ma, "NLP augmentation", https://github.com/makcedward/nlpaug (`KeyboardAug`).
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ..extras import MissingExtraError
from ..path import check_range, lerp
from ..registry import register


@register("text/keyboard", stage="source")
@dataclass(frozen=True, slots=True)
class Keyboard:
    """Replace letters and digits by those on neighbouring keys, each on its own with the same probability.

    Case is kept, and so is everything that is not a key with neighbours on the layout: white space, apostrophes,
    punctuation, other scripts. The error rate rises along `error_rate_range` with the level. The default ends
    where the severity ½(1 − chrF₄) + ½(1 − token F1) is .70, measured over 50 conversational sentences.

    The achieved "cer" is the share of all characters that were replaced.

    Source: the keyboard layouts of nlpaug.
    """

    error_rate_range: tuple[float, float] = (0.0, 0.39)
    """Share of the letters and digits that are mistyped, at level 0 and at level 1; in [0, 1]."""
    layout: str = "en"
    """Language of the keyboard, one of nlpaug's layouts: de, en, es, fr, he, it, nl, pl, th, tr, uk."""

    def __post_init__(self) -> None:
        check_range("error_rate_range", self.error_rate_range, 0.0, 1.0)

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        near = neighbours(self.layout)
        chance, choice = rng.random((2, len(text)))
        characters = list(text)
        changed = 0
        for place in np.flatnonzero(chance < lerp(self.error_rate_range, level)).tolist():
            keys = near.get(characters[place])
            if keys is not None:
                characters[place] = keys[int(choice[place] * len(keys))]
                changed += 1
        return "".join(characters), {"cer": changed / max(1, len(text))}


@cache
def neighbours(layout: str) -> Mapping[str, str]:
    """The letters and digits next to each letter and digit of a layout, in both cases.

    Raises:
        MissingExtraError: nlpaug is not installed.
        ValueError: it has no such layout.
    """
    spec = importlib.util.find_spec("nlpaug")
    if spec is None or spec.origin is None:
        raise MissingExtraError("this noise needs 'nlpaug': pip install 'noise-scheduler[text]'")
    folder = Path(spec.origin).parent / "res" / "char" / "keyboard"
    file = folder / f"{layout}.json"
    if not file.is_file():
        layouts = ", ".join(sorted(path.stem for path in folder.glob("*.json")))
        raise ValueError(f"layout: no keyboard layout {layout!r}; nlpaug has {layouts}")
    near: dict[str, set[str]] = {}
    # The files have slips: a key beside itself, two characters in one entry, pairs listed from one side only,
    # and capitals of letters outside a–z as if they were keys of their own.
    for key, keys in json.loads(file.read_text(encoding="utf-8")).items():
        for one, other in ((key.lower(), other.lower()) for other in keys):
            if one != other and len(one) == len(other) == 1 and one.isalnum() and other.isalnum():
                near.setdefault(one, set()).add(other)
                near.setdefault(other, set()).add(one)
    table = {key: "".join(sorted(keys)) for key, keys in near.items()}
    dotted = {ord("i"): "İ"} if layout == "tr" else {}
    capitals = {key: (key.translate(dotted).upper(), keys.translate(dotted).upper()) for key, keys in table.items()}
    return {key: keys for key, keys in capitals.values() if len(key) == 1} | table
