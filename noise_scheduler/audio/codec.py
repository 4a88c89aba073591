"""Audio codecs at low bit rates, run for real through FFmpeg (PyAV): MP3, AAC, Opus and AMR-NB.

Every channel is coded for itself, as one stream in mono, so bit rates are those of a channel. The wave is brought to a
sampling rate that the codec takes and, as encoders do, to a lower one where the bit rate no longer pays for its band;
what comes back has the wave's own rate, level, length and timing, the delay of the codec being taken away. Waves that
exceed full scale are scaled down to be coded. Over the lowest twentieth of the levels the result is mixed with the wave
as it was.

The same FFmpeg gives the same bits; other builds of it, and other processors, may not, since coders choose
instructions by the processor and change between versions. The record names the version under `library`.

Public: `Mp3`, registered as ``audio/mp3``; `Aac`, registered as ``audio/aac``; `Opus`, registered as ``audio/opus``;
`AmrNb`, registered as ``audio/amr_nb``.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..extras import need
from ..path import Range, check_range, loglerp
from ..registry import register
from .amplitude import faded_in, peak_of
from .resampling import resampled

Wave = npt.NDArray[np.float32]

_MP3_KBPS = tuple(float(kbps) for kbps in range(8, 65, 8))  # those that all three versions of MPEG audio share
_AMR_NB_KBPS = (4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2, 12.2)


@dataclass(frozen=True, slots=True)
class _Codec:
    """A coder and its decoder, by FFmpeg's names, and what they are like."""

    encoder: str
    decoder: str
    rates_hz: tuple[int, ...]
    """Sampling rates that it takes, rising."""
    sample_format: str
    delay: int = 0
    """Samples by which the decoder's output is late, beyond what it drops by itself."""
    least_bits_per_sample: float = 0.0
    """Below it a lower sampling rate is used."""
    options: tuple[tuple[str, str], ...] = ()
    """Private options of the coder."""
    decoded_hz: int | None = None
    """Sampling rate of the decoder's output, where it is not that of the coder's input."""


_MP3 = _Codec(
    "libmp3lame",
    "mp3float",
    (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "fltp",
    least_bits_per_sample=1.0,
    options=(("compression_level", "7"),),
)
_AAC = _Codec(
    "aac",
    "aac",
    (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "fltp",
    delay=1024,
    least_bits_per_sample=1.0,
    options=(("aac_coder", "fast"),),
)
_OPUS = _Codec(
    "libopus",
    "opus",
    (8000, 12000, 16000, 24000, 48000),
    "flt",
    options=(("vbr", "off"), ("application", "voip"), ("compression_level", "1")),
    decoded_hz=48000,
)
_AMR_NB = _Codec("libopencore_amrnb", "amrnb", (8000,), "s16", delay=40)


@register("audio/mp3", stage="channel")
@dataclass(frozen=True, slots=True)
class Mp3:
    """Code the wave as MP3 at a constant bit rate and decode it again: warbling, smeared attacks, a lower band.

    The bit rate falls along `bit_rate_kbps_range`. It is a multiple of 8 kbit/s; between two of them one is drawn, with
    odds that make the mean exact. Below 1 bit per sample the sampling rate falls, too.

    Achieved: `bit_rate_kbps`, `coded_hz` (sampling rate at which it was coded), `library`.

    Source: ISO/IEC 11172-3 and 13818-3, layer III, with the extension to low sampling rates; LAME, quality 7.
    """

    bit_rate_kbps_range: Range = (64.0, 8.0)
    """Bit rate in kbit/s for a channel (mild, extreme), in [8, 64]; level moves along it in equal ratios."""

    def __post_init__(self) -> None:
        check_range("bit_rate_kbps_range", self.bit_rate_kbps_range, 8.0, 64.0, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float | str]]:
        kbps = _drawn(_MP3_KBPS, loglerp(self.bit_rate_kbps_range, level), rng)
        return _coded(wave, _MP3, kbps, level, sample_rate)


@register("audio/aac", stage="channel")
@dataclass(frozen=True, slots=True)
class Aac:
    """Code the wave as AAC-LC and decode it again: a lower band, holes in the spectrum that come and go.

    The bit rate falls along `bit_rate_kbps_range`. Below 1 bit per sample the sampling rate falls, too.

    Achieved: `bit_rate_kbps` (the coder keeps to the wanted one within some per cent), `coded_hz` (sampling rate at
    which it was coded), `library`.

    Source: ISO/IEC 14496-3, low complexity; FFmpeg's coder, fast search.
    """

    bit_rate_kbps_range: Range = (96.0, 8.0)
    """Bit rate in kbit/s for a channel (mild, extreme), in [8, 256]; level moves along it in equal ratios."""

    def __post_init__(self) -> None:
        check_range("bit_rate_kbps_range", self.bit_rate_kbps_range, 8.0, 256.0, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float | str]]:
        return _coded(wave, _AAC, loglerp(self.bit_rate_kbps_range, level), level, sample_rate)


@register("audio/opus", stage="channel")
@dataclass(frozen=True, slots=True)
class Opus:
    """Code the wave as Opus at a constant bit rate and decode it again, as calls on the web do.

    The bit rate falls along `bit_rate_kbps_range`; with it the coder itself narrows the band.

    Achieved: `bit_rate_kbps`, `coded_hz` (sampling rate of the coder's input), `library`.

    Source: RFC 6716; libopus for speech (VoIP), packets of 20 ms, complexity 1.
    """

    keeps_waveform: ClassVar[bool] = False

    bit_rate_kbps_range: Range = (64.0, 3.0)
    """Bit rate in kbit/s for a channel (mild, extreme), in [3, 256]; level moves along it in equal ratios. Opus is
    specified from 6 kbit/s up; libopus goes lower."""

    def __post_init__(self) -> None:
        check_range("bit_rate_kbps_range", self.bit_rate_kbps_range, 3.0, 256.0, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float | str]]:
        return _coded(wave, _OPUS, loglerp(self.bit_rate_kbps_range, level), level, sample_rate)


