"""The contract of a noise as a test, the same for built-in noises and for plug-ins.

In a plug-in's own test suite::

    import pytest
    from noise_scheduler.testing import check_noise

    @pytest.mark.parametrize("name", ["audio/my_noise", "image/my_noise"])
    def test_contract(name):
        check_noise(name)

Public: `check_noise`, `example_samples`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import pickle
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from . import registry, severity
from .contract import Noise, corrupt, run
from .pieces import corrupt_pieces, memory_of
from .rng import key_of, stream
from .tied import hears

Context = dict[str, float]
_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.85, 1.0)


def check_noise(noise: str | Noise, *, draws: int = 16) -> None:
    """Run every rule of the contract (`noise_scheduler.contract`) on a noise.

    Of a noise that hears another modality (`noise_scheduler.tied`), the declaration alone is checked.

    Args:
        noise: a registered name, or a noise from `build`, for example with a folder of recordings set.
        draws: random streams over which the mean distortion at a level is taken.

    Raises:
        AssertionError: a rule is broken; the message names the noise and the rule.
    """
    noise = registry.build(noise) if isinstance(noise, str) else noise
    name = registry.name_of(noise)
    _check_declaration(noise, name)
    if hears(noise):
        return
    _check_identity_at_zero(noise, name)
    _check_purity(noise, name)
    _check_edge_samples(noise, name)
    _check_pieces(noise, name)
    _check_rise(noise, name, draws)


def example_samples(kind: str) -> list[tuple[str, Any, Context]]:
    """(label, sample, context) of ordinary and extreme samples of a kind; the first one is ordinary."""
    rng = np.random.Generator(np.random.Philox(0))
    if kind in ("image", "video"):
        clip = {"fps": 12.5}
        images: list[tuple[str, Any, Context]] = [] if kind == "video" else [
            ("picture", _picture(rng, 96, 80, 3), {}),
            ("grey", _picture(rng, 48, 64, 1), {}),
            ("odd sizes", _picture(rng, 7, 5, 3), {}),
            ("one row", _picture(rng, 1, 33, 3), {}),
            ("one pixel", _picture(rng, 1, 1, 3), {}),
            ("one grey pixel", _picture(rng, 1, 1, 1), {}),
            ("black", np.zeros((16, 16, 3), np.uint8), {}),
            ("white", np.full((16, 16, 1), 255, np.uint8), {}),
            ("not contiguous", _picture(rng, 64, 64, 3)[::2, ::-1], {}),
        ]  # fmt: skip
        base = _picture(rng, 48, 40, 3)
        moving = np.stack([np.roll(base, 2 * frame, 1) for frame in range(6)])
        return [
            *images,
            ("clip", moving, clip),
            ("clip of one frame", moving[:1], clip),
            ("grey clip", moving[..., :1], clip),
        ]
    if kind == "audio":
        rate = {"sample_rate": 16000.0}
        return [
            ("speech-like", _voice(rng, 16000, 16000), rate),
            ("stereo", np.stack([_voice(rng, 8000, 16000), _voice(rng, 8000, 16000)]), rate),
            ("0.1 s", _voice(rng, 1600, 16000), rate),
            ("one sample", np.full(1, 0.25, np.float32), rate),
            ("silence", np.zeros(4000, np.float32), rate),
            ("constant", np.full(4000, 0.5, np.float32), rate),
            ("8 kHz", _voice(rng, 4000, 8000), {"sample_rate": 8000.0}),
            ("44.1 kHz", _voice(rng, 22050, 44100), {"sample_rate": 44100.0}),
            ("48 kHz", _voice(rng, 24000, 48000), {"sample_rate": 48000.0}),
        ]
    if kind == "text":
        return [
            (
                "sentence",
                "I can't believe that you really drove all the way out here, just to see us again!",
                {},
            ),
            ("empty", "", {}),
            ("one letter", "a", {}),
            ("blank", "  \t \n", {}),
            ("spaces", " two  spaces\tand a tab ", {}),
            ("other scripts", "naïve Ünïcode — 你好 👩‍👩‍👧 שלום 'quoted' don’t", {}),
            ("digits", "1 2 3 4711", {}),
        ]
    return [
        ("sequence", rng.standard_normal((50, 24), dtype=np.float32), {}),
        ("one value", np.ones((1, 1), np.float32), {}),
        ("zeros", np.zeros((5, 4), np.float32), {}),
        ("large", np.full((3, 3), 1e6, np.float32), {}),
    ]


def _check_declaration(noise: Noise, name: str) -> None:
    assert dataclasses.is_dataclass(noise), f"{name} is not a dataclass"
    assert "__slots__" in vars(type(noise)), f"{name} must be a slotted dataclass: @dataclass(frozen=True, slots=True)"
    description = registry.describe(name)
    assert description.summary, f"{name} has no docstring"
    for field in description.fields if registry.source_of(type(noise)) else ():
        assert field.doc, f"{name}.{field.name} has no documentation string under it"
    fields = json.loads(json.dumps(registry.changed_fields(noise)))
    assert registry.build(name, **fields) == noise, f"{name} is not rebuilt from the JSON of its fields"
    assert pickle.loads(pickle.dumps(noise)) == noise, f"{name} does not survive pickling"


def _check_identity_at_zero(noise: Noise, name: str) -> None:
    for label, x, context in example_samples(name.partition("/")[0]):
        assert _same(corrupt(x, noise, level=0, **context), x), f"{name} changes {label} at level 0"  # type: ignore[arg-type]


def _check_purity(noise: Noise, name: str) -> None:
    _, x, context = example_samples(name.partition("/")[0])[0]
    if isinstance(x, np.ndarray):
        x.setflags(write=False)
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    first = _noisy(noise, name, x, 0.6, context, seed=1)
    _noisy(noise, name, x, 0.3, context, seed=2)
    assert _same(first, _noisy(noise, name, x, 0.6, context, seed=1)), f"{name} is not a pure function of its stream"
    assert _equal_states(numpy_state, np.random.get_state()), f"{name} drew from numpy's global generator"  # noqa: NPY002
    assert python_state == random.getstate(), f"{name} drew from Python's global generator"
    with ThreadPoolExecutor(4) as pool:
        seeds = [1, 2, 3, 4] * 2
        threaded = list(pool.map(lambda seed: _noisy(noise, name, x, 0.6, context, seed=seed), seeds))
    for seed, result in zip(seeds, threaded, strict=True):
        assert _same(result, _noisy(noise, name, x, 0.6, context, seed=seed)), f"{name} is not thread-safe"


def _check_edge_samples(noise: Noise, name: str) -> None:
    for label, x, context in example_samples(name.partition("/")[0]):
        if isinstance(x, np.ndarray):
            x.setflags(write=False)
        for level in (0.01, 0.5, 1.0):
            try:
                noisy = _noisy(noise, name, x, level, context, seed=3)
            except Exception as error:
                raise AssertionError(f"{name} at level {level} fails on {label}: {error}") from error
            if isinstance(noisy, np.ndarray):
                assert np.isfinite(noisy).all(), f"{name} at level {level} makes non-finite values of {label}"


def _check_pieces(noise: Noise, name: str) -> None:
    """A clip comes out the same whole or in pieces, down to single frames, wherever it stands in its recording."""
    kind = name.partition("/")[0]
    if kind not in ("image", "video"):
        return
    for label, clip, context in example_samples(kind):
        if clip.ndim < 4 or len(clip) < 2:
            continue
        fps, frames = context["fps"], len(clip)
        for level in (0.3, 1.0):
            whole = corrupt(clip, noise, level=level, seed=4, fps=fps)
            for cuts in ([1], [frames - 1], [frames // 2], range(1, frames)):
                pieces = np.split(clip, list(cuts))
                noisy = np.concatenate(list(corrupt_pieces(pieces, noise, level=level, seed=4, fps=fps)))
                for frame in range(frames):
                    assert _same(noisy[frame], whole[frame]), (
                        f"{name} at level {level}: frame {frame} of {label} differs where it is cut before {list(cuts)}"
                    )
            late = corrupt(clip, noise, level=level, seed=4, fps=fps, first_frame=1000)
            first = max(0, frames - 1 - memory_of(noise, fps))
            last = corrupt(clip[first:], noise, level=level, seed=4, fps=fps, first_frame=1000 + first)[-1]
            assert _same(last, late[-1]), (
                f"{name} at level {level}: the last frame of {label} differs when cut off late"
            )


def _check_rise(noise: Noise, name: str, draws: int) -> None:
    """Mean distortion rises strictly with level; a noise that is all or nothing says `graded = False`.

    Of a noise of sound that says `keeps_waveform = False`, it is the severity: a wave that was coded for the ear alone
    differs by as much as it can, sample by sample, however close it sounds. So it is of one that moves sound in time.
    """
    _, x, context = example_samples(name.partition("/")[0])[0]
    if severity.moves_pixels(noise):
        x = severity.ramps(x.shape)
    distortion: Callable[[Any], float] = partial(_distortion, x)
    if severity.moves_sound(noise):
        x, distortion = severity.trial(noise, x, distortion, **context)
    elif not getattr(noise, "keeps_waveform", True):
        distortion = severity.against("audio", x, **context)
    means = [
        float(np.mean([distortion(_noisy(noise, name, x, level, context, seed=seed)) for seed in range(draws)]))
        for level in _LEVELS
    ]
    assert means[0] > 0, f"{name} does nothing at level {_LEVELS[0]}"
    if getattr(noise, "graded", True):
        rising = all(low < high for low, high in pairwise(means))
        shown = ", ".join(f"{level}: {mean:.4g}" for level, mean in zip(_LEVELS, means, strict=True))
        assert rising, f"{name}: mean distortion does not rise with level ({shown})"


def _noisy(noise: Noise, name: str, x: Any, level: float, context: Context, *, seed: int) -> Any:
    with stream(key_of(seed, "contract"), 0, name) as rng:
        noisy, achieved = run(noise, name, x, level, rng, context)
    json.dumps(achieved, allow_nan=False)
    return noisy


def _distortion(x: Any, noisy: Any) -> float:
    if isinstance(x, str):
        return 1 - difflib.SequenceMatcher(None, x, noisy, autojunk=False).ratio()
    return float(np.sqrt(np.mean((x.astype(np.float64) - noisy) ** 2)))


def _same(a: Any, b: Any) -> bool:
    return a == b if isinstance(a, str) else bool(np.array_equal(a, b))


def _equal_states(a: Any, b: Any) -> bool:
    return all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))


def _picture(rng: np.random.Generator, height: int, width: int, channels: int) -> np.ndarray:
    """Smooth shapes, edges and a little texture."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = 128 + 60 * np.sin(x / 9 + y / 17) + 40 * np.sign(np.sin(x / 6) * np.cos(y / 8))
    picture = waves[..., None] * (0.6 + 0.4 * rng.random(channels)) + rng.normal(0, 6, (height, width, channels))
    pixels: np.ndarray = np.clip(picture, 0, 255).astype(np.uint8)
    return pixels


def _voice(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    """Harmonics of a gliding pitch under a syllable-like envelope with pauses, and a faint noise floor."""
    t = np.arange(samples) / sample_rate
    phase = 2 * np.pi * (120 * t + 15 * np.sin(2 * np.pi * 0.8 * t))
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 20))
    envelope = np.clip(np.sin(2 * np.pi * 3 * t) + 0.3, 0, None)
    wave = 0.15 * harmonics * envelope + 1e-4 * rng.standard_normal(samples)
    voice: np.ndarray = wave.astype(np.float32)
    return voice
