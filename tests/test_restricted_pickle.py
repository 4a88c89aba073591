"""The restricted unpickler: what numpy writes comes back; what runs code or reaches memory is refused."""

from __future__ import annotations

import builtins
import collections
import datetime
import io
import os
import pickle
import pickletools
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes.corpora import CorpusError
from recipes.corpora.restricted_pickle import load

ARRAYS = {
    "float32": np.arange(12, dtype=np.float32).reshape(3, 4),
    "big endian": np.arange(3, dtype=">f8"),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "int64": np.array([[1, -2], [3, 4]]),
    "bool": np.array([True, False]),
    "text": np.array(["abc$_$1", "d"]),
    "bytes": np.array([[b"Ses01F_impro01_F000"], [b"x"]]),
    "empty": np.zeros((0, 74), np.float32),
    "no axis": np.array(2.5),
    "complex": np.array([1 + 2j]),
    "objects": np.array([["a", 1], [2.5, None]], object),
    "not contiguous": np.arange(12).reshape(3, 4)[:, ::2],
}
SCALARS = [np.float64(2.5), np.int32(-1), np.str_("ab"), np.bytes_(b"c"), np.bool_(True), np.float32(0)]
VALUES = [{"id": ["a", "b"], "n": (1, 2.5, None, True)}, {1, 2}, frozenset({3}), 1 + 2j, b"", b"ab", 10**30, "é"]


def written(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "some.pkl"
    file.write_bytes(content)
    return file


def as_numpy_1(content: bytes) -> bytes:
    """The pickle with the module paths of numpy 1, framed anew."""
    for tail in (b"multiarray", b"numeric"):
        new, old = b"numpy.core." + tail, b"numpy._core." + tail
        content = content.replace(bytes([0x8C, len(old)]) + old, bytes([0x8C, len(new)]) + new)
        content = content.replace(b"c" + old, b"c" + new)
    return pickletools.optimize(content)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("numpy_1", [False, True], ids=["numpy 2", "numpy 1"])
def test_arrays_scalars_and_built_ins_come_back(tmp_path: Path, protocol: int, numpy_1: bool) -> None:
    content = pickle.dumps({"arrays": ARRAYS, "scalars": SCALARS, "values": VALUES}, protocol=protocol)
    if numpy_1:
        content = as_numpy_1(content)
    assert (b"numpy._core." in content, b"numpy.core." in content) == (not numpy_1, numpy_1)
    found = load(written(tmp_path, content))
    assert found["values"] == VALUES
    for value, expected in zip(found["scalars"], SCALARS, strict=True):
        assert (type(value), value) == (type(expected), expected)
    for name, array in ARRAYS.items():
        assert type(found["arrays"][name]) is np.ndarray
        assert found["arrays"][name].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found["arrays"][name], array)


