"""IEMOCAP from the features that come with MMIN: the protocols of NMER, MMIN and others, on ten folds.

    python -m recipes.iemocap_features [--data DIR] [--out RUN] [--config TOML] [--resume] [--skip-bad] [--workers N]
        [--section.key=value …]

DIR is the folder of the release (A, V, L, target); without it a synthetic one in the same layout is generated, whose
figures say nothing about people. Encoders of the sequences and a fusion are trained together: first a clean teacher
(cross-entropy and CMD), then every method from the teacher's encoders, under noise on the sequences that is drawn anew
for every utterance and epoch. Default: the NMER protocol. Others are in configs/iemocap_features_*.toml, each with its
time; a killed run goes on with --resume.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from recipes.corpora import mmin
from recipes.corpora.features import FeatureCorpus
from recipes.demo.features import write_mmin
from recipes.released.recipe import Recipe
from recipes.released.run import main as run_recipe
from recipes.task import Emotion


def _read(data: Path, cache: Path, *, skip_bad: bool) -> FeatureCorpus:
    return mmin.read(data, skip_bad=skip_bad)


def _task(corpus: FeatureCorpus) -> Emotion:
    return Emotion("iemocap4", corpus.classes)


RECIPE = Recipe(
    name="iemocap_features",
    task=_task,
    config=Path(__file__).parent / "configs" / "iemocap_features_nmer.toml",
    read=_read,
    demo=partial(write_mmin, utterances=200),
    demo_path=Path("data/demo_mmin"),
    description=__doc__,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the recipe; gives the exit code: 0 done, 2 wrong input, 130 interrupted."""
    return run_recipe(RECIPE, arguments)


if __name__ == "__main__":
    sys.exit(main())
