"""A checkpoint is a folder with `config.json` and `model.safetensors`; nothing in it is ever executed.

Both are written under a temporary name and renamed, the configuration last and with the digest of the weights: a
folder whose writing was cut short is told from a whole one.

Public: `CheckpointError`, `save_checkpoint`, `load_checkpoint`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

FORMAT = "noise-scheduler-model"
VERSION = 1
_REMEDY = "save it again with save_pretrained, or point to another folder"


class CheckpointError(ValueError):
    """A checkpoint is missing, cut short, corrupt, or not of this library."""


def save_checkpoint(folder: Path, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Write `config` (JSON-able) and `weights` into `folder`, made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    data = save({name: value.detach().cpu().contiguous() for name, value in weights.items()})
    header = {"format": FORMAT, "version": VERSION, "weights_sha256": hashlib.sha256(data).hexdigest()}
    text = json.dumps({**header, **config}, indent=2) + "\n"
    _write(folder / "model.safetensors", data)
    _write(folder / "config.json", text.encode())


def load_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the configuration and the weights; raises CheckpointError naming the file and what is wrong."""
    config_file, weights_file = folder / "config.json", folder / "model.safetensors"
    for file in (config_file, weights_file):
        if not file.is_file():
            raise CheckpointError(f"{folder} is no checkpoint: {file.name} is missing")
    try:
        config = json.loads(config_file.read_bytes())
    except ValueError as error:
        raise CheckpointError(f"{config_file} is not valid JSON ({error}): {_REMEDY}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise CheckpointError(f"{config_file} was not written by this library: {_REMEDY}")
    if config.get("version") != VERSION:
        raise CheckpointError(
            f"{config_file} has version {config.get('version')}, this library reads {VERSION}: "
            "update the older of the two"
        )
    data = weights_file.read_bytes()
    if hashlib.sha256(data).hexdigest() != config.get("weights_sha256"):
        raise CheckpointError(f"{weights_file} is corrupt or belongs to another config.json: {_REMEDY}")
    try:
        return config, load(data)
    except SafetensorError as error:
        raise CheckpointError(f"{weights_file} is not a safetensors file ({error}): {_REMEDY}") from error


def _write(file: Path, data: bytes) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
