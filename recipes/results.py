"""From the runs' judgements to results.json: means, standard deviations and what the project claims.

`recipes.report` documents the schema. Nothing in it depends on time, machine load or number of processes.

Public: `merge`, `SCHEMA`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noise_scheduler.calibration import scale_of
from recipes.conditions import CONDITIONS
from recipes.corpora.cache import Cache
from recipes.corpora.iemocap import LABELS, Corpus
from recipes.files import read_json
from recipes.iemocap_settings import MODALITIES, IemocapSettings
from recipes.metrics import area_under_curve, summary
from recipes.run_plan import FINETUNED, KINDS, METHODS, Method, RunPlan
from recipes.views import curve_noises, evaluation_scheduler

SCHEMA = 1
_SCORED = (*CONDITIONS, "noisy/mean", "noisy/pooled", "missing/mean", "missing/pooled")
_SELECTION = (
    "Weights of the epoch with the best mean UA on the validation speakers, under the conditions that the method is "
    "trained for; the test speakers were never used for selection."
)


def merge(corpus: Corpus, cache: Cache, plans: Sequence[RunPlan], settings: IemocapSettings) -> dict[str, Any]:
    """The contents of results.json from the files that the jobs of `plans` wrote."""
    scheduler = settings.scheduler(seed=plans[0].seed, total_steps=1000)
    methods = [*METHODS, *([FINETUNED] if settings.finetune.epochs else [])]
    judged = {method.name: [read_json(plan.work / f"{method.name}.json") for plan in plans] for method in methods}
    unimodal = _unimodal(plans)
    return {
        "schema": SCHEMA,
        "corpus": _corpus(corpus, cache),
        "labels": list(LABELS),
        "protocol": {
            "runs": [
                {
                    "seed": plan.seed,
                    "fold": plan.fold,
                    "train": len(plan.train),
                    "validation": len(plan.validation),
                    "test": len(plan.test),
                }
                for plan in plans
            ],
            "selection": _SELECTION,
            "noisy_levels": list(settings.evaluation.noisy_levels),
            "views": settings.evaluation.views,
            "curve_levels": [0.0, *settings.evaluation.curve_levels],
        },
        "scheduler": scheduler.to_dict(),
        "scheduler_digest": scheduler.digest,
        "methods": [_method(method, judged[method.name]) for method in methods],
        "unimodal": unimodal,
        "curves": _curves(settings, judged),
        "claims": _claims(judged, unimodal),
    }


def _corpus(corpus: Corpus, cache: Cache) -> dict[str, Any]:
    labels = Counter(cache.labels.tolist())
    sessions = Counter(cache.sessions.tolist())
    crops = cache.meta["crop"]
    return {
        "name": "IEMOCAP layout, synthetic demo corpus" if corpus.synthetic else "IEMOCAP",
        "synthetic": corpus.synthetic,
        "utterances": len(cache),
        "per_class": {name: labels[index] for index, name in enumerate(LABELS)},
        "per_session": {str(session): sessions[session] for session in sorted(sessions)},
        "left_out": sorted({*corpus.left_out, *cache.left_out}),
        "notes": list(corpus.notes),
        "faces": {"detector": crops["detector"], "fallback": crops["square"]},
    }


def _method(method: Method, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    latent = None
    if runs[0]["latent"]:
        latent = {
            "size": runs[0]["latent"]["size"],
            "active": summary([run["latent"]["active"] for run in runs]),
            "kl_nats": summary([run["latent"]["kl_nats"] for run in runs]),
            "reconstruction_r2": {
                condition: summary([run["latent"]["reconstruction_r2"][condition] for run in runs])
                for condition in ("clean", "noisy/pooled")
            },
        }
    return {
        "name": method.name,
        "label": method.label,
        "encoders": method.encoders,
        "training": method.training,
        "parameters": runs[0]["parameters"],
        "scores": {
            condition: {
                metric: summary([run["scores"][condition][metric] for run in runs])
                for metric in ("ua", "wa", "macro_f1")
            }
            for condition in _SCORED
        },
        "confusion": {
            condition: np.sum([run["confusion"][condition] for run in runs], axis=0).tolist()
            for condition in ("clean", "noisy/pooled")
        },
        "latent": latent,
    }


def _unimodal(plans: Sequence[RunPlan]) -> dict[str, Any]:
    runs = {m: [read_json(plan.work / f"{m}.unimodal.json") for plan in plans] for m in MODALITIES}
    return {
        modality: {
            kind: {
                condition: {"ua": summary([run[kind][condition]["ua"] for run in runs[modality]])}
                for condition in ("clean", "noisy")
            }
            for kind in KINDS
        }
        for modality in MODALITIES
    }


def _curves(settings: IemocapSettings, judged: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    scheduler = evaluation_scheduler(settings.scheduler(seed=0, total_steps=1), settings.evaluation)
    levels = [0.0, *settings.evaluation.curve_levels]
    curves = []
    for modality in MODALITIES:
        for noise, built in curve_noises(scheduler, modality).items():
            methods = {}
            for name, runs in judged.items():
                lines = [[run["scores"]["clean"]["ua"], *run["curves"][noise]] for run in runs]
                methods[name] = {
                    "ua": [summary(values) for values in zip(*lines, strict=True)],
                    "area": summary([area_under_curve(levels, line) for line in lines]),
                }
            scale = scale_of(built, modality)  # modalities are called by their kinds
            curves.append({"modality": modality, "noise": noise, "scale": scale, "levels": levels, "methods": methods})
    return curves


def _claims(judged: Mapping[str, Sequence[Mapping[str, Any]]], unimodal: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the noise-scheduled VAE must hold against the methods it argues against, in points of UA per run."""

    def gain(condition: str, other: str) -> dict[str, Any]:
        pairs = zip(judged["nmer"], judged[other], strict=True)
        return summary([100 * (a["scores"][condition]["ua"] - b["scores"][condition]["ua"]) for a, b in pairs])

    wanted = [
        ("beats the model trained on clean data, mean of the six noisy conditions", "noisy/mean", "nmer_clean", 8.0),
        ("beats the model trained with zero vectors, mean of the six noisy conditions", "noisy/mean", "nmer_zero", 8.0),
        ("is no worse than zero vectors when modalities are missing", "missing/mean", "nmer_zero", 0.0),
        ("loses at most one point on clean data against the model trained on clean data", "clean", "nmer_clean", -1.0),
    ]
    claims = []
    for text, condition, other, bound in wanted:
        measured = gain(condition, other)
        claims.append(
            {
                "text": f"NMER under scheduled noise {text}",
                "required": f">= {bound:g} points of UA",
                "measured": measured,
                "holds": measured["mean"] >= bound,
                "why": "" if measured["mean"] >= bound else f"{_shortfall(measured, bound)} {_where_gained(unimodal)}",
            }
        )
    return claims


def _shortfall(measured: Mapping[str, Any], bound: float) -> str:
    """What can be said of a claim that is not reached: how far it is, and whether chance explains it."""
    runs = len(measured["values"])
    short = f"Short by {bound - measured['mean']:.1f} points"
    if runs < 2:
        return f"{short}; one run says nothing about chance, more are needed (run.seeds)."
    error = measured["std"] / runs**0.5
    if bound - measured["mean"] <= 2 * error:
        return f"{short} with a standard error of {error:.1f} over {runs} runs: within chance, more runs would tell."
    return f"{short} with a standard error of {error:.1f} over {runs} runs: more than chance explains."


def _where_gained(unimodal: Mapping[str, Any]) -> str:
    """What training under noise does for each modality alone, on noisy test data: where a gain can come from."""
    gains = {
        modality: 100 * (kinds["noisy"]["noisy"]["ua"]["mean"] - kinds["clean"]["noisy"]["ua"]["mean"])
        for modality, kinds in unimodal.items()
    }
    shown = ", ".join(f"{modality} {gain:+.1f}" for modality, gain in gains.items())
    return f"What training an encoder under noise gains on noisy data, each modality alone, in points: {shown}."
