"""What careless writers and recognisers leave out between the words: punctuation, capitals, spaces.

Public: `PunctuationLoss`, registered as ``text/punctuation_loss``; `CaseLoss`, registered as ``text/case_loss``;
`RunOn`, registered as ``text/run_on``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..path import check_range, lerp
from ..registry import register
from .tokens import hit_places, split_words

_INNER = r"""'’.,:·\-‐‑־"""  # these can stand within a word or number
_OUTER = r""";!?"()\[\]{}…“”„‟‘‚«»‹›–—―¿¡、。，！？；：（）「」『』《》〈〉・؟،؛۔।॥׀׃"""
_ALONE = "(?![\u0300-\u036f\u200c\u200d\u20e3\ufe0e\ufe0f])"  # not in a cluster with what follows, as in *️⃣
_MARK = re.compile(rf"((?:[{_OUTER}]|(?<!\w)[{_INNER}]|[{_INNER}](?!\w)){_ALONE})")
_SPACE = re.compile(rf"(?<=\S)(\s+)(?=\S){_ALONE}")
_SENTENCES = re.compile(r"""([.!?…]+["'”’)]*\s+["'“‘(]*)(?=\w)""")
_FIRST_WORD = re.compile(r"[^\W_]+")


@register("text/punctuation_loss", stage="channel")
@dataclass(frozen=True, slots=True)
class PunctuationLoss:
    """Leave out punctuation marks at random, each on its own with the same probability.

    Marks within a word, as in *don't*, *well-known* and *3.14*, belong to it and are kept; so are white space,
    symbols and emoji. The loss rate rises along `loss_rate_range` with the level; at the default's end the text is as
    a recogniser without punctuation gives it. It does little by itself.

    Source: the raw output of speech recognisers, into which punctuation has to be put back (Tilk and Alumäe,
    "Bidirectional recurrent neural network with attention mechanism for punctuation restoration", Interspeech 2016).
    """

    loss_rate_range: tuple[float, float] = (0.0, 1.0)
    """Share of the marks that is lost, at level 0 and at level 1; in [0, 1]."""

    def __post_init__(self) -> None:
        check_range("loss_rate_range", self.loss_rate_range, 0.0, 1.0)

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        parts = _MARK.split(text)
        lost = hit_places(rng, len(parts) // 2, lerp(self.loss_rate_range, level))
        for mark in lost:
            parts[2 * mark + 1] = ""
        return "".join(parts), {"lost_marks": len(lost), "mark_loss_rate": len(lost) / max(1, len(parts) // 2)}


@register("text/case_loss", stage="channel")
@dataclass(frozen=True, slots=True)
class CaseLoss:
    """Write words without their capitals, or all in capitals, each on its own with the same probability.

    The words are those of `noise_scheduler.text.tokens`, changed as a whole; everything between them is kept. The
    loss rate rises along `loss_rate_range` with the level. Small letters throughout are what recognisers give, and do
    little by themselves; capitals throughout are captions, and text with the key locked.

    Source: Mayhew, Tsygankova and Roth, "ner and pos when nothing is capitalized", EMNLP 2019.
    """

    loss_rate_range: tuple[float, float] = (0.0, 1.0)
    """Share of the words that lose their case, at level 0 and at level 1; in [0, 1]."""
    into: str = "lower"
    """``"lower"``: capitals become small letters; ``"upper"``: small letters become capitals."""

    def __post_init__(self) -> None:
        check_range("loss_rate_range", self.loss_rate_range, 0.0, 1.0)
        if self.into not in ("lower", "upper"):
            raise ValueError(f"into must be 'lower' or 'upper', not {self.into!r}")

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        parts = split_words(text)
        turned = [word.lower() if self.into == "lower" else word.upper() for word in parts[1::2]]
        able = [place for place, word in enumerate(turned) if word != parts[2 * place + 1]]
        lost = hit_places(rng, len(able), lerp(self.loss_rate_range, level))
        for place in lost:
            parts[2 * able[place] + 1] = turned[able[place]]
        return "".join(parts), {"changed_words": len(lost), "case_loss_rate": len(lost) / max(1, len(able))}


@register("text/run_on", stage="source")
@dataclass(frozen=True, slots=True)
class RunOn:
    """Run words together by leaving out the white space between them, or sentences, by leaving out how they end.

    Each gap is closed on its own with the same probability, which rises along `join_rate_range` with the level;
    white space before the first and after the last word is kept.

    Source: Kukich, "Techniques for automatically correcting words in text", ACM Computing Surveys 24(4), 1992: of the
    errors in typed conversations that she counted, 15 % broke the bounds of words, most of them run-ons.
    """

    join_rate_range: tuple[float, float] = (0.0, 1.0)
    """Share of the gaps that are closed, at level 0 and at level 1; in [0, 1]."""
    between: str = "words"
    """``"words"``: the white space between words goes; ``"sentences"``: a sentence's closing marks go, and the capital
    of the next one, save for *I* and words all in capitals. One sentence alone then stays as it is."""

    def __post_init__(self) -> None:
        check_range("join_rate_range", self.join_rate_range, 0.0, 1.0)
        if self.between not in ("words", "sentences"):
            raise ValueError(f"between must be 'words' or 'sentences', not {self.between!r}")

    def __call__(self, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, float]]:
        parts = (_SPACE if self.between == "words" else _SENTENCES).split(text)
        joined = hit_places(rng, len(parts) // 2, lerp(self.join_rate_range, level))
        for gap in joined:
            if self.between == "words":
                parts[2 * gap + 1] = ""
            else:
                parts[2 * gap + 1] = "".join(filter(str.isspace, parts[2 * gap + 1]))
                parts[2 * gap + 2] = _within_sentence(parts[2 * gap + 2])
        return "".join(parts), {"joins": len(joined), "join_rate": len(joined) / max(1, len(parts) // 2)}


def _within_sentence(sentence: str) -> str:
    """A sentence with a small first letter, as it goes on after another."""
    found = _FIRST_WORD.match(sentence)
    if found is None or found[0] == "I" or (len(found[0]) > 1 and found[0].isupper()):
        return sentence
    return sentence[:1].lower() + sentence[1:]
