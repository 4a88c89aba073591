"""Dirt on the front lens, stray light of a bright source, and the shadow of something outside the picture.

All three are reckoned in linear light, on a grid coarser than the picture, for none of them is sharp.

Public: `DirtyLens`, `SunFlare`, `Shadow`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, lerp, loglerp
from ..registry import register
from .drift import Held, check_time_constant, drifts
from .light import enlarged, grid_shape, in_steps, plasma, relight
from .low_light import LINEAR_STEPS, decoded

_GRID = 112
_SHADOW_GRID = 96
_DROPLETS = 20
_SCATTER_GRID = 24
_SCATTER_FROM = 96
_GHOSTS = 6
_EDGES = 5

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@register("image/dirty_lens")
@dataclass(frozen=True, slots=True)
class DirtyLens:
    """Smear the front lens with grease, and splash droplets on it; both are far out of focus and keep their place.

    The mean optical depth of the dirt rises along `optical_depth_range`. Light that meets dirt is scattered: it is
    lost to the sharp picture and comes back as a wide blur of it, a little absorbed. Droplets are lit from below, as
    small lenses that show the scene upside down. On a clip the dirt stands still.
    Achieved: `scattered`, the mean share of the light that is scattered.
    Source: Gu, Ramamoorthi, Belhumeur & Nayar, "Removing image artifacts due to dirty camera lenses and thin
    occluders", SIGGRAPH Asia 2009, for attenuation plus scattering.
    """

    optical_depth_range: Range = (0.01, 12.0)
    """Mean optical depth of the dirt (mild, extreme); level moves along it in equal ratios, and below level .05 to
    nothing at 0."""

    def __post_init__(self) -> None:
        check_range("optical_depth_range", self.optical_depth_range, 1e-4, 100.0)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, float]]:
        """Soil the view of an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        height, width, channels = frames.shape[1:]
        rows, columns = grid_shape(height, width, _GRID)
        smears, droplets, lit = _dirt(rng, rows, columns)
        share = rng.uniform(0.35, 0.65)
        passed = rng.uniform(0.7, 0.95) * np.array([1.0, rng.uniform(0.94, 1.0), rng.uniform(0.86, 0.98)])

        optical_depth = loglerp(self.optical_depth_range, level) * fade_in(level)
        dirt = 0.1 + 0.9 * (share * smears / smears.mean() + (1 - share) * droplets / max(droplets.mean(), 1e-3))
        kept = np.exp(-np.float32(optical_depth) * dirt)
        tint = (passed if channels == 3 else passed[1:2]).astype(np.float32)
        returned = ((1 - kept) * (1 + np.float32(0.5) * lit))[..., None] * tint
        kept = enlarged(in_steps(kept), height, width)
        noisy = np.empty_like(frames)
        for frame, out in zip(frames, noisy, strict=True):
            veil = enlarged(_scattered(frame), rows, columns)
            relight(frame, kept, enlarged(in_steps(veil * returned), height, width), out)
        return noisy.reshape(image.shape), {"scattered": round(1 - cv2.mean(kept)[0] / LINEAR_STEPS, 6)}


