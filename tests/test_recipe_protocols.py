"""A run of the raw path under every kind of protocol at once: rates, dropped data, a scene, noise that follows."""

from pathlib import Path

import pytest
import torch
from test_recipe_iemocap import SMALL

from recipes import compare, iemocap
from recipes.demo_corpus import generate
from recipes.files import read_tensors
from recipes.report import read_results

CONFIG = Path(iemocap.__file__).parent / "configs" / "mer2024_noise.toml"
PROTOCOLS = [
    "--protocol.missing_rates=[0.0, 0.5]",
    "--protocol.unequal_rates=[{audio = 0.2, video = 0.5, text = 0.8}]",
    "--protocol.dropped_rates=[0.0, 0.9]",
    '--methods=["concat", "concat_clean"]',
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protocols")
    generate(folder / "demo", utterances=60)
    arguments = ["--data", str(folder / "demo"), "--out", str(folder / "run"), "--config", str(CONFIG)]
    assert iemocap.main([*arguments, "--workers", "0", *SMALL, *PROTOCOLS]) == 0
    return folder / "run"


def test_every_condition_is_judged_and_named(run):
    results = read_results(run / "results.json")
    assert results["protocol"]["name"].startswith("MER2024-NOISE")
    for method in results["methods"]:
        groups = {}
        for condition in method["scores"]:
            group, _, part = condition.partition("/")
            groups.setdefault(group, []).append(part)
        ends = ["pooled", "mean"]
        assert groups["missing_rate"] == ["0.0", "0.5", *ends]
        assert groups["unequal_rate"] == ["a0.2-v0.5-t0.8", *ends]
        assert groups["dropped"] == ["0.0", "0.9", *ends]
        assert groups["scene"] == ["mer2024_noise", *ends]
        clean = method["scores"]["clean"]
        assert method["scores"]["missing_rate/0.0"] == method["scores"]["dropped/0.0"] == clean


def test_rates_are_curves_in_report_and_comparison(run, capsys):
    results = read_results(run / "results.json")
    rates = {curve["noise"]: curve["levels"] for curve in results["curves"] if curve["scale"] == "rate"}
    assert rates == {"missing rate": [0.0, 0.5], "dropping rate": [0.0, 0.9]}
    page = (run / "report.html").read_text(encoding="utf-8")
    for shown in (
        "Against the scale of the protocol",
        "Relative performance",
        "mer2024_noise",
        "against the dropping rate",
    ):
        assert shown in page
    assert compare.main([str(run)]) == 0
    printed = capsys.readouterr().out
    assert "missing\\_rate" in printed
    assert "dropping rate" in printed


def test_the_text_follows_the_sound_in_training_and_test(run):
    (folder,) = {file.parent for file in run.rglob("text.bank.safetensors")}
    text, audio = (read_tensors(folder / f"{modality}.bank.safetensors") for modality in ("text", "audio"))
    assert (text["test/scene:mer2024_noise_level"] > 0).all()
    hit = audio["train/noisy/views_level"] > 0
    assert hit.any()
    assert not hit.all()
    assert torch.equal(text["train/noisy/views_level"] > 0, hit)


def test_noise_that_cannot_be_made_stops_the_recipe_before_training(run, tmp_path, capsys):
    noise = '{audio = [{noise = "audio/background", folder = "nowhere"}]}'
    cache = ["--cache", str(run.parent / "cache"), f"--protocol.scenes.street={{noises = {noise}}}"]
    arguments = ["--data", str(run.parent / "demo"), "--out", str(tmp_path / "out"), "--config", str(CONFIG)]
    assert iemocap.main([*arguments, *SMALL, *PROTOCOLS, *cache]) == 2
    assert "protocol: scene/street.audio" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
