"""Generic perturbations that resemble no camera: filters, tone curves, spectra, and mixtures of them.

They span what cameras do without imitating any of it, so that a model can be trained on them and tested on the rest,
or the other way round. Each adds a random difference to the picture, fixed by the stream, in proportion to its
strength; differences are made at 224 pixels of the shorter side and enlarged for a larger picture.

References: PRIME (Modas et al., ECCV 2022), AugMix (Hendrycks et al., ICLR 2020).

Public: `RandomFilter`, `RandomTone`, `RandomSpectrum`, `RandomMix`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_flag, check_number, check_range, fade_in, lerp, loglerp
from ..registry import register
from .byte_table import map_greys
from .contrast_kept import departure_borne
from .drift import Held, check_time_constant, drifts, smooth_paths
from .frames import frame_streams
from .geometry import ElasticWarp
from .grain import table_normals
from .light import grid_shape

_SIDE = 224
_TAPS = 5
_WAVES = 5
_BANDS = 9  # octaves of spatial frequency
_LOG_BAND_SPREAD = 0.7
_CHAINS = 3
_LONGEST_CHAIN = 2

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_GREY = np.arange(256)[:, None] / 255  # as a fraction of full scale


@register("image/random_filter", version=2)
@dataclass(frozen=True, slots=True)
class RandomFilter:
    """Convolve the picture with the unit impulse plus a random kernel of sum zero.

    The kernel has 5 × 5 taps, which stand apart, so that it acts on shapes as on textures; one of neighbouring pixels
    leaves shapes as they are. Its norm rises along `kernel_norm_range`; flat areas stay as they are. On a clip the
    kernel changes smoothly.
    Achieved: `kernel_norm`, the root of the sum of squares of the random kernel.
    Source: the spectral primitive of PRIME, Modas et al., ECCV 2022; Xu et al., "Robust and generalizable visual
    representation learning via random convolutions", ICLR 2021, on what the size of the kernel does; taps apart as in
    the algorithme à trous, Holschneider et al., in Wavelets, 1989.
    """

    kernel_norm_range: Range = (0.02, 10.0)
    """Norm of the random kernel beside an impulse of norm 1 (mild, extreme). Level moves along it in equal ratios,
    and below level .05 to nothing at 0."""
    taps_apart: float = 1 / 28
    """Distance from one tap to the next as a fraction of the picture's shorter side, a pixel at least; in [0, .25]."""
    time_constant_s: float | Held = 0.6
    """On a clip, seconds over which the kernel stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("kernel_norm_range", self.kernel_norm_range, 1e-5, 1e3)
        check_number("taps_apart", self.taps_apart, 0.0, 0.25)
        check_time_constant(self.time_constant_s)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, float]]:
        """Filter an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        norm = loglerp(self.kernel_norm_range, level) * fade_in(level)
        taps = smooth_paths(
            rng, _TAPS**2, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame
        )
        noisy = np.empty_like(frames)
        for frame, kernel, out in zip(frames, np.ascontiguousarray(taps.T), noisy, strict=True):
            kernel = kernel - kernel.mean()
            kernel = (norm / np.linalg.norm(kernel) * kernel).reshape(_TAPS, _TAPS)
            out[...] = _added(frame, _filtered(_coarse(frame), kernel, self.taps_apart))
        return noisy.reshape(image.shape), {"kernel_norm": norm}


