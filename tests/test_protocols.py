"""Protocols of the raw path: what their conditions hit, tied noise modality by modality, folds, and wrong settings."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import noise_scheduler as ns
from models.encoders import TextEncoder
from models.seeding import seeded
from noise_scheduler.torch_data import encode
from recipes import cmu_mosei, iemocap
from recipes.corpora import cmu_mosei as reader
from recipes.raw.protocols import ProtocolSettings, absences, noises
from recipes.raw.settings import MODALITIES, RawSettings
from recipes.raw.views import OneModality, curve_noises, encode_clean, encode_views, evaluation_scheduler, present_views
from recipes.settings import SettingsError, load

CONFIGS = Path(__file__).parent.parent / "recipes" / "configs"
RAW = [file for file in sorted(CONFIGS.rglob("*.toml")) if "_features_" not in file.stem]
NAMES = [file.stem for file in RAW]


def settings_of(name, *overrides):
    return load(RawSettings, CONFIGS / f"{name}.toml", overrides)


class Samples:
    """A cache of a few utterances, in memory."""

    def __init__(self, utterance, count=6):
        self.ids = tuple(f"utterance{index}" for index in range(count))
        self._utterance = utterance

    def __getitem__(self, index):
        return {**self._utterance, "id": self.ids[index], "label": index % 4}


def absent_of(scheduler, count=3000):
    """(count, 3) bool: what is absent in as many utterances."""
    plans = [scheduler.plan(f"utterance{index}") for index in range(count)]
    return np.array([[any(hit.modality == m for hit in plan.hits) for m in MODALITIES] for plan in plans])


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.6, 0.7])
def test_missing_rates_are_met_and_one_modality_is_kept(rate):
    scheduler = absences(ProtocolSettings("rates", missing_rates=(rate,)))[f"missing_rate/{rate}"]
    absent = absent_of(scheduler)
    assert not absent.all(1).any()
    assert absent.mean() == pytest.approx(min(rate, 2 / 3), abs=0.015)


@pytest.mark.parametrize("rates", [(0.2, 0.5, 0.8), (0.0, 0.9, 0.5), (1.0, 0.0, 0.3), (0.6, 0.7, 0.7)])
def test_unequal_rates_are_met_by_each_modality_and_one_is_kept(rates):
    protocol = ProtocolSettings("rates", unequal_rates=(dict(zip(MODALITIES, rates, strict=True)),))
    ((name, scheduler),) = absences(protocol).items()
    assert name == "unequal_rate/a{}-v{}-t{}".format(*rates)
    absent = absent_of(scheduler)
    assert not absent.all(1).any()
    assert absent.mean(0).tolist() == pytest.approx(rates, abs=0.03)


def test_masks_belong_to_the_utterance(utterance):
    """Whatever rows a fold takes, and in whatever order, an utterance has the same masks."""
    cache = Samples(utterance, 40)
    scheduler = absences(ProtocolSettings("rates", missing_rates=(0.5,)))["missing_rate/0.5"]
    masks = {}
    for rows in (np.arange(40), np.arange(39, 9, -1)):
        clean = {"clean_present": torch.ones(len(rows), dtype=torch.bool)}
        there = {m: present_views(clean, cache, rows, m, scheduler, views=4) for m in MODALITIES}
        assert torch.stack(list(there.values())).any(0).all()
        for place, row in enumerate(rows):
            shown = [there[m][place].tolist() for m in MODALITIES]
            assert masks.setdefault(row, shown) == shown
    assert len({str(shown) for shown in masks.values()}) > 30


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropping_takes_its_share_of_every_modality(rate):
    protocol = ProtocolSettings("dropping", dropped_rates=(rate,))
    schedulers = noises(protocol, frames=16)[f"dropped/{rate}"]
    sample = {
        "audio": np.ones(160_000, np.float32),
        "sample_rate": 16000,
        "video": np.full((16, 4, 4, 3), 200, np.uint8),
        "fps": 12.5,
        "text": " ".join(["word"] * 200),
    }
    lost = {modality: [] for modality in MODALITIES}
    for index in range(20):
        noisy = {m: schedulers[m](sample, id=f"utterance{index}")[0][m] for m in MODALITIES}
        lost["audio"].append(np.mean(noisy["audio"] == 0))
        lost["video"].append(int((noisy["video"] == 0).all((1, 2, 3)).sum()))
        lost["text"].append(1 - len(noisy["text"].split()) / 200)
    assert set(lost["video"]) == {round(16 * rate)}
    assert np.mean(lost["text"]) == pytest.approx(rate, abs=0.03)
    assert np.mean(lost["audio"]) == pytest.approx(rate, abs=0.06 if rate else 0)  # its fades are not quite silent


def test_the_scene_of_mer2024_noise_is_what_the_challenge_did(utterance):
    settings = settings_of("mer2024_noise")
    scheduler = noises(settings.protocol, 8)["scene/mer2024_noise"]["text"]
    factors, snrs_db = set(), []
    for index in range(60):
        noisy, record = scheduler(utterance, id=f"utterance{index}")
        hits = {hit.modality: hit for hit in record.hits}
        factor = hits["video"].achieved["factor"]
        factors.add(factor)
        snrs_db.append(hits["audio"].achieved["snr_db"])
        assert hits["text"].achieved["caused_by"] == "audio/background"
        assert np.array_equal(noisy["video"], utterance["video"]) == (factor == 1)
    assert factors == {1, 0.5, 0.25}
    assert min(snrs_db) > 4.9
    assert max(snrs_db) < 10.1
    assert max(snrs_db) - min(snrs_db) > 4


def test_a_modality_alone_is_what_it_is_in_the_whole_sample(utterance):
    """Noise that follows another modality too: it knows what was done to that one."""
    scheduler = ns.NoiseScheduler(
        {
            "audio": [ns.build("audio/background", snr_db_range=(10.0, -10.0)), "audio/missing"],
            "video": ["image/jpeg"],
            "text": [ns.build("text/asr", follows="audio")],
        },
        seed=3,
    )
    cache = Samples(utterance, 16)
    changed = 0
    for modality in MODALITIES:
        dataset = OneModality(cache, np.arange(16), modality, scheduler)
        for index in range(16):
            whole, record = scheduler(cache[index], id=cache.ids[index], step=0)
            alone = dataset[encode(index, 0)]
            assert set(alone) == {modality, "label", "level"}
            assert np.array_equal(alone[modality], whole[modality])
            assert alone["level"] == {modality: record.level(modality)}
            changed += modality == "text" and alone["text"] != utterance["text"]
    assert 0 < changed < 16


def test_views_know_the_level_of_noise_that_follows(utterance):
    scheduler = ns.NoiseScheduler(
        {
            "audio": [ns.build("audio/background", snr_db_range=(0.0, -10.0))],
            "text": [ns.build("text/asr", follows="audio")],
        },
        seed=1,
    )
    with seeded(0):
        encoders = {"noisy": TextEncoder()}
    cache, rows = Samples(utterance, 12), np.arange(12)
    clean = encode_clean(encoders, cache, rows, "text")
    views = encode_views(encoders, clean, cache, rows, "text", [(scheduler, 0)], lambda done, total: None)
    hit = torch.tensor([bool(scheduler.plan(id, 0).hits) for id in cache.ids])
    assert 0 < hit.sum() < 12
    assert torch.equal(views["views_level"][:, 0] > 0, hit)
    assert not torch.equal(views["noisy/views"][hit, 0], clean["noisy/clean"][hit])
    assert torch.equal(views["noisy/views"][~hit, 0], clean["noisy/clean"][~hit])


def test_test_noise_and_curves_of_a_recipe_with_noise_that_follows(utterance):
    settings = settings_of("mer2024_noise")
    noisy, record = evaluation_scheduler(settings)(utterance, id="one")
    assert {hit.modality for hit in record.hits} == set(MODALITIES)
    assert noisy["text"] != "" or record.hits[-1].level > 0
    noise = curve_noises(settings, "text")["text/asr"]
    assert ns.corrupt(utterance["text"], noise, level=1.0) != utterance["text"]


def test_curves_of_all_noises_are_of_every_registered_one_with_levels():
    settings = settings_of("all_noises")
    found = {name: noise for m in MODALITIES for name, noise in curve_noises(settings, m).items()}
    flat = {"audio/missing", "image/missing", "text/missing", "text/rerecognise"}
    built_in = {name for name in ns.names() if type(ns.build(name)).__module__.startswith("noise_scheduler.")}
    assert {n for n in built_in if not n.startswith("feature/")} - set(found) == flat
    assert set(curve_noises(settings_of("iemocap"), "text")) == {"text/keyboard", "text/word_loss"}
    assert all(name.startswith(("image/", "video/")) for name in curve_noises(settings, "video"))


@pytest.mark.parametrize("name", NAMES)
def test_each_protocol_has_its_name_command_and_time(name):
    head = (CONFIGS / f"{name}.toml").read_text(encoding="utf-8").partition("\n\n")[0]
    assert "Reproduces: " in head
    assert "Command:  python -m recipes." in head
    assert "Time: " in head
    names = [settings_of(other).protocol.name for other in NAMES]
    assert names.count(settings_of(name).protocol.name) == 1


@pytest.mark.parametrize("name", [file.stem for file in RAW if "With recipes.cmu_mosei:" in file.read_text("utf-8")])
def test_overrides_for_the_other_corpus_are_those_of_its_folds(name):
    line = next(line for line in (CONFIGS / f"{name}.toml").read_text("utf-8").splitlines() if "cmu_mosei:" in line)
    settings = settings_of(name, *line.partition(":")[2].split())
    utterances, recipe = corpus_of(settings.data.folds)
    folds = recipe.folds(utterances, settings.data.folds)
    assert recipe is cmu_mosei.RECIPE
    assert len(folds) == max(settings.run.test_folds)


def corpus_of(by):
    """Utterances as the folds see them, with the recipe; speakers (videos, in CMU-MOSEI) do not come in order."""
    if by == "standard":
        parts = {f"video{index}": reader.PARTS[index % 3] for index in range(12)}
        videos = [f"video{index * 5 % 12}" for index in range(48)]
        return [SimpleNamespace(speaker=v, session=0, part=parts[v]) for v in videos], cmu_mosei.RECIPE
    speakers = [f"Ses0{session}{sex}" for session in range(1, 6) for sex in "FM"]
    spoken = [speakers[index * 7 % 10] for index in range(60)]
    return [SimpleNamespace(speaker=s, session=int(s[4])) for s in spoken], iemocap.RECIPE


@pytest.mark.parametrize("by", [None, "speaker", "session", "standard"])
@pytest.mark.parametrize("name", NAMES)
def test_no_speaker_is_in_two_parts_of_a_fold(name, by):
    """Of each protocol as it stands, and on IEMOCAP by speaker and by session, on CMU-MOSEI by video."""
    settings = settings_of(name)
    utterances, recipe = corpus_of(by or settings.data.folds)
    folds = recipe.folds(utterances, by or settings.data.folds)
    assert by or max(settings.run.test_folds) <= len(folds)
    for fold in folds:
        parts = [{utterances[i].speaker for i in part} for part in (fold.train, fold.val, fold.test)]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))
        assert sorted(np.concatenate([fold.train, fold.val, fold.test]).tolist()) == list(range(len(utterances)))
        if utterances[0].session:  # a dialog is not both trained on and tested
            train, test = ({utterances[i].session for i in part} for part in (fold.train, fold.test))
            assert not train & test
    if utterances[0].session:
        assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(len(utterances)))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("--protocol.missing_rate=[0.1]", "unknown key 'protocol.missing_rate'; did you mean 'missing_rates'"),
        ("--protocol.missing_rates=[0.5, 0.1]", r"protocol: missing_rates must be rising rates in \[0, 1\]"),
        ("--protocol.dropped_rates=[0.5, 1.0]", "protocol: dropped_rates must stay below 1"),
        ("--protocol.unequal_rates=[{audio=0.1, vidoe=0.2, text=0.1}]", "no modality is called 'vidoe'.*'video'"),
        ("--protocol.unequal_rates=[{audio=0.1, text=0.1}]", "needs a rate for each of audio, video, text"),
        ("--protocol.unequal_rates=[{audio=0.9, video=0.9, text=0.9}]", "add up to at most 2"),
        ('--protocol.scenes.bar={noises={audio=["audio/babel"]}}', "scenes.bar: .*'audio/babel'.*'audio/babble'"),
        ('--protocol.scenes.bar={noises={sound=["audio/babble"]}}', "scenes.bar: no modality is called 'sound'"),
        ("--protocol.scenes.bar=3", "scenes.bar must be a table"),
        ("--protocol.scenes.av={}", "scenes.av: conditions are called so already"),
        ('--protocol.name=""', "name must say which protocol it is"),
        ("--evaluation.curves=every", "evaluation.curves must be 'trained' | 'all', not 'every'"),
    ],
)
def test_wrong_settings_name_the_key_and_the_nearest(override, message):
    with pytest.raises(SettingsError, match=message.replace(" | ", r" \| ")):
        settings_of("iemocap", override)
