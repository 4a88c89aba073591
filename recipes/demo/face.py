"""Faces: drawn actors whose brows, eyes, mouth and head show a mood while the lips follow the speech.

A head is drawn at twice its final size on a layer with transparency, then turned, shifted and shrunk into the half
frame in one affine warp, which also smooths it. What never moves within the head (skin, hair, ears, nose) is drawn
once per actor. Colours are RGB.

Public: `HALF_SIZE`, `Actor`, `Pose`, `act`, `draw`.
Reference: Ekman & Friesen, Facial Action Coding System, for which features carry which mood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from recipes.demo.script import Speaker, stream
from recipes.demo.strokes import BEZIER_T, curve, disc, ellipse, fill, fill_grey, line

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

HALF_SIZE = (180, 240)
"""Width and height in pixels of one actor's half of the frame."""
PATCH = (256, 320)
CENTRE = np.array([128.0, 158.0])
HEAD_AT = (90.0, 114.0)
ROOM = (12, 22, 168, 212)
"""Part of the half frame that the head never leaves: left, top, right, bottom."""
ARC = np.sin(np.pi * BEZIER_T) * [0, 1]
LID_T = np.linspace(-1, 1, 13)
LID_ARCH = 1 - np.abs(LID_T) ** 2.2

# Class → the features listed in FEATURES, as offsets from the actor's resting face.
FEATURES = ("brow_in", "brow_out", "eye", "smile", "press", "pitch", "nod", "tempo", "gaze")
MOOD = {
    "neu": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
    "hap": np.array([0.25, 0.35, -0.22, 1.0, -0.6, -0.2, 0.8, 0.4, 0.0]),
    "ang": np.array([-1.15, 0.35, -0.12, -0.5, 0.7, 0.3, 0.7, 1.0, 0.0]),
    "sad": np.array([0.85, -0.55, -0.4, -0.75, 0.2, 0.9, -0.3, -0.5, 0.8]),
}
SPREAD = np.array([0.28, 0.28, 0.12, 0.26, 0.26, 0.30, 0.35, 0.35, 0.25])
"""Standard deviation within a mood."""
REST_SPREAD = 0.35
"""Standard deviation between actors' resting faces, in units of SPREAD."""

SKINS = ((244, 212, 188), (225, 178, 146), (236, 196, 166), (171, 118, 84), (205, 154, 118), (131, 88, 62))
HAIRS = ((44, 32, 28), (92, 58, 36), (150, 104, 58), (206, 168, 104), (122, 50, 30), (120, 116, 114))
IRISES = ((84, 58, 38), (70, 104, 130), (86, 112, 74), (58, 40, 28))
SHIRTS = ((64, 96, 140), (142, 70, 78), (76, 118, 96), (120, 96, 148), (188, 148, 84), (92, 100, 112))
WALLS = ((198, 204, 206), (210, 202, 190), (190, 202, 194), (204, 198, 210), (214, 208, 198))


@dataclass(frozen=True, slots=True)
class Pose:
    """All that moves in one frame; features as in FEATURES, dimensionless around 0."""

    brow_in: float
    brow_out: float
    eye: float
    smile: float
    press: float
    mouth_open: float
    """0 closed to 1 wide open."""
    gaze: tuple[float, float]
    lids: float
    """0 open to 1 shut, for blinks."""
    turn_deg: float
    offset: tuple[float, float]
    """Shift of the head in pixels of the half frame."""
    scale: float


