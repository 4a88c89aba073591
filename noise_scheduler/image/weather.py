"""Fog, rain and snow between the camera and the scene.

All three dim the light J of the scene and add that of the sky L, in linear light: I = J t + L (1 − t), with the
transmission t = e^(−τ) of the optical depth τ that stands in front of a pixel. The sky is as bright as it must be to
light the scene: an even sky of luminance L lights surfaces of albedo ρ to ρ L. A dark scene has a dim sky.

Public: `Fog`, `Rain`, `Snow`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, loglerp
from ..registry import register
from .drift import Held, check_time_constant, drifts, factors
from .light import enlarged, grid_shape, in_steps, plasma, under_sky
from .low_light import LINEAR_STEPS, mean_light

_FOG_CELLS = 64
_LOG_FOG_DRIFT = 0.2
_FOG_SPREAD = 0.45  # standard deviation of the logarithm of the optical depth
_HAZE = 0.5  # optical depth of the haze behind drops and flakes, per optical depth of theirs

_ALBEDO = 0.2  # of the scene
_LEAST_LIGHT = 0.02  # mean light of a scene in units of white: in a darker one, lamps light drops and fog

_EXPOSURE_S = 1 / 60
_RAIN_GRID = 256
_DROPS_PER_LAYER = (1, 4, 11)  # of 16
_STREAK_LENGTHS = (0.16, 0.09, 0.05)  # near to far, fractions of the shorter side
_STREAK_WIDTHS = (0.008, 0.0045, 0.003)
_STREAK_DEPTH = 0.6
_ROW_PX = 2  # rows of a sheet of streaks are so many columns high
_LEAN_DEG = 12.0

_FLAKES_PER_LAYER = (1, 4, 11)
_FLAKE_RADII = (0.035, 0.013, 0.006)
_FLAKE_DEPTHS = (0.5, 0.9, 1.4)
_FLAKE_GRIDS = (64, 160, 320)
_FALL_PER_S = (0.9, 0.5, 0.3)  # shorter sides per second
_MOST_PARTICLES = 16384

Floats = npt.NDArray[np.float32]


@register("image/fog", stage="scene", version=2)
@dataclass(frozen=True, slots=True)
class Fog:
    """Veil the picture with airlight through an uneven bank of fog.

    The mean optical depth rises along `optical_depth_range`; its logarithm is a fractal field, so that the fog is
    thicker here than there. Without a depth map, distance and density are one field. Airlight follows the light of the
    scene, frame by frame. On a clip the bank drifts past while it thickens and thins.
    Achieved: `optical_depth`, the mean over the bank at the level's density, and `transmission`, the mean share of the
    scene's light over all frames given.
    Source: Koschmieder, "Theorie der horizontalen Sichtweite", 1924; plasma fields as in Hendrycks & Dietterich,
    ICLR 2019.
    """

    optical_depth_range: Range = (0.01, 5.0)
    """Mean optical depth (mild, extreme); 1 lets e^−1 of the light through. Level moves along it in equal ratios; below
    level .05 the fog thins out further, to nothing at 0."""
    wind_per_s: float = 0.06
    """On a clip, how far the bank drifts in a second, as a fraction of the picture's longer side."""
    time_constant_s: float | Held = 4.0
    """On a clip, seconds over which the density stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("optical_depth_range", self.optical_depth_range, 1e-4, 100.0)
        if not 0 <= self.wind_per_s <= 10:
            raise ValueError(f"wind_per_s must be in [0, 10], not {self.wind_per_s!r}")
        check_time_constant(self.time_constant_s)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, float]]:
        """Veil an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        height, width, channels = frames.shape[1:]
        optical_depth = loglerp(self.optical_depth_range, level) * fade_in(level)
        density = np.exp(_FOG_SPREAD * plasma(rng, _FOG_CELLS))
        density *= 1 / density.mean()
        sky = _sky(rng, 0.55, 0.9, channels)
        heading = rng.uniform(0, 2 * math.pi)
        thickness = factors(
            rng,
            len(frames),
            fps=fps,
            time_constant_s=self.time_constant_s,
            log_size=_LOG_FOG_DRIFT,
            first_frame=first_frame,
        )

        zoom = (_FOG_CELLS - 1) / max(height, width)
        noisy = np.empty_like(frames)
        transmission = 0.0
        for index, (frame, out, factor) in enumerate(zip(frames, noisy, thickness, strict=True), first_frame):
            drift = self.wind_per_s * index / fps * _FOG_CELLS
            left, top = drift * math.cos(heading), drift * math.sin(heading)
            to_bank = np.array([[zoom, 0, left % 1], [0, zoom, top % 1]])
            bank = density.take(_mirrored(math.floor(top)), 0).take(_mirrored(math.floor(left)), 1)
            seen = cv2.warpAffine(
                in_steps(np.exp(np.float32(-optical_depth * factor) * bank)),
                to_bank,
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,  # the bank is larger than the picture, and no other border is quick
            ).reshape(height, width)
            under_sky(frame, seen, _over(frame, sky), out)
            transmission += cv2.mean(seen)[0] / LINEAR_STEPS / len(frames)
        return noisy.reshape(image.shape), {"optical_depth": optical_depth, "transmission": round(transmission, 6)}


