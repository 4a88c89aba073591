"""Models by name. Public: `names`, `create`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from models.encoders import AudioEncoder, Encoder, TextEncoder, VideoEncoder
from models.fusion import FUSIONS
from models.model import EmotionModel
from models.seeding import seeded


def names() -> list[str]:
    """What `create` knows: `concat`, `experts`, `nmer`."""
    return sorted(FUSIONS)


def create(
    name: str,
    *,
    classes: int | Sequence[str],
    seed: int,
    encoders: Mapping[str, Encoder] | None = None,
    **overrides: int | float,
) -> EmotionModel:
    """Build a model whose fusion is `name`, initialised from `seed` alone.

    `encoders` (per modality) are used as they are; None makes fresh ones for audio, video and text. `overrides`
    are keyword arguments of the fusion. Raises ValueError on an unknown name or argument, listing what exists.
    """
    if name not in FUSIONS:
        near = get_close_matches(name, names(), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"unknown model {name!r}: {hint}known are {', '.join(names())}")
    with seeded(seed):
        if encoders is None:
            encoders = {"audio": AudioEncoder(), "video": VideoEncoder(), "text": TextEncoder()}
        feature_dims = {modality: encoder.out_dim for modality, encoder in encoders.items()}
        count = classes if isinstance(classes, int) else len(classes)
        try:
            fusion = FUSIONS[name](feature_dims, count, **overrides)
        except TypeError as error:
            known = sorted(FUSIONS[name](feature_dims, count).config)
            raise ValueError(f"model {name!r} takes {', '.join(known)}, got {sorted(overrides)}") from error
    return EmotionModel(encoders, fusion, classes)
