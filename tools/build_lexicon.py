"""Builds noise_scheduler/text/lexicon.txt.gz and letter_to_sound.txt.gz from the English models of pocketsphinx.

    pip install pocketsphinx
    python -m tools.build_lexicon path/to/pocketsphinx/model/en-us

Limits: takes two minutes and 1 GB of memory. lexicon.txt.gz: a line per word, in alphabetical order, with tabs between
word, −16 times the natural logarithm of its probability, and pronunciations. letter_to_sound.txt.gz: a line per rule, a
tab between its context, in which the letter that is sounded is in capitals, and the phones.
"""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path

from . import letter_to_sound
from .sphinx_model import LanguageModel, dictionary

WORDS = 30000
_FOLDER = Path(__file__).parents[1] / "noise_scheduler" / "text"
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*'?|'[a-z]{2,}")


def main(models: Path) -> None:
    spoken = dictionary(models)
    unigrams = LanguageModel(models / "en-us.lm.bin").unigrams
    words = [word for word in spoken if word in unigrams and _WORD.fullmatch(word)]
    words = sorted(sorted(words, key=lambda word: (-unigrams[word], word))[:WORDS])
    lines = [
        "\t".join(
            [word, str(round(-16 * unigrams[word])), *(" ".join(phones) for phones in dict.fromkeys(spoken[word]))]
        )
        for word in words
    ]
    _write("lexicon.txt.gz", lines)
    taught = {word: phones[0] for word, phones in spoken.items() if re.fullmatch("[a-z']+", word) and len(word) > 1}
    _write("letter_to_sound.txt.gz", ["\t".join(rule) for rule in sorted(letter_to_sound.learn(taught).items())])


def _write(name: str, lines: list[str]) -> None:
    """Without a time stamp, so that the same input gives the same file."""
    data = gzip.compress("\n".join(lines).encode(), 9, mtime=0)
    (_FOLDER / name).write_bytes(data)
    print(f"{name}: {len(lines)} lines, {len(data) / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
