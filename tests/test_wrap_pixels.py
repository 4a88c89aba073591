import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_libraries import declare_torchvision
from wrapped import clean_registry, global_states  # noqa: F401

import noise_scheduler as ns
from noise_scheduler.contract import ContractError
from noise_scheduler.testing import check_noise
from noise_scheduler.wrap import libraries

ROOT = Path(__file__).parent.parent
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"


class SkippedWithoutTorchvision:
    """Stands for torchvision where it is not installed: a test that touches it is skipped."""

    def __getattr__(self, name):
        if not name[0].isupper():  # pytest looks at what a module holds
            raise AttributeError(name)
        pytest.skip("torchvision is not installed; test_with_torchvision runs this")


def load_torchvision():
    """Its transforms (v1, v2)."""
    if not declare_torchvision():
        return SkippedWithoutTorchvision(), SkippedWithoutTorchvision()
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