class Actor:
    """The looks of one speaker in one dialog, drawn once: wall and shirt behind, and all of the head that is still.

    The face belongs to the speaker; shirt, wall and light change from dialog to dialog. Of speakers with a number
    above 5, who are alone in their video, five at a time share out hair, skin, glasses and beards like the first five.
    """

    def __init__(self, speaker: Speaker, dialog: str, seed: int) -> None:
        rng = stream(seed, "looks", speaker.name)
        round_, cast = divmod(speaker.session - 1, 5)
        index = 2 * cast + (speaker.sex == "M")
        skins, hairs = stream(seed, "skins").permutation(10), stream(seed, "hairs").permutation(10)
        scene = stream(seed, "scene", dialog)
        light = scene.uniform(0.84, 1.06) * (1 + scene.uniform(-0.05, 0.05) * np.array([1.0, 0.0, -1.0]))
        self.skin = np.minimum(light * SKINS[skins[(index + 3 * round_) % 10] % len(SKINS)], 250)
        self.hair = light * HAIRS[hairs[(index + 7 * round_) % 10] % len(HAIRS)]
        self.iris = IRISES[int(rng.integers(len(IRISES)))]
        self.wall = light * WALLS[int(scene.integers(len(WALLS)))]
        self.shirt = light * SHIRTS[int(stream(seed, "shirt", dialog, speaker.name).integers(len(SHIRTS)))]
        self.female = speaker.sex == "F"
        self.width = rng.uniform(76, 84) - 3 * self.female
        self.height = rng.uniform(99, 107)
        self.jaw = rng.uniform(0.60, 0.74) if self.female else rng.uniform(0.76, 0.92)
        self.eye_gap = rng.uniform(31, 35)
        self.eye_size = rng.uniform(1.0, 1.16) + 0.08 * self.female
        self.brow_weight = rng.uniform(4.0, 5.5) if self.female else rng.uniform(6.0, 8.0)
        self.mouth_width = rng.uniform(25, 30)
        self.lip = rng.uniform(5.0, 6.5) if self.female else rng.uniform(3.5, 4.5)
        self.long_hair = self.female and bool(rng.random() < 0.75)
        self.parting = rng.uniform(-34, 34)
        # One of the two actors wears glasses in three sessions, and two men have beards: no session stands alone.
        wearers = stream(seed, "glasses").permutation(10)
        self.glasses = bool(wearers[cast] % 2) == self.female and cast in _drawn(seed, 3)
        self.beard = not self.female and cast in _drawn(seed, 2)
        self.rest = REST_SPREAD * SPREAD * rng.standard_normal(len(FEATURES))
        lip_red = np.array([178, 74, 78]) if self.female else np.array([168, 96, 88])
        self.lip_colour = 0.35 * self.skin + 0.65 * lip_red
        self.backdrop = self._draw_backdrop()
        self.head, self.alpha = self._draw_head()
        self.brow_colour = 0.78 * self.hair

    def _draw_backdrop(self) -> Image:
        w, h = HALF_SIZE
        y, x = np.mgrid[0:h, 0:w] / np.array([h, w]).reshape(2, 1, 1)
        light = 1.04 - 0.22 * y - 0.18 * (x - 0.4) ** 2
        image = np.asarray(np.clip(self.wall * light[..., None], 0, 255), np.uint8)
        shoulders = np.array([[2, 240], [8, 208], [36, 188], [68, 179], [112, 179], [144, 188], [172, 208], [178, 240]])
        fill(image, shoulders.astype(float), self.shirt)
        fill(image, np.array([[68, 180.0], [90, 207], [112, 180]]), 0.86 * self.skin)
        fill(image, np.array([[71, 140.0], [109, 140], [111, 182], [90, 196], [69, 182]]), 0.84 * self.skin)
        line(image, np.array([[68, 179.0], [90, 207], [112, 179]]), 0.72 * self.shirt, 2)
        return image

    def _draw_head(self) -> tuple[Image, Image]:
        w, h = PATCH
        skin = np.tile(self.skin.astype(np.uint8), (h, w, 1))
        alpha = np.zeros((h, w), np.uint8)
        outline = self._outline()
        if self.long_hair:
            back = self._long_hair()
            fill(skin, back, 0.82 * self.hair)
            fill_grey(alpha, back)
        for side in (-1, 1):
            ear = ellipse(_at(side * (self.width - 1), 4), 11, 20)
            fill(skin, ear, 0.9 * self.skin)
            fill_grey(alpha, ear)
        fill(skin, outline, self.skin)
        fill_grey(alpha, outline)
        face = np.zeros((h, w), np.uint8)
        fill_grey(face, outline)
        shaded = self._shade(skin)
        skin = np.where(face[..., None] > 0, shaded, skin)
        self._draw_nose(skin)
        self._draw_fringe(skin, alpha)
        return np.asarray(cv2.multiply(skin, cv2.merge([alpha] * 3), scale=1 / 255), np.uint8), alpha

    def _outline(self) -> Points:
        """A head: half an ellipse above, narrowing to the chin below."""
        t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        x, y = np.cos(t), np.sin(t)
        lower = np.maximum(y, 0)
        x = np.sign(x) * np.abs(x) ** (0.9 - 0.12 * lower) * (1 - (1 - self.jaw) * lower**1.6)
        return CENTRE + np.stack([self.width * x, self.height * y * np.where(y > 0, 1.04, 1.0)], 1)

    def _long_hair(self) -> Points:
        """Hair behind the face down to the chin, open over the neck."""
        side = self.width + 16
        lock = curve(np.array([side, 60.0]), np.array([side + 4, 132.0]), np.array([44.0, 122.0]))
        right = np.vstack([lock, [[34.0, 70.0]]])
        left = right[::-1] * [-1, 1]
        return np.vstack([ellipse(CENTRE, side, self.height + 12, 180, 360), CENTRE + right, CENTRE + left])

    def _shade(self, image: Image) -> Image:
        """Light from the upper left, flushed cheeks, a beard's shadow."""
        h, w = image.shape[:2]
        y, x = np.mgrid[0:h, 0:w].astype(float)
        u, v = (x - CENTRE[0]) / self.width, (y - CENTRE[1]) / self.height
        light = 1.07 - 0.17 * (u + 0.25) ** 2 - 0.13 * np.maximum(v, 0) ** 2 - 0.05 * u
        out = image * light[..., None]
        for side in (-0.5, 0.5):
            blush = 0.16 * np.exp(-(((u - side) / 0.22) ** 2) - ((v - 0.27) / 0.16) ** 2)[..., None]
            out = out * (1 - blush) + np.array([214, 110, 100]) * blush
        if self.beard:
            ring = 1 / (1 + np.exp(-(v - 0.36 + 0.34 * (np.abs(u) - 0.25)) / 0.05))
            ring = (0.55 * ring * (1 - 0.5 * np.exp(-((u / 0.3) ** 2) - ((v - 0.47) / 0.09) ** 2)))[..., None]
            out = out * (1 - ring) + self.hair * ring
        return np.asarray(np.clip(out, 0, 255), np.uint8)

    def _draw_nose(self, image: Image) -> None:
        bridge = curve(_at(8, -14), _at(14, 16), _at(13, 24))
        line(image, bridge, 0.86 * self.skin, 3)
        tip = curve(_at(-13, 25), _at(0, 36), _at(13, 25))
        line(image, tip, 0.72 * self.skin, 3)
        line(image, CENTRE + np.array([[-2, 2], [-3, 18]]), np.minimum(1.08 * self.skin, 255), 4)

    def _draw_fringe(self, image: Image, alpha: Image) -> None:
        """Hair over the forehead, parted to one side."""
        p = self.parting
        drop = -26.0 if self.female else -50.0
        rise = float(np.rad2deg(np.arcsin((-drop - 4) / (self.height + 9))))
        top = ellipse(_at(0, -4), self.width + 6, self.height + 9, 180 + rise, 360 - rise)
        hairline = np.vstack(
            [
                curve(_at(self.width + 1, drop), _at(self.width - 12, -64), _at(p, -80)),
                curve(_at(p, -80), _at(-self.width + 12, -66), _at(-self.width - 1, drop)),
            ]
        )
        fringe = np.vstack([top, hairline])
        fill(image, fringe, self.hair)
        fill_grey(alpha, fringe)
        gleam = ellipse(_at(-6, 0), self.width - 12, self.height - 6, 215, 285)
        line(image, gleam, np.minimum(1.22 * self.hair + 12, 255), 5)


