import importlib.metadata
import json
import os
import subprocess
import sys
import textwrap
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from wrapped import clean_registry  # noqa: F401

import noise_scheduler as ns
from noise_scheduler.wrap import libraries

ROOT = Path(__file__).parent.parent
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albumentations as A  # noqa: E402


def grain(level):
    return A.MultiplicativeNoise((1 - 0.9 * level, 1 + 0.9 * level), elementwise=True, p=1)


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(40, 200, (32, 24, 3), dtype=np.uint8)


@pytest.fixture
def clip(picture):
    return np.stack([np.roll(picture, shift, 1) for shift in range(6)])


def test_names_and_options_are_checked():
    with pytest.raises(ValueError, match=r"kind image, audio, text, such as 'image/grain'"):
        ns.wrap("grain", grain)
    with pytest.raises(ValueError, match="'feature/grain' cannot be wrapped"):
        ns.wrap("feature/grain", grain)
    with pytest.raises(ValueError, match="audio/grain: frames='fresh' is for images"):
        ns.wrap("audio/grain", grain, frames="fresh")
    with pytest.raises(ValueError, match="text/grain: texts cannot be blended"):
        ns.wrap("text/grain", grain, blend=lambda level: level)
    with pytest.raises(ValueError, match="frames must be 'held' or 'fresh', not 'each'"):
        ns.wrap("image/grain", grain, frames="each")
    with pytest.raises(ValueError, match="already taken"):
        ns.wrap("image/fog", grain)
    with pytest.raises(ValueError, match="no stage is called 'air'"):
        ns.wrap("image/grain", grain, stage="air")
    with pytest.raises(TypeError, match=r"image/blur: wrap a function of the level, .* not <class .*Blur'>"):
        ns.wrap("image/blur", A.Blur)
    with pytest.raises(TypeError, match=r"Plain needs a method transform\(level\)"):
        ns.wrap("image/plain")(dataclass(frozen=True, slots=True)(type("Plain", (), {})))


def test_a_function_describes_itself():
    def shaken(level):
        """Shake the camera."""
        return A.Affine(rotate=(-60 * level, 60 * level), p=1)

    noise = ns.wrap("image/shaken", shaken, stage="scene", version=3)
    description = ns.describe("image/shaken")
    assert (description.summary, description.stage, description.version) == ("Shake the camera.", "scene", 3)
    assert noise() == ns.build("image/shaken")
    ns.wrap("image/other", shaken, doc="Tilt the camera.")
    assert ns.describe("image/other").summary == "Tilt the camera."


def test_a_class_has_fields(picture):
    @ns.wrap("image/dimmed")
    @dataclass(frozen=True, slots=True)
    class Dimmed:
        """Dim the picture."""

        factor_range: tuple[float, float] = field(default=(1.0, 0.2))
        """Brightness (mild, extreme)."""

        def transform(self, level):
            mild, extreme = self.factor_range
            factor = mild + (extreme - mild) * level
            return A.MultiplicativeNoise((factor, factor), p=1)

    description = ns.describe("image/dimmed")
    assert (description.fields[0].name, description.fields[0].doc) == ("factor_range", "Brightness (mild, extreme).")
    for noise, factor in (("image/dimmed", 0.6), (ns.build("image/dimmed", factor_range=(1.0, 0.0)), 0.5)):
        np.testing.assert_allclose(ns.corrupt(picture, noise, level=0.5), picture * factor, atol=1)


def test_schedulers_know_wrapped_noises_by_name(clip):
    ns.wrap("image/wrapped", grain)
    scheduler = ns.NoiseScheduler(
        {"video": ["image/wrapped"]}, level=ns.uniform(0.3, 1), condition=ns.fixed("video"), seed=3
    )
    again = ns.NoiseScheduler.from_dict(json.loads(json.dumps(scheduler.to_dict())))
    noisy, record = again({"video": clip}, id="a", step=2)
    assert record.hits[0].noise == "image/wrapped"
    np.testing.assert_array_equal(scheduler({"video": clip}, id="a", step=2)[0]["video"], noisy["video"])
    np.testing.assert_array_equal(ns.replay({"video": clip}, record)["video"], noisy["video"])


def test_records_hold_the_release_of_the_library(picture, monkeypatch):
    ns.wrap("image/grain", grain)
    scheduler = ns.NoiseScheduler({"image": ["image/grain"]}, level=1, condition=ns.fixed("image"))
    _, record = scheduler({"image": picture}, id="a", step=0)
    release = f"albumentations {importlib.metadata.version('albumentations')}"
    assert record.hits[0].achieved == {"scale": "native", "library": release}
    monkeypatch.setattr(libraries, "_release", lambda distribution: "albumentations 2.0.9")
    monkeypatch.setattr(libraries._cache, "transforms", OrderedDict(), raising=False)
    message = f"the record says library '{release}', replay gives 'albumentations 2.0.9'; install the version"
    with pytest.raises(ValueError, match=message):
        ns.replay({"image": picture}, record)


def test_other_processes_know_a_wrapped_noise_by_its_module(tmp_path, picture):
    (tmp_path / "my_noises.py").write_text(
        textwrap.dedent(
            """
            import albumentations as A
            import noise_scheduler as ns
            ns.wrap("image/negative", lambda level: A.InvertImg(p=1))
            """
        )
    )
    code = "import pickle, sys; sys.stdout.buffer.write(pickle.dumps(pickle.load(sys.stdin.buffer)))"
    make = (
        "import my_noises, pickle, sys, noise_scheduler as ns;"
        "sys.stdout.buffer.write(pickle.dumps(ns.build('image/negative')))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", make], capture_output=True, check=True, env=environment)
    assert b"my_noises" in done.stdout
    again = subprocess.run(
        [sys.executable, "-c", code], input=done.stdout, capture_output=True, check=True, env=environment
    )
    assert again.stdout == done.stdout
