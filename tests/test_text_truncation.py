import numpy as np
import pytest

from noise_scheduler.text.truncation import Truncation

TEXT = " One, two  three\tfour. "


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_what_is_kept_is_kept_exactly():
    assert {Truncation()(TEXT, 0.6, stream(seed))[0] for seed in range(50)} == {" One, two", " One,"}
    assert {Truncation(side="start")(TEXT, 0.6, stream(seed))[0] for seed in range(50)} == {"three\tfour. ", "four. "}
    assert {Truncation(unit="characters")("abcdefgh", 0.3, stream(seed))[0] for seed in range(50)} == {
        "abcdef",
        "abcde",
    }


@pytest.mark.parametrize("unit", ["words", "characters"])
@pytest.mark.parametrize("side", ["end", "start"])
def test_share_is_right_on_average(side, unit):
    text = "abcd " * 8
    noise = Truncation(side=side, unit=unit)
    for level in (0.05, 0.33, 0.8):
        kept = [noise(text, level, stream(seed))[0] for seed in range(2000)]
        left = np.mean([len(part.split()) for part in kept]) / 8 if unit == "words" else np.mean([*map(len, kept)]) / 40
        assert left == pytest.approx(1 - level, abs=0.01)


def test_nothing_is_left_at_the_end_of_the_path():
    assert Truncation()(TEXT, 1.0, stream()) == ("", {"lost_share": 1.0})
    assert Truncation()(" \t", 1.0, stream()) == (" \t", {"lost_share": 0.0})
    assert Truncation((0.0, 0.0))(TEXT, 1.0, stream()) == (TEXT, {"lost_share": 0.0})


def test_bad_fields_are_refused():
    for fields, message in (
        ({"lost_share_range": (0.0, 1.1)}, "lost_share_range"),
        ({"side": "middle"}, "side must be 'end' or 'start'"),
        ({"unit": "bytes"}, "unit must be 'words' or 'characters'"),
    ):
        with pytest.raises(ValueError, match=message):
            Truncation(**fields)
