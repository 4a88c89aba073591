"""Index and step as one plain integer: it survives every sampler, loader and process boundary of PyTorch.

Public: `encode`, `decode`, `SHIFT`, `MOST_SAMPLES`.
"""

from __future__ import annotations

SHIFT = 32
MOST_SAMPLES = 1 << SHIFT
_MOST_STEPS = (1 << 31) - 1


def encode(index: int, step: int) -> int:
    """One integer that holds a sample's index and the step at which it is planned to be used.

    Raises:
        ValueError: the index is not in [0, 2**32), or the step not in [0, 2**31 - 1).
    """
    if not (0 <= index < MOST_SAMPLES and 0 <= step < _MOST_STEPS):
        raise ValueError(f"index {index} or step {step} does not fit into one 64-bit integer")
    return step + 1 << SHIFT | index


def decode(code: int) -> tuple[int, int]:
    """(index, step) of an integer from `encode` or `StepSampler`.

    Raises:
        RuntimeError: a plain index, which carries no step.
    """
    step = (code >> SHIFT) - 1
    if step < 0:
        raise RuntimeError(
            f"index {code} carries no step: give the DataLoader sampler=StepSampler(...), and wrap Subset, "
            "ConcatDataset and the like inside Scheduled, not around it"
        )
    return code & (MOST_SAMPLES - 1), step
