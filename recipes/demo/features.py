"""Makes features of nobody: files in the layouts of the MMIN and MMSA releases, filled by a generator.

They exist so that recipes on released features can be tested and tried without the licensed files; a figure measured
on them says nothing about people. SYNTHETIC.json beside them says so. The readers are recipes.corpora.mmin and mmsa.

Each modality shows the class (or the sentiment) of an utterance only sometimes, independently of the other two, so one
modality stays uncertain and several together resolve most. What it shows is a point in a space of a few dimensions,
present in part of the time steps; speakers (or videos) lie beside one another in the same space, steps wander in it,
and a fixed random matrix per modality carries it to the true width of the features, where white noise is added.
Durations and rates (10 vectors of audio and video a second and 3 of text; 20 and 15 in unaligned MMSA files) follow
what is usual, not a measurement of the releases.

The same seed and size give the same values, up to rounding in their last digit on another machine.

Public: write_mmin, write_mmsa.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from recipes.corpora import mmin, mmsa
from recipes.demo.script import stream
from recipes.demo.text import sentence

__all__ = ["write_mmin", "write_mmsa"]

VERSION = 1
"""Counts changes of the generator that change its output."""
MARKER = "SYNTHETIC.json"

SHOWN = {"audio": 0.62, "video": 0.58, "text": 0.66}
"""Chance that a modality shows what it should."""
INNER = 8
"""Dimensions of the space in which classes and speakers lie."""
SEPARATION, SPEAKER_SPREAD, UTTERANCE_SPREAD, STEP_SPREAD = 2.0, 0.7, 0.6, 1.0
"""Standard deviations there: between classes, speakers, utterances of one speaker, steps of one utterance."""
WHITE_NOISE = 1.0

_Array = npt.NDArray[np.float32]


def write_mmin(root: Path, *, seed: int = 0, utterances: int = 720) -> None:
    """Make the folder `root` in the layout of MMIN's features: ten speakers, four classes, ten folds.

    Nothing is done if it is there already with this seed and size. 5531 utterances have the class sizes of IEMOCAP.
    Raises ValueError for fewer than 40 utterances, FileExistsError if `root` is anything else but an empty folder.
    """
    if utterances < 40:
        raise ValueError(f"utterances must be at least 40, four of each of the ten speakers; got {utterances}")
    marker = _marker(seed, utterances)
    if root.exists() and any(root.iterdir()):
        if (root / MARKER).is_file() and json.loads((root / MARKER).read_text(encoding="utf-8")) == marker:
            return
        raise FileExistsError(f"{root} exists and is not this corpus; choose another folder or remove it first")
    partial = root.with_name(f".{root.name}.{os.getpid()}.partial")
    partial.mkdir(parents=True)
    try:
        labels = _mmin_labels(seed, utterances)
        _write_sequences(partial, seed, labels)
        _write_targets(partial, labels)
        _write_statistics(partial)
        _write_marker(partial, marker)
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_mmsa(path: Path, *, seed: int = 0, samples: int = 300, aligned: bool = True) -> None:
    """Make the pickle `path` in the layout of MMSA's aligned_50.pkl or unaligned_50.pkl of CMU-MOSEI.

    `samples` are shared among train, valid and test as in the release (16326 : 1871 : 4659); labels are sentiments
    from -3 to 3 in steps of 1/3. The file is written anew if it is there. Raises ValueError for fewer than 20 samples.
    """
    if samples < 20:
        raise ValueError(f"samples must be at least 20, got {samples}")
    sizes = _shares(samples, mmsa.RELEASE_SIZES)
    content = {part: _mmsa_part(seed, part, size, aligned) for part, size in zip(mmsa.PARTS, sizes, strict=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            pickle.dump(content, file, protocol=4)
        _write_marker(path.parent, _marker(seed, samples))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Modality:
    """How one modality shows what it is to show."""

    name: str
    carrier: _Array
    """(INNER, dim)"""

    def sequence(self, rng: np.random.Generator, cue: _Array, group: _Array, steps: int) -> _Array:
        """(steps, dim): `cue` in part of the steps, around the place of the group."""
        held = np.zeros(steps)
        start = int(rng.integers(steps))
        held[start : start + 1 + steps // 2] = 1
        shown = cue if rng.random() < SHOWN[self.name] else np.zeros(INNER)
        place = group + UTTERANCE_SPREAD * rng.standard_normal(INNER)
        inner = place + held[:, None] * shown + STEP_SPREAD * rng.standard_normal((steps, INNER))
        wide = inner.astype(np.float32) @ self.carrier
        return wide + WHITE_NOISE * rng.standard_normal(wide.shape, dtype=np.float32)


def _modalities(seed: int, dims: Mapping[str, int]) -> list[_Modality]:
    made = []
    for name, dim in dims.items():
        carrier = stream(seed, "carrier", name).standard_normal((INNER, dim), dtype=np.float32)
        made.append(_Modality(name, carrier / np.float32(np.sqrt(INNER))))
    return made


def _group_place(seed: int, modality: str, group: str) -> _Array:
    return np.float32(SPEAKER_SPREAD) * stream(seed, "group", modality, group).standard_normal(INNER, dtype=np.float32)


def _shares(total: int, weights: tuple[int, ...]) -> list[int]:
    """Whole numbers in the ratio of the weights that sum to `total`."""
    bounds = np.round(np.cumsum([0, *weights]) * (total / sum(weights))).astype(int)
    return [int(n) for n in np.diff(bounds)]


# MMIN


def _mmin_labels(seed: int, utterances: int) -> dict[str, int]:
    """Id → class, speaker by speaker."""
    sizes = _shares(utterances, tuple(mmin.RELEASE_CLASSES))
    labels = stream(seed, "labels").permutation(np.repeat(np.arange(len(sizes)), sizes))
    speakers = [(session, sex) for session in range(1, 6) for sex in "FM"]
    named: dict[str, int] = {}
    for (session, sex), own in zip(speakers, np.array_split(labels, len(speakers)), strict=True):
        for number, label in enumerate(own):
            dialog = f"Ses0{session}{'FM'[number // 20 % 2]}_impro{number // 40 + 1:02d}"
            named[f"{dialog}_{sex}{number % 20:03d}"] = int(label)
    return named


def _write_sequences(root: Path, seed: int, labels: Mapping[str, int]) -> None:
    rates = {"audio": 10.0, "video": 10.0, "text": 3.0}
    for modality in _modalities(seed, mmin.DIMS):
        name = modality.name
        shape = (len(mmin.RELEASE_CLASSES), INNER)
        corners = SEPARATION * stream(seed, "classes", name).standard_normal(shape, dtype=np.float32)
        # Audio comes on the scales of its descriptors, which differ by orders of magnitude.
        scale, offset = np.ones(mmin.DIMS[name], np.float32), np.zeros(mmin.DIMS[name], np.float32)
        if name == "audio":
            rng = stream(seed, "scales")
            scale = np.exp(3 * rng.standard_normal(len(scale), dtype=np.float32))
            offset = 3 * scale * rng.standard_normal(len(scale), dtype=np.float32)
        file = root / mmin.FILES[name]
        file.parent.mkdir(exist_ok=True)
        with h5py.File(file, "w") as out:
            for key, label in labels.items():
                rng = stream(seed, name, key)
                steps = max(1, round(rates[name] * _duration_s(seed, key)))
                place = _group_place(seed, name, mmin.speaker_of(key))
                out[key] = modality.sequence(rng, corners[label], place, steps) * scale + offset


def _duration_s(seed: int, key: str) -> float:
    return float(np.clip(stream(seed, "duration", key).lognormal(1.35, 0.55), 0.6, 25))


def _folds(labels: Mapping[str, int]) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Fold → part → ids: one speaker is tested, the other of the session validates, four sessions train."""
    speakers = sorted({mmin.speaker_of(key) for key in labels})
    for name, tested in zip(mmin.FOLDS, speakers, strict=True):
        parts: dict[str, list[str]] = {part: [] for part in mmin.PARTS}
        for key in labels:
            speaker = mmin.speaker_of(key)
            parts["tst" if speaker == tested else "val" if speaker[:-1] == tested[:-1] else "trn"].append(key)
        yield name, parts


