"""What all training loops share: averages, early stopping, and several processes."""

import json
import math
import os

import pytest
import torch
from test_settings import CONFIGS
from training_ranks import GLOBAL_BATCH, SAMPLES, STEPS, OneWeight, train

import models
from models.losses import DEFAULT_WEIGHTS
from models.model import encoded_dims
from recipes.jobs import silent
from recipes.raw.conditions import Inputs
from recipes.raw.settings import RawSettings
from recipes.settings import SettingsError, load
from recipes.trainer import TrainerSettings, TrainingError, other_ranks
from recipes.training import fit_fusion

needs_no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


def test_without_averaging_the_best_epoch_is_kept(tmp_path):
    training, fitted = train(tmp_path, scores=(0.5, 0.9, 0.7))
    per_epoch = STEPS // 3
    assert fitted == (0.9, STEPS)
    assert training.best_state["weight"].item() == training.weights[2 * per_epoch - 1]


def test_the_average_of_the_weights_is_kept(tmp_path):
    training, _ = train(tmp_path, scores=(0.5, 0.9, 0.7), ema_decay=0.75)
    average = training.weights[0]
    for weight in training.weights[1 : 2 * STEPS // 3]:
        average = 0.75 * average + 0.25 * weight
    assert training.best_state["weight"].item() == pytest.approx(average, rel=1e-5)
    assert training.best_state["weight"].item() != pytest.approx(training.weights[2 * STEPS // 3 - 1], rel=1e-3)


@pytest.mark.parametrize(("patience", "epochs"), [(0, 6), (1, 2), (2, 5)])
def test_patience_ends_a_training(tmp_path, patience, epochs):
    scores = (0.5, 0.4, 0.6, 0.6, 0.1, 0.9)
    _, fitted = train(tmp_path, epochs=6, scores=scores, patience=patience)
    assert fitted == (max(scores[:epochs]), epochs * (STEPS // 3))


def test_a_diverged_training_says_so(tmp_path):
    with pytest.raises(TrainingError, match="diverged: lower learning_rate of its part"):
        train(tmp_path, scores=(math.nan, math.nan, math.nan))


def test_weights_that_are_not_finite_are_no_model(tmp_path, monkeypatch):
    monkeypatch.setattr(OneWeight, "training_step", lambda self, batch: self.layer.weight.sum() * math.nan)
    with pytest.raises(TrainingError, match="the training of log diverged"):
        train(tmp_path, scores=(0.5, 0.5, 0.5))


@pytest.mark.slow
def test_two_processes_are_one_training(tmp_path):
    """Each step has the samples and the noise that one process gives it, a half on each rank, and one weight."""
    (tmp_path / "one").mkdir()
    alone, _ = train(tmp_path / "one")
    environment = dict(os.environ)
    with other_ranks(train, tmp_path, 2, devices=2):
        _, fitted = train(tmp_path, 2)
    assert dict(os.environ) == environment
    assert not torch.distributed.is_initialized()
    ranks = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    assert ranks[0]["weights"] == ranks[1]["weights"]
    assert fitted.steps == STEPS
    for step, (whole, *halves) in enumerate(zip(alone.seen, *(rank["seen"] for rank in ranks), strict=True)):
        assert [len(half[0]) for half in halves] == [GLOBAL_BATCH // 2] * 2
        assert {number for half in halves for number in half[0]} == {step}
        rows = dict(zip(whole[1], whole[2], strict=True))
        assert {row: wave for half in halves for row, wave in zip(half[1], half[2], strict=True)} == rows
    assert len({row for rows in alone.seen[: SAMPLES // GLOBAL_BATCH] for row in rows[1]}) == STEPS // 3 * GLOBAL_BATCH


def fails_on_other_ranks():
    raise ValueError("no such data here")


@pytest.mark.slow
def test_a_failed_rank_is_told(capfd):
    with pytest.raises(RuntimeError, match="2 devices failed"), other_ranks(fails_on_other_ranks, devices=2):
        pass
    assert "no such data here" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("override", "message"),
    [
        pytest.param("--trainer.accelerator=gpu", "trainer: accelerator 'gpu': torch sees no GPU", marks=needs_no_gpu),
        pytest.param("--trainer.precision=16-mixed", "trainer: precision '16-mixed' needs a GPU", marks=needs_no_gpu),
        ("--trainer.precision=half", "trainer.precision must be '32-true'"),
        ("--trainer.devices=0", "devices must be ≥ 1"),
        ("--trainer.patience=-1", "patience ≥ 0"),
        ("--trainer.devices=3", "finetune.batch_size = 16 must be a multiple of trainer.devices = 3"),
        ("--encoder.ema_decay=1.0", "encoder: ema_decay must be in"),
        ("--finetune.ema_decay=-0.1", "finetune: ema_decay must be in"),
    ],
)
def test_settings_that_this_machine_or_any_cannot_meet(override, message):
    with pytest.raises(SettingsError, match=message):
        load(RawSettings, CONFIGS[0], [override])


def test_compiling_needs_a_compiler(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ValueError, match=r"compile needs a C\+\+ compiler"):
        TrainerSettings(compile=True)


@needs_no_gpu
def test_auto_is_the_cpu_where_there_is_no_gpu():
    assert not TrainerSettings(accelerator="auto").on_gpu


def test_a_fusion_whose_validation_gives_no_number_says_so(tmp_path):
    """With a meter beside it, whose weights are no model on their own."""
    model = models.create("experts", classes=2, seed=0)

    def views(step, draw, rows):
        widths = encoded_dims(dict(model.encoders.items())).items()
        features = {name: torch.ones(len(rows), width) for name, width in widths}
        there = {name: torch.ones(len(rows), dtype=torch.bool) for name in features}
        return Inputs(features, there, {name: torch.zeros(len(rows)) for name in features})

    assert model.meter is not None
    with pytest.raises(TrainingError, match="diverged: lower learning_rate of its part"):
        fit_fusion(
            model,
            None,
            views,
            views,
            torch.tensor([0, 1, 0, 1]),
            lambda averaged: math.nan,
            epochs=1,
            batch_size=2,
            learning_rate=1e-3,
            weight_decay=0.0,
            ema_decay=0.9,
            consistency_weight=0.0,
            weights=DEFAULT_WEIGHTS,
            class_weight=None,
            seed=0,
            log=tmp_path / "log",
            report=silent,
            patience=0,
        )