@register("image/random_tone", version=3)
@dataclass(frozen=True, slots=True)
class RandomTone:
    """Bend the tone curve of each colour channel by a random sum of a few sines.

    The root mean square departure of the curves from the straight line rises along `departure_range`, in units of what
    the picture bears of these curves: where they are all but straight over the grey levels that it holds, they bend
    further. Black and white keep their places. Mild curves rise throughout, extreme ones fold the grey levels; beyond,
    they would only be steps between black and white. On a clip the curves change smoothly.
    Achieved: `departure`, as a fraction of full scale, over the curves before they are clipped at black and white, in
    the mean over all frames given.
    Source: the colour primitive of PRIME, Modas et al., ECCV 2022.
    """

    departure_range: Range = (0.02, 1.5)
    """Root mean square departure (mild, extreme) as a multiple of that up to which a frame keeps its local contrast,
    or of full scale. Level moves along it in equal ratios, and below level .05 to nothing at 0."""
    per_picture: bool = True
    """Whether it is a multiple of what each frame bears, .01 to 1.6 of full scale; else, of full scale."""
    common_share: float = 0.0
    """Share of the curves' variance that the channels have in common, in [0, 1]; at 0 each has a curve of its own."""
    time_constant_s: float | Held = 0.6
    """On a clip, seconds over which the curves stay much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("departure_range", self.departure_range, 1e-5, 100.0)
        check_flag("per_picture", self.per_picture)
        check_number("common_share", self.common_share, 0.0, 1.0)
        check_time_constant(self.time_constant_s)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, float]]:
        """Bend the tones of an image (H, W, C) or a clip (T, H, W, C), uint8."""
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        channels = frames.shape[3]
        strength = loglerp(self.departure_range, level) * fade_in(level)
        paths = smooth_paths(
            rng, 4 * _WAVES, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame
        )
        orders = np.arange(1, _WAVES + 1)
        waves = np.sin(np.pi * orders * _GREY)  # (256, waves)
        weights = np.ascontiguousarray(paths.T).reshape(-1, 4, _WAVES) / orders
        weights = math.sqrt(self.common_share) * weights[:, :1] + math.sqrt(1 - self.common_share) * weights[:, 1:]
        noisy = np.empty_like(frames)
        mean = 0.0
        for frame, of_channels, out in zip(frames, weights[:, :channels], noisy, strict=True):
            bend = waves @ of_channels.T
            size = math.sqrt(float((bend**2).mean()))
            departure = strength * departure_borne(frame, bend / size) if self.per_picture else strength
            bend *= departure / size
            curve = np.rint(255 * np.clip(_GREY + bend, 0, 1)).astype(np.uint8)
            map_greys(frame, curve, out)
            mean += departure / len(frames)
        return noisy.reshape(image.shape), {"departure": round(mean, 6)}


@register("image/random_spectrum")
@dataclass(frozen=True, slots=True)
class RandomSpectrum:
    """Multiply every Fourier coefficient of the picture by 1 plus a random complex number.

    The size of those numbers rises along `relative_error_range`; each octave of spatial frequency has a random share
    of it, and each colour channel another. The mean of the picture stays. The error has the spectrum of the picture
    and scrambled phases, so that it looks like the picture's own texture, spread out. On a clip it changes smoothly.
    Achieved: `relative_error`, the root mean square of the random numbers over octaves and channels.
    Source: the spectral primitive of PRIME, Modas et al., ECCV 2022, without its limit to small kernels; Chen et al.,
    "Amplitude-phase recombination", ICCV 2021, on what scrambled phases do to recognition.
    """

    relative_error_range: Range = (0.02, 12.0)
    """Root mean square relative error of a coefficient (mild, extreme). Level moves along it in equal ratios, and
    below level .05 to nothing at 0."""
    time_constant_s: float | Held = 0.6
    """On a clip, seconds over which the error stays much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("relative_error_range", self.relative_error_range, 1e-5, 1e3)
        check_time_constant(self.time_constant_s)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, float]]:
        """Perturb the spectrum of an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        frames = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
        rows, columns = grid_shape(frames.shape[1], frames.shape[2], _SIDE)
        padded = cv2.getOptimalDFTSize(rows), cv2.getOptimalDFTSize(columns)
        error = loglerp(self.relative_error_range, level) * fade_in(level)
        bands = np.exp(rng.normal(0, _LOG_BAND_SPREAD, _BANDS + 1))
        bands /= math.sqrt(float((bands**2).mean()))
        share = 1 + rng.normal(0, 0.6, 3)
        share = share / math.sqrt(float((share**2).mean())) if frames.shape[3] == 3 else np.ones(1)
        (turns,) = drifts(rng, 1, len(frames), fps=fps, time_constant_s=self.time_constant_s, first_frame=first_frame)
        gain = np.interp(np.arange(16 * _BANDS + 1) / 16, np.arange(_BANDS + 1), bands / math.sqrt(2))
        spread = gain.astype(np.float32).take(_octaves_of_packed(*padded))
        # Errors at right angles, between which the error turns; a still image knows only the first.
        factors = [
            table_normals(stream, padded[0] * padded[1]).reshape(padded) * spread
            for stream in frame_streams(rng, 2 if turns.any() else 1)
        ]
        noisy = np.empty_like(frames)
        for frame, turn, out in zip(frames, turns.tolist(), noisy, strict=True):
            factor = factors[0]
            if turn:
                factor = np.float32(math.cos(turn)) * factors[0] + np.float32(math.sin(turn)) * factors[1]
            small = _coarse(frame)
            grey = small if small.ndim == 2 or small.shape[2] == 1 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
            grey = grey.reshape(rows, columns).astype(np.float32)
            grey = cv2.copyMakeBorder(
                grey, 0, padded[0] - rows, 0, padded[1] - columns, cv2.BORDER_REFLECT_101
            ).reshape(padded)
            spectrum = cv2.dft(grey)
            spectrum[0, 0] = 0
            wrong = cv2.mulSpectrums(spectrum, factor, 0)
            texture = cv2.dft(wrong, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)[:rows, :columns]
            out[...] = _added(frame, cv2.merge([texture * np.float32(error * part) for part in share]))
        return noisy.reshape(image.shape), {"relative_error": error}


@register("image/random_mix")
@dataclass(frozen=True, slots=True)
class RandomMix:
    """Mix the picture with the average of three random chains of primitives.

    Each chain applies one or two of filter, tone curve, spectrum and elastic warp, with random strengths; filters are
    of neighbouring pixels, and tone curves partly the same in all channels, up to steps. The chains are averaged with
    random weights. The share of that average in the result rises along `share_range`; what it is mixed with is the
    clean picture. On a clip all of it changes smoothly.
    Achieved: `share`, and `chains`, the primitives by their first letters.
    Source: AugMix, Hendrycks et al., ICLR 2020, with the primitives of PRIME, Modas et al., ECCV 2022.
    """

    share_range: Range = (0.01, 1.0)
    """Share of the perturbed average in the result (mild, extreme); level moves along it linearly, and below level .05
    to nothing at 0."""
    strength_range: Range = (0.7, 1.0)
    """Levels of the primitives in a chain (least, greatest), whatever the level of the mixture."""
    time_constant_s: float | Held = 0.6
    """On a clip, seconds over which the primitives stay much the same, or "held"."""

    def __post_init__(self) -> None:
        check_range("share_range", self.share_range, 1e-4, 1.0)
        check_range("strength_range", self.strength_range, 0.01, 1.0)
        check_time_constant(self.time_constant_s)

    def __call__(
        self,
        image: npt.NDArray[np.uint8],
        level: float,
        rng: np.random.Generator,
        *,
        fps: float = 25.0,
        first_frame: int = 0,
    ) -> tuple[npt.NDArray[np.uint8], dict[str, float | str]]:
        """Perturb an image (H, W, C) or a clip (T, H, W, C), uint8."""
        cv2 = need("cv2", extra="image")
        clean = np.ascontiguousarray(image)
        share = lerp(self.share_range, level) * fade_in(level)
        weights = rng.dirichlet(np.ones(_CHAINS))
        choices = rng.integers(len(_PRIMITIVES), size=(_CHAINS, _LONGEST_CHAIN))
        lengths = rng.integers(1, _LONGEST_CHAIN, _CHAINS, endpoint=True)
        strengths = rng.uniform(*self.strength_range, (_CHAINS, _LONGEST_CHAIN))
        flat = clean.reshape(-1)
        target = flat * np.float32(1 - share)
        for chain in range(_CHAINS):
            perturbed = clean
            for choice, strength in zip(choices[chain, : lengths[chain]], strengths[chain], strict=False):
                primitive = _PRIMITIVES[choice](time_constant_s=self.time_constant_s)
                perturbed, _ = primitive(perturbed, float(strength), rng, fps=fps, first_frame=first_frame)
            target += perturbed.reshape(-1) * np.float32(share * weights[chain])
        noisy = cv2.convertScaleAbs(target).reshape(image.shape)
        names = " ".join(
            "".join("ftsw"[choice] for choice in chain[:length]) for chain, length in zip(choices, lengths, strict=True)
        )
        return noisy, {"share": share, "chains": names}


def _filtered(frame: npt.NDArray[np.uint8], kernel: Doubles, taps_apart: float) -> Floats:
    """A picture (H, W, C) correlated with a kernel whose taps stand apart, mirrored at the border."""
    cv2 = need("cv2", extra="image")
    height, width, channels = frame.shape
    apart = max(1, round(min(height, width) * taps_apart))
    margin = apart * (_TAPS // 2)
    rows, columns = (-(-side // apart) for side in (height, width))
    mirrored = cv2.copyMakeBorder(
        frame,
        margin,
        margin + rows * apart - height,
        margin,
        margin + columns * apart - width,
        cv2.BORDER_REFLECT_101,
    )
    # Pixels that stand `apart` from each other are neighbours in the picture of every such row and column.
    seen = rows + _TAPS - 1, columns + _TAPS - 1
    phases = mirrored.reshape(seen[0], apart, seen[1], apart * channels).transpose(1, 0, 2, 3)
    filtered = np.stack([cv2.filter2D(phase, cv2.CV_32F, kernel) for phase in np.ascontiguousarray(phases)])
    inner = slice(_TAPS // 2, -(_TAPS // 2))
    filtered = filtered.reshape(apart, *seen, apart * channels)[:, inner, inner]
    whole: Floats = filtered.transpose(1, 0, 2, 3).reshape(rows * apart, columns * apart, channels)
    return whole[:height, :width]


def _coarse(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture of at most 224 pixels of the shorter side."""
    cv2 = need("cv2", extra="image")
    rows, columns = grid_shape(frame.shape[0], frame.shape[1], _SIDE)
    if (rows, columns) == frame.shape[:2]:
        return frame
    small: npt.NDArray[np.uint8] = cv2.resize(frame, (columns, rows), interpolation=cv2.INTER_AREA)
    return small


