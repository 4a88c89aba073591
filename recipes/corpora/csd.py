"""Computational sequences (.csd) of the CMU-MultimodalSDK: per video, vectors and the seconds that each belongs to.

The file is HDF5: ROOT/data/VIDEO/features (n, D) and ROOT/data/VIDEO/intervals (n, 2), start and end; beside data lies
ROOT/metadata, which is not read. The SDK takes the file's only group for ROOT, whatever its name, and so does this.

Public: Sequences, read_csd.

Source: CMU-MultimodalSDK, mmsdk/mmdatasdk/computational_sequence/file_ops.py.
"""

from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from recipes.corpora import CorpusError, Problem

__all__ = ["Sequences", "read_csd"]

Sequences = dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]
"""Video → features (n, D) and intervals (n, 2), all of them finite."""


def read_csd(path: Path, dimension: int, problems: list[Problem]) -> Sequences:
    """Read the videos of a file; append to `problems` what is wrong with a video that is then left out.

    Raises CorpusError where the file is no whole HDF5 file or has another layout.
    """
    found: Sequences = {}
    try:
        with h5py.File(path, "r") as file:
            names = list(file)
            if len(names) != 1 or "data" not in file[names[0]]:
                raise CorpusError(f"{path}: expected one group with 'data' in it, found {names}; get the file again")
            data = file[names[0]]["data"]
            for video in data:
                sequence = _read_video(data, video, dimension)
                if isinstance(sequence, str):
                    problems.append(Problem(video, f"{path}: {data.name}/{video}: {sequence}"))
                else:
                    found[video] = sequence
    except (KeyError, OSError, RuntimeError, TypeError) as error:
        raise CorpusError(f"{path}: not a whole HDF5 file ({error}); get the file again") from error
    return found


def _read_video(
    data: h5py.Group, video: str, dimension: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | str:
    """Features and intervals of a video, or what is wrong with them."""
    try:
        features, intervals = (np.asarray(data[video][name], np.float64) for name in ("features", "intervals"))
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        return f"features and intervals cannot be read ({error}); get the file again"
    if features.ndim != 2 or features.shape[1] != dimension:
        return f"features have shape {features.shape}, expected (n, {dimension}); get the file with these features"
    if intervals.shape != (len(features), 2):
        return f"intervals have shape {intervals.shape}, expected ({len(features)}, 2) beside that many features"
    for name, values in (("features", features), ("intervals", intervals)):
        rows = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if rows.size:
            return f"{name} are not finite in row {rows[0]}; correct them or get the file again"
    return features, intervals
