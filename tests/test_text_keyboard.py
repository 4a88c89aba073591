import json
import subprocess
import sys
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from noise_scheduler.extras import MissingExtraError
from noise_scheduler.text import keyboard
from noise_scheduler.text.keyboard import Keyboard, neighbours

SENTENCE = "I can't believe that you really drove ALL the way out here, just to see us again!"
LAYOUTS = ("de", "en", "es", "fr", "he", "it", "nl", "pl", "th", "tr", "uk")


def typed(text: str, rate: float, seed: int = 0, layout: str = "en") -> str:
    rng = np.random.Generator(np.random.Philox(seed))
    return Keyboard((0.0, rate), layout)(text, 1.0, rng)[0]


def test_share_of_mistyped_letters_is_the_declared_rate():
    text = "the quick brown fox jumps over the lazy dog " * 400
    letters = sum(map(str.isalpha, text))
    for rate in (0.05, 0.3, 1.0):
        changed = sum(a != b for a, b in zip(text, typed(text, rate), strict=True))
        assert changed / letters == pytest.approx(rate, abs=0.015)


def test_only_neighbouring_keys_are_struck():
    """Against nlpaug's own file, read from either side."""
    file = Path(find_spec("nlpaug").origin).parent / "res/char/keyboard/en.json"
    raw = json.loads(file.read_text(encoding="utf-8"))
    for a, b in zip(SENTENCE * 20, typed(SENTENCE * 20, 0.7), strict=True):
        if a != b:
            assert b.lower() in raw[a.lower()] or a.lower() in raw[b.lower()]


def test_white_space_punctuation_and_other_scripts_survive():
    text = " naïve  Ünïcode —\t你好 👩‍👩‍👧 שלום 'quoted' don’t\n"
    for seed in range(20):
        for a, b in zip(text, typed(text, 1.0, seed), strict=True):
            assert a == b or (a.isascii() and a.isalpha() and b.isalnum())


def test_case_is_kept():
    text = "SHOUT and whisper " * 20
    for a, b in zip(text, typed(text, 1.0), strict=True):
        if b.isalpha():
            assert a.isupper() == b.isupper()


def test_reported_cer_is_the_share_of_replaced_characters():
    noisy, achieved = Keyboard((0.0, 0.5))(SENTENCE, 1.0, np.random.Generator(np.random.Philox(4)))
    assert achieved["cer"] == sum(a != b for a, b in zip(SENTENCE, noisy, strict=True)) / len(SENTENCE)
    assert Keyboard()("", 1.0, np.random.Generator(np.random.Philox(4))) == ("", {"cer": 0.0})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_tables_are_clean(layout):
    table = neighbours(layout)
    turkish = str.maketrans("Iİ", "ıi") if layout == "tr" else {}
    for key, keys in table.items():
        assert len(key) == 1
        assert key not in keys
        assert len(set(keys)) == len(keys)
        for other in keys:
            assert unicodedata.category(other)[0] in "LN"
            assert key.translate(turkish).lower() in table[other.translate(turkish).lower()]
    assert sum(len(keys) for keys in table.values()) / len(table) > 3


def test_layouts_differ():
    assert "y" in neighbours("de")["a"]
    assert "z" in neighbours("en")["a"]
    assert typed("шкода", 1.0, layout="uk") != "шкода"


def test_unknown_layout_lists_what_there_is():
    with pytest.raises(ValueError, match="'dvorak'; nlpaug has de, en, es"):
        typed("word", 0.5, layout="dvorak")


def test_missing_nlpaug_names_the_extra(monkeypatch):
    monkeypatch.setattr(keyboard.importlib.util, "find_spec", lambda name: None)
    neighbours.cache_clear()
    with pytest.raises(MissingExtraError, match=r"noise-scheduler\[text\]"):
        typed("word", 0.5)


def test_heavy_imports_of_nlpaug_are_avoided():
    code = (
        "import sys, noise_scheduler.contract as c; c.corrupt('some words', 'text/keyboard', level=1);"
        "sys.exit(bool({'pandas', 'torch', 'scipy', 'cv2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_bad_range_is_refused():
    with pytest.raises(ValueError, match="error_rate_range"):
        Keyboard((0.0, 1.5))
