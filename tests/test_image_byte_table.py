import numpy as np
import pytest

from noise_scheduler.image import byte_table


@pytest.fixture(params=["stringzilla", "opencv"])
def back_end(request, monkeypatch):
    if request.param == "stringzilla":
        pytest.importorskip("stringzilla")
    else:
        monkeypatch.setattr(byte_table, "_stringzilla", lambda: None)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 3), (7, 5, 3), (3, 200, 1), (2, 6, 4, 3), (2, 6, 4, 1)])
@pytest.mark.usefixtures("back_end")
def test_one_table_for_all_channels(shape):
    rng = np.random.default_rng(0)
    frame, table = rng.integers(0, 256, shape, np.uint8), rng.integers(0, 256, 256, np.uint8)
    table.setflags(write=False)
    clean, out = frame.copy(), np.empty_like(frame)
    byte_table.map_greys(frame, table, out)
    assert (out == table[frame]).all()
    assert (frame == clean).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 3), (7, 5, 3), (1, 200, 3), (64, 64, 1)])
@pytest.mark.usefixtures("back_end")
def test_a_table_for_each_channel(shape):
    rng = np.random.default_rng(1)
    frame, table = rng.integers(0, 256, shape, np.uint8), rng.integers(0, 256, (256, shape[2]), np.uint8)
    clean, out = frame.copy(), np.empty_like(frame)
    byte_table.map_greys(frame, table, out)
    expected = np.stack([table[frame[..., channel], channel] for channel in range(shape[2])], -1)
    assert (out == expected).all()
    assert (frame == clean).all()
