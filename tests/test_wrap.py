import importlib.metadata
import json
import math
import os
import random
import subprocess
import sys
import textwrap
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import noise_scheduler as ns
from noise_scheduler import registry
from noise_scheduler.contract import ContractError
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import check_noise
from noise_scheduler.wrap import libraries
from noise_scheduler.wrap.torch_random import drawing_from

ROOT = Path(__file__).parent.parent
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"


class SkippedWithoutTorchvision:
    """Stands for torchvision where it is not installed: a test that touches it is skipped."""

    def __getattr__(self, name):
        if not name[0].isupper():  # pytest looks at what a module holds
            raise AttributeError(name)
        pytest.skip("torchvision is not installed; test_with_torchvision runs this")


def load_torchvision():
    """Its transforms (v1, v2); its compiled operators are declared where its wheel is for another build of torch."""
    global _operators  # which would go with their library
    if find_spec("torchvision") is None:
        return SkippedWithoutTorchvision(), SkippedWithoutTorchvision()
    (folder,) = find_spec("torchvision").submodule_search_locations
    try:
        torch.ops.load_library(next(Path(folder).glob("_C*.so")))
    except OSError:
        _operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            _operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from torchvision import transforms
    from torchvision.transforms import v2

    return transforms, v2


v1, v2 = load_torchvision()

import albumentations as A  # noqa: E402
import kornia.augmentation as K  # noqa: E402

TRANSFORMS = {
    "albumentations": lambda level: A.MultiplicativeNoise((1 - 0.9 * level, 1 + 0.9 * level), elementwise=True, p=1),
    "albumentations composed": lambda level: A.Compose(
        [A.OneOf([A.HueSaturationValue(90 * level, 0, 0), A.RGBShift(200 * level, 200 * level, 200 * level)], p=1),
         A.Affine(rotate=(-60 * level, 60 * level), p=1)]),
    "torchvision": lambda level: v2.RandomAffine(60 * level),
    "torchvision composed": lambda level: v2.Compose(
        [v2.ToDtype(torch.float32, True), v2.GaussianNoise(sigma=level / 2), v2.ToDtype(torch.uint8, True)]),
    "kornia": lambda level: K.RandomGaussianNoise(std=level / 2, p=1.0),
    "kornia composed": lambda level: torch.nn.Sequential(
        K.RandomGaussianNoise(std=level / 2, p=1.0), K.RandomBrightness((1 - level / 2, 1 + level / 2), p=1.0)),
}  # fmt: skip


class Nothing(torch.nn.Module):
    def forward(self, tensor):
        return tensor * math.nan


@pytest.fixture(autouse=True)
def clean_registry(monkeypatch):
    ns.names()
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.setattr(registry, "_names", dict(registry._names))


@pytest.fixture(params=TRANSFORMS)
def wrapped(request):
    ns.wrap("image/wrapped", TRANSFORMS[request.param])
    return "image/wrapped"


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(40, 200, (32, 24, 3), dtype=np.uint8)


@pytest.fixture
def clip(picture):
    return np.stack([np.roll(picture, shift, 1) for shift in range(6)])


def global_states():
    numpy_state = np.random.get_state()  # noqa: NPY002
    return (random.getstate(), numpy_state[1].tobytes(), numpy_state[2:], torch.get_rng_state().numpy().tobytes())


def test_contract(wrapped):
    before = global_states()
    check_noise(wrapped, draws=8)
    assert global_states() == before


def test_pieces_of_a_clip_come_out_as_the_whole(clip):
    for frames in ("held", "fresh"):
        for number, transform in enumerate(TRANSFORMS.values()):
            name = f"image/{frames}_{number}"
            ns.wrap(name, transform, frames=frames)
            whole = ns.corrupt(clip, name, level=0.6, seed=1)
            pieces = [
                ns.corrupt(clip[a:b], name, level=0.6, seed=1, first_frame=a) for a, b in ((0, 2), (2, 3), (3, 6))
            ]
            np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_held_frames_are_alike_and_fresh_ones_are_not(picture):
    still = np.stack([picture] * 3)
    for frames, alike in (("held", True), ("fresh", False)):
        for number, transform in enumerate(TRANSFORMS.values()):
            ns.wrap(f"image/{frames}_{number}", transform, frames=frames)
            noisy = ns.corrupt(still, f"image/{frames}_{number}", level=0.6)
            assert (noisy[0] == noisy[1]).all() == (noisy[1] == noisy[2]).all() == alike, (frames, number)


