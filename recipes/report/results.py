"""The schema of results.json (version 2), and its reader.

The classes below are both the documentation and the check: `read_results` walks their annotations, so a file
that lacks a key or holds another type is refused with the place of the fault. Keys that are not named here are
ignored. Every number is deterministic; the file holds no dates and no timings.

Conditions are named by the initials of the modalities that are touched, the others being clean:

    clean
    noisy/a   noisy/v   noisy/t   noisy/av   noisy/at   noisy/vt      those modalities are noisy
    noisy/mean   noisy/pooled            the mean of the six; all views of the six as one test set
    heldout/…                            the same under types of noise that nothing was trained on, if there are any
    missing/a … missing/vt, missing/mean, missing/pooled              those modalities are absent
    GROUP/PART, GROUP/mean, GROUP/pooled                              what the protocol judges beside or instead

or, where the protocol has them, by rates and names, with mean and pooled too:

    missing_rate/0.3              this share of all modalities is absent, at least one of each utterance is kept
    unequal_rate/a0.2-v0.5-t0.8   the same with a rate for each modality
    dropped/0.3                   this share of the frames, the sound and the words is lost
    scene/NAME                    the noise of a scheduler of the settings

What the scores are is said by `metrics`; the first of them is the headline, a share in [0, 1] of which more is better.

Public: `read_results`, `read_checked`, `Results` and its parts, `condition_groups`, `ResultsError`, `SCHEMA`, `SIX`,
`CONDITIONS`.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar

from recipes.metrics import Metric

Content = TypeVar("Content")
SCHEMA = 2
SIX = ("a", "v", "t", "av", "at", "vt")
CONDITIONS = (
    "clean",
    *(f"{group}/{part}" for group in ("noisy", "missing") for part in (*SIX, "mean", "pooled")),
)
"""Those of the raw path; others have ``clean`` and one group at least, with its mean."""


class ResultsError(ValueError):
    """A results.json cannot be shown; the message names the file, the place and the remedy."""


class Summary(TypedDict):
    """One figure over all runs."""

    values: list[float]
    """One per run, in the order of `Protocol.runs`."""
    mean: float
    std: float | None
    """Sample standard deviation; null where there is one run."""


class Task(TypedDict):
    """What the models are to say."""

    name: str
    outputs: list[str]
    chance: float
    """The headline of a guess."""


class Corpus(TypedDict):
    """What was trained and tested on."""

    name: str
    synthetic: bool
    utterances: int
    per_class: dict[str, int]
    per_session: dict[str, int]
    left_out: list[str]
    """What could not be used, one line each with its reason."""
    notes: list[str]
    faces: dict[str, int]
    """How many utterances were cropped by which means, such as {"detector": 700, "fallback": 20}."""


class Run(TypedDict):
    """One training run with its split."""

    seed: int
    fold: str
    """What is tested on."""
    train: int
    """Utterances."""
    validation: int
    test: int


class Protocol(TypedDict):
    """How the figures came about."""

    name: str
    runs: list[Run]
    selection: str
    """One sentence: how the model of a run is chosen."""
    selected_on_test: bool
    noisy_levels: list[float]
    """Least and greatest level of the noisy test views; empty where there are none."""
    views: int
    """Noisy test views per utterance and condition."""
    curve_levels: list[float]


class Latent(TypedDict):
    """What the latent variable of a VAE does."""

    size: int
    active: Summary
    """Dimensions whose posterior mean varies over the data (Burda et al., arXiv 1509.00519)."""
    kl_nats: Summary
    """Divergence of posterior from prior, in nats per utterance."""
    reconstruction_r2: dict[str, Summary]
    """Share of the variance of the clean teacher's joint representation that is reconstructed, by condition."""
    unmended_r2: dict[str, Summary]
    """The same of the teacher's own representation of the noisy data."""


class Method(TypedDict):
    """One way of training and its figures; the first of the list is the one that the report is about."""

    name: str
    label: str
    encoders: str
    """What its encoders were trained on."""
    training: str
    """What its fusion was trained on."""
    parameters: int
    """Weights of the fusion with its heads, without the encoders."""
    scores: dict[str, dict[str, Summary]]
    """By condition, those of `condition_groups` for every method, and metric."""
    confusion: dict[str, list[list[int]]]
    """By condition, counts summed over the runs; rows are the truth, in the order of `Results.labels`."""
    calibration_error: dict[str, Summary]
    """By condition, the expected calibration error (Guo et al., ICML 2017) in [0, 1]; empty for a value."""
    reliability: dict[str, dict[str, Summary]]
    """Seen or held-out noise → modality → rank correlation of its reliability with how clean it is; empty where it is
    not measured."""
    latent: Latent | None


class MethodCurve(TypedDict):
    """One line of a curve."""

    score: list[Summary]
    """The headline, one per level."""
    area: Summary
    """Under the line, by the trapezoid rule, over the range of the levels."""


class Curve(TypedDict):
    """The headline against the level of one noise on one modality, the other modalities clean, or against a rate."""

    modality: str
    """Or "all" for a rate."""
    noise: str
    """Its registered name, or what the rate is of."""
    scale: str
    """What the levels are measured on: a calibration profile, "native" for the noise's own path, or "rate"."""
    levels: list[float]
    methods: dict[str, MethodCurve]


class Claim(TypedDict):
    """A figure that the run was to reach."""

    text: str
    required: str
    """A comparison such as ">= 8.0"."""
    measured: Summary
    """Points of the headline per fold, paired by run."""
    holds: bool
    why: str
    """Why it was not reached; empty where it holds, or where the reason is not known."""


