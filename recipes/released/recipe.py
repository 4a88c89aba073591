"""What a recipe of released features states; `recipes.released.run` does the rest.

Public: `Recipe`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from recipes.corpora.features import FeatureCorpus
from recipes.task import Task


class Reader(Protocol):
    """Reads and checks a copy of a release."""

    def __call__(self, data: Path, cache: Path, *, skip_bad: bool) -> FeatureCorpus: ...


@dataclass(frozen=True)
class Recipe:
    """One recipe."""

    name: str
    """Of its module and of the folder of its runs."""
    task: Callable[[FeatureCorpus], Task]
    config: Path
    read: Reader
    """`cache` is a folder for what a reader converts."""
    demo: Callable[[Path], None]
    """Generates a release unless it is there."""
    demo_path: Path
    description: str
