"""Noises for text: a str in, a str out.

- `noise_scheduler.text.asr`: ``text/asr``
- `noise_scheduler.text.keyboard`: ``text/keyboard``
- `noise_scheduler.text.word_loss`: ``text/word_loss``
- `noise_scheduler.text.missing`: ``text/missing``
- `noise_scheduler.text.rerecognise`: ``text/rerecognise``
"""

from . import asr, keyboard, missing, rerecognise, word_loss

__all__ = ["asr", "keyboard", "missing", "rerecognise", "word_loss"]
