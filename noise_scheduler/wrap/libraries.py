"""How a transform of another library is prepared to be run under a private random stream.

- albumentations draws from generators that its transforms hold. They are handed the stream itself, once as NumPy's
  generator and once behind the interface of Python's `random.Random`.
- torchvision v2, kornia, torchaudio and torch-audiomentations draw from torch's global generator. Every random
  operation of the call is redirected to a private one (`torch_random`), in the calling thread alone.
- audiomentations and nlpaug draw from Python's and NumPy's global generators. The modules of a library, and those of a
  transform's own classes, know stand-ins for them that lead to the stream, in the calling thread alone
  (`global_random`). This holds for all libraries.

What other packages draw from Python's or NumPy's global generator cannot be reached. OpenCV's generator, one for each
thread, is seeded by albumentations' `GaussNoise` and `AdditiveNoise`, from the stream but with 16 bits.

Each kind of sample has its own libraries, as a mapping from the module of a transform's class to a function that makes
a `Run` of it (`pixels`, `sound`, `sentences`).

Public: `prepared`, `prepare`, `successor`, `of_tensor`, `Run`, `Libraries`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

Run = Callable[..., Any]
"""A transform, ready: from a sample that it may change, and a stream, to what it makes of it."""

Libraries = Mapping[str, Callable[[Any], Run]]

_CACHED = 64  # transforms a thread keeps, so that levels that come again are not built again
_cache = threading.local()
_NO_LIBRARY = ("builtins", "abc", "collections", "functools", "typing", "torch")  # whose modules stay as they are


def prepared(libraries: Libraries, noise: Any, name: str, *at: float) -> tuple[Run, str]:
    """`prepare` what `noise` makes of a level, or of a level and a rate, from this thread's cache.

    Most transforms keep state, so threads do not share them.
    """
    known: OrderedDict[tuple[Any, ...], tuple[Run, str]] | None = getattr(_cache, "transforms", None)
    if known is None:
        known = _cache.transforms = OrderedDict()
    key = noise, *at
    if key in known:
        known.move_to_end(key)
        return known[key]
    made = known[key] = prepare(libraries, noise.transform(*at), name)
    if len(known) > _CACHED:
        known.popitem(last=False)
    return made


def prepare(libraries: Libraries, transform: Any, name: str) -> tuple[Run, str]:
    """A transform as a function of sample and stream, and the library's name and release.

    Args:
        libraries: those that are known for this kind of sample; the first that a transform belongs to is its own.
        transform: of one of them, or a `functools.partial` of one of their functions.
        name: of the noise, for messages.

    Raises:
        TypeError: it is of no library that is known here.
        ValueError: it leaves some samples as they are (p < 1).
    """
    modules = _modules(transform)
    for package, prepare_one in libraries.items():
        if any(f"{module}.".startswith(f"{package}.") for module in modules):
            from . import global_random  # which loads numpy.random

            _check_p(transform, name)
            library = package.partition(".")[0]
            own = {module for module in modules if module.partition(".")[0] not in _NO_LIBRARY}
            global_random.redirect(own | {library} - set(_NO_LIBRARY))
            return _under(prepare_one(transform)), _release(library)
    kind = f"{type(transform).__module__}.{type(transform).__qualname__}"
    raise TypeError(f"{name}: {kind} is not a transform of {', '.join(libraries)}")


def successor() -> bool:
    """Whether the module `albumentations` comes from its successor under the AGPL."""
    return _installed("albumentationsx")


def of_tensor(transform: Callable[..., Any], tensor: Any, rng: np.random.Generator, what: str) -> Any:
    """The tensor that a transform of torch makes of a tensor, which is `what`, for messages."""
    import torch

    from .torch_random import drawing_from

    with torch.no_grad(), drawing_from(rng):
        made = transform(tensor)
    if not isinstance(made, torch.Tensor):
        raise TypeError(
            f"{getattr(transform, '__name__', type(transform).__name__)} made {type(made).__name__} of {what}: it must "
            "end with a tensor"
        )
    return made


def warn_of_successor() -> None:
    """Warn, once, where the module `albumentations` comes from its successor."""
    if successor():
        _warn_of_successor()


def _modules(transform: Any) -> set[str]:
    """The modules of the classes of a transform and of all its parts."""
    if isinstance(transform, functools.partial):
        return {str(transform.func.__module__)}
    parts = list(transform.modules()) if hasattr(transform, "modules") else [transform]
    for part in parts:
        parts += _children(part) if not hasattr(part, "modules") else []
    return {base.__module__ for part in parts for base in type(part).__mro__}


def _children(transform: Any) -> list[Any]:
    """What a composition of one of the libraries is made of."""
    children = list(transform.children()) if hasattr(transform, "children") else []
    if isinstance(listed := getattr(transform, "transforms", None), list | tuple):
        children += listed
    if isinstance(transform, list):  # nlpaug's flows
        children += transform
    return children


def _under(run: Run) -> Run:
    """The same, with what is drawn from Python's and NumPy's global generators taken from the stream."""

    from .global_random import drawing_from

    def drawing_from_stream(sample: Any, rng: np.random.Generator, *context: Any) -> Any:
        with drawing_from(rng):
            return run(sample, rng, *context)

    return drawing_from_stream


def _check_p(transform: Any, name: str, *, weight: bool = False) -> None:
    """Raise unless p is 1 throughout; where `weight`, the p of `transform` itself is its weight in a choice."""
    kinds = {base.__name__ for base in type(transform).__mro__}
    attributes = ["aug_p"] if "Sometimes" in kinds else ["p", "p_batch"]
    for attribute in () if weight or "OneOrOther" in kinds else attributes:
        p = getattr(transform, attribute, 1)
        if isinstance(p, int | float) and p < 1:
            raise ValueError(
                f"{name}: {type(transform).__name__} has {attribute}={p:g} and would leave some samples as they are; "
                f"give it {attribute}=1, the schedule chooses"
            )
    weighs = type(transform).__module__.startswith("albumentations.") and bool(kinds & {"OneOf", "OneOrOther"})
    for child in _children(transform):
        _check_p(child, name, weight=weighs)


@cache
def _release(module: str) -> str:
    """Name and version of the distribution that a module comes from, for the record."""
    distribution = module.replace("_", "-")
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
