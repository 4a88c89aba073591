"""Keyed random streams: (seed, sample id, step, slot) → a NumPy generator, in about a microsecond.

A stream is a counter-based Philox generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC 2011) set to key = hash of (seed, id) and counter = (block, step, hash of the slot, sub-stream). It is a
pure function of these four: no order of calls, process or thread can change it, and no global generator is
read or written. Slots are names such as ``"audio/white_noise"``, one for each purpose that draws.

Generators are pooled, because building one costs ten times as much as setting its state. A stream is live
inside its ``with`` block only; nested blocks take another generator from the pool, so two live streams never
share one.

Public: `stream`, `key_of`, `slot_of`, `unit`, `Key`.
"""

from __future__ import annotations

import hashlib
import threading
from functools import lru_cache
from numbers import Integral
from types import TracebackType

import numpy as np

Key = tuple[int, int]
"""A 128-bit stream key as two 64-bit words."""

_pool = threading.local()
_EMPTY_BUFFER = (0, 0, 0, 0)


def key_of(seed: int, sample_id: str | int) -> Key:
    """The stream key of a sample: BLAKE2b-128 of (seed, id).

    Raises:
        TypeError: the id is neither a string nor an integer.
        ValueError: the seed is not in [0, 2**64).
    """
    if type(seed) is int and type(sample_id) in (str, int):  # the common case, three times as fast
        return _key_of(seed, sample_id)
    if isinstance(sample_id, Integral) and not isinstance(sample_id, bool):
        return _key_of(_checked_seed(seed), int(sample_id))
    if isinstance(sample_id, str):
        return _key_of(_checked_seed(seed), str(sample_id))
    raise TypeError(f"a sample id is a string or an integer, not {type(sample_id).__name__} ({sample_id!r})")


def slot_of(path: str) -> int:
    """The 64-bit number of a slot name."""
    return _slot_of(path)


def unit(raw: int) -> float:
    """A 64-bit draw as a number in [0, 1), exact on every machine (53 bits)."""
    return (raw >> 11) * 2.0**-53


class stream:
    """``with stream(key, step, "audio/white_noise") as rng:`` gives that stream's `numpy.random.Generator`.

    Args:
        key: from `key_of`.
        step: the planned optimiser step, ≥ 0.
        slot: what is drawn, as a name or as a number from `slot_of`.
        sub: a further stream of the same slot, for example a frame number.

    The generator must not be kept beyond the block.
    """

    __slots__ = ("_counter", "_generator", "_key")

    def __init__(self, key: Key, step: int, slot: str | int, sub: int = 0) -> None:
        self._key = key
        self._counter = (0, step, _slot_of(slot) if isinstance(slot, str) else slot, sub)

    def __enter__(self) -> np.random.Generator:
        try:
            generator: np.random.Generator = _pool.free.pop()
        except (AttributeError, IndexError):
            generator = np.random.Generator(np.random.Philox(0))
        self._generator = generator
        generator.bit_generator.state = {
            "bit_generator": "Philox",
            "state": {"counter": self._counter, "key": self._key},
            "buffer": _EMPTY_BUFFER,
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        return generator

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            _pool.free.append(self._generator)
        except AttributeError:
            _pool.free = [self._generator]


def _checked_seed(seed: int) -> int:
    if not isinstance(seed, Integral) or isinstance(seed, bool) or not 0 <= seed < 2**64:
        raise ValueError(f"seed must be an integer in [0, 2**64), not {seed!r}")
    return int(seed)


@lru_cache(maxsize=1 << 16)
def _key_of(seed: int, sample_id: str | int) -> Key:
    _checked_seed(seed)
    digest = hashlib.blake2b(
        repr(sample_id).encode("utf-8", "surrogatepass"),
        digest_size=16,
        key=b"noise_scheduler",
        salt=seed.to_bytes(8, "little"),
    ).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


@lru_cache(maxsize=4096)
def _slot_of(path: str) -> int:
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest(), "little")
