"""A picture of one prediction: what the model saw and heard, and what it makes of it.

Public: `draw`, `picture_formats`.
"""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from noise_scheduler.files import write_whole
from recipes.clips import Clip

if TYPE_CHECKING:
    from recipes.predict import Prediction

_INK, _MUTED, _RULE, _PALE = "#1f2328", "#6b7280", "#d8dde3", "#eef1f4"
_CHOSEN, _OTHER = "#0072b2", "#9cc4de"
_MODALITY = {"audio": "#d55e00", "video": "#009e73", "text": "#b8578f"}
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "text.parse_math": False,
    "axes.edgecolor": _RULE,
    "axes.titlesize": 9.5,
    "axes.titlecolor": _MUTED,
    "axes.titlelocation": "left",
    "xtick.color": _MUTED,
    "ytick.color": _INK,
}
_COLUMNS = 600
"""Columns of the waveform."""
_SHOWN_FRAMES = 8
_LINES = 4


def picture_formats() -> tuple[str, ...]:
    """Endings that the picture's name may have."""
    return tuple(sorted(FigureCanvasAgg(Figure()).get_supported_filetypes()))


def draw(prediction: Prediction, clip: Clip, text: str, title: str, file: Path) -> None:
    """Write the picture of a prediction to `file`, whose ending says the format; it is whole or not there."""
    with matplotlib.rc_context(_STYLE):
        layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08, wspace=0.04, hspace=0.03)
        figure = Figure(figsize=(11, 4.9), dpi=150, facecolor="white", layout=layout)
        _headline(figure, prediction, title)
        seen, said = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.45, 1))[0]
        frames, wave, words = seen.subplots(3, 1, height_ratios=(1, 0.9, 0.75))
        _frames(frames, prediction, clip)
        _wave(wave, prediction, clip)
        _words(words, prediction, text)
        classes, reliability = said.subplots(2, 1, height_ratios=(max(2, len(prediction.probabilities or ())), 3))
        _classes(classes, prediction)
        _reliability(reliability, prediction)
        picture = io.BytesIO()
        figure.savefig(picture, format=file.suffix.lstrip(".").lower(), metadata={})
    write_whole(file, picture.getvalue())


def _headline(figure: Any, prediction: Prediction, title: str) -> None:
    if prediction.probabilities is None:
        said = f"{prediction.predicted} {_signed(prediction.value)}"
    else:
        said = f"{prediction.predicted}, {prediction.probabilities[prediction.predicted]:.0%}"
    figure.suptitle(f"{said}   ·   {title}", x=0.015, ha="left", fontsize=15, fontweight="bold", color=_INK)
    if prediction.notes:
        figure.supxlabel("Note: " + "; ".join(prediction.notes), x=0.015, ha="left", fontsize=9, color=_MUTED)


def _frames(axes: Any, prediction: Prediction, clip: Clip) -> None:
    if clip.video is None:
        _absent(axes, "video", prediction)
        return
    shown = clip.video[np.linspace(0, len(clip.video) - 1, min(_SHOWN_FRAMES, len(clip.video))).round().astype(int)]
    size = shown.shape[1]
    gap = np.full((size, max(1, size // 16), 3), 255, np.uint8)
    strip = np.concatenate([part for picture in shown for part in (picture, gap)][:-1], axis=1)
    axes.imshow(strip, interpolation="lanczos", aspect="equal")
    axes.set_anchor("NW")
    found = "face found by the detector" if clip.face == "detector" else "no face found: middle of the frame"
    _panel(axes, f"Video: {len(clip.video)} frames, {found}")


def _wave(axes: Any, prediction: Prediction, clip: Clip) -> None:
    if clip.audio is None:
        _absent(axes, "audio", prediction)
        return
    parts = np.array_split(clip.audio, min(_COLUMNS, len(clip.audio)))
    time = np.linspace(0, clip.seconds, len(parts))
    low, high = [part.min() for part in parts], [part.max() for part in parts]
    axes.fill_between(time, low, high, color=_MODALITY["audio"], linewidth=0.4)
    peak = float(np.abs(clip.audio).max())
    axes.set(xlim=(0, clip.seconds), ylim=(-1.1 * peak, 1.1 * peak))
    _panel(axes, f"Audio: {clip.seconds:.1f} s, peak {20 * np.log10(peak):.0f} dB of full scale".replace("-", "−"))
    axes.tick_params(bottom=True, labelbottom=True, length=3, labelsize=8, color=_RULE)
    axes.xaxis.set_major_formatter("{x:g} s")


def _words(axes: Any, prediction: Prediction, text: str) -> None:
    if "text" in prediction.missing or not text.strip():
        _absent(axes, "text", prediction)
        return
    lines = textwrap.wrap(" ".join(text.split()), 62)
    shown = "\n".join(lines[:_LINES]) + (" …" if len(lines) > _LINES else "")
    axes.text(0, 0.95, f"“{shown}”", transform=axes.transAxes, va="top", fontsize=12, style="italic", linespacing=1.4)
    _panel(axes, "Text")


def _classes(axes: Any, prediction: Prediction) -> None:
    if prediction.probabilities is None:
        value = _signed(prediction.value)
        axes.text(0, 0.5, value, transform=axes.transAxes, va="center", fontsize=30, color=_CHOSEN)
        _panel(axes, f"Regressed value: {prediction.predicted}")
        return
    names = sorted(prediction.probabilities, key=prediction.probabilities.__getitem__)
    colours = [_CHOSEN if name == prediction.predicted else _OTHER for name in names]
    values = [prediction.probabilities[name] for name in names]
    _bars(axes, names, values, colours, [f"{value:.0%}" for value in values])
    _panel(axes, "Probability of the classes")


def _reliability(axes: Any, prediction: Prediction) -> None:
    values = prediction.reliability
    if values is not None:
        names = list(values)[::-1]
        labels = ["missing" if name in prediction.missing else f"{values[name]:.2f}" for name in names]
        _bars(axes, names, [values[name] for name in names], [_MODALITY[name] for name in names], labels)
        axes.set_ylim(len(names) - len(_MODALITY) - 0.5, len(names) - 0.5)  # bars of one size for any number of them
        axes.set_xlabel(prediction.reliability_is, loc="left", fontsize=8.5, color=_MUTED)
    else:
        axes.text(0, 0.95, prediction.reliability_is, transform=axes.transAxes, va="top", style="italic", color=_MUTED)
    _panel(axes, "Reliability of each modality")


def _bars(axes: Any, names: list[str], values: list[float], colours: list[str], labels: list[str]) -> None:
    rows = np.arange(len(names))
    axes.barh(rows, np.ones(len(names)), height=0.62, color=_PALE)
    axes.barh(rows, values, height=0.62, color=colours)
    for row, label in zip(rows, labels, strict=True):
        axes.text(1.02, row, label, va="center")
    axes.set_yticks(rows, names)
    axes.set_xlim(0, 1.2)  # the labels inside, so that pictures of several clips line up
    axes.tick_params(left=False, labelleft=True, labelsize=11)


def _absent(axes: Any, modality: str, prediction: Prediction) -> None:
    why = prediction.missing.get(modality, "not used by this model")
    axes.set_facecolor(_PALE)
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=_MUTED, style="italic")
    _panel(axes, f"{modality.capitalize()}: missing" if modality in prediction.missing else modality.capitalize())


def _signed(value: float | None) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _panel(axes: Any, title: str) -> None:
    axes.set_title(title)
    axes.tick_params(bottom=False, labelbottom=False)
    if not axes.containers:  # bars have names
        axes.tick_params(left=False, labelleft=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
