"""Online noise in PyTorch data loaders: the step travels with the index.

`StepSampler` hands the loader plain integers that hold the sample's index and the planned optimiser step;
`Scheduled` decodes them in the worker, plans and applies. So a sample's noise is a pure function of
(config, seed, sample id, planned optimiser step), whatever the number of workers, however far they prefetch, and on
however many processes the training runs. `Guard` compares each batch's step with the trainer's, and raises at the first
that differs::

    sampler = StepSampler(len(dataset), global_batch=64, seed=3)
    loader = DataLoader(Scheduled(dataset, scheduler), batch_size=64, sampler=sampler, num_workers=4)
    guard = Guard(loader)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for batch in loader:
            guard.check(batch, step)

Integrations: `noise_scheduler.torch_data.lightning` and `noise_scheduler.torch_data.huggingface`; torchdata's
``StatefulDataLoader`` stands wherever ``DataLoader`` does. Needs the extra ``torch``.

Public: `StepSampler`, `Scheduled`, `ScheduledIterable`, `Guard`, `StaleNoiseError`, `encode`, `decode`.
"""

from .codec import decode, encode
from .dataset import Scheduled
from .guard import Guard, StaleNoiseError
from .iterable import ScheduledIterable
from .sampler import StepSampler

__all__ = ["StepSampler", "Scheduled", "ScheduledIterable", "Guard", "StaleNoiseError", "encode", "decode"]
