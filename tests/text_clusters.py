"""Texts of many scripts, put together from single grapheme clusters."""

from hypothesis import strategies as st

CLUSTERS = [
    *"aZeIß.,!?'-’ \n\t7", "\r\n", "é", "e\u0301", "o\u0308\u0323", "и\u0306", "你", "한", "\u1112\u1161\u11ab",
    "שׁ", "مَ", "ก็", "क्षि", "நி", "👩‍👩‍👧", "👍🏽", "🇩🇪", "🇫🇷",
    "1\ufe0f\u20e3", "❤\ufe0f", "🏴\U000e0067\U000e0062\U000e007f",
]  # fmt: skip

TEXTS = st.lists(st.sampled_from(CLUSTERS), max_size=30).map("".join)
