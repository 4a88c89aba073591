"""Python's and NumPy's global generators replaced by a private one: for some modules, in one thread, within a block.

audiomentations and nlpaug draw by `random.uniform(…)` and `np.random.normal(…)`. To seed the global generators, and to
restore them afterwards, would be felt by every other thread. Instead, the names by which a library's modules know them
are bound to stand-ins: outside a block these hand everything on to the real ones, so that nothing changes; within one,
a thread that draws through them draws from its block's stream. What is bound is found by identity, whatever it is
called: the modules `random`, `numpy` and `numpy.random`, and functions taken out of them.

Out of reach is what such a module imports within a function, and what other packages draw.

Public: `drawing_from`, `redirect`.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterable
from types import ModuleType, TracebackType
from typing import Any

import numpy as np

_here = threading.local()
_redirected: dict[str, ModuleType] = {}
_redirecting = threading.Lock()


class drawing_from:
    """``with drawing_from(rng):`` lets redirected modules draw from `rng` in this block, in this thread."""

    __slots__ = ("_outer", "_streams")

    def __init__(self, rng: np.random.Generator) -> None:
        self._streams = _Streams(rng)
        self._outer: _Streams | None = None

    def __enter__(self) -> None:
        self._outer = getattr(_here, "streams", None)
        _here.streams = self._streams

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _here.streams = self._outer


def redirect(names: Iterable[str]) -> None:
    """Let the modules of these names, and those below them, draw from the stream of a block; each is changed once."""
    with _redirecting:
        for found, module in list(sys.modules.items()):
            if _redirected.get(found) is module or not any(f"{found}.".startswith(f"{name}.") for name in names):
                continue
            for name, value in list(vars(module).items()):
                if (stand_in := _stand_in(value)) is not None:
                    setattr(module, name, stand_in)
            _redirected[found] = module


class PythonRandom(random.Random):
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


class _NumpyRandom(np.random.RandomState):
    """NumPy's legacy generator on the bits of a stream."""

    def seed(self, seed: Any = None) -> None:
        """Nothing: the stream is the state."""


class _Streams:
    """The stream of a block behind the two old interfaces, each made when it is first asked for."""

    __slots__ = ("_numpy", "_python", "rng")

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._python: PythonRandom | None = None
        self._numpy: _NumpyRandom | None = None

    @property
    def python(self) -> PythonRandom:
        if self._python is None:
            self._python = PythonRandom()
            self._python.draw_from(self.rng)
        return self._python

    @property
    def numpy(self) -> _NumpyRandom:
        if self._numpy is None:
            self._numpy = _NumpyRandom(self.rng.bit_generator)
        return self._numpy


class _RandomModule(ModuleType):
    """Stands for `random`."""

    def __getattr__(self, name: str) -> Any:
        streams: _Streams | None = getattr(_here, "streams", None)
        value = getattr(random, name)
        if streams is not None and getattr(value, "__self__", None) is _python_generator:
            return getattr(streams.python, name)
        return value


class _NumpyRandomModule(ModuleType):
    """Stands for `numpy.random`."""

    def __getattr__(self, name: str) -> Any:
        streams: _Streams | None = getattr(_here, "streams", None)
        if streams is not None:
            if name == "default_rng":
                return lambda seed=None: streams.rng if seed is None else np.random.default_rng(seed)
            if hasattr(np.random.RandomState, name):
                return getattr(streams.numpy, name)
        return getattr(np.random, name)


class _NumpyModule(ModuleType):
    """Stands for `numpy`; it holds the same objects but for `random`."""

    def __getattr__(self, name: str) -> Any:  # what numpy imports when it is first asked for
        return getattr(np, name)


_python_generator: Any = random.random.__self__  # type: ignore[attr-defined]
_numpy_generator: Any = np.random.normal.__self__  # type: ignore[attr-defined]
_random_module = _RandomModule("random", random.__doc__)
_numpy_random_module = _NumpyRandomModule("numpy.random", np.random.__doc__)
_numpy_module = _NumpyModule("numpy", np.__doc__)
vars(_numpy_module).update({**vars(np), "random": _numpy_random_module})


def _stand_in(value: Any) -> Any:
    """What a module should hold in place of a global generator, of a module that has it or of one of its methods."""
    if value is random:
        return _random_module
    if value is np:
        return _numpy_module
    if value is np.random:
        return _numpy_random_module
    if value is np.random.default_rng:
        return _method_of(_numpy_random_module, "default_rng")
    owner = getattr(value, "__self__", None)
    if owner is not None and owner is _python_generator:
        return _method_of(_random_module, value.__name__)
    if owner is not None and owner is _numpy_generator:
        return _method_of(_numpy_random_module, value.__name__)
    return None


def _method_of(module: ModuleType, name: str) -> Callable[..., Any]:
    """A function that is looked up in a stand-in when it is called."""

    def method(*args: Any, **kwargs: Any) -> Any:
        return getattr(module, name)(*args, **kwargs)

    method.__name__ = method.__qualname__ = name
    return method
