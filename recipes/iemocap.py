"""IEMOCAP: train and judge emotion recognition from raw audio, video and text under scheduled noise.

    python -m recipes.iemocap [--data DIR] [--out RUN] [--resume] [--skip-bad] [--workers N] [--section.key=value …]

DIR is a copy of the release (the folder with Session1 … Session5); without it the demo corpus of
`recipes.demo_corpus` is made and used. What is done is said in `recipes.raw.run`; with finetune.epochs > 0 the NMER
model is then trained end to end under online noise.

The demo corpus takes about six minutes on two cores. A killed run goes on with --resume.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from recipes import demo_corpus
from recipes.corpora import iemocap as reader
from recipes.raw.recipe import Claim, Recipe
from recipes.raw.run import main as run_recipe
from recipes.task import Emotion

_CLAIMS = (
    Claim(
        "NMER under scheduled noise beats the model trained on clean data, mean of the six noisy conditions",
        "nmer",
        "nmer_clean",
        "noisy/mean",
        8.0,
    ),
    Claim(
        "NMER under scheduled noise beats the model trained with zero vectors, mean of the six noisy conditions",
        "nmer",
        "nmer_zero",
        "noisy/mean",
        8.0,
    ),
    Claim(
        "NMER under scheduled noise is no worse than zero vectors when modalities are missing",
        "nmer",
        "nmer_zero",
        "missing/mean",
        0.0,
    ),
    Claim(
        "NMER under scheduled noise loses at most one point on clean data against the model trained on clean data",
        "nmer",
        "nmer_clean",
        "clean",
        -1.0,
    ),
)
RECIPE = Recipe(
    name="iemocap",
    corpus="IEMOCAP",
    task=Emotion("iemocap4", reader.LABELS),
    config=Path(__file__).parent / "configs" / "iemocap.toml",
    read=reader.read,
    folds=reader.folds,
    demo=demo_corpus.generate,
    demo_folder=Path("data/demo"),
    claims=_CLAIMS,
    description=__doc__ or "",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the recipe; gives the exit code: 0 done, 2 wrong input, 130 interrupted."""
    return run_recipe(RECIPE, arguments)


if __name__ == "__main__":
    sys.exit(main())
