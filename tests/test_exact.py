import hashlib
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from noise_scheduler import exact

RANDOM = random.Random(0)
NEAR_ONE = [1 + RANDOM.uniform(-1e-6, 1e-6) for _ in range(500)]


def ulps(got, true):
    return abs(got - true) / math.ulp(true)


def sine_squared(share):
    if share > 0.5:
        return 1 - sine_squared(1 - share)
    return math.sin(math.pi / 2 * share) ** 2


@pytest.mark.parametrize(
    ("function", "true", "points"),
    [
        (exact.exp, math.exp, [RANDOM.uniform(-700, 700) for _ in range(4000)]),
        (exact.exp, math.exp, [RANDOM.uniform(-1, 1) for _ in range(2000)]),
        (exact.log, math.log, [math.ldexp(RANDOM.uniform(0.5, 1), RANDOM.randint(-1070, 1023)) for _ in range(4000)]),
        (exact.log, math.log, [RANDOM.uniform(0.3, 3) for _ in range(2000)] + NEAR_ONE),
        (exact.half_cosine, sine_squared, [RANDOM.random() for _ in range(4000)]),
        (exact.half_cosine, sine_squared, [RANDOM.random() * 1e-6 for _ in range(500)]),
        (exact.half_cosine, sine_squared, [1 - RANDOM.random() * 1e-6 for _ in range(500)]),
    ],
)
def test_within_a_few_units_in_the_last_place(function, true, points):
    assert max(ulps(function(x), true(x)) for x in points) < 6  # 4, and what the reference itself is off by


def test_fixed_points():
    assert [exact.exp(0), exact.log(1), exact.half_cosine(0), exact.half_cosine(1)] == [1, 0, 0, 1]
    assert exact.half_cosine(0.5) == pytest.approx(0.5, abs=1e-15)
    assert exact.exp(-1000) == 0
    for n in range(-1074, 1024, 7):
        assert exact.log(2.0**n) == pytest.approx(n * math.log(2), rel=1e-15)


def test_power_keeps_the_digits_that_its_logarithm_leaves():
    for _ in range(4000):
        base, exponent = RANDOM.uniform(0.001, 10), RANDOM.uniform(0.01, 100)
        true = base**exponent
        assert exact.power(base, exponent) == pytest.approx(true, rel=4e-16 * (4 + abs(math.log(true))))
    assert exact.power(0, 0.01) == 0
    assert all(exact.power(1.0, exponent) == 1 for exponent in (0.01, 1 / 3, 2, 100))


@settings(deadline=None)
@given(st.lists(st.floats(-700, 700), min_size=1, max_size=50))
def test_exp_of_an_array_is_exp_bit_for_bit(points):
    assert exact._exp_array(np.array(points)).tolist() == [exact.exp(x) for x in points]


def test_exp_of_a_large_array_is_exp_bit_for_bit():
    """Long enough for every vector width."""
    points = np.random.default_rng(0).uniform(-700, 700, 4099)
    assert exact._exp_array(points).tolist() == [exact.exp(x) for x in points.tolist()]


def test_the_bits_are_those_of_every_machine():
    grid = [k / 997 for k in range(1, 998)]
    values = [f(x) for f in (exact.exp, exact.log, exact.half_cosine) for x in grid]
    values += [exact.exp(700 * (2 * x - 1)) for x in grid] + [exact.log(x * 1e-300) for x in grid]
    values += [exact.power(x, 3.7) for x in grid]
    nodes = np.arange(101) / 100
    cumulative, _ = exact.quantile_table(nodes, nodes, -30 * (nodes - 0.3) ** 2)
    digest = hashlib.blake2b(np.array(values + cumulative, "<f8").tobytes(), digest_size=8).hexdigest()
    assert digest == "31cc86b4207d076a"


def test_table_of_a_flat_density_is_a_straight_line():
    nodes = np.linspace(2, 4, 9)
    table = exact.quantile_table(nodes, nodes, np.full(9, -1e5))
    assert table[0][0] == 0
    assert table[0][-1] == 1
    for u in (0, 0.1, 0.125, 0.5, 0.99, 1 - 2**-53):
        assert exact.quantile(table, u) == pytest.approx(2 + 2 * u)


def test_table_of_a_normal_density():
    nodes = np.linspace(-8, 8, 2001)
    table = exact.quantile_table(nodes, nodes, -(nodes**2) / 2)
    for u in (1e-6, 0.01, 0.3, 0.5, 0.9, 0.999):
        assert exact.quantile(table, u) == pytest.approx(stats.norm.ppf(u), abs=1e-4)


def test_nodes_without_mass_are_passed_over():
    nodes = np.array([0.0, 1.0, 2.0, 3.0])
    table = exact.quantile_table(nodes, nodes, np.array([-1e6, -1e6, 0.0, 0.0]))
    assert 1 <= exact.quantile(table, 1e-9) < exact.quantile(table, 0.5) < exact.quantile(table, 1 - 2**-53) <= 3
