"""A checkpoint is a folder with `config.json` and `model.safetensors`; nothing in it is ever executed.

Beside them lie `README.md`, the model card, and what an encoder needs besides weights (a tokenizer) under the name
of its modality. Every file is written under a temporary name and renamed, the configuration last and with the digests
of the others: a folder whose writing was cut short is told from a whole one.

Public: `CheckpointError`, `Preprocessing`, `save_checkpoint`, `load_checkpoint`, `find_checkpoint`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from models.batch import MODALITIES

FORMAT = "noise-scheduler-model"
VERSION = 1
_FETCHED = ["config.json", "model.safetensors", "README.md", *(f"{modality}/*" for modality in MODALITIES)]
_REMEDY = "save it again with save_pretrained, or point to another folder"


class CheckpointError(ValueError):
    """A checkpoint is missing, cut short, corrupt, or not of this library."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What raw input went through before it became training data, and a clip must before a prediction."""

    frames: int
    """Frames of an utterance, evenly spaced; fewer where it has fewer."""
    frame_size: int
    """Side of a square frame, in pixels."""
    sample_rate: int = 16_000
    """Of the mono wave, in Hz."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be an integer ≥ 1, not {value!r}")


def save_checkpoint(
    folder: Path, config: Mapping[str, Any], weights: Mapping[str, Tensor], card: str, files: Mapping[str, bytes]
) -> None:
    """Write `config` (JSON-able), `weights`, the model card and `files` (path below the folder → bytes).

    The folder is made if need be.
    """
    data = save({name: value.detach().cpu().contiguous() for name, value in weights.items()})
    header = {"format": FORMAT, "version": VERSION, "weights_sha256": _digest(data)}
    digests = {name: _digest(content) for name, content in files.items()}
    text = json.dumps({**header, "files": digests, **config}, indent=2, allow_nan=False) + "\n"
    for name, content in files.items():
        _write(folder / name, content)
    _write(folder / "model.safetensors", data)
    _write(folder / "README.md", card.encode())
    _write(folder / "config.json", text.encode())


def load_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, bytes]]:
    """Read configuration, weights and files; raises CheckpointError naming the file and what is wrong."""
    config_file, weights_file = folder / "config.json", folder / "model.safetensors"
    for file in (config_file, weights_file):
        if not file.is_file():
            raise CheckpointError(f"{folder} is no checkpoint: {file.name} is missing")
    config = _read_config(config_file)
    data = _read_whole(weights_file, config.get("weights_sha256"))
    files = {}
    for name, digest in config.get("files", {}).items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise CheckpointError(f"{config_file}: files.{name} points out of the folder: {_REMEDY}")
        files[name] = _read_whole(folder / path, digest)
    try:
        return config, load(data), files
    except SafetensorError as error:
        raise CheckpointError(f"{weights_file} is not a safetensors file ({error}): {_REMEDY}") from error


def find_checkpoint(source: str | Path, revision: str | None = None) -> Path:
    """The folder of a checkpoint: `source` itself where it is a folder, else the model of that id on Hugging Face hub.

    A Path is never looked up on the hub. `revision` is a branch, tag or commit of the hub; None takes `main`. What
    was fetched before is taken from the cache of `huggingface_hub`, offline too. Raises CheckpointError when there is
    no such folder or model, or the hub cannot be reached.
    """
    if Path(source).is_dir():
        if revision is not None:
            raise CheckpointError(f"{source} is a folder here and has no revision {revision!r}: leave revision out")
        return Path(source)
    if isinstance(source, Path):
        raise CheckpointError(f"{source} is no folder: give the folder that save_pretrained wrote")
    why = "it cannot be an id on Hugging Face hub, which has the form OWNER/NAME"
    if source.count("/") != 1:
        raise CheckpointError(f"{source} is no folder here, and {why}")
    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=_FETCHED))
    except HFValidationError as error:
        raise CheckpointError(f"{source} is no folder here, and {why}") from error
    except RevisionNotFoundError as error:
        raise CheckpointError(f"{source} on Hugging Face hub has no revision {revision!r}") from error
    except RepositoryNotFoundError as error:
        why = "Hugging Face hub has no such model, or keeps it private"
        raise CheckpointError(f"{source} is no folder here, and {why}") from error
    except Exception as error:  # offline, refused, cut off: the errors of the hub's client have no common class
        reason = str(error.__cause__ or error).partition("\n")[0]
        why = f"it could not be fetched from Hugging Face hub ({reason}): check the name, or the connection"
        raise CheckpointError(f"{source} is no folder here, and {why}") from error


def _read_config(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_bytes())
    except ValueError as error:
        raise CheckpointError(f"{file} is not valid JSON ({error}): {_REMEDY}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise CheckpointError(f"{file} was not written by this library: {_REMEDY}")
    if config.get("version") != VERSION:
        raise CheckpointError(
            f"{file} has version {config.get('version')}, this library reads {VERSION}: update the older of the two"
        )
    if not isinstance(config.get("files", {}), dict):
        raise CheckpointError(f"{file}: files must be a table of digests: {_REMEDY}")
    return config


def _read_whole(file: Path, digest: object) -> bytes:
    if not file.is_file():
        raise CheckpointError(f"{file} is missing: {_REMEDY}")
    data = file.read_bytes()
    if _digest(data) != digest:
        raise CheckpointError(f"{file} is corrupt or belongs to another config.json: {_REMEDY}")
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
