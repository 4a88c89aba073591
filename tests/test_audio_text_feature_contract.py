"""What all audio, text and feature noises share: the contract, purity across processes, and `missing`."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import noise_scheduler.registry as registry
from noise_scheduler.contract import corrupt
from noise_scheduler.feature.beta_schedule import BetaSchedule
from noise_scheduler.testing import check_noise, example_samples

NAMES = [
    "audio/background",
    "audio/missing",
    "audio/reverb",
    "audio/white_noise",
    "feature/beta_schedule",
    "feature/missing",
    "feature/step_loss",
    "text/keyboard",
    "text/missing",
    "text/word_loss",
]


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_noise(name)


def test_contract_with_other_fields():
    check_noise(BetaSchedule(noise_type="impulse", spacing="linear", steps=20))
    check_noise(registry.build("audio/reverb", rt60_s=(0.3, 1.2)))
    check_noise(registry.build("text/keyboard", layout="de"))


OWN_SOUND = [
    name
    for name in registry.names("audio/*")
    if not type(registry.build(name)).__module__.endswith("from_audiomentations")
]
EVERYWHERE = sorted({*NAMES, *OWN_SOUND})

DIGESTS = """
import hashlib, sys
from noise_scheduler.contract import corrupt
from noise_scheduler.testing import example_samples
for name in sys.argv[1:]:
    _, x, context = example_samples(name.partition("/")[0])[0]
    noisy = corrupt(x, name, level=0.6, seed=5, id="utterance", step=3, profile="none", **context)
    print(hashlib.sha256(noisy.encode() if isinstance(noisy, str) else noisy.tobytes()).hexdigest())
"""


def test_fresh_processes_give_the_same_bytes():
    here = []
    for name in EVERYWHERE:
        _, x, context = example_samples(name.partition("/")[0])[0]
        noisy = corrupt(x, name, level=0.6, seed=5, id="utterance", step=3, profile="none", **context)
        here.append(hashlib.sha256(noisy.encode() if isinstance(noisy, str) else noisy.tobytes()).hexdigest())
    for hash_seed, threads in (("0", "1"), ("77", "2")):
        command = [sys.executable, "-c", DIGESTS, *reversed(EVERYWHERE)]  # another order of calls, too
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OPENBLAS_NUM_THREADS": threads}
        there = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
        assert there[::-1] == here


@pytest.mark.parametrize("level", [0.01, 1.0])
def test_missing_is_all_or_nothing(level):
    for kind in ("audio", "feature"):
        for _, x, context in example_samples(kind):
            noisy = corrupt(x, f"{kind}/missing", level=level, **context)
            assert not noisy.any()
            assert np.shares_memory(noisy, x) is False
    assert corrupt("not a word", "text/missing", level=level) == ""
