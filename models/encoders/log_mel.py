"""Log-mel energies of padded waves, and the same above the noise floor.

16 kHz, windows of 25 ms every 10 ms, HTK mel scale. Frame t covers the samples [160 t, 160 t + 400), without
centring or reflection, so that a frame never sees padding: a wave of n >= 400 samples has 1 + (n - 400) // 160
frames, a shorter one that is not empty has one.

The values are those of `torchaudio.transforms.MelSpectrogram` (tested). Our own because torchaudio cannot be imported
beside every build of torch, its window lies in the middle of the FFT's span, which costs an utterance its ends, and it
is not faster.

Public: `SAMPLE_RATE_HZ`, `hz_to_mel`, `mel_to_hz`, `mel_filters`, `frame_count`, `LogMel`.
References: HTK book 5.4 (mel scale and triangles); Berouti, Schwartz and Makhoul, ICASSP 1979 (spectral
subtraction with over-subtraction and a floor).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.encoders.pooling import length_mask

SAMPLE_RATE_HZ = 16_000
_WINDOW = 400
_HOP = 160
_FFT = 512
_ROWS_AT_ONCE = 8
# On real speech with white and low-passed noise at 20, 10 and 0 dB, these two move the statistics of the second
# half by 0.05, 0.3 and 1.0 clean standard deviations; without them it is 1.1, 1.5 and 1.9.
_OVERSUBTRACTION = 3.0  # the 20th percentile of a noise periodogram is about a quarter of its mean
_RANGE = 1e-3  # 30 dB below the loudest band and frame
_LOG_SHIFT, _LOG_SCALE = 8.0, 4.0
_POWER_FLOOR = 1e-8  # -80 dB: below 16-bit dither of quiet recordings, so that digital silence is no cue


def hz_to_mel(frequency_hz: Tensor) -> Tensor:
    """HTK mel: 2595 log10(1 + f / 700)."""
    return 2595.0 * torch.log10(1.0 + frequency_hz / 700.0)


def mel_to_hz(mel: Tensor) -> Tensor:
    """The inverse of `hz_to_mel`."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def mel_filters(bands: int, low_hz: float, high_hz: float) -> Tensor:
    """(257, bands) float32 triangles, peak 1 at the band's centre, zero at its neighbours' centres.

    Raises ValueError when the range is not inside (0, 8000] Hz or so narrow that a band holds no FFT bin.
    """
    if not 0 <= low_hz < high_hz <= SAMPLE_RATE_HZ / 2:
        raise ValueError(f"mel range must satisfy 0 <= low < high <= 8000 Hz, got {low_hz} and {high_hz}")
    ends = hz_to_mel(torch.tensor([low_hz, high_hz], dtype=torch.float64))
    edges_hz = mel_to_hz(torch.linspace(float(ends[0]), float(ends[1]), bands + 2, dtype=torch.float64))
    bins_hz = torch.linspace(0, SAMPLE_RATE_HZ / 2, _FFT // 2 + 1, dtype=torch.float64)[:, None]
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising, falling = (bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre)
    filters = torch.minimum(rising, falling).clamp(min=0)
    empty = (filters.amax(dim=0) <= 0).nonzero().flatten().tolist()
    if empty:
        raise ValueError(f"mel bands {empty} hold no FFT bin: use fewer bands than {bands} or a wider range")
    return filters.float()


def frame_count(length: Tensor) -> Tensor:
    """(B,) int64 frames of waves of `length` (B,) samples; 0 for an empty wave."""
    return torch.where(length > 0, 1 + (length - _WINDOW).clamp(min=0) // _HOP, 0)


class LogMel(nn.Module):
    """Log-mel energies, scaled to about unit range, and the same after subtracting the noise floor.

    The first half keeps loudness and noise floor as they are. In the second stationary noise is taken out: per
    band three times the 20th percentile over time is subtracted from the power, and what is more than 30 dB
    below the utterance's peak is raised to that. No parameters, no gradient.
    """

    def __init__(self, bands: int = 64, *, low_hz: float = 60.0, high_hz: float = 7600.0) -> None:
        super().__init__()
        self.bands = bands
        self.filters: Tensor
        self.window: Tensor
        self.register_buffer("filters", mel_filters(bands, low_hz, high_hz), persistent=False)
        # Zeros after the window, not around it, so that frame t starts at sample 160 t.
        window = nn.functional.pad(torch.hann_window(_WINDOW), (0, _FFT - _WINDOW))
        self.register_buffer("window", window / window.square().sum().sqrt(), persistent=False)

    @torch.no_grad()
    def power(self, wave: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Mel power (B, T, bands) and mask of valid frames (B, T) of waves (B, N) with `length` (B,) samples.

        The window has unit energy: white noise of variance v gives v in every FFT bin on average.
        """
        frames = max(1, int(frame_count(torch.tensor(wave.shape[1]))))
        wave = wave.masked_fill(~length_mask(length, wave.shape[1]), 0)
        wave = nn.functional.pad(wave, (0, (frames - 1) * _HOP + _FFT - wave.shape[1]))
        # A few rows at a time: the spectra of a whole batch fall out of the cache and take half as long again.
        power = torch.cat([self._mel_power(rows) for rows in torch.split(wave, _ROWS_AT_ONCE)])
        return power, length_mask(frame_count(length), frames)

    @torch.no_grad()
    def forward(self, wave: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, T, 2 * bands), zero on padding, and the mask of valid frames (B, T)."""
        power, mask = self.power(wave, length)
        floor = _low_percentile(power, mask)
        above = (power - _OVERSUBTRACTION * floor.unsqueeze(1)).clamp(min=0)
        peak = power.masked_fill(~mask.unsqueeze(2), 0).amax(dim=(1, 2), keepdim=True)
        above = above + (peak * _RANGE).clamp(min=_POWER_FLOOR)
        features = torch.cat([power + _POWER_FLOOR, above], dim=2).log_()
        # Fixed constants, not statistics of the utterance: speech comes to about zero mean and unit deviation.
        return features.add_(_LOG_SHIFT).div_(_LOG_SCALE).masked_fill_(~mask.unsqueeze(2), 0), mask

    def _mel_power(self, wave: Tensor) -> Tensor:
        spectrum = torch.stft(
            wave, _FFT, _HOP, _FFT, window=self.window, center=False, onesided=True, return_complex=True
        )
        energy = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        return energy.transpose(1, 2) @ self.filters


def _low_percentile(power: Tensor, mask: Tensor) -> Tensor:
    """(B, bands): per band the 20th percentile of the valid frames' power, from every fourth frame for speed."""
    power, mask = power[:, ::4], mask[:, ::4]
    ordered = power.masked_fill(~mask.unsqueeze(2), torch.inf).transpose(1, 2).contiguous().sort(dim=2).values
    index = (mask.sum(dim=1) - 1).clamp(min=0) // 5
    floor = ordered.gather(2, index[:, None, None].expand(-1, power.shape[2], 1)).squeeze(2)
    return floor.masked_fill(torch.isinf(floor), 0)