@register("image/rain", stage="scene", version=2)
@dataclass(frozen=True, slots=True)
class Rain:
    """Draw the bright streaks of falling drops, and the haze of those too far away to be seen singly.

    The share of the picture under streaks rises along `cover_range`. Streaks of three distances, near ones long,
    wide and fast, share one direction, which leans with the wind; their length is the way fallen in 1/60 s of
    exposure. They are as bright as the sky that lights the scene, frame by frame. On a clip each drop falls on along
    its streak.
    Achieved: `cover`, the mean share of the scene's light that streaks and haze hide, over all frames given, and
    `lean_deg`, the lean of the streaks from the vertical in the recording's first frame, positive where drops fall to
    the left.
    Source: Garg & Nayar, "Vision and rain", IJCV 2007, for translucent bright streaks of linear motion.
    """

    cover_range: Range = (0.002, 0.6)
    """Mean opacity of the streaks over the picture (mild, extreme); level moves along it in equal ratios, and below
    level .05 to nothing at 0."""
    time_constant_s: float | Held = 1.0
    """On a clip, seconds over which the lean stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("cover_range", self.cover_range, 1e-5, 0.95)
        check_time_constant(self.time_constant_s)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, float]]:
        """Rain on an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        height, width, channels = frames.shape[1:]
        depth = -math.log1p(-loglerp(self.cover_range, level)) * fade_in(level)
        lean_deg = float(np.clip(rng.normal(0, _LEAN_DEG), -35, 35))
        (sway,) = drifts(rng, 1, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame)
        sky = _sky(rng, 0.6, 0.95, channels)

        rows, columns = grid_shape(height, width, _RAIN_GRID)
        side = min(rows, columns)
        steepest = math.radians(abs(lean_deg) + 6)
        fall = math.ceil((rows * math.cos(min(steepest, 0.1)) + columns * math.sin(steepest)) / _ROW_PX) + 2
        across = math.ceil(columns * math.cos(min(steepest, 0.1)) + rows * math.sin(steepest)) + 2
        longest = math.ceil(side * _STREAK_LENGTHS[0] / _ROW_PX)  # above the sheet, whence streaks come in
        areas = [length * wide for length, wide in zip(_STREAK_LENGTHS, _STREAK_WIDTHS, strict=True)]
        wanted = depth / (1 - math.exp(-_STREAK_DEPTH)) * _ROW_PX * (longest + fall) * across / side**2
        layers = _Particles.draw(rng, _DROPS_PER_LAYER, areas, [wanted] * len(areas))
        noisy = np.empty_like(frames)
        hidden = 0.0
        for index, (frame, out, swayed) in enumerate(zip(frames, noisy, sway, strict=True), first_frame):
            ends = []
            for (weights, x, y), length, wide in zip(layers.each(), _STREAK_LENGTHS, _STREAK_WIDTHS, strict=True):
                y = _moved(y, length / _EXPOSURE_S * index / fps * side / (_ROW_PX * (longest + fall)))
                ends.append(_streak_ends(weights, x, y, (across, longest + fall), length * side / _ROW_PX, wide * side))
            cells, changes = (np.concatenate(parts) for parts in zip(*ends, strict=True))
            sheet = np.bincount(cells, changes, (longest + fall + 1) * across).cumsum().reshape(across, -1)
            sheet = sheet[:, longest:-1].astype(np.float32)
            turn = math.radians(lean_deg + 2 * float(np.clip(swayed, -2, 2)))
            cosine, sine = math.cos(turn) * rows / height, math.sin(turn) * rows / height
            to_sheet = np.array(
                [
                    [-sine / _ROW_PX, cosine / _ROW_PX, fall / 2 - (cosine * height - sine * width) / (2 * _ROW_PX)],
                    [cosine, sine, across / 2 - (cosine * width + sine * height) / 2],
                ]
            )
            seen = cv2.warpAffine(
                in_steps(cv2.exp(np.float32(-_HAZE * depth) - sheet)),
                to_sheet,
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,  # the sheet is larger than the picture, and no other border is quick
            ).reshape(height, width)
            under_sky(frame, seen, _over(frame, sky), out)
            hidden += (1 - cv2.mean(seen)[0] / LINEAR_STEPS) / len(frames)
        return noisy.reshape(image.shape), {"cover": round(hidden, 6), "lean_deg": lean_deg}


