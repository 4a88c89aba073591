import functools
import importlib.metadata
import math
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from wrapped import clean_registry, global_states  # noqa: F401

import noise_scheduler as ns
from noise_scheduler.contract import ContractError
from noise_scheduler.testing import check_noise

ROOT = Path(__file__).parent.parent
RATE = 16000
A = pytest.importorskip("audiomentations")
needs_torchaudio = pytest.mark.skipif(find_spec("torchaudio") is None, reason="run by test_with_torchaudio")


class Hiss(A.core.transforms_interface.BaseWaveformTransform):
    """A transform of our own, which draws from both global generators."""

    def __init__(self, deviation):
        super().__init__(p=1)
        self.deviation = deviation

    def apply(self, samples, sample_rate):
        hiss = np.random.normal(0, self.deviation * random.uniform(0.5, 1), samples.shape)  # noqa: NPY002
        return (samples + hiss).astype(np.float32)


class Grain(torch.nn.Module):
    def __init__(self, deviation):
        super().__init__()
        self.deviation = deviation

    def forward(self, wave):
        return wave + self.deviation * torch.randn_like(wave)


class Made(torch.nn.Module):
    """What a function makes of a wave."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, wave):
        return self.function(wave)


def torch_noise(level):
    import torch_audiomentations as T

    snr_db = {"min_snr_in_db": 40 - 50 * level, "max_snr_in_db": 40 - 50 * level}
    gain_db = {"min_gain_in_db": -9 * level, "max_gain_in_db": 9 * level}
    options = {"p": 1, "output_type": "dict"}
    return T.Compose([T.AddColoredNoise(**snr_db, **options), T.Gain(**gain_db, **options)], output_type="dict")


def contrasted(level):
    from torchaudio.functional import contrast

    return functools.partial(contrast, enhancement_amount=100 * level)


def louder(level):
    from torchaudio.transforms import Vol

    return Vol(12 * level, "db")


TRANSFORMS = {
    "audiomentations": lambda level: A.AddGaussianNoise(level / 9, level / 9, p=1),
    "audiomentations composed": lambda level: A.Compose(
        [A.OneOf([A.AddColorNoise(40 - 50 * level, 40 - 50 * level, p=1), Hiss(level)]),
         A.Gain(-9 * level, 9 * level, p=1)], shuffle=True),
    "own": lambda level: Hiss(level),
    "torch": lambda level: Grain(level),
    "torchaudio": louder,
    "torchaudio's functions": contrasted,
    "torch-audiomentations": torch_noise,
}  # fmt: skip


@pytest.fixture(
    params=[
        pytest.param(name, marks=[needs_torchaudio] if "torchaudio" in name or "torch-" in name else [])
        for name in TRANSFORMS
    ]
)
def wrapped(request):
    ns.wrap("audio/wrapped", TRANSFORMS[request.param])
    return "audio/wrapped"


@pytest.fixture
def wave():
    return np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)


def corrupt(wave, name, **more):
    return ns.corrupt(wave, name, **{"level": 0.5, "sample_rate": RATE, **more})


def test_contract(wrapped):
    before = global_states()
    check_noise(wrapped, draws=8)
    assert global_states() == before


def test_other_threads_keep_the_global_generators(wave):
    """Draws of the main thread are what they are alone, while other threads run transforms that draw."""
    ns.wrap("audio/hiss", TRANSFORMS["audiomentations composed"])
    kept = random.getstate(), np.random.get_state()  # noqa: NPY002

    def draws():
        random.seed(5)
        np.random.seed(5)  # noqa: NPY002
        return [(random.random(), np.random.rand()) for _ in range(5000)]  # noqa: NPY002

    try:
        alone = draws()
        with ThreadPoolExecutor(3) as pool:
            jobs = [pool.submit(corrupt, wave, "audio/hiss", seed=seed) for seed in range(60)]
            beside = draws()
            noisy = [job.result() for job in jobs]
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
    assert alone == beside
    for seed, result in enumerate(noisy):
        np.testing.assert_array_equal(result, corrupt(wave, "audio/hiss", seed=seed))


def test_transforms_get_the_wave_as_their_library_has_it(wave):
    seen = []

    def look(samples, sample_rate):
        seen.append((samples.shape, samples.dtype, sample_rate, type(sample_rate), samples.flags.writeable))
        samples *= 2
        return samples

    def look_at_tensor(tensor):
        seen.append((tuple(tensor.shape), tensor.dtype))
        return tensor.mul_(2)

    ns.wrap("audio/a", lambda level: A.Lambda(transform=look, p=1))
    ns.wrap("audio/t", lambda level: Made(look_at_tensor))
    stereo = np.stack([wave, -wave])
    for x in (wave, stereo, wave[None]):
        x.setflags(write=False)
        for name in ("audio/a", "audio/t"):
            np.testing.assert_array_equal(corrupt(x, name), 2 * x)
    corrupt(wave, "audio/a", sample_rate=11025.5)
    assert seen == [
        ((4000,), np.float32, RATE, int, True),
        ((1, 4000), torch.float32),
        ((2, 4000), np.float32, RATE, int, True),
        ((2, 4000), torch.float32),
        ((4000,), np.float32, RATE, int, True),
        ((1, 4000), torch.float32),
        ((4000,), np.float32, 11025.5, float, True),
    ]


def test_channels_go_one_by_one_where_a_transform_takes_one(wave):
    class OneChannel(Hiss):
        supports_multichannel = False

    ns.wrap("audio/hiss", lambda level: A.Compose([OneChannel(level)]))
    stereo = np.stack([wave, -2 * wave])
    hiss = corrupt(stereo, "audio/hiss") - stereo
    assert hiss[0].std() > 0.1
    np.testing.assert_allclose(hiss[0], hiss[1], atol=1e-6)


def test_few_samples_go_in_with_silence_behind_them(wave):
    seen = []

    def look(samples, sample_rate):
        seen.append(samples)
        return samples + 1

    ns.wrap("audio/a", lambda level: A.Lambda(transform=look, p=1))
    np.testing.assert_array_equal(corrupt(wave[:30], "audio/a"), wave[:30] + 1)
    assert len(seen[0]) == RATE / 10
    np.testing.assert_array_equal(seen[0][:30], wave[:30])
    assert not seen[0][30:].any()


def test_transforms_are_made_for_the_rate(wave):
    rates = []

    @ns.wrap("audio/a")
    @dataclass(frozen=True, slots=True)
    class Ours:
        """Nothing."""

        def transform(self, level, sample_rate):
            rates.append(sample_rate)
            return A.Gain(0, 0, p=1)

    for rate in (8000, RATE, 8000):
        corrupt(wave, "audio/a", sample_rate=rate)
    assert rates == [8000, RATE]


def test_blend_mixes_the_clean_wave_in(wave):
    ns.wrap("audio/louder", lambda level: A.Gain(20, 20, p=1), blend=lambda level: level**2)
    np.testing.assert_allclose(corrupt(wave, "audio/louder"), (0.75 + 0.25 * 10) * wave, rtol=1e-5)


def test_records_hold_the_release_of_the_library(wave):
    for modality, name in (("audiomentations", "audiomentations"), ("torch", "torch")):
        ns.wrap(f"audio/{modality}", TRANSFORMS[modality])
        scheduler = ns.NoiseScheduler({"audio": [f"audio/{modality}"]}, level=1, condition=ns.fixed("audio"))
        sample = {"audio": wave, "sample_rate": RATE}
        noisy, record = scheduler(sample, id="a", step=0)
        assert record.hits[0].achieved["library"] == f"{name} {importlib.metadata.version(name)}"
        np.testing.assert_array_equal(ns.replay(sample, record)["audio"], noisy["audio"])


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda level: A.Gain(), "audio/idle: Gain has p=0.5 .* give it p=1"),
        (lambda level: A.Compose([A.Gain(p=1), A.PolarityInversion(p=0.9)]), "PolarityInversion has p=0.9"),
        (lambda level: A.OneOf([A.Gain(p=1), A.Gain(p=0.3)]), "Gain has p=0.3"),
        (lambda level: A.SomeOf(1, [A.Gain(p=1)], p=0.7), "SomeOf has p=0.7"),
    ],
)
def test_transforms_that_may_do_nothing_are_refused(wave, transform, message):
    ns.wrap("audio/idle", transform)
    with pytest.raises(ValueError, match=message):
        corrupt(wave, "audio/idle")


@pytest.mark.parametrize(
    ("transform", "error", "message"),
    [
        (
            lambda level: A.TimeStretch(2, 2, leave_length_unchanged=False, p=1),
            ContractError,
            "audio/odd: .* keeps len",
        ),
        (lambda level: A.AdjustDuration(duration_samples=5000, p=1), ContractError, r"\(5000,\) of float32 \(4000,\)"),
        (lambda level: Made(lambda wave: wave[..., :9]), ContractError, r"made float32 \(9,\)"),
        (lambda level: Made(lambda wave: (wave * 99).short()), ContractError, "made int16"),
        (lambda level: Made(lambda wave: (wave, 1)), TypeError, "Made made tuple of a wave: it must end with a tensor"),
        (lambda level: Made(lambda wave: wave * math.nan), ValueError, "audio/odd: .* not finite"),
        (lambda level: lambda wave: wave, TypeError, "audio/odd: .*function is not a transform of audiomentations"),
        (lambda level: functools.partial(np.clip, a_min=0), TypeError, "is not a transform of audiomentations"),
    ],
)
def test_what_is_no_noise_is_named(wave, transform, error, message):
    ns.wrap("audio/odd", transform)
    with pytest.raises(error, match=message):
        corrupt(wave, "audio/odd")


@pytest.mark.slow
def test_with_torchaudio(tmp_path):
    """All of the above beside torchaudio and torch-audiomentations: in the environment torchaudio would break what
    imports it where torch is a CPU build, for which there is no wheel. Without its compiled part it loads."""
    packages = ["torchaudio==2.11.0", "torch-audiomentations>=0.12", "torch-pitch-shift", "julius", "primePy"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), *packages]
    subprocess.run(pip, check=True)
    for compiled in (tmp_path / "torchaudio" / "lib").glob("*.so"):
        compiled.unlink()
    command = [sys.executable, "-m", "pytest", "-m", "not slow", "-o", "addopts=", "-p", "no:cacheprovider", __file__]
    run = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert "skipped" not in run.stdout.splitlines()[-1]
