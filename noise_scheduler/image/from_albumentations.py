"""Effects of the library albumentations, wrapped (`noise_scheduler.wrap`): weather on the lens, lenses, processing.

They need ``pip install 'noise-scheduler[albumentations]'``, which brings albumentations 2.0.8 (MIT licence), the last
of its line. Its successor albumentationsx installs a module of the same name under the AGPL, and is refused here.
Sizes in pixels are the library's: an effect in pixels is stronger on a small picture.

On a clip all of them hold still. Achieved: `library`, the release that made the picture; a record is replayed with the
same release only.

Public: `LensDrops`, `Mud`, `CloudShadow`, `ChromaticAberration`, `LensDistortion`, `Ringing`, `MedianSmoothing`,
`Sharpening`, `LocalContrast`, `HueShift`.
"""

from __future__ import annotations

import importlib.metadata
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any, ClassVar

from ..extras import MissingExtraError, need
from ..path import Range, check_range, fade_in, lerp, loglerp
from ..wrap import wrap
from ..wrap.libraries import successor

_EXTRA = "albumentations"
_ASKS_THE_NETWORK_UNLESS = "NO_ALBUMENTATIONS_UPDATE"

_DROP_SIGMA_PX, _MUD_SIGMA_PX = 3.5, 3.0
_LIQUID_MEAN, _LIQUID_SPREAD = 0.65, 0.3  # of the white noise that is blurred into drops
_DROP_RGB = (205, 214, 222)
_DROP_INTENSITY = 0.45
_MUD_RGB = (63, 42, 20)
_RINGING_KERNEL_PX = 61
_HALO_PX = 13
_MIXED_LEVEL = 0.3
_CUSHION = 1 / 3  # of a barrel's coefficient


@wrap("image/lens_drops")
@dataclass(frozen=True, slots=True)
class LensDrops:
    """Spatter rain on the lens: pale, translucent drops that cover more and more of the picture.

    The share of the picture under drops rises along `cover_range`.
    Source: `Spatter` of albumentations 2.0.8, mode rain, after Hendrycks & Dietterich, ICLR 2019.
    """

    cover_range: Range = (0.004, 0.7)
    """Share of the picture under drops (mild, extreme); level moves along it in equal ratios, and below level .05 the
    drops grow faint, to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("cover_range", self.cover_range, 1e-4, 0.99)

    def transform(self, level: float) -> Any:
        """Drops over the share of the picture that belongs to a level."""
        threshold = _liquid_above(loglerp(self.cover_range, level), _DROP_SIGMA_PX)
        intensity = _DROP_INTENSITY * fade_in(level)
        return _albumentations().Spatter(
            mean=(_LIQUID_MEAN, _LIQUID_MEAN),
            std=(_LIQUID_SPREAD, _LIQUID_SPREAD),
            gauss_sigma=(_DROP_SIGMA_PX, _DROP_SIGMA_PX),
            cutout_threshold=(threshold, threshold),
            intensity=(intensity, intensity),
            mode="rain",
            color=_DROP_RGB,
            p=1,
        )


@wrap("image/mud")
@dataclass(frozen=True, slots=True)
class Mud:
    """Splash mud on the lens: a few thin brown spots at first, then opaque ones that run together.

    Their share of the picture and their opacity rise together, along `cover_range` and `opacity_range`.
    Source: `Spatter` of albumentations 2.0.8, mode mud, after Hendrycks & Dietterich, ICLR 2019; where no spot at all
    falls on a very small picture, it puts specks on a tenth.
    """

    cover_range: Range = (0.02, 0.85)
    """Share of the picture under mud (mild, extreme); level moves along it in equal ratios."""
    opacity_range: Range = (0.3, 1.0)
    """Share of the light that the middle of a spot takes away (mild, extreme); level moves straight along it, and
    below level .05 it falls further, to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("cover_range", self.cover_range, 1e-3, 0.99)
        check_range("opacity_range", self.opacity_range, 0.0, 1.0)

    def transform(self, level: float) -> Any:
        """Spots of the size and opacity that belong to a level."""
        threshold = _liquid_above(loglerp(self.cover_range, level), _MUD_SIGMA_PX)
        opacity = lerp(self.opacity_range, level) * fade_in(level)
        return _albumentations().Spatter(
            mean=(_LIQUID_MEAN, _LIQUID_MEAN),
            std=(_LIQUID_SPREAD, _LIQUID_SPREAD),
            gauss_sigma=(_MUD_SIGMA_PX, _MUD_SIGMA_PX),
            cutout_threshold=(threshold, threshold),
            intensity=(opacity, opacity),
            mode="mud",
            color=_MUD_RGB,
            p=1,
        )