@register("audio/amr_nb", stage="channel")
@dataclass(frozen=True, slots=True)
class AmrNb:
    """Code the wave as AMR narrowband and decode it again, as mobile telephones do: 8 kHz, a model of the voice.

    The bit rate falls along `bit_rate_kbps_range`. It is one of the codec's eight; between two of them one is drawn,
    with odds that make the mean exact.

    Achieved: `bit_rate_kbps`, `coded_hz` (always 8000), `library`.

    Source: 3GPP TS 26.071 and 26.090; OpenCORE's coder.
    """

    keeps_waveform: ClassVar[bool] = False

    bit_rate_kbps_range: Range = (12.2, 4.75)
    """Bit rate in kbit/s for a channel (mild, extreme), in [4.75, 12.2]; level moves along it in equal ratios."""

    def __post_init__(self) -> None:
        check_range("bit_rate_kbps_range", self.bit_rate_kbps_range, 4.75, 12.2, falling=True)

    def __call__(
        self, wave: Wave, level: float, rng: np.random.Generator, *, sample_rate: float
    ) -> tuple[Wave, dict[str, float | str]]:
        kbps = _drawn(_AMR_NB_KBPS, loglerp(self.bit_rate_kbps_range, level), rng)
        return _coded(wave, _AMR_NB, kbps, level, sample_rate)


def _coded(
    wave: Wave, codec: _Codec, kbps: float, level: float, sample_rate: float
) -> tuple[Wave, dict[str, float | str]]:
    """The wave after coding and decoding, and what was achieved."""
    av = need("av", extra="audio")
    coded_hz = _coding_rate(codec, kbps, sample_rate)
    decoded_hz = codec.decoded_hz or coded_hz
    peak = max(1.0, peak_of(wave))
    narrow = resampled(wave / np.float32(peak), sample_rate, coded_hz)
    noisy = np.empty_like(wave)
    bits_per_s = 0.0
    channels = noisy.reshape(-1, noisy.shape[-1])
    for out, channel in zip(channels, narrow.reshape(-1, narrow.shape[-1]), strict=True):
        decoded, rate = _transcoded(channel, codec, coded_hz, kbps)
        decoded = resampled(decoded[codec.delay :], decoded_hz, sample_rate)[: len(out)]
        out[: len(decoded)] = decoded
        out[len(decoded) :] = 0
        bits_per_s += rate / len(channels)
    noisy *= np.float32(peak)
    noisy = faded_in(wave, noisy, level)
    library = "libavcodec " + ".".join(map(str, av.library_versions["libavcodec"]))
    return noisy, {"bit_rate_kbps": bits_per_s / 1000, "coded_hz": float(coded_hz), "library": library}


def _transcoded(channel: Wave, codec: _Codec, rate_hz: int, kbps: float) -> tuple[Wave, float]:
    """One channel after coding and decoding, at the decoder's rate, and the bits per second of its packets."""
    av = need("av", extra="audio")
    encoder = _context(codec.encoder, "w")
    encoder.sample_rate, encoder.format, encoder.layout = rate_hz, codec.sample_format, "mono"
    encoder.bit_rate = round(1000 * kbps)
    encoder.options = dict(codec.options)
    samples = np.pad(channel, (0, codec.delay))[None]
    if codec.sample_format == "s16":
        samples = np.rint(samples * np.float32(2**15 - 1)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples, codec.sample_format, "mono")
    frame.sample_rate, frame.pts = rate_hz, 0
    packets = encoder.encode(frame) + encoder.encode(None)
    decoder = _context(codec.decoder, "r")
    decoder.sample_rate, decoder.layout = codec.decoded_hz or rate_hz, "mono"
    if encoder.extradata:
        decoder.extradata = encoder.extradata
    pieces = [piece.to_ndarray()[0] for packet in packets for piece in decoder.decode(packet)]
    pieces += [piece.to_ndarray()[0] for piece in decoder.decode(None)]
    coded_s = len(packets) * encoder.frame_size / rate_hz
    return np.concatenate(pieces), 8 * sum(packet.size for packet in packets) / coded_s


def _context(name: str, mode: str) -> Any:
    av = need("av", extra="audio")
    try:
        context = av.CodecContext.create(name, mode)
    except av.codec.codec.UnknownCodecError as error:
        raise ValueError(
            f"this FFmpeg (PyAV {av.__version__}) was built without {name!r}; "
            "install the wheel of PyAV from PyPI (pip install --force-reinstall --only-binary av av), which has it"
        ) from error
    context.thread_count = 1
    return context


def _coding_rate(codec: _Codec, kbps: float, sample_rate: float) -> int:
    """The lowest rate that loses nothing of the wave, or the highest that the bit rate pays for."""
    rates = codec.rates_hz
    whole = rates[min(bisect(rates, sample_rate - 1), len(rates) - 1)]
    if not codec.least_bits_per_sample:
        return whole
    affordable = rates[max(bisect(rates, 1000 * kbps / codec.least_bits_per_sample) - 1, 0)]
    return min(whole, affordable)


def _drawn(ladder: tuple[float, ...], kbps: float, rng: np.random.Generator) -> float:
    """One of the two bit rates of a ladder between which `kbps` lies, with odds that make the mean exact."""
    above = min(bisect(ladder, kbps), len(ladder) - 1)
    low, high = ladder[above - 1], ladder[above]
    return high if rng.random() < (kbps - low) / (high - low) else low
