"""What the tests of wrapped transforms share."""

import random

import numpy as np
import pytest
import torch

import noise_scheduler as ns
from noise_scheduler import registry


@pytest.fixture(autouse=True)
def clean_registry(monkeypatch):
    ns.names()
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.setattr(registry, "_names", dict(registry._names))


def global_states():
    """The states of the generators that belong to everybody."""
    numpy_state = np.random.get_state()  # noqa: NPY002
    return (random.getstate(), numpy_state[1].tobytes(), numpy_state[2:], torch.get_rng_state().numpy().tobytes())
