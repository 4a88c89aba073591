"""Model cards: what stands in the `README.md` of a checkpoint, for people and, as metadata, for Hugging Face hub.

A card says of everything that it was not told that it is not recorded; nothing is made up.

Public: `ModelCard`, `NoiseSeen`, `Result`, `ModelFacts`, `render`. References: Mitchell et al., Model Cards for Model
Reporting, FAT* 2019; metadata as in https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from huggingface_hub import EvalResult, ModelCardData

from models.checkpoint import Preprocessing

_NOT_RECORDED = "not recorded"
_LIBRARY = "noise-scheduler"
_METHOD = (
    "Fan et al., Learning Noise-Robust Joint Representation for Multimodal Emotion Recognition under Incomplete Data "
    "Scenarios, [arXiv 2311.16114](https://arxiv.org/abs/2311.16114): training under scheduled noise, from which this "
    "library started."
)


@dataclass(frozen=True, slots=True)
class NoiseSeen:
    """One type of noise in training."""

    modality: str
    type: str
    weight: str
    """How often it is drawn against the others of its modality: a number, or a schedule in words."""
    levels: str
    """Distribution of the level over training, in words."""


@dataclass(frozen=True, slots=True)
class Result:
    """One figure measured on test data."""

    metric: str
    """As in ``UA``."""
    condition: str
    """As in ``clean``."""
    value: float
    interval: tuple[float, float] | None = None
    """Lower and upper bound; `ModelCard.interval` says which."""

    def __post_init__(self) -> None:
        if self.interval is not None and not self.interval[0] <= self.value <= self.interval[1]:
            raise ValueError(f"{self.metric} {self.condition}: {self.value} lies outside its interval {self.interval}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What the one who trained a model knows; None is not recorded."""

    corpus: str | None = None
    """Name of the training data."""
    synthetic: bool | None = None
    """Whether they are made by a program instead of recorded from people."""
    corpus_digest: str | None = None
    """Digest of the very copy."""
    split: str | None = None
    """Fold, and what was trained, validated and tested on."""
    seed: int | None = None
    training: str | None = None
    """How it was trained, as in ``scheduled noise``."""
    selection: str | None = None
    """Rule by which epoch and settings were chosen."""
    test_used_for_selection: bool | None = None
    noise: Sequence[NoiseSeen] | None = None
    """Types of noise in training; empty where there was none."""
    noise_condition: str | None = None
    """Rule by which modalities are hit."""
    noise_digest: str | None = None
    """Digest of the scheduler."""
    results: Sequence[Result] | None = None
    interval: str | None = None
    """What the intervals of the results are, as in ``95 % bootstrap over utterances``."""
    conditions: str | None = None
    """What the names of the results' conditions mean."""
    intended_use: str | None = None
    limits: str | None = None
    licence: str | None = None
    """Identifier as on Hugging Face hub, as in ``mit``."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the model itself tells."""

    name: str
    summary: str
    source: str
    classes: Sequence[str]
    encoders: Mapping[str, str]
    """Modality → what its encoder does."""
    parameters: int
    preprocessing: Preprocessing | None


