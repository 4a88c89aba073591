"""Shared fixtures."""

import numpy as np
import pytest
import torch

torch.set_num_threads(1)  # test processes run side by side


@pytest.fixture
def utterance():
    """A small sample of all three modalities."""
    rng = np.random.default_rng(0)
    return {
        "audio": (0.1 * rng.standard_normal(8000)).astype(np.float32),
        "sample_rate": 16000,
        "video": rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8),
        "fps": 12.5,
        "text": "I really did not think that you would come back so soon",
    }