@register("image/sun_flare")
@dataclass(frozen=True, slots=True)
class SunFlare:
    """Add the stray light of a bright source at a random place in or just outside the picture.

    The mean stray light rises along `stray_light_range`. It is an even veil, a halo with rays of the diaphragm around
    the source, and a row of ghosts on the line through source and centre. On a clip the source wanders and the
    ghosts run against it.
    Achieved: `stray_light`, the mean over the picture in units of white, before the sensor clips it.
    Source: McCann & Rizzi, "The art and science of HDR imaging", 2011, ch. 8 (veiling glare as in ISO 9358); Hullin
    et al., "Physically-based real-time lens flare rendering", SIGGRAPH 2011, for the ghosts.
    """

    stray_light_range: Range = (0.002, 3.0)
    """Mean stray light (mild, extreme) in units of white; level moves along it in equal ratios, and below level .05
    to nothing at 0."""
    time_constant_s: float | Held = 0.8
    """On a clip, seconds in which the source moves by about an eighth of the picture's shorter side, or "held"."""

    def __post_init__(self) -> None:
        check_range("stray_light_range", self.stray_light_range, 1e-5, 100.0)
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
        """Shine into an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        height, width, channels = frames.shape[1:]
        rows, columns = grid_shape(height, width, _GRID)
        side = min(rows, columns)
        size = np.array([columns, rows]) / side
        source = rng.uniform(-0.08, [1.08, 0.75]) * size
        wander = drifts(rng, 2, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame)
        shape = _FlareShape.draw(rng)

        stray_light = loglerp(self.stray_light_range, level) * fade_in(level)
        x = ((np.arange(columns, dtype=np.float32) + np.float32(0.5)) / np.float32(side))[None]
        y = ((np.arange(rows, dtype=np.float32) + np.float32(0.5)) / np.float32(side))[:, None]
        noisy = np.empty_like(frames)
        for frame, moved, out in zip(frames, wander.T, noisy, strict=True):
            flare = shape.at(x, y, source + moved / 8, size / 2)
            gain = np.float32(stray_light / float(flare.mean(dtype=np.float64)))
            light = flare if channels == 3 else flare.mean(2, keepdims=True)
            relight(frame, added=enlarged(in_steps(light * gain), height, width).reshape(frame.shape), out=out)
        return noisy.reshape(image.shape), {"stray_light": stray_light}


@register("image/shadow", stage="scene")
@dataclass(frozen=True, slots=True)
class Shadow:
    """Throw a shadow with straight, soft edges over a part of the picture.

    Light within the shadow falls along `exposure_ev_range` while its area grows along `area_range`. What is left is
    the slightly bluish light of the sky. On a clip the shadow wanders over the scene and
    keeps its size, which has the level's area where it stands at first.
    Achieved: `exposure_ev` in the core, and `shaded_area`, the mean share of the picture in shadow, over all
    frames given.
    Source: penumbra of an extended source, e.g. Lalonde, Efros & Narasimhan, "Detecting ground shadows in outdoor
    consumer photographs", ECCV 2010.
    """

    exposure_ev_range: Range = (-0.05, -8.0)
    """Change of exposure in the core of the shadow (mild, extreme), EV; level moves along it linearly."""
    area_range: Range = (0.25, 0.95)
    """Share of the picture that lies in shadow (mild, extreme); level moves along it linearly."""
    time_constant_s: float | Held = 1.5
    """On a clip, seconds in which the shadow moves by about a sixth of the picture's shorter side, or "held"."""

    def __post_init__(self) -> None:
        check_range("exposure_ev_range", self.exposure_ev_range, -20.0, 0.0, falling=True)
        check_range("area_range", self.area_range, 1e-3, 1.0)
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
        """Shade a part of an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        height, width, channels = frames.shape[1:]
        rows, columns = grid_shape(height, width, _SHADOW_GRID)
        side = min(rows, columns)
        centre = rng.uniform(0.2, 0.8, 2) * (columns, rows) / side
        wander = drifts(rng, 2, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame)
        angles = rng.uniform(0, 2 * math.pi) + 2 * math.pi / _EDGES * (np.arange(_EDGES) + rng.uniform(0, 0.7, _EDGES))
        reach = rng.uniform(0, 0.6, _EDGES)
        penumbra = rng.uniform(0.015, 0.12)
        exposure_ev = lerp(self.exposure_ev_range, level)
        sky = np.minimum(2.0**exposure_ev * np.array([0.94, 1.0, 1.1]), 1)
        sky = sky if channels == 3 else sky[1:2]

        x = ((np.arange(columns, dtype=np.float32) + np.float32(0.5)) / np.float32(side))[None]
        y = ((np.arange(rows, dtype=np.float32) + np.float32(0.5)) / np.float32(side))[:, None]
        at_first = _beyond(x, y, centre, angles, reach)
        rank = round(lerp(self.area_range, level) * (at_first.size - 1))
        edge_place = float(np.partition(at_first, rank, axis=None)[rank])
        noisy = np.empty_like(frames)
        area = 0.0
        for frame, moved, out in zip(frames, wander.T, noisy, strict=True):
            beyond = _beyond(x, y, centre + moved / 6, angles, reach) if moved.any() else at_first
            shaded = np.clip((edge_place - beyond) * np.float32(1 / penumbra) + np.float32(0.5), 0, 1)
            shaded *= shaded * (3 - 2 * shaded)
            area += float(shaded.mean()) / len(frames)
            seen = cv2.merge([in_steps(1 - shaded * np.float32(1 - light)) for light in sky])
            relight(frame, enlarged(seen, height, width).reshape(frame.shape), out=out)
        return noisy.reshape(image.shape), {"exposure_ev": exposure_ev, "shaded_area": round(area, 6)}


def _beyond(x: Floats, y: Floats, centre: Doubles, angles: Doubles, reach: Doubles) -> Floats:
    """(rows, columns): how far each place lies beyond the polygon of a shadow around `centre`."""
    edges = (
        np.float32(math.cos(angle)) * (x - np.float32(centre[0]))
        + (np.float32(math.sin(angle)) * (y - np.float32(centre[1])) - np.float32(far))
        for angle, far in zip(angles, reach, strict=True)
    )
    field: Floats = next(edges)
    for edge in edges:
        np.maximum(field, edge, out=field)
    return field


def _dirt(rng: np.random.Generator, rows: int, columns: int) -> tuple[Floats, Floats, Floats]:
    """Smears, droplets, and how much brighter (1) or darker (−1) a droplet is lit there, each (rows, columns)."""
    cv2 = need("cv2", extra="image")
    side = min(rows, columns)
    wiped = np.exp(np.float32(1.2) * plasma(rng, octaves=4))
    angle, stretch = rng.uniform(0, math.pi), rng.uniform(1, 3)
    zoom = 63 / max(rows, columns)
    turn = zoom * np.array(
        [[math.cos(angle), math.sin(angle)], [-math.sin(angle) / stretch, math.cos(angle) / stretch]]
    )
    middle = np.array([columns, rows]) / 2
    to_wiped = np.concatenate([turn, (32 - turn @ middle)[:, None]], 1)
    smears = cv2.warpAffine(
        wiped,
        to_wiped,
        (columns, rows),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    ).reshape(rows, columns)

    radii = side * np.exp(rng.normal(math.log(0.028), 0.6, _DROPLETS))
    centres = rng.uniform(0, 1, (_DROPLETS, 2)) * (columns, rows) - 0.5
    dense = rng.uniform(0.5, 1, _DROPLETS)
    splash = np.zeros((rows, columns), np.uint8)
    for (x, y), radius, density in zip(centres, radii, dense, strict=True):
        place, size = (round(16 * x), round(16 * y)), max(1, round(16 * min(radius, 0.12 * side)))
        cv2.circle(splash, place, size, round(170 * density), -1, cv2.LINE_AA, 4)
        cv2.circle(splash, place, size, round(255 * density), max(1, round(radius / 8)), cv2.LINE_AA, 4)
    droplets = cv2.GaussianBlur(splash.astype(np.float32), (0, 0), max(0.008 * side, 0.3)).reshape(rows, columns)
    droplets *= np.float32(1 / 255)
    step = max(1, round(0.02 * side))
    rise = np.concatenate([droplets[:1].repeat(step, 0), droplets])[:rows]
    dip = np.concatenate([droplets, droplets[-1:].repeat(step, 0)])[step : rows + step]
    return smears, droplets, np.clip(rise - dip, -1, 1)


def _scattered(frame: npt.NDArray[np.uint8]) -> Floats:
    """A wide blur of a picture in linear light, (rows, columns, C) float32 of a coarse grid."""
    cv2 = need("cv2", extra="image")
    rows, columns = grid_shape(frame.shape[0], frame.shape[1], _SCATTER_GRID)
    if min(frame.shape[:2]) > 2 * _SCATTER_FROM:  # shrunk before it is decoded, which is quicker and hardly different
        fewer_rows, fewer_columns = grid_shape(frame.shape[0], frame.shape[1], _SCATTER_FROM)
        shape = fewer_rows, fewer_columns, frame.shape[2]
        frame = cv2.resize(frame, shape[1::-1], interpolation=cv2.INTER_AREA).reshape(shape)
    light = cv2.LUT(frame, decoded().astype(np.float32))
    coarse = cv2.resize(light, (columns, rows), interpolation=cv2.INTER_AREA)
    blurred: Floats = cv2.GaussianBlur(coarse, (0, 0), 2.5, borderType=cv2.BORDER_REFLECT)
    return blurred.reshape(rows, columns, frame.shape[2])


@dataclass(frozen=True, slots=True)
class _FlareShape:
    """What a lens makes of a bright source, whatever its place."""

    colour: Doubles
    veil: float
    rays: int
    ray_angle: float
    ray_strength: float
    ghost_places: Doubles
    ghost_radii: Doubles
    ghost_colours: Doubles

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _FlareShape:
        warmth = rng.uniform(0, 0.25)
        hues = rng.uniform(0, 2 * math.pi, (_GHOSTS, 1)) + np.arange(3) * (2 * math.pi / 3)
        return cls(
            colour=np.array([1, 1 - 0.4 * warmth, 1 - warmth]),
            veil=rng.uniform(0.15, 0.35),
            rays=int(rng.integers(3, 9)),
            ray_angle=rng.uniform(0, math.pi),
            ray_strength=rng.uniform(0.3, 1.5),
            ghost_places=rng.uniform(0.4, 2.3, _GHOSTS),
            ghost_radii=np.exp(rng.uniform(math.log(0.025), math.log(0.16), _GHOSTS)),
            ghost_colours=rng.uniform(0.02, 0.1, (_GHOSTS, 1)) * (1 + 0.8 * np.cos(hues)),
        )

    def at(self, x: Floats, y: Floats, source: Doubles, centre: Doubles) -> Floats:
        """Light over the grid of `x` (1, columns) and `y` (rows, 1), lengths in shorter sides."""
        cv2 = need("cv2", extra="image")
        away_x, away_y = np.broadcast_arrays(x - np.float32(source[0]), y - np.float32(source[1]))
        distance, angle = cv2.cartToPolar(np.ascontiguousarray(away_x), np.ascontiguousarray(away_y))
        distance, angle = distance.reshape(away_x.shape), angle.reshape(away_x.shape)
        spread = 1 / (1 + (distance * np.float32(1 / 0.06)) ** 2)
        ray = np.cos(np.float32(self.rays) * (angle - np.float32(self.ray_angle)))
        for _ in range(4):
            ray *= ray
        halo = spread * (1 + np.float32(self.ray_strength) * ray) + np.float32(0.12) / (1 + 6 * distance)

        ghosts = source + self.ghost_places[:, None] * (centre - source)
        flare: Floats = cv2.merge([halo * np.float32(light) for light in self.colour])
        for (ghost_x, ghost_y), size, colour in zip(ghosts, self.ghost_radii, self.ghost_colours, strict=True):
            left, right = np.searchsorted(x[0], (ghost_x - size, ghost_x + size))
            top, bottom = np.searchsorted(y[:, 0], (ghost_y - size, ghost_y + size))
            if left == right or top == bottom:
                continue
            across = ((x[:, left:right] - np.float32(ghost_x)) * np.float32(1 / size)) ** 2
            out = across + ((y[top:bottom] - np.float32(ghost_y)) * np.float32(1 / size)) ** 2
            disc = np.clip(4 - 4 * out, 0, 1) * (np.float32(0.6) + np.float32(0.4) * out * out)
            flare[top:bottom, left:right] += disc[..., None] * colour.astype(np.float32)
        flare *= np.float32((1 - self.veil) / flare.mean())
        flare += (self.veil * self.colour / self.colour.mean()).astype(np.float32)
        return flare
