"""``text/asr``: transcripts as a speech recogniser would have written them, offline and without audio.

- `noise_scheduler.text.asr.noise`: the noise
- `noise_scheduler.text.asr.profile`: profiles, which say what a recogniser's errors are at each word error rate
- `noise_scheduler.text.asr.fitting`: `fit` learns the profile of a user's recogniser
- `noise_scheduler.text.asr.generator`: the model of an utterance's errors
- `words`, `choice`, `neighbours`, `phones`, `boundaries`, `respelling`, `bigrams`: what is written for what was said
- `alignment`, `calibration`: errors measured, and the parameters with which declared rates are met

The tables are built from the CMU pronouncing dictionary and the language model of pocketsphinx
(``tools/build_asr_tables.py``, licence in ``text/lexicon_license.txt``), the profiles by
``tools/build_asr_profiles.py``.
"""

from .alignment import Rates, measure
from .fitting import fit
from .noise import RecogniserErrors, transcribe
from .profile import PROFILES, Profile, load

__all__ = ["PROFILES", "Profile", "Rates", "RecogniserErrors", "fit", "load", "measure", "transcribe"]