def _added(frame: npt.NDArray[np.uint8], difference: Floats) -> npt.NDArray[np.uint8]:
    """A picture plus a difference that may be coarser than it, clipped at black and white."""
    cv2 = need("cv2", extra="image")
    height, width = frame.shape[:2]
    if difference.shape[:2] != (height, width):
        difference = cv2.resize(difference, (width, height), interpolation=cv2.INTER_LINEAR)
    total = difference.reshape(frame.shape) + frame
    np.clip(total, 0, 255, out=total)
    total += np.float32(0.5)
    return total.astype(np.uint8)


@lru_cache(maxsize=8)
def _octaves_of_packed(rows: int, columns: int) -> npt.NDArray[np.intp]:
    """Spatial frequency of each number in OpenCV's packed real spectrum, in 1/16 octaves from 1/512 a pixel.

    Columns 2k − 1 and 2k hold the real and imaginary parts of horizontal frequency k; in the first column, and in the
    last one where their number is even, rows do so for the vertical frequency.
    """
    across = ((np.arange(columns) + 1) // 2)[None].repeat(rows, 0) / columns
    down = np.minimum(np.arange(rows), rows - np.arange(rows))[:, None].repeat(columns, 1) / rows
    packed_down = ((np.arange(rows) + 1) // 2) / rows
    down[:, 0] = packed_down
    if columns % 2 == 0:
        down[:, -1] = packed_down
    frequency = np.maximum(np.hypot(across, down) * 2**_BANDS, 1)
    octaves: npt.NDArray[np.intp] = np.minimum(np.rint(16 * np.log2(frequency)), 16 * _BANDS).astype(np.intp)
    octaves.setflags(write=False)
    return octaves


_PRIMITIVES = (
    partial(RandomFilter, kernel_norm_range=(0.02, 40.0), taps_apart=0.0),
    partial(RandomTone, departure_range=(0.004, 4.0), per_picture=False, common_share=0.4),
    RandomSpectrum,
    ElasticWarp,
)
