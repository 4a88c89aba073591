"""Golden outputs: what every built-in noise makes of small samples at three levels, kept in ``tests/golden``.

``python -m tests.golden_outputs`` writes the files that are missing or of an older version of their noise, and removes
those of noises that are no more. It refuses where an output has changed and the noise's version has not: raise it
first. To write a file anew all the same, because the samples here changed or the noise was never released, delete it.

Text is kept as it is. Of arrays 640 scattered values are kept, pictures in grey levels, waves in steps of 2^-14 and
features in steps of 2^-10, and they may be a step off, for floating-point functions and sums differ a little between
processors and libraries; nearly all must be equal. Of the noises in `EXACT` there is a digest of all values besides.
``tests/golden/README.md`` says on what this was tried.
"""

import hashlib
import importlib.metadata
import json
import sys
import zlib
from base64 import b85decode, b85encode
from pathlib import Path

import numpy as np

from noise_scheduler import registry
from noise_scheduler.contract import run
from noise_scheduler.rng import key_of, stream
from noise_scheduler.tied import hears

FOLDER = Path(__file__).parent / "golden"
LEVELS = (0.2, 0.6, 1.0)
SEEDS = (1, 2)
SAMPLE_SIZE = 640
STRIDE = 1013  # has no factor in common with the number of values
STEPS_PER_UNIT = {"audio": 2**14, "feature": 2**10}
LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "albumentations", "av")
TEXT = "I can't believe that you really drove all 120 miles out here, just to see us again!"

EXACT = {
    "audio/missing",
    "feature/missing",
    "feature/step_loss",
    "image/bit_depth",
    "image/grid_loss",
    "image/impulse_noise",
    "image/missing",
    "video/frame_drop",
    "video/freeze",
    "video/lip_sync",
    "video/stutter",
    "video/variable_frame_rate",
}
"""Noises that only copy, count and look up: floating point decides there, but no value comes out of it."""

RESAMPLED = {
    "image/chromatic_aberration",
    "image/detector_jitter",
    "image/elastic_warp",
    "image/glass_blur",
    "image/lens_distortion",
    "image/rain",
    "image/zoom_blur",
    "video/camera_shake",
}
"""Noises that interpolate between pixels, which OpenCV before 5 does on a grid of 1/32 px."""

REMEDY = (
    "If this is meant: raise version= of the noise in its @register, add a line to CHANGELOG.md, "
    "then run `python -m tests.golden_outputs` and commit tests/golden."
)


def names():
    """Every noise of the package itself but those that hear another modality."""
    built = {name: registry.build(name) for name in registry.names()}
    return [
        n for n, noise in built.items() if type(noise).__module__.startswith("noise_scheduler.") and not hears(noise)
    ]


def sample_of(kind, seed):
    """(sample, context): for the first seed a picture or a mono wave, for the second a late piece of a clip or stereo.

    All by integer arithmetic, so that it is the same everywhere.
    """
    first = seed == SEEDS[0]
    if kind == "image":
        return (_picture(32, 40), {}) if first else (_clip(3, 24, 32), {"fps": 12.5, "first_frame": 70})
    if kind == "video":
        return _clip(20, 24, 32), {"fps": 10.0, "first_frame": 0 if first else 70}
    if kind == "audio":
        return (_wave(8000) if first else np.stack([_wave(4000), _wave(8000)[4000:]])), {"sample_rate": 16000.0}
    if kind == "text":
        return TEXT, {}
    return ((np.arange(640) * 7919 % 4001 - 2000) / 1024).astype(np.float32).reshape(40, 16), {}


def output(name, level, seed):
    """What a noise, built by its name alone, makes of the sample of its kind; the level is its native position."""
    kind = name.partition("/")[0]
    x, context = sample_of(kind, seed)
    with stream(key_of(seed, "golden"), 0, name) as rng:
        noisy, _ = run(registry.build(name), name, x, level, rng, context)
    return noisy


def kept(name, noisy):
    """What is kept of an output, for JSON."""
    if isinstance(noisy, str):
        return noisy
    if noisy.dtype != np.uint8:
        noisy = np.clip(np.rint(noisy.astype(np.float64) * STEPS_PER_UNIT[name.partition("/")[0]]), -(2**15), 2**15 - 1)
    values = noisy.astype("u1" if noisy.dtype == np.uint8 else "<i2").reshape(-1)
    sample = values[np.sort(np.arange(min(SAMPLE_SIZE, values.size)) * STRIDE % values.size)]
    entry = {"dtype": values.dtype.str, "sample": b85encode(zlib.compress(sample.tobytes(), 9)).decode()}
    if name in EXACT:
        entry["digest"] = hashlib.blake2b(values.tobytes(), digest_size=16).hexdigest()
    return entry


def outputs(name):
    """All that is kept of a noise's outputs, by level and seed."""
    return {f"level {level}, seed {seed}": kept(name, output(name, level, seed)) for level in LEVELS for seed in SEEDS}