@wrap("image/cloud_shadow", stage="scene")
@dataclass(frozen=True, slots=True)
class CloudShadow:
    """Darken the scene unevenly, as under broken clouds, leaves or smoke.

    The share of the light that is taken away rises along `shade_range`, times a fractal field between 0 and 1.
    Source: `PlasmaShadow` of albumentations 2.0.8; diamond-square field of Fournier, Fussell & Carpenter, 1982.
    """

    shade_range: Range = (0.02, 0.9)
    """Share of the light that the deepest shadow takes away (mild, extreme); level moves straight along it, and below
    level .05 it falls further, to nothing at 0."""
    roughness: float = 0.35
    """How much of the field is fine detail, in (0, 3]: .3 is soft as clouds, 1 grainy as leaves."""

    def __post_init__(self) -> None:
        check_range("shade_range", self.shade_range, 0.0, 1.0)
        if not 0 < self.roughness <= 3:
            raise ValueError(f"roughness must be in (0, 3], not {self.roughness!r}")

    def transform(self, level: float) -> Any:
        """Shadows of the depth that belongs to a level."""
        library = _albumentations()
        shade = lerp(self.shade_range, level) * fade_in(level)
        shadow = library.PlasmaShadow(shadow_intensity_range=(shade, shade), roughness=self.roughness, p=1)
        rim = library.Pad(padding=1, p=1), library.CropAndPad(px=-1, keep_size=False, p=1)  # it needs 3 pixels a side
        return library.Sequential([rim[0], shadow, rim[1]], p=1)


@wrap("image/chromatic_aberration")
@dataclass(frozen=True, slots=True)
class ChromaticAberration:
    """Magnify red, green and blue differently, as a simple lens does: coloured fringes towards the corners.

    Red and blue are distorted radially by a coefficient that rises along `distortion_range`, inwards or outwards.
    Source: `ChromaticAberration` of albumentations 2.0.8; Brown's model of radial distortion, Photogrammetric
    Engineering 1966.
    """

    distortion_range: Range = (0.001, 0.03)
    """Coefficients k1 and k2 (mild, extreme) in r (1 + k1 r² + k2 r⁴), r being 1 at the picture's width and height from
    its centre. Level moves along it in equal ratios; below level .05 they shrink further, to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("distortion_range", self.distortion_range, 1e-5, 5.0)

    def transform(self, level: float) -> Any:
        """Fringes of the width that belongs to a level."""
        library = _albumentations()
        return _either_sign(
            lambda k: library.ChromaticAberration((k, k), (k, k), mode="random", p=1),
            loglerp(self.distortion_range, level) * fade_in(level),
        )


@wrap("image/lens_distortion")
@dataclass(frozen=True, slots=True)
class LensDistortion:
    """Bend straight lines as a wide-angle lens does, into a barrel or a cushion.

    The coefficient rises along `distortion_range` for a barrel, a third of that for a cushion, as lenses have it. The
    picture is enlarged until it is full to its corners.
    Source: `OpticalDistortion` of albumentations 2.0.8, mode fisheye; one-term radial model.
    """

    severity_measure: ClassVar[str] = "displacement"

    distortion_range: Range = (0.01, 0.3)
    """Coefficient k (mild, extreme) of a barrel in r (1 + k r²), r being 1 in the corners, up to 1: a cushion beyond
    that folds. Level moves along it in equal ratios; below level .05 it shrinks further, to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("distortion_range", self.distortion_range, 1e-5, 1.0)

    def transform(self, level: float) -> Any:
        """A lens of the distortion that belongs to a level."""
        library, cv2 = _albumentations(), need("cv2", extra="image")
        k = loglerp(self.distortion_range, level) * fade_in(level)
        barrel, cushion = (
            library.OpticalDistortion((k, k), mode="fisheye", border_mode=cv2.BORDER_REFLECT_101, p=1)
            for k in (k, -_CUSHION * k)
        )
        zoom = _corner_to_corner(k)
        enlarged = library.Affine(scale=(zoom, zoom), border_mode=cv2.BORDER_REFLECT_101, p=1)
        return library.OneOf([library.Sequential([barrel, enlarged], p=1), cushion], p=1)