def test_other_threads_keep_torchs_global_generator(picture):
    """Draws of the main thread are what they are alone, while other threads run transforms that draw."""
    ns.wrap("image/grain", TRANSFORMS["kornia"])
    kept = torch.get_rng_state()
    try:
        torch.manual_seed(5)
        alone = torch.stack([torch.rand(3) for _ in range(500)])
        torch.manual_seed(5)
        with ThreadPoolExecutor(3) as pool:
            jobs = [pool.submit(ns.corrupt, picture, "image/grain", level=0.5, seed=seed) for seed in range(60)]
            beside = torch.stack([torch.rand(3) for _ in range(500)])
            noisy = [job.result() for job in jobs]
    finally:
        torch.set_rng_state(kept)
    assert torch.equal(alone, beside)
    for seed, result in enumerate(noisy):
        np.testing.assert_array_equal(result, ns.corrupt(picture, "image/grain", level=0.5, seed=seed))


def test_every_way_to_draw_is_redirected():
    x = torch.full((50,), 0.5)
    draws = [
        lambda: torch.rand(50), lambda: torch.randn(50), lambda: torch.randint(99, (50,)), lambda: torch.randperm(50),
        lambda: torch.rand_like(x), lambda: torch.randn_like(x), lambda: torch.randint_like(x, 99),
        lambda: torch.randint(9, 99, (50,)), lambda: torch.randint_like(x, 9, 99), lambda: torch.bernoulli(x),
        lambda: torch.empty(50).uniform_(), lambda: torch.empty(50).normal_(), lambda: torch.empty(50).exponential_(),
        lambda: torch.multinomial(x, 20), lambda: torch.poisson(9 * x), lambda: torch.normal(0.0, 1.0, (50,)),
        lambda: torch.normal(x, x), lambda: torch.rand(50, generator=torch.Generator().manual_seed(1)),
        lambda: torch.distributions.Beta(x, x).sample(), lambda: torch.distributions.Normal(x, x).sample(),
    ]  # fmt: skip
    before = torch.get_rng_state()
    for draw in draws:
        results = []
        for seed in (1, 1, 2):
            with stream(key_of(seed, 0), 0, "test") as rng, drawing_from(rng):
                results.append(draw())
        assert torch.equal(results[0], results[1])
        assert not torch.equal(results[0], results[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_an_operation_that_takes_no_generator_is_refused():
    with (
        stream(key_of(1, 0), 0, "test") as rng,
        drawing_from(rng),
        pytest.raises(RuntimeError, match=r"native_dropout.* cannot be wrapped"),
    ):
        torch.native_dropout(torch.ones(4), 0.5, True)


def test_pythons_generator_draws_from_the_stream():
    python = libraries._PythonRandom()
    drawn = []
    for seed in (1, 1, 2):
        with stream(key_of(seed, 0), 0, "test") as rng:
            python.draw_from(rng)
            drawn.append(
                (python.gauss(0, 1), python.sample(range(99), 5), python.getrandbits(100), python.uniform(1, 2))
            )
    assert drawn[0] == drawn[1] != drawn[2]
    with stream(key_of(3, 0), 0, "test") as rng:
        python.draw_from(rng)
        for bits in (0, 1, 31, 64, 65, 128):
            assert all(0 <= python.getrandbits(bits) < 1 << bits for _ in range(50))
        assert {python.randint(1, 6) for _ in range(200)} == set(range(1, 7))
        assert np.mean([python.getrandbits(10) for _ in range(4000)]) == pytest.approx(511.5, abs=20)


def test_transforms_get_the_picture_as_their_library_has_it(picture):
    seen = {}

    class Look(torch.nn.Module):
        def forward(self, tensor):
            seen["tensor"] = tensor
            return tensor

    def look(image, **kwargs):
        seen["array"] = image.copy()
        return image

    for name, transform in (
        ("a", lambda level: A.Lambda(image=look, p=1)),
        ("t", lambda level: v2.Compose([Look()])),
        ("k", lambda level: K.AugmentationSequential(Look(), K.RandomHorizontalFlip(p=1.0))),
    ):
        ns.wrap(f"image/{name}", transform)
    picture.setflags(write=False)
    np.testing.assert_array_equal(ns.corrupt(picture, "image/a", level=0.5), picture)
    np.testing.assert_array_equal(seen["array"], picture)
    np.testing.assert_array_equal(ns.corrupt(picture, "image/t", level=0.5), picture)
    assert seen["tensor"].dtype == torch.uint8
    np.testing.assert_array_equal(seen["tensor"].permute(1, 2, 0), picture)
    np.testing.assert_array_equal(ns.corrupt(picture, "image/k", level=0.5), picture[:, ::-1])
    np.testing.assert_allclose(seen["tensor"][0].permute(1, 2, 0), picture / 255, atol=1e-6)


def test_grey_pictures_go_in_as_rgb_and_come_out_as_luma(picture):
    def red(image, **kwargs):
        return image * np.array([1, 0, 0], np.uint8)

    grey = picture[..., :1]
    ns.wrap("image/red", lambda level: A.Lambda(image=red, p=1))
    ns.wrap("image/kept", lambda level: A.NoOp(p=1))
    np.testing.assert_array_equal(ns.corrupt(grey, "image/kept", level=1), grey)
    np.testing.assert_array_equal(ns.corrupt(grey, "image/red", level=1), np.rint(0.299 * grey).astype(np.uint8))


def test_blend_mixes_the_clean_picture_in(picture):
    ns.wrap("image/inverted", lambda level: A.InvertImg(p=1), blend=lambda level: level**2)
    noisy = ns.corrupt(picture, "image/inverted", level=0.5)
    np.testing.assert_allclose(noisy, 0.75 * picture + 0.25 * (255.0 - picture), atol=0.51)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda level: A.Blur(), "image/idle: Blur has p=0.5 .* give it p=1"),
        (lambda level: A.Compose([A.Blur(p=1), A.Sequential([A.Blur(p=1)])]), "Sequential has p=0.5"),
        (lambda level: A.Compose([A.Blur(p=0.9)]), "Blur has p=0.9"),
        (lambda level: A.SomeOf([A.Blur(p=0.3)], n=1, p=1), "Blur has p=0.3"),
        (lambda level: A.OneOf([A.Blur(p=1)]), "OneOf has p=0.5"),
        (lambda level: v2.RandomInvert(), "RandomInvert has p=0.5"),
        (lambda level: v2.Compose([v2.RandomApply([v2.GaussianBlur(3)])]), "RandomApply has p=0.5"),
        (lambda level: K.RandomRain(), "RandomRain has p=0.5"),
        (lambda level: torch.nn.Sequential(K.RandomVerticalFlip(p=1.0, p_batch=0.5)), "Flip has p_batch=0.5"),
    ],
)
def test_transforms_that_may_do_nothing_are_refused(picture, transform, message):
    ns.wrap("image/idle", transform)
    with pytest.raises(ValueError, match=message):
        ns.corrupt(picture, "image/idle", level=0.5)


