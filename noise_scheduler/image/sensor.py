"""What an image sensor and its read-out add to the picture.

`SensorNoise`, `SpeckleNoise` and `Banding` work in linear light (sRGB, IEC 61966-2-1), `GaussianNoise`, `ImpulseNoise`
and `DeadPixels` on the picture's own grey levels. On a clip everything is fresh in each frame but what is built into
the sensor: the columns of banding and the places of dead pixels.

Public: `SensorNoise`, `GaussianNoise`, `SpeckleNoise`, `ImpulseNoise`, `Banding`, `DeadPixels`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, fade_in, loglerp
from ..registry import register
from .frames import frame_streams
from .grain import code_normals, table_normals
from .light import bands
from .low_light import (
    LINEAR_STEPS,
    decode_steps,
    decoded,
    encode_steps,
    expose,
    grey_shares,
    reading_tables,
    readings,
)

_BASE_ISO = 100.0
_BLOCK = 1 << 16  # values worked on at a time, so that they stay in the cache
_BAND_LINES = (1, 4, 16)
_BAND_COLOUR = 0.3  # share of the variance of banding that each colour has for itself

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@register("image/sensor_noise")
@dataclass(frozen=True, slots=True)
class SensorNoise:
    """Add the Poisson-Gaussian noise of a sensor at a raised ISO, in linear light, fresh in every frame.

    Exposure and brightness stay as they are: at n times the ISO, white is 1/n of the electrons, amplified n times.
    They carry shot noise (variance = mean) and read noise and are clipped at black and white. ISO rises along
    `iso_range`; below level .05 the noise fades to nothing. Achieved: `iso` and, unless the picture is black, `snr_db`,
    10 lg(Σ signal² / Σ variance) in electrons.
    Source: Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE TIP
    2008; photon transfer as in EMVA 1288; ISO 12232 for the speed.
    """

    iso_range: Range = (100.0, 204800.0)
    """ISO speed (mild, extreme); level moves along it in equal ratios, that is, in stops."""
    full_well_e: float = 6000.0
    """Electrons of a white pixel at ISO 100; about 6,000 for the 1 µm pixel of a phone."""
    read_noise_e: float = 2.0
    """Standard deviation of the read noise, electrons, at least 1."""

    def __post_init__(self) -> None:
        check_range("iso_range", self.iso_range, 1.0, 1e7)
        if not 100 <= self.full_well_e < math.inf:
            raise ValueError(f"full_well_e must be at least 100 electrons and finite, not {self.full_well_e!r}")
        if not 1 <= self.read_noise_e < math.inf:
            raise ValueError(f"read_noise_e must be at least 1 electron and finite, not {self.read_noise_e!r}")

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Expose an image (H, W, C) or a clip (T, H, W, C), uint8."""
        fade = fade_in(level)
        iso = loglerp(self.iso_range, level)
        white_e = self.full_well_e * _BASE_ISO / iso
        signal_e = white_e * decoded()
        table = readings(*reading_tables(signal_e, self.read_noise_e, white_e, fade))
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        noisy = np.empty_like(frames)
        counts = np.zeros(256)
        for out, frame, fresh in zip(noisy, frames, frame_streams(rng, len(frames), first_frame), strict=True):
            expose(frame, table, fresh, out)
            counts += grey_shares(frame)

        achieved = {"iso": iso}
        signal_power = float(counts @ signal_e**2)
        if signal_power > 0:
            noise_power = float(counts @ (signal_e + self.read_noise_e**2)) * fade**2
            achieved["snr_db"] = 10 * math.log10(signal_power / noise_power)
        return noisy.reshape(image.shape), achieved


