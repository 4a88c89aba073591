"""Differences between a clean and a noisy sentence, marked for reading.

Public: `marked_changes`.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from .markup import text

_WORD = re.compile(r"\s+|\S+")


def marked_changes(clean: str, noisy: str) -> str:
    """The noisy sentence as markup: what is lost is struck through, what is changed or added is marked.

    Words are aligned first; a word that stands in the place of another is then compared letter by letter.
    """
    before, after = _WORD.findall(clean), _WORD.findall(noisy)
    parts = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            parts.append(text("".join(after[k:m])))
        elif tag == "replace" and j - i == m - k:
            parts += [_changed_word(old, new) for old, new in zip(before[i:j], after[k:m], strict=True)]
        else:
            parts += [_wrapped("del", "".join(before[i:j])), _wrapped("ins", "".join(after[k:m]))]
    return "".join(parts)


def _changed_word(old: str, new: str) -> str:
    if len(old) == len(new):  # letters struck wrongly: each stands where the right one stood
        marked = (text(b) if a == b else _wrapped("mark", b) for a, b in zip(old, new, strict=True))
        return "".join(marked).replace("</mark><mark>", "")
    return _wrapped("del", old) + _wrapped("ins", new)


def _wrapped(tag: str, words: str) -> str:
    return f"<{tag}>{text(words)}</{tag}>" if words else ""
