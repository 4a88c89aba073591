"""Settings of the path of released features; the files under configs/ say what each means.

Public: `ReleasedSettings` and its tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.catalogue import unknown
from models.fusion import FUSIONS
from noise_scheduler import NoiseScheduler
from recipes.corpora.features import MODALITIES
from recipes.raw.methods import Method
from recipes.raw.methods import methods as methods_of
from recipes.raw.protocols import unequal_rate
from recipes.raw.settings import RunSettings

NOISE_TYPES = ("gaussian", "impulse")


@dataclass(frozen=True)
class ProtocolSettings:
    name: str


@dataclass(frozen=True)
class DataSettings:
    standardise: bool


@dataclass(frozen=True)
class TrainingSettings:
    epochs: int
    decay_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    betas: tuple[float, ...]
    class_weights: bool

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.decay_epochs < 0 or self.batch_size < 1:
            raise ValueError("epochs and batch_size must be ≥ 1, decay_epochs ≥ 0")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be two numbers in [0, 1), not {list(self.betas)}")


@dataclass(frozen=True)
class TeacherLossSettings:
    unimodal: float
    invariance: float

    def __post_init__(self) -> None:
        if min(self.unimodal, self.invariance) < 0:
            raise ValueError(f"weights must be ≥ 0, not {self.unimodal} and {self.invariance}")


@dataclass(frozen=True)
class EvaluationSettings:
    steps: tuple[int, ...] = ()
    noise_types: tuple[str, ...] = NOISE_TYPES
    missing: bool = True
    missing_rates: tuple[float, ...] = ()
    unequal_rates: tuple[dict[str, Any], ...] = ()
    loss_rates: tuple[float, ...] = ()
    shuffled_truncated_test: bool = False

    def __post_init__(self) -> None:
        if len(set(self.steps)) < len(self.steps) or any(steps < 1 for steps in self.steps):
            raise ValueError(f"steps must be distinct and ≥ 1, not {list(self.steps)}")
        if not self.noise_types or not set(self.noise_types) <= set(NOISE_TYPES):
            raise ValueError(f"noise_types must be of {', '.join(NOISE_TYPES)}, not {list(self.noise_types)}")
        for name in ("missing_rates", "loss_rates"):
            rates = getattr(self, name)
            if sorted(set(rates)) != list(rates) or any(not 0 <= rate <= 1 for rate in rates):
                raise ValueError(f"{name} must be rising rates in [0, 1], not {list(rates)}")
        for rates in self.unequal_rates:
            unequal_rate(rates)  # raises where they cannot be met
        if not (self.steps or self.missing or self.missing_rates or self.unequal_rates or self.loss_rates):
            raise ValueError("nothing to judge by: give steps, missing, missing_rates, unequal_rates or loss_rates")


@dataclass(frozen=True)
class ReleasedSettings:
    methods: tuple[str, ...]
    protocol: ProtocolSettings
    data: DataSettings
    run: RunSettings
    noise: dict[str, Any]
    training: TrainingSettings
    teacher_loss: TeacherLossSettings
    evaluation: EvaluationSettings
    fusion_options: dict[str, Any] = field(default_factory=dict)
    """Fusion → its keyword arguments, such as the switches of `nmer_paper`."""

    def __post_init__(self) -> None:
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise ValueError(f"methods must be distinct, and one at least, not {list(self.methods)}")
        for method in self.rows:
            if method.encoders == "broad" or (method.training == "scheduled noise" and not method.consistent):
                raise ValueError(f"method {method.name!r} is of the raw path alone: features have no such training")
        for fusion, options in self.fusion_options.items():
            if fusion not in FUSIONS:
                raise ValueError(f"fusion_options: {unknown('fusion', fusion, FUSIONS)}")
            if not isinstance(options, Mapping):
                raise ValueError(f"fusion_options.{fusion} must be a table, not {options!r}")
        self.scheduler(seed=0, total_steps=1)

    @property
    def rows(self) -> tuple[Method, ...]:
        """The methods of the report."""
        return methods_of(self.methods)

    @property
    def epochs(self) -> int:
        """Of each training."""
        return self.training.epochs + self.training.decay_epochs

    def scheduler(self, *, seed: int, total_steps: int) -> NoiseScheduler:
        """The noise that methods under scheduled noise are trained on, over a training of `total_steps` steps."""
        try:
            scheduler = NoiseScheduler.from_dict(self.noise | {"seed": seed, "total_steps": total_steps})
        except (KeyError, TypeError) as error:
            raise ValueError(f"noise: {error.args[0]}") from error
        if set(scheduler.noises) != set(MODALITIES):
            raise ValueError(
                f"noise.noises needs the tables {', '.join(MODALITIES)}, not {', '.join(scheduler.noises)}"
            )
        return scheduler
