"""Builds noise_scheduler/text/asr/neighbours.gz and bigrams.gz.

    pip install pocketsphinx
    python -m tools.build_asr_tables path/to/pocketsphinx/model/en-us

Limits: five minutes on one core, 1 GB of memory. Needs the lexicon (``tools.build_lexicon``).
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np

from noise_scheduler.text import lexicon
from noise_scheduler.text.asr import bigrams, neighbours

from .sphinx_model import LanguageModel

PAIRS = 240_000
"""Pairs of words in the table of bigrams."""

_FOLDER = Path(__file__).parents[1] / "noise_scheduler" / "text" / "asr"


def main(models: Path) -> None:
    _write("bigrams.gz", bigram_table(LanguageModel(models / "en-us.lm.bin")))
    _write("neighbours.gz", neighbour_table())


def bigram_table(model: LanguageModel) -> bytes:
    """The pairs that add most to the mean association.

    How many pairs each first word has, low bytes and high bytes; then of all pairs, sorted by first and second word,
    the low and high bytes of the steps from one second word to the next, and the associations.
    """
    second, first, log = model.bigrams
    alone = np.array([model.unigrams[word] for word in model.words])
    number = np.array([-1 if (rank := lexicon.rank(word)) is None else rank for word in model.words])
    number[model.words.index("<s>")], number[model.words.index("</s>")] = bigrams.START, bigrams.END
    share = alone.copy()
    share[model.words.index("<s>")] = alone[model.words.index("</s>")]
    known = (number[first] >= 0) & (number[second] >= 0) & (number[first] != bigrams.END)
    first, second, log = first[known], second[known], log[known]
    association = log - alone[second]
    gain = np.exp(share[first] + log) * np.abs(association)
    kept = np.argsort(-gain, kind="stable")[:PAIRS]
    first, second, association = number[first[kept]], number[second[kept]], association[kept]
    order = np.lexsort((second, first))
    first, second, association = first[order], second[order], association[order]
    counts = np.bincount(first, minlength=bigrams.END)
    steps = np.diff(second, prepend=0)
    opening = np.flatnonzero(np.diff(first, prepend=-1))
    steps[opening] = second[opening]
    levels = np.clip(np.round((association - bigrams.LOWEST) * bigrams.STEPS), 0, 255)
    columns = [counts & 255, counts >> 8, steps & 255, steps >> 8, levels]
    return b"".join(column.astype(np.uint8).tobytes() for column in columns)


def neighbour_table() -> bytes:
    """Low bytes of the ranks, their high bytes, and the distances; neighbour by neighbour, each for all words."""
    find = neighbours.Search()
    ranks = np.zeros((neighbours.IN_TABLE, neighbours.KEPT), np.uint16)
    distances = np.zeros(ranks.shape, np.uint8)
    for rank, word in enumerate(lexicon.words()[: neighbours.IN_TABLE]):
        found = find(lexicon.pronunciation(word), rank)
        ranks[rank] = found.ranks
        distances[rank] = np.minimum(255, np.round(found.distances * neighbours.DISTANCE_STEPS))
    return np.stack([ranks & 255, ranks >> 8, distances]).astype(np.uint8).transpose(0, 2, 1).tobytes()


def _write(name: str, raw: bytes) -> None:
    """Without a time stamp, so that the same input gives the same file."""
    data = gzip.compress(raw, 9, mtime=0)
    (_FOLDER / name).write_bytes(data)
    print(f"{name}: {len(data) / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