@register("image/gaussian_noise")
@dataclass(frozen=True, slots=True)
class GaussianNoise:
    """Add white Gaussian noise to every value, as electronics do behind an analogue camera.

    The standard deviation rises along `sigma_range`; sums are rounded and clipped to [0, 255]. Below level .05 it
    shrinks further, to nothing at 0. Achieved: `sigma`, in grey levels, before clipping.
    Source: Hendrycks & Dietterich, "Benchmarking neural network robustness to common corruptions and
    perturbations", ICLR 2019, whose standard deviations are 20 to 97 grey levels.
    """

    sigma_range: Range = (2.0, 300.0)
    """Standard deviation (mild, extreme), grey levels of 255; level moves along it in equal ratios."""

    def __post_init__(self) -> None:
        check_range("sigma_range", self.sigma_range, 0.01, 1e4)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Add noise to an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        sigma = loglerp(self.sigma_range, level) * fade_in(level)

        def add(block: Pixels, fresh: np.random.Generator) -> Pixels:
            noise = table_normals(fresh, block.size)
            # As rows, for OpenCV takes an array of four values for a colour.
            noisy: Pixels = cv2.addWeighted(block[None], 1, noise[None], sigma, 0, dtype=cv2.CV_8U)
            return noisy.reshape(-1)

        return _in_blocks(image, add, rng, first_frame), {"sigma": sigma}


@register("image/speckle_noise", version=2)
@dataclass(frozen=True, slots=True)
class SpeckleNoise:
    """Multiply the light by the speckle of coherent illumination: laser, radar, ultrasound.

    Every value of linear light is multiplied by a gamma variate of mean 1, the mean of L independent looks at fully
    developed speckle. Its contrast, the standard deviation 1/√L, rises along `contrast_range`; below level .05 it
    shrinks further, to nothing at 0. Contrast 1 is a single look, whose law is exponential; beyond it lies the
    glitter of rough surfaces. Achieved: `contrast`.
    Source: Goodman, "Speckle phenomena in optics", 2007; the gamma variate as the cube of a normal (Wilson &
    Hilferty, 1931).
    """

    contrast_range: Range = (0.05, 4.0)
    """Contrast of the speckle (mild, extreme): standard deviation of the light over its mean. Level moves along it in
    equal ratios."""

    def __post_init__(self) -> None:
        check_range("contrast_range", self.contrast_range, 1e-4, 4.0)

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Illuminate an image (H, W, C) or a clip (T, H, W, C), uint8."""
        contrast = loglerp(self.contrast_range, level) * fade_in(level)
        middle, slope = _gamma_cube(contrast)
        gains = np.maximum(middle + slope * code_normals(), 0) ** 3
        table = encode_steps((LINEAR_STEPS * decoded()).astype(np.float32)[:, None] * gains + np.float32(0.5)).reshape(
            -1
        )
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        noisy = np.empty_like(frames)
        for out, frame, fresh in zip(noisy, frames, frame_streams(rng, len(frames), first_frame), strict=True):
            expose(frame, table, fresh, out)
        return noisy.reshape(image.shape), {"contrast": contrast}


@register("image/impulse_noise", stage="channel")
@dataclass(frozen=True, slots=True)
class ImpulseNoise:
    """Turn scattered pixels white (salt) or black (pepper), as faults of switching and of transmission do.

    The share of pixels hit rises along `amount_range`; below level .05 it shrinks further, to nothing at 0. All
    colours of a pixel are hit together, and every frame of a clip elsewhere. Achieved: `amount`, the share of pixels
    hit, over all frames given.
    Source: Gonzalez & Woods, "Digital image processing", 5.2 (salt-and-pepper noise).
    """

    amount_range: Range = (0.002, 0.7)
    """Share of pixels hit (mild, extreme), in [0, 1]; level moves along it in equal ratios."""
    salt_share: float = 0.5
    """Share of the hit pixels that turn white, in [0, 1]; the others turn black."""

    def __post_init__(self) -> None:
        check_range("amount_range", self.amount_range, 1e-6, 1.0)
        if not 0 <= self.salt_share <= 1:
            raise ValueError(f"salt_share must be in [0, 1], not {self.salt_share!r}")

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Strike an image (H, W, C) or a clip (T, H, W, C), uint8."""
        amount = loglerp(self.amount_range, level) * fade_in(level)
        noisy = np.array(image, order="C")
        frames = noisy.reshape(-1, math.prod(image.shape[-3:-1]), image.shape[-1])
        hits = 0
        for frame, fresh in zip(frames, frame_streams(rng, len(frames), first_frame), strict=True):
            struck, white = _struck(fresh, len(frame), amount, self.salt_share)
            frame[struck] = white[:, None]
            hits += len(struck)
        return noisy, {"amount": hits / (frames.shape[0] * frames.shape[1])}


