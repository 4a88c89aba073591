"""Lightning, in one process and in two."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning_run import Model, Save, fit, quiet_trainer
from loader_runs import EPOCHS, STEPS_PER_EPOCH, TOTAL, map_loader, run, scheduler, stream_loader
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

import noise_scheduler as ns
from noise_scheduler.torch_data import Guard, StaleNoiseError
from noise_scheduler.torch_data.lightning import NoiseCallback

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def full():
    """The rows of each optimiser step, from a plain loop."""
    return run(map_loader())


def by_step(micro_batches):
    return [first + second for first, second in zip(micro_batches[::2], micro_batches[1::2], strict=True)]


@pytest.mark.parametrize("workers", [0, 2])
def test_equals_a_plain_loop(full, workers):
    seen, trainer = fit(map_loader(batch=4, num_workers=workers, persistent_workers=workers > 0))
    assert by_step(seen) == full
    assert trainer.global_step == TOTAL


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("step", [1, 3, STEPS_PER_EPOCH, STEPS_PER_EPOCH + 1, TOTAL - 1])
def test_resume_goes_on_in_the_middle_of_an_epoch(full, tmp_path, step, workers):
    layout = {"batch": 4, "num_workers": workers, "persistent_workers": workers > 0}
    first, _ = fit(map_loader(**layout), callbacks=[Save(tmp_path, step)])
    assert len(first) == 2 * step
    second, trainer = fit(map_loader(**layout), checkpoint=tmp_path / "at.ckpt")
    assert by_step(first) + by_step(second) == full
    assert trainer.global_step == TOTAL


def test_checkpoint_of_another_configuration(tmp_path):
    fit(map_loader(batch=4), callbacks=[Save(tmp_path, 2)])
    with pytest.raises(StaleNoiseError, match="go on with the same configuration"):
        fit(map_loader(batch=4, noise=scheduler(seed=8)), checkpoint=tmp_path / "at.ckpt")


@pytest.mark.parametrize("step", [STEPS_PER_EPOCH, STEPS_PER_EPOCH + 2])
def test_stateful_loader_is_exact_or_raises(full, tmp_path, step):
    """From an epoch's last batch it resumes to nothing; the missing end of the training is noticed."""
    layout = {"batch": 4, "loader_class": StatefulDataLoader}
    first, _ = fit(map_loader(**layout), callbacks=[Save(tmp_path, step)])
    if step == STEPS_PER_EPOCH:
        with pytest.raises(StaleNoiseError, match="ran dry"):
            fit(map_loader(**layout), checkpoint=tmp_path / "at.ckpt")
    else:
        second, _ = fit(map_loader(**layout), checkpoint=tmp_path / "at.ckpt")
        assert by_step(first) + by_step(second) == full


def test_guard_notices_a_training_that_stops_early():
    guard = Guard(map_loader())
    guard.finish(TOTAL)
    with pytest.raises(StaleNoiseError, match=f"ended at step {TOTAL - 1} of {TOTAL}"):
        guard.finish(TOTAL - 1)


def test_max_steps_ends_a_training_early(full):
    level = ns.uniform(0, ns.linear(0, 1, until=9))
    whole, short = (map_loader(batch=4, noise=scheduler(level=level, total_steps=n)) for n in (TOTAL, 4))
    assert by_step(fit(short, max_steps=4)[0]) == by_step(fit(whole)[0])[:4]


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        ({"total_steps": 1000}, {}, "make 12 optimiser steps, the scheduler counts on 1000"),
        ({}, {"max_epochs": 4}, "make 24 optimiser steps"),
        ({}, {"max_steps": 5}, "give NoiseScheduler total_steps=5"),
        ({}, {"limit_train_batches": 6}, "cut epochs short"),
        ({}, {"limit_train_batches": 0.5}, "cut epochs short"),
        ({}, {"overfit_batches": 4}, "cut epochs short"),
    ],
)
def test_trainings_of_another_length(changes, arguments, message):
    with pytest.raises(StaleNoiseError, match=message):
        fit(map_loader(batch=4, noise=scheduler(**changes)), **arguments)


def test_trying_one_batch_out():
    seen, _ = fit(map_loader(batch=4), fast_dev_run=True)
    assert len(seen) == 1


def test_checkpoint_inside_accumulated_batches(tmp_path):
    class SaveInside(Save):
        def on_train_batch_end(self, trainer, model, outputs, batch, batch_idx):
            if batch_idx == self.step:
                trainer.save_checkpoint(self.file)
                raise KeyboardInterrupt

    fit(map_loader(batch=4), callbacks=[SaveInside(tmp_path, 4)])
    with pytest.raises(StaleNoiseError, match="between accumulated batches"):
        fit(map_loader(batch=4), checkpoint=tmp_path / "at.ckpt")


def test_loader_that_is_built_anew():
    loaders = [map_loader(batch=4), map_loader(batch=4, noise=scheduler(seed=99))]

    class Reloading(Model):
        def train_dataloader(self):
            return loaders[min(self.current_epoch, 1)]

    trainer = quiet_trainer(NoiseCallback(loaders[0]), reload_dataloaders_every_n_epochs=1)
    with pytest.raises(StaleNoiseError, match="built once"):
        trainer.fit(Reloading())


