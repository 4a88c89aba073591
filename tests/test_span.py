import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import noise_scheduler as ns
from noise_scheduler.span import _indices, place, splice, text_parts

NOISES = {
    "audio": "audio/white_noise",
    "face": "feature/beta_schedule",
    "text": "text/keyboard",
    "video": "image/missing",
}
RATE = 16000
uniform_numbers = st.floats(0, 1, exclude_max=True)


def scheduler(noises=NOISES, span=0.3, **arguments):
    arguments = {"level": ns.uniform(0.5, 1), "condition": ns.fixed(tuple(noises))} | arguments
    return ns.NoiseScheduler(noises, span=span, **arguments)


@pytest.fixture
def sample(utterance):
    rng = np.random.default_rng(1)
    utterance["video"] = rng.integers(1, 256, (40, 8, 8, 3), dtype=np.uint8)
    return utterance | {"face": rng.standard_normal((50, 4)).astype(np.float32)}


def covered(spans, n):
    """(n,) bool: whose middle lies in a span, one item more or less at its ends."""
    inside = np.zeros(n, bool)
    for first, last in spans:
        inside[round(first * n) : round(last * n)] = True
    return inside


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("span", [0.3, ns.bursts(0.4, count=3), ns.uniform(0.1, 0.9)], ids=str)
def test_untouched_outside_and_changed_inside(sample, span):
    for i in range(20):
        noisy, record = scheduler(span=span)(sample, id=i)
        assert {hit.modality for hit in record.hits} == set(NOISES)
        for hit in record.hits:
            if hit.modality == "text":
                continue
            changed = noisy[hit.modality] != sample[hit.modality]
            changed = changed.reshape(len(changed), -1).any(axis=1)
            assert np.array_equal(changed, covered(hit.spans, len(changed))), hit.modality


def test_words_are_whole_and_white_space_outside_is_kept(sample):
    text = "  one\ttwo   three,\nfour five  six seven\u00a0eight nine   ten "
    words = list(re.finditer(r"\S+", text))
    noise = ns.build("text/keyboard", error_rate_range=(0, 1))
    for i in range(50):
        noisy, record = scheduler({"text": noise}, ns.bursts(0.5, count=2), level=1.0)({"text": text}, id=i)
        parts = text_parts(text, record.hits[0].spans)
        hit = [any(a <= word.start() < b for a, b in parts) for word in words]
        assert 4 <= sum(hit) <= 6, "ten words, half of them, in two stretches"
        for a, b in parts:
            assert a in {word.start() for word in words}
            assert b in {word.end() for word in words}
        assert len(noisy["text"]) == len(text)
        for index, (before, after) in enumerate(zip(text, noisy["text"], strict=True)):
            inside = any(a <= index < b for a, b in parts)
            assert (before != after) == (inside and before.isalnum())


def test_lost_words_are_lost_inside_only():
    text = "  zero one  two three\tfour five six seven eight nine "
    noise = ns.build("text/word_loss", loss_rate_range=(1, 1))
    for i in range(30):
        noisy, record = scheduler({"text": noise}, level=1.0)({"text": text}, id=i)
        ((first, last),) = text_parts(text, record.hits[0].spans)
        assert noisy["text"] == text[:first] + text[last:]
        assert record.hits[0].achieved == {"scale": "native", "lost_words": 3.0, "word_loss_rate": 1.0}


def test_achieved_of_a_text_is_the_mean_over_its_parts_by_length():
    """All six letters of "ab cdef" are mistyped, none of the ten other characters."""
    noise = {"error_rate_range": (0.0, 1.0)}
    hit = ns.Hit("text", "text/keyboard", 2, 1.0, ((0.0, 0.2), (0.4, 0.6), (0.8, 1.0)), noise)
    record = ns.Record(0, 0, (0, 0), "", (hit,))
    noisy, done = scheduler().apply({"text": "ab ?? cdef ?? !!!!"}, record)
    assert re.fullmatch(r"[a-z0-9]{2} \?\? [a-z0-9]{4} \?\? !!!!", noisy["text"])
    assert done.hits[0].achieved["cer"] == pytest.approx(6 / 10)


