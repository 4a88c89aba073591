"""Wrong layouts and stale noise raise, with the remedy."""

import copy
import pickle

import numpy as np
import pytest
import torch
from loader_runs import (
    SAMPLES,
    STEPS_PER_EPOCH,
    Corpus,
    Stream,
    id_of,
    map_loader,
    run_stream,
    scheduler,
    stream_loader,
)
from torch.utils.data import ConcatDataset, DataLoader, Subset, get_worker_info

import noise_scheduler as ns
from noise_scheduler.torch_data import Guard, Scheduled, ScheduledIterable, StaleNoiseError, StepSampler

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def dataset():
    return Scheduled(Corpus(), scheduler(), id_of)


def sampler(**changes):
    return StepSampler(**({"length": SAMPLES, "global_batch": 8} | changes))


def test_plain_index_raises_in_the_loader():
    with pytest.raises(RuntimeError, match="sampler=StepSampler"):
        next(iter(DataLoader(dataset(), batch_size=8)))
    with pytest.raises(RuntimeError, match="inside Scheduled"):
        next(iter(DataLoader(Subset(dataset(), range(SAMPLES)), batch_size=8)))
    with pytest.raises(RuntimeError, match="inside Scheduled"):
        next(iter(DataLoader(ConcatDataset([dataset(), dataset()]), batch_size=8)))


@pytest.mark.parametrize("wrap", [lambda d: Subset(d, range(SAMPLES)), lambda d: ConcatDataset([d])])
def test_wrappers_outside_raise_in_the_guard_and_in_the_loader(wrap):
    loader = DataLoader(wrap(dataset()), batch_size=8, sampler=sampler())
    with pytest.raises(StaleNoiseError, match="inside"):
        Guard(loader)
    with pytest.raises((IndexError, ValueError)):
        next(iter(loader))


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (lambda: DataLoader(dataset(), batch_size=8, shuffle=True), "RandomSampler: give it sampler=StepSampler"),
        (lambda: DataLoader(dataset(), batch_size=4, sampler=sampler()), "make global_batch=4"),
        (lambda: map_loader(batch=16, sampler=sampler(global_batch=8)), "make global_batch=16"),
        (lambda: DataLoader(dataset(), batch_size=8, sampler=sampler(length=40)), "counts on 40 samples"),
        (lambda: map_loader(num_workers=2, in_order=False), "in_order"),
        (lambda: map_loader(noise=scheduler(steps_per_epoch=7)), "steps_per_epoch=sampler.steps_per_epoch"),
        (lambda: DataLoader(Corpus(), batch_size=8), "wrap it as Scheduled"),
        (lambda: stream_loader(2, in_order=False), "in_order"),
        (
            lambda: DataLoader(ScheduledIterable(Stream(), scheduler(), id_of, batch_size=4), batch_size=8),
            "counts on 4",
        ),
        (lambda: stream_loader(accumulate=2), "counts on 2"),
    ],
)
def test_layouts_that_cannot_hold(loader, message):
    with pytest.raises(StaleNoiseError, match=message):
        Guard(loader())


def test_forgotten_set_epoch():
    loader = map_loader()
    guard = Guard(loader)
    for step, batch in enumerate(loader):
        guard.check(batch, step)
    with pytest.raises(StaleNoiseError, match=r"planned for step 0, the trainer is at step 6: call sampler\.set_epoch"):
        guard.check(next(iter(loader)), STEPS_PER_EPOCH)


def test_accumulation_that_the_trainer_does_not_do():
    loader = map_loader(batch=4)
    guard, batches = Guard(loader, accumulate=2), iter(loader)
    guard.check(next(batches), 0)
    with pytest.raises(StaleNoiseError, match="planned for step 0, the trainer is at step 1"):
        guard.check(next(batches), 1)


def test_collate_that_drops_the_step():
    loader = map_loader(collate_fn=lambda samples: {"audio": [sample["audio"] for sample in samples]})
    with pytest.raises(KeyError, match="keep it in collate_fn"):
        Guard(loader).check(next(iter(loader)), 0)


@pytest.mark.parametrize(
    "collate",
    [list, lambda s: ({"noise_step": [x["noise_step"] for x in s]}, 5), lambda s: torch.utils.data.default_collate(s)],
)
def test_batches_of_many_forms_are_understood(collate):
    loader = map_loader(collate_fn=collate)
    batch = next(iter(loader))
    Guard(loader).check(batch, 0)
    with pytest.raises(StaleNoiseError, match="trainer is at step 3"):
        Guard(loader).check(batch, 3)


def test_data_sets_cannot_be_changed():
    loader = map_loader(num_workers=1, persistent_workers=True)
    next(iter(loader))
    for name in ("scheduler", "feedback", "dataset", "id_of"):
        with pytest.raises(AttributeError, match="workers hold copies"):
            setattr(loader.dataset, name, None)
    with pytest.raises(AttributeError):
        loader.dataset.scheduler.level = 0.5


