"""Opens a pickle that may hold numpy arrays, numpy scalars and plain Python values, and nothing that runs code.

Some corpora are released as one pickle, and unpickling a file calls whatever the file names. Here a file may name the
few functions with which numpy (1 and 2, protocols 2 to 5) pickles its arrays and scalars, and `set`, `frozenset`,
`complex` and empty `bytes`; everything else is refused by name. Even those names do not lead to numpy's own objects:
each leads to a function of this module that checks its arguments, because `numpy.dtype`, `ndarray.__setstate__` and
`ndarray` itself take arguments with which a file could reach memory that is not its own. Element types are therefore
bool, int, uint, float, complex, bytes (S) and str (U); records, dates and subclasses are refused. An array of objects,
as pandas leaves them, may hold numbers and text and None, and no other object.

A file can still ask for much memory: an array lies in memory as a whole.

Public: load.

Source: documentation of Python's module pickle, "Restricting Globals"; numpy.lib.format on pickled object arrays.
"""

import math
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recipes.corpora import CorpusError

__all__ = ["load"]

_ELEMENT = re.compile(r"(b1|[iu][1248]|f[248]|c(?:8|16)|[SU]\d{1,6}|O8?)")
_PLAIN_TYPES = (str, bytes, bool, int, float, complex, type(None), np.generic)


def load(file: Path) -> Any:
    """What the pickle holds, its arrays as plain `numpy.ndarray`.

    Raises CorpusError naming the file: it is missing, truncated or no pickle, or it names anything but what is listed
    above; the message then names that as well.
    """
    try:
        with file.open("rb") as stream:
            return _plain(_Unpickler(stream).load())
    except FileNotFoundError:
        raise CorpusError(f"{file}: no such file; give the path of the pickle of the release") from None
    except _Refused as error:
        message = f"{file}: refused, because it asks for {error}, and only arrays of numbers or text, numbers, text"
        raise CorpusError(f"{message} and containers of them may be in it; take the file from the release") from None
    except Exception as error:  # a broken pickle raises nearly anything: it is a program that goes wrong
        reason = f"{type(error).__name__}: {error}"
        raise CorpusError(f"{file}: truncated or not a pickle ({reason}); copy it again from the release") from error


class _Refused(Exception):
    """The pickle asks for something that is not admitted; the message is its name."""


class _Admitted:
    """A function that a pickle may call; the machine can neither change it nor make instances of it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> None:
        raise _Refused("a function with a changed state")


class _ElementType:
    """Stands for a `numpy.dtype`: code such as f4, then byte order by `__setstate__`."""

    def __init__(self, code: object, align: object = False, copy: object = True) -> None:
        if not isinstance(code, str) or not _ELEMENT.fullmatch(code):
            raise _Refused(f"an array with elements of type {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        _, order, subarray, names, fields, *_ = state
        if order not in ("<", ">", "=", "|") or (subarray, names, fields) != (None, None, None):
            raise _Refused("an array with elements of a type with fields")
        self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray[Any, Any]):
    """An array that takes a state only after a look at it; `_plain` turns it into an ordinary one."""

    def __setstate__(self, state: Any) -> None:
        *_, shape, element, fortran_order, data = state
        dtype = _dtype_of(element)
        if not isinstance(data, list if dtype.hasobject else bytes):
            raise _Refused(f"an array of {dtype} whose content is a {type(data).__name__}")
        count = len(data) if dtype.hasobject else len(data) // max(dtype.itemsize, 1)
        super().__setstate__((1, _shape_of(shape, count), dtype, fortran_order, data))


def _reconstruct(kind: object, shape: object, code: object) -> npt.NDArray[Any]:
    """An empty array whose state follows."""
    if kind is not _NDARRAY:
        raise _Refused(f"an array of class {kind!r}")
    return _Array((0,), np.int8)


def _no_array(*args: object) -> None:
    raise _Refused("a call of numpy.ndarray")


def _scalar(element: object, data: object = None) -> Any:
    dtype = _dtype_of(element)
    if dtype.hasobject or not isinstance(data, bytes) or len(data) != dtype.itemsize:
        raise _Refused("a scalar without its value")
    if dtype.itemsize == 0:
        return dtype.type()
    return np.frombuffer(data, dtype)[0]


def _from_buffer(data: object, element: object, shape: object, order: str) -> npt.NDArray[Any]:
    dtype = _dtype_of(element)
    if dtype.hasobject or not isinstance(data, bytes | bytearray | memoryview):
        raise _Refused(f"an array of {dtype} whose content is a {type(data).__name__}")
    flat = np.frombuffer(data, dtype)
    return flat.reshape(_shape_of(shape, flat.size), order="F" if order == "F" else "C").view(_Array)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Bytes as protocol 2 writes them: a text of the same 256 characters."""
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"an encoding {encoding!r}")
    return text.encode("latin1")


