"""CMU-MOSEI sentiment from the features that come with MMSA: protocols of noise, missing modalities and lost steps.

    python -m recipes.mosei_features [--data FILE] [--out RUN] [--config TOML] [--resume] [--skip-bad] [--workers N]
        [--section.key=value …]

FILE is aligned_50.pkl or unaligned_50.pkl; without it a synthetic one in the same layout is generated, whose figures
say nothing about people. It is opened by a reader that runs no code, and converted once into the folder --cache. The
release has one split, so runs differ in their seeds. What is trained is said in `recipes.iemocap_features`; protocols
are in configs/mosei_features_*.toml, each with its time. A killed run goes on with --resume.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from recipes.corpora import mmsa
from recipes.corpora.features import FeatureCorpus
from recipes.demo.features import write_mmsa
from recipes.released.recipe import Recipe
from recipes.released.run import main as run_recipe
from recipes.task import Sentiment


def _read(data: Path, cache: Path, *, skip_bad: bool) -> FeatureCorpus:
    return mmsa.read(data, cache, skip_bad=skip_bad)


def _demo(file: Path) -> None:
    if not file.exists():
        write_mmsa(file)


def _task(corpus: FeatureCorpus) -> Sentiment:
    return Sentiment()


RECIPE = Recipe(
    name="mosei_features",
    task=_task,
    config=Path(__file__).parent / "configs" / "mosei_features_nmer.toml",
    read=_read,
    demo=_demo,
    demo_path=Path("data/demo_mmsa/aligned_50.pkl"),
    description=__doc__,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the recipe; gives the exit code: 0 done, 2 wrong input, 130 interrupted."""
    return run_recipe(RECIPE, arguments)


if __name__ == "__main__":
    sys.exit(main())
