"""Readers of emotion corpora, and the cache of decoded raw utterances that they share.

A reader turns the files of a release into a list of utterances and reports what is wrong with a copy before
anything is trained on it. What is wrong is a `Problem`; a reader collects all of them and raises one
`CorpusError`, or, where the user asked to skip bad input, leaves the utterances out and lists them.

Public: CorpusError, Fold, Problem, is_synthetic, raise_problems. Modules: iemocap and cmu_mosei (readers of raw
releases, folds), mmin and mmsa (readers of released features), features (their corpus), csd (label files of
CMU-MOSEI), restricted_pickle, face (crop), cache.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["CorpusError", "Fold", "Problem", "is_synthetic", "raise_problems"]

SHOWN_PROBLEMS = 10


class CorpusError(Exception):
    """A corpus cannot be used as it is; the message names file, line and remedy."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a copy of a corpus."""

    subject: str
    """What cannot be used because of it: an utterance id, a dialog or a session."""
    message: str
    """The file (and line), what is wrong with it, and the remedy."""

    def __str__(self) -> str:
        return f"{self.subject}: {self.message}"


@dataclass(frozen=True, eq=False)
class Fold:
    """One split into indices of utterances; no speaker is in two of the three parts."""

    name: str
    train: npt.NDArray[np.int64]
    val: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def is_synthetic(root: Path) -> bool:
    """Whether the corpus was generated: SYNTHETIC.json lies in its folder and says so."""
    marker = root / "SYNTHETIC.json"
    if not marker.is_file():
        return False
    try:
        return bool(json.loads(marker.read_text(encoding="utf-8"))["synthetic"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f'{marker}: must be JSON with a field "synthetic"; generate the corpus again') from error


def raise_problems(problems: Sequence[Problem], root: Path) -> None:
    """Raise one CorpusError that shows the first problems and their number; return if there is none."""
    if not problems:
        return
    lines = [f"  {problem}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        lines.append(f"  … and {len(problems) - SHOWN_PROBLEMS} more")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise CorpusError(
        f"{count} in the corpus at {root}:\n"
        + "\n".join(lines)
        + "\nRepair the copy, or continue without what is named above: --skip-bad."
    )
