import hashlib

import numpy as np
import pytest
from torch.utils.data import DataLoader

import noise_scheduler as ns
from noise_scheduler.torch_data import Scheduled, StepSampler

SCHEDULER = ns.NoiseScheduler(
    {"audio": ["audio/white_noise"], "text": ["text/word_loss"]}, level=ns.linear(0, 1), total_steps=12, seed=5
)


class Corpus:
    def __len__(self):
        return 26

    def __getitem__(self, index):
        wave = np.random.default_rng(index).standard_normal(400).astype(np.float32)
        return {"id": f"u{index}", "audio": wave, "sample_rate": 8000, "text": "one two three four five six"}


def id_of(sample):
    return sample["id"]


def digests(*, start=0, epochs=2, seed=1, **loader):
    """One digest for each optimiser step of eight samples, fed by a loader of some layout."""
    sampler = StepSampler(26, global_batch=8, seed=seed)
    sampler.set_step(start)
    batches = DataLoader(Scheduled(Corpus(), SCHEDULER, id_of), sampler=sampler, collate_fn=list, **loader)
    steps = {}
    for epoch in range(start // 3, epochs):
        sampler.set_epoch(epoch)
        for batch in batches:
            for item in batch:
                digest = steps.setdefault(item["noise_step"], hashlib.blake2b())
                digest.update(
                    repr((item["id"], item["text"], item["levels"].tolist())).encode() + item["audio"].tobytes()
                )
    return {step: digest.hexdigest() for step, digest in steps.items()}


def test_workers_batches_and_prefetch_change_nothing():
    expected = digests(batch_size=8)
    assert list(expected) == [0, 1, 2, 3, 4, 5]
    assert len(set(expected.values())) == 6
    assert digests(batch_size=4) == expected
    assert digests(batch_size=8, num_workers=2, prefetch_factor=3) == expected
    assert digests(batch_size=2, num_workers=2, persistent_workers=True, multiprocessing_context="spawn") == expected


@pytest.mark.parametrize("step", range(6))
def test_resume_continues_the_full_run(step):
    full = digests(batch_size=8)
    assert digests(start=step, batch_size=8) == {s: d for s, d in full.items() if s >= step}


def test_levels_follow_the_planned_step():
    sampler = StepSampler(26, global_batch=8)
    sampler.set_step(6)
    items = [Scheduled(Corpus(), SCHEDULER)[code] for code in sampler]
    for item in items:
        planned = SCHEDULER.clock(item["noise_step"])
        assert set(item["levels"].numpy()) <= {np.float32(0), np.float32(SCHEDULER.level.at(planned))}
    assert any(item["levels"].any() for item in items)


def test_index_without_step_raises():
    with pytest.raises(RuntimeError, match="StepSampler"):
        Scheduled(Corpus(), SCHEDULER)[3]


def test_order_covers_the_epoch_and_changes_with_epoch_and_seed():
    def order(epoch, seed):
        sampler = StepSampler(24, global_batch=8, seed=seed)
        sampler.set_epoch(epoch)
        return [code & 0xFFFFFFFF for code in sampler]

    assert sorted(order(0, 0)) == list(range(24))
    assert order(0, 0) == order(0, 0) != order(1, 0) != order(1, 1)


def test_too_small_a_data_set():
    with pytest.raises(ValueError, match="global_batch"):
        StepSampler(7, global_batch=8)