def test_a_text_without_words_has_nothing_to_hit():
    for text in ("", "  \n"):
        noisy, record = scheduler({"text": "text/word_loss"})({"text": text}, id=0)
        assert noisy["text"] == text
        assert record.hits[0].achieved == {}


def test_a_span_of_one_word_at_least():
    for i in range(20):
        noisy, _ = scheduler({"text": "text/missing"}, span=0.01)({"text": "a b c d e"}, id=i)
        assert len(noisy["text"].split()) == 4


def test_audio_is_cross_faded(sample):
    """A constant that goes silent: no step is higher than one part of the fade."""
    wave = np.ones(RATE, np.float32)
    for i in range(20):
        hit = scheduler({"audio": "audio/missing"}).plan(i).hits[0]
        noisy = scheduler({"audio": "audio/missing"})({"audio": wave, "sample_rate": RATE}, id=i)[0]["audio"]
        fade = 0.005 * RATE
        assert np.abs(np.diff(noisy)).max() <= 1 / fade
        ((first, last),) = hit.spans
        inside = noisy[round(first * RATE) + int(fade) : round(last * RATE) - int(fade)]
        assert not inside.any()
        assert len(inside) == pytest.approx(0.3 * RATE - 2 * fade, abs=2)


def test_no_fade_where_a_span_meets_an_end_of_the_wave():
    clean, silent = np.ones(1000, np.float32), np.zeros(1000, np.float32)
    start = splice("audio", clean, silent, [(0.0, 0.5)], RATE)
    assert not start[:420].any()
    assert start[500:].all()
    end = splice("audio", clean, silent, [(0.5, 1.0)], RATE)
    assert not end[580:].any()
    assert end[:500].all()


def test_a_span_shorter_than_its_fades():
    clean, silent = np.ones(1000, np.float32), np.zeros(1000, np.float32)
    noisy = splice("audio", clean, silent, [(0.5, 0.51)], RATE)
    assert (noisy[500:510] < 1).all()
    assert np.abs(np.diff(noisy)).max() <= 1 / 6 + 1e-6
    assert noisy[:500].all()
    assert (splice("audio", clean, silent, [(0.5, 0.5)], RATE) == 0).sum() == 1


def test_all_channels_have_the_same_spans():
    clean = np.ones((2, 1000), np.float32)
    noisy = splice("audio", clean, np.zeros_like(clean), [(0.2, 0.6)], RATE)
    assert np.array_equal(noisy[0], noisy[1])
    assert np.array_equal(noisy[0], splice("audio", clean[0], np.zeros(1000, np.float32), [(0.2, 0.6)], RATE))


def test_a_picture_has_no_duration():
    picture = np.random.default_rng(0).integers(0, 256, (20, 16, 3), dtype=np.uint8)
    noises = {"video": "image/occlusion"}
    part, record = scheduler(noises, level=0.6)({"video": picture}, id=0)
    whole, _ = scheduler(noises, span=1.0, level=0.6)({"video": picture}, id=0)
    assert record.hits[0].spans
    assert np.array_equal(part["video"], whole["video"])
    assert not np.array_equal(part["video"], picture)


def test_replay_through_json_gives_the_same_bytes(sample):
    planner = scheduler(span=ns.bursts(ns.uniform(0.2, 1), count=2))
    for step in range(10):
        noisy, record = planner(sample, id="a", step=step)
        assert all(len(hit.spans) == 2 for hit in record.hits)
        again = ns.Record.from_json(record.to_json())
        assert again == record
        assert same(ns.replay(sample, again), noisy)


@pytest.mark.parametrize("spans", ["[[0.2]]", "[[0.5,0.2]]", "[[-0.1,0.2]]", "[[0.2,1.1]]", "[0.2,0.3]", "3"])
def test_bad_spans_in_a_record(spans):
    line = scheduler().plan(0).to_json()
    with pytest.raises(ValueError, match="not a noise record"):
        ns.Record.from_json(re.sub(r'"spans":\[\[.*?\]\]', f'"spans":{spans}', line, count=1))


@given(uniform_numbers, st.lists(uniform_numbers, min_size=1, max_size=64))
def test_bursts_do_not_overlap_and_cover_the_share(share, starts):
    spans = place(share, starts)
    assert len(spans) == len(starts)
    for begin, end in spans:
        assert 0 <= begin <= end <= 1
        assert end - begin == pytest.approx(share / len(starts), abs=1e-12)
    for (_, end), (begin, _) in pairwise(spans):
        assert begin >= end - 1e-15


