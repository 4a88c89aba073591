"""Reader of the features of IEMOCAP that come with MMIN: audio, faces and words, ten folds.

What is read, below the folder of the release (IEMOCAP_features_2021):

    A/comparE.h5              one data set (T, 130) per utterance: ComParE low-level descriptors of openSMILE
    A/comparE_mean_std.h5     groups "1" … "10", each with mean (130,) and std (130,) of the training part of that fold
    V/denseface.h5            one data set (T, 342) per utterance: DenseNet trained on faces
    L/bert_large.h5           one data set (T, 1024) per utterance: BERT-large, one vector per token
    target/1 … target/10      per fold and part (trn, val, tst):
        trn_label.npy         (N, 4) one-hot
        trn_int2name.npy      (N, 1) bytes, the ids of the utterances, such as Ses01F_impro01_F000

T differs between modalities. Labels may also be (N,) integers, and ids (N,). A corpus gives audio as it is in the file;
`corpus.for_fold(fold)` gives it normalised with the fold's mean and std, as MMIN does (norm_method=trn).

The release names no classes. Where their sizes are those of the four-class set (1103 angry, 1636 happy, 1084 sad, 1708
neutral), `classes` names them by their sizes; else they are numbered.

What is checked: every fold is disjoint in speakers and names no utterance twice; an utterance has the same label in
every fold; its features are there, of the right width, finite and not empty. All features are read once for that.

Public: read, speaker_of, DIMS, FILES, STATISTICS, FOLDS, PARTS, RELEASE_CLASSES.

Source: Zhao, Li and Jin, Missing modality imagination network for emotion recognition with uncertain missing
modalities, ACL 2021; layout after data/multimodal_dataset.py of https://github.com/AIM3-RUC/MMIN.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recipes.corpora import CorpusError, Fold, Problem, is_synthetic, raise_problems
from recipes.corpora.features import FeatureCorpus, Scale, Source, array_fault, open_hdf5

__all__ = ["DIMS", "FILES", "FOLDS", "PARTS", "RELEASE_CLASSES", "STATISTICS", "read", "speaker_of"]

DIMS = {"audio": 130, "video": 342, "text": 1024}
FILES = {"audio": "A/comparE.h5", "video": "V/denseface.h5", "text": "L/bert_large.h5"}
STATISTICS = "A/comparE_mean_std.h5"
FOLDS = tuple(str(number) for number in range(1, 11))
PARTS = ("trn", "val", "tst")
CLASS_COUNT = 4
RELEASE_CLASSES = {1103: "angry", 1636: "happy", 1084: "sad", 1708: "neutral"}
"""Size of a class in the four-class set of IEMOCAP → its name."""

_NAME = re.compile(r"(Ses0[1-5])[FM]_\w+_([FM])\d{3}")


class _Row(NamedTuple):
    """Where one fold has an utterance, and its label there."""

    part: str
    label: int


_Target = dict[str, _Row]
"""One fold, keyed by the ids of its utterances, in the order of its files."""


def read(root: Path, *, skip_bad: bool = False) -> FeatureCorpus:
    """Read and check a copy of the release.

    With `skip_bad`, utterances and folds that cannot be used are left out and listed in `left_out`. Raises
    CorpusError: a file is missing, truncated or not HDF5; a fold without a file, or with ids and labels of different
    number; an id that is listed twice or is none of IEMOCAP; a speaker in two parts; a label outside 0 … 3, or that
    differs between folds; features that are missing, empty, of a wrong width, NaN or infinite.
    """
    root = Path(root)
    _check_folder(root)
    problems: list[Problem] = []
    targets = {name: _read_target(root / "target" / name, problems) for name in FOLDS}
    labels = _merged_labels(root, targets, problems)
    sources = {modality: Source(root / FILES[modality], dim) for modality, dim in DIMS.items()}
    for source in sources.values():
        _check_features(source, labels, problems)
    scales = _read_scales(root / STATISTICS, problems)

    bad = {problem.subject for problem in problems}
    ids = tuple(sorted(labels.keys() - bad))
    good_targets = {name: target for name, target in targets.items() if _subject(name) not in bad}
    folds = tuple(_folds(root, good_targets, ids, problems))
    if not skip_bad:
        raise_problems(problems, root)
    if not folds:
        shown = "\n".join(f"  {problem}" for problem in problems[:10])
        raise CorpusError(f"{root}: no fold is left after skipping what is bad:\n{shown}")
    label_of_id = np.array([labels[key] for key in ids], dtype=np.int64)
    counts = np.bincount(label_of_id, minlength=CLASS_COUNT).tolist()
    synthetic = is_synthetic(root)
    return FeatureCorpus(
        root=root,
        name="IEMOCAP, features of MMIN",
        ids=ids,
        labels=label_of_id,
        classes=tuple(RELEASE_CLASSES.get(count, f"class {label}") for label, count in enumerate(counts)),
        groups=tuple(speaker_of(key) for key in ids),
        folds=folds,
        sources=sources,
        left_out=tuple(str(problem) for problem in problems),
        notes=_notes(counts, folds, synthetic),
        synthetic=synthetic,
        scales=scales,
    )


def _check_folder(root: Path) -> None:
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder. Give the folder that holds A, V, L and target.")
    missing = [name for name in ("A", "V", "L", "target") if not (root / name).is_dir()]
    if missing:
        inner = next((path.parent for path in sorted(root.glob("*/target"))), None)
        hint = f"; {inner} looks like it" if inner else ""
        raise CorpusError(
            f"{root}: no {', '.join(missing)} in it. Give the folder that holds A, V, L and target{hint}."
        )


def _subject(fold: str) -> str:
    return f"fold {fold}"


def speaker_of(key: str) -> str:
    """Ses01F_impro01_M000 → Ses01M: the actor who speaks, not the one after whom the dialog is named."""
    match = _NAME.fullmatch(key)
    assert match is not None, key
    return match[1] + match[2]


def _read_target(folder: Path, problems: list[Problem]) -> _Target:
    """The rows of a fold that can be used; where a file of it cannot be, none."""
    target: _Target = {}
    try:
        parts = {part: _read_part(folder, part) for part in PARTS}
    except CorpusError as error:
        problems.append(Problem(_subject(folder.name), str(error)))
        return target
    for part, (ids, labels) in parts.items():
        for row, (key, given) in enumerate(zip(ids, labels, strict=True)):
            where = f"{folder / part}_int2name.npy: row {row}"
            label = _class_of(given)
            if not _NAME.fullmatch(key):
                message = f"{where}: not the name of an utterance; expected one such as Ses01F_impro01_F000"
                problems.append(Problem(key, message))
            elif key in target:
                message = f"{where}: listed already in {target[key].part}_int2name.npy; remove one of the rows"
                problems.append(Problem(key, message))
            elif label is None:
                message = f"{folder / part}_label.npy: row {row}: label {given}; expected 0 … 3, or a one among four"
                problems.append(Problem(key, message))
            else:
                target[key] = _Row(part, label)
    return target


def _read_part(folder: Path, part: str) -> tuple[list[str], npt.NDArray[Any]]:
    """Ids (N) and labels (N,) or (N, 4) of one part of a fold, as they are in the files."""
    name_file, label_file = folder / f"{part}_int2name.npy", folder / f"{part}_label.npy"
    names, labels = _read_array(name_file), _read_array(label_file)
    if names.dtype.kind not in "SU" or names.shape not in ((len(names), 1), (len(names),)):
        raise CorpusError(f"{name_file}: {names.dtype} of shape {names.shape}, expected bytes of shape (N, 1)")
    if labels.dtype.kind not in "biuf" or labels.shape not in ((len(labels), CLASS_COUNT), (len(labels),)):
        raise CorpusError(f"{label_file}: {labels.dtype} of shape {labels.shape}, expected numbers of shape (N, 4)")
    if len(names) != len(labels):
        raise CorpusError(
            f"{label_file}: {len(labels)} labels, but {len(names)} ids in {name_file.name}; copy both again"
        )
    ids = [name.decode("ascii", "replace") if isinstance(name, bytes) else str(name) for name in names.ravel()]
    return ids, labels


def _read_array(file: Path) -> npt.NDArray[Any]:
    try:
        array = np.load(file, allow_pickle=False)
    except FileNotFoundError:
        raise CorpusError(f"{file}: missing; copy it again from the release") from None
    except Exception as error:  # a broken header raises nearly anything: numpy has it parsed as a Python expression
        raise CorpusError(f"{file}: truncated or not an array ({error}); copy it again from the release") from error
    if not isinstance(array, np.ndarray) or array.ndim == 0:
        raise CorpusError(f"{file}: not a list of rows; copy it again from the release")
    return array


def _class_of(given: npt.NDArray[Any]) -> int | None:
    """The class of one row of labels, a number or one-hot; None if it is neither."""
    if given.ndim == 0:
        return int(given) if given in range(CLASS_COUNT) else None
    return int(given.argmax()) if sorted(given.tolist()) == [0, 0, 0, 1] else None


def _merged_labels(root: Path, targets: Mapping[str, _Target], problems: list[Problem]) -> dict[str, int]:
    """The label of every utterance that any fold has."""
    labels: dict[str, int] = {}
    for name, target in targets.items():
        for key, row in target.items():
            known = labels.setdefault(key, row.label)
            if known != row.label:
                where = root / "target" / name / f"{row.part}_label.npy"
                problems.append(
                    Problem(key, f"{where}: class {row.label}, but {known} in an earlier fold; correct one")
                )
    return labels


def _check_features(source: Source, keys: Iterable[str], problems: list[Problem]) -> None:
    with open_hdf5(source.file) as file:
        for key in keys:
            if fault := _features_fault(file, key, source.dim):
                problems.append(Problem(key, f"{source.file}: {key} {fault}; repair or copy the file again"))


def _features_fault(file: Any, key: str, dim: int) -> str | None:
    try:
        stored = file.get(key)
        if stored is None:
            return "is missing"
        if not hasattr(stored, "dtype"):
            return "is a group, expected an array"
        return array_fault(stored[()], dim)
    except OSError as error:
        return f"cannot be read ({error})"


def _read_scales(path: Path, problems: list[Problem]) -> dict[str, dict[str, Scale]]:
    """Fold → audio → mean and standard deviation of its training part."""
    scales: dict[str, dict[str, Scale]] = {}
    width = (DIMS["audio"],)
    with open_hdf5(path) as file:
        for name in FOLDS:
            try:
                mean, std = (np.asarray(file[name][key][()], dtype=np.float32) for key in ("mean", "std"))
            except (KeyError, OSError, ValueError, TypeError) as error:
                message = f"{path}: group {name!r} lacks mean or std ({error}); copy the file again from the release"
                problems.append(Problem(_subject(name), message))
                continue
            if mean.shape != width or std.shape != width or not np.isfinite([mean, std]).all() or not (std > 0).all():
                message = f"{path}: mean and std of group {name!r} must be {width}, finite, std positive; copy it again"
                problems.append(Problem(_subject(name), message))
            else:
                scales[name] = {"audio": Scale(mean, std)}
    return scales


def _folds(root: Path, targets: Mapping[str, _Target], ids: Sequence[str], problems: list[Problem]) -> Iterator[Fold]:
    """The folds by index into `ids`; those that are empty in a part or share a speaker are problems instead."""
    place = {key: index for index, key in enumerate(ids)}
    for name, target in targets.items():
        parts = {part: [key for key, row in target.items() if row.part == part and key in place] for part in PARTS}
        if fault := _fold_fault(parts):
            problems.append(Problem(_subject(name), f"{root / 'target' / name}: {fault}"))
        else:
            train, val, test = (np.array(sorted(place[key] for key in parts[part]), dtype=np.int64) for part in PARTS)
            yield Fold(name, train, val, test)


def _fold_fault(parts: Mapping[str, Sequence[str]]) -> str | None:
    for part, keys in parts.items():
        if not keys:
            return f"no usable utterance in {part}; copy the folder again"
    first = {part: {speaker_of(key): key for key in reversed(keys)} for part, keys in parts.items()}
    for one, other in combinations(PARTS, 2):
        for speaker in sorted(first[one].keys() & first[other].keys()):
            found = f"{first[one][speaker]} in {one} and {first[other][speaker]} in {other}"
            return f"speaker {speaker} is in two parts: {found}; take the folds of the release"
    return None


def _notes(counts: Sequence[int], folds: Sequence[Fold], synthetic: bool) -> tuple[str, ...]:
    tested = sum(len(fold.test) for fold in folds)
    found = f"{sum(counts)} utterances ({'/'.join(map(str, counts))} per class), {tested} tested in {len(folds)} folds"
    if synthetic:
        return (f"Synthetic features in the layout of the release of MMIN, not the release itself: {found}.",)
    size = sum(RELEASE_CLASSES)
    whole = all(len(fold.train) + len(fold.val) + len(fold.test) == size for fold in folds)
    if sorted(counts) == sorted(RELEASE_CLASSES) and len(folds) == len(FOLDS) and tested == size and whole:
        return (f"The copy holds the four-class set of the release: {found}.",)
    customary = "/".join(map(str, RELEASE_CLASSES))
    return (
        f"This copy differs from the release, so results do not compare with published ones: {found}; "
        f"the release has {size} ({customary} in any order), every one in each of {len(FOLDS)} folds and tested once.",
    )
