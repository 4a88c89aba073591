"""A trained model as it adapts its normalisation to the test clips, for judging. Public: `BatchAdapted`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor

from models.adaptation import ClassSkewWarning, adapt_normalisation
from models.fusion import FusionOutput
from models.model import EmotionModel

_BATCH = 32  # clips: the least that `models.adaptation` recommends


class BatchAdapted(EmotionModel):
    """A model whose normalisation is adapted to batches of 32 clips or more, drawn at random from those it is given."""

    def __init__(self, model: EmotionModel) -> None:
        super().__init__(dict(model.encoders.items()), model.fusion, model.classes, model.meter)  # type: ignore[arg-type]
        self._model = (model,)  # in a tuple, so that it is no sub-module
        self.eval()

    def fuse(
        self, features: Mapping[str, Tensor], there: Mapping[str, Tensor], *, generator: torch.Generator | None = None
    ) -> FusionOutput:
        """Features as `encode` gives them to `FusionOutput`, batch by batch."""
        clips = len(next(iter(there.values())))
        order = torch.randperm(clips, generator=torch.Generator().manual_seed(0))
        outputs = []
        for rows in order.tensor_split(max(1, clips // _BATCH)):
            batch = [{name: values[rows] for name, values in given.items()} for given in (features, there)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ClassSkewWarning)
                adapted = adapt_normalisation(self._model[0], *batch)
            outputs.append(adapted.fuse(*batch))
        return FusionOutput.join(outputs).at(order.argsort())