@wrap("image/ringing", stage="channel", blend=fade_in)
@dataclass(frozen=True, slots=True)
class Ringing:
    """Cut off high spatial frequencies sharply, as resizers and narrow channels do: blur, with echoes of every edge.

    The cutoff of a circular low-pass falls along `cutoff_range`.
    Source: `RingingOvershoot` of albumentations 2.0.8; sinc filter of Wang et al., "Real-ESRGAN", ICCVW 2021.
    """

    cutoff_range: Range = (2.8, 0.15)
    """Cutoff (mild, extreme), radians per pixel, in [.05, π]; level moves along it in equal ratios. Below level .05 the
    clean picture is mixed in, to itself at 0."""

    def __post_init__(self) -> None:
        check_range("cutoff_range", self.cutoff_range, 0.05, math.pi, falling=True)

    def transform(self, level: float) -> Any:
        """A filter of the cutoff that belongs to a level."""
        cutoff = loglerp(self.cutoff_range, level)
        size = _RINGING_KERNEL_PX
        return _albumentations().RingingOvershoot(blur_limit=(size, size), cutoff=(cutoff, cutoff), p=1)


@wrap("image/median_smoothing", stage="channel", blend=lambda level: min(1.0, level / _MIXED_LEVEL))
@dataclass(frozen=True, slots=True)
class MedianSmoothing:
    """Smooth away all detail between edges, as a denoiser that is turned up too far does: the water-colour look.

    The width of a median filter rises along `window_px_range`.
    Source: `MedianBlur` of albumentations 2.0.8; Tukey's median filter.
    """

    window_px_range: Range = (3.0, 41.0)
    """Mean width of the window (mild, extreme), pixels, in [1, 151]; widths are odd, one of the two around the mean is
    drawn. Level moves along it in equal ratios; below level .3 the clean picture is mixed in, to itself at 0."""

    def __post_init__(self) -> None:
        check_range("window_px_range", self.window_px_range, 1.0, 151.0)

    def transform(self, level: float) -> Any:
        """A filter of the width that belongs to a level."""
        library = _albumentations()
        mean = loglerp(self.window_px_range, level)
        narrow = 2 * math.floor((mean - 1) / 2) + 1
        widths = ((narrow, 1 - (mean - narrow) / 2), (narrow + 2, (mean - narrow) / 2))
        return library.OneOf(
            [library.MedianBlur((px, px), p=odds) if px > 1 else library.NoOp(p=odds) for px, odds in widths if odds],
            p=1,
        )


@wrap("image/sharpening", stage="channel")
@dataclass(frozen=True, slots=True)
class Sharpening:
    """Sharpen too much: bright and dark halos along every edge, grain drawn out.

    The share of an unsharp mask that is added rises along `amount_range`, three times over.
    Source: `UnsharpMask` of albumentations 2.0.8.
    """

    amount_range: Range = (0.02, 1.0)
    """Share of the difference to a blurred picture (σ = 2 pixels) that each of three passes adds (mild, extreme); level
    moves straight along it, and below level .05 it falls further, to nothing at 0."""

    def __post_init__(self) -> None:
        check_range("amount_range", self.amount_range, 0.0, 1.0)

    def transform(self, level: float) -> Any:
        """Three passes of the amount that belongs to a level."""
        library = _albumentations()
        amount = lerp(self.amount_range, level) * fade_in(level)
        mask = library.UnsharpMask(
            blur_limit=(_HALO_PX, _HALO_PX), sigma_limit=(2.0, 2.0), alpha=(amount, amount), threshold=0, p=1
        )
        return library.Sequential([mask] * 3, p=1)


