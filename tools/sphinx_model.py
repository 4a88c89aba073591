"""Reads the English models in the pocketsphinx wheel (BSD): the pronouncing dictionary and the trigram model.

Public: `dictionary`, `LanguageModel`.

Reference: src/lm/lm_trie.c and lm_trie_quant.c of https://github.com/cmusphinx/pocketsphinx (the binary format).
"""

from __future__ import annotations

import math
import re
from functools import cached_property
from pathlib import Path

import numpy as np

_VARIANT = re.compile(r"\(\d+\)$")
_MAGIC = b"Trie Language Model"
_BINS = 1 << 16
_NATURAL = math.log(1.0001)  # the file keeps logarithms to the base 1.0001
_UNIGRAM = np.dtype([("log", "<f4"), ("backoff", "<f4"), ("next", "<u4")])


def dictionary(folder: Path) -> dict[str, list[tuple[str, ...]]]:
    """Word → its pronunciations in ARPAbet without stress, the usual one first; `folder` holds the wheel's en-us."""
    words: dict[str, list[tuple[str, ...]]] = {}
    for line in (folder / "cmudict-en-us.dict").read_text(encoding="utf-8").splitlines():
        word, *phones = line.split()
        words.setdefault(_VARIANT.sub("", word), []).append(tuple(phones))
    return words


class LanguageModel:
    """Unigrams and bigrams of a trigram model in the binary trie format of pocketsphinx."""

    def __init__(self, file: Path) -> None:
        data = file.read_bytes()
        if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC)] != 3:
            raise ValueError(f"{file} is not a trigram model in pocketsphinx's binary format")
        at = len(_MAGIC) + 1
        self.counts = np.frombuffer(data, "<u4", 3, at)
        at += 12 + 4  # the counts, and a word that says that the values are quantised
        self._logs = np.frombuffer(data, "<f4", _BINS, at)  # of bigrams; then their back-off weights and trigrams
        at += 3 * 4 * _BINS
        self._unigrams = np.frombuffer(data, _UNIGRAM, int(self.counts[0]) + 1, at)
        at += self._unigrams.nbytes
        self._data, self._bigrams_at = data, at
        self.words = data[-self._vocabulary_bytes() :].decode().rstrip("\0").split("\0")

    def _vocabulary_bytes(self) -> int:
        """The vocabulary closes the file: its length in bytes stands before it."""
        end = len(self._data)
        bigrams = _size(int(self.counts[1]), self._word_bits + 32 + _bits(int(self.counts[2])))
        trigrams = _size(int(self.counts[2]), self._word_bits + 16)
        start = self._bigrams_at + bigrams + trigrams
        length = int(np.frombuffer(self._data, "<u4", 1, start)[0])
        if start + 4 + length != end:
            raise ValueError("the vocabulary is not where it should be")
        return length

    @property
    def _word_bits(self) -> int:
        return _bits(int(self.counts[0]))

    @cached_property
    def unigrams(self) -> dict[str, float]:
        """Word → natural logarithm of its probability."""
        return dict(zip(self.words, (self._unigrams["log"][:-1] * _NATURAL).tolist(), strict=True))

    @cached_property
    def bigrams(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(index of the second word, index of the first word, natural log of P(second | first)) of all bigrams.

        The trie runs from the last word back, so the bigrams are sorted by the second word.
        """
        width = self._word_bits + 32 + _bits(int(self.counts[2]))
        count = int(self.counts[1])
        packed = np.frombuffer(self._data, np.uint8, _size(count, width), self._bigrams_at)
        first = _fields(packed, np.arange(count, dtype=np.int64) * width, self._word_bits)
        bins = _fields(packed, np.arange(count, dtype=np.int64) * width + self._word_bits + 16, 16)
        starts: np.ndarray = self._unigrams["next"].astype(np.int64)
        followers = starts[1:] - starts[:-1]
        second = np.repeat(np.arange(len(followers)), followers)
        return second, first[: len(second)], (self._logs[bins] * _NATURAL)[: len(second)]


def _bits(largest: int) -> int:
    return largest.bit_length()


def _size(entries: int, bits: int) -> int:
    return ((1 + entries) * bits + 7) // 8 + 8


def _fields(packed: np.ndarray, at: np.ndarray, bits: int) -> np.ndarray:
    """Little-endian bit fields that start at bits `at`."""
    first = at >> 3
    value = np.zeros(len(at), np.uint64)
    for byte in range(5):
        value |= packed[np.minimum(first + byte, len(packed) - 1)].astype(np.uint64) << np.uint64(8 * byte)
    return ((value >> (at & 7).astype(np.uint64)) & np.uint64((1 << bits) - 1)).astype(np.int64)
