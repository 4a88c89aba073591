"""Features to prediction: `NMER`, its part `Experts` (the teacher), and the baseline `Concat`."""

from models.fusion.concat import Concat
from models.fusion.experts import Experts
from models.fusion.nmer import NMER
from models.fusion.output import Fusion, FusionOutput

FUSIONS: dict[str, type[NMER] | type[Experts] | type[Concat]] = {
    fusion.name: fusion for fusion in (NMER, Experts, Concat)
}
"""Fusions by name."""

__all__ = ["FUSIONS", "NMER", "Concat", "Experts", "Fusion", "FusionOutput"]
