"""What a noise changed in a sentence, marked up for a page on GitHub, which shows no colours in running text.

Words are compared with words; where one stands for another that is much like it, letters with letters. What came is
bold, what was lost is struck out; of letters that were replaced only the new ones are shown, which is easier to read.

Public: `marked`.
"""

from __future__ import annotations

import difflib
import re
from itertools import zip_longest

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_ALIKE = 0.5
_THIN_SPACE = "\u2009"
_MARKUP = re.compile(r"[&<>|*_~`\\\[\]#$]")  # of HTML, Markdown and its tables


def marked(clean: str, noisy: str) -> str:
    """`noisy` as one line of Markdown with HTML, what differs from `clean` marked."""
    before, after = _WORDS.findall(clean), _WORDS.findall(noisy)
    parts = []
    for kind, start, end, begin, stop in _changes(before, after):
        if kind == "equal":
            parts.append(_plain("".join(after[begin:stop])))
        else:
            parts.append(_replaced(before[start:end], after[begin:stop]))
    return "".join(parts)


def _replaced(lost: list[str], came: list[str]) -> str:
    """Words that stand in the place of others: by letters where each is like its counterpart, else as a whole."""
    pairs = list(zip_longest(lost, came, fillvalue=""))
    if len(lost) == len(came) and all(_likeness(*pair) >= _ALIKE for pair in pairs):
        return "".join(_by_letters(*pair) for pair in pairs)
    if _likeness("".join(lost), "".join(came)) >= _ALIKE:
        return _by_letters("".join(lost), "".join(came))
    return _THIN_SPACE.join(filter(None, (_lost("".join(lost)), _came("".join(came)))))


def _by_letters(lost: str, came: str) -> str:
    parts = []
    for kind, start, end, begin, stop in _changes(lost, came):
        if kind == "equal":
            parts.append(_plain(came[begin:stop]))
        else:
            parts.append(_came(came[begin:stop]) or _lost(lost[start:end]))
    return "".join(parts)


def _changes(before: list[str] | str, after: list[str] | str) -> list[tuple[str, int, int, int, int]]:
    return difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()


def _likeness(one: str, other: str) -> float:
    return 1.0 if one == other else difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def _lost(text: str) -> str:
    return f"<del>{_visible(text)}</del>" if text else ""


def _came(text: str) -> str:
    return f"<b>{_visible(text)}</b>" if text else ""


def _visible(text: str) -> str:
    """Text of a change; white space alone could not be seen."""
    return _plain(text if text.strip() else "␣" * len(text))


def _plain(text: str) -> str:
    """Text without markup, in one line."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", re.sub(r"[\n\r\t]", "␣", text))