def _bytes(*args: object) -> bytes:
    """Empty bytes, as protocol 2 writes them; with an argument it could ask for any amount of memory."""
    if args:
        raise _Refused("a call of bytes with an argument")
    return b""


def _dtype_of(element: object) -> np.dtype[Any]:
    if not isinstance(element, _ElementType):
        raise _Refused(f"an array with elements of type {element!r}")
    return element.dtype


def _shape_of(shape: object, size: int) -> tuple[int, ...]:
    """`shape` if it has `size` elements. Checked here: numpy would take -1 for whatever is left."""
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape) or math.prod(shape) != size:
        raise ValueError(f"array of shape {shape!r} with {size} elements")
    return shape


_NDARRAY = _Admitted(_no_array)
_ADMITTED: dict[tuple[str, str], _Admitted] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Admitted(_ElementType),
    ("_codecs", "encode"): _Admitted(_encode),
}
for _numpy in ("numpy.core", "numpy._core"):
    _ADMITTED[f"{_numpy}.multiarray", "_reconstruct"] = _Admitted(_reconstruct)
    _ADMITTED[f"{_numpy}.multiarray", "scalar"] = _Admitted(_scalar)
    _ADMITTED[f"{_numpy}.numeric", "_frombuffer"] = _Admitted(_from_buffer)
for _builtins in ("builtins", "__builtin__"):
    _ADMITTED[_builtins, "set"] = _Admitted(set)
    _ADMITTED[_builtins, "frozenset"] = _Admitted(frozenset)
    _ADMITTED[_builtins, "complex"] = _Admitted(complex)
    _ADMITTED[_builtins, "bytes"] = _Admitted(_bytes)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused(f"the object {pid!r} outside the file")


def _plain(value: Any, known: dict[int, Any] | None = None) -> Any:
    """`value` with ordinary arrays, without the stand-ins of this module.

    What stands in several places is converted once (`known`, by identity): a few bytes can hold a list of the same
    two lists, of the same two lists, and so on.
    """
    known = {} if known is None else known
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, _Array):
        held = value.flat if value.dtype.hasobject else ()
        if foreign := {type(item).__name__ for item in held if not isinstance(item, _PLAIN_TYPES)}:
            raise _Refused(f"an array of objects that holds {', '.join(sorted(foreign))}")
        if value.dtype.kind == "U" and value.size and _highest_character(value) > sys.maxunicode:
            raise ValueError("an array of text holds what is no character")
        return value.view(np.ndarray)
    if isinstance(value, dict):
        return known.setdefault(id(value), {_plain(key, known): _plain(item, known) for key, item in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return known.setdefault(id(value), type(value)([_plain(item, known) for item in value]))
    if isinstance(value, _ElementType):
        return value.dtype
    if isinstance(value, _Admitted):
        raise _Refused("a function as a value")
    return value


def _highest_character(text: npt.NDArray[np.str_]) -> int:
    """The highest code point (numpy does not look at them before an element is used)."""
    codes = np.ascontiguousarray(text).reshape(-1).view(np.dtype("u4").newbyteorder(text.dtype.byteorder))
    return int(codes.max(initial=0))
