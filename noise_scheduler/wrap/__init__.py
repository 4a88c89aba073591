"""Transforms of other libraries as noises.

| kind | libraries |
|---|---|
| image | albumentations, torchvision v2, kornia |
| audio | audiomentations, torchaudio, torch-audiomentations, modules of torch |
| text | nlpaug |

    import audiomentations
    import noise_scheduler as ns

    def squashed(level):
        "Squash the peaks."
        return audiomentations.TanhDistortion(level, level, p=1)

    ns.wrap("audio/squashed", squashed)
    noisy = ns.corrupt(wave, "audio/squashed", level=0.5, seed=0, sample_rate=16000)

A wrapped noise is registered like any other: schedulers, configurations and records know it by its name. The module
that wraps must be imported wherever the name is used, so wrap at the top of a module, or of the script itself.

Each sample is transformed under a private random stream; no global generator of Python, NumPy or torch is read or
changed (`libraries` says how, and what it cannot reach). `noise_scheduler.testing.check_noise` finds out whether a
transform of your own keeps to that.

Public: `wrap`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from .. import registry
from . import pixels, sentences, sound

Transform = Callable[..., Any]
NoiseClass = TypeVar("NoiseClass", bound=type)

KINDS = ("image", "audio", "text")


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

    Args:
        name: ``"<kind>/<noise>"``, the kind being image, audio or text.
        transform: from the level in (0, 1] to a transform with p=1 throughout, or a composition of such; the schedule
            is what chooses. Where it has a parameter `sample_rate`, it is called with the wave's, in Hz, too. It is
            called again for each new level, so it must be a function of these alone. Torch's functions are wrapped as
            ``functools.partial`` with all but the wave given.
        stage, version: as in `noise_scheduler.register`; raise the version when another release of the library
            changes the output.
        frames: on a clip, ``"held"`` draws the same for every frame, ``"fresh"`` anew for each; for images only.
        blend: share of the transformed picture or wave in the result, from the level, for transforms that have no
            strength or begin with a jump; None takes what is transformed as it is. Not for text.
        doc: what the noise does, with the source; default the function's docstring.

    Raises:
        ValueError: the name is of another kind, or is taken; `frames` or `stage` is unknown, or an option is not for
            this kind.
        TypeError: `transform` is no function; a class is not a frozen dataclass, or has no method ``transform``.

    When the noise is called, a transform with p < 1 raises ValueError, one of another library TypeError, and one that
    changes the size of a picture or the length of a wave `ContractError`. What each library is given, and how, is said
    in `pixels`, `sound` and `sentences`.
    """
    kind = name.partition("/")[0]
    if kind not in KINDS:
        raise ValueError(
            f"{name!r} cannot be wrapped: it takes names of kind {', '.join(KINDS)}, such as 'image/grain'"
        )
    if frames not in ("held", "fresh"):
        raise ValueError(f"{name}: frames must be 'held' or 'fresh', not {frames!r}")
    if frames == "fresh" and kind != "image":
        raise ValueError(f"{name}: frames='fresh' is for images; a noise of kind {kind} knows no frames")
    if blend is not None and kind == "text":
        raise ValueError(f"{name}: texts cannot be blended; let the transform have its strength from the level")

    def call_of(noise_class: type) -> Callable[..., Any]:
        if kind == "image":
            return pixels.call(name, fresh=frames == "fresh", blend=blend)
        if kind == "text":
            return sentences.call(name)
        takes_rate = "sample_rate" in inspect.signature(noise_class.transform).parameters  # type: ignore[attr-defined]
        return sound.call(name, takes_rate=takes_rate, blend=blend)

    def decorate(noise_class: NoiseClass) -> NoiseClass:
        if not callable(getattr(noise_class, "transform", None)):
            raise TypeError(
                f"{noise_class.__name__} needs a method transform(level) that gives the transform of a level"
            )
        noise_class.__call__ = call_of(noise_class)  # type: ignore[method-assign]
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
