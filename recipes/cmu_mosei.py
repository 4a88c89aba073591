"""CMU-MOSEI: train and judge sentiment from raw audio, video and text under scheduled noise.

    python -m recipes.cmu_mosei [--data DIR] [--out RUN] [--resume] [--skip-bad] [--workers N] [--section.key=value …]

DIR is a copy of the raw release as `recipes.corpora.cmu_mosei` describes it; without it a demo corpus in the same
layout is made by `recipes.demo_corpus` and used. The split is the standard one, so that runs differ in their seeds.
What is done is said in `recipes.raw.run`. Both rounding rules of seven classes are reported.

The demo corpus takes about six minutes on two cores. A killed run goes on with --resume.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from recipes import demo_corpus
from recipes.corpora import Fold
from recipes.corpora import cmu_mosei as reader
from recipes.raw.recipe import Claim, Recipe
from recipes.raw.run import main as run_recipe
from recipes.task import Sentiment


def _folds(utterances: Sequence[reader.Utterance], by: str) -> list[Fold]:
    if by != "standard":
        raise ValueError(f"{by!r} is not known; CMU-MOSEI has 'standard' folds alone")
    return reader.folds(utterances)


RECIPE = Recipe(
    name="cmu_mosei",
    corpus="CMU-MOSEI",
    task=Sentiment(),
    config=Path(__file__).parent / "configs" / "cmu_mosei.toml",
    read=reader.read,
    folds=_folds,
    demo=functools.partial(demo_corpus.generate, layout="mosei"),
    demo_folder=Path("data/demo_mosei"),
    claims=(
        Claim(
            "NMER under scheduled noise beats the model trained on clean data, mean of the six noisy conditions",
            "nmer",
            "nmer_clean",
            "noisy/mean",
            0.0,
        ),
        Claim(
            "NMER under scheduled noise beats the model trained with zero vectors, mean of the six noisy conditions",
            "nmer",
            "nmer_zero",
            "noisy/mean",
            0.0,
        ),
    ),
    description=__doc__ or "",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the recipe; gives the exit code: 0 done, 2 wrong input, 130 interrupted."""
    return run_recipe(RECIPE, arguments)


if __name__ == "__main__":
    sys.exit(main())