@settings(deadline=None)
@given(uniform_numbers, st.lists(uniform_numbers, min_size=1, max_size=64), st.integers(1, 500))
def test_spans_in_items_do_not_overlap_and_hit_one_at_least(share, starts, length):
    indices = _indices(place(share, starts), length)
    assert indices
    assert all(first < last for first, last in indices)
    flat = [index for pair in indices for index in pair]
    assert flat == sorted(flat)
    assert 0 <= flat[0] <= flat[-1] <= length
    total = sum(last - first for first, last in indices)
    assert total == pytest.approx(share * length, abs=len(starts))


def test_where_a_span_lies_is_uniform():
    plans = [scheduler(span=0.5).plan(i) for i in range(1000)]
    starts = np.array([hit.spans[0][0] for plan in plans for hit in plan.hits])
    assert np.sort(starts) == pytest.approx(np.linspace(0, 0.5, len(starts)), abs=0.02)
    assert len({hit.spans for hit in plans[0].hits}) == len(NOISES), "each has a span of its own"


def test_a_span_that_is_a_schedule_widens_over_training():
    widening = scheduler(span=ns.linear(0, 1), total_steps=100)
    assert widening.plan("a", 0).hits == ()
    for step in (1, 25, 50, 99):
        for hit in widening.plan("a", step).hits:
            ((begin, end),) = hit.spans
            assert end - begin == pytest.approx(step / 100)
    assert {hit.spans for hit in widening.plan("a", 100).hits} == {()}


def test_a_span_that_is_a_distribution():
    widths = [
        hit.spans[0][1] - hit.spans[0][0]
        for i in range(500)
        for hit in scheduler(span=ns.uniform(0.2, 0.6)).plan(i).hits
    ]
    assert np.sort(widths) == pytest.approx(np.linspace(0.2, 0.6, len(widths)), abs=0.02)
    whole_or_none = scheduler(span=ns.choice({0: 1, 1: 1}))
    assert {hit.spans for i in range(50) for hit in whole_or_none.plan(i).hits} == {()}
    assert 60 < sum(len(whole_or_none.plan(i).hits) for i in range(50)) < 140


def test_a_span_changes_neither_type_nor_level():
    for i in range(50):
        whole, part = scheduler(span=1.0).plan(i), scheduler(span=0.2).plan(i)
        assert [(h.noise, h.level) for h in whole.hits] == [(h.noise, h.level) for h in part.hits]


def test_several_noises_have_spans_of_their_own(sample):
    mixture = ns.mixture(["audio/reverb", "audio/white_noise"], count=2)
    hits = scheduler({"audio": mixture}, span=ns.bursts(0.2, count=2)).plan("a").hits
    assert len({span for hit in hits for span in hit.spans}) == 4


@pytest.mark.parametrize(
    ("share", "count", "error", "message"),
    [
        (0, 1, ValueError, "the share of a span must stay in"),
        (1.2, 1, ValueError, "can reach \\[1.2, 1.2\\]"),
        (ns.linear(-0.1, 1), 1, ValueError, "can reach \\[-0.1, 1\\]"),
        (ns.uniform(0, ns.linear(0, 2)), 1, ValueError, "can reach \\[0, 2\\]"),
        ("half", 1, TypeError, "expected a number"),
        (ns.bursts(0.5), 1, TypeError, "expected a number"),
        (0.5, 0, ValueError, "whole number from 1 to 64"),
        (0.5, 65, ValueError, "whole number from 1 to 64"),
        (0.5, 1.5, ValueError, "whole number from 1 to 64"),
        (0.5, True, ValueError, "whole number from 1 to 64"),
        (0.5, "2", ValueError, "whole number from 1 to 64"),
        (0.5, None, ValueError, "whole number from 1 to 64"),
        (0.5, float("nan"), ValueError, "whole number from 1 to 64"),
        (0.5, ns.linear(1, 2), ValueError, "whole number from 1 to 64"),
    ],
)
def test_faults_are_named_when_a_span_is_made(share, count, error, message):
    with pytest.raises(error, match=message):
        ns.bursts(share, count=count)
