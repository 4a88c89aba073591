"""The rows of a report: which fusion on which encoders, trained on what.

All methods of a run have the same training rows, epochs, batches, learning rates and selection rule; their fusions have
.93 to 1.16 times as many weights as NMER's, but for the experts alone, a part of it, and `nmer_paper`, at its published
size. Nothing is tuned per method.

Public: `Method`, `METHODS`, `FINETUNED`, `methods`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from noise_scheduler.registry import nearest

_ALL = ("clean", "noisy/mean", "missing/mean")


@dataclass(frozen=True)
class Method:
    """One row of the report."""

    name: str
    fusion: str
    label: str
    encoders: str = "noisy"
    """What its encoders were trained on: clean data, the listed noise, or the broad noise."""
    training: str = "scheduled noise"
    """What its fusion is trained on: clean data, zero vectors, or scheduled noise."""
    judged_on: tuple[str, ...] = _ALL
    """Conditions of the validation data whose mean selects the epoch: those that it is trained for."""
    teacher_hidden: int = 64
    """Width of the clean teacher whose joint representation it reconstructs, on the same encoders."""
    consistent: bool = True
    """Trained with the consistency between two views of an utterance."""
    adapts: str = ""
    """The method whose trained model it is, its normalisation adapted to batches of test clips; empty for none."""

    @property
    def teacher(self) -> str:
        """Name of its clean teacher."""
        return f"teacher{self.teacher_hidden}_{self.encoders}"


def _clean(name: str, fusion: str, label: str) -> Method:
    return Method(name, fusion, f"{label}, clean data", "clean", "clean data", ("clean",))


def _zero(name: str, fusion: str, label: str) -> Method:
    return Method(name, fusion, f"{label}, zero vectors", "clean", "zero vectors", ("clean", "missing/mean"))


def _adapted(name: str, other: str, label: str) -> Method:
    return Method(name, other, f"{label}, normalisation adapted to batches of test clips", adapts=other)


_KNOWN = (
    Method("nmer", "nmer", "NMER, scheduled noise"),
    Method("experts_vae", "experts_vae", "Experts + VAE, scheduled noise"),
    Method("experts", "experts", "Experts, scheduled noise"),
    Method("concat", "concat", "Concatenation, scheduled noise"),
    Method("concat_plain", "concat", "Concatenation, scheduled noise, no consistency", consistent=False),
    Method("late", "late", "Late fusion, scheduled noise"),
    Method("mmin", "mmin", "MMIN, scheduled noise"),
    Method("lmf", "lmf", "Low-rank tensor fusion, scheduled noise"),
    Method("bottleneck", "bottleneck", "Attention bottleneck, scheduled noise"),
    Method("poe_vae", "poe_vae", "PoE VAE, scheduled noise"),
    Method("mopoe_vae", "mopoe_vae", "MoPoE VAE, scheduled noise"),
    Method("tfr_net", "tfr_net", "TFR-Net, scheduled noise"),
    Method("nmer_paper", "nmer_paper", "NMER as published, corrected, scheduled noise", teacher_hidden=128),
    Method("nmer_broad", "nmer", "NMER, scheduled broad noise", "broad"),
    Method("concat_broad", "concat", "Concatenation, scheduled broad noise", "broad"),
    Method("poe_vae_broad", "poe_vae", "PoE VAE, scheduled broad noise", "broad"),
    Method("mopoe_vae_broad", "mopoe_vae", "MoPoE VAE, scheduled broad noise", "broad"),
    _adapted("nmer_adapted", "nmer", "NMER"),
    _adapted("concat_adapted", "concat", "Concatenation"),
    _zero("nmer_zero", "nmer", "NMER"),
    _clean("nmer_clean", "nmer", "NMER"),
    _zero("concat_zero", "concat", "Concatenation"),
    _clean("concat_clean", "concat", "Concatenation"),
)
METHODS = {method.name: method for method in _KNOWN}
FINETUNED = Method(
    "nmer_finetuned",
    "nmer",
    "NMER, fine-tuned end to end",
    training="scheduled noise, end to end",
    judged_on=("training noise",),
)


def methods(names: Sequence[str]) -> tuple[Method, ...]:
    """The methods of these names, in their order.

    Raises ValueError naming an unknown one and the nearest, or one that adapts another which is not among them.
    """
    for name in names:
        if name not in METHODS:
            raise ValueError(f"unknown method {name!r}; {nearest(name, METHODS)}")
        other = METHODS[name].adapts
        if other and other not in names:
            raise ValueError(f"method {name!r} adapts the trained model of {other!r}: name that method as well")
    return tuple(METHODS[name] for name in names)
