"""Settings of `recipes.iemocap`; the defaults stand in configs/iemocap.toml with what each means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from noise_scheduler import NoiseScheduler

MODALITIES = ("audio", "video", "text")


@dataclass(frozen=True)
class DataSettings:
    folds: Literal["session", "speaker"]
    frames: int
    frame_size: int

    def __post_init__(self) -> None:
        _at_least(self, frames=1, frame_size=32)


@dataclass(frozen=True)
class RunSettings:
    seeds: tuple[int, ...]
    test_folds: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds must be distinct and ≥ 0, not {list(self.seeds)}")
        if len(self.test_folds) != len(self.seeds):
            raise ValueError(f"give one of test_folds per seed: {len(self.seeds)} seeds, {len(self.test_folds)} folds")


@dataclass(frozen=True)
class EncoderSettings:
    clean_epochs: int
    noisy_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float

    def __post_init__(self) -> None:
        _at_least(self, clean_epochs=1, noisy_epochs=1, batch_size=1)


@dataclass(frozen=True)
class BankSettings:
    views: int

    def __post_init__(self) -> None:
        _at_least(self, views=1)


@dataclass(frozen=True)
class FusionSettings:
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    ema_decay: float
    consistency: float

    def __post_init__(self) -> None:
        _at_least(self, epochs=1, batch_size=1)
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be in [0, 1), not {self.ema_decay}")


@dataclass(frozen=True)
class FinetuneSettings:
    epochs: int
    batch_size: int
    learning_rate: float
    loader_workers: int

    def __post_init__(self) -> None:
        _at_least(self, epochs=0, batch_size=1, loader_workers=0)


@dataclass(frozen=True)
class EvaluationSettings:
    views: int
    noisy_levels: tuple[float, ...]
    curve_levels: tuple[float, ...]

    def __post_init__(self) -> None:
        _at_least(self, views=1)
        if len(self.noisy_levels) != 2 or not 0 < self.noisy_levels[0] <= self.noisy_levels[1] <= 1:
            raise ValueError(f"noisy_levels must be two rising levels in (0, 1], not {list(self.noisy_levels)}")
        if not self.curve_levels or sorted(set(self.curve_levels)) != list(self.curve_levels):
            raise ValueError(f"curve_levels must be rising levels in (0, 1], not {list(self.curve_levels)}")
        if not 0 < self.curve_levels[0] <= self.curve_levels[-1] <= 1:
            raise ValueError(f"curve_levels must be rising levels in (0, 1], not {list(self.curve_levels)}")


@dataclass(frozen=True)
class IemocapSettings:
    data: DataSettings
    run: RunSettings
    noise: dict[str, Any]
    encoder: EncoderSettings
    bank: BankSettings
    fusion: FusionSettings
    finetune: FinetuneSettings
    evaluation: EvaluationSettings

    def __post_init__(self) -> None:
        scheduler = self.scheduler(seed=0, total_steps=1)
        if set(scheduler.noises) != set(MODALITIES):
            raise ValueError(
                f"noise.noises needs the tables {', '.join(MODALITIES)}, not {', '.join(scheduler.noises)}"
            )

    def scheduler(self, *, seed: int, total_steps: int) -> NoiseScheduler:
        """The noise that is trained on, over a training of `total_steps` steps."""
        try:
            return NoiseScheduler.from_dict(self.noise | {"seed": seed, "total_steps": total_steps})
        except (KeyError, TypeError) as error:
            raise ValueError(f"noise: {error.args[0]}") from error


def _at_least(settings: Any, **least: int) -> None:
    for name, bound in least.items():
        if getattr(settings, name) < bound:
            raise ValueError(f"{name} must be ≥ {bound}, not {getattr(settings, name)}")
