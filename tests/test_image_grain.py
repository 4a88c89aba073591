import numpy as np
import pytest

from noise_scheduler.image import grain


def bit_stream(seed):
    return np.random.Generator(np.random.Philox(seed))


@pytest.mark.parametrize("entries", [4096, 65536])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("by_opencv", [True, False])
def test_tables_are_looked_up_alike_by_any_opencv(entries, dtype, by_opencv, monkeypatch):
    if not by_opencv:
        monkeypatch.setattr(grain, "_opencv_looks_up", lambda: False)
    rng = np.random.default_rng(0)
    table = rng.integers(0, 255, entries).astype(dtype)
    for shape in ((1,), (4,), (3, 5, 3), (70000,)):
        index = rng.integers(0, entries, shape, dtype=np.uint16)
        out = np.empty(shape, dtype)
        np.testing.assert_array_equal(grain.look_up(index, table), table[index])
        assert grain.look_up(index, table, out=out) is out
        np.testing.assert_array_equal(out, table[index])


def test_pairs_of_bytes():
    high, low = np.random.default_rng(0).integers(0, 256, (2, 1001), dtype=np.uint8)
    np.testing.assert_array_equal(grain.paired(high, low), 256 * high.astype(int) + low)


def test_codes_are_the_normals_rounded():
    normals = grain.table_normals(bit_stream(0), 200_001)
    rounded = grain.code_normals()[grain.normal_codes(bit_stream(0), 200_001)]
    assert np.abs(rounded - normals).max() <= 0.5 / 28 + 1e-6
    assert rounded.var() == pytest.approx(1, abs=0.01)
    assert grain.code_normals()[128] == 0


def test_bytes_are_uniform_and_of_their_stream():
    drawn = grain.random_bytes(bit_stream(0), 256_003)
    assert drawn.shape == (256_003,)
    assert np.bincount(drawn, minlength=256).std() < 1.3 * 1000**0.5
    np.testing.assert_array_equal(drawn, grain.random_bytes(bit_stream(0), 256_003))
    again = bit_stream(0)
    grain.random_bytes(again, 8)
    assert (grain.random_bytes(again, 256_003) == drawn).mean() < 0.01
