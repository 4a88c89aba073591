"""One noise on a long clip that is never whole in memory.

Public: `corrupt_pieces`, `memory_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from . import registry
from .contract import Noise, corrupt
from .sample import SampleError, check


def corrupt_pieces(
    pieces: Iterable[np.ndarray],
    noise: str | Noise,
    *,
    level: float,
    seed: int = 0,
    id: str | int = 0,
    step: int = 0,
    fps: float | None = None,
    profile: str | None = None,
) -> Iterator[np.ndarray]:
    """Apply one noise to a clip that comes in pieces: the same bits as `corrupt` of the whole.

    Args:
        pieces: consecutive parts of one clip, (T_i, H, W, C) uint8. Never changed in place; as many frames as the
            noise remembers are kept from one piece to the next.
        noise: a registered name, or a noise from `build`, of pictures or video.
        level: how much, in [0, 1].
        seed, id, step: together they fix the noise's random stream.
        fps: frame rate, Hz.
        profile: what the level is measured on, as for `corrupt`.

    Yields:
        The noisy version of each piece.

    Raises:
        SampleError: a piece is no clip, or its frames are not of the size of those before.
        ValueError: the noise takes no clips, or `level` is outside [0, 1].
        KeyError: no noise has that name.
    """
    built: Noise = registry.build(noise) if isinstance(noise, str) else noise
    kind = registry.name_of(built).partition("/")[0]
    if kind not in ("image", "video"):
        raise ValueError(f"{registry.name_of(built)} takes no clips; pieces are for noises of pictures and video")
    context = {} if fps is None else {"fps": fps}
    memory = memory_of(built, **context)
    before: np.ndarray | None = None
    first_frame = 0
    for piece in pieces:
        check("video", piece, context, f"the piece from frame {first_frame} on")
        if before is not None and piece.shape[1:] != before.shape[1:]:
            raise SampleError(
                f"the piece from frame {first_frame} on has frames of {piece.shape[1:]}, those before it of "
                f"{before.shape[1:]}; pieces are parts of one clip"
            )
        known = 0 if before is None else len(before)
        clip = piece if not known else np.concatenate([before, piece])
        noisy = corrupt(
            clip,
            built,
            level=level,
            seed=seed,
            id=id,
            step=step,
            fps=fps,
            first_frame=first_frame - known,
            profile=profile,
        )
        yield noisy[known:]
        before = clip[max(0, len(clip) - memory) :].copy()
        first_frame += len(piece)


def memory_of(noise: Noise, fps: float = 25.0) -> int:
    """How many frames before a frame the output of a noise depends on."""
    memory = getattr(noise, "memory", None)
    return 0 if memory is None else int(memory(fps))
