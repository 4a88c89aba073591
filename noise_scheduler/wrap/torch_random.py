"""Random operations of torch redirected to a private generator, in one thread, for the length of a block.

torch tags each operation that draws from a generator. Under the mode (`torch.utils._python_dispatch`) each of them is
given the private generator, in place of torch's global one, which is neither read nor changed; the mode holds in its
own thread only.

Public: `drawing_from`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode


class drawing_from(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """``with drawing_from(rng):`` seeds all that torch draws on the CPU in this block from one draw of `rng`.

    Raises:
        RuntimeError: within the block, an operation draws and cannot be given a generator.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._generator = torch.Generator()
        self._generator.manual_seed(int(rng.bit_generator.random_raw()))  # torch uses the lower 32 bits

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not _draws(func):
            return func(*args, **kwargs)
        return _with_generator(func)(*args, **{**kwargs, "generator": self._generator})


@cache
def _draws(operation: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in operation.tags


@cache
def _with_generator(operation: Any) -> Any:
    """The overload of an operation that takes a generator, and all else that this one takes."""
    wanted = _signature(operation)
    if "generator" in wanted:
        return operation
    packet = operation.overloadpacket
    for name in packet.overloads():
        signature = _signature(getattr(packet, name))
        if signature.pop("generator", None) and signature == wanted:
            return getattr(packet, name)
    raise RuntimeError(f"{operation} draws from torch's global generator and takes no other: it cannot be wrapped")


def _signature(operation: Any) -> dict[str, str]:
    return {argument.name: str(argument.type) for argument in operation._schema.arguments}