def fault(name, golden, found):
    """How far what is kept of an output is from the golden one, in words; empty if it is near enough."""
    if golden == found:
        return ""
    if isinstance(golden, str) and isinstance(found, str):
        return f"{found!r} in place of {golden!r}"
    before, after = _values(golden), _values(found)
    if before.shape != after.shape or before.dtype != after.dtype:
        return "another sample than in the file; if the samples were changed, delete it"
    off = np.abs(after.astype(np.int64) - before)
    beyond, mean = np.count_nonzero(off > 1) / off.size, off.mean()
    most_beyond, most_mean = tolerance(name)
    if name not in EXACT and beyond <= most_beyond and mean <= most_mean:
        return ""
    step = "grey level" if before.dtype == np.uint8 else "step"
    far = f"{beyond:.1%} of the values are off by more than one {step}, {mean:.3g} on average, {off.max()} at most"
    return f"{far}, and none may differ" if name in EXACT else far


def tolerance(name):
    """(share of values that may be off by more than a step, mean difference in steps)."""
    if name in RESAMPLED:
        import cv2

        if int(cv2.__version__.partition(".")[0]) < 5:
            return 0.15, 1.0
    return 0.01, 0.1


def faults(name, folder=FOLDER):
    """What is wrong with the golden outputs of a noise, in words; empty if nothing is."""
    file = _file(name, folder)
    if not file.is_file():
        return f"{name} has no golden outputs: run `python -m tests.golden_outputs`"
    golden = json.loads(file.read_text(encoding="utf-8"))
    version = registry.version_of(name)
    if golden["version"] > version:
        return f"{name} is registered as version {version}, after {golden['version']}: versions only rise"
    if golden["version"] < version:
        return (
            f"{name} is registered as version {version}, its golden outputs are of version {golden['version']}: "
            "see that CHANGELOG.md names the change, then run `python -m tests.golden_outputs`"
        )
    found = outputs(name)
    lines = [
        f"{name}, {case}: {far}"
        for case in sorted(golden["outputs"] | found)
        if (far := fault(name, golden["outputs"].get(case), found.get(case)))
    ]
    if not lines:
        return ""
    if golden["made_with"] != made_with():
        lines.append(f"The files were written with {golden['made_with']}; here is {made_with()}.")
    return "\n".join([*lines, REMEDY])


def update(folder=FOLDER):
    """Write what is missing or of an older version; returns (written names, faults of the refused by name)."""
    written, refused = [], {}
    for name in names():
        file = _file(name, folder)
        version = registry.version_of(name)
        if file.is_file() and json.loads(file.read_text(encoding="utf-8"))["version"] >= version:
            if far := faults(name, folder):
                refused[name] = far
            continue
        golden = {"version": version, "made_with": made_with(), "outputs": outputs(name)}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(name)
    for file in strays(folder):
        file.unlink()
    return written, refused


def strays(folder=FOLDER):
    """Files of noises that are no more."""
    return sorted(set(folder.rglob("*.json")) - {_file(name, folder) for name in names()})


def made_with():
    """The libraries on which outputs depend, with their versions."""
    return ", ".join(f"{library} {importlib.metadata.version(library)}" for library in LIBRARIES)


def _file(name, folder):
    return folder / f"{name}.json"


def _values(entry):
    if not isinstance(entry, dict):
        return np.empty(0)
    return np.frombuffer(zlib.decompress(b85decode(entry["sample"])), entry["dtype"])


def _picture(height, width, frame=0):
    """Ramps, edges, texture, a moving disc, black and white."""
    y, x = np.indices((height, width), dtype=np.int64)
    texture = (((x + 3 * frame) * 7919) ^ (y * 104729)) % 31
    grey = 30 + 150 * x // width + 40 * y // height + texture
    grey[(x // 6 + y // 5) % 4 == 0] -= 60
    disc = (2 * x - width // 2 - 4 * frame % width) ** 2 + (2 * y - height) ** 2 < height * height // 4
    grey[disc] = 235 - texture[disc]
    colours = np.stack([grey, grey * 3 // 4 + 20, 255 - grey], axis=-1)
    colours[: height // 8] = 255
    colours[-(height // 8) :] = 0
    return np.clip(colours, 0, 255).astype(np.uint8)


def _clip(frames, height, width):
    return np.stack([_picture(height, width, frame) for frame in range(frames)])


def _wave(samples):
    """A triangle wave of gliding pitch in bursts, in steps of 16-bit audio."""
    n = np.arange(samples, dtype=np.int64)
    triangle = np.abs((64 * n + n * n // 512) % 8192 - 4096) - 2048
    envelope = np.maximum(1500 - np.abs(n % 4000 - 1500), 0)
    return (triangle * envelope // 400 / 32768).astype(np.float32)


if __name__ == "__main__":
    written, refused = update()
    print(f"{len(written)} written: {', '.join(written) or 'none'}")
    for far in refused.values():
        print(f"\nREFUSED {far}")
    sys.exit(bool(refused))
