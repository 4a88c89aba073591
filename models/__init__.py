"""Multimodal emotion models on raw audio, video and text; they know neither noise nor data sets.

    model = models.create("nmer", classes=("happy", "angry", "sad", "neutral"), seed=0)
    output = model(models.collate([{"audio": wave, "video": frames, "text": "oh, really?"}]))

`models.list()` shows what `create` knows; a model is kept by `save_pretrained` and read by
`EmotionModel.from_pretrained`.

Public: `create`, `list`, `describe`, `EmotionModel`, `Batch`, `collate`, `present`, `seeded`, `ModelCard`,
`Preprocessing`, `CheckpointError`; encoders in `models.encoders`, fusions in `models.fusion`, what tells how far a
modality is to be trusted in `models.meter`, losses in `models.losses`, checks of the latent in `models.diagnostics`.
"""

from models.batch import MODALITIES, Batch, collate, present
from models.cards import ModelCard
from models.checkpoint import CheckpointError, Preprocessing
from models.model import EmotionModel
from models.seeding import seeded
from models.zoo import create, describe
from models.zoo import list_models as list

__all__ = [
    "MODALITIES",
    "CheckpointError",
    "EmotionModel",
    "Batch",
    "ModelCard",
    "Preprocessing",
    "collate",
    "create",
    "describe",
    "list",
    "present",
    "seeded",
]
