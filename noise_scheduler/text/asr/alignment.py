"""What two transcripts of the same utterance differ in: substitutions, deletions, insertions, and how they lie.

Public: `edits`, `Rates`, `measure`.

Reference: NIST sclite (word errors by the shortest alignment).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .. import lexicon
from .phones import similarity

Edit = tuple[str, int, int]


def edits(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Edit]:
    """The fewest word errors from reference to hypothesis; among equals, those of the usual tools (rapidfuzz, jiwer).

    Returns:
        Triples in order: "replace", "delete" or "insert", the place in the reference (of an insertion: of the word
        before which it stands), and the place in the hypothesis.
    """
    rows, columns = len(reference), len(hypothesis)
    if list(reference) == list(hypothesis):
        return []
    table = [list(range(columns + 1))]
    for i, word in enumerate(reference, start=1):
        above = table[-1]
        row = [i]
        left = i
        for j, heard in enumerate(hypothesis):
            diagonal = above[j] + (word != heard)
            left = min(diagonal, left + 1, above[j + 1] + 1)
            row.append(left)
        table.append(row)
    found: list[Edit] = []
    i, j = rows, columns
    while i or j:
        here = table[i][j]
        if i and j and reference[i - 1] == hypothesis[j - 1] and table[i - 1][j - 1] == here:
            i, j = i - 1, j - 1
        elif i and table[i - 1][j] + 1 == here:
            i -= 1
            found.append(("delete", i, j))
        elif i and j and table[i - 1][j - 1] + 1 == here:
            i, j = i - 1, j - 1
            found.append(("replace", i, j))
        else:
            j -= 1
            found.append(("insert", i, j))
    return found[::-1]


@dataclass(frozen=True, slots=True)
class Rates:
    """How a recogniser errs; rates are errors per word of the references."""

    substitution_rate: float
    deletion_rate: float
    insertion_rate: float
    phone_similarity: float
    """Mean over the substitutions of 1 − phone edit distance / length of the longer word."""
    variance_ratio: float
    """Variance of the substitutions and deletions of an utterance, over that of independent errors."""
    runs: tuple[float, float, float]
    """Shares of the runs of wrong words in the references that are one, two, and three or more words long."""
    empty_rate: float
    """Share of the transcripts that are empty."""

    @property
    def wer(self) -> float:
        """Word error rate."""
        return self.substitution_rate + self.deletion_rate + self.insertion_rate


def measure(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Rates:
    """The rates over pairs of reference and hypothesis, words in lower case without punctuation.

    Empty transcripts count in the rates and in `empty_rate`, and are left out of the runs and of the variance.
    """
    words = substitutions = deletions = insertions = utterances = empty = 0
    alike = 0.0
    runs = [0, 0, 0]
    wrong: list[tuple[int, int]] = []
    for reference, hypothesis in pairs:
        utterances += 1
        words += len(reference)
        if not hypothesis:
            empty += bool(reference)
            deletions += len(reference)
            continue
        places = []
        for kind, i, j in edits(reference, hypothesis):
            if kind == "insert":
                insertions += 1
                continue
            places.append(i)
            if kind == "delete":
                deletions += 1
            else:
                substitutions += 1
                alike += _alike(reference[i], hypothesis[j])
        wrong.append((len(reference), len(places)))
        for length in _run_lengths(places):
            runs[min(length, 3) - 1] += 1
    return Rates(
        substitutions / max(words, 1),
        deletions / max(words, 1),
        insertions / max(words, 1),
        alike / max(substitutions, 1),
        _variance_ratio(wrong),
        _shares(runs),
        empty / max(utterances, 1),
    )


def _run_lengths(places: list[int]) -> list[int]:
    lengths: list[int] = []
    last = -2
    for place in places:
        if place == last + 1:
            lengths[-1] += 1
        else:
            lengths.append(1)
        last = place
    return lengths


def _variance_ratio(wrong: list[tuple[int, int]]) -> float:
    """Sum of (errors − expected)² over that of independent errors of the mean rate."""
    words = sum(length for length, _ in wrong)
    rate = sum(count for _, count in wrong) / max(words, 1)
    if not 0 < rate < 1:
        return 1.0
    return sum((count - rate * length) ** 2 for length, count in wrong) / (words * rate * (1 - rate))


def _shares(runs: list[int]) -> tuple[float, float, float]:
    total = max(sum(runs), 1)
    return runs[0] / total, runs[1] / total, runs[2] / total


@lru_cache(maxsize=1 << 16)
def _alike(one: str, other: str) -> float:
    return similarity(lexicon.pronunciation(one), lexicon.pronunciation(other))
