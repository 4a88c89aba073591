"""Does equal severity mean like harm? What text classifiers lose to every noise of text, against its severity.

    python -m benchmarks.harm_text

Two classifiers tell negative from positive sentences: logistic regression on words and pairs of words, and on the
character 2-grams to 5-grams. They learn from two thirds of the judged sentences of `benchmarks.asr_speech`, without
noise; the others are what they are tried on. Loss is the share of Cohen's kappa that is lost.

Every noise of the profile is run at four levels. `benchmarks.harm_fit` says what R² and residuals are. Written:
benchmarks/results/harm_text.json and harm_text.md.
"""

from __future__ import annotations

import hashlib
import statistics
from typing import Any

import numpy as np
from rich.progress import track
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score
from sklearn.pipeline import Pipeline, make_pipeline

import noise_scheduler as ns
from benchmarks import harm_fit
from benchmarks.asr_speech import Sentence, sentences
from benchmarks.measure import RESULTS, write
from noise_scheduler import severity
from noise_scheduler.calibration import profile_of
from noise_scheduler.files import write_whole

LEVELS = (0.25, 0.5, 0.75, 1.0)
LEAST_SENTIMENT = 0.5
"""Below this, a mean judgement is neither negative nor positive."""
ADDS_ONLY = "text/repetition"


def main() -> None:
    profile = profile_of("text")
    known, tried = parted()
    classifiers = {name: learned(made, known) for name, made in untrained().items()}
    truth = np.array([sentence.sentiment > 0 for sentence in tried])
    kappas = {name: kappa(made, truth, [one.text for one in tried]) for name, made in classifiers.items()}
    points: dict[str, dict[str, list[dict[str, float]]]] = {name: {} for name in classifiers}
    for noise in track(sorted(profile.curves), "noises", transient=True):
        for level in LEVELS:
            noisy, measured = run(noise, level, tried)
            for name, made in classifiers.items():
                lost = 1 - kappa(made, truth, noisy) / kappas[name]
                found = {"level": level, "severity": round(measured, 4), "loss": round(lost, 4)}
                points[name].setdefault(noise, []).append(found)
    points["both"] = {noise: mean_of([points[name][noise] for name in classifiers]) for noise in profile.curves}
    result = {name: figures(found) for name, found in points.items()}
    result |= {"clean_kappa": kappas, "profile": str(profile), "sentences": len(tried)}
    print(text := page(result, list(points)))
    write("harm_text", result, ("scikit-learn",))
    write_whole(RESULTS / "harm_text.md", text.encode())


def parted() -> tuple[list[Sentence], list[Sentence]]:
    """The judged sentences to learn from, and those to be tried on."""
    known, tried = [], []
    for sentence in sentences():
        if sentence.sentiment is not None and abs(sentence.sentiment) >= LEAST_SENTIMENT:
            third = hashlib.blake2b(sentence.text.lower().encode(), digest_size=4).digest()[0] % 3 == 0
            (tried if third else known).append(sentence)
    return known, tried


def untrained() -> dict[str, Pipeline]:
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char", ngram_range=(2, 5), min_df=2, sublinear_tf=True)
    return {
        "words": make_pipeline(words, LogisticRegression(C=10, max_iter=1000)),
        "characters": make_pipeline(letters, LogisticRegression(C=10, max_iter=1000)),
    }


def learned(classifier: Pipeline, known: list[Sentence]) -> Pipeline:
    return classifier.fit([one.text for one in known], [one.sentiment > 0 for one in known])


def kappa(classifier: Pipeline, truth: np.ndarray, texts: list[str]) -> float:
    return float(cohen_kappa_score(truth, classifier.predict(texts)))


def run(noise: str, level: float, tried: list[Sentence]) -> tuple[list[str], float]:
    """The noisy sentences, and their mean severity."""
    built = ns.build(noise)
    noisy = [ns.corrupt(one.text, built, level=level, id=index) for index, one in enumerate(tried)]
    return noisy, statistics.fmean(severity.text(one.text, other) for one, other in zip(tried, noisy, strict=True))


def mean_of(families: list[list[dict[str, float]]]) -> list[dict[str, float]]:
    """The points of a noise with the mean loss of several classifiers."""
    return [
        found[0] | {"loss": round(statistics.fmean(point["loss"] for point in found), 4)}
        for found in zip(*families, strict=True)
    ]


def figures(points: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    others = {noise: found for noise, found in points.items() if noise != ADDS_ONLY}
    return {**harm_fit.fitted(points), "r2_without_repetition": harm_fit.fitted(others)["r2"], "points": points}


def page(result: dict[str, Any], names: list[str]) -> str:
    lines = [
        "# Equal severity, like harm: text",
        "",
        f"Loss of Cohen's kappa of two classifiers of sentiment on {result['sentences']} sentences that they did not "
        "learn from, four levels of each noise. Written by `python -m benchmarks.harm_text`.",
        "",
        "| classifier | kappa without noise | R² | each noise judged by the others | without `text/repetition` |",
        "|---|---|---|---|---|",
    ]
    for name in names:
        found, kappa = result[name], result["clean_kappa"].get(name)
        cells = (found["r2"], found["r2_left_out"], found["r2_without_repetition"])
        lines.append(f"| {name} | {f'{kappa:.2f}' if kappa else ''} | {' | '.join(f'{cell:.3f}' for cell in cells)} |")
    for name in names:
        lines += ["", f"## On {name}", "", *harm_fit.table(result[name], result[name]["points"])]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