def _write_targets(root: Path, labels: Mapping[str, int]) -> None:
    for name, parts in _folds(labels):
        folder = root / "target" / name
        folder.mkdir(parents=True)
        for part, keys in parts.items():
            np.save(folder / f"{part}_int2name.npy", np.array([[key.encode()] for key in keys]))
            one_hot = np.eye(len(mmin.RELEASE_CLASSES))[[labels[key] for key in keys]]
            np.save(folder / f"{part}_label.npy", one_hot)


def _write_statistics(root: Path) -> None:
    """Mean and standard deviation of audio over all steps of every fold's training part."""
    with h5py.File(root / mmin.FILES["audio"], "r") as audio, h5py.File(root / mmin.STATISTICS, "w") as out:
        moments = {
            key: (len(x), x.sum(axis=0), np.square(x).sum(axis=0))
            for key in audio
            for x in [audio[key][()].astype(np.float64)]
        }
        for name in mmin.FOLDS:
            keys = [row[0].decode() for row in np.load(root / "target" / name / "trn_int2name.npy")]
            steps, total, squares = (np.sum([moments[key][i] for key in keys], axis=0) for i in range(3))
            mean = total / steps
            std = np.sqrt(np.maximum(squares / steps - mean**2, 0))
            std[std == 0] = 1
            out[f"{name}/mean"], out[f"{name}/std"] = mean.astype(np.float32), std.astype(np.float32)


