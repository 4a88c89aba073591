"""What a recipe writes into the cards of its models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import noise_scheduler as ns
from models.cards import NoiseSeen
from recipes import settings
from recipes.compare_models import RECIPE
from recipes.corpora import Fold
from recipes.raw.cards import noise_facts, run_card
from recipes.raw.methods import FINETUNED, METHODS
from recipes.raw.plan import RunPlan
from recipes.raw.settings import RawSettings

SCORES = {"ua": 0.7, "wa": 0.75, "weighted_f1": 0.74, "macro_f1": 0.6}
JUDGED = {
    "scores": {"clean": SCORES, "noisy/mean": {name: value / 2 for name, value in SCORES.items()}},
    "intervals": {"clean": (0.62, 0.77), "noisy/mean": (0.36, 0.41)},
}


@pytest.fixture(scope="module")
def plan() -> RunPlan:
    configured = settings.load(RawSettings, RECIPE.config)
    configured = replace(configured, broad=configured.broad | {"level": 0.25})
    fold = Fold("Ses01F", *(np.arange(count) for count in (40, 10, 12)))
    return RunPlan(3, fold, Path("run"), RECIPE.task, configured, Path("cache/0a1b"), "IEMOCAP", False)


def test_card_of_a_run_holds_its_facts(plan: RunPlan) -> None:
    card = run_card(plan, METHODS["nmer"], JUDGED)
    assert (card.corpus, card.synthetic, card.corpus_digest, card.seed) == ("IEMOCAP", False, "0a1b", 3)
    assert card.split == "Ses01F; 40 utterances to train, 10 to validate, 12 to test"
    assert card.test_used_for_selection is False
    assert "validation" in (card.selection or "")
    assert card.results is not None
    assert {(result.metric, result.condition): result.value for result in card.results} == {
        ("UA", "clean"): 0.7,
        ("WA", "clean"): 0.75,
        ("Weighted F1", "clean"): 0.74,
        ("Macro-F1", "clean"): 0.6,
        ("UA", "noisy/mean"): 0.35,
        ("WA", "noisy/mean"): 0.375,
        ("Weighted F1", "noisy/mean"): 0.37,
        ("Macro-F1", "noisy/mean"): 0.3,
    }
    assert {(result.metric, result.condition): result.interval for result in card.results if result.interval} == {
        ("UA", "clean"): (0.62, 0.77),
        ("UA", "noisy/mean"): (0.35, 0.41),  # widened to hold the value
    }
    assert "bootstrap of UA over the test utterances" in (card.interval or "")
    scheduler = plan.settings.scheduler(seed=0, total_steps=1000)  # encoders are shared: the first seed
    assert card.noise_digest == scheduler.digest
    assert {seen.type for seen in card.noise or ()} >= {"audio/background", "image/occlusion", "text/missing"}
    assert "levels 0.5 to 1 " in (card.conditions or "")
    assert card.licence is None


def test_only_scheduled_noise_is_noise_seen_in_training(plan: RunPlan) -> None:
    for method in (*METHODS.values(), FINETUNED):
        card = run_card(plan, method, JUDGED)
        assert bool(card.noise) == ("scheduled noise" in method.training), method.name
        if card.noise:
            assert (card.noise[0].levels == "0.25") == (method.encoders == "broad"), method.name
        assert method.training in (card.training or "")


def test_noise_is_told_in_words() -> None:
    scheduler = ns.NoiseScheduler(
        {
            "audio": {ns.build("audio/white_noise", snr_db_range=(20, -5)): ns.linear(0, 1), "audio/hum": 2},
            "video": ns.mixture(["image/jpeg", "image/occlusion"], count=2),
        },
        level={"audio": 0.5, "video": ns.uniform(0, ns.linear(0.25, 1, until="30%"))},
    )
    facts = noise_facts(scheduler)
    rising = "linear(start 0, end 1, since 0, until 100%)"
    video = "uniform(low 0, high linear(start 0.25, end 1, since 0, until 30%))"
    assert facts["noise"] == (
        NoiseSeen("audio", "audio/white_noise(snr_db_range [20, -5])", rising, "0.5"),
        NoiseSeen("audio", "audio/hum", "2", "0.5"),
        NoiseSeen("video", "image/jpeg", "1", video),
        NoiseSeen("video", "image/occlusion", "1", video),
    )
    assert facts["noise_condition"] == "any_subset"
    assert facts["noise_digest"] == scheduler.digest
