"""A small corpus under scheduled noise, run through loaders of every layout; what comes out is compared by digest."""

import hashlib

import numpy as np
from torch.utils.data import BatchSampler, DataLoader, get_worker_info

import noise_scheduler as ns
from noise_scheduler.torch_data import Guard, Scheduled, ScheduledIterable, StepSampler

SAMPLES, GLOBAL_BATCH, EPOCHS = 48, 8, 2
STEPS_PER_EPOCH = SAMPLES // GLOBAL_BATCH
TOTAL = EPOCHS * STEPS_PER_EPOCH


def scheduler(**changes):
    arguments = {
        "level": ns.uniform(0, ns.linear(0, 1, until="80%")),
        "condition": ns.independent(0.8),
        "span": ns.uniform(0.5, 1),
        "seed": 7,
        "steps_per_epoch": STEPS_PER_EPOCH,
        "total_steps": TOTAL,
    }
    noises = {
        "audio": ["audio/white_noise", "audio/missing"],
        "text": ns.mixture(["text/word_loss", "text/keyboard"], count=ns.choice([0, 1, 2])),
    }
    return ns.NoiseScheduler(noises, **(arguments | changes))


def stream_scheduler():
    """The same for streams, which have more steps of smaller batches."""
    return scheduler(steps_per_epoch=None, total_steps=2 * TOTAL)


class Corpus:
    """Short clips with a text."""

    def __init__(self, samples=SAMPLES):
        self.samples = samples

    def __len__(self):
        return self.samples

    def __getitem__(self, index):
        wave = np.random.Generator(np.random.Philox(index)).standard_normal(200, np.float32)
        return {"id": f"u{index}", "audio": wave, "sample_rate": 8000, "text": "one two three four five six seven"}


class BatchedCorpus(Corpus):
    """The same, read by whole batches."""

    def __getitems__(self, indices):
        return [self[index] for index in indices]


class Stream:
    """A stream whose samples are dealt out to the workers in turn."""

    def __init__(self, samples=SAMPLES):
        self.corpus = Corpus(samples)

    def __iter__(self):
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        return iter([self.corpus[index] for index in range(worker, len(self.corpus), workers)])


def id_of(sample):
    return sample["id"]


def rows(batch):
    """(step, id, digest of all that the sample became) of each sample of a collated batch."""
    found = []
    for place, sample_id in enumerate(batch["id"]):
        digest = hashlib.blake2b(batch["audio"][place].numpy().tobytes(), digest_size=8)
        digest.update(batch["text"][place].encode())
        digest.update(batch["levels"][place].numpy().tobytes())
        found.append((int(batch["noise_step"][place]), sample_id, digest.hexdigest()))
    return found


def map_loader(*, sampler=None, corpus=None, batch=GLOBAL_BATCH, batch_sampler=False, feedback=None, noise=None,
               loader_class=DataLoader, **layout):  # fmt: skip
    """A loader over the scheduled corpus."""
    corpus = corpus or Corpus()
    if sampler is None:
        sampler = StepSampler(len(corpus), global_batch=GLOBAL_BATCH, seed=3)
    dataset = Scheduled(corpus, noise or scheduler(), id_of, feedback=feedback)
    if batch_sampler:
        return loader_class(dataset, batch_sampler=BatchSampler(sampler, batch, False), **layout)
    return loader_class(dataset, batch_size=batch, sampler=sampler, **layout)


def run(loader, *, start=0, stop=None, accumulate=1):
    """Train from step `start` until step `stop` is done, or to the end: one list of rows per optimiser step."""
    guard = Guard(loader, accumulate=accumulate)
    sampler = guard.sampler
    sampler.set_step(start)
    steps, step = [], start
    for epoch in range(start // sampler.steps_per_epoch, EPOCHS):
        sampler.set_epoch(epoch)
        micro = []
        for batch in loader:
            guard.check(batch, step)
            micro += rows(batch)
            if len(micro) == sampler.global_batch // sampler.place[1]:
                steps.append(micro)
                micro, step = [], step + 1
                if step == stop:
                    return steps
        assert not micro
    assert step == EPOCHS * sampler.steps_per_epoch
    return steps


def stream_loader(workers=0, *, samples=SAMPLES, batch=4, accumulate=1, noise=None, loader_class=DataLoader, **layout):
    """A loader over the scheduled stream."""
    noise = noise or stream_scheduler()
    dataset = ScheduledIterable(Stream(samples), noise, id_of, batch_size=batch, accumulate=accumulate)
    return loader_class(dataset, batch_size=batch, num_workers=workers, **layout)


def run_stream(loader, *, epochs=EPOCHS, accumulate=1):
    """Train over a stream: the rows of each batch."""
    guard, batches = Guard(loader, accumulate=accumulate), []
    for _ in range(epochs):
        loader.dataset.set_step(len(batches) // accumulate)
        for batch in loader:
            guard.check(batch, len(batches) // accumulate)
            batches.append(rows(batch))
    return batches
