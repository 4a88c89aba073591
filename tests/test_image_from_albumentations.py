import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import noise_scheduler as ns
from noise_scheduler.image import from_albumentations
from noise_scheduler.testing import check_noise
from noise_scheduler.wrap import libraries

ROOT = Path(__file__).parent.parent
NAMES = [
    "image/lens_drops", "image/mud", "image/cloud_shadow", "image/chromatic_aberration", "image/lens_distortion",
    "image/ringing", "image/median_smoothing", "image/sharpening", "image/local_contrast", "image/hue_shift",
]  # fmt: skip


def many(image, name, level, draws=12, **fields):
    noise = ns.build(name, **fields)
    return np.stack([ns.corrupt(image, noise, level=level, seed=seed) for seed in range(draws)]).astype(float)


@pytest.fixture
def texture():
    rough = np.random.default_rng(0).normal(0, 1, (120, 160, 3))
    smooth = ndimage.gaussian_filter(rough, (3, 3, 0))
    return np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name)


@pytest.mark.parametrize("name", NAMES)
def test_vanishes_towards_level_0(name, texture):
    assert np.abs(many(texture, name, 1e-3, draws=4) - texture).mean() < 1


@pytest.mark.parametrize("name", NAMES)
def test_clips_hold_still_and_come_in_pieces(name, texture):
    clip = np.stack([texture] * 4)
    noisy = ns.corrupt(clip, name, level=0.6, seed=3)
    assert (noisy == noisy[0]).all()
    np.testing.assert_array_equal(ns.corrupt(clip[2:], name, level=0.6, seed=3, first_frame=2), noisy[2:])


def test_drops_brighten_their_share_of_the_picture():
    image = np.full((200, 200, 3), 60, np.uint8)
    for cover in (0.02, 0.2):
        noisy = many(image, "image/lens_drops", 1.0, cover_range=(cover, cover))
        assert (noisy >= 60).all()
        assert (noisy > 60).any(-1).mean() == pytest.approx(cover, rel=0.35)


def test_mud_is_brown_over_its_share_of_the_picture():
    image = np.full((200, 200, 3), 200, np.uint8)
    for cover in (0.1, 0.5, 0.9):
        noisy = many(image, "image/mud", 1.0, cover_range=(cover, cover), opacity_range=(1.0, 1.0))
        assert ((noisy[..., 0] < 131).mean()) == pytest.approx(cover, abs=0.06)  # half way from 200 to 63
        deepest = noisy.reshape(-1, 3)[noisy.sum(-1).argmin()]
        np.testing.assert_allclose(deepest, (63, 42, 20), atol=3)


def test_cloud_shadow_takes_light_between_none_and_the_deepest_shade():
    image = np.full((120, 160, 3), 200, np.uint8)
    noisy = many(image, "image/cloud_shadow", 1.0, shade_range=(0.4, 0.4)) / 200
    assert noisy.min() == pytest.approx(0.6, abs=0.01)
    assert noisy.max() == pytest.approx(1, abs=0.05)
    soft, grainy = (
        np.abs(np.diff(many(image, "image/cloud_shadow", 1.0, roughness=roughness), axis=2)).mean()
        for roughness in (0.3, 1.0)
    )
    assert grainy > 2 * soft


def bent(channel, radius_to, signs=(1, -1)):
    """A channel seen through a lens that shows at each place what lies radius_to times as far out, for both signs."""
    height, width = channel.shape
    y, x = np.mgrid[:height, :width].astype(float)
    y, x = y - height / 2, x - width / 2
    for sign in signs:
        scale = radius_to(x, y, sign)
        places = [y * scale + height / 2, x * scale + width / 2]
        yield ndimage.map_coordinates(channel.astype(float), places, order=1, mode="mirror")


def test_lens_distortion_maps_radii(texture):
    k = 0.2
    coefficient = {1: k, -1: -(k ** (2 / 3)) / 4}
    noisy = many(texture, "image/lens_distortion", 1.0, distortion_range=(k, k), draws=20)
    expected = list(bent(texture[..., 1], lambda x, y, sign: 1 + coefficient[sign] * (x**2 + y**2) / (80**2 + 60**2)))
    errors = np.array([[np.abs(a[..., 1] - b).max() for b in expected] for a in noisy])
    assert errors.min(1).max() < 3
    assert set(errors.argmin(1)) == {0, 1}


def test_chromatic_aberration_magnifies_red_and_blue(texture):
    k = 0.2
    noisy = many(texture, "image/chromatic_aberration", 1.0, distortion_range=(k, k), draws=20)

    def scale(x, y, sign):
        square = (x / 160) ** 2 + (y / 120) ** 2
        return 1 + sign * k * (square + square**2)

    assert (noisy[..., 1] == texture[..., 1]).all()
    inside = np.s_[15:-15, 20:-20]
    for channel in (0, 2):
        expected = list(bent(texture[..., channel], scale))
        errors = np.array([[np.abs(a[..., channel] - b)[inside].max() for b in expected] for a in noisy])
        assert errors.min(1).max() < 6
        assert set(errors.argmin(1)) == {0, 1}


def test_ringing_passes_waves_below_its_cutoff_alone():
    x = np.arange(240)
    for cutoff in (0.5, 1.2):
        for frequency, passes in ((0.7 * cutoff, True), (1.5 * cutoff, False)):
            wave = np.rint(128 + 60 * np.sin(frequency * x)).astype(np.uint8)
            image = np.broadcast_to(wave[None, :, None], (80, 240, 3))
            noisy = many(image, "image/ringing", 1.0, draws=1, cutoff_range=(cutoff, cutoff))[0, :, 70:-70]
            assert (noisy.std() > 30) == passes
    step = np.where(x < 120, 60, 190)[None, :, None].repeat(80, 0).repeat(3, 2).astype(np.uint8)
    noisy = many(step, "image/ringing", 1.0, draws=1, cutoff_range=(0.6, 0.6))[0]
    assert noisy.min() < 55
    assert noisy.max() > 195


