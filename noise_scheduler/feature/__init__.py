"""Noises for feature sequences: (T, D) float32, standardised (mean 0, standard deviation 1 per dimension).

- `noise_scheduler.feature.beta_schedule`: ``feature/beta_schedule``
- `noise_scheduler.feature.missing`: ``feature/missing``
- `noise_scheduler.feature.step_loss`: ``feature/step_loss``
"""

from . import beta_schedule, missing, step_loss

__all__ = ["beta_schedule", "missing", "step_loss"]
