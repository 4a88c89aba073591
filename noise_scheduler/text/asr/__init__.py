"""``text/asr``: transcripts as a speech recogniser would have written them, offline and without audio.

- `noise_scheduler.text.asr.noise`: the noise
- `noise_scheduler.text.asr.profile`: profiles, which say what a recogniser's errors are at each word error rate
- `noise_scheduler.text.asr.fitting`: `fit` learns the profile of a user's recogniser
- `noise_scheduler.text.asr.generator`: the model of an utterance's errors
- `neighbours`, `boundaries`, `respelling`, `bigrams`, `choice`: what is written for a word that is misheard
- `alignment`, `calibration`: errors measured, and the parameters with which declared rates are met
"""

from .alignment import Rates, measure
from .fitting import fit
from .noise import RecogniserErrors, transcribe
from .profile import PROFILES, Profile, load

__all__ = ["PROFILES", "Profile", "Rates", "RecogniserErrors", "fit", "load", "measure", "transcribe"]