def test_checkpoint_of_another_configuration():
    state = Guard(map_loader()).state_dict(4)
    assert Guard(map_loader()).load_state_dict(state) == 4
    other = Guard(map_loader(noise=scheduler(seed=8)))
    with pytest.raises(StaleNoiseError, match=state["config"]):
        other.load_state_dict(state)
    assert other.sampler.epoch == other.sampler.first_batch == 0


def test_checkpoint_survives_torch_save(tmp_path):
    noise = scheduler(level=ns.self_paced("loss", worst=2, best=1))
    feedback = ns.Feedback(noise)
    guard = Guard(map_loader(noise=noise, feedback=feedback))
    feedback.update({"loss": 1.5}, step=6)
    torch.save(guard.state_dict(7), tmp_path / "checkpoint.pt")
    again = ns.Feedback(noise)
    resumed = Guard(map_loader(noise=noise, feedback=again))
    assert resumed.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True)) == 7
    assert again.trace == feedback.trace
    assert resumed.sampler.epoch == 1


def test_adaptive_schedulers_need_feedback():
    noise = scheduler(level=ns.keep_in_band("accuracy", 0.5, 0.7))
    with pytest.raises(ValueError, match="feedback=Feedback"):
        Scheduled(Corpus(), noise)
    with pytest.raises(ValueError, match="another scheduler"):
        Scheduled(Corpus(), noise, feedback=ns.Feedback(scheduler(level=ns.keep_in_band("loss", 0.5, 0.7))))


def test_decision_that_comes_too_late():
    """A delay shorter than the loader prefetches is caught at the first batch that was planned without it."""
    noise = scheduler(level=ns.keep_in_band("accuracy", 0.5, 0.7))
    feedback = ns.Feedback(noise, delay=1)
    loader = map_loader(noise=noise, feedback=feedback, num_workers=2, prefetch_factor=2)
    guard, batches = Guard(loader), iter(loader)
    guard.check(next(batches), 0)
    prefetched = next(batches)  # planned by now
    feedback.update({"accuracy": 0.9}, step=0)
    with pytest.raises(StaleNoiseError, match="longer delay"):
        guard.check(prefetched, 1)


def test_stream_without_a_step():
    loader = stream_loader(2, persistent_workers=True)
    with pytest.raises(RuntimeError, match=r"call set_step\(optimiser steps done\) before every pass"):
        next(iter(loader))
    loader = stream_loader(2, persistent_workers=True)
    loader.dataset.set_step(0)
    assert len(list(loader)) == 12
    with pytest.raises(RuntimeError, match="call set_step"):
        next(iter(loader))


class Uneven(Stream):
    """Worker 0 has 8 samples, worker 1 has 16."""

    def __iter__(self):
        worker = get_worker_info().id
        return iter([self.corpus[index] for index in range(8 * worker, 8 + 16 * worker)])


def test_stream_with_unequal_shards():
    data = ScheduledIterable(Uneven(), scheduler(steps_per_epoch=None), id_of, batch_size=4)
    with pytest.raises(StaleNoiseError, match="equally many batches in each worker"):
        run_stream(DataLoader(data, batch_size=4, num_workers=2), epochs=1)


def test_stream_whose_order_is_lost():
    """Batches that arrive in another order than planned are noticed, whatever let them."""
    loader = stream_loader()
    loader.dataset.set_step(0)
    guard, (first, second, *_) = Guard(loader), loader
    guard.check(first, 0)
    with pytest.raises(StaleNoiseError, match="planned for step 1, the trainer is at step 2"):
        guard.check(second, 2)


def test_several_processes_without_a_group(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="init_process_group"):
        next(iter(sampler()))
    assert len(list(sampler(rank=1, world=2))) == SAMPLES // 2
    with pytest.raises(ValueError, match="multiple of the number of processes"):
        len(sampler(rank=1, world=3))
    for wrong in ({"rank": 1}, {"rank": 2, "world": 2}, {"world": 1}):
        with pytest.raises(ValueError, match="rank and world"):
            sampler(**wrong)


def test_levels_are_targets_in_the_order_of_the_modalities():
    noise = ns.NoiseScheduler(
        {"text": "text/word_loss", "audio": "audio/missing"}, level={"audio": 0.25, "text": 0.75},
        condition=ns.fixed("at"),
    )  # fmt: skip
    item = Scheduled(Corpus(), noise)[1 << 32]
    assert noise.modalities == ("audio", "text")
    assert np.array_equal(item["levels"], np.float32([0.25, 0.75]))