class Results(TypedDict):
    """The whole file, with "schema": 2 beside these keys."""

    recipe: str
    corpus: Corpus
    corpus_digest: str
    task: Task
    metrics: list[Metric]
    labels: list[str]
    """The classes, in the order of their indices."""
    protocol: Protocol
    scheduler: dict[str, Any]
    """`NoiseScheduler.to_dict()` of the scheduler that was trained under."""
    scheduler_digest: str
    held_out: dict[str, Any]
    """Modality → noises of the conditions heldout/…; empty for none."""
    methods: list[Method]
    unimodal: dict[str, dict[str, dict[Literal["clean", "noisy"], dict[str, Summary]]]]
    """Modality → data its encoder was trained on → data it is tested on → the headline."""
    curves: list[Curve]
    claims: list[Claim]


def read_results(path: Path) -> Results:
    """The checked content of a results.json.

    Raises:
        ResultsError: the file is missing, no JSON, of another schema, or not as the classes above say.
    """
    content = _read(path)
    found = content.get("schema") if isinstance(content, dict) else None
    if found != SCHEMA:
        raise ResultsError(
            f"{path}: schema {found!r}, but this report reads schema {SCHEMA}; "
            "run the recipe again, or use the version that wrote the file"
        )
    try:
        _check(content, Results, "")
        _check_shapes(content)
    except ValueError as error:
        raise ResultsError(f"{path}: {error}; run the recipe again to write the file anew") from None
    return typing.cast(Results, content)


def read_checked(path: Path, expected: type[Content]) -> Content:
    """The content of another JSON file of a run, checked against the TypedDict `expected`. Raises ResultsError."""
    content = _read(path)
    try:
        _check(content, expected, "")
    except ValueError as error:
        raise ResultsError(f"{path}: {error}; run the recipe again to write the file anew") from None
    return typing.cast(Content, content)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ResultsError(f"{path}: no such file; the recipe writes it when the evaluation is done") from None
    except ValueError as error:
        raise ResultsError(f"{path}: not JSON ({error}); run the recipe again to write it anew") from error


def condition_groups(method: Method) -> dict[str, tuple[str, ...]]:
    """Group → its parts, in the order of the method's scores; ``clean`` is in none."""
    groups: dict[str, tuple[str, ...]] = {}
    for condition in method["scores"]:
        group, _, part = condition.partition("/")
        if part:
            groups[group] = (*groups.get(group, ()), part)
    return groups


def _check(value: Any, expected: Any, where: str) -> None:
    """Raise ValueError unless `value` is what the annotation `expected` says."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if expected is Any:
        return
    if typing.is_typeddict(expected):
        _require_mapping(value, where)
        for key, inner in typing.get_type_hints(expected).items():
            _check(_get(value, key, where), inner, f"{where}.{key}" if where else key)
    elif origin is dict:
        _require_mapping(value, where)
        if typing.get_origin(arguments[0]) is Literal:
            for key in typing.get_args(arguments[0]):
                _get(value, key, where)
        for key, inner in value.items():
            _check(inner, arguments[1], f"{where}[{key!r}]")
    elif origin is list:
        if not isinstance(value, list):
            raise ValueError(f"{where} must be a list, not {_shown(value)}")
        for index, inner in enumerate(value):
            _check(inner, arguments[0], f"{where}[{index}]")
    elif origin is types.UnionType:
        if value is not None:
            _check(value, arguments[0], where)
    elif expected is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{where} must be a finite number, not {_shown(value)}")
    elif not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise ValueError(f"{where} must be {expected.__name__}, not {_shown(value)}")


def _check_shapes(results: Results) -> None:
    """Raise ValueError where lists do not fit together."""
    classes, runs = len(results["labels"]), len(results["protocol"]["runs"])
    filled = {"labels": classes, "protocol.runs": runs, "methods": results["methods"], "metrics": results["metrics"]}
    for name, value in filled.items():
        if not value:
            raise ValueError(f"{name} is empty")
    groups = condition_groups(results["methods"][0])
    if not groups or any("mean" not in parts for parts in groups.values()):
        raise ValueError("scores need a condition GROUP/mean for each group, and one group at least")
    for method in results["methods"]:
        where = f"method {method['name']!r}"
        for condition in ("clean", *(f"{group}/{part}" for group, parts in groups.items() for part in parts)):
            scores = _get(method["scores"], condition, f"{where}: scores")
            for metric in results["metrics"]:
                values = _get(scores, metric["name"], f"{where}: scores[{condition!r}]")["values"]
                if len(values) != runs:
                    raise ValueError(f"{where}: {condition} has {len(values)} values for {runs} runs")
        for condition, counts in method["confusion"].items():
            if [len(row) for row in counts] != [classes] * classes:
                raise ValueError(f"{where}: the confusion matrix {condition!r} is not {classes} × {classes}")
    known = {method["name"] for method in results["methods"]}
    for curve in results["curves"]:
        for name, line in curve["methods"].items():
            if name not in known:
                raise ValueError(f"curve {curve['noise']!r} has a line for {name!r}, which is no method of the file")
            if len(line["score"]) != len(curve["levels"]):
                raise ValueError(
                    f"curve {curve['noise']!r}, {name!r}: {len(line['score'])} points for {len(curve['levels'])} levels"
                )


def _require_mapping(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{where or 'the file'} must be a table, not {_shown(value)}")


def _get(mapping: Mapping[Any, Any], key: str, where: str) -> Any:
    if key not in mapping:
        raise ValueError(f"{where or 'the file'} lacks the key {key!r}")
    return mapping[key]


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:40]!r}"