def test_median_smoothing_is_a_median_of_the_mean_width(texture):
    expected = {px: ndimage.median_filter(texture, (px, px, 1), mode="nearest") for px in (5, 7)}
    noisy = many(texture, "image/median_smoothing", 1.0, window_px_range=(5.5, 5.5), draws=40)
    widths = [next(px for px in expected if (a == expected[px]).all()) for a in noisy]
    assert np.mean(widths) == pytest.approx(5.5, abs=0.4)
    np.testing.assert_array_equal(
        ns.corrupt(texture, ns.build("image/median_smoothing", window_px_range=(5.0, 5.0)), level=1), expected[5]
    )


def test_sharpening_makes_halos_and_leaves_flat_parts():
    step = np.full((40, 80, 3), 90, np.uint8)
    step[:, 40:] = 160
    noisy = many(step, "image/sharpening", 1.0, draws=1)[0]
    assert noisy[20, 39].max() < 40
    assert noisy[20, 40].min() > 210
    np.testing.assert_allclose(noisy[:, :10], 90, atol=1)


def test_local_contrast_is_a_blend_that_raises_faint_contrast(texture):
    faint = (120 + (texture.astype(float) - 128) / 12).astype(np.uint8)
    half, full = (many(faint, "image/local_contrast", level, draws=1)[0] for level in (0.5, 1.0))
    assert full.std() > 4 * faint.std()
    np.testing.assert_allclose(half, (faint + full) / 2, atol=0.51)


def test_hue_turns_either_way():
    red = np.full((4, 4, 3), (200, 40, 40), np.uint8)
    noisy = many(red, "image/hue_shift", 1.0, angle_deg_range=(120.0, 120.0), draws=20)
    assert {tuple(a[0, 0]) for a in noisy} == {(40, 200, 40), (40, 40, 200)}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("image/lens_drops", {"cover_range": (0.5, 0.1)}),
        ("image/mud", {"cover_range": (0.5, 1.5)}),
        ("image/mud", {"opacity_range": (0.5, 1.5)}),
        ("image/cloud_shadow", {"shade_range": (0.5, 0.1)}),
        ("image/cloud_shadow", {"roughness": 0.0}),
        ("image/chromatic_aberration", {"distortion_range": (0.0, 0.1)}),
        ("image/lens_distortion", {"distortion_range": (0.0, 0.1)}),
        ("image/ringing", {"cutoff_range": (0.5, 2.0)}),
        ("image/median_smoothing", {"window_px_range": (0.5, 2.0)}),
        ("image/sharpening", {"amount_range": (0.5, 2.0)}),
        ("image/local_contrast", {"gain": 0.5}),
        ("image/hue_shift", {"angle_deg_range": (0.5, 200.0)}),
    ],
)
def test_bad_fields_are_named(name, fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        ns.build(name, **fields)


def run(code, settings=()):
    environment = {k: v for k, v in os.environ.items() if k != "NO_ALBUMENTATIONS_UPDATE"}
    environment |= {"PYTHONPATH": str(ROOT)} | dict(settings)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def test_without_the_library_they_are_listed_and_say_what_is_missing():
    printed = run(
        "import sys; sys.modules['albumentations'] = None\n"
        "import numpy as np, noise_scheduler as ns\n"
        "print('image/mud' in ns.names(), ns.describe('image/mud').summary)\n"
        "try: ns.corrupt(np.zeros((8, 8, 3), np.uint8), 'image/mud', level=0.5)\n"
        "except ns.MissingExtraError as error: print(error)"
    )
    assert "True Splash mud" in printed
    assert "pip install 'noise-scheduler[albumentations]'" in printed


@pytest.mark.parametrize("setting", [None, "0"])
def test_the_network_is_not_asked_and_the_environment_stays(setting):
    printed = run(
        "import os, urllib.request\n"
        "urllib.request.OpenerDirector.open = lambda *a, **k: print('ASKED')\n"
        "import numpy as np, noise_scheduler as ns\n"
        "ns.corrupt(np.zeros((8, 8, 3), np.uint8), 'image/mud', level=0.5)\n"
        "print(os.environ.get('NO_ALBUMENTATIONS_UPDATE'))",
        {} if setting is None else {"NO_ALBUMENTATIONS_UPDATE": setting},
    )
    assert printed.split() == [str(setting)]


def refusal(monkeypatch):
    from_albumentations._albumentations.cache_clear()
    try:
        with pytest.raises(ns.MissingExtraError) as error:
            ns.corrupt(np.zeros((8, 8, 3), np.uint8), "image/mud", level=0.456)
    finally:
        monkeypatch.undo()
        libraries._installed.cache_clear()
        from_albumentations._albumentations.cache_clear()
    return str(error.value)


def test_the_successor_under_another_licence_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "albumentationsx-2.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: albumentationsx\nVersion: 2.1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    libraries._installed.cache_clear()
    message = refusal(monkeypatch)
    assert "AGPL" in message
    assert "pip uninstall albumentationsx" in message


def test_another_release_is_refused(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda distribution: "1.4.24")
    assert "needs albumentations 2.0.8, not 1.4.24" in refusal(monkeypatch)
