"""Reproducible initialisation and dropout without touching the caller's random state.

`seeded(seed)` forks torch's CPU generator: what is drawn inside (weight initialisation, dropout) depends on
the seed alone, and the generator outside goes on as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run the body with torch's CPU generator seeded by `seed` (int in [0, 2**63)); restore it afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
