"""Every Python block of the README runs as it stands, in a process of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.readme import SECTIONS, filled

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_there_are_blocks():
    assert len(BLOCKS) >= 6


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_block_runs(block, tmp_path):
    file = tmp_path / "block.py"
    file.write_text(block, encoding="utf-8")
    # The package is installed; models and recipes are used from the checkout.
    env = os.environ | ({"PYTHONPATH": str(ROOT)} if "import models" in block else {})
    done = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, cwd=tmp_path, env=env, check=False
    )
    assert done.returncode == 0, done.stderr


def test_training_scripts_are_short():
    scripts = [block for block in BLOCKS if "StepSampler" in block or "ScheduledTrainer" in block]
    assert len(scripts) == 3
    assert all(len(script.splitlines()) <= 40 for script in scripts)


def test_commands_name_what_exists():
    for module in set(re.findall(r"python -m (recipes\.\w+)", README)):
        assert (ROOT / (module.replace(".", "/") + ".py")).is_file(), module
    for target in set(re.findall(r"`make ([\w-]+)`", README)):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target


def test_figures_are_those_of_the_benchmarks():
    assert filled(README) == README, "run python -m benchmarks.readme"


@pytest.mark.parametrize(("kind", "rows_of"), [("audio", ("waves", "16000")), ("text", ("noises",))])
def test_every_noise_that_a_peer_beats_is_named(kind, rows_of):
    figures = json.loads((ROOT / "benchmarks" / "results" / f"{kind}.json").read_text(encoding="utf-8"))["figures"]
    for key in rows_of:
        figures = figures[key]
    unit = "ms" if kind == "audio" else "microseconds"
    compared = {name: row for name, row in figures.items() if row["peers"]}
    beaten = {name for name, row in compared.items() if row["peers"][row["fastest"]][unit] < row[unit]}
    assert set(re.findall(r"`(\w+)` [\d.]+×", SECTIONS[f"speed-{kind}"]())) == beaten
