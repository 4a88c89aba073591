"""Builds the profiles of ``text/asr`` that are shipped: noise_scheduler/text/asr/{noise,conversation}.json.

    python -m tools.build_asr_profiles [noise] [conversation]

The paths below are declared; the generator's parameters are found on sentences drawn from the language model. Takes ten
minutes on one core; needs the tables (``tools.build_asr_tables``).
"""

from __future__ import annotations

import sys
from pathlib import Path

from noise_scheduler.text.asr.alignment import Rates
from noise_scheduler.text.asr.calibration import BOUNDARY, STRAY
from noise_scheduler.text.asr.fitting import calibrated_profile
from noise_scheduler.text.asr.profile import Profile

from .sentences import sampled

SENTENCES, SEED = 1000, 1
_FOLDER = Path(__file__).parents[1] / "noise_scheduler" / "text" / "asr"

# Substitutions, deletions, insertions per word; phone similarity; variance; runs of one, two, three and more; empty.
NOISE = (
    Rates(0.014, 0.003, 0.003, 0.55, 1.35, (0.84, 0.12, 0.04), 0.0),
    Rates(0.042, 0.012, 0.009, 0.52, 1.55, (0.74, 0.19, 0.07), 0.0),
    Rates(0.145, 0.021, 0.021, 0.35, 1.75, (0.62, 0.23, 0.15), 0.0),
    Rates(0.240, 0.038, 0.050, 0.27, 2.60, (0.45, 0.24, 0.31), 0.0),
    Rates(0.277, 0.094, 0.053, 0.21, 3.20, (0.38, 0.22, 0.40), 0.04),
    Rates(0.420, 0.157, 0.088, 0.14, 4.50, (0.29, 0.19, 0.52), 0.065),
    Rates(0.100, 0.600, 0.400, 0.08, 4.00, (0.30, 0.20, 0.50), 0.53),
)
CONVERSATION = (
    Rates(0.0095, 0.0200, 0.0045, 0.43, 1.60, (0.74, 0.18, 0.08), 0.0),
    Rates(0.049, 0.077, 0.019, 0.28, 2.50, (0.60, 0.24, 0.16), 0.0),
    Rates(0.115, 0.180, 0.035, 0.22, 3.00, (0.46, 0.25, 0.29), 0.01),
    Rates(0.200, 0.350, 0.050, 0.12, 3.80, (0.30, 0.21, 0.49), 0.10),
    Rates(0.150, 0.750, 0.200, 0.08, 3.80, (0.26, 0.18, 0.56), 0.62),
)
# Words put in, and how often: by Whisper on the pairs of benchmarks/asr_pairs.py, and in telephone conversation.
INSERTED_IN_NOISE = {
    "the": 50, "to": 45, "and": 35, "in": 30, "a": 26, "i": 25, "of": 21, "you": 19, "that": 15, "it": 13, "it's": 12,
    "this": 10, "with": 10, "is": 10, "be": 9, "so": 9, "on": 8, "but": 8, "there": 8, "kind": 7, "not": 7, "have": 6,
    "can": 6, "me": 6, "if": 6, "there's": 5, "i'm": 5, "about": 5, "thing": 5, "no": 5, "some": 5, "do": 5, "for": 4,
    "my": 4, "would": 4, "can't": 4, "going": 4, "will": 4, "as": 4, "your": 4, "that's": 4, "just": 3, "think": 3,
    "what": 3, "how": 3, "we": 3, "at": 3, "don't": 3, "i've": 3,
}  # fmt: skip
INSERTED_IN_CONVERSATION = {
    "and": 349, "the": 92, "it": 67, "a": 67, "that": 51, "i": 47, "of": 45, "is": 39, "you": 36, "so": 33, "but": 32,
    "well": 30, "to": 28, "have": 26, "in": 24, "now": 24, "know": 24, "are": 21, "we": 15, "will": 14, "do": 14,
    "like": 13, "would": 13, "not": 13,
}  # fmt: skip


PROFILES = (
    (
        Profile(
            "noise",
            "Whisper tiny.en under white, babble and environment noise and reverberation",
            NOISE, (), INSERTED_IN_NOISE,
        ),
        STRAY,
        BOUNDARY,
    ),
    (
        Profile(
            "conversation",
            "telephone conversation (Switchboard), regional conversation and talks",
            CONVERSATION, (), INSERTED_IN_CONVERSATION,
        ),
        0.4,
        0.2,
    ),
)  # fmt: skip


def main() -> None:
    sentences = sampled(SENTENCES, SEED)
    for profile, stray, boundary in PROFILES:
        if profile.name in (sys.argv[1:] or [profile.name]):
            fitted = calibrated_profile(profile, sentences, stray=stray, boundary=boundary)
            fitted.save(_FOLDER / f"{profile.name}.json")
            for wer, settings in fitted.points:
                print(profile.name, f"{wer:.3f}", *(f"{key} {value:.3f}" for key, value in settings._asdict().items()))


if __name__ == "__main__":
    main()