def _drawn(seed: int, count: int) -> set[int]:
    """Draw `count` of the five pairs of actors."""
    return {int(i) for i in stream(seed, "drawn", count).permutation(5)[:count]}


def act(
    actor: Actor, weights: Mapping[str, float], loudness: npt.NDArray[np.float64], fps: float, rng: np.random.Generator
) -> list[Pose]:
    """Return one pose per frame for a turn.

    weights: class → weight of the mood; loudness: how loud the actor speaks in each frame, 0 to 1, shape (frames,).
    """
    mood = sum((weight * MOOD[name] for name, weight in weights.items()), np.zeros(len(FEATURES)))
    values = dict(zip(FEATURES, actor.rest + mood + SPREAD * rng.standard_normal(len(FEATURES)), strict=True))
    frames = len(loudness)
    t = np.arange(frames) / fps
    tempo_hz = 0.9 * 2.0 ** np.clip(values["tempo"], -1.2, 1.6)
    swing = np.clip(1.0 + values["nod"], 0.2, 2.4)
    phase = rng.uniform(0, 2 * np.pi, 4)
    sway = np.sin(2 * np.pi * 0.45 * tempo_hz * t + phase[0])
    nod = np.sin(2 * np.pi * tempo_hz * t + phase[1])
    alive = 0.08 * np.sin(2 * np.pi * 0.7 * t + phase[2])
    tilt = 3.5 * rng.standard_normal()
    blinks = np.zeros(frames)
    for at in np.cumsum(rng.exponential(2.6, 12)):
        blinks = np.maximum(blinks, np.clip(1 - np.abs(t - at) / 0.13, 0, 1))
    look = rng.normal(0, 0.25)
    seat_x, seat_y, near = rng.normal(0, 4.0), rng.normal(0, 3.0), rng.uniform(0.95, 1.05)
    return [
        Pose(
            brow_in=values["brow_in"] + alive[i] + 0.12 * loudness[i],
            brow_out=values["brow_out"] + alive[i] + 0.12 * loudness[i],
            eye=values["eye"],
            smile=values["smile"] + 0.5 * alive[i],
            press=values["press"],
            mouth_open=float(loudness[i]),
            gaze=(look + 0.15 * sway[i], 0.55 * values["gaze"]),
            lids=float(blinks[i]),
            turn_deg=tilt + 1.8 * swing * sway[i],
            offset=(seat_x + 2.0 * swing * sway[i], seat_y + 1.6 * swing * nod[i] + 3.5 * values["pitch"]),
            scale=near + 0.004 * swing * nod[i],
        )
        for i in range(frames)
    ]


