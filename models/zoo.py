"""Models by name. Public: `Description`, `create`, `describe`, `list_models` (exported as `models.list`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.catalogue import source, summary, unknown
from models.encoders import AudioEncoder, Encoder, TextEncoder, VideoEncoder
from models.fusion import FUSIONS
from models.meter import NoiseMeter
from models.model import EmotionModel, encoded_dims
from models.seeding import seeded

_CLASSES = 4


@dataclass(frozen=True, slots=True)
class Description:
    """What `create` builds under a name, at its defaults."""

    name: str
    summary: str
    """One sentence or two."""
    source: str
    """Publications; empty where the method is this project's own or common property."""
    parameters: int
    """Weights of the whole model: the default encoders of audio, video and text, and four classes."""
    fusion_parameters: int
    """Weights of the fusion alone."""
    overrides: dict[str, Any]
    """Keyword arguments that `create` takes for it, with their defaults."""

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.summary}", f"parameters: {self.parameters:,} ({self.fusion_parameters:,} fusion)"]
        lines.append("overrides: " + ", ".join(f"{key}={value!r}" for key, value in self.overrides.items()))
        return "\n".join([*lines, f"source: {self.source}"] if self.source else lines)


def list_models() -> tuple[Description, ...]:
    """All models that `create` knows, by name."""
    return tuple(describe(name) for name in sorted(FUSIONS))


def describe(name: str) -> Description:
    """What the model is, where it is from, how large, and what can be overridden; ValueError on an unknown name."""
    model = create(name, classes=_CLASSES, seed=0)
    kind = type(model.fusion)
    whole, fusion = (sum(weight.numel() for weight in part.parameters()) for part in (model, model.fusion))
    return Description(name, summary(kind), source(kind), whole, fusion, dict(model.fusion.config))


def create(
    name: str,
    *,
    classes: int | Sequence[str],
    seed: int,
    encoders: Mapping[str, Encoder] | None = None,
    **overrides: Any,
) -> EmotionModel:
    """Build a model whose fusion is `name`, initialised from `seed` alone.

    `classes` is their number or their names; one class, such as ``("sentiment",)``, makes a regression onto one value,
    with logits (B, 1). `encoders` (per modality) are used as they are; None makes fresh ones for audio, video and text.
    `overrides` are keyword arguments of the fusion. Raises ValueError on an unknown name or argument, with the nearest
    that exists, and on a value of the wrong type.
    """
    if name not in FUSIONS:
        raise ValueError(unknown("model", name, FUSIONS))
    with seeded(seed):
        if encoders is None:
            encoders = {"audio": AudioEncoder(), "video": VideoEncoder(), "text": TextEncoder()}
        feature_dims = {modality: encoder.out_dim for modality, encoder in encoders.items()}
        count = classes if isinstance(classes, int) else len(classes)
        if overrides:
            with seeded(seed):
                _check_overrides(name, overrides, FUSIONS[name](feature_dims, count).config)
        fusion = FUSIONS[name](feature_dims, count, **overrides)
        meter = NoiseMeter(encoded_dims(encoders))
    return EmotionModel(encoders, fusion, classes, meter)


def _check_overrides(name: str, overrides: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    for key, value in overrides.items():
        if key not in defaults:
            raise ValueError(unknown(f"override of model {name!r}", key, defaults))
        wanted = type(defaults[key])
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise ValueError(f"model {name!r}: {key} must be {wanted.__name__} like {defaults[key]!r}, got {value!r}")
