"""No noise changes its output unnoticed: `golden_outputs` says how, and what to do where a change is meant."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import golden_outputs
import numpy as np
import pytest
from test_plan_digests import found_features

from noise_scheduler import registry

ROOT = Path(__file__).parent.parent
FAULTS = """
import golden_outputs, sys
names = [name for name in golden_outputs.names() if not name.startswith(tuple(sys.argv[1:]))]
assert len(names) > 40, names
print("\\n".join(filter(None, map(golden_outputs.faults, names))))
"""


@pytest.mark.parametrize("name", golden_outputs.names())
def test_output_is_that_of_the_version(name):
    faults = golden_outputs.faults(name)
    assert not faults, faults


def test_golden_files_are_of_noises_and_small():
    assert golden_outputs.strays() == []
    assert sum(file.stat().st_size for file in golden_outputs.FOLDER.rglob("*.json")) < 700_000


def faults_elsewhere(*without, python=sys.executable, **environment):
    clean = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"} | environment
    command = [str(python), "-c", FAULTS, *without]
    done = subprocess.run(command, env=clean, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(not hasattr(np, "_core"), reason="names of numpy 2")
def test_output_without_vector_instructions():
    features = found_features()
    assert features, "nothing to disable: this test would prove nothing"
    disabled = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(features),
        "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX2,FP16,AVX,SSE4.2,SSE4.1",
        "OPENCV_IPP": "disabled",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F,-AVX,-SSE4_2",
    }
    assert faults_elsewhere(**disabled) == ""


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="numpy 1.26 has no wheels for this Python")
def test_output_with_the_oldest_libraries(tmp_path):
    venv.create(tmp_path, with_pip=True)
    python = tmp_path / "bin" / "python"
    oldest = ["numpy==1.26.*", "opencv-python-headless==4.9.*", "scipy==1.12.*"]
    others = ["av>=14", "albumentations>=2.0.8,<2.1", "soundfile", "pyroomacoustics"]
    others += ["audiomentations>=0.43.1,<0.44", "numpy-audio-limiter>=0.2"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *oldest, *others], check=True)
    assert faults_elsewhere("text/spelling", python=python) == "", "all but what reads nlpaug's list"


def grey(change=0):
    """What is kept of a small picture as of ``image/fog``, all its values changed."""
    picture = np.arange(40, 160, dtype=np.uint8).reshape(5, 8, 3)
    return golden_outputs.kept("image/fog", (picture + change).astype(np.uint8))


def test_comparison_tells_rounding_from_a_change():
    one, few, many = (np.zeros((5, 8, 3), np.int64) for _ in range(3))
    one[2, 3, 1], few[2, 3, 1], many[:2, 3] = 1, 9, 2
    assert golden_outputs.fault("image/fog", grey(), grey()) == ""
    assert golden_outputs.fault("image/fog", grey(), grey(one)) == ""
    assert golden_outputs.fault("image/fog", grey(), grey(few)) == "", "a threshold crossed by one value"
    assert golden_outputs.fault("image/fog", grey(), grey(many)).startswith("5.0% of the values are off by more")
    assert "1 on average, 1 at most" in golden_outputs.fault("image/fog", grey(), grey(1)), "a shift is no rounding"


def test_exact_noises_may_not_differ_at_all():
    picture = np.zeros((60, 60, 3), np.uint8)
    changed = picture.copy()
    changed[0, 1, 0] = 1  # not among the values kept
    golden, found = (golden_outputs.kept("image/missing", noisy) for noisy in (picture, changed))
    assert golden["sample"] == found["sample"]
    assert "none may differ" in golden_outputs.fault("image/missing", golden, found)
    assert golden_outputs.fault("text/word_loss", "so it is", "so it") == "'so it' in place of 'so it is'"


@pytest.mark.parametrize(("name", "parameter"), [("image/fog", 0.59), ("audio/white_noise", 0.59)])
def test_a_changed_noise_fails_with_instructions(name, parameter, monkeypatch):
    """The middle level moved by 2 %."""
    original = golden_outputs.output
    monkeypatch.setattr(
        golden_outputs, "output", lambda name, level, seed: original(name, parameter if level == 0.6 else level, seed)
    )
    faults = golden_outputs.faults(name)
    assert f"{name}, level 0.6, seed 1: " in faults
    assert "level 1.0" not in faults
    assert golden_outputs.REMEDY in faults


def test_update_asks_for_a_version_first(tmp_path, monkeypatch):
    names = ["image/bit_depth", "text/word_loss"]
    monkeypatch.setattr(golden_outputs, "names", lambda: names)
    assert golden_outputs.update(tmp_path) == (names, {}), "new noises are written"
    assert golden_outputs.update(tmp_path) == ([], {}), "what is as it was is left alone"

    monkeypatch.setitem(vars(golden_outputs), "TEXT", "quite another text than it was before the change")
    before = (tmp_path / "text" / "word_loss.json").read_text()
    written, refused = golden_outputs.update(tmp_path)
    assert (written, list(refused)) == ([], ["text/word_loss"])
    assert "raise version=" in refused["text/word_loss"]
    assert (tmp_path / "text" / "word_loss.json").read_text() == before

    monkeypatch.setattr(registry, "version_of", lambda name: 3)
    assert "registered as version 3" in golden_outputs.faults("text/word_loss", tmp_path)
    assert golden_outputs.update(tmp_path) == (names, {})
    assert json.loads((tmp_path / "text" / "word_loss.json").read_text())["version"] == 3

    monkeypatch.setattr(registry, "version_of", lambda name: 1)
    assert "versions only rise" in golden_outputs.update(tmp_path)[1]["text/word_loss"]


def test_update_removes_what_is_no_noise_any_more(tmp_path, monkeypatch):
    monkeypatch.setattr(golden_outputs, "names", lambda: ["image/bit_depth"])
    golden_outputs.update(tmp_path)
    monkeypatch.setattr(golden_outputs, "names", lambda: ["text/missing"])
    assert golden_outputs.update(tmp_path) == (["text/missing"], {})
    assert [file.name for file in tmp_path.rglob("*.json")] == ["missing.json"]
