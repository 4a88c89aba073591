"""What the members of a family are called, and what their docstrings say of them.

Public: `unknown`, `summary`, `source`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches

_SOURCE = re.compile(r"\b(?:Source|Reference)s?: (.+?)(?:\n\s*\n|\s+(?:Changed|Public): |\Z)", re.DOTALL)


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Message for a `name` that is none of `known`: the nearest one, then all."""
    names = sorted(known)
    near = get_close_matches(str(name), names, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {name!r}: {hint}known are {', '.join(names)}"


def summary(kind: type) -> str:
    """First paragraph of a class's own docstring, on one line; empty without one."""
    return _one_line(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0])


def source(kind: type) -> str:
    """The publications that the docstring of a class, or else of its module, names; empty without any."""
    texts = (kind.__doc__, sys.modules[kind.__module__].__doc__)
    found = next((match for text in texts if (match := _SOURCE.search(inspect.cleandoc(text or "")))), None)
    return _one_line(found[1]) if found else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
