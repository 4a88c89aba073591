"""The whole model, raw batch to prediction: encoders → standardiser → fusion.

Public: `EmotionModel`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from models.batch import MODALITIES, Batch, present
from models.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from models.encoders import ENCODERS, Encoder
from models.fusion import FUSIONS, Fusion, FusionOutput
from models.seeding import seeded
from models.standardiser import Standardiser


class EmotionModel(nn.Module):
    """One encoder per modality, features standardised on clean training rows, one fusion.

    `classes` is the number of classes or their names. No prediction depends on the other samples of its batch.
    Raises ValueError when encoders, fusion and classes do not fit each other.
    """

    def __init__(self, encoders: Mapping[str, Encoder], fusion: Fusion, classes: int | Sequence[str]) -> None:
        super().__init__()
        names = [str(index) for index in range(classes)] if isinstance(classes, int) else list(classes)
        _check_parts(encoders, fusion, names)
        self.classes = tuple(names)
        self.encoders = nn.ModuleDict(dict(encoders))
        self.standardiser = Standardiser(fusion.feature_dims)
        self.fusion = fusion

    def forward(self, batch: Batch, *, generator: torch.Generator | None = None) -> FusionOutput:
        """Raw batch of B samples to `FusionOutput`."""
        features, there = self.encode(batch)
        return self.fuse(features, there, generator=generator)

    def encode(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Raw features (B, D_m) and presence (B,) per modality: what a bank of encoded views holds."""
        there = present(batch)
        features = {name: encoder(batch) for name, encoder in self.encoders.items()}
        return features, {name: there[name] for name in features}

    def fuse(
        self,
        features: Mapping[str, Tensor],
        there: Mapping[str, Tensor],
        *,
        generator: torch.Generator | None = None,
    ) -> FusionOutput:
        """Features as `encode` gives them to `FusionOutput`."""
        output: FusionOutput = self.fusion(self.standardiser(features), there, generator=generator)
        return output

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `model.safetensors` and `config.json` into `folder`, made if need be."""
        config = {
            "classes": list(self.classes),
            "encoders": {
                name: {"type": type(encoder).__name__, **_config_of(encoder)} for name, encoder in self.encoders.items()
            },
            "fusion": {"type": self.fusion.name, **self.fusion.config},
        }
        save_checkpoint(Path(folder), config, self.state_dict())

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Read what `save_pretrained` wrote; the model is in evaluation mode, on the CPU.

        Raises CheckpointError, naming the file, when one is missing, corrupt, foreign or of other dimensions.
        """
        folder = Path(folder)
        config, weights = load_checkpoint(folder)
        try:
            with seeded(0):  # the weights drawn here are replaced: leave the caller's generator alone
                model = cls._from_config(config)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(f"{folder / 'config.json'} does not describe a model: {error!r}") from error
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise CheckpointError(
                f"{folder / 'model.safetensors'} does not fit its config.json: {_first_difference(error)}"
            ) from error
        return model.eval()

    @classmethod
    def _from_config(cls, config: Mapping[str, Any]) -> Self:
        encoders: dict[str, Encoder] = {
            name: ENCODERS[entry["type"]](**_arguments(entry)) for name, entry in config["encoders"].items()
        }
        feature_dims = {name: encoder.out_dim for name, encoder in encoders.items()}
        entry = config["fusion"]
        fusion = FUSIONS[entry["type"]](feature_dims, len(config["classes"]), **_arguments(entry))
        return cls(encoders, fusion, [str(name) for name in config["classes"]])


def _check_parts(encoders: Mapping[str, Encoder], fusion: Fusion, names: Sequence[str]) -> None:
    for name, encoder in encoders.items():
        if name not in MODALITIES or encoder.modality != name:
            raise ValueError(
                f"encoder {type(encoder).__name__} reads {encoder.modality!r} but is given for {name!r}; "
                f"modalities are {', '.join(MODALITIES)}"
            )
    widths = {name: encoder.out_dim for name, encoder in encoders.items()}
    if list(widths.items()) != list(fusion.feature_dims.items()):  # the order too: it is that of concatenation
        raise ValueError(f"encoders give features {widths}, the fusion was built for {fusion.feature_dims}")
    if len(names) != fusion.classes:
        raise ValueError(f"{len(names)} classes were given, the fusion was built for {fusion.classes}")


def _config_of(encoder: nn.Module) -> dict[str, int | float]:
    assert isinstance(encoder, Encoder)
    return encoder.config


def _arguments(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "type"}


def _first_difference(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return lines[1] if len(lines) > 1 else lines[0]