def test_weights_of_a_choice_are_no_such_thing(picture):
    ns.wrap("image/a", lambda level: A.OneOf([A.InvertImg(p=0.2), A.Solarize((0.2, 0.2), p=0.3)], p=1))
    ns.wrap("image/b", lambda level: A.OneOrOther(A.InvertImg(p=1), A.Solarize((0.2, 0.2), p=1), p=0.4))
    ns.wrap("image/c", lambda level: v2.RandomChoice([v2.RandomInvert(p=1), v2.RandomSolarize(9, p=1)], p=[0.2, 0.8]))
    for name in ("image/a", "image/b", "image/c"):
        assert all((ns.corrupt(picture, name, level=0.5, seed=seed) != picture).any() for seed in range(20))


@pytest.mark.parametrize(
    ("transform", "error", "message"),
    [
        (lambda level: A.Resize(8, 8, p=1), ContractError, r"image/odd: .* made uint8 \(8, 8, 3\).*keeps size"),
        (lambda level: A.ToFloat(p=1), ContractError, "made float32"),
        (lambda level: v2.RandomCrop(8), ContractError, r"\(8, 8, 3\)"),
        (lambda level: v2.Grayscale(1), ContractError, r"\(32, 24, 1\)"),
        (lambda level: v2.ToDtype(torch.float32, scale=True), ContractError, "end with uint8"),
        (lambda level: K.RandomCrop((8, 8), p=1.0), ContractError, r"\(8, 8, 3\)"),
        (lambda level: v2.ToPILImage(), TypeError, "ToPILImage made Image of a picture: it must end with a tensor"),
        (lambda level: v1.RandomInvert(p=1), TypeError, "transforms.RandomInvert is not a transform of"),
        (lambda level: (lambda image: image), TypeError, "image/odd: .*function is not a transform of alb"),
        (lambda level: torch.nn.Sequential(K.RandomVerticalFlip(p=1.0), Nothing()), ValueError, "that are not finite"),
    ],
)  # fmt: skip
def test_what_is_no_noise_is_named(picture, transform, error, message):
    ns.wrap("image/odd", transform)
    with pytest.raises(error, match=message):
        ns.corrupt(picture, "image/odd", level=0.5)


