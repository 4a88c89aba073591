"""One modality to one vector per sample.

From raw data: `AudioEncoder`, `VideoEncoder`, `TextEncoder`. From sequences of features: `LSTMEncoder`,
`TextCNNEncoder`. `UnimodalClassifier` trains one; `ENCODERS` lists them.
"""

from models.encoders.audio import AudioEncoder
from models.encoders.encoder import Encoder, UnimodalClassifier
from models.encoders.features import LSTMEncoder, TextCNNEncoder
from models.encoders.text import TextEncoder
from models.encoders.video import VideoEncoder

ENCODERS: dict[str, type[Encoder]] = {
    kind.__name__: kind for kind in (AudioEncoder, VideoEncoder, TextEncoder, LSTMEncoder, TextCNNEncoder)
}
"""Encoders by class name, as written in a checkpoint."""

__all__ = [
    "ENCODERS",
    "AudioEncoder",
    "Encoder",
    "LSTMEncoder",
    "TextCNNEncoder",
    "TextEncoder",
    "UnimodalClassifier",
    "VideoEncoder",
]
