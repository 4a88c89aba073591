"""The recipe on the features of MMSA: a regression, its protocols of missing modalities and lost steps."""

from pathlib import Path

import pytest

from recipes import mosei_features
from recipes.demo.features import write_mmsa
from recipes.report import read_results

CONFIGS = Path(mosei_features.__file__).parent / "configs"
SMALL = ["--run.seeds=[0]", "--training.epochs=1", "--training.decay_epochs=0", "--training.batch_size=16"]


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    file = tmp_path_factory.mktemp("release") / "unaligned_50.pkl"
    write_mmsa(file, samples=60, aligned=False)
    return file


def run(release, out, protocol, *more):
    config = CONFIGS / f"mosei_features_{protocol}.toml"
    arguments = ["--data", str(release), "--out", str(out), "--config", str(config), "--workers", "0", *SMALL, *more]
    code = mosei_features.main(arguments)
    return code, read_results(out / "results.json") if code == 0 else None


def test_lost_steps(release, tmp_path):
    code, results = run(
        release, tmp_path / "run", "lost_steps", "--evaluation.loss_rates=[0.0, 0.5, 0.9]", '--methods=["concat"]'
    )
    assert code == 0
    (method,) = results["methods"]
    assert list(method["scores"]) == ["clean", *(f"dropped/{p}" for p in ("0", "0.5", "0.9", "mean", "pooled"))]
    assert method["scores"]["dropped/0"] == method["scores"]["clean"]
    assert method["scores"]["dropped/0.9"]["mae"] != method["scores"]["clean"]["mae"]
    (curve,) = results["curves"]
    assert (curve["noise"], curve["levels"]) == ("feature/step_loss", [0.0, 0.5, 0.9])
    assert results["protocol"]["runs"][0]["fold"] == "standard"
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "dropped" in report
    for name, rule in (("acc7", "Acc-7 (MMSA)"), ("acc7_sdk", "Acc-7 (SDK)")):
        assert 0 <= method["scores"]["dropped/0.9"][name]["mean"] <= 1
        assert rule in report, "both rounding rules are shown"


def test_missing_rates_and_unequal_rates(release, tmp_path):
    rates = "--evaluation.unequal_rates=[{audio = 0.2, video = 0.5, text = 0.8}]"
    code, results = run(release, tmp_path / "run", "missing_rates", rates, '--methods=["nmer"]')
    assert code == 0
    (method,) = results["methods"]
    assert method["scores"]["missing_rate/0"] == method["scores"]["clean"]
    assert "unequal_rate/a0.2-v0.5-t0.8" in method["scores"]
    assert method["latent"]["size"] == 32
    assert results["protocol"]["name"] == "missing rates 0.0–0.7, one modality at least kept"


def test_a_broken_release(tmp_path, capsys):
    file = tmp_path / "aligned_50.pkl"
    file.write_bytes(b"no pickle")
    assert run(file, tmp_path / "run", "nmer")[0] == 2
    assert str(file) in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_learning_happens(tmp_path):
    """Sentiment from a generated release of 400: the correlation of a trained model, clean and under lost steps."""
    file = tmp_path / "aligned_50.pkl"
    write_mmsa(file, samples=400)
    more = ["--training.epochs=6", "--training.learning_rate=1e-3", '--methods=["concat", "concat_clean"]']
    code, results = run(file, tmp_path / "run", "lost_steps", *more, "--evaluation.loss_rates=[0.5, 0.9]")
    assert code == 0
    noisy, clean = results["methods"]
    assert noisy["scores"]["clean"]["pearson"]["mean"] > 0.5
    assert noisy["scores"]["dropped/mean"]["mae"]["mean"] < clean["scores"]["dropped/mean"]["mae"]["mean"]
