"""The models side by side: every fusion and way of training on one corpus, under equal budget and equal tuning.

    python -m recipes.compare_models [--data DIR] [--out RUN] [--resume] [--workers N] [--section.key=value …]

DIR is a copy of the IEMOCAP release; without it the demo corpus of `recipes.demo_corpus` is made and used. All methods
share folds, seeds, encoders of a kind, views, epochs, batches and learning rates; see `recipes.raw.methods` for what
they are and configs/compare_models.toml for the noise that is seen, broad and held out. Claims are judged with the
folds as the unit, whatever comes out.

The demo corpus takes about two hours on two cores, a third of them for `nmer_paper`. A killed run goes
on with --resume.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recipes import iemocap
from recipes.raw.recipe import Claim
from recipes.raw.run import main as run_recipe

_PIPELINE = "NMER under scheduled broad noise"
_CLAIMS = (
    Claim(f"{_PIPELINE} beats clean training on seen noise", "nmer_broad", "nmer_clean", "noisy/mean", 9.0),
    Claim(f"{_PIPELINE} beats clean training on held-out types", "nmer_broad", "nmer_clean", "heldout/mean", 7.0),
    Claim(f"{_PIPELINE} loses nothing on clean data", "nmer_broad", "nmer_clean", "clean", 0.0),
    Claim(f"{_PIPELINE} beats zero vectors on seen noise", "nmer_broad", "nmer_zero", "noisy/mean", 10.0),
    Claim(f"{_PIPELINE} beats zero vectors on missing modalities", "nmer_broad", "nmer_zero", "missing/mean", 1.5),
    Claim(f"{_PIPELINE} beats plain concatenation on seen noise", "nmer_broad", "concat_plain", "noisy/mean", 1.5),
    Claim(f"{_PIPELINE} beats plain concatenation on missing", "nmer_broad", "concat_plain", "missing/mean", 2.0),
    Claim("listed noise with concatenation beats clean training, seen", "concat", "concat_clean", "noisy/mean", 9.0),
    Claim("listed noise with concatenation beats zero vectors, seen", "concat", "concat_zero", "noisy/mean", 10.0),
    Claim("fusion alone under broad noise: seen", "nmer_broad", "concat_broad", "noisy/mean", 0.0),
    Claim("fusion alone under broad noise: held-out types", "nmer_broad", "concat_broad", "heldout/mean", 0.0),
    Claim("fusion alone under broad noise: missing", "nmer_broad", "concat_broad", "missing/mean", 0.0),
    Claim("fusion alone under listed noise: seen", "nmer", "concat", "noisy/mean", 0.0),
    Claim("fusion alone under listed noise: held-out types", "nmer", "concat", "heldout/mean", 0.0),
    Claim("fusion alone under listed noise: missing", "nmer", "concat", "missing/mean", 0.0),
)
RECIPE = replace(
    iemocap.RECIPE,
    name="compare_models",
    config=Path(__file__).parent / "configs" / "compare_models.toml",
    claims=_CLAIMS,
    description=__doc__ or "",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the recipe; gives the exit code: 0 done, 2 wrong input, 130 interrupted."""
    return run_recipe(RECIPE, arguments)


if __name__ == "__main__":
    sys.exit(main())
