"""Released features: what is judged, under which noise and masks, on which folds; nothing is trained here."""

import re
import shutil
import tomllib
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import models
from models.losses import DEFAULT_WEIGHTS
from models.seeding import seeded
from noise_scheduler.torch_data import encode
from recipes import iemocap_features, mosei_features
from recipes import settings as settings_files
from recipes.corpora import mmin, mmsa
from recipes.corpora.features import MODALITIES
from recipes.demo.features import write_mmin, write_mmsa
from recipes.raw.methods import METHODS
from recipes.released.conditions import (
    MISSING,
    hits,
    judged_conditions,
    selection_schedulers,
    training_scheduler,
    view_schedulers,
)
from recipes.released.jobs import check_methods, fresh_encoders
from recipes.released.judging import judged_rows
from recipes.released.run import plans_of
from recipes.released.sequences import Sequences, encode_rows, fold_corpus, loader, scales_job, train_loader
from recipes.released.settings import EvaluationSettings, ReleasedSettings
from recipes.released.training import _SequenceTraining

CONFIGS = Path(__file__).parent.parent / "recipes" / "configs"
PROTOCOLS = sorted(CONFIGS.rglob("*_features_*.toml"))
IDS = [f"utterance {number}" for number in range(3000)]


def silent(done, total):
    pass


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    write_mmin(folder / "mmin", utterances=60)
    write_mmsa(folder / "mmsa" / "aligned_50.pkl", samples=40)
    return folder


@pytest.fixture(scope="module")
def corpora(release):
    return {
        "iemocap_features": (iemocap_features.RECIPE, mmin.read(release / "mmin")),
        "mosei_features": (mosei_features.RECIPE, mmsa.read(release / "mmsa" / "aligned_50.pkl", release / "cache")),
    }


def settings_of(file, *overrides):
    return settings_files.load(ReleasedSettings, file, overrides)


def plan_of(corpora, out, *overrides, name="iemocap_features"):
    recipe, corpus = corpora[name]
    return plans_of(recipe, corpus, settings_of(recipe.config, *overrides), out)[0]


@pytest.mark.parametrize("file", PROTOCOLS, ids=lambda file: file.stem)
def test_every_protocol_can_be_run_and_no_speaker_or_video_is_in_two_parts(file, corpora, tmp_path):
    recipe, corpus = corpora[re.match(r"[a-z]+_features", file.stem)[0]]
    settings = settings_of(file)
    check_methods(settings, recipe.task(corpus), corpus)
    plans = plans_of(recipe, corpus, settings, tmp_path)
    assert len({plan.name for plan in plans}) == len(plans) == len(settings.run.seeds) * len(corpus.folds)
    for plan in plans:
        parts = [{corpus.groups[row] for row in rows} for rows in (plan.fold.train, plan.fold.val, plan.fold.test)]
        assert all(parts)
        assert len(set.union(*parts)) == sum(map(len, parts))
    tested = np.concatenate([plan.fold.test for plan in plans if plan.seed == settings.run.seeds[0]])
    assert len(set(tested.tolist())) == len(tested)
    header = file.read_text(encoding="utf-8").partition("\n\n")[0]
    assert re.findall(r"^# (\w+):", header, re.MULTILINE) == ["Reproduces", "Command", "Time"]
    assert f"-m recipes.{recipe.name} " in header
    assert f"--config recipes/configs/{file.name}" in header


def test_protocols_have_names_of_their_own():
    for recipe in ("iemocap_features", "mosei_features"):
        files = [file for file in PROTOCOLS if file.stem.startswith(recipe)]
        names = {tomllib.loads(file.read_text(encoding="utf-8"))["protocol"]["name"] for file in files}
        assert len(names) == len(files) == 5


def test_conditions_of_the_beta_schedule():
    evaluation = EvaluationSettings(steps=(20, 100), noise_types=("impulse",))
    found = judged_conditions(evaluation)
    names = [condition.name for condition in found]
    six = ["a", "v", "t", "av", "at", "vt"]
    assert names == [
        *(f"T=20 impulse/{part}" for part in (*six, "avt")),
        *(f"T=100 impulse/{part}" for part in (*six, "avt")),
        *(f"missing/{part}" for part in six),
    ]
    for condition in found:
        shown = {m for m, hit in hits(condition, IDS[:5]).items() if hit.all()}
        assert {m[0] for m in shown} == set(condition.name.partition("/")[2])
        assert (condition.view == MISSING) == condition.name.startswith("missing/")
    noise = view_schedulers(evaluation)["T=20 impulse"]
    levels = [hit.level for name in IDS[:300] for hit in noise.plan(name).hits]
    assert len(levels) == 900
    assert 0.45 < np.mean(levels) < 0.55


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4, 0.6])
def test_missing_rates_keep_one_modality_and_are_what_they_say(rate):
    (condition,) = judged_conditions(EvaluationSettings(missing=False, missing_rates=(rate,)))
    absent = torch.stack(list(hits(condition, IDS).values()))
    assert not absent.all(dim=0).any()
    assert absent.float().mean() == pytest.approx(rate, abs=0.02)
    backwards = torch.stack(list(hits(condition, IDS[::-1]).values()))
    assert torch.equal(backwards.flip(1), absent)


def test_unequal_rates_keep_one_modality_and_are_what_they_say():
    rates = {"audio": 0.1, "video": 0.6, "text": 0.3}
    (condition,) = judged_conditions(EvaluationSettings(missing=False, unequal_rates=(rates,)))
    absent = hits(condition, IDS)
    assert not torch.stack(list(absent.values())).all(dim=0).any()
    for modality, rate in rates.items():
        assert absent[modality].float().mean() == pytest.approx(rate, abs=0.03)


