"""Predict the emotion of one clip with a trained checkpoint.

    python -m recipes.predict CHECKPOINT clip.mp4 [--text "what is said"] [--out picture.png] [--json]

CHECKPOINT is a folder that `save_pretrained` wrote, or the id of a model on Hugging Face hub. The clip may have any
container and codec that FFmpeg reads, and shows one person's face. Given are the probabilities of the classes (or the
regressed value), how clean the model takes each modality to be, and what is missing: without --text there is no text, a
silent clip has no audio, and where no face is found the square in the middle of the frame is taken. --out draws it.

A few seconds on one core for a clip of a few seconds. Models are trained on utterances: cut long clips into these.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape

from models.batch import Batch, collate
from models.checkpoint import CheckpointError
from models.fusion import FusionOutput
from models.model import EmotionModel
from recipes.clips import Clip, ClipError, read_clip
from recipes.prediction_picture import draw, picture_formats

LONG_S = 30.0
"""Clips longer than this are remarked on."""
_BAR = 30


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one clip."""

    predicted: str
    """The most probable class, or the name of the regressed value."""
    probabilities: dict[str, float] | None
    """Per class, summing to 1; None for a regression."""
    value: float | None
    """The regressed value; None for a classification."""
    reliability: dict[str, float] | None
    """Per modality in [0, 1], 0 where it is missing; None where the model gives none."""
    reliability_is: str
    """What the reliability is."""
    missing: dict[str, str]
    """Modality → why it is missing."""
    notes: tuple[str, ...]
    """What else to know before trusting it."""


class PredictError(ValueError):
    """No prediction can be made; the message says why and what to do."""


@torch.inference_mode()
def predict(model: EmotionModel, clip: Clip, text: str = "") -> Prediction:
    """What `model` says of a decoded clip and the words said in it. Raises PredictError when nothing is there."""
    missing = dict(clip.missing)
    if not text.strip():
        missing["text"] = "no text was given"
    missing = {modality: why for modality, why in missing.items() if modality in model.encoders}
    notes = []
    if len(missing) == len(model.encoders):
        raise PredictError(f"nothing to go by: {'; '.join(missing.values())}")
    output = model(collate([{"audio": clip.audio, "video": clip.video, "text": text}]))
    reliability, meaning = _reliability(output)
    if reliability is not None:
        reliability = {name: 0.0 if name in missing else value for name, value in reliability.items()}
    if text.strip() and "text" not in model.encoders:
        notes.append("the model reads no text: what was given is not used")
    if clip.face == "square":
        notes.append("no face was found: the square in the middle of the frame was taken")
    if clip.seconds > LONG_S:
        notes.append(f"the clip is {clip.seconds:.0f} s long; models are trained on utterances of a few seconds")
    probabilities = value = None
    if len(model.classes) == 1:
        predicted, value = model.classes[0], float(output.logits)
    else:
        probabilities = dict(zip(model.classes, output.logits[0].softmax(0).tolist(), strict=True))
        predicted = max(probabilities, key=probabilities.__getitem__)
    return Prediction(predicted, probabilities, value, reliability, meaning, missing, tuple(notes))


def _reliability(output: FusionOutput) -> tuple[dict[str, float] | None, str]:
    if output.reliability is not None:
        reliability = {name: float(value) for name, value in output.reliability.items()}
        return reliability, "1 is clean, 0 as noisy as noise was in training"
    return None, "not given by this model"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code: 0 done, 2 wrong input."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.predict", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="folder of a checkpoint, or OWNER/NAME of a model on Hugging Face hub")
    parser.add_argument("clip", type=Path, help="video or sound file")
    parser.add_argument("--text", default="", help="what is said in the clip (default: text is missing)")
    parser.add_argument("--out", type=Path, help="picture to draw, as in clip.png")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--revision", help="branch, tag or commit of a model on the hub")
    options = parser.parse_args(arguments)
    try:
        if options.out and options.out.suffix.lstrip(".").lower() not in picture_formats():
            raise PredictError(f"--out {options.out}: must end with one of {', '.join(picture_formats())}")
        model = EmotionModel.from_pretrained(options.checkpoint, revision=options.revision)
        _check_raw(model, options.checkpoint)
        if model.preprocessing is None:
            raise PredictError(
                f"{options.checkpoint}: its config.json has no preprocessing (frames and their size), so a clip cannot "
                "be made into what it was trained on; save it again with save_pretrained(…, preprocessing=…)"
            )
        clip = read_clip(options.clip, model.preprocessing, model.encoders.keys())
        prediction = predict(model, clip, options.text)
        if options.out:
            draw(prediction, clip, options.text, options.clip.name, options.out)
    except (CheckpointError, ClipError, PredictError, OSError) as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 2
    if options.json:
        print(json.dumps(as_json(prediction, clip, model), indent=1, ensure_ascii=False))
    else:
        _show(prediction, Console(highlight=False))
    return 0


def as_json(prediction: Prediction, clip: Clip, model: EmotionModel) -> dict[str, Any]:
    """The prediction beside what the model saw, ready for JSON."""
    assert model.preprocessing is not None
    seen = {"seconds": round(clip.seconds, 3), "frames": 0 if clip.video is None else len(clip.video)}
    return asdict(prediction) | {"clip": seen | {"face": clip.face}, "preprocessing": asdict(model.preprocessing)}


def _check_raw(model: EmotionModel, checkpoint: str) -> None:
    """Try the model on a second of noise: encoders of released features refuse raw input."""
    facts, rng = model.preprocessing, np.random.default_rng(0)
    size = facts.frame_size if facts else 64
    raw = {
        "audio": rng.uniform(-0.1, 0.1, 16_000).astype(np.float32),
        "video": rng.integers(1, 256, (2, size, size, 3), dtype=np.uint8),
        "text": "words",
    }
    try:
        with torch.inference_mode():
            model(Batch.collate([raw]))
    except ValueError as error:
        raise PredictError(f"{checkpoint}: does not take raw input, so it cannot judge a clip ({error})") from error


def _show(prediction: Prediction, console: Console) -> None:
    if prediction.probabilities is None:
        console.print(f"[bold]{escape(prediction.predicted)}[/] {prediction.value:+.3f}")
    else:
        width = max(map(len, prediction.probabilities))
        for name, probability in sorted(prediction.probabilities.items(), key=lambda pair: -pair[1]):
            bar = "█" * round(_BAR * probability)
            style = "bold" if name == prediction.predicted else "not bold"
            console.print(f"[{style}]{escape(name):<{width}}  {probability:6.1%}  {bar}[/]")
    console.print(f"\nreliability: {prediction.reliability_is}")
    for name, value in (prediction.reliability or {}).items():
        if name not in prediction.missing:
            console.print(f"  {name:<5}  {value:.2f}  {'█' * round(_BAR * value)}")
    for name, why in prediction.missing.items():
        console.print(f"  {name:<5}  [yellow]missing[/]: {why}")
    for note in prediction.notes:
        console.print(f"[yellow]note[/]: {note}")


if __name__ == "__main__":
    sys.exit(main())