@pytest.mark.parametrize(
    ("changes", "message"), [({"seed": 4}, "seed=0, StepSampler has seed=4"), ({"global_batch": 4}, "global_batch=8")]
)
def test_checkpoint_of_another_order(changes, message):
    state = Guard(map_loader(sampler=sampler(), noise=scheduler(steps_per_epoch=None))).state_dict(3)
    other = sampler(**changes)
    guard = Guard(map_loader(sampler=other, batch=other.global_batch, noise=scheduler(steps_per_epoch=None)))
    with pytest.raises(StaleNoiseError, match=message):
        guard.load_state_dict(state)


def test_what_is_no_checkpoint():
    with pytest.raises(StaleNoiseError, match="lacks config, order, step"):
        Guard(map_loader()).load_state_dict({"epoch": 3})


def test_mappings_of_a_scheduler_cannot_be_changed():
    noise = ns.NoiseScheduler({"text": "text/word_loss"}, level={"text": 0.2})
    for mapping in (noise.noises, noise.level):
        with pytest.raises(TypeError, match="does not support item assignment"):
            mapping["text"] = 0.9


def test_a_copy_would_not_hear_decisions():
    noise = scheduler(level=ns.keep_in_band("accuracy", 0.5, 0.7))
    for copied in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="make a new one in each process"):
            copied(Scheduled(Corpus(), noise, feedback=ns.Feedback(noise)))
        copied(dataset())


def test_another_trace_of_equal_length_reaches_running_workers():
    """A roll-back must not leave workers with the decisions of before."""
    noise = scheduler(level=ns.keep_in_band("accuracy", 0.5, 0.7, start=0.1, change=0.5), condition=ns.fixed("at"))
    feedback, traces = ns.Feedback(noise), []
    for accuracy in (0.9, 0.6):
        other = ns.Feedback(noise)
        other.update({"accuracy": accuracy}, step=6)
        traces.append(other.state_dict())
    loader = map_loader(noise=noise, feedback=feedback, num_workers=1, persistent_workers=True)
    guard = Guard(loader)
    for trace, level in zip(traces, (0.6, 0.1), strict=True):
        feedback.load_state_dict(trace)
        guard.sampler.set_step(6)
        batch = next(iter(loader))
        guard.check(batch, 6)
        assert float(batch["levels"].max()) == pytest.approx(level)


def _set_step_and_read(data, results):
    data.set_step(0)
    results.put(len(list(DataLoader(data, batch_size=4))))


def test_streams_of_several_processes_do_not_share_their_step():
    context = torch.multiprocessing.get_context("fork")
    data, results = stream_loader().dataset, context.SimpleQueue()
    processes = [context.Process(target=_set_step_and_read, args=(data, results)) for _ in range(2)]
    for process in processes:
        process.start()
    assert [results.get() for _ in processes] == [12, 12]
    for process in processes:
        process.join()


def test_training_longer_than_the_schedule():
    loader = map_loader(noise=scheduler(total_steps=4))
    guard = Guard(loader)
    for step, batch in zip(range(4), loader, strict=False):
        guard.check(batch, step)
    guard.sampler.set_step(4)
    with pytest.raises(StaleNoiseError, match="goes on at step 4, the scheduler counts on 4"):
        guard.check(next(iter(loader)), 4)


def test_epochs_given_for_steps():
    noise = scheduler(level=ns.keep_in_band("accuracy", 0.5, 0.7))
    feedback = ns.Feedback(noise)
    loader = map_loader(noise=noise, feedback=feedback)
    guard = Guard(loader)
    for step, batch in enumerate(loader):
        guard.check(batch, step)
    feedback.update({"accuracy": 0.9}, step=STEPS_PER_EPOCH)
    guard.sampler.set_epoch(1)
    guard.check(next(iter(loader)), STEPS_PER_EPOCH)
    with pytest.raises(ns.FeedbackError, match="not of epochs"):
        feedback.update({"accuracy": 0.9}, step=1)
    assert len(feedback.trace) == 1


def test_differences_of_configurations_are_named():
    state = Guard(map_loader()).state_dict(4)
    with pytest.raises(StaleNoiseError, match=r"\(seed: 7 → 8; total_steps: 12 → 20\)"):
        Guard(map_loader(noise=scheduler(seed=8, total_steps=20))).load_state_dict(state)


def test_samples_that_cannot_be_are_named():
    with pytest.raises(ns.SampleError, match="a sample is a mapping such as"):
        Scheduled([(np.zeros(5), 1)], scheduler())[1 << 32]
    broken = Corpus()[0] | {"audio": np.full(200, np.nan, np.float32)}
    with pytest.raises(ns.SampleError, match=r"sample 'u0': audio: audio/[a-z_]*: audio holds NaN"):
        Scheduled([broken], scheduler(level=1, condition=ns.fixed("a")), id_of)[1 << 32]
