"""The catalogue of noises says what registry and profiles say; its pictures are there."""

import html
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

import noise_scheduler as ns
from docs import make_noises, sounds, strips
from docs.differences import marked
from noise_scheduler import calibration, registry

PAGE = make_noises.PAGE.read_text(encoding="utf-8")


def test_page_is_up_to_date():
    wrong = make_noises.stale(PAGE)
    assert not wrong, f"docs/noises.md is out of date ({', '.join(wrong)}): run make docs"


def test_every_noise_has_an_entry_and_every_link_a_target():
    names = [n for n in ns.names() if type(ns.build(n)).__module__.startswith("noise_scheduler.")]
    headings = re.findall(r"^#### (\S+)$", PAGE, re.MULTILINE)
    assert sorted(headings) == names
    anchors = {re.sub(r"[^a-z0-9_-]", "", heading) for heading in headings}  # as GitHub makes them
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) == anchors


def test_pictures_and_sounds_are_those_of_the_page_and_small():
    shown = set(re.findall(r"\]\(noises/([^)]+)\)", PAGE))
    sizes = {file.name: file.stat().st_size for file in Path(make_noises.EXAMPLES).iterdir()}
    assert set(sizes) == shown, "run make docs"
    assert all(size <= 30_000 for size in sizes.values())
    assert sum(size for name, size in sizes.items() if name.endswith(".webp")) < 2.5e6
    visible = {name.replace("/", "_") for name in make_noises.names() if not name.startswith("text/")}
    assert {name for name in shown if name.endswith(".webp")} == {
        *(f"{stem}.webp" for stem in visible),
        make_noises.CLEAN_CLIP,
    }
    for name in make_noises.names("audio"):
        levels = strips.LEVELS[1:] if make_noises.graded(name) else [1]
        assert {f"{name.replace('/', '_')}_{level:g}.ogg" for level in levels} <= shown


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("#### image/defocus\n", "#### image/defocused\n", ["image/defocus", "image/defocused"]),
        ("(the circle of confusion)", "(a circle)", ["image/defocus"]),
        ("radius_range = (0.0015, ", "radius_range = (0.0016, ", ["image/defocus"]),
        ("photos@", "holidays@", ["the profiles"]),
    ],
)
def test_a_change_is_noticed(old, new, wrong):
    assert old in PAGE
    assert make_noises.stale(PAGE.replace(old, new)) == wrong


def test_another_severity_is_noticed():
    row = make_noises.row_start("image/defocus", "photos")
    entry = PAGE.index("#### image/defocus\n")
    changed = PAGE[:entry] + PAGE[entry:].replace(row, row.replace("±", "+"), 1)
    assert make_noises.stale(changed) == ["image/defocus"]


def test_entry_is_reproducible_and_holds_the_figures():
    """The table's quantity is what the noise reports at the profile's place on the path."""
    name, profile = "image/gaussian_noise", "faces"
    text = make_noises.entry(name, ["x.webp"])
    assert text == make_noises.entry(name, ["x.webp"])
    mild, extreme = registry.build(name).sigma_range
    positions = [calibration.profile_of(profile).curves[name].position(level) for level in strips.LEVELS[1:]]
    cells = re.search(rf"^\| {profile} \| .* `sigma` \| (.*) \|$", text, re.MULTILINE)[1].split(" | ")
    np.testing.assert_allclose([float(c) for c in cells], [mild * (extreme / mild) ** p for p in positions], rtol=0.01)


