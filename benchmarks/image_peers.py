"""What other libraries have for the noises of images, each with one parameter that sets its strength.

A transform is built once and called as its users do: albumentations and imagecorruptions on a uint8 array (H, W, C),
torchvision on a uint8 tensor (C, H, W), kornia on a float tensor (1, C, H, W).

Public: `PEERS`, `LIBRARIES`, `to_input`, `to_picture`.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or importing it asks the network
setattr(np, "float_", np.float64)  # noqa: B010  imagecorruptions 1.1.2 writes this name, which NumPy 2 dropped
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

import albumentations as A  # noqa: E402
import kornia.augmentation as K  # noqa: E402
import torchvision.transforms.v2 as T  # noqa: E402
from imagecorruptions import corrupt, corruptions  # noqa: E402
from skimage.filters import gaussian  # noqa: E402

from benchmarks.measure import Peer  # noqa: E402

corruptions.gaussian = lambda image, sigma, *, multichannel=False, **more: gaussian(  # as scikit-image ≥ 0.19 calls it
    image, sigma, channel_axis=-1 if multichannel else None, **more
)

LIBRARIES = ("albumentations", "torchvision", "kornia", "imagecorruptions")


def to_input(letter: str, picture: np.ndarray) -> Any:
    """A picture (H, W, C) uint8 as the library of a letter wants it."""
    if letter == "T":
        return torch.from_numpy(picture).permute(2, 0, 1).contiguous()
    if letter == "K":
        return torch.from_numpy(picture).permute(2, 0, 1)[None].float().div(255)
    return picture


def to_picture(letter: str, output: Any) -> np.ndarray:
    """A picture (H, W, C) uint8 from what that library gave."""
    if letter == "T":
        output = output.permute(1, 2, 0).numpy()
    elif letter == "K":
        output = output[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(output, dtype=np.uint8)


def _a(name: str, fields: Callable[[float, int], dict[str, Any]], mild: float, strong: float, **more: Any) -> Peer:
    def make(value: float, side: int) -> Callable[[Any], Any]:
        transform = getattr(A, name)(p=1, **fields(value, side))
        return lambda picture: transform(image=picture)["image"]

    return Peer(f"A.{name}", make, mild, strong, **more)


def _t(name: str, fields: Callable[[float, int], dict[str, Any]], mild: float, strong: float, **more: Any) -> Peer:
    return Peer(f"T.{name}", lambda value, side: getattr(T, name)(**fields(value, side)), mild, strong, **more)


def _k(name: str, fields: Callable[[float, int], dict[str, Any]], mild: float, strong: float, **more: Any) -> Peer:
    return Peer(f"K.{name}", lambda value, side: getattr(K, name)(p=1, **fields(value, side)), mild, strong, **more)


def _i(name: str) -> Peer:
    def make(value: float, side: int) -> Callable[[Any], Any]:
        return lambda picture: corrupt(picture, corruption_name=name, severity=int(value))

    return Peer(f"I.{name}", make, 1, 5, whole=True)


def _both(first: Peer, second: Callable[[], Any]) -> Peer:
    """A transform with its strength, followed by a fixed one of the same library, for an effect that needs the two."""
    fixed = second()
    after = fixed if first.letter == "T" else lambda picture: fixed(image=picture)["image"]

    def make(value: float, side: int) -> Callable[[Any], Any]:
        before = first.make(value, side)
        return lambda picture: after(before(picture))

    return replace(first, name=f"{first.name} + {first.name[0]}.{type(fixed).__name__}", make=make)


def _odd(value: float) -> int:
    return max(3, 2 * round((value - 1) / 2) + 1)


def _kernel(sigma: float) -> int:
    return 2 * math.ceil(3 * sigma) + 1


def _hole(area: float, side: int) -> dict[str, Any]:
    share = math.sqrt(area)
    return {"num_holes_range": (1, 1), "hole_height_range": (share, share), "hole_width_range": (share, share)}


def _resize(down: int, up: int) -> dict[str, int]:
    return {"downscale": down, "upscale": up}


def _shift(shift: float, side: int) -> dict[str, Any]:
    zoom = min(0.9, 0.8 * shift)
    return {"degrees": math.degrees(1.2 * shift), "translate": (shift, shift), "scale": (1 - zoom, 1 + zoom)}


def _blocks(count: float, side: int) -> dict[str, Any]:
    edge = (side // 14, side // 14)
    return {"num_holes_range": (count, count), "hole_height_range": edge, "hole_width_range": edge}


PEERS: dict[str, tuple[Peer, ...]] = {
    "motion_blur": (
        _a("MotionBlur", lambda v, s: {"blur_limit": (_odd(v), _odd(v)), "allow_shifted": False}, 3, 151, ratios=True),
        _k(
            "RandomMotionBlur",
            lambda v, s: {"kernel_size": _odd(v), "angle": 180.0, "direction": 0.0},
            3,
            75,
            ratios=True,
        ),
        _i("motion_blur"),
    ),
    "defocus": (
        _a("Defocus", lambda v, s: {"radius": (round(v), round(v))}, 1, 60, ratios=True, whole=True),
        _i("defocus_blur"),
    ),
    "gaussian_blur": (
        _a("GaussianBlur", lambda v, s: {"sigma_limit": (v, v), "blur_limit": 0}, 0.3, 30, ratios=True),
        _t("GaussianBlur", lambda v, s: {"kernel_size": _kernel(v), "sigma": v}, 0.3, 16, ratios=True),
        _k("RandomGaussianBlur", lambda v, s: {"kernel_size": _kernel(v), "sigma": (v, v)}, 0.3, 16, ratios=True),
        _i("gaussian_blur"),
    ),
    "zoom_blur": (
        _a("ZoomBlur", lambda v, s: {"max_factor": (1 + v, 1 + v), "step_factor": (0.01, 0.01)}, 0.02, 1, ratios=True),
        _i("zoom_blur"),
    ),
    "glass_blur": (
        _a("GlassBlur", lambda v, s: {"max_delta": v, "iterations": 2}, 1, 24, ratios=True, whole=True),
        _i("glass_blur"),
    ),
    "gaussian_noise": (
        _a("GaussNoise", lambda v, s: {"std_range": (v, v)}, 0.003, 1, ratios=True),
        _t("GaussianNoise", lambda v, s: {"sigma": v}, 0.003, 1, ratios=True),
        _k("RandomGaussianNoise", lambda v, s: {"std": v}, 0.003, 1, ratios=True),
        _i("gaussian_noise"),
    ),
    "sensor_noise": (
        _a("ISONoise", lambda v, s: {"intensity": (v, v)}, 0.01, 3, ratios=True),
        _a("ShotNoise", lambda v, s: {"scale_range": (v, v)}, 0.001, 1, ratios=True),
        _i("shot_noise"),
    ),
    "impulse_noise": (
        _a("SaltAndPepper", lambda v, s: {"amount": (v, v)}, 0.0005, 1, ratios=True),
        _k("RandomSaltAndPepperNoise", lambda v, s: {"amount": (v, v)}, 0.0005, 1, ratios=True),
        _i("impulse_noise"),
    ),
    "dead_pixels": (_a("PixelDropout", lambda v, s: {"dropout_prob": v}, 0.0005, 1, ratios=True),),
    "speckle_noise": (
        _a(
            "MultiplicativeNoise",
            lambda v, s: {"multiplier": (1 - v, 1 + v), "per_channel": True, "elementwise": True},
            0.01,
            1,
            ratios=True,
        ),
        _i("speckle_noise"),
    ),
    "jpeg": (
        _a("ImageCompression", lambda v, s: {"quality_range": (v, v)}, 99, 1, whole=True),
        _t("JPEG", lambda v, s: {"quality": v}, 99, 1, whole=True),
        _k("RandomJPEG", lambda v, s: {"jpeg_quality": (v, v)}, 99.0, 1.0),
        _i("jpeg_compression"),
    ),
    "webp": (
        _a("ImageCompression", lambda v, s: {"quality_range": (v, v), "compression_type": "webp"}, 99, 1, whole=True),
    ),
    "downscale": (
        _a(
            "Downscale",
            lambda v, s: {"scale_range": (v, v), "interpolation_pair": _resize(cv2.INTER_AREA, cv2.INTER_LINEAR)},
            0.9,
            0.02,
            ratios=True,
        ),
    ),
    "pixelate": (
        _a(
            "Downscale",
            lambda v, s: {"scale_range": (v, v), "interpolation_pair": _resize(cv2.INTER_AREA, cv2.INTER_NEAREST)},
            0.9,
            0.02,
            ratios=True,
        ),
        _i("pixelate"),
    ),
    "bit_depth": (
        _a("Posterize", lambda v, s: {"num_bits": v}, 7, 1, whole=True),
        _t("RandomPosterize", lambda v, s: {"bits": v, "p": 1}, 7, 1, whole=True),
        _k("RandomPosterize", lambda v, s: {"bits": (v, v)}, 7, 1, whole=True),
    ),
    "fog": (
        _a("RandomFog", lambda v, s: {"alpha_coef": v}, 0.003, 0.9, ratios=True),
        _i("fog"),
    ),
    "rain": (
        _a("RandomRain", lambda v, s: {"rain_type": "heavy", "blur_value": v}, 15, 1, whole=True),
        _k(
            "RandomRain",
            lambda v, s: {"number_of_drops": (v, v), "drop_height": (s // 16, s // 12), "drop_width": (-3, 3)},
            10,
            4000,
            ratios=True,
            whole=True,
        ),
    ),
    "snow": (
        _a("RandomSnow", lambda v, s: {"snow_point_range": (v, v), "method": "texture"}, 0.01, 1),
        _k("RandomSnow", lambda v, s: {"snow_coefficient": (v, v), "brightness": (2.0, 2.0)}, 0.01, 1),
        _i("snow"),
    ),
    "sun_flare": (
        _a("RandomSunFlare", lambda v, s: {"src_radius": max(2, round(v * s))}, 0.05, 4, ratios=True),
        _a(
            "RandomSunFlare",
            lambda v, s: {"src_radius": max(2, round(v * s)), "method": "physics_based"},
            0.05,
            4,
            ratios=True,
        ),
    ),
    "shadow": (
        _a("RandomShadow", lambda v, s: {"shadow_intensity_range": (v, v), "shadow_roi": (0, 0, 1, 1)}, 0.05, 1),
        _a("PlasmaShadow", lambda v, s: {"shadow_intensity_range": (v, v)}, 0.05, 1),
        _k("RandomPlasmaShadow", lambda v, s: {"shade_intensity": (-v, -v)}, 0.05, 1),
    ),
    "dirty_lens": (
        _a("Spatter", lambda v, s: {"mode": "mud", "cutout_threshold": (v, v), "intensity": (0.6, 0.6)}, 0.95, 0.3),
        _i("spatter"),
    ),
    "over_exposure": (
        _a("RandomBrightnessContrast", lambda v, s: {"brightness_limit": (v, v), "contrast_limit": (0, 0)}, 0.02, 1),
        _t("ColorJitter", lambda v, s: {"brightness": (1 + v, 1 + v)}, 0.02, 12, ratios=True),
        _k("RandomBrightness", lambda v, s: {"brightness": (1 + v, 1 + v)}, 0.02, 1),
        _i("brightness"),
    ),
    "contrast_loss": (
        _a("RandomBrightnessContrast", lambda v, s: {"brightness_limit": (0, 0), "contrast_limit": (-v, -v)}, 0.05, 1),
        _t("ColorJitter", lambda v, s: {"contrast": (1 - v, 1 - v)}, 0.05, 1),
        _k("RandomContrast", lambda v, s: {"contrast": (1 - v, 1 - v)}, 0.05, 1),
        _i("contrast"),
    ),
    "low_light": (
        _both(
            _a(
                "RandomBrightnessContrast",
                lambda v, s: {"brightness_limit": (-v, -v), "contrast_limit": (0, 0)},
                0.02,
                1,
            ),
            lambda: A.ISONoise(p=1, intensity=(0.1, 0.1)),
        ),
        _both(
            _a("RandomGamma", lambda v, s: {"gamma_limit": (v, v)}, 110, 1000, ratios=True),
            lambda: A.ISONoise(p=1, intensity=(0.1, 0.1)),
        ),
        _both(
            _a("RandomGamma", lambda v, s: {"gamma_limit": (v, v)}, 110, 1000, ratios=True),
            lambda: A.ShotNoise(p=1, scale_range=(1 / 2000, 1 / 2000)),  # as our full well
        ),
        _both(
            _t("ColorJitter", lambda v, s: {"brightness": (1 - v, 1 - v)}, 0.02, 1),
            lambda: T.GaussianNoise(sigma=0.03),
        ),
    ),
    "colour_cast": (
        _a("RGBShift", lambda v, s: {f"{c}_shift_limit": (-v, v) for c in "rgb"}, 2, 200, ratios=True),
        _a(
            "PlanckianJitter",
            lambda v, s: {"temperature_limit": (v, 6000), "mode": "blackbody"},
            5990,
            3000,
            whole=True,
        ),
        _t("ColorJitter", lambda v, s: {"hue": (v, v)}, 0.005, 0.5),
        _k("RandomRGBShift", lambda v, s: {f"{c}_shift_limit": v for c in "rgb"}, 0.01, 0.9, ratios=True),
    ),
    "elastic_warp": (
        _a("ElasticTransform", lambda v, s: {"alpha": v * s, "sigma": 0.06 * s}, 0.02, 20, ratios=True),
        _a("ThinPlateSpline", lambda v, s: {"scale_range": (v, v)}, 0.002, 0.8, ratios=True),
        _t("ElasticTransform", lambda v, s: {"alpha": v * s, "sigma": 0.06 * s}, 0.02, 20, ratios=True),
        _k(
            "RandomElasticTransform",
            lambda v, s: {"kernel_size": (_kernel(0.03 * s),) * 2, "sigma": (0.03 * s,) * 2, "alpha": (v, v)},
            0.02,
            20,
            ratios=True,
        ),
        _i("elastic_transform"),
    ),
    "block_loss": (_a("CoarseDropout", _blocks, 1, 400, ratios=True, whole=True),),
    "grid_loss": (_a("GridDropout", lambda v, s: {"ratio": v}, 0.05, 1),),
    "occlusion": (
        _a("CoarseDropout", _hole, 0.005, 0.95, ratios=True),
        _a("Erasing", lambda v, s: {"scale": (v, v), "ratio": (0.8, 1.25)}, 0.005, 0.8, ratios=True),
        _t("RandomErasing", lambda v, s: {"p": 1, "scale": (v, v), "ratio": (0.8, 1.25)}, 0.005, 0.8, ratios=True),
        _k("RandomErasing", lambda v, s: {"scale": (v, v), "ratio": (0.8, 1.25)}, 0.005, 0.8, ratios=True),
    ),
    "detector_jitter": (
        _a(
            "Affine",
            lambda v, s: {
                "translate_percent": (-v, v),
                "scale": (1 - min(0.9, 0.8 * v), 1 + 0.8 * v),
                "rotate": (-math.degrees(1.2 * v), math.degrees(1.2 * v)),
                "border_mode": cv2.BORDER_CONSTANT,
            },
            0.001,
            0.6,
            ratios=True,
        ),
        _t(
            "RandomAffine",
            lambda v, s: {**_shift(v, s), "interpolation": T.InterpolationMode.BILINEAR},
            0.001,
            0.6,
            ratios=True,
        ),
        _k("RandomAffine", _shift, 0.001, 0.6, ratios=True),
    ),
    "random_tone": (_a("RandomToneCurve", lambda v, s: {"scale": v, "per_channel": True}, 0.01, 1),),
}
"""By the name of our noise, without ``image/``."""
