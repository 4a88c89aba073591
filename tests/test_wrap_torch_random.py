import pytest
import torch

from noise_scheduler.rng import key_of, stream
from noise_scheduler.wrap.torch_random import drawing_from


def test_every_way_to_draw_is_redirected():
    x = torch.full((50,), 0.5)
    draws = [
        lambda: torch.rand(50), lambda: torch.randn(50), lambda: torch.randint(99, (50,)), lambda: torch.randperm(50),
        lambda: torch.rand_like(x), lambda: torch.randn_like(x), lambda: torch.randint_like(x, 99),
        lambda: torch.randint(9, 99, (50,)), lambda: torch.randint_like(x, 9, 99), lambda: torch.bernoulli(x),
        lambda: torch.empty(50).uniform_(), lambda: torch.empty(50).normal_(), lambda: torch.empty(50).exponential_(),
        lambda: torch.multinomial(x, 20), lambda: torch.poisson(9 * x), lambda: torch.normal(0.0, 1.0, (50,)),
        lambda: torch.normal(x, x), lambda: torch.rand(50, generator=torch.Generator().manual_seed(1)),
        lambda: torch.distributions.Beta(x, x).sample(), lambda: torch.distributions.Normal(x, x).sample(),
    ]  # fmt: skip
    before = torch.get_rng_state()
    for draw in draws:
        results = []
        for seed in (1, 1, 2):
            with stream(key_of(seed, 0), 0, "test") as rng, drawing_from(rng):
                results.append(draw())
        assert torch.equal(results[0], results[1])
        assert not torch.equal(results[0], results[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_an_operation_that_takes_no_generator_is_refused():
    with (
        stream(key_of(1, 0), 0, "test") as rng,
        drawing_from(rng),
        pytest.raises(RuntimeError, match=r"native_dropout.* cannot be wrapped"),
    ):
        torch.native_dropout(torch.ones(4), 0.5, True)
