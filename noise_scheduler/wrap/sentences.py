"""Wrapped augmenters of text: nlpaug.

What nlpaug does to white space and apostrophes stands: it drops the former at both ends, and takes words apart at the
latter.

Public: `call`, `LIBRARIES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..contract import ContractError
from .libraries import Libraries, Run, prepared


def call(name: str) -> Callable[..., Any]:
    """The method ``__call__`` of a wrapped noise of text."""

    def transform_text(self: Any, text: str, level: float, rng: np.random.Generator) -> tuple[str, dict[str, str]]:
        """Transform a str."""
        run, library = prepared(LIBRARIES, self, name, level)
        noisy = run(text, rng)
        if not isinstance(noisy, str):
            raise ContractError(f"{name}: the transform made {type(noisy).__name__} of a str; it must end with a str")
        return noisy, {"library": library}

    return transform_text


def _nlpaug(augmenter: Any) -> Run:
    def run(text: str, rng: np.random.Generator) -> Any:
        if not text.strip():
            return text  # of which nlpaug makes nothing at all
        made = augmenter.augment(text, n=1)
        if isinstance(made, list):  # since release 1.1.11; of what it cannot change, nothing may be left
            return made[0] if made else text
        return made

    return run


LIBRARIES: Libraries = {"nlpaug": _nlpaug}
