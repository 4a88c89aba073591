"""noise_scheduler: realistic raw-level noise for images, video, audio and text, under curricula.

    import noise_scheduler as ns

    blurred = ns.corrupt(image, "image/motion_blur", level=0.5, seed=0)
    scheduler = ns.NoiseScheduler({"audio": ["audio/background", "audio/reverb"]}, level=ns.uniform(0, 1))
    noisy, record = scheduler({"audio": wave, "sample_rate": 16000}, id="clip-1", step=0)

Importing the package needs numpy only; a noise imports its back end when it is first called.
"""

from .clock import Clock
from .condition import any_subset, fixed, six_conditions
from .contract import ContractError, Noise, corrupt
from .extras import MissingExtraError
from .record import Hit, Record
from .registry import build, describe, names, register
from .sample import SampleError
from .schedule import constant, linear, uniform
from .scheduler import NoiseScheduler, replay

__version__ = "0.1.0"

__all__ = [
    "register", "build", "names", "describe", "corrupt",
    "NoiseScheduler", "Clock", "Record", "Hit", "replay",
    "constant", "linear", "uniform",
    "any_subset", "six_conditions", "fixed",
    "Noise", "SampleError", "ContractError", "MissingExtraError",
]  # fmt: skip
