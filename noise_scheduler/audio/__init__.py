"""Noises for audio: (samples,) or (channels, samples) float32 with a `sample_rate` in Hz.

- `noise_scheduler.audio.babble`: ``audio/babble``
- `noise_scheduler.audio.background`: ``audio/white_noise``, ``audio/background``
- `noise_scheduler.audio.clipping`: ``audio/clipping``
- `noise_scheduler.audio.codec`: ``audio/mp3``, ``audio/aac``, ``audio/opus``, ``audio/amr_nb``
- `noise_scheduler.audio.colour`: ``audio/pink_noise``, ``audio/brown_noise``, ``audio/blue_noise``
- `noise_scheduler.audio.dropouts`: ``audio/dropouts``
- `noise_scheduler.audio.events`: ``audio/events``
- `noise_scheduler.audio.far_field`: ``audio/far_field``
- `noise_scheduler.audio.filters`: ``audio/low_pass``, ``audio/high_pass``, ``audio/band_pass``
- `noise_scheduler.audio.from_audiomentations`: ``audio/muffled``, ``audio/boomy``, ``audio/resonance``,
  ``audio/band_stop``, ``audio/aliasing``, ``audio/limiter``, ``audio/shift``
- `noise_scheduler.audio.handling`: ``audio/handling``
- `noise_scheduler.audio.hum`: ``audio/hum``
- `noise_scheduler.audio.jitter_buffer`: ``audio/jitter_buffer``
- `noise_scheduler.audio.level`: ``audio/gain``, ``audio/fading``, ``audio/dc_offset``
- `noise_scheduler.audio.missing`: ``audio/missing``
- `noise_scheduler.audio.packet_loss`: ``audio/packet_loss``
- `noise_scheduler.audio.primitives`: ``audio/random_filter``, ``audio/random_gain_curve``,
  ``audio/time_frequency_mask``, ``audio/random_noise``, ``audio/random_chain``
- `noise_scheduler.audio.quantisation`: ``audio/bit_depth``, ``audio/mu_law``
- `noise_scheduler.audio.resampling`: ``audio/resample``
- `noise_scheduler.audio.reverb`: ``audio/reverb``
- `noise_scheduler.audio.speed`: ``audio/pitch``, ``audio/speed``, ``audio/tempo``, ``audio/clock_drift``
- `noise_scheduler.audio.wind`: ``audio/wind``

`noise_scheduler.audio.speech_level` holds the speech level on which signal-to-noise ratios are based.
"""

from . import (
    babble,
    background,
    clipping,
    codec,
    colour,
    dropouts,
    events,
    far_field,
    filters,
    from_audiomentations,
    handling,
    hum,
    jitter_buffer,
    level,
    missing,
    packet_loss,
    primitives,
    quantisation,
    resampling,
    reverb,
    speed,
    wind,
)

__all__ = [
    "babble",
    "background",
    "clipping",
    "codec",
    "colour",
    "dropouts",
    "events",
    "far_field",
    "filters",
    "from_audiomentations",
    "handling",
    "hum",
    "jitter_buffer",
    "level",
    "missing",
    "packet_loss",
    "primitives",
    "quantisation",
    "resampling",
    "reverb",
    "speed",
    "wind",
]