def test_several_optimisers():
    """Lightning's step counts each of them; the plan counts batches."""

    class Adversarial(Model):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False

        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            self.manual_backward(loss)
            for optimizer in self.optimizers():
                optimizer.step()

        def configure_optimizers(self):
            return [torch.optim.SGD(self.parameters(), 0.1), torch.optim.SGD(self.parameters(), 0.1)]

    loader = map_loader()
    trainer, model = quiet_trainer(NoiseCallback(loader), max_steps=8, accumulate_grad_batches=1), Adversarial()
    trainer.fit(model, loader)
    assert [batch[0][0] for batch in model.seen] == [0, 1, 2, 3]


def test_checkpoint_without_the_callback(tmp_path):
    trainer, loader = quiet_trainer(), map_loader(batch=4)
    trainer.fit(Model(), loader)
    trainer.save_checkpoint(tmp_path / "at.ckpt")
    with pytest.raises(StaleNoiseError, match="without NoiseCallback"):
        fit(map_loader(batch=4, noise=scheduler(total_steps=24)), checkpoint=tmp_path / "at.ckpt", max_epochs=4)


def test_validation_outside_training_decides_nothing():
    noise = scheduler(level=ns.keep_in_band("accuracy", 0.4, 0.6))
    feedback = ns.Feedback(noise)
    loader, held_out = map_loader(batch=4, noise=noise, feedback=feedback), DataLoader([torch.zeros(1)])
    trainer = quiet_trainer(NoiseCallback(loader))
    trainer.validate(Model(), held_out, verbose=False)
    trainer.fit(Model(), loader, held_out)
    trainer.validate(Model(), held_out, verbose=False)
    assert len(feedback.trace) == EPOCHS
    with pytest.raises(StaleNoiseError, match="no validation took place"):
        fit(map_loader(batch=4, noise=noise, feedback=ns.Feedback(noise)))


@pytest.mark.parametrize(
    ("loader", "accumulate", "message"),
    [
        (lambda: map_loader(batch=4), 1, "make global_batch=4"),
        (lambda: map_loader(batch=8), 2, "make global_batch=16"),
        (lambda: stream_loader(batch=4), 1, "map-style"),
    ],
)
def test_layouts_that_cannot_hold(loader, accumulate, message):
    with pytest.raises(StaleNoiseError, match=message):
        fit(loader(), accumulate=accumulate)


def test_another_loader_than_the_callback_knows():
    with pytest.raises(StaleNoiseError, match="another loader"):
        fit(map_loader(batch=4), guarded=map_loader(batch=4))


def test_validation_decides(tmp_path):
    """Each validation is heard once, the sanity check is not; the decisions are in the checkpoint and resume."""
    level = ns.uniform(0, ns.keep_in_band("accuracy", 0.4, 0.6, start=0.1, change=0.3))
    noise = scheduler(level=level)

    def train(**arguments):
        feedback = ns.Feedback(noise)
        loader = map_loader(batch=4, noise=noise, feedback=feedback, num_workers=2, persistent_workers=True)
        return fit(loader, validate=True, **arguments)[0], feedback.trace

    seen, trace = train()
    assert [(entry["step"], entry["from"]) for entry in trace] == [(STEPS_PER_EPOCH,) * 2, (TOTAL,) * 2]
    assert [list(entry["values"].values()) for entry in trace] == [[pytest.approx(0.4)], [pytest.approx(0.7)]]
    step = STEPS_PER_EPOCH + 2
    first, _ = train(callbacks=[Save(tmp_path, step)])
    second, resumed = train(checkpoint=tmp_path / "at.ckpt")
    assert first + second == seen
    assert resumed == trace


def two_processes(case, folder):
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)]),
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        environment.pop(name, None)
    command = [sys.executable, str(HERE / "lightning_run.py"), case, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    files = sorted(folder.glob("*.json"))
    assert files, done.stderr
    return [json.loads(file.read_text()) for file in files]


@pytest.mark.parametrize(("case", "samples"), [("sharded", 48), ("ragged", 45)])
def test_two_processes_share_each_step(full, tmp_path, case, samples):
    first, second = (result["seen"] for result in two_processes(case, tmp_path))
    assert len(first) == len(second) == 2 * TOTAL
    merged = [sorted(map(tuple, a + b)) for a, b in zip(by_step(first), by_step(second), strict=True)]
    if samples == 48:
        assert merged == [sorted(step) for step in full]
    assert [{row[0] for row in step} for step in merged] == [{step} for step in range(TOTAL)]
    assert len({row[1] for step in merged[:STEPS_PER_EPOCH] for row in step}) == samples


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("unsharded", "leave rank and world out"),
        ("batch_sampler", "sampler= and batch_size="),
        ("wrong_global_batch", "make global_batch=16"),
        ("foreign", "give it sampler=StepSampler"),
    ],
)
def test_two_processes_that_cannot_hold(tmp_path, case, message):
    results = two_processes(case, tmp_path)
    assert all(message in result["error"] for result in results), results
