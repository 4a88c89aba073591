import numpy as np
import pytest

import noise_scheduler as ns

GOOD_WAVE = np.zeros(100, np.float32)
BAD = [
    ("image/missing", np.zeros((4, 4, 3), np.float32), {}, "uint8"),
    ("image/missing", np.zeros((4, 4), np.uint8), {}, "shape"),
    ("image/missing", np.zeros((3, 4, 4), np.uint8), {}, "channels last"),
    ("image/missing", np.zeros((4, 4, 4), np.uint8), {}, "C = 3"),
    ("image/missing", np.zeros((0, 4, 3), np.uint8), {}, "empty"),
    ("image/missing", [[0]], {}, "numpy array"),
    ("image/missing", np.zeros((2, 4, 4, 3), np.uint8), {"fps": 0}, "fps"),
    ("audio/missing", np.zeros(100), {"sample_rate": 16000}, "float32"),
    ("audio/missing", np.zeros(100, np.int16), {"sample_rate": 16000}, "float32"),
    ("audio/missing", np.full(9, np.nan, np.float32), {"sample_rate": 16000}, "NaN"),
    ("audio/missing", np.full(9, np.inf, np.float32), {"sample_rate": 16000}, "infinite"),
    ("audio/missing", np.zeros((2, 2, 9), np.float32), {"sample_rate": 16000}, "channels, samples"),
    ("audio/missing", np.zeros((900, 2), np.float32), {"sample_rate": 16000}, "transpose"),
    ("audio/missing", np.zeros(0, np.float32), {"sample_rate": 16000}, "empty"),
    ("audio/missing", GOOD_WAVE, {}, "sample_rate"),
    ("audio/missing", GOOD_WAVE, {"sample_rate": -1}, "sample_rate"),
    ("text/missing", b"bytes", {}, "str"),
    ("text/missing", ["a"], {}, "str"),
    ("feature/missing", np.zeros((2, 3)), {}, "float32"),
    ("feature/missing", np.zeros(3, np.float32), {}, "(T, D)"),
    ("feature/missing", np.full((2, 3), np.nan, np.float32), {}, "NaN"),
]


@pytest.mark.parametrize(("noise", "x", "context", "message"), BAD)
def test_one_clear_error(noise, x, context, message):
    with pytest.raises(ns.SampleError) as error:
        ns.corrupt(x, noise, level=0.5, **context)
    assert message in str(error.value)


def test_the_error_names_the_modality(utterance):
    scheduler = ns.NoiseScheduler({"audio": "audio/missing"}, condition=ns.fixed("audio"))
    with pytest.raises(ns.SampleError, match=r"^sample 0: audio: "):
        scheduler(utterance | {"audio": np.zeros(5)}, id=0)


@pytest.mark.parametrize("level", [-0.1, 1.01, float("nan"), "1", None])
def test_level_outside_its_range(level):
    with pytest.raises(ValueError, match="level must be a number"):
        ns.corrupt("a", "text/missing", level=level)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("fault", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("usual", [0.1, 1e30])
@pytest.mark.parametrize("shape", [(50_000,), (2, 25_000)])
def test_one_value_that_is_not_finite_is_found_among_loud_ones_too(fault, usual, shape):
    wave = np.full(shape, usual, np.float32)
    ns.corrupt(wave, "audio/missing", level=1, sample_rate=16000)
    wave[..., -3] = fault
    with pytest.raises(ns.SampleError, match="NaN"):
        ns.corrupt(wave, "audio/missing", level=1, sample_rate=16000)


def test_a_sample_of_another_kind_names_the_noise_that_it_was_given_to():
    with pytest.raises(ns.SampleError, match=r"^image/fog: image must be a numpy array, not str"):
        ns.corrupt("hello", "image/fog", level=0.5)
    wrong = ns.NoiseScheduler({"audio": ["image/fog"]}, level=0.5, condition=ns.fixed("audio"))
    with pytest.raises(ns.SampleError, match=r"audio: image/fog: image must be uint8"):
        wrong({"audio": np.zeros(100, np.float32), "sample_rate": 16_000}, id=1)
