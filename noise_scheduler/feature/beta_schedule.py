"""The feature-level noise of the noise-robust emotion recogniser NMER: the forward process of a diffusion model.

A sequence x₀ becomes xₜ = √ᾱₜ x₀ + √(1 − ᾱₜ) ε after t of T steps, where ᾱₜ = ∏ₛ₌₁…ₜ (1 − βₛ) and β rises
from its first value to its last over the T steps. ε is standard normal, or impulses of ±1.

Public: `BetaSchedule`, registered as ``feature/beta_schedule``; `log_alpha_bars`.

References:
    Fan et al., "Learning noise-robust joint representation for multimodal emotion recognition under incomplete
    data scenarios", arXiv 2311.16114, and its released code (β from .01 to .5, "scaled linear", T = 20 … 100).
    Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", NeurIPS 2020, eq. 4.
    Rombach et al., "High-resolution image synthesis with latent diffusion models", CVPR 2022 (scaled linear).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..path import check_range
from ..registry import register

_SPACINGS = ("linear", "scaled_linear")
_NOISE_TYPES = ("gaussian", "impulse")


@register("feature/beta_schedule")
@dataclass(frozen=True, slots=True)
class BetaSchedule:
    """Diffuse features towards pure noise, as the noise scheduler of NMER does.

    Level 0 is clean and level 1 is t = T steps of the schedule: with the defaults nothing of the features is
    left there. Between whole steps ln ᾱ is interpolated. The noise has unit size, as the paper assumes
    standardised features; a dimension of another scale is hit harder or more softly in proportion.

    Two departures from the released code: every entry has its own draw for every sample (there, one t per batch
    and one unseeded draw), and impulses hit the share that the parameter says (there, the rest).

    Source: Fan et al., arXiv 2311.16114.
    """

    steps: int = 100
    """T, the number of steps over which β rises; the paper varies it over 20, 40, 60, 80, 100."""
    beta_range: tuple[float, float] = (0.01, 0.5)
    """β of the first and of the last step, each in [1e-6, .999]."""
    spacing: str = "scaled_linear"
    """How β rises: "linear", or "scaled_linear" (√β rises linearly, as in the released code)."""
    noise_type: str = "gaussian"
    """ε: "gaussian" (standard normal), or "impulse" (±1 in `impulse_share` of the entries, 0 elsewhere)."""
    impulse_share: float = 0.7
    """Share of the entries hit by an impulse, in (0, 1]; used by noise_type "impulse" only."""

    def __post_init__(self) -> None:
        if not isinstance(self.steps, int) or isinstance(self.steps, bool) or self.steps < 1:
            raise ValueError(f"steps must be a whole number of at least 1, not {self.steps!r}")
        check_range("beta_range", self.beta_range, 1e-6, 0.999)
        if self.spacing not in _SPACINGS:
            raise ValueError(f"spacing must be one of {', '.join(_SPACINGS)}, not {self.spacing!r}")
        if self.noise_type not in _NOISE_TYPES:
            raise ValueError(f"noise_type must be one of {', '.join(_NOISE_TYPES)}, not {self.noise_type!r}")
        if not 0 < self.impulse_share <= 1:
            raise ValueError(f"impulse_share must be in (0, 1], not {self.impulse_share!r}")

    def __call__(
        self, x: npt.NDArray[np.float32], level: float, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], dict[str, float]]:
        t = level * self.steps
        alpha_bar = math.exp(_at(t, log_alpha_bars(self.steps, self.beta_range, self.spacing)))
        noisy = self._epsilon(x.shape, rng)
        noisy *= np.float32(math.sqrt(1 - alpha_bar))
        noisy += np.float32(math.sqrt(alpha_bar)) * x
        return noisy, {"diffusion_steps": t, "alpha_bar": alpha_bar}

    def _epsilon(self, shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float32]:
        if self.noise_type == "gaussian":
            return rng.standard_normal(shape, dtype=np.float32)
        # One uniform draw decides both: below the share it is a hit, and the half it falls in is the sign.
        draw = rng.random(shape)
        epsilon = (draw < self.impulse_share).astype(np.float32)
        epsilon[draw < self.impulse_share / 2] = -1
        return epsilon


@lru_cache(maxsize=64)
def log_alpha_bars(steps: int, beta_range: tuple[float, float], spacing: str) -> tuple[float, ...]:
    """ln ᾱ after 0, 1, …, `steps` steps of a β schedule: `steps` + 1 numbers falling from 0."""
    if spacing == "linear":
        betas = np.linspace(beta_range[0], beta_range[1], steps)
    else:
        betas = np.linspace(math.sqrt(beta_range[0]), math.sqrt(beta_range[1]), steps) ** 2
    return (0.0, *np.cumsum(np.log1p(-betas)).tolist())


def _at(t: float, table: tuple[float, ...]) -> float:
    """The table at `t`, on a straight line between its whole places."""
    whole = min(int(t), len(table) - 2)
    return table[whole] + (table[whole + 1] - table[whole]) * (t - whole)
