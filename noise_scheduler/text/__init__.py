"""Noises for text: a str in, a str out.

- `noise_scheduler.text.keyboard`: ``text/keyboard``
- `noise_scheduler.text.letters`: ``text/random_letters``, ``text/transposition``
- `noise_scheduler.text.ocr`: ``text/ocr``
- `noise_scheduler.text.spelling`: ``text/spelling``
- `noise_scheduler.text.homophones`: ``text/homophones``
- `noise_scheduler.text.punctuation`: ``text/punctuation_loss``, ``text/case_loss``, ``text/run_on``
- `noise_scheduler.text.words`: ``text/repetition``, ``text/word_order``
- `noise_scheduler.text.word_loss`: ``text/word_loss``
- `noise_scheduler.text.fillers`: ``text/fillers``
- `noise_scheduler.text.masking`: ``text/unknown_words``
- `noise_scheduler.text.truncation`: ``text/truncation``
- `noise_scheduler.text.asr`: ``text/asr``
- `noise_scheduler.text.rerecognise`: ``text/rerecognise``
- `noise_scheduler.text.missing`: ``text/missing``

What they cut and keep is in `noise_scheduler.text.tokens`.
"""

from . import (
    asr,
    fillers,
    homophones,
    keyboard,
    letters,
    masking,
    missing,
    ocr,
    punctuation,
    rerecognise,
    spelling,
    truncation,
    word_loss,
    words,
)

__all__ = [
    "asr",
    "fillers",
    "homophones",
    "keyboard",
    "letters",
    "masking",
    "missing",
    "ocr",
    "punctuation",
    "rerecognise",
    "spelling",
    "truncation",
    "word_loss",
    "words",
]