# MMSA


def _mmsa_part(seed: int, name: str, size: int, aligned: bool) -> dict[str, Any]:
    """One of train, valid and test, with the keys of the release in its order; seven clips of each video."""
    lengths = mmsa.ALIGNED_STEPS if aligned else mmsa.UNALIGNED_STEPS
    rates = {"audio": 20.0, "video": 15.0}
    features = {kind: np.zeros((size, lengths[kind], dim), np.float32) for kind, dim in mmsa.DIMS.items()}
    used = {kind: np.zeros(size, np.int64) for kind in mmsa.DIMS}
    tokens = np.zeros((size, 3, lengths["text"]), np.int64)
    ids, texts, sentiments = [], [], []
    modalities = _modalities(seed, mmsa.DIMS)
    for row in range(size):
        video = f"{name}{row // 7:06d}"
        rng = stream(seed, "sample", name, row)
        sentiment = round(float(np.clip(rng.normal(0.3, 1.3), -3, 3)) * 3) / 3
        words = int(np.clip(rng.lognormal(2.7, 0.5), 1, lengths["text"] - 2))
        for modality in modalities:
            kind, first = modality.name, 0
            if kind == "text":
                steps = words + 2  # with [CLS] and [SEP]
            elif aligned:
                first, steps = 1, words
            else:
                steps = int(min(max(1, words / 2.5 * rates[kind]), lengths[kind]))
            axis = SEPARATION * stream(seed, "axis", kind).standard_normal(INNER, dtype=np.float32)
            cue = axis * np.float32(sentiment / 1.3)
            made = modality.sequence(rng, cue, _group_place(seed, kind, video), steps)
            features[kind][row, first : first + steps] = made
            used[kind][row] = steps
        # The encoder writes something at padding too; only its mask tells.
        tail = features["text"][row, words + 2 :]
        tail[:] = 0.1 * rng.standard_normal(tail.shape, dtype=np.float32)
        tokens[row, 0, : words + 2] = [101, *rng.integers(1000, 30000, words), 102]
        tokens[row, 1, : words + 2] = 1
        mood = "neu" if abs(sentiment) < 0.5 else "hap" if sentiment > 0 else "sad"
        ids.append(f"{video}$_${row % 7}")
        texts.append(sentence({mood: 1.0}, rng))
        sentiments.append(sentiment)
    labels = np.array(sentiments, np.float32)
    part: dict[str, Any] = {
        "raw_text": np.array(texts),
        "audio": features["audio"],
        "vision": features["video"],
        "id": ids,
        "text": features["text"],
        "text_bert": tokens,
        "annotations": ["Negative" if y < 0 else "Positive" if y > 0 else "Neutral" for y in sentiments],
        "classification_labels": np.sign(labels) + 1,
        "regression_labels": labels,
    }
    if not aligned:
        part["audio_lengths"], part["vision_lengths"] = used["audio"].tolist(), used["video"].tolist()
    return part


def _marker(seed: int, size: int) -> dict[str, object]:
    return {"synthetic": True, "generator": "recipes.demo.features", "seed": seed, "size": size, "version": VERSION}


def _write_marker(folder: Path, marker: Mapping[str, object]) -> None:
    (folder / MARKER).write_text(json.dumps(marker, indent=2) + "\n", encoding="utf-8")
