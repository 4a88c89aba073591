"""The same batches, byte for byte, from loaders of every layout."""

import multiprocessing
from itertools import product

import pytest
import torch
from loader_runs import (
    EPOCHS,
    SAMPLES,
    STEPS_PER_EPOCH,
    TOTAL,
    BatchedCorpus,
    Corpus,
    map_loader,
    rows,
    run,
    scheduler,
)

import noise_scheduler as ns
from noise_scheduler.torch_data import Guard, StepSampler

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")
multiprocessing.set_forkserver_preload(["torch", "noise_scheduler", "loader_runs"])


@pytest.fixture(scope="module")
def full():
    return run(map_loader())


def test_reference_is_the_plan(full):
    """The reference itself is what planning and applying by hand give."""
    assert [step for batch in full for step, _, _ in batch] == [s for s in range(TOTAL) for _ in range(8)]
    assert len({row for batch in full for row in batch}) == SAMPLES * EPOCHS
    for epoch in range(EPOCHS):
        seen = [sample_id for batch in full[epoch * STEPS_PER_EPOCH :][:STEPS_PER_EPOCH] for _, sample_id, _ in batch]
        assert sorted(seen) == sorted(f"u{i}" for i in range(SAMPLES))
    noise, corpus = scheduler(), Corpus()
    for step, sample_id, digest in full[7]:
        sample = corpus[int(sample_id[1:])]
        noisy, record = noise(sample, id=sample_id, step=step)
        levels = [record.level(modality) for modality in noise.modalities]
        batch = {"id": [sample_id], "noise_step": [step], "text": [noisy["text"]]}
        batch |= {"audio": torch.from_numpy(noisy["audio"][None]), "levels": torch.tensor([levels])}
        assert rows(batch) == [(step, sample_id, digest)]


LAYOUTS = list(product((1, 2, 3), (1, 4), (False, True), (False, True)))


def layout(workers, prefetch, persistent, context):
    return {
        "num_workers": workers,
        "prefetch_factor": prefetch,
        "persistent_workers": persistent,
        "multiprocessing_context": context,
    }


@pytest.mark.parametrize(("workers", "prefetch", "persistent", "batch_sampler"), LAYOUTS)
def test_forked_workers(full, workers, prefetch, persistent, batch_sampler):
    loader = map_loader(batch_sampler=batch_sampler, **layout(workers, prefetch, persistent, "fork"))
    assert run(loader) == full


@pytest.mark.parametrize("context", ["spawn", "forkserver"])
@pytest.mark.parametrize("persistent", [False, True])
def test_fresh_workers(full, context, persistent):
    assert run(map_loader(batch_sampler=persistent, **layout(2, 2, persistent, context))) == full


@pytest.mark.slow
@pytest.mark.parametrize("context", ["spawn", "forkserver"])
@pytest.mark.parametrize(("workers", "prefetch", "persistent", "batch_sampler"), LAYOUTS)
def test_fresh_workers_in_full(full, context, workers, prefetch, persistent, batch_sampler):
    loader = map_loader(batch_sampler=batch_sampler, **layout(workers, prefetch, persistent, context))
    assert run(loader) == full


@pytest.mark.parametrize("workers", [0, 2])
def test_data_sets_that_read_batches(full, workers):
    assert run(map_loader(corpus=BatchedCorpus(), num_workers=workers)) == full


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("step", range(1, TOTAL))
def test_resume_at_every_step(full, step, workers):
    """The last step of an epoch is 6, of the training 11: resuming there trains one step more."""
    more = {"num_workers": workers, "persistent_workers": workers > 0}
    first = run(map_loader(**more), stop=step)
    assert len(first) == step
    assert first + run(map_loader(**more), start=step) == full


@pytest.mark.parametrize(("batch", "accumulate"), [(1, 8), (2, 4), (4, 2), (8, 1)])
def test_accumulation(full, batch, accumulate):
    assert run(map_loader(batch=batch, num_workers=2), accumulate=accumulate) == full


def parts(world, *, start=0, stop=None, samples=SAMPLES, drop_last=True, workers=0):
    """What `world` processes see, merged: a sorted list of rows per optimiser step."""
    runs = []
    for rank in range(world):
        sampler = StepSampler(samples, global_batch=8, seed=3, rank=rank, world=world, drop_last=drop_last)
        noise = scheduler(steps_per_epoch=sampler.steps_per_epoch)
        loader = map_loader(sampler=sampler, corpus=Corpus(samples), batch=8 // world, noise=noise, num_workers=workers)
        assert len(sampler) == sampler.steps_per_epoch * 8 // world
        runs.append(run(loader, start=start, stop=stop))
    assert len({len(steps) for steps in runs}) == 1
    return [sorted(row for rank in step for row in rank) for step in zip(*runs, strict=True)]


@pytest.mark.parametrize("world", [1, 2, 4])
def test_processes_share_each_step(full, world):
    assert parts(world, workers=1) == [sorted(step) for step in full]


@pytest.mark.parametrize(("before", "after", "step"), [(2, 1, 5), (1, 4, 6), (4, 2, 1), (2, 4, 11)])
def test_resume_on_another_number_of_processes(full, before, after, step):
    assert parts(before, stop=step) + parts(after, start=step) == [sorted(step) for step in full]


@pytest.mark.parametrize("world", [1, 2, 4])
@pytest.mark.parametrize(("drop_last", "steps"), [(True, 5), (False, 6)])
def test_ragged_tails(world, drop_last, steps):
    merged = parts(world, samples=45, drop_last=drop_last)
    assert [len(step) for step in merged] == [8] * steps * EPOCHS
    assert merged == parts(1, samples=45, drop_last=drop_last)
    seen = {sample_id for step in merged[:steps] for _, sample_id, _ in step}
    assert len(seen) == (40 if drop_last else 45)


def test_order_without_shuffling():
    sampler = StepSampler(SAMPLES, global_batch=8, shuffle=False)
    steps = run(map_loader(sampler=sampler))
    assert [sample_id for step in steps for _, sample_id, _ in step] == [f"u{i}" for i in range(SAMPLES)] * EPOCHS


def test_decisions_reach_running_workers():
    """Feedback between epochs reaches persistent workers of every start method; a resume decides the same again."""
    level = ns.uniform(0, ns.keep_in_band("accuracy", 0.4, 0.6, start=0.1, change=0.5))
    noise = scheduler(level=level)

    def train(start=0, state=None, **more):
        feedback = ns.Feedback(noise)
        loader = map_loader(noise=noise, feedback=feedback, **more)
        guard = Guard(loader)
        if state is not None:
            assert guard.load_state_dict(state) == start
        steps, saved, step = [], {}, start
        for epoch in range(start // STEPS_PER_EPOCH, EPOCHS):
            guard.sampler.set_epoch(epoch)
            for batch in loader:
                guard.check(batch, step)
                steps.append(rows(batch))
                step += 1
                saved[step] = guard.state_dict(step)
            feedback.update({"accuracy": 0.9}, step=step)
        return steps, saved

    expected, saved = train()
    unadapted = run(map_loader(noise=scheduler(level=ns.uniform(0, 0.1))))
    assert expected[:STEPS_PER_EPOCH] == unadapted[:STEPS_PER_EPOCH]
    assert expected[STEPS_PER_EPOCH:] != unadapted[STEPS_PER_EPOCH:]
    for context in ("fork", "spawn", "forkserver"):
        assert train(**layout(2, 2, True, context))[0] == expected
    assert train(**layout(2, 2, False, "fork"))[0] == expected
    assert train(start=8, state=saved[8], num_workers=2)[0] == expected[8:]
