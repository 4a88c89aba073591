"""What a recipe of the raw path states: its corpus, task, settings and claims; `recipes.raw.run` does the rest.

Public: `Recipe`, `Claim`, `Corpus`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from recipes.corpora import Fold
from recipes.corpora.decode import Item
from recipes.task import Task


class Corpus(Protocol):
    """A corpus as a reader gives it."""

    @property
    def root(self) -> Path: ...
    @property
    def utterances(self) -> Sequence[Item]: ...
    @property
    def left_out(self) -> Sequence[str]: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def synthetic(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """That a method is better than another under a condition, by so many points of the headline."""

    text: str
    method: str
    other: str
    condition: str
    bound: float


@dataclass(frozen=True)
class Recipe:
    """One recipe."""

    name: str
    """Of its module and of the folder of its runs."""
    corpus: str
    """Name of the corpus."""
    task: Task
    config: Path
    read: Callable[..., Corpus]
    """(root, skip_bad=) → the corpus."""
    folds: Callable[[Sequence[Any], str], list[Fold]]
    """(utterances, by) → folds."""
    demo: Callable[[Path], None]
    """Makes the demo corpus in a folder unless it is there."""
    demo_folder: Path
    claims: tuple[Claim, ...]
    description: str
