"""The demo as `make demo` runs it, in full; minutes long, so left out of `make test`."""

import pytest

from recipes import iemocap
from recipes.demo_corpus import generate
from recipes.report import read_results


@pytest.mark.slow
def test_demo(tmp_path):
    generate(tmp_path / "demo")
    assert iemocap.main(["--data", str(tmp_path / "demo"), "--out", str(tmp_path / "run"), "--workers", "2"]) == 0
    results = read_results(tmp_path / "run" / "results.json")
    methods = {method["name"]: method for method in results["methods"]}

    assert results["corpus"]["utterances"] >= 600
    assert len(results["protocol"]["runs"]) >= 3
    for modality, kinds in results["unimodal"].items():
        assert 0.40 <= kinds["clean"]["clean"]["ua"]["mean"] <= 0.80, modality
    for method in methods.values():
        assert 0.65 <= method["scores"]["clean"]["ua"]["mean"] <= 0.95, method["name"]
    noisy = {name: method["scores"]["noisy/mean"]["ua"]["mean"] for name, method in methods.items()}
    assert noisy["nmer"] > noisy["nmer_clean"] + 0.02
    assert noisy["nmer"] > noisy["nmer_zero"] + 0.02
    assert methods["nmer"]["latent"]["active"]["mean"] >= methods["nmer"]["latent"]["size"] / 2
    assert (tmp_path / "run" / "report.html").stat().st_size < 10e6