@register("image/banding")
@dataclass(frozen=True, slots=True)
class Banding:
    """Add the stripes of a sensor's read-out: an offset for every row and one for every column, in linear light.

    Lines are read out one by one and columns have an amplifier each; bands of 1, 4 and 16 lines have the same
    variance, and colours differ a little. The offsets' standard deviation rises along `offset_range`; below level .05
    it shrinks further, to nothing at 0. On a clip columns stay and rows are fresh in each frame. Achieved: `offset`.
    Source: row and column noise in EMVA 1288 release 4; El Gamal & Eltoukhy, "CMOS image sensors", IEEE Circuits and
    Devices Magazine 2005.
    """

    offset_range: Range = (0.001, 0.5)
    """Standard deviation of the offsets (mild, extreme) as a fraction of white in linear light; level moves along it in
    equal ratios. Dark parts show it first."""
    row_share: float = 0.5
    """Share of the offsets' variance that is in the rows, in [0, 1]; the rest is in the columns."""

    def __post_init__(self) -> None:
        check_range("offset_range", self.offset_range, 1e-5, 10.0)
        if not 0 <= self.row_share <= 1:
            raise ValueError(f"row_share must be in [0, 1], not {self.row_share!r}")

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Stripe an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        height, width, channels = frames.shape[1:]
        offset = loglerp(self.offset_range, level) * fade_in(level)
        size = LINEAR_STEPS * offset
        columns = np.float32(size * math.sqrt(1 - self.row_share)) * _stripes(rng, width, channels)
        row_size = np.float32(size * math.sqrt(self.row_share))
        noisy = np.empty_like(frames)
        for striped, frame, fresh in zip(noisy, frames, frame_streams(rng, len(frames), first_frame), strict=True):
            row = row_size * _stripes(fresh, height, channels)
            for rows in bands(frame.shape):
                steps = decode_steps(frame[rows])
                steps += cv2.repeat(row[rows].reshape(-1, 1, channels), 1, width).reshape(steps.shape)
                steps += columns
                striped[rows] = encode_steps(steps)
        return noisy.reshape(image.shape), {"offset": offset}


@register("image/dead_pixels")
@dataclass(frozen=True, slots=True)
class DeadPixels:
    """Let photosites of the sensor fail: hot ones read white, dead ones black, at the same places throughout a clip.

    A colour picture is taken through a Bayer mosaic (RGGB), so that a failed photosite spoils one colour, and bilinear
    demosaicing spreads it to the neighbours. The share of failed photosites rises along `amount_range`; below level
    .05 it shrinks further, to nothing at 0. Achieved: `amount`, the share that failed.
    Source: defect pixels in EMVA 1288 release 4; bilinear demosaicing as in Malvar et al., "High-quality linear
    interpolation for demosaicing of Bayer-patterned color images", ICASSP 2004.
    """

    amount_range: Range = (0.0005, 0.7)
    """Share of failed photosites (mild, extreme), in [0, 1]; level moves along it in equal ratios."""
    hot_share: float = 0.7
    """Share of the failed photosites that are hot, in [0, 1]; the others are dead."""

    def __post_init__(self) -> None:
        check_range("amount_range", self.amount_range, 1e-6, 1.0)
        if not 0 <= self.hot_share <= 1:
            raise ValueError(f"hot_share must be in [0, 1], not {self.hot_share!r}")

    def __call__(
        self, image: Pixels, level: float, rng: np.random.Generator, *, fps: float = 25.0, first_frame: int = 0
    ) -> tuple[Pixels, dict[str, float]]:
        """Damage the sensor under an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = image.reshape(-1, *image.shape[-3:])
        height, width, channels = frames.shape[1:]
        amount = loglerp(self.amount_range, level) * fade_in(level)
        failed, reading = _struck(rng, height * width, amount, self.hot_share)
        row, column = np.divmod(failed, width)
        noisy = np.array(frames, order="C")
        for frame in noisy:
            if channels == 1:
                frame[row, column, 0] = reading
            else:
                frame[...] = _demosaiced(frame, row, column, reading)
        return noisy.reshape(image.shape), {"amount": len(failed) / (height * width)}


def _in_blocks(
    image: Pixels,
    work: Callable[[Pixels, np.random.Generator], Pixels],
    rng: np.random.Generator,
    first_frame: int,
) -> Pixels:
    """What `work` makes of every flattened frame and the frame's random stream, a cacheful at a time."""
    flat = np.ascontiguousarray(image).reshape(-1, math.prod(image.shape[-3:]))
    noisy = np.empty_like(flat)
    for out, frame, fresh in zip(noisy, flat, frame_streams(rng, len(flat), first_frame), strict=True):
        for start in range(0, frame.size, _BLOCK):
            out[start : start + _BLOCK] = work(frame[start : start + _BLOCK], fresh)
    return noisy.reshape(image.shape)