@wrap("image/local_contrast", stage="channel", blend=lambda level: level)
@dataclass(frozen=True, slots=True)
class LocalContrast:
    """Equalise contrast in each part of the picture, as overdone tone mapping does: halos, grey skies, drawn-out grain.

    The share of the equalised picture is the level.
    Source: `CLAHE` of albumentations 2.0.8, on 8 × 8 tiles; Zuiderveld, Graphics Gems IV, 1994.
    """

    gain: float = 40.0
    """The most that contrast may be raised, in [1, 255]."""

    def __post_init__(self) -> None:
        if not 1 <= self.gain <= 255:
            raise ValueError(f"gain must be in [1, 255], not {self.gain!r}")

    def transform(self, level: float) -> Any:
        """The same equalisation at every level; the level blends it in."""
        return _albumentations().CLAHE(clip_limit=(self.gain, self.gain), tile_grid_size=(8, 8), p=1)


@wrap("image/hue_shift", stage="channel", blend=fade_in)
@dataclass(frozen=True, slots=True)
class HueShift:
    """Turn all hues, as an error of the chroma phase does in analogue television: faces go green or magenta.

    The angle rises along `angle_deg_range`, in either direction. Grey pictures stay as they are.
    Source: `HueSaturationValue` of albumentations 2.0.8.
    """

    angle_deg_range: Range = (2.0, 180.0)
    """Angle on the circle of hues (mild, extreme), degrees, in steps of 2; level moves straight along it. Below level
    .05 the clean picture is mixed in, to itself at 0."""

    def __post_init__(self) -> None:
        check_range("angle_deg_range", self.angle_deg_range, 0.1, 180.0)

    def transform(self, level: float) -> Any:
        """A turn by the angle that belongs to a level; OpenCV's hue counts steps of 2°."""
        library = _albumentations()
        return _either_sign(
            lambda steps: library.HueSaturationValue((steps, steps), (0, 0), (0, 0), p=1),
            lerp(self.angle_deg_range, level) / 2,
        )


def _liquid_above(cover: float, sigma_px: float) -> float:
    """The threshold that a share `cover` of the noise exceeds, once it is blurred."""
    spread = _LIQUID_SPREAD / (2 * sigma_px * math.sqrt(math.pi))
    return min(1.0, max(0.0, _LIQUID_MEAN + spread * NormalDist().inv_cdf(1 - cover)))


def _corner_to_corner(k: float) -> float:
    """The magnification s of a barrel whose corners stay in place: 1/s + k/s³ = 1."""
    zoom = 1.0 + k
    for _ in range(20):
        zoom -= (zoom**3 - zoom**2 - k) / (3 * zoom**2 - 2 * zoom)
    return zoom


def _either_sign(make: Callable[[float], Any], value: float) -> Any:
    return _albumentations().OneOf([make(value), make(-value)], p=1)


@cache
def _albumentations() -> Any:
    """The library, imported without asking the network for its latest release.

    Raises:
        MissingExtraError: it is not installed, in another release than 2.0.8 and later 2.0, or it is its successor.
    """
    remedy = "pip uninstall albumentationsx; pip install --force-reinstall 'noise-scheduler[albumentations]'"
    if successor():
        raise MissingExtraError(
            "albumentationsx stands in the place of albumentations, under the AGPL in place of the MIT licence; "
            f"noise_scheduler does not run it by itself: {remedy}"
        )
    before = os.environ.get(_ASKS_THE_NETWORK_UNLESS)
    os.environ[_ASKS_THE_NETWORK_UNLESS] = "1"
    try:
        library = need("albumentations", extra=_EXTRA)
    finally:
        if before is None:
            del os.environ[_ASKS_THE_NETWORK_UNLESS]
        else:
            os.environ[_ASKS_THE_NETWORK_UNLESS] = before
    release = importlib.metadata.version("albumentations")
    if tuple(release.split(".")[:2]) != ("2", "0"):
        raise MissingExtraError(f"this needs albumentations 2.0.8, not {release}: {remedy}")
    return library
