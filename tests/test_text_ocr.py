import numpy as np
import pytest

from noise_scheduler.text.ocr import LOOK_ALIKES, Ocr


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_known_confusions_are_there():
    for seen, read in map(str.split, ("rn m", "m rn", "l 1", "1 l", "O 0", "0 O", "cl d", "d cl")):
        assert read in LOOK_ALIKES[seen]
    assert set(map(len, LOOK_ALIKES)) == {1, 2}
    for seen, options in LOOK_ALIKES.items():
        assert options
        assert len(set(options)) == len(options)
        assert seen not in options
        assert not any(option.isspace() for option in options)


def test_every_output_can_be_taken_apart_into_look_alikes():
    """A search over all readings of each word."""

    def readable(seen: str, read: str) -> bool:
        reached = {(0, 0)}
        for _ in range(len(seen)):
            for i, j in list(reached):
                for length in (1, 2):
                    part = seen[i : i + length]
                    options = (part, *LOOK_ALIKES.get(part, ())) if len(part) == length else ()
                    reached |= {(i + length, j + len(o)) for o in options if read.startswith(o, j)}
        return (len(seen), len(read)) in reached

    text = "The modern clerk warned Ulli: 10 vivid dreams, 25 naïve ones; COOL BOYS, IN QUAYS!"
    for seed in range(30):
        noisy, _ = Ocr((0.0, 0.7))(text, 1.0, stream(seed))
        for seen, read in zip(text.split(" "), noisy.split(" "), strict=True):
            assert readable(seen, read), (seen, read)


def test_share_of_misread_characters_is_the_declared_rate():
    text = "so he sees a face as he goes on " * 2000
    for rate in (0.05, 0.4):
        noisy, achieved = Ocr((0.0, rate))(text, 1.0, stream())
        able = sum(len(part) for part in text.split())
        assert achieved["misread"] / able == pytest.approx(rate, rel=0.1)
        assert achieved["misread_rate"] == achieved["misread"] / len(text)
        if len(noisy) == len(text):
            assert sum(a != b for a, b in zip(text, noisy, strict=True)) == achieved["misread"]


def test_pairs_are_read_as_one_and_one_as_pairs():
    reads = {Ocr((0.0, 1.0))("rn", 1.0, stream(seed))[0] for seed in range(60)}
    assert "m" in reads
    assert reads > {"m"}
    assert {"rn", "nn", "in"} == {Ocr((0.0, 1.0))("m", 1.0, stream(seed))[0] for seed in range(60)}


def test_letters_with_combining_marks_are_read_right():
    assert Ocr((0.0, 1.0))("e\u0301 o\u0308", 1.0, stream())[0] == "e\u0301 o\u0308"
    assert Ocr((0.0, 1.0))("rn\u0303", 1.0, stream())[0][1:] == "n\u0303"


def test_a_bad_range_is_refused():
    with pytest.raises(ValueError, match="error_rate_range"):
        Ocr((0.0, 1.5))
