"""Transforms of other libraries as noises: albumentations, torchvision v2, kornia.

    import albumentations as A
    import noise_scheduler as ns

    ns.wrap("image/sepia", lambda level: A.ToSepia(p=1), blend=lambda level: level)
    aged = ns.corrupt(image, "image/sepia", level=0.5, seed=0)

A wrapped noise is registered like any other: schedulers, configurations and records know it by its name. The module
that wraps must be imported wherever the name is used, so wrap at the top of a module, or of the script itself.

Each frame is transformed under a private random stream; no global generator of Python, NumPy or torch is read or
changed (`libraries` says how, and what it cannot reach). `noise_scheduler.testing.check_noise` finds out whether a
transform of your own keeps to that.

Public: `wrap`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

from .. import registry
from ..contract import ContractError
from ..rng import stream
from .libraries import Run, prepare

_CACHED = 64  # transforms a thread keeps, so that levels that come again are not built again
_cache = threading.local()

Pixels = npt.NDArray[np.uint8]
Transform = Callable[[float], Any]
NoiseClass = TypeVar("NoiseClass", bound=type)


@overload
def wrap(
    name: str,
    transform: Transform,
    *,
    stage: str = ...,
    version: int = ...,
    frames: str = ...,
    blend: Callable[[float], float] | None = ...,
    doc: str = ...,
) -> type: ...


@overload
def wrap(
    name: str,
    *,
    stage: str = ...,
    version: int = ...,
    frames: str = ...,
    blend: Callable[[float], float] | None = ...,
) -> Callable[[NoiseClass], NoiseClass]: ...


def wrap(
    name: str,
    transform: Transform | None = None,
    *,
    stage: str = "capture",
    version: int = 1,
    frames: str = "held",
    blend: Callable[[float], float] | None = None,
    doc: str = "",
) -> Any:
    """Register the transforms of another library as the noise `name`.

    Given a function, it registers a noise without fields and returns its class. Without one, it is a decorator that
    stands above ``@dataclass(frozen=True, slots=True)``; the class has a method ``transform(level)``, and its fields
    are those of the noise::

        @ns.wrap("image/ripple")
        @dataclass(frozen=True, slots=True)
        class Ripple:
            "Ripple the picture."
            step_range: tuple[float, float] = (0.0, 0.9)
            "Distortion (mild, extreme) of a cell of the grid."

            def transform(self, level):
                mild, extreme = self.step_range
                return A.GridDistortion(distort_limit=mild + (extreme - mild) * level, p=1)

    Transforms get RGB: a grey picture goes in as three equal channels, and the luma of what comes out is kept.
    albumentations gets (H, W, 3) uint8, torchvision a (3, H, W) uint8 tensor, kornia a (1, 3, H, W) tensor in [0, 1].

    Args:
        name: ``"image/<noise>"``.
        transform: from the level in (0, 1] to a transform with p=1 throughout, or a composition of such; the schedule
            is what chooses. It is called again for each new level, so it must be a function of the level alone.
        stage, version: as in `noise_scheduler.register`; raise the version when another release of the library
            changes the output.
        frames: on a clip, ``"held"`` draws the same for every frame, ``"fresh"`` anew for each.
        blend: share of the transformed picture in the result, from the level, for transforms that have no strength
            or begin with a jump; None takes the transformed picture as it is.
        doc: what the noise does, with the source; default the function's docstring.

    Raises:
        ValueError: the name is not of kind image, or is taken; `frames` or `stage` is unknown.
        TypeError: `transform` is no function; a class is not a frozen dataclass, or has no method ``transform``.

    When the noise is called, a transform with p < 1 raises ValueError, one of another library TypeError, and one that
    changes the picture's size `ContractError`.
    """
    if name.partition("/")[0] != "image":
        raise ValueError(f"{name!r} cannot be wrapped: it takes names of kind image, such as 'image/{name}'")
    if frames not in ("held", "fresh"):
        raise ValueError(f"{name}: frames must be 'held' or 'fresh', not {frames!r}")
    fresh = frames == "fresh"

    def call(
        self: Any, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float | str]]:
        """Transform an image (H, W, C) or a clip (T, H, W, C), uint8."""
        run, library = _prepared(self, name, level)
        clip = image.reshape(-1, *image.shape[-3:])
        share = 1.0 if blend is None else float(blend(level))
        key = (int(rng.bit_generator.random_raw()), int(rng.bit_generator.random_raw()))
        noisy = np.empty_like(clip)
        for index, frame in enumerate(clip):
            with stream(key, 0, "frame", first_frame + index if fresh else 0) as generator:
                noisy[index] = _blended(frame, _transformed(run, frame, generator, name), share)
        return noisy.reshape(image.shape), {"library": library}

    def decorate(noise_class: NoiseClass) -> NoiseClass:
        if not callable(getattr(noise_class, "transform", None)):
            raise TypeError(
                f"{noise_class.__name__} needs a method transform(level) that gives the transform of a level"
            )
        noise_class.__call__ = call  # type: ignore[method-assign]
        return registry.register(name, stage=stage, version=version)(noise_class)

    return decorate if transform is None else decorate(_class_of(name, transform, doc))


def _class_of(name: str, transform: Transform, doc: str) -> type:
    """A frozen dataclass without fields around a function; it is pickled as its name and its module."""
    if not inspect.isfunction(transform):
        raise TypeError(f"{name}: wrap a function of the level, such as lambda level: …, not {transform!r}")
    module = transform.__module__
    title = "".join(word.capitalize() for word in name.partition("/")[2].split("_"))
    namespace = {
        "__doc__": doc or transform.__doc__ or f"What {module}.{transform.__qualname__} makes of a level.",
        "__module__": module,
        "transform": staticmethod(transform),
        "__reduce__": lambda self: (_rebuilt, (name, module)),
    }
    return dataclasses.make_dataclass(title, [], namespace=namespace, frozen=True, slots=True)


def _rebuilt(name: str, module: str) -> Any:
    if module not in ("__main__", "__mp_main__"):  # the script itself, which workers have run
        importlib.import_module(module)
    return registry.build(name)


def _prepared(noise: Any, name: str, level: float) -> tuple[Run, str]:
    """The transform of a level and its library's release, from this thread's cache: most transforms keep state."""
    cache: OrderedDict[tuple[Any, float], tuple[Run, str]] | None = getattr(_cache, "transforms", None)
    if cache is None:
        cache = _cache.transforms = OrderedDict()
    key = noise, level
    if key in cache:
        cache.move_to_end(key)
        return cache[key]
    prepared = cache[key] = prepare(noise.transform(level), name)
    if len(cache) > _CACHED:
        cache.popitem(last=False)
    return prepared


def _transformed(run: Run, frame: Pixels, rng: np.random.Generator, name: str) -> Pixels:
    grey = frame.shape[2] == 1
    picture = run(np.repeat(frame, 3, 2) if grey else np.array(frame, order="C"), rng)
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
