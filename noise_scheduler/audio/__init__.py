"""Noises for audio: (samples,) or (channels, samples) float32 with a `sample_rate` in Hz.

- `noise_scheduler.audio.background`: ``audio/background``, ``audio/white_noise``
- `noise_scheduler.audio.reverb`: ``audio/reverb``
- `noise_scheduler.audio.missing`: ``audio/missing``

`noise_scheduler.audio.speech_level` holds the speech level on which signal-to-noise ratios are based.
"""

from . import background, missing, reverb

__all__ = ["background", "missing", "reverb"]
