"""How often a text classifier changes its mind: under a recogniser, and under what generators write at the same WER.

The classifier tells negative, neutral and positive sentences apart (logistic regression on words and pairs of words);
it learns from the judged sentences of `benchmarks.asr_speech` that are in none of the pairs. A flip is another class
for the hypothesis than for the reference. Generators are set up on one half of the references and write for the other,
and the other way round, at the WER that the recogniser had in each condition.

Public: `flips`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.asr_align import word_errors, words
from benchmarks.asr_generators import Words, condition_rates, generators
from benchmarks.asr_pools import Pair, by, trains, wer
from benchmarks.asr_speech import sentences

NEUTRAL = 0.5
"""Below this, a mean judgement counts as neither negative nor positive."""
NOISES = ("white", "babble", "environment")


def flips(found: Sequence[Pair], *, draws: int) -> dict[str, Any]:
    """Rates of flips, all pairs together ("pooled") and by SNR, of the recogniser ("real") and of each generator.

    Each entry: "flips", "wer", and for generators "off", the flips more than under the recogniser.
    """
    classifier, accuracy = _classifier(found)
    groups: dict[str, list[Pair]] = {"pooled": list(found)}
    noisy = [pair for pair in found if pair.condition in NOISES]
    groups |= {f"{snr_db:+.0f} dB": group for snr_db, group in by(noisy, lambda pair: pair.strength).items()}
    judged = _written(found, draws)
    place = {id(pair): index for index, pair in enumerate(found)}
    result: dict[str, Any] = {"accuracy": accuracy, "pairs": {name: len(group) for name, group in groups.items()}}
    result["rates"] = {}
    said = classifier.predict([" ".join(pair.reference) for pair in found])
    heard = classifier.predict([" ".join(pair.hypothesis) for pair in found])
    written = {
        name: [classifier.predict([" ".join(text) for text in texts]) for texts in judged[name]] for name in judged
    }
    for label, group in groups.items():
        index = np.array([place[id(pair)] for pair in group])
        real = float(np.mean(said[index] != heard[index]))
        rates: dict[str, Any] = {"real": {"flips": real, "wer": wer(group)}}
        for name, draws_of in written.items():
            share = statistics.fmean(float(np.mean(said[index] != one[index])) for one in draws_of)
            errors = [_wer_of(group, [texts[i] for i in index]) for texts in judged[name]]
            rates[name] = {"flips": share, "wer": statistics.fmean(errors), "off": share - real}
        result["rates"][label] = rates
    return result


def _written(found: Sequence[Pair], draws: int) -> dict[str, list[list[Words]]]:
    """Generator → draws → what it writes for each pair, set up on the half that the pair is not in."""
    rates = condition_rates(found)
    halves = {half: generators([pair for pair in found if trains(pair) != half], rates=rates) for half in (False, True)}
    written = {}
    for name in halves[True]:
        rng = np.random.default_rng(1)
        many = 1 if name.startswith("nlpaug") else draws
        written[name] = [[halves[trains(pair)][name](pair, rng) for pair in found] for _ in range(many)]
    return written


def _wer_of(group: Sequence[Pair], texts: Sequence[Sequence[str]]) -> float:
    errors = sum(word_errors(pair.reference, text) for pair, text in zip(group, texts, strict=True))
    return errors / sum(len(pair.reference) for pair in group)


def _classifier(found: Sequence[Pair]) -> tuple[Pipeline, float]:
    """Trained on the sentences that are in none of the pairs; and its accuracy on a tenth of them left out for that."""
    spoken = {pair.reference for pair in found}
    rated = [(" ".join(words(s.text)), _class(s.sentiment)) for s in sentences() if s.sentiment is not None]
    rated = [(text, label) for text, label in rated if tuple(text.split()) not in spoken]
    texts, labels = [text for text, _ in rated], np.array([label for _, label in rated])
    fit: Callable[[Any, Any], Pipeline] = make_pipeline(
        TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), sublinear_tf=True, min_df=2),
        LogisticRegression(C=5, max_iter=1000),
    ).fit
    left_out = np.arange(len(texts)) % 10 == 0
    part = fit([text for text, out in zip(texts, left_out, strict=True) if not out], labels[~left_out])
    accuracy = float(
        np.mean(part.predict([t for t, out in zip(texts, left_out, strict=True) if out]) == labels[left_out])
    )
    return fit(texts, labels), accuracy


def _class(sentiment: float) -> int:
    return int(np.sign(sentiment)) if abs(sentiment) >= NEUTRAL else 0
