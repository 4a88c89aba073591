"""Whatever is given for a field of a noise of sound, it is taken as it is documented or refused by its name."""

import dataclasses
import math

import pytest

from noise_scheduler import registry

FIELDS = [
    (name, field.name)
    for name in registry.names("audio/*")
    for field in dataclasses.fields(type(registry.build(name)))
    if field.name != "folder"
]
NONSENSE = [math.nan, math.inf, -math.inf, -1e9, 10**400, "x", b"x", None, (1, 2, -1000), ("a", "b"), [1, 2], {}]
NONSENSE += [(math.nan, 1.0), (1.0, math.inf), (True, True), (False, True), (1 + 2j, 3)]


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_nonsense_is_refused_by_name(name, field):
    default = getattr(registry.build(name), field)
    flag = isinstance(default, bool)
    for value in [*NONSENSE, *([] if flag else [True, False]), *([1, 0] if flag else [])]:
        with pytest.raises(ValueError, match=field):
            type(registry.build(name))(**{field: value})


@pytest.mark.parametrize("number", [1, 1.0, 100, 0.5])
def test_numbers_of_either_kind_are_taken(number):
    assert registry.build("audio/dropouts", mean_gap_ms=number).mean_gap_ms == number


def test_bounds_that_are_open_and_closed():
    with pytest.raises(ValueError, match=r"^mean_gap_ms must be a number in \(0, 60000\] ms, not 0$"):
        registry.build("audio/dropouts", mean_gap_ms=0)
    assert registry.build("audio/dropouts", mean_gap_ms=60000).mean_gap_ms == 60000
    with pytest.raises(ValueError, match=r"^talkers must be a whole number in \[1, 100\], not 2.0$"):
        registry.build("audio/babble", talkers=2.0)
    assert registry.build("audio/wind", turbulence_intensity=0).turbulence_intensity == 0
