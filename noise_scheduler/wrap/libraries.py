"""How a transform of each library is run under a private random stream.

- albumentations draws from generators that its transforms hold. They are handed the stream itself, once as NumPy's
  generator and once behind the interface of Python's `random.Random`.
- torchvision v2 and kornia draw from torch's global generator. Every random operation of the call is redirected to a
  private one (`torch_random`), in the calling thread alone.

Transforms that draw from Python's or NumPy's global generator cannot be reached. OpenCV's generator, one for each
thread, is seeded by albumentations' `GaussNoise` and `AdditiveNoise`, from the stream but with 16 bits.

A library is a function from a transform to a `Run`; `_LIBRARIES` lists them by the module of the transform's class.

Public: `prepare`, `successor`, `Run`.
"""

from __future__ import annotations

import importlib.metadata
import random
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Run = Callable[[npt.NDArray[np.uint8], "np.random.Generator"], npt.NDArray[Any]]
"""A transform, ready: from a picture (H, W, 3) uint8 that it may change, and a stream, to what it makes of it."""


def prepare(transform: Any, name: str) -> tuple[Run, str]:
    """A transform as a function of picture and stream, and the library's name and release.

    Args:
        transform: of one of the libraries.
        name: of the noise, for messages.

    Raises:
        TypeError: it is of no library that is known here.
        ValueError: it leaves some pictures as they are (p < 1).
    """
    parts = list(transform.modules()) if hasattr(transform, "modules") else [transform]
    modules = {f"{base.__module__}." for part in parts for base in type(part).__mro__}
    for package, prepare_one in _LIBRARIES.items():
        if any(module.startswith(f"{package}.") for module in modules):
            _check_p(transform, name)
            return prepare_one(transform), _release(package.partition(".")[0])
    kind = f"{type(transform).__module__}.{type(transform).__qualname__}"
    raise TypeError(f"{name}: {kind} is not a transform of {', '.join(_LIBRARIES)}")


def successor() -> bool:
    """Whether the module `albumentations` comes from its successor under the AGPL."""
    return _installed("albumentationsx")


def _albumentations(transform: Any) -> Run:
    if successor():
        _warn_of_successor()
    python = _PythonRandom()

    def run(picture: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[Any]:
        python.draw_from(rng)
        transform.set_random_state(rng, python)
        made: npt.NDArray[Any] = transform(image=picture)["image"]
        return made

    return run


def _torchvision(transform: Any) -> Run:
    import torch

    def run(picture: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[Any]:
        made = _of_tensor(transform, torch.from_numpy(picture).permute(2, 0, 1).contiguous(), rng)
        array: npt.NDArray[Any] = made.movedim(-3, -1).contiguous().numpy()
        return array

    return run


def _kornia(transform: Any) -> Run:
    import torch

    def run(picture: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[Any]:
        made = _of_tensor(transform, torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255, rng)
        if not torch.isfinite(made.sum()):
            raise ValueError(f"{type(transform).__name__} made values that are not finite of a picture")
        steps = (made * 255).round_().clamp_(0, 255).byte().squeeze(0)
        pixels: npt.NDArray[Any] = steps.movedim(-3, -1).contiguous().numpy()
        return pixels

    return run


def _of_tensor(transform: Any, tensor: Any, rng: np.random.Generator) -> Any:
    import torch

    from .torch_random import drawing_from

    with torch.no_grad(), drawing_from(rng):
        made = transform(tensor)
    if not isinstance(made, torch.Tensor):
        raise TypeError(
            f"{type(transform).__name__} made {type(made).__name__} of a picture: it must end with a tensor"
        )
    return made


_LIBRARIES: dict[str, Callable[[Any], Run]] = {
    "albumentations": _albumentations,
    "torchvision.transforms.v2": _torchvision,
    "kornia": _kornia,
}


class _PythonRandom(random.Random):
    """Python's generator with a NumPy stream in place of its own state."""

    _rng: np.random.Generator

    def draw_from(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.gauss_next = None  # what `gauss` has kept of the last stream

    def random(self) -> float:
        return self._rng.random()

    def getrandbits(self, k: int, /) -> int:
        words, spare = -(-k // 64), -k % 64
        bits = 0
        for _ in range(words):
            bits = bits << 64 | int(self._rng.bit_generator.random_raw())
        return bits >> spare

    def seed(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the stream is the state."""


def _check_p(transform: Any, name: str, *, weight: bool = False) -> None:
    """Raise unless p is 1 throughout; where `weight`, the p of `transform` itself is its weight in a choice."""
    kinds = {base.__name__ for base in type(transform).__mro__}
    for attribute in () if weight or "OneOrOther" in kinds else ("p", "p_batch"):
        p = getattr(transform, attribute, 1)
        if isinstance(p, int | float) and p < 1:
            raise ValueError(
                f"{name}: {type(transform).__name__} has {attribute}={p:g} and would leave some samples as they are; "
                f"give it {attribute}=1, the schedule chooses"
            )
    children = list(transform.children()) if hasattr(transform, "children") else []
    if isinstance(listed := getattr(transform, "transforms", None), list | tuple):
        children += listed
    for child in children:
        _check_p(child, name, weight=bool(kinds & {"OneOf", "OneOrOther"}))


@cache
def _release(distribution: str) -> str:
    """Name and version of what is installed, for the record."""
    if distribution == "albumentations" and successor():
        distribution = "albumentationsx"
    return f"{distribution} {importlib.metadata.version(distribution)}"


@cache
def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@cache
def _warn_of_successor() -> None:
    warnings.warn(
        "the module albumentations comes from albumentationsx, which is under the AGPL, not the MIT licence; wrapping "
        "is tested with albumentations 2.0 (pip uninstall albumentationsx; pip install 'albumentations>=2.0.8,<2.1')",
        stacklevel=2,
    )
