"""Differences between a clean and a noisy sentence, marked for reading.

Public: `marked_changes`.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import zip_longest

from .markup import text


def marked_changes(clean: str, noisy: str) -> str:
    """The noisy sentence as markup: what is lost is struck through, what is changed or added is marked.

    Words are aligned first; a word that stands in the place of another is then compared letter by letter. White
    space is not compared.
    """
    before, after = clean.split(), noisy.split()
    if [len(word) for word in before] == [len(word) for word in after]:  # letters alone can have changed
        return " ".join(map(_changed_word, before, after))
    parts: list[str] = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "replace":
            pairs = zip_longest(before[i:j], after[k:m], fillvalue="")
            parts += [_changed_word(old, new) for old, new in pairs]
        elif tag == "equal":
            parts.append(text(" ".join(after[k:m])))
        else:
            parts.append(_wrapped("del", " ".join(before[i:j])) + _wrapped("ins", " ".join(after[k:m])))
    return " ".join(parts)


def _changed_word(old: str, new: str) -> str:
    if len(old) == len(new):  # letters struck wrongly: each stands where the right one stood
        marked = (text(b) if a == b else _wrapped("mark", b) for a, b in zip(old, new, strict=True))
        return "".join(marked).replace("</mark><mark>", "")
    return _wrapped("del", old) + _wrapped("ins", new)


def _wrapped(tag: str, words: str) -> str:
    return f"<{tag}>{text(words)}</{tag}>" if words else ""
