"""Plans are the same bits on every machine: other processors, other libraries, other versions of numpy."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import plan_digests
import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "tests" / "plan_digests.py"


def run(python=sys.executable, **environment):
    clean = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run([str(python), str(SCRIPT)], env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_plans_are_those_of_the_release():
    """A change here changes everybody's noise: name it in the CHANGELOG."""
    assert plan_digests.digest() == plan_digests.EXPECTED


def test_plans_vary():
    """The digest stands for something: hits of all noises, levels and spans."""
    records = [scheduler.plan(i, 50) for scheduler in plan_digests.schedulers() for i in range(20)]
    hits = [hit for record in records for hit in record.hits]
    assert {hit.noise for hit in hits} == {name for names in plan_digests.NOISES.values() for name in names}
    assert len({hit.level for hit in hits}) > 100
    assert any(len(hit.spans) == 3 for hit in hits)


def found_features():
    features = np._core._multiarray_umath.__cpu_dispatch__  # what numpy chooses at run time
    here = np._core._multiarray_umath.__cpu_features__
    return [feature for feature in features if here[feature]]


@pytest.mark.skipif(not hasattr(np, "_core"), reason="names of numpy 2")
def test_plans_without_vector_instructions():
    features = found_features()
    assert features, "nothing to disable: this test would prove nothing"
    disabled = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(features),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F,-AVX,-SSE4_2",
    }
    assert run(**disabled) == plan_digests.EXPECTED


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="numpy 1.26 has no wheels for this Python")
def test_plans_with_the_oldest_numpy(tmp_path):
    venv.create(tmp_path, with_pip=True)
    python = tmp_path / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "numpy==1.26.*"], check=True)
    assert run(python) == plan_digests.EXPECTED