class Call:
    """Pickles as the call of a function with arguments, and with a state that is set on the outcome."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self.reduced = (function, args, state)

    def __reduce__(self) -> Any:
        return self.reduced


class Mine:
    pass


F4 = np.dtype("f4")
RECONSTRUCT, SCALAR = np._core.multiarray._reconstruct, np._core.multiarray.scalar
FROM_BUFFER = np._core.numeric._frombuffer
FIELDS = (3, "<", None, ("a",), {"a": (F4, 0)}, 4, 4, 0)
EMPTY = (np.ndarray, (0,), b"b")
REFUSED: dict[str, tuple[Any, str]] = {
    "os.system": (Call(os.system, "exit 1"), r"(posix|nt)\.system"),
    "subprocess": (Call(subprocess.Popen, ["true"]), r"(subprocess|commands)\.Popen"),
    "eval": (Call(builtins.eval, "1"), r"builtin\w*\.eval"),
    "getattr": (Call(builtins.getattr, "", "upper"), r"builtin\w*\.getattr"),
    "open": (Call(io.open, "x", "w"), "open"),
    "bytes of any size": (Call(bytes, 10**12), "a call of bytes with an argument"),
    "a class of ours": (Mine(), "test_restricted_pickle.Mine"),
    "a container of the library": (collections.OrderedDict(a=1), "collections.OrderedDict"),
    "a date": (datetime.date(2020, 1, 1), "datetime.date"),
    "numpy.load": (Call(np.load, "x.npy"), r"numpy\.load"),
    "numpy.fromfile": (Call(np._core.multiarray.fromfile, "x"), r"fromfile"),
    "numpy.frombuffer": (Call(np.frombuffer, b"12345678"), r"frombuffer"),
    "numpy.lib": (Call(np.lib.format.read_array, b""), r"read_array"),
    "ndarray itself": (Call(np.ndarray, (10**12,)), "a call of numpy.ndarray"),
    "an array of calls": (np.array([Call(os.system, "exit 1"), 1], object), r"(posix|nt)\.system"),
    "an array of lists": (np.array([[1], [1, 2]], object), "an array of objects that holds list"),
    "an array of arrays": (np.array([np.zeros(2), None], object), "an array of objects that holds _Array"),
    "an array of functions": (np.array([RECONSTRUCT, None], object), "an array of objects that holds _Admitted"),
    "a record": (np.zeros(2, [("a", "i4"), ("b", "f4")]), "elements of type"),
    "a sub-array": (np.dtype(("f4", (2,))), "elements of type"),
    "an array of dates": (np.array(["2020-01-01"], "M8[D]"), "elements of type 'M8'"),
    "a masked array": (np.ma.array([1.0], mask=[True]), "numpy.ma"),
    "an array of class list": (Call(RECONSTRUCT, list, (0,), b"b"), r"builtin\w*\.list"),
    "an array of another class": (Call(RECONSTRUCT, "ndarray", (0,), b"b"), "an array of class 'ndarray'"),
    "pointers": (
        Call(RECONSTRUCT, *EMPTY, state=(1, (1,), np.dtype("O"), False, b"12345678")),
        "an array of object whose content is a bytes",
    ),
    "pointers in a buffer": (Call(FROM_BUFFER, b"12345678", np.dtype("O"), (1,), "C"), "an array of object"),
    "a scalar of objects": (Call(SCALAR, np.dtype("O"), b"12345678"), "a scalar without its value"),
    "an element type by name": (Call(SCALAR, "f4", b"1234"), "elements of type 'f4'"),
    "a scalar too short": (Call(SCALAR, F4, b"1"), "a scalar without its value"),
    "a list as content": (
        Call(RECONSTRUCT, *EMPTY, state=(1, (1,), F4, False, [1.0])),
        "array of float32 whose content is a list",
    ),
    "a text as content": (Call(FROM_BUFFER, "abcd", F4, (1,), "C"), "array of float32 whose content is a str"),
    "another encoding": (Call(__import__("_codecs").encode, "a", "rot13"), "an encoding 'rot13'"),
    "a function changed": (Call(RECONSTRUCT, *EMPTY, state=(None, {})), "truncated or not a pickle"),
    "a function as a value": ([RECONSTRUCT], "a function as a value"),
    "a function as a key": ({RECONSTRUCT: 1}, "a function as a value"),
    "a function in a set": ({RECONSTRUCT}, "a function as a value"),
    "an element type with fields": (Call(np.dtype, "f4", state=FIELDS), "type with fields"),
    "more elements than content": (Call(RECONSTRUCT, *EMPTY, state=(1, (9,), F4, False, b"1234")), r"shape \(9,\)"),
    "no characters": (Call(FROM_BUFFER, b"\xff" * 8, np.dtype("U1"), (2,), "C"), "what is no character"),
    "no characters in a state": (
        Call(RECONSTRUCT, *EMPTY, state=(1, (1,), np.dtype(">U1"), False, b"\x00\x11\x00\x00")),
        "what is no character",
    ),
    "a scalar of no character": (Call(SCALAR, np.dtype("U1"), b"\xff" * 4), "truncated or not a pickle"),
    "a negative axis": (Call(FROM_BUFFER, b"12345678", F4, (-1,), "C"), r"shape \(-1,\)"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_refused_by_name(tmp_path: Path, name: str, protocol: int) -> None:
    value, message = REFUSED[name]
    file = written(tmp_path, pickle.dumps({"train": [value]}, protocol=protocol))
    with pytest.raises(CorpusError, match=message) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_nothing_of_a_refused_file_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    file = written(tmp_path, pickle.dumps([Call(os.mkdir, str(trace))]))
    with pytest.raises(CorpusError, match="mkdir"):
        load(file)
    assert not trace.exists()
    pickle.loads(file.read_bytes())  # it would have been
    assert trace.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated or not a pickle"),
        (b"PK\x03\x04 a zip file", "truncated or not a pickle"),
        (pickle.dumps(ARRAYS)[:-40], "truncated or not a pickle"),
        (b"\x80\x04P0\n.", "outside the file|truncated or not"),
        (b"cnumpy.core.multiarray\n_reconstruct\n}X\x01\x00\x00\x00aK\x01sb.", "a function with a changed state"),
        (b"cbuiltins\nset\n)\x81.", "truncated or not a pickle"),  # NEWOBJ
        (b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.dumps\x93.", r"numpy\.ndarray\.dumps"),  # a dotted name
        (b"\x82\x01.", "truncated or not a pickle"),  # the extension registry
        (b"]q\x00h\x00a.", "truncated or not a pickle"),  # a list that holds itself
    ],
    ids=["empty", "zip", "cut", "outside", "state", "new", "dotted", "extension", "endless"],
)
def test_broken_or_crafted_bytes_are_one_error(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        load(written(tmp_path, content))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_damaged_bytes_load_or_are_one_error(tmp_path: Path, protocol: int) -> None:
    whole = pickle.dumps({"train": {"audio": ARRAYS["float32"], "id": ["a", "b"], "n": SCALARS[0]}}, protocol=protocol)
    rng = np.random.default_rng(protocol)
    refused = 0
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] = rng.integers(256)
        try:
            load(written(tmp_path, bytes(damaged)))
        except CorpusError:
            refused += 1
    assert 50 < refused < 400


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        load(tmp_path / "aligned_50.pkl")


def test_lists_of_the_same_lists_are_converted_once(tmp_path: Path) -> None:
    nested: list[Any] = []
    for _ in range(100):  # 2**100 lists, if each were converted wherever it stands
        nested = [nested, nested]
    found = load(written(tmp_path, pickle.dumps(nested)))
    assert found[0] is found[1]