def test_names_and_options_are_checked():
    with pytest.raises(ValueError, match="image/grain"):
        ns.wrap("grain", TRANSFORMS["kornia"])
    with pytest.raises(ValueError, match="frames must be 'held' or 'fresh', not 'each'"):
        ns.wrap("image/grain", TRANSFORMS["kornia"], frames="each")
    with pytest.raises(ValueError, match="already taken"):
        ns.wrap("image/fog", TRANSFORMS["kornia"])
    with pytest.raises(ValueError, match="no stage is called 'air'"):
        ns.wrap("image/grain", TRANSFORMS["kornia"], stage="air")
    with pytest.raises(TypeError, match=r"image/blur: wrap a function of the level, .* not <class .*Blur'>"):
        ns.wrap("image/blur", A.Blur)
    with pytest.raises(TypeError, match=r"Plain needs a method transform\(level\)"):
        ns.wrap("image/plain")(dataclass(frozen=True, slots=True)(type("Plain", (), {})))


def test_a_function_describes_itself():
    def shaken(level):
        """Shake the camera."""
        return v2.RandomAffine(60 * level)

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
            return v2.ColorJitter(brightness=(factor, factor))

    description = ns.describe("image/dimmed")
    assert (description.fields[0].name, description.fields[0].doc) == ("factor_range", "Brightness (mild, extreme).")
    for noise, factor in (("image/dimmed", 0.6), (ns.build("image/dimmed", factor_range=(1.0, 0.0)), 0.5)):
        np.testing.assert_allclose(ns.corrupt(picture, noise, level=0.5), picture * factor, atol=1)


def test_schedulers_know_wrapped_noises_by_name(wrapped, clip):
    scheduler = ns.NoiseScheduler({"video": [wrapped]}, level=ns.uniform(0.3, 1), condition=ns.fixed("video"), seed=3)
    again = ns.NoiseScheduler.from_dict(json.loads(json.dumps(scheduler.to_dict())))
    noisy, record = again({"video": clip}, id="a", step=2)
    assert record.hits[0].noise == wrapped
    np.testing.assert_array_equal(scheduler({"video": clip}, id="a", step=2)[0]["video"], noisy["video"])
    np.testing.assert_array_equal(ns.replay({"video": clip}, record)["video"], noisy["video"])


def test_records_hold_the_release_of_the_library(picture, monkeypatch):
    ns.wrap("image/grain", TRANSFORMS["albumentations"])
    scheduler = ns.NoiseScheduler({"image": ["image/grain"]}, level=1, condition=ns.fixed("image"))
    _, record = scheduler({"image": picture}, id="a", step=0)
    release = f"albumentations {importlib.metadata.version('albumentations')}"
    assert record.hits[0].achieved == {"scale": "native", "library": release}
    monkeypatch.setattr(libraries, "_release", lambda distribution: "albumentations 2.0.9")
    monkeypatch.setattr(importlib.import_module("noise_scheduler.wrap")._cache, "transforms", OrderedDict())
    with pytest.raises(ValueError, match=f"the record says library '{release}', replay gives 'albumentations 2.0.9'"):
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


def test_the_successor_of_albumentations_brings_a_warning(tmp_path, picture, monkeypatch):
    folder = tmp_path / "albumentationsx-2.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: albumentationsx\nVersion: 2.1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    cached = libraries._installed, libraries._release, libraries._warn_of_successor
    for function in cached:
        function.cache_clear()
    try:
        ns.wrap("image/negative", lambda level: A.InvertImg(p=1))
        with pytest.warns(UserWarning, match="albumentationsx, which is under the AGPL"):
            noisy = ns.corrupt(picture, "image/negative", level=0.123)
    finally:
        for function in cached:
            function.cache_clear()
    np.testing.assert_array_equal(noisy, 255 - picture)


@pytest.mark.slow
def test_with_torchvision(tmp_path):
    """All of the above beside a torchvision of its own: in the environment it would break what imports it on the quiet
    where torch is a CPU build and torchvision's wheel is not."""
    release = f"torchvision==0.{int(torch.__version__.split('.')[1]) + 15}.*"  # torch 2.13 goes with torchvision 0.28
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), release]
    subprocess.run(pip, check=True)
    command = [sys.executable, "-m", "pytest", "-m", "not slow", "-o", "addopts=", "-p", "no:cacheprovider", __file__]
    run = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert "skipped" not in run.stdout.splitlines()[-1]
