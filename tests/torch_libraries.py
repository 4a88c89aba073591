"""torchvision beside a torch of another build than its wheel's."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch

_declared: list[torch.library.Library] = []  # operators go with their library


def declare_torchvision() -> bool:
    """Whether torchvision is installed; where its compiled operators cannot be loaded, they are declared first."""
    found = find_spec("torchvision")
    if found is None:
        return False
    (folder,) = found.submodule_search_locations
    try:
        torch.ops.load_library(next(Path(folder).glob("_C*.so")))
    except OSError:
        if not _declared:
            _declared.append(torch.library.Library("torchvision", "DEF"))
            for name in ("nms", "qnms"):
                _declared[0].define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return True