def test_strip_shows_the_levels():
    strip = strips.strip_of("image/gaussian_blur")
    side = strips.SIDE
    tiles = [strip[:, start : start + side] for start in range(0, strip.shape[1], side + 4)]
    assert len(tiles) == len(strips.LEVELS)
    np.testing.assert_array_equal(tiles[0], strips.picture(side))
    sharpness = [cv2.Laplacian(tile, cv2.CV_64F).var() for tile in tiles]
    assert sharpness == sorted(sharpness, reverse=True)
    decoded = cv2.imdecode(np.frombuffer(strips.webp(strip), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(decoded.astype(float) - strip).mean() < 8


def test_spectrogram_finds_a_tone():
    wave = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    bands = strips.log_mel(wave, 16000.0, 160).mean(0)
    mel = 2595 * np.log10(1 + np.array([1000, 8000]) / 700)
    assert abs(bands.argmax() + 1 - 65 * mel[0] / mel[1]) <= 1


def test_sounds_are_written_linked_and_worth_hearing(tmp_path, monkeypatch):
    monkeypatch.setattr(make_noises, "EXAMPLES", tmp_path)
    name = "audio/white_noise"
    files = make_noises.write_examples(name)
    entry = make_noises.entry(name, files)
    clean, sample_rate = sounds.speech()
    louder = []
    for level in strips.LEVELS[1:]:
        file = f"audio_white_noise_{level:g}.ogg"
        assert f"[{level:g}](noises/{file})" in entry
        heard, rate = soundfile.read(tmp_path / file, dtype="float32")
        assert (len(heard), rate) == (len(clean), sample_rate)
        expected = strips.noisy(name, level).sample
        assert np.corrcoef(heard, expected)[0, 1] > 0.93  # Vorbis keeps speech better than hiss
        louder.append(np.mean((heard - clean) ** 2))
    assert louder == sorted(louder)
    assert len(make_noises.write_examples("audio/missing")) == 2


def test_changes_of_a_sentence_are_marked():
    clean = "I saw her & him, they *left* early."
    assert marked(clean, clean) == "I saw her &#38; him, they &#42;left&#42; early."
    assert marked("so it goes", "so goes") == "so <del>it </del>goes"
    assert marked("so goes", "so it goes") == "so <b>it </b>goes"
    assert marked("a meadow", "a meadpw") == "a mead<b>p</b>w"
    assert marked("a meadow", "a medow") == "a me<del>a</del>dow"
    assert marked("the cat", "the piano") == "the <del>cat</del>\u2009<b>piano</b>"
    assert marked("run on", "runon") == "run<del>␣</del>on"
    assert marked("", "") == ""


@pytest.mark.parametrize("level", strips.LEVELS[1:])
@pytest.mark.parametrize("name", ["text/keyboard", "text/word_loss", "text/missing"])
def test_without_what_was_lost_the_line_is_the_noisy_sentence(name, level):
    clean, _ = strips.sample("text")
    noisy = strips.noisy(name, level).sample
    line = marked(clean, noisy)
    after = re.sub(r"<del>.*?</del>|</?b>|\u2009", "", line)
    assert html.unescape(after).replace("␣", " ") == noisy
    assert (clean == noisy) == ("<" not in line)


def test_markup_in_texts_is_escaped():
    assert make_noises.plain("a <b>\n  *c*") == "a &lt;b> \\*c\\*"
    assert make_noises.shown((1 / 14, ("x",), 204800.0)) == "(0.07143, ('x',), 204800)"


def test_times_are_read_from_the_benchmark(tmp_path, monkeypatch):
    body = '{"figures": {"pictures": {"224": {"jpeg": {"ms": 0.4321}}}, "clips": {"jpeg": {"ms": 6.5}}}}'
    (tmp_path / "image.json").write_text(body)
    (tmp_path / "text.json").write_text('{"figures": {"noises": {"keyboard": {"microseconds": 7.891}}}}')
    monkeypatch.setattr(make_noises, "RESULTS", tmp_path)
    make_noises.benchmark.cache_clear()
    try:
        assert make_noises.times("image/jpeg") == ("432", "6500")
        assert make_noises.times("image/webp") == ("", "")
        assert make_noises.times("video/h264") == ("",)
        assert make_noises.times("feature/beta_schedule") == ()
        assert "| 432 / 6500 |" in make_noises.index("image")
        assert make_noises.times("text/keyboard") == ("7.89",)
        assert "| 27 words, µs |" in make_noises.index("text")
        assert make_noises.times("audio/reverb") == ("",)
    finally:
        make_noises.benchmark.cache_clear()