@register("image/snow", stage="scene", version=2)
@dataclass(frozen=True, slots=True)
class Snow:
    """Let flakes fall in front of the scene, out of focus the more the nearer they are.

    The share of the picture under flakes rises along `cover_range`. Near flakes are large, faint discs, far ones
    small and dense; a haze stands for those too far away to be seen singly. They are as bright as the sky that lights
    the scene, frame by frame. On a clip flakes sink, sway, and drift with a wind that changes in seconds.
    Achieved: `cover`, the mean share of the scene's light that flakes and haze hide, over all frames given.
    Source: defocused discs as in Potmesil & Chakravarty, SIGGRAPH 1981; snow of Hendrycks & Dietterich, ICLR 2019,
    for the idea of a layer.
    """

    cover_range: Range = (0.002, 0.75)
    """Mean opacity of the flakes over the picture (mild, extreme); level moves along it in equal ratios, and below
    level .05 to nothing at 0."""
    time_constant_s: float | Held = 0.8
    """On a clip, seconds in which the wind turns, or "held"."""

    def __post_init__(self) -> None:
        check_range("cover_range", self.cover_range, 1e-5, 0.95)
        check_time_constant(self.time_constant_s)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, float]]:
        """Snow on an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        height, width, channels = frames.shape[1:]
        depth = -math.log1p(-loglerp(self.cover_range, level)) * fade_in(level)
        wind = rng.normal(0, 0.2)
        (gust,) = drifts(rng, 1, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame)
        sky = _sky(rng, 0.8, 1.0, channels)
        opacity = [1 - math.exp(-flake) for flake in _FLAKE_DEPTHS]
        areas = [math.pi * radius**2 * share for radius, share in zip(_FLAKE_RADII, opacity, strict=True)]
        grids = [grid_shape(height, width, side) for side in _FLAKE_GRIDS]
        sides = [min(grid) for grid in grids]
        rims = [math.ceil(radius * side) + 1 for radius, side in zip(_FLAKE_RADII, sides, strict=True)]
        sheets = [(rows + 2 * rim, columns + 2 * rim) for (rows, columns), rim in zip(grids, rims, strict=True)]
        wanted = [depth * sheet[0] * sheet[1] / side**2 for sheet, side in zip(sheets, sides, strict=True)]
        layers = _Particles.draw(rng, _FLAKES_PER_LAYER, areas, wanted)

        noisy = np.empty_like(frames)
        hidden = 0.0
        for index, (frame, out, blown) in enumerate(zip(frames, noisy, gust, strict=True), first_frame):
            hiding = np.full(grids[-1], _HAZE * depth, np.float32)
            seconds = index / fps
            for layer, (weights, x, y) in enumerate(layers.each()):
                rim, shape, fall = rims[layer], sheets[layer], _FALL_PER_S[layer]
                radius_px = _FLAKE_RADII[layer] * sides[layer]
                swing = 0.02 * np.sin(2 * math.pi * (seconds % 1 + 50 * x)) - 0.02 * np.sin(100 * math.pi * x)
                along = fall * (wind * seconds + 0.2 * float(blown))
                x = _moved(x + swing * np.float32(sides[layer] / shape[1]), along * sides[layer] / shape[1])
                y = _moved(y, fall * seconds * sides[layer] / shape[0])
                disc = _disc(radius_px) * np.float32(_FLAKE_DEPTHS[layer] * math.pi * radius_px**2)
                sheet = cv2.filter2D(_splat(weights, x, y, shape), -1, disc).reshape(shape)
                hiding += enlarged(np.ascontiguousarray(sheet[rim : shape[0] - rim, rim : shape[1] - rim]), *grids[-1])
            seen = enlarged(in_steps(np.exp(np.negative(hiding, out=hiding), out=hiding)), height, width)
            under_sky(frame, seen, _over(frame, sky), out)
            hidden += (1 - cv2.mean(seen)[0] / LINEAR_STEPS) / len(frames)
        return noisy.reshape(image.shape), {"cover": round(hidden, 6)}


@dataclass(frozen=True, slots=True)
class _Particles:
    """Places of drops or flakes of several distances; more appear as the depth rises, none moves for that."""

    places: Floats
    per_layer: tuple[int, ...]
    groups: tuple[float, ...]

    @classmethod
    def draw(
        cls, rng: np.random.Generator, per_layer: tuple[int, ...], areas: list[float], wanted: list[float]
    ) -> _Particles:
        """Particles of which those of a layer, were they all there is, would cover the area that is wanted.

        Args:
            rng: the random stream; the number of draws depends on the areas.
            per_layer: how many of each layer in a group of particles.
            areas: area × opacity of one particle of each layer, in squares of the shorter side.
            wanted: area on the sheet of each layer, in the same unit.
        """
        in_group, group_area = sum(per_layer), float(np.dot(per_layer, areas))
        groups = tuple(area / group_area for area in wanted)
        rows = min(math.ceil(max(groups)), _MOST_PARTICLES // in_group)
        return cls(rng.random((rows, 2, in_group), dtype=np.float32), per_layer, groups)

    def each(self) -> Iterator[tuple[Floats, Floats, Floats]]:
        """(weights, x, y) of every layer's particles.

        The last ones are parts of particles, so that cover rises without steps; where there are too few, as in a
        picture that is much longer than it is wide, each is as much denser.
        """
        most, first = _MOST_PARTICLES // sum(self.per_layer), 0
        for groups, count in zip(self.groups, self.per_layer, strict=True):
            rows = min(math.ceil(groups), most)
            weights = np.minimum(groups - np.arange(rows, dtype=np.float32), 1).repeat(count)
            weights *= np.float32(max(1.0, groups / most))
            x, y = self.places[:rows, :, first : first + count].transpose(1, 0, 2).reshape(2, -1)
            yield weights, x, y
            first += count


def _mirrored(first: int) -> npt.NDArray[np.intp]:
    """Cells of the fog from `first` on, two more than a picture is wide, where the bank goes on as its mirror image."""
    cells = np.arange(first, first + _FOG_CELLS + 2) % (2 * _FOG_CELLS - 2)
    return np.minimum(cells, 2 * _FOG_CELLS - 2 - cells)


def _moved(place: Floats, way: float) -> Floats:
    """Places moved on round a sheet that is joined at its edges, in [0, 1); exact however long the way."""
    moved: Floats = (place + np.float32(way % 1)) % 1
    return moved


def _streak_ends(
    weights: Floats, x: Floats, y: Floats, shape: tuple[int, int], length: float, width_px: float
) -> tuple[npt.NDArray[np.intp], Floats]:
    """(cells, changes) of a sheet turned on its side, whose cumulative sum is the optical depth of falling streaks.

    The streaks begin at (x, y) in [0, 1)² of a sheet of so many columns and rows, and are joined at its sides. There is
    one more row, for those that end below.
    """
    columns, rows = shape
    long, wide = max(1, round(length)), max(1, round(width_px))
    across, top = x * columns, (y * rows).astype(np.intp)
    left = across.astype(np.intp)
    share = across - left
    depth = weights * np.float32(_STREAK_DEPTH * length * max(width_px, 1e-3) / (long * wide))
    shares = [depth * (1 - share), *[depth] * (wide - 1), depth * share]
    starts = [(left + step) % columns * (rows + 1) + top for step in range(wide + 1)]
    more = np.minimum(top + long, rows) - top
    cells = np.concatenate([*starts, *(start + more for start in starts)])
    return cells, np.concatenate([*shares, *(-share for share in shares)])


def _splat(weights: Floats, x: Floats, y: Floats, shape: tuple[int, int]) -> Floats:
    """A sheet with `weights` at the points (x, y) in [0, 1)², shared bilinearly by four cells, joined at the edges."""
    rows, columns = shape
    across, down = x * columns, y * rows
    left, top = across.astype(np.intp), down.astype(np.intp)
    right_share, bottom_share = across - left, down - top
    right, bottom = (left + 1) % columns, (top + 1) % rows
    left %= columns
    top %= rows
    cells = np.concatenate(
        [top * columns + left, top * columns + right, bottom * columns + left, bottom * columns + right]
    )
    upper, lower = weights * (1 - bottom_share), weights * bottom_share
    values = np.concatenate(
        [upper * (1 - right_share), upper * right_share, lower * (1 - right_share), lower * right_share]
    )
    sheet: Floats = np.bincount(cells, values, rows * columns).reshape(shape).astype(np.float32)
    return sheet


def _disc(radius_px: float) -> Floats:
    """An anti-aliased disc of sum 1."""
    reach = math.ceil(radius_px)
    offset = np.arange(-reach, reach + 1)
    disc: npt.NDArray[np.float64] = np.clip(radius_px + 0.5 - np.hypot(offset[:, None], offset), 0, 1)
    disc /= disc.sum()
    return disc.astype(np.float32)


def _sky(rng: np.random.Generator, darkest: float, brightest: float, channels: int) -> Floats:
    """Light of the sky beside that of a white surface under it: grey with a touch of blue or yellow."""
    luminance, tint = rng.uniform(darkest, brightest), rng.uniform(-0.04, 0.04)
    rgb = luminance * np.array([1 + tint, 1, 1 - tint])
    return (rgb if channels == 3 else rgb[1:2]).astype(np.float32)


def _over(frame: npt.NDArray[np.uint8], sky: Floats) -> Floats:
    """Light of the sky over a scene, in units of the picture's white, at most 1."""
    white_surface = max(float(mean_light(frame).mean()), _LEAST_LIGHT) / _ALBEDO
    over: Floats = np.minimum(sky * np.float32(white_surface), 1)
    return over
