"""Reference and hypothesis as words, and where they differ.

Recognisers write figures, abbreviations and compounds in ways that a reference need not share ("twentieth" and "20th",
"good bye" and "goodbye"). Those are no errors of hearing: `repaired` gives such stretches of the hypothesis the
spelling of the reference.

Public: `words`, `repaired`, `edits`, `spans`, `word_errors`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

_NUMBERS = frozenset(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion point first
    second third fourth fifth sixth seventh eighth ninth tenth oh dollar dollars percent cents cent half nineties
    eighties seventies sixties th nd rd""".split()  # noqa: SIM905
)
_SPELLINGS = {
    "mister": "mr", "missus": "mrs", "doctor": "dr", "ok": "okay", "alright": "all right", "gonna": "going to",
    "wanna": "want to", "gotta": "got to", "til": "till", "grey": "gray", "theatre": "theater", "cinemas": "cinemas",
    "humour": "humor", "colour": "color", "favourite": "favorite", "realise": "realize", "centre": "center",
    "travelling": "traveling", "humourless": "humorless", "neighbour": "neighbor",
    "neighbours": "neighbors", "honour": "honor", "behaviour": "behavior", "judgement": "judgment",
    "programme": "program", "flavour": "flavor", "labour": "labor",
}  # fmt: skip

Words = list[str]


def words(text: str) -> Words:
    """The words of a text in lower case, apostrophes kept, without punctuation and without what is in brackets."""
    text = unicodedata.normalize("NFKC", text).replace("\u2019", "'").lower()
    text = re.sub(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|♪", " ", text).replace("&", " and ").replace("%", " percent ")
    found = re.findall(r"[^\W_]+(?:'[^\W_]+)*'?", text)
    found = [word if word.endswith("s'") else word.rstrip("'") for word in found]
    return " ".join(_SPELLINGS.get(word, word) for word in found).split()


def edits(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[str, int, int]]:
    """(kind, place in the reference, place in the hypothesis) of each word error; kind replace, delete or insert."""
    return [(op.tag, op.src_pos, op.dest_pos) for op in Levenshtein.editops(reference, hypothesis)]


def spans(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Maximal runs of errors: reference[a:b] became hypothesis[c:d]."""
    found: list[tuple[int, int, int, int]] = []
    for op in Levenshtein.opcodes(reference, hypothesis):
        if op.tag == "equal":
            continue
        if found and found[-1][1] == op.src_start and found[-1][3] == op.dest_start:
            found[-1] = (found[-1][0], op.src_end, found[-1][2], op.dest_end)
        else:
            found.append((op.src_start, op.src_end, op.dest_start, op.dest_end))
    return found


def repaired(reference: Words, hypothesis: Words) -> Words:
    """The hypothesis without mere differences of spelling: compounds, apostrophes, figures, spelt-out letters."""
    kept: Words = []
    last = 0
    for a, b, c, d in spans(reference, hypothesis):
        kept += hypothesis[last:c]
        last = d
        kept += reference[a:b] if _same_sound(reference[a:b], hypothesis[c:d]) else hypothesis[c:d]
    return kept + hypothesis[last:]


def _same_sound(said: Words, heard: Words) -> bool:
    if "".join(said).replace("'", "") == "".join(heard).replace("'", ""):
        return True
    if said and heard and any(word in _NUMBERS or any(map(str.isdigit, word)) for word in said + heard):
        return True
    return bool(said) and all(len(word) == 1 for word in said) and not set(said) <= {"a", "i", "o"}


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Substitutions, deletions and insertions on the shortest way from one to the other."""
    return int(Levenshtein.distance(reference, hypothesis))
