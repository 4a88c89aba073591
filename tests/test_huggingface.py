"""The Hugging Face Trainer, in one process and in two, over a `datasets.Dataset`."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_run import Model, accelerated, corpus, train
from loader_runs import STEPS_PER_EPOCH, TOTAL, Corpus, id_of, map_loader, run, scheduler
from torch.utils.data import Subset
from transformers import TrainingArguments

import noise_scheduler as ns
from noise_scheduler.torch_data import Scheduled, StaleNoiseError
from noise_scheduler.torch_data.huggingface import ScheduledTrainer

HERE = Path(__file__).parent
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def full():
    """The rows of each optimiser step, from a plain loop."""
    return run(map_loader())


def by_step(micro_batches):
    return [first + second for first, second in zip(micro_batches[::2], micro_batches[1::2], strict=True)]


@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
def test_equals_a_plain_loop(full, workers, persistent):
    seen, trainer = train(dataloader_num_workers=workers, dataloader_persistent_workers=persistent)
    assert by_step(seen) == full
    assert trainer.state.global_step == TOTAL
    assert trainer.model.given == {torch.Tensor, list}


def test_accelerate_equals_a_plain_loop(full):
    assert by_step(accelerated(batch=4)) == full


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a checkpoint of each step."""
    folder = tmp_path_factory.mktemp("checkpoints")
    train(out=folder, save_strategy="steps", save_steps=1)
    return folder


@pytest.mark.parametrize("step", range(1, TOTAL))
def test_resume_at_every_step(full, saved, step):
    seen, trainer = train(resume=str(saved / f"checkpoint-{step}"), dataloader_num_workers=step % 3)
    assert by_step(seen) == full[step:]
    assert trainer.state.global_step == TOTAL


def test_checkpoint_of_another_configuration(saved):
    with pytest.raises(StaleNoiseError, match="same configuration"):
        train(resume=str(saved / "checkpoint-3"), noise=scheduler(seed=8))


def test_checkpoint_of_another_trainer(saved, tmp_path):
    (tmp_path / "checkpoint-3").symlink_to(saved / "checkpoint-4")
    with pytest.raises(StaleNoiseError, match="not saved by ScheduledTrainer"):
        train(resume=str(tmp_path))


def test_accumulation_and_padding(full):
    seen, _ = train(batch=8, accumulate=1)
    assert seen == full
    padded, trainer = train(
        data=corpus(45), noise=scheduler(steps_per_epoch=6), dataloader_drop_last=False, dataloader_num_workers=1
    )
    assert len({row[1] for step in padded[: 2 * STEPS_PER_EPOCH] for row in step}) == 45
    assert trainer.state.global_step == TOTAL


def test_columns_must_be_kept(tmp_path):
    data = Scheduled(corpus(), scheduler(), id_of)
    with pytest.raises(StaleNoiseError, match="remove_unused_columns=False"):
        ScheduledTrainer(Model(), TrainingArguments(str(tmp_path), use_cpu=True), train_dataset=data)


def test_scheduler_that_counts_on_other_epochs():
    with pytest.raises(StaleNoiseError, match="steps_per_epoch"):
        train(noise=scheduler(steps_per_epoch=STEPS_PER_EPOCH + 1))


def adapting(metric):
    """A level that rises by 0.3 at each decision, whatever the metric."""
    return scheduler(level=ns.uniform(0, ns.keep_in_band(metric, -2e9, -1e9, start=0.1, change=0.3)))


@pytest.mark.parametrize(
    ("held_out", "metric"), [(("all",), "eval_loss"), (("a", "b"), "eval_b_loss")], ids=["one", "several"]
)
def test_evaluation_decides(tmp_path, held_out, metric):
    """Each evaluation of the training is heard once, all its sets together; a resume decides the same."""
    parts = {name: [Corpus()[index] for index in range(8)] for name in held_out}
    noise = adapting(metric)

    def run_with(**more):
        feedback = ns.Feedback(noise)
        seen, trainer = train(
            noise=noise, feedback=feedback, evaluate=parts if len(parts) > 1 else parts["all"], eval_strategy="epoch",
            eval_on_start=True, out=tmp_path, save_strategy="steps", save_steps=4, dataloader_num_workers=1, **more,
        )  # fmt: skip
        trace = [(entry["step"], entry["from"], *entry["values"].values()) for entry in feedback.trace]
        trainer.evaluate()
        assert len(feedback.trace) == len(trace)
        return seen, trace

    seen, trace = run_with()
    assert trace == [(STEPS_PER_EPOCH,) * 2 + (pytest.approx(0.4),), (TOTAL,) * 2 + (pytest.approx(0.7),)]
    resumed, again = run_with(resume=str(tmp_path / "checkpoint-8"))
    assert resumed == seen[16:]
    assert again == trace


def test_evaluation_that_never_comes():
    noise = adapting("eval_loss")
    with pytest.raises(StaleNoiseError, match="set eval_strategy"):
        train(noise=noise, feedback=ns.Feedback(noise))


def test_trainings_of_another_length():
    with pytest.raises(StaleNoiseError, match="make 12 optimiser steps, the scheduler counts on 1000"):
        train(noise=scheduler(total_steps=1000))
    with pytest.raises(StaleNoiseError, match="total_steps=5"):
        train(max_steps=5)


def test_resume_in_another_order(saved):
    with pytest.raises(StaleNoiseError, match="made with seed=3"):
        train(resume=str(saved / "checkpoint-3"), data_seed=4)
    with pytest.raises(StaleNoiseError, match="made with global_batch=8"):
        train(resume=str(saved / "checkpoint-3"), accumulate=1)


def test_what_cannot_be_trained_on(tmp_path):
    with pytest.raises(StaleNoiseError, match="must be Scheduled"):
        train(data=None, wrap=lambda data: Subset(data, range(8)))
    with pytest.raises(StaleNoiseError, match="ignore_data_skip"):
        train(ignore_data_skip=True)


@pytest.mark.parametrize("case", ["whole", "split", "accelerate"])
def test_two_processes_share_each_step(full, tmp_path, case):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = []
    for rank in range(2):
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)]),
            "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
            "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        command = [sys.executable, str(HERE / "huggingface_run.py"), case, str(tmp_path)]
        processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert all(process.returncode == 0 for process in processes), errors
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    merged = [sorted(map(tuple, a + b)) for a, b in zip(by_step(first), by_step(second), strict=True)]
    assert merged == [sorted(step) for step in full]
