"""Files that are whole or not there: written under a temporary name, flushed, renamed.

Public: `write_json`, `read_json`, `write_tensors`, `read_tensors`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from noise_scheduler.files import write_whole


def write_json(file: Path, value: Any) -> None:
    """Write a JSON file, indented, keys in their order."""
    write_whole(file, (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(file: Path) -> Any:
    """What a JSON file holds."""
    return json.loads(file.read_text(encoding="utf-8"))


def write_tensors(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors."""
    write_whole(file, safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()}))


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file."""
    return safetensors.torch.load_file(file)
