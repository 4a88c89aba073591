import numpy as np
import pytest

import noise_scheduler as ns
from noise_scheduler.distribution import draw_at
from noise_scheduler.schedule import bounds

U = np.arange(1000) / 1000

# (lowest, highest) level at 0, 30 and 60 … 100 % of the training
WINDOWS = {
    "easy_to_hard": [(0.0, 0.4), (0.3, 0.7), (0.6, 1.0)],
    "hard_to_easy": [(0.6, 1.0), (0.3, 0.7), (0.0, 0.4)],
    "accordion": [(0.8, 1.0), (0.4, 1.0), (0.0, 1.0)],
}


def window(level, step):
    draw = draw_at(level, ns.Clock(step, 10, 100))
    return draw(0.0), draw(1 - 2**-53)


@pytest.mark.parametrize("name", WINDOWS)
def test_the_window_at_the_beginning_in_the_middle_and_at_the_end(name):
    level = getattr(ns, name)()
    begin, middle, end = map(pytest.approx, WINDOWS[name])
    assert [window(level, step) for step in (0, 30, 60, 99, 500)] == [begin, middle, end, end, end]
    draw = draw_at(level, ns.Clock(30, 10, 100))
    low, high = WINDOWS[name][1]
    assert [draw(u) for u in U.tolist()] == pytest.approx(low + (high - low) * U), "uniform within"
    assert bounds(level) == (0, 1)


@pytest.mark.parametrize("name", WINDOWS)
def test_times_and_width(name):
    level = getattr(ns, name)(width=0.1, since="2ep", until=60)
    assert window(level, 0) == window(level, 20)
    assert window(level, 20) != window(level, 21)
    assert window(level, 59) != window(level, 60)
    assert window(level, 60) == window(level, 99)
    low, high = window(level, 0)
    assert high - low == pytest.approx(0.1)


@pytest.mark.parametrize("name", WINDOWS)
def test_by_the_name_of_its_kind(name, tmp_path):
    file = tmp_path / "noise.toml"
    table = f'{{kind = "{name}", width = 0.3, since = "1ep", until = "90%"}}'
    file.write_text(f'total_steps = 100\nsteps_per_epoch = 10\nlevel = {table}\n[noises]\ntext = "text/word_loss"\n')
    level = getattr(ns, name)(width=0.3, since="1ep", until="90%")
    made = ns.NoiseScheduler({"text": "text/word_loss"}, level=level, total_steps=100, steps_per_epoch=10)
    assert ns.NoiseScheduler.from_toml(file) == made
    assert ns.NoiseScheduler.from_toml(file).digest == made.digest
    plain = {"noises": {"text": "text/word_loss"}, "level": {"kind": name}}
    assert ns.NoiseScheduler.from_dict(plain).level == getattr(ns, name)()


@pytest.mark.parametrize("name", WINDOWS)
def test_plans_lie_in_the_window(name):
    scheduler = ns.NoiseScheduler(
        {"text": "text/word_loss"}, level=getattr(ns, name)(), condition=ns.fixed("text"), total_steps=100
    )
    for step, (low, high) in zip((0, 30, 60), WINDOWS[name], strict=True):
        levels = [scheduler.plan(i, step).level("text") for i in range(300)]
        assert low <= min(levels) < low + 0.02
        assert high - 0.02 < max(levels) <= high


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("width", [-0.1, 1.1, float("nan"), "0.3", None, True, ns.linear(0, 1)])
def test_bad_width(name, width):
    with pytest.raises(ValueError, match="width must be a number in"):
        getattr(ns, name)(width=width)


@pytest.mark.parametrize("name", WINDOWS)
def test_extreme_widths(name):
    assert {draw_at(getattr(ns, name)(width=1), ns.Clock(step, 10, 100))(0.25) for step in (0, 30, 99)} == {0.25}
    narrow = getattr(ns, name)(width=0)
    assert window(narrow, 0) == {"easy_to_hard": (0, 0), "hard_to_easy": (1, 1), "accordion": (1, 1)}[name]
