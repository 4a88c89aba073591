"""Noises for feature sequences: (T, D) float32, standardised (mean 0, standard deviation 1 per dimension).

- `noise_scheduler.feature.beta_schedule`: ``feature/beta_schedule``
- `noise_scheduler.feature.missing`: ``feature/missing``
"""

from . import beta_schedule, missing

__all__ = ["beta_schedule", "missing"]
