"""Noise that follows what was done to another modality: plans, levels, spans, records, and what is refused."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

import noise_scheduler as ns
from noise_scheduler import registry
from noise_scheduler.record import Record
from noise_scheduler.sample import SampleError
from noise_scheduler.survey import survey
from noise_scheduler.tied import untied

RATE = 8000
SPEECH = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32) * np.float32(0.1)
TEXT = "one two three four five six seven eight"
SAMPLE = {"audio": SPEECH, "sample_rate": RATE, "text": TEXT}


@dataclass(frozen=True, slots=True)
class Shout:
    """Write the first words in capitals: the share of them is the position."""

    follows: str = ""
    """Modality that is followed."""

    def __call__(self, text, level, rng):
        words = text.split(" ")
        loud = round(level * len(words))
        return " ".join([word.upper() for word in words[:loud]] + words[loud:]), {"loud": float(loud)}

    def follow(self, hits):
        wer = max(0.0, 1 - hits[0].achieved["snr_db"] / 20)
        return wer, {"expected_wer": wer}


@dataclass(frozen=True, slots=True)
class Loudness:
    """Write the loudest sample of what is heard."""

    hears: ClassVar[bool] = True
    graded: ClassVar[bool] = False
    follows: str = "audio"
    """Modality that is heard."""

    def __call__(self, text, level, rng, *, heard, sample_rate):
        return f"{float(np.abs(heard).max()):.6f} at {sample_rate:g} Hz"


@dataclass(frozen=True, slots=True)
class Hush:
    """Write dots for words."""

    graded: ClassVar[bool] = False
    follows: str = ""
    """Modality that is followed."""

    def __call__(self, text, level, rng):
        return " ".join("." * len(word) for word in text.split(" "))

    def follow(self, hits):
        return 1.0, {}


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    registry.names()
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.setattr(registry, "_names", dict(registry._names))
    registry.register("text/shout")(Shout)
    registry.register("text/loudness")(Loudness)
    registry.register("text/hush")(Hush)


def scheduler(noise=None, **settings):
    noises = {"audio": [ns.build("audio/white_noise", snr_db_range=(20, 0))], "text": [noise or Shout("audio")]}
    return ns.NoiseScheduler(noises, **({"condition": ns.fixed("audio")} | settings))


def test_it_is_hit_where_the_followed_modality_is_and_as_much_as_that_one():
    tied = scheduler(level=ns.uniform(0, 1), condition=ns.any_subset(), seed=3)
    hit = 0
    for id in range(60):
        plan = tied.plan(id)
        assert [h.modality for h in plan.hits] in ([], ["audio", "text"])
        noisy, record = tied.apply(SAMPLE, plan)
        if plan.hits:
            hit += 1
            assert plan.level("text") == 0
            snr_db = record.hits[0].achieved["snr_db"]
            assert record.level("text") == pytest.approx(1 - snr_db / 20)
            assert record.hits[1].achieved["caused_by"] == "audio/white_noise"
            assert record.hits[1].achieved["scale"] == "native"
            assert sum(word.isupper() for word in noisy["text"].split()) == record.hits[1].achieved["loud"]
        else:
            assert noisy["text"] == TEXT
    assert 15 < hit < 45


def test_the_followed_modality_is_planned_as_it_is_without_a_follower():
    alone = ns.NoiseScheduler({"audio": scheduler().noises["audio"]}, level=ns.uniform(0, 1), seed=3)
    tied = scheduler(level=ns.uniform(0, 1), condition=ns.any_subset(), seed=3)
    for id in range(20):
        assert alone.plan(id).hits == tied.plan(id).only("audio").hits


def test_records_replay_whole_in_part_and_from_json():
    tied = scheduler(level=0.5, span=0.5)
    noisy, record = tied(SAMPLE, id="a")
    assert ns.replay(SAMPLE, record)["text"] == noisy["text"]
    assert ns.replay(SAMPLE, Record.from_json(record.to_json()))["text"] == noisy["text"]
    part = record.only("text")
    again, done = ns.NoiseScheduler.apply(tied, SAMPLE, part)
    assert again["text"] == noisy["text"]
    assert np.array_equal(again["audio"], SPEECH)
    assert done.hits == part.hits
    with pytest.raises(ValueError, match="follows 'audio', and the record has no hit on it"):
        tied.apply(SAMPLE, tied.plan("a").only("text"))
    assert Record.from_json(tied.plan("a").to_json()) == tied.plan("a")


def test_an_applied_record_stands_for_itself():
    """Another recogniser, or sound that comes out a bit differently, changes nothing about a text that was written."""
    noisy, record = scheduler(level=0.5)(SAMPLE, id="a")
    written = replace(record.hits[1], level=0.25)
    again, done = ns.NoiseScheduler.apply(scheduler(), SAMPLE, replace(record, hits=(record.hits[0], written)))
    assert sum(word.isupper() for word in again["text"].split()) == 2
    assert done.hits[1].level == 0.25
    assert np.array_equal(again["audio"], noisy["audio"])


def test_a_text_that_nothing_was_done_to_replays_alone():
    mild = ns.NoiseScheduler(
        {"audio": [ns.build("audio/white_noise", snr_db_range=(40, 40))], "text": [Shout("audio")]},
        condition=ns.fixed("audio"),
    )
    noisy, record = mild(SAMPLE, id="a")
    assert record.level("text") == 0
    assert noisy["text"] == TEXT
    assert ns.replay(SAMPLE, record.only("text"))["text"] == TEXT
    assert ns.replay(SAMPLE, Record.from_json(record.to_json()).only("text"))["text"] == TEXT


def test_what_follows_pictures_follows_them_in_shares_of_words():
    clip = np.random.default_rng(1).integers(0, 256, (20, 8, 8, 3), np.uint8)
    tied = ns.NoiseScheduler(
        {"video": ["image/gaussian_noise"], "text": [Hush("video")]}, condition=ns.fixed("video"), span=0.5
    )
    times = np.arange(16.0).reshape(8, 2)
    noisy, record = tied({"video": clip, "fps": 25.0, "text": TEXT, "word_times": times}, id=3)
    (start, end), *_ = record.hits[0].spans
    assert [not word.strip(".") for word in noisy["text"].split()] == [
        round(8 * start) <= index < round(8 * end) for index in range(8)
    ]


def test_spans_follow_in_words_without_times():
    noisy, record = scheduler(level=1.0, span=0.5)(SAMPLE, id="a")
    (start, end), *_ = record.hits[0].spans
    assert record.hits[1].spans == record.hits[0].spans
    loud = [word.isupper() for word in noisy["text"].split()]
    assert loud == [round(8 * start) <= index < round(8 * end) for index in range(8)]


def test_spans_follow_in_the_words_that_were_said_within_them():
    starts = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.8, 1.9])
    times = np.stack([starts, starts + 0.1], 1)
    sample = SAMPLE | {"word_times": times}
    seen = set()
    for id in range(40):
        noisy, record = scheduler(level=1.0, span=0.3)(sample, id=id)
        (start, end), *_ = record.hits[0].spans
        inside = (2 * start <= times.mean(1)) & (times.mean(1) < 2 * end)
        assert [word.isupper() for word in noisy["text"].split()] == inside.tolist()
        seen.add(int(inside.sum()))
        assert (record.level("text") > 0) == inside.any()
        assert ns.replay(sample, record)["text"] == noisy["text"]
    assert 0 in seen
    assert max(seen) > 2


@pytest.mark.parametrize("times", [[(0, 1)], [(0.0, 0.1)] * 9, [(1.0, 0.5)] * 8, [(0.0, np.nan)] * 8, np.zeros((8, 3))])
def test_word_times_that_do_not_fit_are_refused(times):
    with pytest.raises(SampleError, match=r"word_times must hold \(start, end\) in seconds for each of the 8 words"):
        scheduler(level=1.0, span=0.3)(SAMPLE | {"word_times": times}, id=0)


def test_a_noise_that_hears_gets_the_noisy_sample():
    noisy, record = scheduler(Loudness())(SAMPLE, id=0)
    assert noisy["text"] == f"{float(np.abs(noisy['audio']).max()):.6f} at 8000 Hz"
    assert float(noisy["text"].split()[0]) > np.abs(SPEECH).max()
    assert ns.replay(SAMPLE, record)["text"] == noisy["text"]
    assert record.level("text") == 1
    with pytest.raises(ValueError, match="has no hit on it"):
        ns.replay(SAMPLE, record.only("text"))
    with pytest.raises(ValueError, match="text/loudness hears the noisy audio of a sample"):
        ns.corrupt("words", Loudness(), level=1)


def test_configurations_round_trip():
    tied = scheduler(level={"audio": 0.5})
    same = ns.NoiseScheduler.from_dict(tied.to_dict())
    assert same == tied
    assert same.digest == tied.digest
    assert tied.modalities == ("audio", "text")


def test_weights_choose_among_noises_that_follow_the_same_modality():
    tied = scheduler(level=1.0)
    mixed = ns.NoiseScheduler(
        {"audio": tied.noises["audio"], "text": [(Shout("audio"), 3.0), (Loudness(), 1.0)]}, condition=ns.fixed("audio")
    )
    names = [mixed.plan(id).hits[1].noise for id in range(200)]
    assert 0.65 < names.count("text/shout") / 200 < 0.85


@pytest.mark.parametrize(
    ("noises", "settings", "message"),
    [
        ({"text": [Shout("audio")]}, {}, "no modality that has noises is called 'audio'"),
        ({"audio": "audio/white_noise", "text": [Shout("audoi")]}, {}, "did you mean 'audio'"),
        ({"audio": "audio/white_noise", "text": [Shout("text")]}, {}, "no modality that has noises is called 'text'"),
        ({"audio": "audio/white_noise", "text": [Shout("audio"), "text/keyboard"]}, {}, "stands alone"),
        (
            {"audio": "audio/white_noise", "text": [Shout("audio")]},
            {"level": {"audio": 1.0, "text": 1.0}},
            "'text' takes none, it follows another modality",
        ),
        (
            {"audio": "audio/white_noise", "text": [Shout("audio")], "video": [Shout("text")]},
            {},
            "video follows 'text', which follows another modality itself",
        ),
        ({"audio": "audio/white_noise", "text": [Shout("audio")]}, {"condition": ns.fixed("text")}, "'text' names no"),
    ],
)
def test_what_is_refused(noises, settings, message):
    with pytest.raises(ValueError, match=message):
        ns.NoiseScheduler(noises, **settings)


def test_surveys_and_pictures_show_it():
    from noise_scheduler.plot import figure, page, record_rows

    tied = scheduler(level=ns.linear(0, 1, until=900), total_steps=1000, condition=ns.any_subset(), span=0.5)
    seen = survey(tied, points=3, samples=50)
    assert seen.follows == {"text": "audio"}
    assert np.isnan(seen.levels["text"]).all()
    assert np.array_equal(seen.types["text"]["text/shout"], seen.types["audio"]["audio/white_noise"])
    texts = [text.get_text() for axes in figure(seen).axes for text in axes.texts]
    assert "follows audio" in texts
    record = next(plan for id in range(9) if (plan := tied.plan(id, tied.clock(500))).hits)
    assert record_rows(record)[1] == ("text", "text/shout", "follows", "")
    assert "follows" in page(seen, tied, [record])


def test_levels_of_batches_are_those_that_were_reached():
    torch_data = pytest.importorskip("noise_scheduler.torch_data")
    from torch.utils.data import DataLoader

    tied = scheduler(level=ns.uniform(0.2, 0.8), seed=5)
    data = torch_data.Scheduled([SAMPLE] * 4, tied)
    sampler = torch_data.StepSampler(4, global_batch=4, shuffle=False)
    batch = next(iter(DataLoader(data, sampler=sampler, batch_size=4)))
    for index in range(4):
        _, record = tied(SAMPLE, id=index, step=0)
        assert batch["levels"][index].tolist() == pytest.approx([record.level("audio"), record.level("text")])
        assert batch["levels"][index, 1] > 0


def test_recogniser_errors_follow_the_signal_to_noise_ratio():
    """As many errors as the curve of white noise says, over many samples."""
    from noise_scheduler.text.asr.heard import DEFAULT

    words = "we walked along the river and talked about the people that we used to know at school"
    sample = {"audio": SPEECH, "sample_rate": RATE, "text": words}
    for snr_db in (0.0, 8.0):
        tied = ns.NoiseScheduler(
            {
                "audio": [ns.build("audio/white_noise", snr_db_range=(snr_db, snr_db))],
                "text": [ns.build("text/asr", follows="audio")],
            },
            condition=ns.fixed("audio"),
        )
        records = [tied(sample, id=id)[1] for id in range(400)]
        expected = records[0].hits[1].achieved["expected_wer"]
        assert expected == pytest.approx(DEFAULT.wer(records[0].hits[:1]))
        assert np.mean([record.hits[1].achieved["wer"] for record in records]) == pytest.approx(expected, abs=0.08)
    assert tied.from_dict(tied.to_dict()) == tied


def test_untied_stands_alone_unless_it_hears():
    alone = untied(Shout("audio"))
    assert alone == Shout()
    assert ns.corrupt(TEXT, alone, level=1.0) == TEXT.upper()
    assert untied(alone) is alone
    with pytest.raises(ValueError, match="Loudness hears the noisy audio of a sample"):
        untied(Loudness())
