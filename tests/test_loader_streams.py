"""Streams, and torchdata's StatefulDataLoader over both kinds of data sets."""

import pytest
from loader_runs import (
    EPOCHS,
    STEPS_PER_EPOCH,
    TOTAL,
    Corpus,
    Stream,
    id_of,
    map_loader,
    rows,
    run,
    run_stream,
    stream_loader,
    stream_scheduler,
)
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from noise_scheduler.torch_data import Guard, ScheduledIterable

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:.*pin_memory.*")


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_stream_steps_are_those_of_use(workers, accumulate):
    """In every layout each batch has the noise of its step; a sample's noise depends on id and step alone."""
    make = {"accumulate": accumulate, "samples": 48}
    expected = run_stream(stream_loader(workers, **make), accumulate=accumulate)
    assert [row[0][0] for row in expected] == [batch // accumulate for batch in range(24)]
    if workers:
        for more in ({"prefetch_factor": 4}, {"persistent_workers": True}):
            assert run_stream(stream_loader(workers, **make, **more), accumulate=accumulate) == expected
    noise, corpus = stream_scheduler(), Corpus()
    for step, sample_id, digest in (row for batch in expected for row in batch):
        alone = ScheduledIterable([corpus[int(sample_id[1:])]], noise, id_of, batch_size=1)
        alone.set_step(step)
        (batch,) = [rows(batch) for batch in DataLoader(alone, batch_size=1)]
        assert batch == [(step, sample_id, digest)]


def test_stream_in_spawned_workers():
    assert run_stream(stream_loader(2, multiprocessing_context="spawn")) == run_stream(stream_loader(2))


@pytest.fixture(scope="module")
def full():
    return run(map_loader())


@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
@pytest.mark.parametrize("step", [1, 5, STEPS_PER_EPOCH, 8, TOTAL - 1])
def test_stateful_map_loader(full, workers, persistent, step):
    """`load_state_dict` alone goes on in the middle of an epoch; at an epoch's end `set_epoch` begins the next."""
    layout = {"loader_class": StatefulDataLoader, "num_workers": workers, "persistent_workers": persistent}

    def train(loader, start, stop):
        guard, steps, step = Guard(loader), [], start
        for epoch in range(start // STEPS_PER_EPOCH, EPOCHS):
            guard.sampler.set_epoch(epoch)
            for batch in loader:
                guard.check(batch, step)
                steps.append(rows(batch))
                step += 1
                if step == stop:
                    return steps, loader.state_dict()
        return steps, None

    assert train(map_loader(**layout), 0, None)[0] == full
    first, state = train(map_loader(**layout), 0, step)
    resumed = map_loader(**layout)
    if step % STEPS_PER_EPOCH:
        resumed.load_state_dict(state)
    else:
        Guard(resumed).sampler.set_step(step)
    assert first + train(resumed, step, None)[0] == full


@pytest.mark.parametrize("workers", [0, 2, 3])
@pytest.mark.parametrize("stop", [1, 4, 7])
def test_stateful_stream_loader(workers, stop):
    def make():
        return stream_loader(workers, loader_class=StatefulDataLoader)

    loader = make()
    loader.dataset.set_step(0)
    expected = [rows(batch) for batch in loader]
    loader, first = make(), []
    loader.dataset.set_step(0)
    for batch in loader:
        first.append(rows(batch))
        if len(first) == stop:
            state = loader.state_dict()
            break
    resumed = make()
    resumed.load_state_dict(state)
    guard = Guard(resumed)
    for step, batch in enumerate(resumed, stop):
        guard.check(batch, step)
        first.append(rows(batch))
    assert first == expected


def test_stateful_sources_are_asked(full):
    """A source with a state of its own is not read from its beginning again."""

    class Counting(Stream):
        reads = 0

        def __iter__(self):
            return Iterator(self.corpus)

    class Iterator:
        def __init__(self, corpus):
            self.corpus, self.at = corpus, 0

        def __iter__(self):
            return self

        def __next__(self):
            if self.at == len(self.corpus):
                raise StopIteration
            Counting.reads += 1
            self.at += 1
            return self.corpus[self.at - 1]

        def state_dict(self):
            return {"at": self.at}

        def load_state_dict(self, state):
            self.at = state["at"]

    def make():
        data = ScheduledIterable(Counting(), stream_scheduler(), id_of, batch_size=4)
        data.set_step(0)
        return StatefulDataLoader(data, batch_size=4)

    expected = [rows(batch) for batch in make()]
    loader = make()
    batches = iter(loader)
    first = [rows(next(batches)) for _ in range(5)]
    state, resumed = loader.state_dict(), make()
    resumed.load_state_dict(state)
    Counting.reads = 0
    assert first + [rows(batch) for batch in resumed] == expected
    assert Counting.reads == 28
