import random
import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import pytest
from wrapped import global_states

from noise_scheduler.rng import key_of, stream
from noise_scheduler.wrap.global_random import PythonRandom, drawing_from, redirect

SOURCE = """
import random
import random as rnd
import numpy
import numpy as np
from numpy import random as npr
from numpy.random import default_rng, normal
from random import choices, getrandbits, uniform
DRAWS = {
    "random.random": lambda: random.random(),
    "random.gauss": lambda: rnd.gauss(0, 1),
    "random.sample": lambda: random.sample(range(99), 5),
    "random.shuffle": lambda: random.shuffle(x := list(range(50))) or x,
    "from random import uniform": lambda: uniform(0, 1),
    "from random import choices": lambda: choices(range(99), k=9),
    "from random import getrandbits": lambda: getrandbits(100),
    "np.random.normal": lambda: np.random.normal(size=3).tolist(),
    "np.random.rand": lambda: numpy.random.rand(2, 3).tolist(),
    "np.random.choice": lambda: np.random.choice(99, 4).tolist(),
    "from numpy import random": lambda: npr.randint(0, 99, 7).tolist(),
    "from numpy.random import normal": lambda: normal(),
    "np.random.default_rng": lambda: np.random.default_rng().random(),
    "from numpy.random import default_rng": lambda: default_rng().random(),
}
"""


@pytest.fixture
def module(monkeypatch):
    made = ModuleType("drawing_module")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(SOURCE, vars(made))
    redirect([made.__name__])
    return made


def drawn(draw, seed):
    with stream(key_of(seed, 0), 0, "test") as rng, drawing_from(rng):
        return draw()


def test_every_way_to_draw_is_redirected(module):
    before = global_states()
    for way, draw in module.DRAWS.items():
        assert drawn(draw, 1) == drawn(draw, 1) != drawn(draw, 2), way
    assert global_states() == before


def test_outside_a_block_the_global_generators_are_used(module):
    for way, draw in module.DRAWS.items():
        if "default_rng" in way:
            continue
        results = []
        for draws in (draw, draw):
            random.seed(5)
            np.random.seed(5)  # noqa: NPY002
            results.append(draws())
        assert results[0] == results[1], way
    random.seed(5)
    assert module.DRAWS["random.random"]() == random.Random(5).random()
    assert module.np.linalg is np.linalg
    assert module.np.random.Generator is np.random.Generator
    assert module.random.Random is random.Random


def test_seeding_within_a_block_seeds_nothing(module):
    def seed_and_draw():
        module.random.seed(7)
        module.np.random.seed(7)
        return module.random.random(), module.np.random.rand()

    before = global_states()
    assert drawn(seed_and_draw, 1) != drawn(seed_and_draw, 2)
    assert global_states() == before


def test_the_end_of_a_block_restores_the_one_around_it(module):
    draw = module.DRAWS["random.random"]

    def around():
        first = draw()
        inner = drawn(draw, 2)
        with pytest.raises(ZeroDivisionError):
            drawn(lambda: 1 / 0, 3)
        return first, inner, draw()

    first, inner, second = drawn(around, 1)
    assert inner == drawn(draw, 2)
    assert (first, second) == drawn(lambda: (draw(), draw()), 1)


def test_threads_have_their_own(module):
    def all_draws():
        return [draw() for _ in range(20) for draw in module.DRAWS.values()]

    alone = [drawn(all_draws, seed) for seed in range(6)]
    random.seed(5)
    expected = [random.random() for _ in range(3000)]
    random.seed(5)
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(drawn, all_draws, seed % 6) for seed in range(60)]
        beside = [module.DRAWS["random.random"]() for _ in range(3000)]
        together = [job.result() for job in jobs]
    assert beside == expected
    assert together == alone * 10


def test_pythons_generator_draws_from_the_stream():
    python = PythonRandom()
    drawn = []
    for seed in (1, 1, 2):
        with stream(key_of(seed, 0), 0, "test") as rng:
            python.draw_from(rng)
            drawn.append(
                (python.gauss(0, 1), python.sample(range(99), 5), python.getrandbits(100), python.uniform(1, 2))
            )
    assert drawn[0] == drawn[1] != drawn[2]
    with stream(key_of(3, 0), 0, "test") as rng:
        python.draw_from(rng)
        for bits in (0, 1, 31, 64, 65, 128):
            assert all(0 <= python.getrandbits(bits) < 1 << bits for _ in range(50))
        assert {python.randint(1, 6) for _ in range(200)} == set(range(1, 7))
        assert np.mean([python.getrandbits(10) for _ in range(4000)]) == pytest.approx(511.5, abs=20)
