"""noise_scheduler: realistic raw-level noise for images, video, audio and text, under curricula.

    import noise_scheduler as ns

    blurred = ns.corrupt(image, "image/motion_blur", level=0.5, seed=0)
    scheduler = ns.NoiseScheduler({"audio": ["audio/background", "audio/reverb"]}, level=ns.uniform(0, 1))
    noisy, record = scheduler({"audio": wave, "sample_rate": 16000}, id="clip-1", step=0)

Importing the package needs numpy only; a noise imports its back end when it is first called.
"""

from .adaptive import balance, keep_in_band, self_paced
from .apply import replay
from .calibration import level_for, max_severity
from .clock import Clock
from .condition import any_subset, fixed, independent, missing_rate, six_conditions
from .contract import ContractError, Noise, corrupt
from .curriculum import accordion, easy_to_hard, hard_to_easy
from .curves import constant, cosine, cyclic, exponential, linear, piecewise, polynomial, stepwise
from .distribution import beta, choice, truncated_normal, uniform
from .extras import MissingExtraError
from .feedback import Feedback, FeedbackError
from .mixture import mixture
from .pieces import corrupt_pieces
from .record import Hit, Record
from .registry import build, describe, names, register
from .sample import SampleError
from .schedule import Schedule, maximum
from .scheduler import NoiseScheduler
from .span import bursts
from .wrap import wrap

__version__ = "0.1.0"

__all__ = [
    "register", "build", "names", "describe", "wrap", "corrupt", "corrupt_pieces", "max_severity", "level_for",
    "NoiseScheduler", "Clock", "Record", "Hit", "replay",
    "Schedule", "constant", "linear", "cosine", "exponential", "polynomial",
    "piecewise", "stepwise", "cyclic", "maximum",
    "uniform", "beta", "truncated_normal", "choice",
    "easy_to_hard", "hard_to_easy", "accordion",
    "keep_in_band", "self_paced", "balance", "Feedback",
    "any_subset", "six_conditions", "fixed", "independent", "missing_rate",
    "mixture", "bursts",
    "Noise", "SampleError", "ContractError", "FeedbackError", "MissingExtraError",
]  # fmt: skip
