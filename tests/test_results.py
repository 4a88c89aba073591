from types import SimpleNamespace

import pytest

from recipes.iemocap import RECIPE
from recipes.raw.results import _claims, _shortfall


def judged(nmer, other):
    """Runs of all methods with one UA per run under every condition."""

    def runs(values):
        return [{"scores": {c: {"ua": v} for c in ("clean", "noisy/mean", "missing/mean")}} for v in values]

    return {"nmer": runs(nmer), "nmer_clean": runs(other), "nmer_zero": runs(other)}


def unimodal(**gains):
    """UA on noisy data of encoders trained clean (0.5) and under noise."""
    return {
        modality: {"clean": {"noisy": {"ua": {"mean": 0.5}}}, "noisy": {"noisy": {"ua": {"mean": 0.5 + gain}}}}
        for modality, gain in gains.items()
    }


def claims_of(judged, unimodal, folds=("a", "b", "c")):
    plans = [SimpleNamespace(fold=SimpleNamespace(name=fold)) for fold in folds]
    return _claims(RECIPE.claims, plans, judged, unimodal, RECIPE.task)


def test_claims_are_paired_by_run_and_in_points():
    claims = claims_of(judged([0.80, 0.90, 0.70], [0.70, 0.80, 0.62]), unimodal(audio=0.1))
    assert [claim["holds"] for claim in claims] == [True] * 4
    assert claims[0]["measured"]["values"] == pytest.approx([10, 10, 8])
    assert {claim["why"] for claim in claims} == {""}


def test_folds_are_the_unit_of_a_claim():
    claims = claims_of(judged([0.80, 0.90, 0.70], [0.70, 0.80, 0.62]), unimodal(audio=0.1), folds=("a", "b", "b"))
    assert claims[0]["measured"]["values"] == pytest.approx([10, 9])


def test_a_claim_that_is_not_reached_says_why():
    claims = claims_of(judged([0.70, 0.80, 0.62], [0.73, 0.82, 0.66]), unimodal(audio=0.17, text=-0.01))
    assert [claim["holds"] for claim in claims] == [False] * 4
    assert "Short by 11.0 points" in claims[0]["why"]
    assert "audio +17.0, text −1.0" in claims[0]["why"]


def test_a_claim_about_absent_methods_is_not_made():
    scores = judged([0.70], [0.73])
    del scores["nmer_zero"]
    assert len(claims_of(scores, unimodal(audio=0.1), folds=("a",))) == 2


@pytest.mark.parametrize(
    ("values", "std", "message"),
    [([7.0], 0.0, "one fold"), ([7.0] * 4, 4.0, "within chance"), ([7.0] * 4, 0.5, "more than chance explains")],
)
def test_shortfall(values, std, message):
    assert message in _shortfall({"values": values, "mean": 7.0, "std": std}, 8.0)
