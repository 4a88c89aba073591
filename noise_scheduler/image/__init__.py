"""Noises of pictures and clips, (H, W, C) or (T, H, W, C) uint8 with C = 3 (RGB) or 1 (grey).

Importing this package registers the noises of these families:

- `weather`: fog, rain, snow; `occlusion`: a hand, bar, sheet or blob in front of the lens
- `face_occlusion`: a mask, sunglasses or a hand where they belong on a face
- `lens`: dirty lens, sun flare, shadow
- `blur`: motion blur; `focus`: defocus, Gaussian, zoom and glass blur
- `exposure`: over-exposure, contrast loss, backlight; `low_light`; `colour`: white balance
- `sensor`: sensor noise by ISO, Gaussian, speckle and impulse noise, banding, dead pixels
- `geometry`: jitter of the detector's crop, elastic warp
- `coding`: JPEG, WebP; `resolution`: downscale, pixelate, bit depth; `loss`: lost blocks and slices; `missing`
- `from_albumentations`: drops and mud on the lens, cloud shadow, aberration and distortion of lenses, ringing, median
  smoothing, sharpening, local contrast, hue shift, of that library
- `primitives`: random filters, tone curves, spectra and their mixture, which resemble no camera

On a clip, what a real recording would see drift drifts over the seconds around the level's strength, or is held
(`drift`); things move along paths; grain is fresh in every frame (`frames`). A still image, and the first frame of a
recording, have the level's strength exactly. Settings that are chosen once (resolution, mosaic, bit depth, dirt, dead
pixels) stay. All of it depends on a frame's number alone, so that a clip may be cut anywhere.
"""

from . import (
    blur,
    coding,
    colour,
    exposure,
    face_occlusion,
    focus,
    from_albumentations,
    geometry,
    lens,
    loss,
    low_light,
    missing,
    occlusion,
    primitives,
    resolution,
    sensor,
    weather,
)

__all__ = [
    "blur", "coding", "colour", "exposure", "face_occlusion", "focus", "from_albumentations", "geometry", "lens",
    "loss", "low_light", "missing", "occlusion", "primitives", "resolution", "sensor", "weather",
]  # fmt: skip