def render(card: ModelCard, model: ModelFacts) -> str:
    """The card as Markdown, with metadata in YAML on top."""
    sections = {
        "How to load": _loading(model),
        "Model": _model(model),
        "Training data": _list(
            {
                "corpus": card.corpus,
                "synthetic": _yes(card.synthetic),
                "digest": card.corpus_digest and f"`{card.corpus_digest}`",
            }
        ),
        "Protocol": _list(
            {
                "split": card.split,
                "seed": card.seed,
                "training": card.training,
                "selection": card.selection,
                "test data used for selection": _yes(card.test_used_for_selection),
            }
        ),
        "Noise seen in training": _noise(card),
        "Results": _results(card),
        "Intended use": card.intended_use or f"{_NOT_RECORDED.capitalize()}.",
        "Limits": _limits(card),
        "Licence": card.licence or f"{_NOT_RECORDED.capitalize()}.",
        "References": "\n".join(f"- {text}" for text in ([model.source] if model.source else []) + [_METHOD]),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"---\n{_metadata(card, model)}\n---\n\n# {_title(model)}\n\n{_task(model)}\n\n{body}\n"


def _title(model: ModelFacts) -> str:
    return f"{model.name}: emotion from {_and(model.encoders)}"


def _task(model: ModelFacts) -> str:
    if len(model.classes) == 1:
        return f"Regresses one value, {model.classes[0]}, from {_and(model.encoders)}."
    return f"Tells {len(model.classes)} classes apart ({', '.join(model.classes)}) from {_and(model.encoders)}."


def _metadata(card: ModelCard, model: ModelFacts) -> str:
    results = [
        EvalResult(
            task_type="other",
            task_name="Multimodal emotion recognition",
            dataset_type="other",
            dataset_name=card.corpus or _NOT_RECORDED,
            dataset_config=result.condition,
            metric_type=result.metric.lower(),
            metric_name=f"{result.metric}, {result.condition}",
            metric_value=result.value,
        )
        for result in card.results or ()
    ]
    tags = ["multimodal-emotion-recognition", "noise-robustness", *model.encoders]
    data = ModelCardData(
        library_name=_LIBRARY,
        license=card.licence,
        tags=[*tags, "synthetic-data"] if card.synthetic else tags,
        model_name=model.name,
        eval_results=results or None,
    )
    return data.to_yaml().strip()


def _loading(model: ModelFacts) -> str:
    code = ["import models", "", 'model = models.EmotionModel.from_pretrained("FOLDER or OWNER/NAME on the hub")']
    lines = ["```python", *code, "```", ""]
    if model.preprocessing is None:
        return "\n".join([*lines, "What raw input went through before training is not recorded."])
    facts = model.preprocessing
    lines += [
        f"Input: mono waves at {facts.sample_rate} Hz, at most {facts.frames} evenly spaced frames of "
        f"{facts.frame_size} × {facts.frame_size} pixels, a sentence; any may be missing. For a clip of your own:",
        "",
        "```sh",
        'python -m recipes.predict FOLDER clip.mp4 --text "what is said"',
        "```",
    ]
    return "\n".join(lines)


def _model(model: ModelFacts) -> str:
    lines = [f"- fusion `{model.name}`: {model.summary}", f"- parameters: {model.parameters:,}"]
    return "\n".join([*lines, *(f"- {name}: {text}" for name, text in model.encoders.items())])


def _noise(card: ModelCard) -> str:
    if card.noise is None:
        return f"{_NOT_RECORDED.capitalize()}."
    if not card.noise:
        return "None."
    rows = [(seen.modality, f"`{seen.type}`", seen.weight, seen.levels) for seen in card.noise]
    digest = card.noise_digest and f"`{card.noise_digest}`"
    facts = _list({"digest of the scheduler": digest, "modalities hit": card.noise_condition})
    return f"{facts}\n\n{_table(('modality', 'type', 'weight', 'levels'), rows)}"


def _results(card: ModelCard) -> str:
    """One row per condition, one column per metric."""
    if not card.results:
        return f"{_NOT_RECORDED.capitalize()}."
    cells = {(result.condition, result.metric): _figure(result) for result in card.results}
    metrics = list(dict.fromkeys(result.metric for result in card.results))
    rows = [
        (condition, *(cells.get((condition, metric), _NOT_RECORDED) for metric in metrics))
        for condition in dict.fromkeys(result.condition for result in card.results)
    ]
    known = card.interval if any(result.interval for result in card.results) else None
    facts = _list({"intervals": known, "conditions": card.conditions})
    return f"{facts}\n\n{_table(('condition', *metrics), rows)}"


def _figure(result: Result) -> str:
    value = f"{result.value:.3f}"
    return f"{value} ({result.interval[0]:.3f} … {result.interval[1]:.3f})" if result.interval else value


def _limits(card: ModelCard) -> str:
    told = card.limits or f"{_NOT_RECORDED.capitalize()}."
    made = "Trained on synthetic data: its figures say nothing of recordings of people.\n\n"
    return made + told if card.synthetic else told


def _list(facts: Mapping[str, object]) -> str:
    return "\n".join(f"- {name}: {_NOT_RECORDED if value is None else value}" for name, value in facts.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _yes(value: bool | None) -> str | None:
    return None if value is None else ("yes" if value else "no")


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
