"""Features to prediction: `NMER`, its part `Experts` (the teacher), and what it must beat, one file each."""

from models.fusion.bottleneck import Bottleneck
from models.fusion.concat import Concat
from models.fusion.experts import Experts
from models.fusion.experts_vae import ExpertsVAE
from models.fusion.late import Late
from models.fusion.lmf import LMF
from models.fusion.mmin import MMIN
from models.fusion.nmer import NMER
from models.fusion.nmer_paper import NMERPaper
from models.fusion.output import Fusion, FusionOutput
from models.fusion.poe_vae import MoPoEVAE, PoEVAE
from models.fusion.tfr_net import TFRNet

_ALL = (NMER, ExpertsVAE, Experts, NMERPaper, Concat, Late, LMF, Bottleneck, MMIN, TFRNet, PoEVAE, MoPoEVAE)

FUSIONS: dict[str, type[Fusion]] = {fusion.name: fusion for fusion in _ALL}
"""Fusions by name; each is built by `FUSIONS[name](feature_dims, classes, **config)`."""

__all__ = [
    "FUSIONS",
    "LMF",
    "MMIN",
    "NMER",
    "Bottleneck",
    "Concat",
    "Experts",
    "ExpertsVAE",
    "Fusion",
    "FusionOutput",
    "Late",
    "MoPoEVAE",
    "NMERPaper",
    "PoEVAE",
    "TFRNet",
]
