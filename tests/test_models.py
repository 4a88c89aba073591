"""Batch, model, checkpoint, zoo and seeding."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import models
from models import Batch, CheckpointError, EmotionModel, collate, present
from models.batch import MODALITIES
from models.encoders import AudioEncoder, TextEncoder
from models.fusion import FUSIONS, Concat
from models.model import encoded_dims
from models.standardiser import Standardiser


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices on several threads wait for each other, badly so beside parallel test processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


SENTENCES = ["I am so happy today!", "no", "", "why would you say that to me, honestly?", "fine."]


def sample(index: int, *, seconds: float = 0.6, frames: int = 4) -> dict[str, Any]:
    rng = np.random.default_rng(index)
    return {
        "audio": (0.1 * rng.standard_normal(int(16_000 * seconds))).astype(np.float32),
        "video": rng.integers(0, 256, (frames, 32, 32, 3), dtype=np.uint8),
        "text": SENTENCES[index % len(SENTENCES)],
        "label": index % 4,
    }


def varied() -> list[dict[str, Any]]:
    samples = [sample(i, seconds=0.3 + 0.17 * i, frames=1 + i) for i in range(5)]
    samples.append({"text": "only words", "label": 0})
    samples.append({"audio": np.zeros(8000, np.float32), "video": samples[0]["video"] * 0, "label": 1})
    return samples


def fitted(name: str) -> EmotionModel:
    model = models.create(name, classes=4, seed=3)
    with torch.no_grad():
        features, there = model.eval().encode(collate([sample(i) for i in range(8)]))
        there["text"][2] = True
        model.standardiser.fit(model.vectors(features), there)
        # A trained residual head is not zero; at zero a defect of the latent would not show in the logits.
        for parameter in model.fusion.parameters():
            parameter.add_(0.02)
    return model


def test_collate_pads_and_keeps_lengths() -> None:
    batch = collate([sample(0, seconds=0.5, frames=2), {"label": 3}, sample(1, seconds=1.0, frames=5)])
    assert batch.audio.shape == (3, 16_000)
    assert batch.video.shape == (3, 5, 32, 32, 3)
    assert batch.audio_length.tolist() == [8_000, 0, 16_000]
    assert batch.video_length.tolist() == [2, 0, 5]
    assert batch.label is not None
    assert batch.label.tolist() == [0, 3, 1]
    assert batch.text[1] == ""
    assert batch.audio[0, 8_000:].abs().max() == 0
    assert torch.equal(batch.video[2], torch.from_numpy(sample(1, seconds=1.0, frames=5)["video"]))
    assert len(batch.to("cpu")) == 3


def test_collate_takes_read_only_and_mirrored_arrays_and_no_labels() -> None:
    one = sample(0)
    mirrored = one["video"] = one["video"][:, :, ::-1]
    one["audio"].flags.writeable = False
    del one["label"]
    batch = Batch.collate([one])
    assert batch.label is None
    assert batch.audio.shape == (1, 9_600)
    assert np.array_equal(batch.video[0].numpy(), mirrored)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audio": np.zeros((2, 100), np.float32)}, "sample 1: audio must be"),
        ({"audio": np.zeros(100, np.int16)}, "sample 1: audio must be .* int16"),
        ({"audio": np.full(9, np.nan, np.float32)}, "sample 1: audio holds NaN"),
        ({"video": np.zeros((2, 8, 8), np.uint8)}, "sample 1: video must be"),
        ({"video": np.zeros((2, 8, 8, 3), np.float32)}, "sample 1: video must be"),
        ({"video": np.zeros((2, 8, 8, 3), np.uint8)}, "share one size, got 32x32 .*8x8"),
        ({"text": b"bytes"}, "sample 1: text must be str, got bytes"),
        ({"label": None}, "sample 1 has no label"),
    ],
)
def test_collate_names_what_is_wrong(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        collate([sample(0), sample(1) | change])


def test_collate_pads_features_levels_and_values() -> None:
    one = {"features": {"audio": np.ones((3, 5), np.float32), "text": torch.ones(2, 4)}, "label": 0.5}
    two = {
        "features": {"audio": np.ones((1, 5), np.float32)},
        "label": -3.0,
        "level": {"audio": 0.7},
        "noise": {"audio": 2},
    }
    batch = collate([one, two])
    assert {name: tuple(value.shape) for name, value in batch.features.items()} == {
        "audio": (2, 3, 5),
        "text": (2, 2, 4),
    }
    assert batch.features_length["audio"].tolist() == [3, 1]
    assert batch.features_length["text"].tolist() == [2, 0]
    assert batch.features["audio"][1, 1:].abs().sum() == 0
    assert batch.label is not None
    assert batch.label.dtype == torch.float32
    assert batch.label.tolist() == [0.5, -3.0]
    assert batch.level is not None
    torch.testing.assert_close(batch.level, torch.tensor([[0.0, 0, 0], [0.7, 0, 0]]))
    assert batch.noise is not None
    assert batch.noise.tolist() == [[-1, -1, -1], [2, -1, -1]]
    there = present(batch)
    assert there["audio"].tolist() == [True, True]
    assert there["text"].tolist() == [True, False]
    assert there["video"].tolist() == [False, False]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"sound": np.ones((1, 5), np.float32)}, "sample 1: features of 'sound'"),
        ({"audio": np.ones((1, 6), np.float32)}, "one width in a batch"),
        ({"audio": np.ones(5, np.float32)}, "sample 1: features of 'audio' must be float32"),
        ({"audio": np.full((2, 5), np.nan, np.float32)}, "hold NaN or infinity"),
    ],
)
def test_collate_names_wrong_features(features: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        collate([{"features": {"audio": np.ones((3, 5), np.float32)}}, {"features": features}])


def test_collate_names_a_sample_without_any_modality() -> None:
    with pytest.raises(ValueError, match="sample 1 has speech and none of audio, video, text, features"):
        collate([{"text": None, "label": 1}, {"speech": np.zeros(9, np.float32), "label": 0}])


def test_collate_refuses_an_empty_list() -> None:
    with pytest.raises(ValueError, match="empty list"):
        collate([])


def test_present_sees_through_zeros_and_padding() -> None:
    late = sample(0)
    late["audio"] = np.zeros(4000, np.float32)
    batch = collate([sample(0), *varied()[-2:], late, {"text": " \n", "label": 0}])
    batch.audio[1, 0] = 1.0  # beyond the length of a sample without audio
    there = present(batch)
    assert set(there) == set(MODALITIES)
    assert there["audio"].tolist() == [True, False, False, False, False]
    assert there["video"].tolist() == [True, False, False, True, False]
    assert there["text"].tolist() == [True, True, False, True, False]
    assert all(mask.dtype == torch.bool for mask in there.values())


@pytest.mark.parametrize("name", sorted(FUSIONS))
def test_no_prediction_depends_on_its_batch(name: str) -> None:
    model, samples = fitted(name), varied()
    with torch.no_grad():
        whole = model(collate(samples)).logits
        order = [3, 6, 0, 5, 1, 4, 2]
        shuffled = model(collate([samples[i] for i in order])).logits
        single = torch.cat([model(collate([one])).logits for one in samples])
        padded = collate(samples)
        padded.audio = torch.nn.functional.pad(padded.audio, (0, 7_777), value=0.5)
        padded.video = torch.cat([padded.video, torch.full_like(padded.video, 200)], dim=1)
        stretched = model(padded).logits
    assert torch.isfinite(whole).all()
    assert whole[:5].std(dim=0).min() > 1e-3, "predictions must differ for the comparison to mean anything"
    torch.testing.assert_close(shuffled, whole[order], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(single, whole, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(stretched, whole, atol=1e-5, rtol=1e-4)


def test_no_reliability_depends_on_its_batch() -> None:
    model, samples = fitted("concat"), varied()
    padded = collate(samples)
    padded.video = torch.cat([padded.video, torch.full_like(padded.video, 200)], dim=1)
    with torch.no_grad():
        whole, stretched = model(collate(samples)).reliability, model(padded).reliability
        single = [model(collate([one])).reliability for one in samples]
    for name, values in whole.items():
        torch.testing.assert_close(torch.cat([one[name] for one in single]), values, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(stretched[name], values, atol=1e-5, rtol=1e-4)


def test_a_model_without_a_meter_gives_no_reliability_and_is_kept_so(tmp_path: Path) -> None:
    model = fitted("concat")
    model.meter = None
    model.save_pretrained(tmp_path)
    with torch.no_grad():
        assert EmotionModel.from_pretrained(tmp_path)(collate(varied())).reliability is None


def test_forward_is_encode_then_fuse() -> None:
    model, batch = fitted("nmer"), collate(varied())
    with torch.no_grad():
        features, there = model.encode(batch)
        assert torch.equal(model(batch).logits, model.fuse(features, there).logits)
    assert {name: value.shape[1] for name, value in features.items()} == encoded_dims(dict(model.encoders.items()))
    assert {name: value.shape[1] for name, value in model.vectors(features).items()} == model.fusion.feature_dims
    with pytest.raises(ValueError, match=r"'video' must be \(B, 87\), got \(7, 64\)"):
        model.fuse(model.vectors(features), there)


def test_training_step_reaches_every_weight() -> None:
    model = models.create("nmer", classes=4, seed=0)
    torch.nn.init.normal_(model.fusion.get_submodule("residual_head").weight)
    output = model(collate([sample(i) for i in range(5)]))
    parts = [output.logits, output.reconstruction, output.kl, *output.terms.values()]
    parts += [*output.reliability.values()]
    torch.stack([part.square().sum() for part in parts]).sum().backward()
    untouched = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert untouched == []
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_gradients_stay_finite_when_everything_is_missing() -> None:
    model = models.create("nmer", classes=4, seed=0)
    output = model(collate([{"label": 0}, {"label": 1}]))
    (output.logits.sum() + output.reconstruction.sum() + output.kl.sum()).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_standardiser_uses_clean_rows_and_clips() -> None:
    standardiser = Standardiser({"audio": 2})
    rows = torch.tensor([[0.0, 5.0], [2.0, 5.0], [900.0, 900.0]])
    standardiser.fit({"audio": rows}, {"audio": torch.tensor([True, True, False])})
    result = standardiser({"audio": torch.tensor([[1.0, 5.0], [1.0 + 2**0.5, 5.0], [99.0, -99.0]])})["audio"]
    torch.testing.assert_close(result, torch.tensor([[0.0, 0.0], [1.0, 0.0], [3.0, -3.0]]))
    with pytest.raises(ValueError, match="'audio': 1 clean rows"):
        standardiser.fit({"audio": rows}, {"audio": torch.tensor([True, False, False])})


@pytest.mark.parametrize("name", ["nmer", "experts", "concat"])
def test_checkpoint_round_trip(name: str, tmp_path: Path) -> None:
    model = fitted(name)
    model.save_pretrained(tmp_path / "a" / "b")
    loaded = EmotionModel.from_pretrained(tmp_path / "a" / "b")
    with torch.no_grad():
        found, expected = loaded(collate(varied())), model(collate(varied()))
    assert torch.equal(found.logits, expected.logits)
    assert found.reliability is not None
    assert all(torch.equal(values, expected.reliability[name]) for name, values in found.reliability.items())
    assert loaded.classes == model.classes
    assert not loaded.training
    assert sorted(file.name for file in (tmp_path / "a" / "b").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]


def test_checkpoint_keeps_sizes_and_class_names(tmp_path: Path) -> None:
    encoders = {"text": TextEncoder(out_dim=10, width=12, buckets=100), "audio": AudioEncoder(bands=40)}
    model = models.create("nmer", classes=("glad", "sad"), seed=0, encoders=encoders, latent_dim=5)
    model.save_pretrained(tmp_path)
    loaded = EmotionModel.from_pretrained(tmp_path)
    assert loaded.classes == ("glad", "sad")
    assert loaded.fusion.feature_dims == {"text": 10, "audio": 96}
    assert loaded.fusion.config["latent_dim"] == 5


def edited(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_broken_checkpoints_give_one_clear_error(tmp_path: Path) -> None:
    def saved() -> Path:
        fitted("concat").save_pretrained(tmp_path)
        return tmp_path

    with pytest.raises(CheckpointError, match="nowhere is no folder"):
        EmotionModel.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        EmotionModel.from_pretrained(tmp_path)
    weights = saved() / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"model\.safetensors is corrupt"):
        EmotionModel.from_pretrained(tmp_path)
    (saved() / "config.json").write_text('{"format": "noise')
    with pytest.raises(CheckpointError, match="not valid JSON"):
        EmotionModel.from_pretrained(tmp_path)
    (saved() / "config.json").write_text('{"architectures": ["BertModel"]}')
    with pytest.raises(CheckpointError, match="not written by this library"):
        EmotionModel.from_pretrained(tmp_path)
    edited(saved(), version=99)
    with pytest.raises(CheckpointError, match="version 99"):
        EmotionModel.from_pretrained(tmp_path)
    edited(saved(), fusion={"type": "concat", "hidden": 32, "dropout": 0.1})
    with pytest.raises(CheckpointError, match=r"does not fit its config\.json: size mismatch"):
        EmotionModel.from_pretrained(tmp_path)
    for changes, message in WRONG_CONFIGS:
        edited(saved(), **changes)
        with pytest.raises(CheckpointError, match=rf"config\.json does not describe a model: {message}"):
            EmotionModel.from_pretrained(tmp_path)


WRONG_CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"fusion": {"type": "concatt"}}, "unknown fusion.type 'concatt': did you mean 'concat'"),
    ({"fusion": {"hidden": 3}}, "unknown fusion.type None"),
    ({"fusion": {"type": "concat", "depth": 3}}, "fusion: .*depth"),
    ({"fusion": "concat"}, "fusion must be a table"),
    ({"encoders": ["audio"]}, "encoders must be a table"),
    ({"encoders": {"audio": {"type": "AudioEncodr"}}}, r"unknown encoders\.audio\.type .* mean 'AudioEncoder'"),
    ({"encoders": {"audio": {"type": "AudioEncoder", "bands": 5000}}}, r"encoders\.audio: mel bands"),
    ({"encoders": {"smell": {"type": "AudioEncoder"}}}, "encoder AudioEncoder reads 'audio' but is given for 'smell'"),
    ({"meter": ["audio"]}, "meter must be a table"),
    ({"meter": {"depth": 3}}, ".*depth"),
    ({"classes": "abcd"}, "classes must be a list of names"),
    ({"preprocessing": {"frames": 8}}, ".*frame_size"),
    ({"preprocessing": {"frames": 0, "frame_size": 64}}, "frames must be an integer ≥ 1, not 0"),
]


def test_missing_keys_are_named(tmp_path: Path) -> None:
    fitted("concat").save_pretrained(tmp_path)
    whole = json.loads((tmp_path / "config.json").read_text())
    for key in ("classes", "encoders", "fusion"):
        (tmp_path / "config.json").write_text(json.dumps({name: value for name, value in whole.items() if name != key}))
        with pytest.raises(CheckpointError, match=f"key '{key}' is missing"):
            EmotionModel.from_pretrained(tmp_path)
    del whole["encoders"]["text"]
    (tmp_path / "config.json").write_text(json.dumps(whole))
    with pytest.raises(CheckpointError, match=r"does not fit its config\.json: Unexpected key.*text"):
        EmotionModel.from_pretrained(tmp_path)


def test_foreign_weights_are_named(tmp_path: Path) -> None:
    import hashlib

    fitted("concat").save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04pickle?")
    edited(tmp_path, weights_sha256=hashlib.sha256(b"\x80\x04pickle?").hexdigest())
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        EmotionModel.from_pretrained(tmp_path)


def test_an_interrupted_save_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted("concat").save_pretrained(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def fail(self: Path, data: bytes) -> int:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        fitted("concat").save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_parts_that_do_not_fit_are_refused() -> None:
    audio = AudioEncoder()
    with pytest.raises(ValueError, match=r"encoders give features .*96.* built for .*95"):
        EmotionModel({"audio": audio}, Concat({"audio": 95}, 4), 4)
    with pytest.raises(ValueError, match="3 classes were given, the fusion was built for 4"):
        EmotionModel({"audio": audio}, Concat({"audio": 96}, 4), 3)
    with pytest.raises(ValueError, match="AudioEncoder reads 'audio' but is given for 'video'"):
        EmotionModel({"video": audio}, Concat({"video": 96}, 4), 4)


def test_seed_decides_the_weights_and_nothing_else() -> None:
    torch.random.default_generator.manual_seed(11)
    state = torch.get_rng_state()
    first, again, other = (models.create("nmer", classes=4, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(
        first["fusion.experts.specific.audio.0.weight"], other["fusion.experts.specific.audio.0.weight"]
    )
    with models.seeded(5):
        drawn = torch.rand(3)
    with models.seeded(5):
        assert torch.equal(torch.rand(3), drawn)