def _gamma_cube(contrast: float) -> tuple[float, float]:
    """(middle, slope): (middle + slope z)³ of a normal z, not below 0, is nearly a gamma variate of this contrast.

    Its mean is 1 exactly, by the moments of a clipped normal.
    """
    slope = contrast / 3
    middle = 1 - slope**2
    ratio = middle / slope
    below = 0.5 * math.erfc(-ratio / math.sqrt(2))
    density = math.exp(-0.5 * ratio**2) / math.sqrt(2 * math.pi)
    mean = slope**3 * ((ratio**3 + 3 * ratio) * below + (ratio**2 + 2) * density)
    return middle / math.cbrt(mean), slope / math.cbrt(mean)


def _struck(
    rng: np.random.Generator, places: int, share: float, white_share: float
) -> tuple[npt.NDArray[np.intp], Pixels]:
    """(index, 255 or 0) of places struck at random, in order; a larger share strikes the same places and more."""
    draws = rng.integers(0, 2**32 - 1, places, dtype=np.uint32, endpoint=True)
    struck = np.flatnonzero(draws < min(round(share * 2**32), 2**32 - 1))
    low_bits = draws[struck] & np.uint32(0xFFF)  # as good as independent of the size
    return struck, np.where(low_bits < white_share * 4096, 255, 0).astype(np.uint8)


def _stripes(rng: np.random.Generator, lines: int, channels: int) -> Floats:
    """(lines, channels) offsets of lines, of unit variance."""
    counts = [lines // width + 2 for width in _BAND_LINES]
    normals = table_normals(rng, sum(counts) * (channels + 1)).reshape(-1, channels + 1)
    levels = np.float32(math.sqrt(1 - _BAND_COLOUR)) * normals[:, :1]
    levels = levels + np.float32(math.sqrt(_BAND_COLOUR)) * normals[:, 1:]
    total = np.zeros((lines, channels), np.float32)
    for width, count, phase in zip(_BAND_LINES, counts, rng.random(len(counts)), strict=True):
        first = int(width * phase)
        total += np.repeat(levels[:count], width, axis=0)[first : first + lines]
        levels = levels[count:]
    return total * np.float32(1 / math.sqrt(len(_BAND_LINES)))


def _demosaiced(frame: Pixels, row: npt.NDArray[np.intp], column: npt.NDArray[np.intp], reading: Pixels) -> Pixels:
    """The picture where some photosites of its mosaic read otherwise.

    Bilinear demosaicing is linear: what changes in the picture is the demosaicing of what changes in the mosaic.
    """
    cv2 = need("cv2", extra="image")
    width = frame.shape[1]
    colour = (row & 1) + (column & 1)  # RGGB: red where both are even, blue where both are odd
    sparse = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4
    green = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
    damaged = np.empty_like(frame)
    for rows in bands(frame.shape):
        top, bottom = rows.start, min(rows.stop, len(frame))
        near = slice(*np.searchsorted(row, (top - 1, bottom + 1)))  # a row more either way
        at = colour[near], row[near] - top + 1, column[near]
        change = np.zeros((3, bottom - top + 2, width), np.float32)
        change[at] = reading[near] - frame[row[near], column[near], colour[near]].astype(np.float32)
        spread = [
            cv2.filter2D(plane, -1, kernel, borderType=cv2.BORDER_CONSTANT).reshape(plane.shape)[1:-1]
            for plane, kernel in zip(change, (sparse, green, sparse), strict=True)
        ]
        changed = cv2.add(frame[rows].reshape(1, -1), cv2.merge(spread).reshape(1, -1), dtype=cv2.CV_8U)
        damaged[rows] = changed.reshape(-1, *frame.shape[1:])
    return damaged
