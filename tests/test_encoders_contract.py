"""What every encoder promises: no vector depends on the batch, absent modalities, gradients, rebuilding."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_libraries import declare_torchvision

from models.batch import Batch, collate
from models.encoders import (
    ENCODERS,
    AudioEncoder,
    ConformerEncoder,
    Encoder,
    LSTMEncoder,
    TextCNNEncoder,
    TextEncoder,
    VideoEncoder,
)
from models.seeding import seeded

declare_torchvision()  # before transformers looks for it


def speech(kind: str, norm: str, trainable_layers: int | None) -> Encoder:
    transformers, tiny = pytest.importorskip("transformers"), pytest.importorskip("tiny_networks")
    stable = {"do_stable_layer_norm": norm == "layer"}
    config = getattr(transformers, f"{kind}Config")(feat_extract_norm=norm, **stable, **tiny.SPEECH)
    return ENCODERS["HuggingFaceAudioEncoder"](config.to_dict(), 8, trainable_layers=trainable_layers)


def bert(trainable_layers: int | None) -> Encoder:
    pytest.importorskip("transformers")
    tiny = pytest.importorskip("tiny_networks")
    files = {"tokenizer.json": tiny.tokenizer().to_str().encode()}
    return ENCODERS["HuggingFaceTextEncoder"](
        tiny.bert().to_dict(), 8, extra_files=files, max_tokens=32, trainable_layers=trainable_layers
    )


def vit(trainable_layers: int | None) -> Encoder:
    pytest.importorskip("transformers")
    config = pytest.importorskip("tiny_networks").vit()
    return ENCODERS["HuggingFaceVideoEncoder"](config.to_dict(), 8, trainable_layers=trainable_layers)


def torchaudio_network(kind: str, trainable_layers: int | None) -> Encoder:
    pytest.importorskip("torchaudio")
    network = dict(pytest.importorskip("tiny_networks").TORCHAUDIO)
    if kind == "WavLM":
        network |= {"encoder_max_distance": 80, "encoder_num_buckets": 32}
    return ENCODERS["TorchaudioSpeechEncoder"](kind, network, 8, trainable_layers=trainable_layers)


def torchvision_network(backbone: str, *, frozen: bool) -> Encoder:
    pytest.importorskip("torchvision")
    encoder = ENCODERS["TorchvisionVideoEncoder"](backbone, 8, frozen=frozen, size=32)
    encoder.network.train()
    for module in encoder.network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean of what it sees: untrained statistics let nothing of the input through
    for _ in range(2):
        encoder.network(torch.randn(16, 3, 32, 32))
    return encoder


MAKERS: dict[str, Callable[[], Encoder]] = {
    "AudioEncoder": lambda: AudioEncoder(16, bands=16, width=16),
    "ConformerEncoder": lambda: ConformerEncoder(16, bands=16, width=16, blocks=2, kernel=5),
    "VideoEncoder": lambda: VideoEncoder(16, width=16),
    "TextEncoder": lambda: TextEncoder(16, width=16, buckets=512),
    "LSTMEncoder": lambda: LSTMEncoder("audio", 5, 8),
    "TextCNNEncoder": lambda: TextCNNEncoder("text", 7, 8, channels=6),
    "HuggingFaceAudioEncoder wav2vec2 with group norm, frozen": lambda: speech("Wav2Vec2", "group", 0),
    "HuggingFaceAudioEncoder wav2vec2 with layer norm, whole": lambda: speech("Wav2Vec2", "layer", None),
    "HuggingFaceAudioEncoder HuBERT, one layer": lambda: speech("Hubert", "group", 1),
    "HuggingFaceAudioEncoder WavLM with group norm, whole": lambda: speech("WavLM", "group", None),
    "HuggingFaceAudioEncoder WavLM with layer norm, two layers": lambda: speech("WavLM", "layer", 2),
    "HuggingFaceTextEncoder frozen": lambda: bert(0),
    "HuggingFaceTextEncoder whole": lambda: bert(None),
    "HuggingFaceVideoEncoder one layer": lambda: vit(1),
    "HuggingFaceVideoEncoder whole": lambda: vit(None),
    "TorchaudioSpeechEncoder wav2vec2, whole": lambda: torchaudio_network("Wav2Vec2", None),
    "TorchaudioSpeechEncoder WavLM, one layer": lambda: torchaudio_network("WavLM", 1),
    "TorchvisionVideoEncoder MobileNetV3, frozen": lambda: torchvision_network("mobilenet_v3_small", frozen=True),
    "TorchvisionVideoEncoder ResNet, whole": lambda: torchvision_network("resnet18", frozen=False),
}


@pytest.fixture(params=sorted(MAKERS))
def encoder(request: pytest.FixtureRequest) -> Encoder:
    with seeded(0):
        return MAKERS[request.param]().eval()


def sample(seed: int, samples: int, frames: int, text: str, steps: int) -> dict[str, object]:
    """A sample with every modality raw, and as features of width 5 (audio) and 7 (text)."""
    rng = np.random.default_rng(seed)
    return {
        "audio": (0.1 * rng.standard_normal(samples)).astype(np.float32),
        "video": rng.integers(1, 256, (frames, 24, 24, 3), dtype=np.uint8),
        "text": text,
        "features": {
            "audio": rng.standard_normal((steps, 5)).astype(np.float32),
            "text": rng.standard_normal((steps, 7)).astype(np.float32),
        },
    }


SAMPLES = [
    sample(0, 9_000, 5, "you never told me about it", 9),
    sample(1, 4_321, 2, "no!", 4),
    {},
    sample(2, 6_000, 3, "what a lovely morning, isn't it?", 1),
    sample(3, 9_000, 5, "well i did not know", 6),
]


def vectors(encoder: Encoder, samples: list[dict[str, object]]) -> Tensor:
    with torch.inference_mode():
        return encoder(collate(samples))


def padded(batch: Batch) -> Batch:
    """More padding after every sample, of values that would be seen if they were looked at."""

    def pad(values: Tensor, more: int, fill: int) -> Tensor:
        return torch.cat([values, torch.full((len(values), more, *values.shape[2:]), fill, dtype=values.dtype)], dim=1)

    return Batch(
        audio=pad(batch.audio, 3_000, 1),
        audio_length=batch.audio_length,
        video=pad(batch.video, 2, 200),
        video_length=batch.video_length,
        text=batch.text,
        features={name: pad(values, 6, 1) for name, values in batch.features.items()},
        features_length=batch.features_length,
    )


def assert_same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


def test_every_encoder_is_under_test() -> None:
    assert {name.split()[0] for name in MAKERS} == set(ENCODERS)


def test_no_vector_depends_on_the_batch(encoder: Encoder) -> None:
    together = vectors(encoder, SAMPLES)
    assert together.shape == (len(SAMPLES), encoder.out_dim)
    assert together.dtype == torch.float32
    assert (together[0] - together[1]).abs().max() > 1e-3, "different samples, different vectors"
    order = [3, 1, 4, 2, 0]
    assert_same(vectors(encoder, [SAMPLES[index] for index in order]), together[order])
    alone = [vectors(encoder, [one]) for one in SAMPLES]
    assert_same(torch.cat(alone), together)
    with torch.inference_mode():
        assert_same(encoder(padded(collate(SAMPLES))), together)


def test_absent_and_tiny_samples_are_finite(encoder: Encoder) -> None:
    silent = {
        "audio": np.zeros(800, np.float32),
        "video": np.zeros((2, 24, 24, 3), np.uint8),
        "text": "  ",
        "features": {"audio": np.zeros((3, 5), np.float32), "text": np.zeros((3, 7), np.float32)},
    }
    rows: list[dict[str, object]] = [{}, silent, sample(9, 1, 1, "?", 1)]
    found = encoder(collate(rows))
    assert torch.isfinite(found).all()
    assert torch.isfinite(encoder(collate([{}]))).all()
    found.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)


def test_gradients_reach_what_trains_and_nothing_else(encoder: Encoder) -> None:
    weights = torch.randn(encoder.out_dim, generator=torch.Generator().manual_seed(0))
    (encoder(collate(SAMPLES)) @ weights).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    reached = [p for p in encoder.parameters() if p.grad is not None and p.grad.abs().max() > 0]
    assert len(reached) >= 0.9 * sum(p.requires_grad for p in encoder.parameters())


def test_rebuilt_from_its_config_as_json(encoder: Encoder) -> None:
    config = json.loads(json.dumps(encoder.config))
    with seeded(1):
        files = {"extra_files": encoder.extra_files()} if encoder.extra_files() else {}
        twin = ENCODERS[type(encoder).__name__](**config, **files).eval()
    twin.load_state_dict(encoder.state_dict())
    assert twin.config == encoder.config
    torch.testing.assert_close(vectors(twin, SAMPLES), vectors(encoder, SAMPLES), atol=0, rtol=0)
    assert [p.requires_grad for p in twin.parameters()] == [p.requires_grad for p in encoder.parameters()]


def test_a_copy_is_whole_and_apart(encoder: Encoder) -> None:
    twin = copy.deepcopy(encoder)
    torch.testing.assert_close(vectors(twin, SAMPLES), vectors(encoder, SAMPLES), atol=0, rtol=0)
    twin.train()
    assert any(module.training for module in twin.modules())
    assert not any(module.training for module in encoder.modules())
