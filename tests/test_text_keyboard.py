import json
import subprocess
import sys
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from noise_scheduler.text.keyboard import LAYOUTS, Keyboard, neighbours

SENTENCE = "I can't believe that you really drove ALL the way out here, just to see us again!"


def typed(text: str, rate: float, seed: int = 0, layout: str = "qwerty") -> str:
    rng = np.random.Generator(np.random.Philox(seed))
    return Keyboard((0.0, rate), layout)(text, 1.0, rng)[0]


def test_share_of_mistyped_letters_is_the_declared_rate():
    text = "the quick brown fox jumps over the lazy dog " * 400
    letters = sum(map(str.isalpha, text))
    for rate in (0.05, 0.3, 1.0):
        changed = sum(a != b for a, b in zip(text, typed(text, rate), strict=True))
        assert changed / letters == pytest.approx(rate, abs=0.015)


@pytest.mark.parametrize("language", ["en", "fr", "es", "nl", "tr"])
def test_neighbours_are_those_that_others_have_written_down(language):
    """Against nlpaug's files, written by hand and read from either side."""
    file = Path(find_spec("nlpaug").origin).parent / f"res/char/keyboard/{language}.json"
    raw = json.loads(file.read_text(encoding="utf-8"))
    pairs = {(a.lower(), b.lower()) for a, others in raw.items() for b in others if a.isalpha() and b.isalpha()}
    pairs |= {(b, a) for a, b in pairs}
    ours = {(a, b) for a, others in neighbours(language).items() for b in others if a.islower() and b.islower()}
    assert len(ours & pairs) / len(ours) > 0.95


def test_neighbours_touch():
    near = neighbours("qwerty")
    assert set(near["g"]) == set("tyfhvb")
    assert set(near["q"]) == set("12wa")
    assert set(near["p"]) == set("0ol")
    assert set(near["G"]) == set("TYFHVB")
    assert set(near["Q"]) == set("WA")
    assert set(near["1"]) == set("2q")


def test_layouts_differ():
    assert "z" in neighbours("qwertz")["t"]
    assert "y" in neighbours("qwerty")["t"]
    assert "q" in neighbours("azerty")["s"]
    assert "é" in neighbours("azerty")["a"]
    assert set(neighbours("azerty")["2"]) == set("13AZ")
    assert "i" in neighbours("dvorak")["u"]
    assert "İ" in neighbours("tr")["Ş"]
    assert typed("шкода", 1.0, layout="uk") != "шкода"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_tables_are_clean(layout):
    table = neighbours(layout)
    for key, keys in table.items():
        assert len(key) == 1
        assert key not in keys
        assert len(set(keys)) == len(keys) <= 6
        for other in keys:
            assert unicodedata.category(other)[0] in "LN"
            assert key in table[other]
    assert sum(len(keys) for keys in table.values()) / len(table) > 3
    rows = LAYOUTS[layout]
    assert len(set("".join(rows))) == sum(map(len, rows))


@pytest.mark.parametrize("layout", ["qwerty", "qwertz", "azerty", "dvorak", "colemak", "es", "it", "pt", "sv", "tr"])
def test_latin_layouts_have_the_alphabet(layout):
    assert set("abcdefghijklmnopqrstuvwxyz0123456789") <= set(neighbours(layout))


def test_white_space_punctuation_and_other_scripts_survive():
    text = " naïve  Ünïcode —\t你好 👩‍👩‍👧 שלום 'quoted' don’t\n"
    for seed in range(20):
        for a, b in zip(text, typed(text, 1.0, seed), strict=True):
            assert a == b or (a.isascii() and a.isalpha() and b.isalnum())


def test_letters_with_combining_marks_are_not_struck():
    assert typed("e\u0301e", 1.0)[:2] == "e\u0301"
    assert typed("и\u0306и", 1.0, layout="ru")[:2] == "и\u0306"


def test_case_is_kept():
    text = "SHOUT and whisper " * 20
    for a, b in zip(text, typed(text, 1.0), strict=True):
        if b.isalpha():
            assert a.isupper() == b.isupper()


def test_reported_cer_is_the_share_of_replaced_characters():
    noisy, achieved = Keyboard((0.0, 0.5))(SENTENCE, 1.0, np.random.Generator(np.random.Philox(4)))
    assert achieved["cer"] == sum(a != b for a, b in zip(SENTENCE, noisy, strict=True)) / len(SENTENCE)
    assert Keyboard()("", 1.0, np.random.Generator(np.random.Philox(4))) == ("", {"cer": 0.0})


def test_unknown_layout_lists_what_there_is():
    with pytest.raises(ValueError, match=r"layout: no keyboard is called 'qwert'; did you mean .*'qwerty'"):
        Keyboard(layout="qwert")


def test_nothing_but_numpy_is_imported():
    code = (
        "import sys, noise_scheduler.contract as c; c.corrupt('some words', 'text/keyboard', level=1);"
        "sys.exit(bool({'nlpaug', 'pandas', 'torch', 'scipy', 'cv2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_bad_range_is_refused():
    with pytest.raises(ValueError, match="error_rate_range"):
        Keyboard((0.0, 1.5))
