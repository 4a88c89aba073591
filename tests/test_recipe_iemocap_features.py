"""The recipe on the features of MMIN, from a generated release in its true widths to the report."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest

from models.model import EmotionModel
from recipes import compare, iemocap_features
from recipes.demo.features import write_mmin
from recipes.report import read_results

ROOT = Path(__file__).parent.parent
SMALL = [
    "--run.test_folds=[1]",
    "--run.seeds=[3]",
    "--training.epochs=1",
    "--training.decay_epochs=1",
    "--training.batch_size=16",
    "--evaluation.steps=[20]",
    '--evaluation.noise_types=["impulse"]',
    '--methods=["concat", "nmer_clean"]',
]


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release") / "mmin"
    write_mmin(folder, utterances=60)
    return folder


def arguments_of(release, out, *more):
    return ["--data", str(release), "--out", str(out), "--workers", "0", *SMALL, *more]


@pytest.fixture(scope="module")
def first_run(release, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "first"
    assert iemocap_features.main(arguments_of(release, out)) == 0
    return out


def learned(tmp_path, utterances, *settings):
    """A method under scheduled noise and the same on clean data, in the true widths: 130, 342 and 1024."""
    write_mmin(tmp_path / "mmin", utterances=utterances)
    fixed = ["--run.test_folds=[1]", "--training.learning_rate=2e-3", '--methods=["concat", "concat_clean"]']
    out = ["--out", str(tmp_path / "out"), "--workers", "0"]
    assert iemocap_features.main(["--data", str(tmp_path / "mmin"), *out, *fixed, *settings]) == 0
    return read_results(tmp_path / "out" / "results.json")["methods"]


def test_learning_happens(tmp_path):
    """By chance a quarter is right."""
    settings = (
        "--training.epochs=5",
        "--training.decay_epochs=1",
        "--training.batch_size=8",
        "--evaluation.steps=[60]",
    )
    noisy, clean = learned(tmp_path, 100, *settings)
    assert clean["scores"]["clean"]["wa"]["mean"] > 0.5
    assert noisy["scores"]["clean"]["wa"]["mean"] > 0.5
    assert noisy["scores"]["noisy/pooled"]["wa"]["mean"] > 0.45


@pytest.mark.slow
def test_scheduled_noise_beats_clean_training_under_noise(tmp_path):
    settings = (
        "--training.epochs=5",  # few: with more, both come near 1 on what a generator shows so plainly
        "--training.decay_epochs=1",
        "--training.batch_size=16",
        "--evaluation.steps=[20, 100]",
    )
    noisy, clean = learned(tmp_path, 120, *settings)
    for group in ("noisy", "T=20 gaussian", "T=100 gaussian", "T=20 impulse", "T=100 impulse"):
        assert noisy["scores"][f"{group}/mean"]["ua"]["mean"] > 0.6
    gain = noisy["scores"]["noisy/pooled"]["ua"]["mean"] - clean["scores"]["noisy/pooled"]["ua"]["mean"]
    assert gain > 0.03


def test_results_report_and_checkpoints(first_run):
    results = read_results(first_run / "results.json")
    assert results["protocol"]["name"] == "NMER: β schedule on features, six conditions"
    assert results["corpus"]["synthetic"]
    assert [method["name"] for method in results["methods"]] == ["concat", "nmer_clean"]
    conditions = list(results["methods"][0]["scores"])
    assert conditions[:3] == ["clean", "noisy/a", "noisy/v"]
    six = ["a", "v", "t", "av", "at", "vt"]
    for group, parts in {"noisy": [*six, "avt"], "T=20 impulse": [*six, "avt"], "missing": six}.items():
        assert [c for c in conditions if c.startswith(f"{group}/")] == [
            f"{group}/{part}" for part in (*parts, "mean", "pooled")
        ]
    assert results["methods"][1]["latent"]["size"] == 32
    page = (first_run / "report.html").read_text(encoding="utf-8")
    assert "T=20 impulse" in page
    for section in ("Gallery", "Single modalities", "Face crops"):
        assert section not in page
    model = EmotionModel.from_pretrained(first_run / "checkpoints" / "1" / "seed3" / "concat")
    assert model.encoders["video"].in_dim == 342
    card = (first_run / "checkpoints" / "1" / "seed3" / "concat" / "README.md").read_text(encoding="utf-8")
    assert "feature/beta_schedule" in card
    assert "T=20 impulse/pooled" in card
    assert list((first_run / "tensorboard").rglob("events.*"))
    stages = json.loads((first_run / "resources.json").read_text())["stages"]
    assert list(stages) == ["training", "evaluation"]
    assert stages["training"]["utterances"] > stages["evaluation"]["utterances"] > 0
    assert 'id="resources"' in page


def test_runs_can_be_compared(first_run, tmp_path):
    assert compare.main([str(first_run), "--out", str(tmp_path / "compared")]) == 0
    assert "T=20 impulse" in (tmp_path / "compared" / "tables.md").read_text(encoding="utf-8")


def test_a_broken_off_run_goes_on_without_doing_anything_twice(first_run, release, tmp_path):
    out = tmp_path / "broken off"
    shutil.copytree(first_run, out)
    work = out / "work" / "1" / "seed3"
    for lost in (out / "results.json", work / "concat.json"):
        lost.unlink()
    kept = [work / "nmer_clean.json", out / "checkpoints" / "1" / "seed3" / "teacher64" / "model.safetensors"]
    before = [file.stat().st_mtime_ns for file in kept]
    assert iemocap_features.main(arguments_of(release, out)) == 2
    assert iemocap_features.main(arguments_of(release, out, "--resume")) == 0
    assert [file.stat().st_mtime_ns for file in kept] == before
    assert (out / "results.json").read_bytes() == (first_run / "results.json").read_bytes()


@pytest.mark.slow
def test_a_killed_run_goes_on_and_the_number_of_workers_changes_nothing(first_run, release, tmp_path):
    out = tmp_path / "killed"
    arguments = [*arguments_of(release, out, "--resume"), "--workers", "2"]
    child = subprocess.Popen(
        [sys.executable, "-m", "recipes.iemocap_features", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 600
    while not (out / "checkpoints" / "1" / "seed3" / "teacher64" / "config.json").exists():
        assert child.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not (out / "results.json").exists()
    assert iemocap_features.main(arguments) == 0
    assert (out / "results.json").read_bytes() == (first_run / "results.json").read_bytes()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("--training.epoch=3", "unknown key 'training.epoch'"),
        ("--teacher_loss.reliability=0.3", "unknown key 'teacher_loss.reliability'"),
        ("--teacher_loss.invariance=-1", "weights must be ≥ 0"),
        ("--run.test_folds=[11]", "no fold 11"),
        ('--methods=["nmer_broad"]', "of the raw path alone"),
        ('--methods=["nmr"]', "did you mean 'nmer'"),
        ("--fusion_options.concat.hiden=3", "did you mean 'hidden'"),
        ("--fusion_options.conct.hidden=3", "did you mean 'concat'"),
        ("--evaluation.missing_rates=[0.3, 0.1]", "rising rates"),
        ("--evaluation.unequal_rates=[{audio = 0.1}]", "audio, video, text"),
        ('--noise.noises.text=["feature/mising"]', "feature/missing"),
        ('--noise.noises.text=["text/typo"]', "text"),
    ],
)
def test_wrong_settings(release, tmp_path, capsys, override, message):
    assert iemocap_features.main(arguments_of(release, tmp_path / "out", override)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out" / "work").exists()


def test_a_broken_release_stops_before_training_and_can_be_skipped(release, tmp_path, capsys):
    broken = tmp_path / "broken"
    shutil.copytree(release, broken)
    (broken / "target" / "4" / "val_label.npy").unlink()
    with h5py.File(broken / "V" / "denseface.h5", "r+") as file:
        lost = sorted(file)[0]
        del file[lost]
    out = tmp_path / "out"
    assert iemocap_features.main(arguments_of(broken, out)) == 2
    error = capsys.readouterr().err
    assert "val_label.npy" in error
    assert lost in error
    assert not out.exists()
    quick = ('--methods=["concat"]', "--training.decay_epochs=0")
    assert iemocap_features.main(arguments_of(broken, out, "--skip-bad", *quick)) == 0
    results = read_results(out / "results.json")
    assert any(lost in line for line in results["corpus"]["left_out"])
    assert results["corpus"]["utterances"] == 59


def test_no_release(tmp_path, capsys):
    assert iemocap_features.main(["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    assert "no such folder" in capsys.readouterr().err
