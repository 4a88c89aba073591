"""Adaptation at test time, opt-in: feature normalisation re-estimated on a batch of unlabelled clips.

    adapted = adapt_normalisation(model, *model.encode(batch))
    output = adapted(batch)

Noise of an unseen kind moves and scales features; statistics of clips under that very noise take this back without a
label. What it costs: a prediction then depends on the clips that stand beside it, and where these are of one class,
what tells the class is subtracted too, which is ruinous. So give clips of mixed classes, recorded under one condition
(one microphone, one room, one channel): 32 or more serve, fewer than 8 are refused, and predictions that are mostly of
one class are warned of.

Public: `adapt_normalisation`, `ClassSkewWarning`, `SMALLEST_BATCH`. References: Li et al., Pattern Recognition 80,
2018 (AdaBN); Schneider et al., NeurIPS 2020 (statistics of training and test mixed by the size of the batch).
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping

import torch
from torch import Tensor

from models.model import EmotionModel

SMALLEST_BATCH = 8
"""Clips below which nothing is adapted."""
_LARGEST_SHARE = 0.7  # of the test statistics, however many clips they are from
_PRIOR_CLIPS = 4  # what the training statistics weigh
_SKEWED = 0.6  # share of one class among the predictions; a corpus of emotions has up to a half of neutral


class ClassSkewWarning(UserWarning):
    """A batch that the normalisation is adapted to seems to be mostly of one class."""


@torch.no_grad()
def adapt_normalisation(
    model: EmotionModel, features: Mapping[str, Tensor], there: Mapping[str, Tensor]
) -> EmotionModel:
    """A model with the weights of `model`, shared, and its feature statistics moved towards those of a batch.

    `features` (N, D_m) and `there` (N,) are of N clips, as `EmotionModel.encode` gives them. Of n clips that hold a
    modality their mean and deviation weigh .7 n / (n + 4), those of training the rest; a modality that fewer than
    `SMALLEST_BATCH` clips hold stays as it is. Raises ValueError for a smaller batch; warns with `ClassSkewWarning`
    when `model` takes most of the clips for one class.
    """
    clips = len(next(iter(there.values())))
    if clips < SMALLEST_BATCH:
        raise ValueError(
            f"normalisation cannot be adapted to {clips} clip(s): give {SMALLEST_BATCH} or more of mixed classes under "
            "one condition (32 serve better), or predict without adaptation"
        )
    _warn_of_skew(model, features, there)
    adapted = EmotionModel(dict(model.encoders.items()), model.fusion, model.classes, model.meter)  # type: ignore[arg-type]
    adapted.standardiser = copy.deepcopy(model.standardiser)
    adapted.preprocessing = model.preprocessing
    adapted.train(model.training)
    vectors = model.vectors(features)
    for name, mask in there.items():
        rows = vectors[name][mask]
        if len(rows) >= SMALLEST_BATCH:
            share = _LARGEST_SHARE * len(rows) / (len(rows) + _PRIOR_CLIPS)
            deviation, mean = torch.std_mean(rows, dim=0)
            adapted.standardiser.get_buffer(f"{name}_mean").lerp_(mean, share)
            adapted.standardiser.get_buffer(f"{name}_std").lerp_(deviation, share)
    return adapted


def _warn_of_skew(model: EmotionModel, features: Mapping[str, Tensor], there: Mapping[str, Tensor]) -> None:
    if len(model.classes) < 2:
        return
    predicted = model.fuse(features, there).logits.argmax(dim=1).bincount(minlength=len(model.classes))
    share, index = (predicted / predicted.sum()).max(dim=0)
    if float(share) > _SKEWED:
        warnings.warn(
            f"{float(share):.0%} of the clips are predicted as {model.classes[int(index)]!r}: if they are mostly that, "
            "adapting the normalisation to them makes predictions worse",
            ClassSkewWarning,
            stacklevel=3,
        )
