"""Noises of pictures and clips, (H, W, C) or (T, H, W, C) uint8 with C = 3 (RGB) or 1 (grey).

Importing this package registers:

- ``image/motion_blur`` (`blur`): camera shake, a straight line of any angle and sub-pixel length
- ``image/occlusion`` (`occlusion`): a hand, bar, sheet or blob in front of the lens
- ``image/low_light`` (`low_light`): an exposure cut with sensor noise
- ``image/missing`` (`missing`): a black picture

On a clip, the parameters of a noise drift smoothly over the seconds (`drift`), and grain is fresh in every
frame.
"""

from . import blur, low_light, missing, occlusion

__all__ = ["blur", "low_light", "missing", "occlusion"]
