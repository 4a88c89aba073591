"""Noises for audio: (samples,) or (channels, samples) float32 with a `sample_rate` in Hz.

- `noise_scheduler.audio.babble`: ``audio/babble``
- `noise_scheduler.audio.background`: ``audio/background``, ``audio/white_noise``
- `noise_scheduler.audio.colour`: ``audio/pink_noise``, ``audio/brown_noise``, ``audio/blue_noise``
- `noise_scheduler.audio.events`: ``audio/events``
- `noise_scheduler.audio.far_field`: ``audio/far_field``
- `noise_scheduler.audio.handling`: ``audio/handling``
- `noise_scheduler.audio.hum`: ``audio/hum``
- `noise_scheduler.audio.reverb`: ``audio/reverb``
- `noise_scheduler.audio.missing`: ``audio/missing``
- `noise_scheduler.audio.wind`: ``audio/wind``

`noise_scheduler.audio.speech_level` holds the speech level on which signal-to-noise ratios are based.
"""

from . import babble, background, colour, events, far_field, handling, hum, missing, reverb, wind

__all__ = ["babble", "background", "colour", "events", "far_field", "handling", "hum", "missing", "reverb", "wind"]
