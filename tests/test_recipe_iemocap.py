"""The recipe from a small corpus to the report: repeatable, resumable, clear about bad input."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from models.model import EmotionModel
from recipes import iemocap
from recipes.demo_corpus import generate
from recipes.report import read_results

ROOT = Path(__file__).parent.parent
SMALL = [
    "--run.seeds=[3]",
    "--run.test_folds=[2]",
    "--data.frames=3",
    "--encoder.clean_epochs=1",
    "--encoder.noisy_epochs=1",
    "--encoder.batch_size=8",
    "--bank.views=2",
    "--fusion.epochs=5",
    "--fusion.batch_size=16",
    "--finetune.batch_size=8",
    "--evaluation.views=1",
    "--evaluation.curve_levels=[0.5, 1.0]",
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus") / "demo"
    generate(folder, utterances=60)
    return folder


@pytest.fixture(scope="module")
def first_run(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "first"
    arguments = ["--data", str(corpus), "--out", str(out), "--workers", "0", "--finetune.epochs=1", *SMALL]
    assert iemocap.main(arguments) == 0
    return out


def arguments_of(corpus, out, cache, *more):
    return ["--data", str(corpus), "--out", str(out), "--cache", str(cache), *SMALL, "--finetune.epochs=1", *more]


def test_report_results_and_checkpoints(first_run):
    results = read_results(first_run / "results.json")
    names = [method["name"] for method in results["methods"]]
    assert names == ["nmer", "concat", "nmer_zero", "nmer_clean", "nmer_finetuned"]
    assert results["corpus"]["synthetic"]
    assert "<html" in (first_run / "report.html").read_text(encoding="utf-8")
    for name in names:
        assert EmotionModel.from_pretrained(first_run / "checkpoints" / "Ses01M" / "seed3" / name).classes == (
            "neutral",
            "happy",
            "angry",
            "sad",
        )
    settings = json.loads((first_run / "settings.json").read_text())
    assert settings["settings"]["run"]["seeds"] == [3]
    assert "torch" in json.loads((first_run / "environment.json").read_text())[0]["packages"]
    assert list((first_run / "tensorboard").rglob("events.*"))
    stages = json.loads((first_run / "resources.json").read_text())["stages"]
    assert list(stages) == ["decoding", "encoder training", "bank", "fusion", "end-to-end fine-tuning", "evaluation"]
    assert stages["decoding"]["utterances"] == results["corpus"]["utterances"]
    train = results["protocol"]["runs"][0]["train"]
    assert stages["end-to-end fine-tuning"]["utterances"] == train // 8 * 8
    assert 'id="resources"' in (first_run / "report.html").read_text(encoding="utf-8")
    card = (first_run / "checkpoints" / "Ses01M" / "seed3" / "nmer" / "README.md").read_text(encoding="utf-8")
    assert "bootstrap of UA" in card


def test_fine_tuning_trains_the_encoders(first_run):
    folder = first_run / "checkpoints" / "Ses01M" / "seed3"
    before = EmotionModel.from_pretrained(folder / "nmer").state_dict()
    after = EmotionModel.from_pretrained(folder / "nmer_finetuned").state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    for part in ("encoders.audio", "encoders.video", "encoders.text", "fusion"):
        assert any(name.startswith(part) for name in moved), part


@pytest.mark.parametrize(("student", "teacher"), [("nmer", "teacher64_noisy"), ("nmer_zero", "teacher64_clean")])
def test_the_clean_teacher_sees_what_its_student_sees(first_run, student, teacher):
    """They share encoders, so that what is to be reconstructed lies in what the student is given of clean data."""
    folder = first_run / "checkpoints" / "Ses01M" / "seed3"
    theirs, own = (EmotionModel.from_pretrained(folder / name).encoders.state_dict() for name in (student, teacher))
    assert all(torch.equal(theirs[name], own[name]) for name in own)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ["--trainer.devices=2", "--finetune.loader_workers=1"],
        ["--trainer.precision=bf16-mixed", "--encoder.ema_decay=0.5", "--finetune.ema_decay=0.5"],
        ["--trainer.compile=true", "--trainer.patience=1"],
    ],
    ids=["two processes", "bf16 and averages", "compiled"],
)
def test_other_trainers_finish_a_model(first_run, corpus, tmp_path, settings):
    arguments = arguments_of(corpus, tmp_path / "run", first_run.parent / "cache", "--workers", "0", *settings)
    assert iemocap.main(arguments) == 0
    folder = tmp_path / "run" / "checkpoints" / "Ses01M" / "seed3"
    before, after = (EmotionModel.from_pretrained(folder / name) for name in ("nmer", "nmer_finetuned"))
    for part in ("encoders.audio", "encoders.video", "encoders.text", "fusion"):
        pairs = [
            (old, new)
            for (name, old), new in zip(before.state_dict().items(), after.state_dict().values(), strict=True)
            if name.startswith(part) and old.is_floating_point()
        ]
        assert all(torch.isfinite(new).all() for _, new in pairs), part
        assert any(not torch.equal(old, new) for old, new in pairs), part
    methods = read_results(tmp_path / "run" / "results.json")["methods"]
    assert methods[-1]["scores"]["clean"]["ua"]["mean"] > 0


def test_the_number_of_workers_changes_nothing(first_run, corpus, tmp_path):
    """Two processes for the jobs and two for the loader of the fine-tuning, against none."""
    more = ("--workers", "2")
    arguments = arguments_of(corpus, tmp_path / "again", first_run.parent / "cache", *more)
    assert iemocap.main(arguments) == 0
    assert (tmp_path / "again" / "results.json").read_bytes() == (first_run / "results.json").read_bytes()


def test_a_killed_run_goes_on(first_run, corpus, tmp_path):
    """Killed in the encoders, killed in the fusions, then resumed: the same results as in one go."""
    out = tmp_path / "killed"
    arguments = arguments_of(corpus, out, first_run.parent / "cache", "--workers", "1", "--resume")
    for landmark in ("text.bank.safetensors", "concat.json"):  # in the folder of the run: encoders are not shared
        child = subprocess.Popen(
            [sys.executable, "-m", "recipes.iemocap", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 300
        while not (out / "work" / "Ses01M" / "seed3" / landmark).exists():
            assert child.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert not (out / "results.json").exists()
    assert iemocap.main(arguments) == 0
    assert (out / "results.json").read_bytes() == (first_run / "results.json").read_bytes()


def test_a_run_is_not_overwritten(first_run, corpus, capsys):
    before = (first_run / "results.json").read_bytes()
    arguments = arguments_of(corpus, first_run, first_run.parent / "cache")
    assert iemocap.main(arguments) == 2
    assert "--resume" in capsys.readouterr().err
    assert iemocap.main([*arguments, "--resume", "--fusion.epochs=6"]) == 2
    assert "settings.fusion.epochs" in capsys.readouterr().err
    assert (first_run / "results.json").read_bytes() == before


def test_what_is_no_run_is_not_gone_on_with(first_run, corpus, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("a life's work")
    assert iemocap.main([*arguments_of(corpus, tmp_path, first_run.parent / "cache"), "--resume"]) == 2
    assert "holds no run" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("--fusion.epoch=3", "unknown key 'fusion.epoch'; did you mean 'epochs'"),
        ("--run.test_folds=[11]", "no fold 11"),
        ("--data.folds=dialog", "'session' or 'speaker'"),
        ("--seed=1", "unknown key 'seed'"),
        ('--noise.noises.text=["text/missing"]', "nothing to judge by"),
        ('--noise.noises.audio=[{noise = "audio/background", folder = "nowhere"}]', "nowhere"),
    ],
)
def test_wrong_settings(first_run, corpus, tmp_path, capsys, override, message):
    arguments = arguments_of(corpus, tmp_path / "out", first_run.parent / "cache", override)
    assert iemocap.main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out" / "work").exists()


def test_bad_input_stops_before_training_and_can_be_skipped(first_run, corpus, tmp_path, capsys):
    broken = tmp_path / "broken"
    shutil.copytree(corpus, broken)
    wave = sorted(broken.glob("Session2/sentences/wav/*/[!.]*.wav"))[0]
    wave.write_bytes(wave.read_bytes()[:-1000])
    missing = sorted(broken.glob("Session3/dialog/transcriptions/[!.]*.txt"))[0]
    missing.unlink()
    out = tmp_path / "out"
    arguments = ["--data", str(broken), "--out", str(out), "--workers", "0", *SMALL]
    assert iemocap.main(arguments) == 2
    error = capsys.readouterr().err
    assert wave.name in error
    assert missing.name in error
    assert not (out / "work").exists()

    assert iemocap.main([*arguments, "--skip-bad"]) == 0
    left_out = read_results(out / "results.json")["corpus"]["left_out"]
    assert any(wave.name in line for line in left_out)
    assert missing.name in (out / "report.html").read_text(encoding="utf-8")
