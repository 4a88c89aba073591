"""Noises of clips, (T, H, W, C) uint8 with C = 3 (RGB) or 1 (grey), that need more than one frame at a time.

Importing this package registers the noises of these families:

- `frame_loss`: frames that never arrive; `frame_rate`: a rate that falls and varies
- `stall`: freezes, stutter; `lip_sync`: a picture late against its sound
- `light`: mains flicker, exposure pumping; `shake`: a camera in an unsteady hand
- `macroblock`: lost slices whose damage lasts until the next key frame
- `codec`: H.264, VP8, VP9 and motion JPEG at low rates

Clips keep their length. What is done to a frame depends on its number in the recording, `first_frame` + its place in
the clip. A noise that looks back has a method ``memory(fps) -> int``: given that many frames before a piece of a
recording, with `first_frame` set, it treats the piece as it treats the whole. Before the first frame it is given, it
takes the picture to have stood still.
"""

from . import codec, frame_loss, frame_rate, light, lip_sync, macroblock, shake, stall

__all__ = ["codec", "frame_loss", "frame_rate", "light", "lip_sync", "macroblock", "shake", "stall"]
