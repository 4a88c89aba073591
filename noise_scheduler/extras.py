"""Optional back ends: touched only when they are needed, and an error that names the extra to install."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any


class MissingExtraError(ImportError):
    """A back end is not installed; the message says which extra brings it."""


@cache
def need(module: str, *, extra: str) -> Any:
    """Import and return `module`.

    Raises:
        MissingExtraError: it is not installed; `extra` is the one that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"this needs {module!r} ({error}): pip install 'noise-scheduler[{extra}]'") from error
