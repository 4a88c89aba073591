"""Multimodal emotion models on raw audio, video and text; they know neither noise nor data sets.

    model = models.create("nmer", classes=("happy", "angry", "sad", "neutral"), seed=0)
    output = model(models.collate([{"audio": wave, "video": frames, "text": "oh, really?"}]))

Public: `create`, `names`, `EmotionModel`, `Batch`, `collate`, `present`, `seeded`, `CheckpointError`; encoders
in `models.encoders`, fusions in `models.fusion`, losses in `models.losses`, checks of the latent in
`models.diagnostics`.
"""

from models.batch import MODALITIES, Batch, collate, present
from models.checkpoint import CheckpointError
from models.model import EmotionModel
from models.seeding import seeded
from models.zoo import create, names

__all__ = [
    "MODALITIES",
    "CheckpointError",
    "EmotionModel",
    "Batch",
    "collate",
    "create",
    "names",
    "present",
    "seeded",
]
