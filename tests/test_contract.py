"""Every registered noise keeps the contract; and the contract test catches noises that do not."""

import dataclasses
import random
import sys

import numpy as np
import pytest

import noise_scheduler as ns
from noise_scheduler import registry
from noise_scheduler.testing import check_noise


@pytest.mark.parametrize("name", ns.names())
def test_contract(name):
    check_noise(name)


def bad_noise(call, **fields):
    namespace = {"__call__": call, "__doc__": "A noise that breaks a rule."}
    return dataclasses.make_dataclass("Bad", fields.items(), namespace=namespace, frozen=True, slots=True)


def mutates(self, x, level, rng):
    x += level
    return x


def global_draw(self, x, level, rng):
    return x + np.float32(level * random.random())


def impure(self, x, level, rng, count=[0]):  # noqa: B006
    count[0] += 1
    return x + np.float32(level * count[0])


def wrong_dtype(self, x, level, rng):
    return (x + level).astype(np.float64)


def falling(self, x, level, rng):
    return x + np.float32(1.5 - level)


def nothing(self, x, level, rng):
    return x.copy()


def not_finite(self, x, level, rng):
    return np.where(level > 0.9, np.float32(np.nan), x + np.float32(level))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (mutates, "read-only"),
        (global_draw, "global generator|pure function"),
        (impure, "pure function"),
        (wrong_dtype, "must be kept"),
        (falling, "does not rise"),
        (nothing, "does nothing"),
        (not_finite, "non-finite"),
    ],
)
def test_the_contract_test_catches(call, message, monkeypatch):
    ns.names()
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.setattr(registry, "_names", dict(registry._names))
    bad = bad_noise(call)
    monkeypatch.setattr("test_contract.Bad", bad, raising=False)
    bad.__module__ = "test_contract"
    ns.register("feature/bad")(bad)
    with pytest.raises((AssertionError, ValueError, ns.ContractError), match=message):
        check_noise("feature/bad")


@pytest.mark.parametrize("keeps_waveform", [True, False])
def test_a_noise_that_changes_the_waveform_is_judged_by_its_severity(keeps_waveform, monkeypatch):
    """Upside down, ever softer and noisier: what is heard gets worse, while the samples come nearer to the wave."""
    ns.names()
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.setattr(registry, "_names", dict(registry._names))

    def softer_upside_down(self, x, level, rng, *, sample_rate):
        hiss = np.float32(0.01 * level) * rng.standard_normal(x.shape, dtype=np.float32)
        return np.float32(0.5 * level - 1) * x + hiss

    noise = bad_noise(softer_upside_down)
    noise.keeps_waveform = keeps_waveform
    monkeypatch.setattr("test_contract.Bad", noise, raising=False)
    noise.__module__ = "test_contract"
    ns.register("audio/upside_down")(noise)
    if keeps_waveform:
        with pytest.raises(AssertionError, match="does not rise"):
            check_noise("audio/upside_down")
    else:
        check_noise("audio/upside_down")


def test_undocumented_field_is_caught(monkeypatch):
    ns.names()
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.setattr(registry, "_names", dict(registry._names))

    @ns.register("feature/bad")
    @dataclasses.dataclass(frozen=True, slots=True)
    class Undocumented:
        """Adds something."""

        amount: float = 1.0

        def __call__(self, x, level, rng):
            return x + np.float32(level * self.amount)

    with pytest.raises(AssertionError, match="amount has no documentation"):
        check_noise("feature/bad")


def test_a_noise_without_a_source_file_needs_no_strings_under_its_fields(monkeypatch):
    """As one that is typed into a prompt, where nobody can read them."""
    typed = """
import dataclasses
@dataclasses.dataclass(frozen=True, slots=True)
class Typed:
    "Add noise of a width."
    amount: float = 1.0
    def __call__(self, x, level, rng):
        return x + (level * self.amount * rng.standard_normal(x.shape)).astype(x.dtype)
"""
    names = {"__name__": __name__}
    exec(typed, names)
    monkeypatch.setattr(sys.modules[__name__], "Typed", names["Typed"], raising=False)  # it is pickled by its name
    ns.names()
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.setattr(registry, "_names", dict(registry._names))
    ns.register("feature/typed")(names["Typed"])
    check_noise("feature/typed")
