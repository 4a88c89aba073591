"""Noises for audio: (samples,) or (channels, samples) float32 with a `sample_rate` in Hz.

- `noise_scheduler.audio.babble`: ``audio/babble``
- `noise_scheduler.audio.background`: ``audio/background``, ``audio/white_noise``
- `noise_scheduler.audio.colour`: ``audio/pink_noise``, ``audio/brown_noise``, ``audio/blue_noise``
- `noise_scheduler.audio.events`: ``audio/events``
- `noise_scheduler.audio.far_field`: ``audio/far_field``
- `noise_scheduler.audio.handling`: ``audio/handling``
- `noise_scheduler.audio.hum`: ``audio/hum``
- `noise_scheduler.audio.reverb`: ``audio/reverb``
- `noise_scheduler.audio.speed`: ``audio/pitch``, ``audio/speed``, ``audio/tempo``, ``audio/clock_drift``
- `noise_scheduler.audio.primitives`: ``audio/random_filter``, ``audio/random_gain_curve``,
  ``audio/time_frequency_mask``, ``audio/random_noise``, ``audio/random_chain``
- `noise_scheduler.audio.from_audiomentations`: ``audio/muffled``, ``audio/boomy``, ``audio/resonance``,
  ``audio/band_stop``, ``audio/aliasing``, ``audio/limiter``, ``audio/shift``
- `noise_scheduler.audio.missing`: ``audio/missing``
- `noise_scheduler.audio.wind`: ``audio/wind``

`noise_scheduler.audio.speech_level` holds the speech level on which signal-to-noise ratios are based,
`noise_scheduler.audio.time_scale` resampling and time stretching.
"""

from . import (
    babble,
    background,
    colour,
    events,
    far_field,
    from_audiomentations,
    handling,
    hum,
    missing,
    primitives,
    reverb,
    speed,
    wind,
)

__all__ = [
    "babble",
    "background",
    "colour",
    "events",
    "far_field",
    "from_audiomentations",
    "handling",
    "hum",
    "missing",
    "primitives",
    "reverb",
    "speed",
    "wind",
]
