"""Raw modality to vector: `AudioEncoder`, `VideoEncoder`, `TextEncoder`; `UnimodalClassifier` trains one."""

from models.encoders.audio import AudioEncoder
from models.encoders.encoder import Encoder, UnimodalClassifier
from models.encoders.text import TextEncoder
from models.encoders.video import VideoEncoder

ENCODERS: dict[str, type[AudioEncoder] | type[VideoEncoder] | type[TextEncoder]] = {
    "AudioEncoder": AudioEncoder,
    "VideoEncoder": VideoEncoder,
    "TextEncoder": TextEncoder,
}
"""Encoders by class name, as written in a checkpoint."""

__all__ = ["ENCODERS", "AudioEncoder", "Encoder", "TextEncoder", "UnimodalClassifier", "VideoEncoder"]
