"""Memory-mapped cache of decoded raw utterances: 16 kHz audio, face frames, text, label.

Decoding a corpus takes minutes, reading an utterance from the cache well under a millisecond, and nothing but
the utterances in use is in memory. It works for any corpus whose utterances have the fields of `decode.Item`.

    FOLDER/DIGEST/            audio.bin (int16), video.bin (uint8), index.json: the finished cache
    FOLDER/DIGEST.parts/      one set of files per finished dialog while the cache is being made

DIGEST covers names, sizes and modification times of the input files, labels, times, texts and parameters, so
that a changed input leads to a new cache; the one it replaces is removed. A process killed half-way leaves whole
parts, which the next build keeps; the finished folder appears by one rename.

Public: build, Cache, Sample, CacheError.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np
import numpy.typing as npt

from recipes.corpora import Problem, raise_problems
from recipes.corpora.cache_parts import build_parts, digest_of, read_part, replace_json
from recipes.corpora.decode import SAMPLE_RATE, Item

__all__ = ["Cache", "CacheError", "Sample", "build"]

FORMAT = "raw-utterance-cache"
VERSION = 1
OWNER_FILE = "owner.json"
"""In every folder made here; says which corpus and parameters it belongs to, and that it may be removed."""


class Source(Protocol):
    """A corpus as the cache needs it."""

    @property
    def root(self) -> Path: ...
    @property
    def utterances(self) -> Sequence[Item]: ...


class Sample(TypedDict):
    """One raw utterance."""

    id: str
    label: int | float
    """Class, or value to regress."""
    audio: npt.NDArray[np.float32]
    """(samples,) in [-1, 1)"""
    sample_rate: int
    """Hz, always 16000"""
    video: npt.NDArray[np.uint8]
    """(T, size, size, 3) RGB"""
    fps: float
    text: str


class CacheError(Exception):
    """A cache folder cannot be read; the message names it and the remedy."""


class Cache:
    """Read-only access to a finished cache by index.

    Sent to another process it is its folder alone: index and memory maps are opened anew there.
    """

    def __init__(self, folder: Path) -> None:
        """Open `folder` (FOLDER/DIGEST). Raises CacheError where it is not a whole cache."""
        self.folder = folder
        try:
            index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            if index["format"] != FORMAT or index["version"] != VERSION:
                raise ValueError(f"format {index['format']} {index['version']}, expected {FORMAT} {VERSION}")
            self._entries: list[dict[str, Any]] = index["utterances"]
            self._size: int = index["meta"]["size"]
            for name, expected in index["bytes"].items():
                present = (folder / name).stat().st_size
                if present != expected:
                    raise ValueError(f"{name} has {present} of {expected} bytes")
        except (OSError, ValueError, KeyError) as error:
            raise CacheError(f"{folder}: not a whole cache ({error}); remove the folder to build it anew") from error
        self.meta: dict[str, Any] = index["meta"]
        """Parameters, and under "crop" how many utterances were cropped by detector and by fixed square."""
        self.problems = tuple(Problem(*problem) for problem in index["left_out"])
        self.ids: tuple[str, ...] = tuple(entry["id"] for entry in self._entries)
        labels = [entry["label"] for entry in self._entries]
        self.labels: npt.NDArray[Any] = np.array(labels, np.float32 if isinstance(labels[0], float) else np.int64)
        """(utterances,) int64 classes, or float32 values to regress."""
        self.sessions = np.array([entry["session"] for entry in self._entries], np.int64)
        self.speakers: tuple[str, ...] = tuple(entry["speaker"] for entry in self._entries)
        self._audio: npt.NDArray[np.int16] | None = None
        self._video: npt.NDArray[np.uint8] | None = None

    @property
    def left_out(self) -> tuple[str, ...]:
        """What could not be decoded and was skipped, one line each."""
        return tuple(str(problem) for problem in self.problems)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, i: int) -> Sample:
        """The utterance at index `i`, in arrays of its own: changing them does not touch the cache."""
        entry = self._entries[i]
        if self._audio is None or self._video is None:
            self._audio = np.memmap(self.folder / "audio.bin", dtype=np.int16, mode="r")
            frame_shape = (-1, self._size, self._size, 3)
            self._video = np.memmap(self.folder / "video.bin", dtype=np.uint8, mode="r").reshape(frame_shape)
        audio = self._audio[entry["audio_start"] : entry["audio_start"] + entry["samples"]]
        video = self._video[entry["frame_start"] : entry["frame_start"] + entry["frames"]]
        return {
            "id": entry["id"],
            "label": entry["label"],
            "audio": np.asarray(audio, dtype=np.float32) / np.float32(32768),
            "sample_rate": SAMPLE_RATE,
            "video": np.array(video),
            "fps": entry["fps"],
            "text": entry["text"],
        }

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def __reduce__(self) -> tuple[type["Cache"], tuple[Path]]:
        return Cache, (self.folder,)


def build(
    corpus: Source, folder: Path, *, frames: int = 16, size: int = 64, jobs: int = 2, skip_bad: bool = False
) -> Cache:
    """The cache of a corpus below `folder`, made where it is not there yet or where an input has changed.

    At most `frames` frames of `size` × `size` pixels per utterance. With `jobs` > 1 dialogs are decoded in that
    many processes (started by spawn: a script that calls this needs the `__main__` guard); the result does not
    depend on it. Raises CorpusError where an utterance cannot be decoded, after all dialogs have been looked at;
    with `skip_bad` such utterances are left out and listed in `left_out`.
    """
    folder = Path(folder)
    digest = digest_of(corpus.root, corpus.utterances, frames, size)
    final, parts = folder / digest, folder / f"{digest}.parts"
    owner = {"format": FORMAT, "corpus": str(corpus.root.resolve()), "frames": frames, "size": size}
    if final.is_dir():
        cache = _open_or_remove(final)
        if cache is not None:
            return _accepted(cache, corpus, skip_bad)
    try:
        _make(corpus, folder, final, parts, owner, frames, size, jobs, skip_bad)
    except FileNotFoundError:
        if not final.is_dir():  # else another process finished the same cache meanwhile and cleared its parts away
            raise
    _remove_stale(folder, owner, keep=final)
    return _accepted(Cache(final), corpus, skip_bad)


def _make(
    corpus: Source,
    folder: Path,
    final: Path,
    parts: Path,
    owner: dict[str, Any],
    frames: int,
    size: int,
    jobs: int,
    skip_bad: bool,
) -> None:
    """Decode what is not decoded yet into `parts`, join it, give it its final name."""
    parts.mkdir(parents=True, exist_ok=True)
    replace_json(parts / OWNER_FILE, owner)
    names, meta = build_parts(corpus.utterances, parts, frames, size, jobs)
    problems = [Problem(*found) for name in names for found in read_part(parts, name)["problems"]]
    if not skip_bad or len(problems) == len(corpus.utterances):
        raise_problems(problems, corpus.root)

    scratch = folder / f"{final.name}.{os.getpid()}.tmp"
    scratch.mkdir()
    replace_json(scratch / OWNER_FILE, owner)
    _assemble(corpus.utterances, parts, names, scratch, meta)
    try:
        scratch.rename(final)
    except OSError:
        if not final.is_dir():  # else another process was faster, with the same result
            raise


def _open_or_remove(folder: Path) -> Cache | None:
    try:
        return Cache(folder)
    except CacheError:
        if not (folder / OWNER_FILE).is_file():
            raise
        shutil.rmtree(folder)
        return None


def _accepted(cache: Cache, corpus: Source, skip_bad: bool) -> Cache:
    if not skip_bad:
        raise_problems(cache.problems, corpus.root)
    return cache


def _assemble(items: Sequence[Item], parts: Path, names: Sequence[str], target: Path, meta: dict[str, Any]) -> None:
    """Join the dialogs' files; the index is written last."""
    placed: dict[str, dict[str, Any]] = {}
    left_out: list[list[str]] = []
    samples = frames = 0
    with (target / "audio.bin").open("wb") as audio, (target / "video.bin").open("wb") as video:
        for name in names:
            part = read_part(parts, name)
            left_out.extend(part["problems"])
            for entry in part["utterances"]:
                moved = {"audio_start": entry["audio_start"] + samples, "frame_start": entry["frame_start"] + frames}
                placed[entry["id"]] = entry | moved
            samples += part["samples"]
            frames += part["frames"]
            for kind, joined in (("audio", audio), ("video", video)):
                with (parts / f"{name}.{kind}.bin").open("rb") as source:
                    shutil.copyfileobj(source, joined, 1 << 20)
    entries = [
        placed[item.id] | {"label": item.label, "session": item.session, "speaker": item.speaker, "text": item.text}
        for item in items
        if item.id in placed
    ]
    crops = Counter(entry["crop"] for entry in entries)
    index = {
        "format": FORMAT,
        "version": VERSION,
        "meta": meta | {"crop": {kind: crops[kind] for kind in ("detector", "square")}},
        "bytes": {name: (target / name).stat().st_size for name in ("audio.bin", "video.bin")},
        "left_out": left_out,
        "utterances": entries,
    }
    replace_json(target / "index.json", index)


def _remove_stale(folder: Path, owner: dict[str, Any], keep: Path) -> None:
    """Remove what this corpus and these parameters left earlier: older digests, parts, unfinished folders."""
    for candidate in folder.iterdir():
        if candidate == keep or not (candidate / OWNER_FILE).is_file():
            continue
        try:
            found = json.loads((candidate / OWNER_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if found == owner:
            shutil.rmtree(candidate, ignore_errors=True)
