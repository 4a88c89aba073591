import numpy as np
import pytest

from noise_scheduler.text.punctuation import CaseLoss, PunctuationLoss, RunOn

TEXT = "“Well,” she said, “it's 3.14 o'clock - a well-known joke (isn't it?)...” Fine! 👍🏽 #1 100%\n"


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_all_marks_between_words_can_be_lost():
    noisy, achieved = PunctuationLoss()(TEXT, 1.0, stream())
    assert noisy == "Well she said it's 3.14 o'clock  a well-known joke isn't it Fine 👍🏽 #1 100%\n"
    assert achieved == {"lost_marks": 14, "mark_loss_rate": 1.0}
    assert PunctuationLoss()("¿Qué? 你好，世界。 שלום! हाँ।", 1.0, stream())[0] == "Qué 你好世界 שלום हाँ"


def test_emoji_made_of_marks_are_kept():
    text = "!\ufe0f *\ufe0f\u20e3 ‼\ufe0f"
    assert PunctuationLoss()(text, 1.0, stream())[0] == text


@pytest.mark.parametrize(
    ("noise", "text", "key"),
    [
        (PunctuationLoss((0.0, 0.4)), "so, it. goes! " * 2000, "mark_loss_rate"),
        (CaseLoss((0.0, 0.4)), "So It goes " * 2000, "case_loss_rate"),
        (CaseLoss((0.0, 0.4), into="upper"), "so it GOES " * 2000, "case_loss_rate"),
        (RunOn((0.0, 0.4)), "so it goes " * 2000, "join_rate"),
        (RunOn((0.0, 0.4), between="sentences"), "So it goes. " * 4000, "join_rate"),
    ],
)
def test_rates_are_the_declared_ones(noise, text, key):
    noisy, achieved = noise(text, 0.5, stream())
    assert achieved[key] == pytest.approx(0.2, abs=0.02)
    mark = "." if "." in text else " "
    changed = {
        "mark_loss_rate": (len(text) - len(noisy)) / 6000,
        "case_loss_rate": sum(a != b for a, b in zip(text.split(), noisy.split(), strict=False)) / 4000,
        "join_rate": (text.count(mark) - noisy.count(mark)) / (text.count(mark) - 1),
    }
    assert changed[key] == pytest.approx(achieved[key], abs=1e-3)


def test_words_lose_their_case_as_a_whole():
    text = "I told NASA that McDonald's ÜBERMUT isn't Straße, 'K"
    assert CaseLoss()(text, 1.0, stream())[0] == "i told nasa that mcdonald's übermut isn't straße, 'k"
    upper, achieved = CaseLoss(into="upper")(text, 1.0, stream())
    assert upper == "I TOLD NASA THAT MCDONALD'S ÜBERMUT ISN'T STRASSE, 'K"
    assert achieved == {"changed_words": 5, "case_loss_rate": 1.0}
    assert CaseLoss()("nothing to do", 1.0, stream()) == ("nothing to do", {"changed_words": 0, "case_loss_rate": 0.0})


def test_gaps_between_words_are_closed():
    text = "  One two,\tthree \n four "
    assert RunOn()(text, 1.0, stream()) == ("  Onetwo,threefour ", {"joins": 3, "join_rate": 1.0})


def test_sentences_are_joined():
    text = 'Stop it. You\'re late! "NASA called." I know…  Well, 3.5 is it?'
    noisy, achieved = RunOn(between="sentences")(text, 1.0, stream())
    assert noisy == "Stop it you're late NASA called I know  well, 3.5 is it?"
    assert achieved["joins"] == 4
    assert RunOn(between="sentences")("Just one.", 1.0, stream())[0] == "Just one."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PunctuationLoss((0.0, 1.5)), "loss_rate_range"),
        (lambda: CaseLoss((0.5, 0.1)), "loss_rate_range"),
        (lambda: CaseLoss(into="title"), "into must be 'lower' or 'upper'"),
        (lambda: RunOn((-0.1, 1.0)), "join_rate_range"),
        (lambda: RunOn(between="lines"), "between must be 'words' or 'sentences'"),
    ],
)
def test_bad_fields_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
