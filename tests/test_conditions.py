import numpy as np
import pytest
import torch

from models import create
from models.encoders import AudioEncoder, TextEncoder, VideoEncoder
from recipes.raw.conditions import clean_views, conditions, inputs, judge, scheduled_views, zero_vector_views
from recipes.task import Emotion

ROWS, VIEWS, WIDTH = 5, 3, 2


@pytest.fixture
def bank():
    """Clean features are the row, view v of a row is 100 v + row; text of row 4 is absent, view 2 of audio too."""
    row = torch.arange(float(ROWS))[:, None].repeat(1, WIDTH)
    views = row[:, None] + 100 * torch.arange(1.0, VIEWS + 1)[None, :, None]
    made = {}
    for modality in ("audio", "video", "text"):
        clean_present = torch.ones(ROWS, dtype=torch.bool)
        clean_present[4] = modality != "text"
        views_present = clean_present[:, None].repeat(1, VIEWS)
        views_present[:, 1] &= modality != "audio"
        made[modality] = {
            "clean": row,
            "views": views,
            "clean_present": clean_present,
            "views_present": views_present,
            "views_level": torch.full((ROWS, VIEWS), 0.5),
        }
    return made


def test_clean_inputs(bank):
    features, present, level = inputs(bank, "clean")
    assert not level["audio"].any()
    assert torch.equal(features["audio"], bank["audio"]["clean"])
    assert present["text"].tolist() == [True] * 4 + [False]


def test_noisy_inputs_replace_the_named_modalities_row_by_row(bank):
    features, present, level = inputs(bank, "noisy/at")
    assert (level["audio"] == 0.5).all()
    assert not level["video"].any()
    assert features["audio"][:4, 0].tolist() == [100, 200, 300, 101]
    assert features["video"][:4, 0].tolist() == [0, 0, 0, 1]
    assert features["text"][-1, 0] == 304
    assert present["audio"][:3].tolist() == [True, False, True]


def test_missing_inputs_drop_the_named_modalities(bank):
    features, present, _ = inputs(bank, "missing/v")
    assert not present["video"].any()
    assert present["audio"].all()
    assert len(features["video"]) == ROWS


def test_conditions_are_those_that_the_bank_has_views_for(bank):
    assert len(conditions(bank)) == 13
    sizes = {condition: len(inputs(bank, condition)[0]["audio"]) for condition in conditions(bank)}
    assert {size for name, size in sizes.items() if name.startswith("noisy")} == {ROWS * VIEWS}
    for held in bank.values():
        held |= {f"heldout{rest}": held[f"views{rest}"][:, :1] for rest in ("", "_present", "_level")}
    assert len(conditions(bank)) == 19
    assert inputs(bank, "heldout/v").features["video"][:, 0].tolist() == [100, 101, 102, 103, 104]


def test_scheduled_views_are_those_reached_and_the_same_again(bank):
    views = scheduled_views(bank, [0, 10, 20], seed=1)
    rows = torch.arange(ROWS).repeat(40)
    seen = {step: set((views(step, 0, rows)[0]["video"][:, 0] // 100).tolist()) for step in (0, 9, 10, 19, 20, 99)}
    assert seen == {0: {1.0}, 9: {1.0}, 10: {1.0, 2.0}, 19: {1.0, 2.0}, 20: {1.0, 2.0, 3.0}, 99: {1.0, 2.0, 3.0}}
    first, again, other = views(50, 0, rows), views(50, 0, rows), views(50, 1, rows)
    assert torch.equal(first[0]["audio"], again[0]["audio"])
    assert not torch.equal(first[0]["audio"], other[0]["audio"])
    for modality in ("audio", "text"):  # one view number for all modalities of a row
        assert torch.equal(first[0]["video"] // 100, first[0][modality] // 100)


def test_zero_vectors_drop_none_or_one_of_six(bank):
    rows = torch.zeros(7000, dtype=torch.int64)
    _, present, _ = zero_vector_views(bank, seed=0)(0, 0, rows)
    patterns = torch.stack([present[m] for m in ("audio", "video", "text")], 1).unique(dim=0, return_counts=True)
    assert len(patterns[0]) == 7
    assert [True, True, True] in patterns[0].tolist()
    assert [False, False, False] not in patterns[0].tolist()
    assert (abs(patterns[1] / 7000 - 1 / 7) < 0.02).all()
    _, clean_present, _ = clean_views(bank)(0, 0, rows)
    assert all(there.all() for there in clean_present.values())


def test_judge_scores_every_condition():
    encoders = {"audio": AudioEncoder(), "video": VideoEncoder(), "text": TextEncoder()}
    model = create("concat", classes=4, seed=0, encoders=encoders).eval()
    rng = torch.Generator().manual_seed(0)
    there = torch.ones(8, 2, dtype=torch.bool)
    bank = {
        name: {
            "clean": torch.randn(8, encoder.out_dim + encoder.quality_dim, generator=rng),
            "views": torch.randn(8, 2, encoder.out_dim + encoder.quality_dim, generator=rng),
            "clean_present": there[:, 0],
            "views_present": there,
            "views_level": there.float(),
        }
        for name, encoder in encoders.items()
    }
    labels = np.array([0, 1, 2, 3] * 2)
    judged = judge(model, bank, labels, Emotion("four", tuple("abcd")))
    six = [judged[f"noisy/{initials}"]["scores"]["ua"] for initials in ("a", "v", "t", "av", "at", "vt")]
    assert judged["noisy/mean"]["scores"]["ua"] == pytest.approx(np.mean(six))
    assert len(judged["noisy/pooled"]["label"]) == 6 * 16
    assert judged["noisy/a"]["label"].tolist() == np.repeat(labels, 2).tolist()


def test_conditions_of_protocols_take_views_and_masks_of_their_own(bank):
    """Views of dropped data in all modalities at once; masks alone, where nothing but absence is done."""
    for modality, held in bank.items():
        for rate, factor in (("0.2", 2), ("0.5", 3)):
            held |= {f"dropped:{rate}{end}": held[f"views{end}"] for end in ("_present", "_level")}
            held[f"dropped:{rate}"] = held["views"] * factor
        held["missing_rate:0.5_present"] = torch.tensor([[modality != "text", True]] * ROWS)
    found = conditions(bank)
    assert found[-3:] == ("dropped/0.2", "dropped/0.5", "missing_rate/0.5")
    features, present, level = inputs(bank, "dropped/0.5")
    assert all(torch.equal(features[m], 3 * bank[m]["views"].flatten(0, 1)) for m in bank)
    assert torch.equal(present["audio"], bank["audio"]["views_present"].flatten())
    assert (level["text"] == 0.5).all()
    features, present, level = inputs(bank, "missing_rate/0.5")
    assert features["video"][:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert present["text"].tolist() == [False, True] * ROWS
    assert present["audio"].all()
    assert not any(values.any() for values in level.values())
    with pytest.raises(KeyError):
        inputs(bank, "missing_rate/0.7")
