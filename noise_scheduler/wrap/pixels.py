"""Wrapped transforms of pictures and clips: albumentations, torchvision v2, kornia.

Transforms get RGB: a grey picture goes in as three equal channels, and the luma of what comes out is kept.

Public: `call`, `LIBRARIES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..contract import ContractError
from ..rng import stream
from .libraries import Libraries, Run, of_tensor, prepared, warn_of_successor

Pixels = npt.NDArray[np.uint8]


def call(name: str, *, fresh: bool, blend: Callable[[float], float] | None) -> Callable[..., Any]:
    """The method ``__call__`` of a wrapped noise of pictures; `fresh` draws anew for each frame of a clip."""

    def transform_pictures(
        self: Any, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float | str]]:
        """Transform an image (H, W, C) or a clip (T, H, W, C), uint8."""
        run, library = prepared(LIBRARIES, self, name, level)
        clip = image.reshape(-1, *image.shape[-3:])
        share = 1.0 if blend is None else float(blend(level))
        key = (int(rng.bit_generator.random_raw()), int(rng.bit_generator.random_raw()))
        noisy = np.empty_like(clip)
        for index, frame in enumerate(clip):
            with stream(key, 0, "frame", first_frame + index if fresh else 0) as generator:
                noisy[index] = _blended(frame, _transformed(run, frame, generator, name), share)
        return noisy.reshape(image.shape), {"library": library}

    return transform_pictures


def _albumentations(transform: Any) -> Run:
    from .global_random import PythonRandom

    warn_of_successor()
    python = PythonRandom()

    def run(picture: Pixels, rng: np.random.Generator) -> npt.NDArray[Any]:
        python.draw_from(rng)
        transform.set_random_state(rng, python)
        made: npt.NDArray[Any] = transform(image=picture)["image"]
        return made

    return run


def _torchvision(transform: Any) -> Run:
    import torch

    def run(picture: Pixels, rng: np.random.Generator) -> npt.NDArray[Any]:
        made = of_tensor(transform, torch.from_numpy(picture).permute(2, 0, 1).contiguous(), rng, "a picture")
        array: npt.NDArray[Any] = made.movedim(-3, -1).contiguous().numpy()
        return array

    return run


def _kornia(transform: Any) -> Run:
    import torch

    def run(picture: Pixels, rng: np.random.Generator) -> npt.NDArray[Any]:
        made = of_tensor(transform, torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255, rng, "a picture")
        if not torch.isfinite(made.sum()):
            raise ValueError(f"{type(transform).__name__} made values that are not finite of a picture")
        steps = (made * 255).round_().clamp_(0, 255).byte().squeeze(0)
        pixels: npt.NDArray[Any] = steps.movedim(-3, -1).contiguous().numpy()
        return pixels

    return run


LIBRARIES: Libraries = {
    "albumentations": _albumentations,
    "torchvision.transforms.v2": _torchvision,
    "kornia": _kornia,
}


def _transformed(run: Run, frame: Pixels, rng: np.random.Generator, name: str) -> Pixels:
    grey = frame.shape[2] == 1
    picture: Pixels = run(np.repeat(frame, 3, 2) if grey else np.array(frame, order="C"), rng)
    if picture.shape != (*frame.shape[:2], 3) or picture.dtype != np.uint8:
        raise ContractError(
            f"{name}: the transform made {picture.dtype} {picture.shape} of uint8 {(*frame.shape[:2], 3)}; a noise "
            "keeps size and type: leave crops and resizing to the data set, and end with uint8"
        )
    return _luma(picture) if grey else picture


def _luma(picture: Pixels) -> Pixels:
    """ITU-R BT.601 luma of (H, W, 3), as (H, W, 1); of three equal channels it is the channel itself."""
    weighted = (picture * np.array([299, 587, 114], np.int32)).sum(-1, dtype=np.int32, keepdims=True)
    luma: Pixels = ((weighted + 500) // 1000).astype(np.uint8)
    return luma


def _blended(frame: Pixels, noisy: Pixels, share: float) -> Pixels:
    if share >= 1:
        return noisy
    mixed = frame * np.float32(1 - share) + noisy * np.float32(share)
    blended: Pixels = np.rint(mixed).astype(np.uint8)
    return blended
