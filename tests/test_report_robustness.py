"""What is kept under noise, what clean scores explain of it, and conditions and curves over rates in the report."""

import json

import numpy as np
import pytest
from report_run import fake_results, summary
from scipy.special import expit, logit

from recipes.report import robustness, write_report

RATES = (0.0, 0.3, 0.6)


def with_rates():
    """A run that was judged at rates of missing modalities too."""
    results = fake_results()
    curve = {"modality": "all", "noise": "missing rate", "scale": "rate", "levels": list(RATES), "methods": {}}
    for method in results["methods"]:
        scores, line = method["scores"], []
        for rate in RATES:
            score = {name: summary(np.array(s["values"]) - rate / 3) for name, s in scores["clean"].items()}
            scores[f"missing_rate/{rate}"] = score
            line.append(score["ua"])
        for part in ("mean", "pooled"):
            scores[f"missing_rate/{part}"] = scores["missing_rate/0.3"]
        curve["methods"][method["name"]] = {"score": line, "area": line[1]}
    results["curves"].append(curve)
    return results


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    (run / "results.json").write_text(json.dumps(with_rates()), encoding="utf-8")
    return write_report(run, []).read_text(encoding="utf-8")


def test_relative_performance_is_the_share_of_the_clean_score_run_by_run():
    results = with_rates()
    found = robustness.relative(results, "missing_rate")
    for method in results["methods"]:
        clean = np.array(method["scores"]["clean"]["ua"]["values"])
        assert found[method["name"]]["values"] == pytest.approx((1 - 0.1 / clean).tolist(), abs=1e-6)
    results["methods"][1]["scores"]["clean"]["ua"] = summary([0.0, 0.5, 0.5])
    assert "concat" not in robustness.relative(results, "missing_rate")


def test_effective_robustness_is_what_methods_on_clean_data_do_not_foretell():
    results = with_rates()
    clean, noisy = [0.6, 0.7, 0.8], expit(1.5 * logit(np.array([0.6, 0.7, 0.8])) - 1)
    reference = next(m for m in results["methods"] if m["training"] == "clean data")
    reference["scores"]["clean"]["ua"], reference["scores"]["noisy/mean"]["ua"] = summary(clean), summary(noisy)
    found = robustness.effective(results, "noisy")
    assert found[reference["name"]]["values"] == pytest.approx([0, 0, 0], abs=1e-6)
    ours = results["methods"][0]["scores"]
    wanted = np.array(ours["noisy/mean"]["ua"]["values"]) - expit(1.5 * logit(ours["clean"]["ua"]["values"]) - 1)
    assert found["nmer"]["values"] == pytest.approx(wanted.tolist(), abs=1e-6)


def test_effective_robustness_needs_references():
    results = with_rates()
    for method in results["methods"]:
        method["training"] = "scheduled noise"
    assert robustness.effective(results, "noisy") == {}
    results["methods"][0]["training"] = "clean data"
    results["methods"][0]["scores"]["clean"]["ua"] = summary([0.8, 0.8, 0.8])
    assert robustness.effective(results, "noisy") == {}


def test_the_page_has_rates_as_conditions_and_as_curves(page):
    results = with_rates()
    assert "missing rate: this share of all modalities absent" in page
    assert '<th scope="col">0.3</th>' in page
    for method in results["methods"]:
        for rate in RATES:
            figure = method["scores"][f"missing_rate/{rate}"]["ua"]
            assert f'{100 * figure["mean"]:.1f}<span class="std"> ± {100 * figure["std"]:.1f}' in page
    assert "Against the scale of the protocol" in page
    assert 'aria-label="UA against the missing rate"' in page
    assert "Noise on audio alone" in page
    assert "Missing, mean over rates" in page


def test_the_page_says_what_is_kept_and_what_is_beyond_expectation(page):
    results = with_rates()
    for figures in (robustness.relative(results, "noisy"), robustness.effective(results, "missing_rate")):
        for figure in figures.values():
            mean, std = (f"{100 * figure[name]:.1f}".replace("-", "−") for name in ("mean", "std"))
            assert f'{mean.replace("−0.0", "0.0")}<span class="std"> ± {std}' in page
    assert "Effective robustness: points of UA" in page