def test_lost_steps_are_zero_vectors_at_the_rate(corpora):
    _, corpus = corpora["iemocap_features"]
    noise = view_schedulers(EvaluationSettings(missing=False, loss_rates=(0.3,)))["dropped 0.3"]
    sequences = Sequences(corpus, np.arange(60), noise)
    shares = {modality: [] for modality in MODALITIES}
    for index in range(60):
        for modality, values in sequences[encode(index, 0)]["features"].items():
            shares[modality] += (values == 0).all(axis=1).tolist()
    for modality in MODALITIES:
        assert np.mean(shares[modality]) == pytest.approx(0.3, abs=0.05)


def test_noise_is_fresh_in_every_epoch_and_depends_on_nothing_else(corpora, tmp_path):
    plan = plan_of(corpora, tmp_path, "--noise.condition={kind='fixed', modalities='avt'}")
    noise = plan.settings.scheduler(seed=3, total_steps=plan.total_steps)
    rows = plan.fold.train
    one, other = Sequences(plan.corpus, rows, noise), Sequences(plan.corpus, rows[::-1], noise)
    first, again = one[encode(2, 5)]["features"], other[encode(len(rows) - 3, 5)]["features"]
    later = one[encode(2, 6)]["features"]
    for modality in MODALITIES:
        assert np.array_equal(first[modality], again[modality])
        assert not np.array_equal(first[modality], later[modality])
    steps = [int(code) >> 32 for epoch in (0, 1) for code in _codes(one, plan, epoch)]
    assert len(set(steps)) == 2 * (len(rows) // plan.batch_size)


def _codes(sequences, plan, epoch):
    sampler = train_loader(sequences, batch_size=plan.batch_size, seed=0).sampler
    sampler.set_epoch(epoch)
    return list(sampler)


def test_what_a_method_is_trained_and_selected_under(corpora, tmp_path):
    settings = plan_of(corpora, tmp_path).settings
    assert training_scheduler(settings, METHODS["nmer_clean"], seed=0, total_steps=9) is None
    zero = training_scheduler(settings, METHODS["nmer_zero"], seed=0, total_steps=9)
    absent = [len({hit.modality for hit in zero.plan(name).hits}) for name in IDS[:700]]
    assert np.bincount(absent).tolist() == pytest.approx([100, 300, 300], abs=60)
    assert selection_schedulers(settings, METHODS["nmer_clean"], total_steps=9) == (None,)
    clean, noisy = selection_schedulers(settings, METHODS["nmer"], total_steps=9)
    assert clean is None
    assert noisy.noises == settings.scheduler(seed=0, total_steps=9).noises


def test_a_changed_value_of_any_utterance_is_another_corpus(release, tmp_path):
    changed = tmp_path / "mmin"
    shutil.copytree(release / "mmin", changed)
    file = changed / "A" / "comparE.h5"
    recipe = iemocap_features.RECIPE
    before = plan_of({recipe.name: (recipe, mmin.read(changed))}, tmp_path).corpus_digest
    with h5py.File(file, "r+") as held:
        key = sorted(held)[17]
        held[key][0, 0] += 1
    after = plan_of({recipe.name: (recipe, mmin.read(changed))}, tmp_path).corpus_digest
    assert before != after


def test_features_are_standardised_by_the_training_part(corpora, tmp_path):
    plan = plan_of(corpora, tmp_path)
    scales_job(plan, report=silent)
    corpus = fold_corpus(plan)
    for modality in MODALITIES:
        steps = np.concatenate([corpus[int(row)]["features"][modality] for row in plan.fold.train])
        assert np.abs(steps.mean(axis=0)).max() < 1e-3
        assert np.abs(steps.std(axis=0) - 1).max() < 1e-2
    as_released = fold_corpus(plan_of(corpora, tmp_path, "--data.standardise=false"))
    assert list(as_released.scaled) == ["audio"]


def test_encoded_rows_do_not_depend_on_their_batch(corpora, tmp_path):
    _, corpus = corpora["iemocap_features"]
    with seeded(0):
        encoders = fresh_encoders(corpus)
    model = models.create("concat", classes=4, seed=0, encoders=encoders).eval()
    rows = np.arange(7)
    (encoded,) = encode_rows([model], Sequences(corpus, rows, None))
    alone = [encode_rows([model], Sequences(corpus, rows[i : i + 1], None))[0] for i in rows]
    for modality in MODALITIES:
        assert torch.allclose(
            encoded.features[modality], torch.cat([one.features[modality] for one in alone]), atol=1e-5
        )
    order = [rows.tolist() for _, rows in loader(Sequences(corpus, rows, None), batch_size=3)]
    assert order == [[0, 1, 2], [3, 4, 5], [6]]


def test_the_shuffled_truncated_test_loader_leaves_rows_out(corpora, tmp_path):
    small = ("--training.batch_size=4",)
    plan = plan_of(corpora, tmp_path, *small)
    assert judged_rows(plan).tolist() == list(range(len(plan.fold.test)))
    defect = plan_of(corpora, tmp_path, *small, "--evaluation.shuffled_truncated_test=true")
    rows = judged_rows(defect).tolist()
    assert len(rows) == len(plan.fold.test) // 4 * 4 < len(plan.fold.test)
    assert rows != sorted(rows)
    assert len(set(rows)) == len(rows)


def test_encoders_of_a_teacher_are_trained_in_training_mode(corpora, tmp_path):
    plan = plan_of(corpora, tmp_path)
    with seeded(0):
        encoders = fresh_encoders(plan.corpus)
    model = models.create("concat", classes=plan.task.outputs, seed=0, encoders=encoders).eval()
    training = _SequenceTraining(model, None, plan.task, None, DEFAULT_WEIGHTS, plan.settings.training, 1, 0)
    training.on_train_epoch_start()
    assert all(part.training for part in model.modules())
