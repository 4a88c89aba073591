import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from noise_scheduler.rng import key_of, slot_of, stream, unit


def draws(*arguments, n=8):
    with stream(*arguments) as rng:
        return rng.random(n)


def test_equals_a_fresh_philox():
    key = key_of(3, "Ses01F_impro01_F000")
    fresh = np.random.Philox(counter=0, key=0)
    state = fresh.state
    state["state"]["key"] = np.array(key, np.uint64)
    state["state"]["counter"] = np.array([0, 1200, slot_of("audio/reverb"), 2], np.uint64)
    fresh.state = state
    expected = np.random.Generator(fresh).standard_normal(1000)
    with stream(key, 1200, "audio/reverb", 2) as rng:
        rng.random(3, dtype=np.float32)  # leave half a word behind in the pooled generator
    with stream(key, 1200, "audio/reverb", 2) as rng:
        assert np.array_equal(rng.standard_normal(1000), expected)


def test_every_part_of_the_address_matters():
    key = key_of(0, "a")
    base = draws(key, 5, "x", 0)
    for other in (
        (key_of(1, "a"), 5, "x", 0),
        (key_of(0, "b"), 5, "x", 0),
        (key, 6, "x", 0),
        (key, 5, "y", 0),
        (key, 5, "x", 1),
    ):
        assert not np.array_equal(base, draws(*other))
    assert not np.array_equal(draws(key_of(0, 1), 0, "x"), draws(key_of(0, "1"), 0, "x"))
    assert np.array_equal(draws(key_of(0, 1), 0, "x"), draws(key_of(0, np.int64(1)), 0, "x"))


def test_neighbouring_streams_are_uncorrelated():
    key, n = key_of(0, "a"), 4096
    for make in (
        lambda i: (key, i, "x"),
        lambda i: (key_of(i, "a"), 0, "x"),
        lambda i: (key_of(0, i), 0, "x"),
        lambda i: (key, 0, "x", i),
    ):
        x = np.stack([draws(*make(i), n=n) for i in range(64)]) - 0.5
        z = (x @ x.T) * 12 / np.sqrt(n)
        z = z[np.triu_indices(64, 1)]
        assert abs(z.std() - 1) < 0.1
        assert np.abs(z).max() < 5


def test_nested_streams_do_not_share_a_generator():
    key = key_of(0, "a")
    outer_alone, inner_alone = draws(key, 0, "outer"), draws(key, 0, "inner")
    with stream(key, 0, "outer") as outer:
        first = outer.random(4)
        with stream(key, 0, "inner") as inner:
            assert inner is not outer
            assert np.array_equal(inner.random(8), inner_alone)
        assert np.array_equal(np.concatenate([first, outer.random(4)]), outer_alone)


def test_threads_and_errors_leave_the_pool_sound():
    key = key_of(0, "a")
    expected = [draws(key, step, "x").tolist() for step in range(200)]
    with pytest.raises(RuntimeError), stream(key, 0, "x"):
        raise RuntimeError
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda step: draws(key, step, "x").tolist(), range(200))) == expected


def test_same_in_another_process_with_other_hash_seed():
    code = "from noise_scheduler.rng import *\nwith stream(key_of(7, 'é'), 3, 'slot') as rng:"
    code += "print(rng.bit_generator.random_raw())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    with stream(key_of(7, "é"), 3, "slot") as rng:
        assert outputs == {f"{rng.bit_generator.random_raw()}\n".encode()}


def test_unit_is_exact():
    assert unit(0) == 0
    assert unit(2**64 - 1) == 1 - 2**-53


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, True, None])
def test_bad_seed(seed):
    with pytest.raises(ValueError, match="seed"):
        key_of(seed, "a")


@pytest.mark.parametrize("sample_id", [None, 1.0, b"a", ("a",), True])
def test_bad_id(sample_id):
    with pytest.raises(TypeError, match="sample id"):
        key_of(0, sample_id)
