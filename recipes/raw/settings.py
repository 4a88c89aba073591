"""Settings of the raw path; each recipe's defaults stand in its file under configs/, with what each means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from noise_scheduler import NoiseScheduler
from recipes.raw.methods import methods
from recipes.raw.protocols import ProtocolSettings
from recipes.trainer import TrainerSettings

MODALITIES = ("audio", "video", "text")


@dataclass(frozen=True)
class DataSettings:
    folds: str
    frames: int
    frame_size: int

    def __post_init__(self) -> None:
        _at_least(self, frames=1, frame_size=32)


@dataclass(frozen=True)
class RunSettings:
    seeds: tuple[int, ...]
    test_folds: tuple[int, ...]

    def __post_init__(self) -> None:
        for name, values in (("seeds", self.seeds), ("test_folds", self.test_folds)):
            if not values or len(set(values)) < len(values) or min(values) < 0:
                raise ValueError(f"{name} must be distinct and ≥ 0, not {list(values)}")


@dataclass(frozen=True)
class EncoderSettings:
    shared: bool
    clean_epochs: int
    noisy_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    ema_decay: float = 0.0

    def __post_init__(self) -> None:
        _at_least(self, clean_epochs=1, noisy_epochs=1, batch_size=1)
        _decay(self.ema_decay)


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
    level: float

    def __post_init__(self) -> None:
        _at_least(self, epochs=1, batch_size=1)
        _decay(self.ema_decay)


@dataclass(frozen=True)
class FinetuneSettings:
    epochs: int
    batch_size: int
    learning_rate: float
    loader_workers: int
    ema_decay: float = 0.0

    def __post_init__(self) -> None:
        _at_least(self, epochs=0, batch_size=1, loader_workers=0)
        _decay(self.ema_decay)


@dataclass(frozen=True)
class EvaluationSettings:
    views: int
    noisy_levels: tuple[float, ...]
    curve_levels: tuple[float, ...]
    curves: Literal["trained", "all"] = "trained"
    """Curves of the noises that are trained on and held out, or of all that are registered."""

    def __post_init__(self) -> None:
        _at_least(self, views=1)
        if len(self.noisy_levels) != 2 or not 0 < self.noisy_levels[0] <= self.noisy_levels[1] <= 1:
            raise ValueError(f"noisy_levels must be two rising levels in (0, 1], not {list(self.noisy_levels)}")
        if not self.curve_levels or sorted(set(self.curve_levels)) != list(self.curve_levels):
            raise ValueError(f"curve_levels must be rising levels in (0, 1], not {list(self.curve_levels)}")
        if not 0 < self.curve_levels[0] <= self.curve_levels[-1] <= 1:
            raise ValueError(f"curve_levels must be rising levels in (0, 1], not {list(self.curve_levels)}")


@dataclass(frozen=True)
class RawSettings:
    methods: tuple[str, ...]
    protocol: ProtocolSettings
    data: DataSettings
    run: RunSettings
    noise: dict[str, Any]
    encoder: EncoderSettings
    bank: BankSettings
    fusion: FusionSettings
    finetune: FinetuneSettings
    evaluation: EvaluationSettings
    broad: dict[str, Any] = field(default_factory=dict)
    """Noise that the methods with broad encoders are trained on, of the form of `noise`; empty for none."""
    held_out: dict[str, Any] = field(default_factory=dict)
    """Modality → noises that are judged by and never trained on; empty for none."""
    trainer: TrainerSettings = field(default_factory=TrainerSettings)
    """Machine of the networks on raw data; fusions on banks are trained on the CPU."""

    def __post_init__(self) -> None:
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise ValueError(f"methods must be distinct, and one at least, not {list(self.methods)}")
        self.scheduler(seed=0, total_steps=1)
        if "broad" in self.kinds:
            if not self.broad:
                raise ValueError("a method has broad encoders, so the table broad is needed")
            self.scheduler("broad", seed=0, total_steps=1)
        if self.held_out:
            _all_modalities(self.held_out, "held_out")
        if self.finetune.epochs and "nmer" not in self.methods:
            raise ValueError("finetune.epochs: the method nmer is what is fine-tuned; add it to methods, or set 0")
        if self.finetune.batch_size % self.trainer.devices:
            raise ValueError(
                f"finetune.batch_size = {self.finetune.batch_size} must be a multiple of trainer.devices = "
                f"{self.trainer.devices}"
            )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The encoders that are trained: on clean data, under `noise` and, where a method has them, under `broad`."""
        broad = any(method.encoders == "broad" for method in methods(self.methods))
        return ("clean", "noisy", *(["broad"] if broad else []))

    def scheduler(self, kind: str = "noisy", *, seed: int, total_steps: int) -> NoiseScheduler:
        """The noise that encoders of a kind are trained on, over a training of `total_steps` steps."""
        table, name = (self.broad, "broad") if kind == "broad" else (self.noise, "noise")
        try:
            scheduler = NoiseScheduler.from_dict(table | {"seed": seed, "total_steps": total_steps})
        except (KeyError, TypeError) as error:
            raise ValueError(f"{name}: {error.args[0]}") from error
        _all_modalities(scheduler.noises, f"{name}.noises")
        return scheduler


def _all_modalities(noises: Mapping[str, Any], name: str) -> None:
    if set(noises) != set(MODALITIES):
        raise ValueError(f"{name} needs the tables {', '.join(MODALITIES)}, not {', '.join(noises)}")


def _decay(value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"ema_decay must be in [0, 1), not {value}")


def _at_least(settings: Any, **least: int) -> None:
    for name, bound in least.items():
        if getattr(settings, name) < bound:
            raise ValueError(f"{name} must be ≥ {bound}, not {getattr(settings, name)}")
