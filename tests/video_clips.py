"""Moving clips, and how noises of clips are tried on them."""

import numpy as np

from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.rng import key_of, stream


def panned(frames, height=64, width=80, channels=3, step=2, seed=0):
    """A window that moves `step` pixels per frame over a large picture with soft shapes and some texture."""
    rng = np.random.default_rng(seed)
    wide = width + step * frames
    y, x = np.mgrid[:height, :wide]
    waves = [rng.normal(0, 40) * np.sin(x * rng.normal(0, 0.2) + y * rng.normal(0, 0.2) + k) for k in range(12)]
    picture = 128 + sum(waves)[..., None] * np.linspace(0.6, 1, channels) + rng.normal(0, 3, (height, wide, 1))
    pixels = np.clip(picture, 0, 255).astype(np.uint8)
    return np.stack([pixels[:, step * n : step * n + width] for n in range(frames)])


def numbered(frames):
    """Frames of one pixel that show their number, modulo 256."""
    return np.arange(frames, dtype=np.uint8).reshape(-1, 1, 1, 1)


def apply(noise, clip, level, *, seed=0, fps=25.0, first_frame=0, **fields):
    """(noisy clip, achieved) of a noise, or of the noise that `fields` build by its name."""
    built = registry.build(noise, **fields) if isinstance(noise, str) else noise
    with stream(key_of(seed, "video"), 0, "test") as rng:
        return run(built, registry.name_of(built), clip, level, rng, {"fps": fps, "first_frame": first_frame})


def check_pieces(noise, clip, *, fps=12.5, levels=(0.3, 0.8, 1.0), first_frame=0, **fields):
    """A piece with its memory before it comes out as in the whole clip; so does what came before any frame."""
    built = registry.build(noise, **fields)
    memory = built.memory(fps) if hasattr(built, "memory") else 0
    for seed, level in enumerate(levels):
        context = {"seed": seed, "fps": fps}
        whole, _ = apply(built, clip, level, first_frame=first_frame, **context)
        changed = bool((whole != clip).any())
        assert changed, f"{noise} at level {level} changes nothing: the comparison is empty"
        for start in (1, len(clip) // 3, len(clip) // 2 + 1, len(clip) - 1):
            lead = min(memory, start)
            piece, _ = apply(built, clip[start - lead :], level, first_frame=first_frame + start - lead, **context)
            np.testing.assert_array_equal(piece[lead:], whole[start:])
            begin, _ = apply(built, clip[:start], level, first_frame=first_frame, **context)
            np.testing.assert_array_equal(begin, whole[:start])
