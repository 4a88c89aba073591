"""Reader of the features of CMU-MOSEI that come with MMSA: aligned_50.pkl and unaligned_50.pkl.

A pickle of {train, valid, test}, each a mapping of

    audio                     (N, Ta, 74) COVAREP         Ta = 50 aligned, 500 unaligned
    vision                    (N, Tv, 35) FACET           Tv = 50 aligned, 375 unaligned
    text                      (N, 50, 768) BERT-base, one vector per token
    text_bert                 (N, 3, 50) token ids, mask, segment ids
    id                        N texts "VIDEO$_$CLIP"
    regression_labels         (N,) sentiment from -3 to 3
    audio_lengths, vision_lengths   N, steps up to the first that sums to 0, at least 1; in unaligned files only
    raw_text, annotations, classification_labels    not used here

16326, 1871 and 4659 samples in the release. Sequences are padded at their ends; the padding is cut off here. Steps in
use are, of text, those of its mask; of audio and video, their lengths where the file has them, else all up to the last
that is not zero; in an aligned file, where step t is token t in every modality ([CLS] and [SEP] are zeros in audio and
vision), the longest of the three for all.

Quirks: -inf in audio becomes 0, as in MMSA, and labels outside [-3, 3] are clamped; both are counted in `notes`.

The pickle is as large as the arrays in it and is in memory as a whole while it is read, so it is converted once:

    CACHE/NAME-PLACE-STATE.h5       data sets audio/ID, video/ID, text/ID and the lists id, label, part

PLACE is a digest of the path of the pickle, STATE of its size and modification time. The file appears by one rename and
replaces that of an earlier state.

Public: read, DIMS, PARTS, RELEASE_SIZES, ALIGNED_STEPS, UNALIGNED_STEPS.

Source: Mao et al., M-SENA: an integrated platform for multimodal sentiment analysis, ACL 2022; layout after
data_loader.py, config_regression.json, TextPre.py and getLengths.py of https://github.com/thuiar/MMSA. CMU-MOSEI: Zadeh
et al., Multimodal language analysis in the wild, ACL 2018.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from recipes.corpora import CorpusError, Fold, Problem, is_synthetic, raise_problems
from recipes.corpora.features import FeatureCorpus, Source, array_fault, open_hdf5
from recipes.corpora.restricted_pickle import load

__all__ = ["ALIGNED_STEPS", "DIMS", "PARTS", "RELEASE_SIZES", "UNALIGNED_STEPS", "read"]

DIMS = {"audio": 74, "video": 35, "text": 768}
KEYS = {"audio": "audio", "video": "vision", "text": "text"}
"""Modality → key in the pickle."""
ALIGNED_STEPS = {"audio": 50, "video": 50, "text": 50}
UNALIGNED_STEPS = {"audio": 500, "video": 375, "text": 50}
PARTS = ("train", "valid", "test")
RELEASE_SIZES = (16326, 1871, 4659)
SENTIMENT_LIMIT = 3.0

FORMAT = "mmsa-features 1"
"""In every converted file; the number is to be raised with every change of what is written."""
_ID = re.compile(r"([^/]+)\$_\$\d+")


def read(file: Path, cache: Path, *, skip_bad: bool = False) -> FeatureCorpus:
    """Read and check a pickle of the release, or the file in the folder `cache` to which it was converted before.

    With `skip_bad`, samples that cannot be used are left out and listed in `left_out`. Raises CorpusError: the file is
    missing, truncated or asks for code; a part or key is missing, or of a wrong shape; an id that is malformed or
    listed twice; a video in two parts; a label that is no number; features that are empty, NaN or infinite (but for
    -inf in audio); lengths that do not fit.
    """
    file, cache = Path(file), Path(cache)
    if not file.is_file():
        raise CorpusError(f"{file}: no such file; give the path of aligned_50.pkl or unaligned_50.pkl")
    place, state = _digest(str(file.resolve())), _digest(file.stat().st_size, file.stat().st_mtime_ns)
    converted = cache / f"{file.stem}-{place}-{state}.h5"
    if not converted.is_file():
        _convert(file, converted, skip_bad)
        for older in cache.glob(f"*-{place}-*.h5"):
            if older != converted:
                older.unlink()
    return _opened(file, converted, skip_bad)


def _digest(*parts: str | int) -> str:
    return hashlib.sha256(json.dumps([FORMAT, *parts]).encode()).hexdigest()[:12]


def _opened(file: Path, converted: Path, skip_bad: bool) -> FeatureCorpus:
    with open_hdf5(converted) as stored:
        try:
            if stored.attrs.get("format") != FORMAT:
                raise CorpusError(f"{converted}: not a file of this reader; remove it")
            ids = tuple(stored["id"].asstr()[()])
            labels, part = stored["label"][()], stored["part"][()]
            found = json.loads(stored["found"].asstr()[()])
        except (KeyError, OSError, RuntimeError, TypeError) as error:
            raise CorpusError(f"{converted}: damaged ({error}); remove it, and it is made again") from error
    problems = [Problem(*problem) for problem in found["problems"]]
    if not skip_bad:
        raise_problems(problems, file)
    train, val, test = (np.flatnonzero(part == number).astype(np.int64) for number in range(len(PARTS)))
    synthetic = is_synthetic(file.parent)
    return FeatureCorpus(
        root=file,
        name=f"CMU-MOSEI, {'aligned' if found['aligned'] else 'unaligned'} features of MMSA",
        ids=ids,
        labels=labels,
        classes=(),
        groups=tuple(_video(key) for key in ids),
        folds=(Fold("standard", train, val, test),),
        sources={modality: Source(converted, dim, modality) for modality, dim in DIMS.items()},
        left_out=tuple(str(problem) for problem in problems),
        notes=_notes((len(train), len(val), len(test)), found, synthetic),
        synthetic=synthetic,
    )


def _convert(file: Path, converted: Path, skip_bad: bool) -> None:
    """Write the usable samples of the pickle to `converted`; nothing is written where `read` will raise."""
    content = load(file)
    parts = [_part(file, content, name) for name in PARTS]
    converted.parent.mkdir(parents=True, exist_ok=True)
    temporary = converted.with_name(f".{converted.name}.{os.getpid()}")
    try:
        with h5py.File(temporary, "w", libver="latest") as out:
            problems = _write_samples(out, parts)
            if not skip_bad or any(problem.subject in PARTS for problem in problems):
                raise_problems(problems, file)
        temporary.replace(converted)
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Part:
    """Train, valid or test of the pickle, its shapes checked."""

    where: str
    """FILE: NAME, for messages."""
    ids: list[str]
    labels: npt.NDArray[np.float64]
    """(N,)"""
    features: Mapping[str, npt.NDArray[Any]]
    """Modality → (N, T, D), padded."""
    mask: npt.NDArray[np.bool_]
    """(N, T) steps of text in use"""
    lengths: Mapping[str, npt.NDArray[np.int64]]
    """Modality → (N,) steps in use, where the file tells"""

    @property
    def aligned(self) -> bool:
        return len({values.shape[1] for values in self.features.values()}) == 1

    def sample(self, row: int) -> tuple[dict[str, npt.NDArray[np.float32]], int]:
        """Modality → (T, D) without padding; how many values of -inf became 0. Raises ValueError on bad features."""
        padded = {modality: values[row] for modality, values in self.features.items()}
        steps = {"text": _last(self.mask[row, :, None])}
        if not self.mask[row, : steps["text"]].all():
            raise ValueError("text_bert has a mask with holes")
        for modality in ("audio", "video"):
            told = self.lengths.get(modality)
            steps[modality] = _last(padded[modality]) if told is None else int(told[row])
            if not 0 <= steps[modality] <= len(padded[modality]):
                raise ValueError(f"{KEYS[modality]}_lengths is {steps[modality]} of {len(padded[modality])} steps")
        if self.aligned:
            steps = dict.fromkeys(steps, max(steps.values()))
        used = {modality: values[: steps[modality]] for modality, values in padded.items()}
        infinite = np.isneginf(used["audio"])
        used["audio"] = np.where(infinite, 0, used["audio"])
        for modality, values in used.items():
            if fault := array_fault(values, DIMS[modality]):
                raise ValueError(f"{KEYS[modality]} {fault}")
        return {modality: values.astype(np.float32) for modality, values in used.items()}, int(infinite.sum())


def _last(values: npt.NDArray[Any]) -> int:
    """How many steps (T, D) there are up to the last that is not zero."""
    used = np.flatnonzero(values.any(axis=1))
    return int(used[-1]) + 1 if used.size else 0


def _part(file: Path, content: Any, name: str) -> _Part:
    """Raises CorpusError, naming file, part and key, where something is missing or of a wrong shape."""
    if not isinstance(content, dict) or not isinstance(content.get(name), dict):
        raise CorpusError(f"{file}: no part {name!r}; it must be a mapping of {', '.join(PARTS)}")
    part, where = content[name], f"{file}: {name}"

    def array(key: str, *shape: int | None, kinds: str = "fiu") -> npt.NDArray[Any]:
        if key not in part:
            raise CorpusError(f"{where}: no key {key!r}; found {', '.join(sorted(map(str, part)))}")
        try:
            values = np.asarray(part[key])
            if values.dtype.hasobject:  # a column of pandas
                values = np.array(values.tolist())
        except ValueError as error:
            raise CorpusError(f"{where}: {key}: {error}") from error
        fits = values.ndim == len(shape) and all(
            wanted in (None, got) for wanted, got in zip(shape, values.shape, strict=True)
        )
        if not fits or values.dtype.kind not in kinds:
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise CorpusError(f"{where}: {key} is {values.dtype} of shape {values.shape}, expected ({wanted})")
        return values

    ids = array("id", None, kinds="U")
    count = len(ids)
    features = {modality: array(KEYS[modality], count, None, dim, kinds="f") for modality, dim in DIMS.items()}
    lengths = {
        modality: array(f"{KEYS[modality]}_lengths", count).astype(np.int64)
        for modality in ("audio", "video")
        if f"{KEYS[modality]}_lengths" in part
    }
    return _Part(
        where=where,
        ids=ids.tolist(),
        labels=array("regression_labels", count).astype(np.float64),
        features=features,
        mask=array("text_bert", count, 3, features["text"].shape[1])[:, 1] == 1,
        lengths=lengths,
    )


class _Kept(NamedTuple):
    """What is known of a sample once its features are written."""

    id: str
    label: float
    part: int
    """Index into PARTS."""
    infinite: int
    """Values of -inf in its audio."""


def _write_samples(out: Any, parts: list[_Part]) -> list[Problem]:
    """Write features and lists of the samples that can be used; return what is wrong with the others."""
    problems: list[Problem] = []
    kept: list[_Kept] = []
    times = Counter(key for part in parts for key in part.ids)
    part_of_video: dict[str, str] = {}
    groups = {modality: out.create_group(modality) for modality in DIMS}
    for number, part in enumerate(parts):
        for row, (key, label) in enumerate(zip(part.ids, part.labels.tolist(), strict=True)):
            try:
                _check_row(key, times[key], label, PARTS[number], part_of_video)
                sample, infinite = part.sample(row)
            except ValueError as error:
                problems.append(Problem(key, f"{part.where}: row {row}: {error}; repair it or take the release's file"))
                continue
            for modality, values in sample.items():
                groups[modality][key] = values
            kept.append(_Kept(key, label, number, infinite))
        if not any(sample.part == number for sample in kept):
            problems.append(Problem(PARTS[number], f"{part.where}: no usable sample in it; take the release's file"))
    labels = np.array([sample.label for sample in kept])
    found = {
        "problems": [[problem.subject, problem.message] for problem in problems],
        "aligned": parts[0].aligned,
        "clamped": int(np.count_nonzero(np.abs(labels) > SENTIMENT_LIMIT)),
        "infinite": sum(sample.infinite for sample in kept),
        "infinite_samples": sum(sample.infinite > 0 for sample in kept),
    }
    out.attrs["format"] = FORMAT
    out["id"] = np.array([sample.id for sample in kept], dtype=h5py.string_dtype())
    out["label"] = labels.clip(-SENTIMENT_LIMIT, SENTIMENT_LIMIT).astype(np.float32)
    out["part"] = np.array([sample.part for sample in kept], dtype=np.int8)
    out["found"] = json.dumps(found)
    return problems


def _check_row(key: str, times: int, label: float, part: str, part_of_video: dict[str, str]) -> None:
    """Raise ValueError on a bad id or label; note in which part the video is."""
    if not _ID.fullmatch(key):
        raise ValueError(f"id {key!r}; expected VIDEO$_$CLIP")
    if times > 1:
        raise ValueError(f"id {key} is in the file {times} times")
    first = part_of_video.setdefault(_video(key), part)
    if first != part:
        raise ValueError(f"video {_video(key)} is in {first} and in {part}")
    if not np.isfinite(label):
        raise ValueError(f"regression_labels is {label}, expected a number from -3 to 3")


def _video(key: str) -> str:
    return key.rpartition("$_$")[0]


def _notes(sizes: tuple[int, ...], found: Mapping[str, Any], synthetic: bool) -> tuple[str, ...]:
    shown = "/".join(map(str, sizes)) + " samples for training, validation and test"
    if synthetic:
        notes = [f"Synthetic features in the layout of the release of MMSA, not the release itself: {shown}."]
    elif sizes == RELEASE_SIZES:
        notes = [f"The file holds the samples of the release: {shown}."]
    else:
        customary = "/".join(map(str, RELEASE_SIZES))
        notes = [
            f"This file differs from the release, so results do not compare with published ones: {shown}; "
            f"the release has {customary}."
        ]
    if found["clamped"]:
        notes.append(f"{found['clamped']} labels outside [-3, 3] were clamped.")
    if found["infinite"]:
        notes.append(
            f"{found['infinite']} values of -inf in the audio of {found['infinite_samples']} samples were set to 0, "
            "as MMSA does."
        )
    return tuple(notes)
