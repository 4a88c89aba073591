"""Can a classifier tell what a recogniser wrote from what a generator wrote?

It sees reference and hypothesis. Three views: n-grams of words and characters of the hypothesis and of the error spans
(logistic regression); how the two align: counts, likeness of sounds and letters, runs, frequencies (gradient-boosted
trees); and the same with the fluency of both under pocketsphinx's trigram model. Trained on the pairs of one half of
the references, judged on the other by the area under the ROC curve: .5 where nothing can be told. Pairs without an
error, and empty hypotheses, are left out, as they say nothing about what errors look like.

Public: `VIEWS`, `told_apart`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import groupby

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein
from scipy.sparse import hstack
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.asr_align import edits, spans
from noise_scheduler.text import lexicon

VIEWS = ("n-grams", "alignment", "alignment and fluency")
_RESAMPLES = 400

Words = Sequence[str]
Example = tuple[Words, Words]
Doubles = npt.NDArray[np.float64]


def told_apart(
    real: tuple[Sequence[Example], Sequence[Example]], made: tuple[Sequence[Example], Sequence[Example]]
) -> dict[str, dict[str, float]]:
    """View → area under the curve ("auc") with its 95 % bounds ("low", "high").

    Args:
        real: (reference, hypothesis) of the recogniser, of the training half and of the other.
        made: the same of a generator.
    """
    train, test = ([*map(_kept, (real[half], made[half]))] for half in (0, 1))
    labels = np.r_[np.ones(len(train[0])), np.zeros(len(train[1]))]
    truth = np.r_[np.ones(len(test[0])), np.zeros(len(test[1]))]
    examples, judged = [*train[0], *train[1]], [*test[0], *test[1]]
    scores = {"n-grams": _ngram_scores(examples, labels, judged)}
    features, judged_features = _features(examples), _features(judged)
    without = features.shape[1] - _FLUENCY_FEATURES
    scores["alignment"] = _tree_scores(features[:, :without], labels, judged_features[:, :without])
    scores["alignment and fluency"] = _tree_scores(features, labels, judged_features)
    return {view: _bounded(truth, score) | {"pairs": len(judged)} for view, score in scores.items()}


def _kept(examples: Sequence[Example]) -> list[Example]:
    return [(reference, hypothesis) for reference, hypothesis in examples if hypothesis and reference != hypothesis]


def _bounded(truth: Doubles, score: Doubles) -> dict[str, float]:
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(truth), len(truth)) for _ in range(_RESAMPLES)]
    areas = [roc_auc_score(truth[index], score[index]) for index in drawn if 0 < truth[index].mean() < 1]
    low, high = np.quantile(areas, [0.025, 0.975])
    return {"auc": float(roc_auc_score(truth, score)), "low": float(low), "high": float(high)}


def _ngram_scores(examples: Sequence[Example], labels: Doubles, judged: Sequence[Example]) -> Doubles:
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True, min_df=2)
    tokens = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    seen, unseen = ([_as_text(*example) for example in group] for group in (examples, judged))
    matrix = hstack([vectoriser.fit_transform(seen) for vectoriser in (letters, tokens)])
    other = hstack([vectoriser.transform(unseen) for vectoriser in (letters, tokens)])
    model = LogisticRegression(C=3, max_iter=300).fit(matrix, labels)
    return np.asarray(model.predict_proba(other)[:, 1])


def _as_text(reference: Words, hypothesis: Words) -> str:
    changes = (f"{'_'.join(reference[a:b])}>{'_'.join(hypothesis[c:d])}" for a, b, c, d in spans(reference, hypothesis))
    return f"{' '.join(hypothesis)} || {' '.join(changes)}"


def _tree_scores(features: Doubles, labels: Doubles, judged: Doubles) -> Doubles:
    model = HistGradientBoostingClassifier(
        max_iter=120, learning_rate=0.06, min_samples_leaf=15, l2_regularization=1, random_state=0
    )
    return np.asarray(model.fit(features, labels).predict_proba(judged)[:, 1])


_FLUENCY_FEATURES = 4


def _features(examples: Sequence[Example]) -> Doubles:
    return np.array([_alignment(*example) + _fluency(*example) for example in examples], np.float64)


def _alignment(reference: Words, hypothesis: Words) -> list[float]:
    count = len(reference)
    found = edits(reference, hypothesis)
    kinds = [kind for kind, _, _ in found]
    swapped = [(reference[i], hypothesis[j]) for kind, i, j in found if kind == "replace"]
    wrong = [False] * count
    for kind, i, _ in found:
        if kind != "insert":
            wrong[i] = True
    runs = [len(list(group)) for hit, group in groupby(wrong) if hit] or [0]
    sounds = [_sounds_alike(a, b) for a, b in swapped] or [-1.0]
    letters = [Levenshtein.normalized_similarity(a, b) for a, b in swapped] or [-1.0]
    written = [_rank(b) for _, b in swapped] or [-1]
    said = [_rank(a) for a, _ in swapped] or [-1]
    return [
        count, *(kinds.count(kind) / count for kind in ("replace", "delete", "insert")),
        float(np.mean(sounds)), min(sounds), max(sounds), float(np.mean(letters)), max(runs), float(np.mean(runs)),
        len(spans(reference, hypothesis)), float(np.mean(np.log1p(np.maximum(written, 0)))),
        float(np.mean(np.log1p(np.maximum(said, 0)))), max(written),
        float(np.mean([len(b) - len(a) for a, b in swapped] or [0])),
        float(np.mean([_rank(a) < _FUNCTION_WORDS for a, _ in swapped] or [0])),
        float(np.mean([_rank(b) < _FUNCTION_WORDS for _, b in swapped] or [0])),
        wrong[0], wrong[-1], len(hypothesis) / count,
        float(np.mean([lexicon.rank(b) is None for _, b in swapped] or [0])),
    ]  # fmt: skip


_FUNCTION_WORDS = 100  # the commonest words


def _fluency(reference: Words, hypothesis: Words) -> list[float]:
    said, written = _log_probabilities(reference), _log_probabilities(hypothesis)
    return [float(np.mean(written) - np.mean(said)), min(written), min(written) - min(said), float(np.mean(written))]


def _rank(word: str) -> int:
    rank = lexicon.rank(word)
    return 40_000 if rank is None else rank


@lru_cache(maxsize=1 << 18)
def _sounds_alike(one: str, other: str) -> float:
    a, b = lexicon.pronunciation(one), lexicon.pronunciation(other)
    return 1 - Levenshtein.distance(a, b) / max(len(a), len(b)) if a or b else 0.0


def _log_probabilities(sentence: Words) -> list[float]:
    """Of each word after the two before it, and of the end."""
    said = ["<s>", *sentence, "</s>"]
    return [_log_probability(*reversed(said[max(0, end - 2) : end + 1])) for end in range(1, len(said))]


@lru_cache(maxsize=1 << 19)
def _log_probability(*backwards: str) -> float:
    """Of a word after the ones before it, the nearest first, as pocketsphinx takes them."""
    model, log_math = _language_model()
    return math.log(max(log_math.exp(model.prob(list(backwards))), 1e-9))


@cache
def _language_model():  # type: ignore[no-untyped-def]
    from pocketsphinx import LogMath, NGramModel, get_model_path

    log_math = LogMath()
    return NGramModel(None, log_math, get_model_path("en-us/en-us.lm.bin")), log_math