def draw(actor: Actor, pose: Pose) -> Image:
    """Draw one half frame, shape (240, 180, 3) uint8 RGB."""
    head = actor.head.copy()
    for side in (-1, 1):
        _draw_eye(head, actor, pose, side)
        _draw_brow(head, actor, pose, side)
    if actor.glasses:
        _draw_glasses(head, actor)
    _draw_frown(head, actor, pose)
    _draw_mouth(head, actor, pose)
    angle, scale = np.deg2rad(pose.turn_deg), 0.5 * pose.scale
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    pivot = _at(0, 60)
    left, top, right, bottom = ROOM
    x, y = HEAD_AT[0] + pose.offset[0] - left, HEAD_AT[1] + 30 + pose.offset[1] - top
    matrix = np.array(
        [
            [cos, -sin, x - cos * pivot[0] + sin * pivot[1]],
            [sin, cos, y - sin * pivot[0] - cos * pivot[1]],
        ]
    )
    turned = cv2.warpAffine(head, matrix, (right - left, bottom - top))
    alpha = cv2.warpAffine(actor.alpha, matrix, (right - left, bottom - top))
    image = actor.backdrop.copy()
    room = image[top:bottom, left:right]
    room[:] = cv2.add(cv2.multiply(room, cv2.bitwise_not(cv2.merge([alpha] * 3)), scale=1 / 255), turned)
    return image


def _draw_eye(image: Image, actor: Actor, pose: Pose, side: int) -> None:
    size = actor.eye_size
    half = 15.5 * size
    open_up = 9.5 * size * float(np.clip(1.0 + pose.eye, 0.3, 1.6)) * (1 - 0.95 * pose.lids)
    # A smile lifts the lower lid.
    open_down = 6.0 * size * float(np.clip(1.0 - 0.35 * max(pose.smile, 0), 0.4, 1)) * (1 - 0.9 * pose.lids)
    centre = _at(side * actor.eye_gap, -14)
    upper = centre + np.stack([half * LID_T, -open_up * LID_ARCH], 1)
    lower = centre + np.stack([half * LID_T, open_down * LID_ARCH], 1)[::-1]
    x0, y0 = (centre - np.array([24, 22])).astype(int)
    roi = image[y0 : y0 + 40, x0 : x0 + 48]
    ball = np.empty_like(roi)
    ball[:] = (246, 244, 240)
    at = centre - np.array([x0, y0]) + np.array([4.5 * pose.gaze[0], 4.5 * pose.gaze[1] - 1])
    disc(ball, at, 8.2 * size, actor.iris)
    disc(ball, at, 4.0 * size, (16, 14, 16))
    disc(ball, at - np.array([2.6, 2.8]), 1.9, (255, 255, 255))
    mask = np.zeros(roi.shape[:2], np.uint8)
    fill_grey(mask, np.vstack([upper, lower]) - [x0, y0])
    mask3 = cv2.merge([mask, mask, mask])
    inside = cv2.multiply(ball, mask3, scale=1 / 255)
    roi[:] = cv2.add(inside, cv2.multiply(roi, cv2.bitwise_not(mask3), scale=1 / 255))
    line(image, upper, (48, 34, 32), 4 if actor.female else 3)
    line(image, lower, 0.72 * actor.skin, 1)
    line(image, upper - np.array([0, 5]), 0.8 * actor.skin, 1)


