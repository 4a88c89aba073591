"""One modality to one vector per sample.

From raw data: `AudioEncoder`, `ConformerEncoder`, `VideoEncoder`, `TextEncoder`. From sequences of features:
`LSTMEncoder`, `TextCNNEncoder`. Around pretrained networks, frozen or trained: `HuggingFaceAudioEncoder`,
`HuggingFaceTextEncoder`, `HuggingFaceVideoEncoder`, `TorchaudioSpeechEncoder`, `TorchvisionVideoEncoder`; their
libraries are imported when one is made. `UnimodalClassifier` trains an encoder; `ENCODERS` lists them; the module
`frame_quality` says how good frames are.
"""

from models.encoders.audio import AudioEncoder
from models.encoders.conformer import ConformerEncoder
from models.encoders.encoder import Encoder, UnimodalClassifier
from models.encoders.features import LSTMEncoder, TextCNNEncoder
from models.encoders.huggingface import HuggingFaceAudioEncoder, HuggingFaceTextEncoder, HuggingFaceVideoEncoder
from models.encoders.text import TextEncoder
from models.encoders.torchaudio_bundle import TorchaudioSpeechEncoder
from models.encoders.torchvision_backbone import TorchvisionVideoEncoder
from models.encoders.video import VideoEncoder

ENCODERS: dict[str, type[Encoder]] = {
    kind.__name__: kind
    for kind in (
        AudioEncoder,
        ConformerEncoder,
        VideoEncoder,
        TextEncoder,
        LSTMEncoder,
        TextCNNEncoder,
        HuggingFaceAudioEncoder,
        HuggingFaceTextEncoder,
        HuggingFaceVideoEncoder,
        TorchaudioSpeechEncoder,
        TorchvisionVideoEncoder,
    )
}
"""Encoders by class name, as written in a checkpoint."""

__all__ = [
    "ENCODERS",
    "AudioEncoder",
    "ConformerEncoder",
    "Encoder",
    "HuggingFaceAudioEncoder",
    "HuggingFaceTextEncoder",
    "HuggingFaceVideoEncoder",
    "LSTMEncoder",
    "TextCNNEncoder",
    "TextEncoder",
    "TorchaudioSpeechEncoder",
    "TorchvisionVideoEncoder",
    "UnimodalClassifier",
    "VideoEncoder",
]