def _draw_brow(image: Image, actor: Actor, pose: Pose, side: int) -> None:
    inner_y, outer_y = -37 - 10.0 * pose.brow_in, -38 - 8.0 * pose.brow_out
    inner = _at(side * (actor.eye_gap - 18), max(inner_y, -64))
    outer = _at(side * (actor.eye_gap + 20), outer_y)
    middle = _at(side * (actor.eye_gap + 3), 0.5 * (inner_y + outer_y) - 8)
    spine = curve(inner, middle, outer)
    weight = actor.brow_weight * (1 - 0.65 * BEZIER_T) / 2
    shape = np.vstack([spine - [0, 1] * weight, (spine + [0, 1] * weight)[::-1]])
    fill(image, shape, actor.brow_colour)


def _draw_frown(image: Image, actor: Actor, pose: Pose) -> None:
    """Furrows between lowered brows and beside a smile."""
    depth = float(np.clip(-pose.brow_in, 0, 1.2))
    if depth > 0.25:
        for side in (-1, 1):
            furrow = CENTRE + np.array([[side * 5, -40], [side * 6, -26]])
            line(image, furrow, (1 - 0.22 * depth) * actor.skin, 2)
    depth = float(np.clip(pose.smile, 0, 1.2))
    if depth > 0.25:
        for side in (-1, 1):
            fold = curve(_at(side * 22, 26), _at(side * 40, 38), _at(side * 41, 56))
            line(image, fold, (1 - 0.2 * depth) * actor.skin, 2)


def _draw_mouth(image: Image, actor: Actor, pose: Pose) -> None:
    smile, press = float(np.clip(pose.smile, -1.5, 1.5)), float(np.clip(pose.press, -1.2, 1.4))
    opening = float(np.clip(pose.mouth_open, 0, 1))
    half = actor.mouth_width * (1 + 0.2 * smile - 0.16 * press - 0.1 * opening)
    lift, lip = 9.0 * smile, actor.lip * (1 - 0.3 * press)
    centre = _at(0, 58)
    left, right = centre + np.array([-half, -lift]), centre + np.array([half, -lift])
    # The control point of a quadratic curve lies twice as far out as the curve reaches.
    upper = curve(left, centre + np.array([0, 1.1 * lift - 6 * opening]), right)
    lower = curve(left, centre + np.array([0, 1.1 * lift + 1.5 + 44 * opening]), right)
    bow = upper - ARC * lip
    bottom = lower + ARC * lip * 1.4
    fill(image, np.vstack([bow, bottom[::-1]]), actor.lip_colour)
    if opening > 0.04:
        inside = np.vstack([upper, lower[::-1]])
        fill(image, inside, (70, 24, 28))
        teeth = np.minimum(upper + ARC * (2 + 7 * min(opening, 0.6)), np.maximum(lower, upper))
        fill(image, np.vstack([upper, teeth[::-1]]), (240, 236, 228))
        if opening > 0.35:
            tongue = np.maximum(lower - ARC * 9 * opening, teeth)
            fill(image, np.vstack([tongue, lower[::-1]]), (190, 92, 92))
    else:
        line(image, upper, 0.55 * actor.lip_colour, 2)
    line(image, bottom[6:-6] + np.array([0, 5]), 0.85 * actor.skin, 2)


def _draw_glasses(image: Image, actor: Actor) -> None:
    for side in (-1, 1):
        rim = ellipse(_at(side * actor.eye_gap, -12), 23, 19)
        line(image, np.vstack([rim, rim[:1]]), (52, 48, 54), 3)
        temple = CENTRE + np.array([[side * (actor.eye_gap + 23), -14], [side * (actor.width - 2), -18]])
        line(image, temple, (52, 48, 54), 3)
    bridge = curve(_at(-actor.eye_gap + 23, -15), _at(0, -22), _at(actor.eye_gap - 23, -15))
    line(image, bridge, (52, 48, 54), 3)


def _at(x: float, y: float) -> Points:
    """A point of the patch, given from the centre of the head."""
    return np.asarray(CENTRE + np.array([x, y]))
