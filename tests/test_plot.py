"""The pictures and the page: what is drawn is what was counted, nothing overlaps, both work in light and dark."""

import io
import itertools
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text

import noise_scheduler as ns
from noise_scheduler.plot import CLEAN, colours, condition_areas, figure, level_figure, page, type_areas
from noise_scheduler.survey import survey

SAMPLES = 200
VIDEO = ["image/motion_blur", "image/occlusion", "image/low_light", "image/missing"]


@pytest.fixture(scope="module")
def scheduler():
    return ns.NoiseScheduler(
        {
            "video": ns.mixture(VIDEO, count=ns.choice([0, 1, 2])),
            "audio": {"audio/background": ns.linear(3, 0), "audio/reverb": 1},
            "text": ["text/keyboard"],
        },
        level=ns.easy_to_hard(),
        span=ns.bursts(ns.uniform(0.2, 0.8), count=2),
        total_steps=100,
    )


@pytest.fixture(scope="module")
def seen(scheduler):
    return survey(scheduler, points=7, samples=SAMPLES)


def many(modalities):
    """A scheduler of some modalities, one of them with ten noises, two of them under names that look alike."""
    noises = {"video": [*VIDEO, *(f"{kind}/missing" for kind in ("text", "audio", "feature"))]}
    noises["video"] += ["audio/white_noise", "text/word_loss", "feature/beta_schedule"]
    others = {"audio": ["audio/reverb"], "text": ["text/keyboard"], "physiological": ["feature/beta_schedule"]}
    noises |= dict(itertools.islice(others.items(), modalities - 1))
    return ns.NoiseScheduler(noises, level=ns.accordion(), span=ns.uniform(0.5, 1), total_steps=50)


def png(chart):
    buffer = io.BytesIO()
    chart.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def test_areas_add_up_to_one(seen):
    for areas in (*(type_areas(seen, modality) for modality in seen.types), condition_areas(seen)):
        assert np.allclose(sum(area.share for area in areas), 1.0, atol=1e-12)
        assert all((area.share >= -1e-12).all() for area in areas)
        assert areas[-1].label == CLEAN


def test_areas_are_the_shares_of_the_plans(scheduler, seen):
    step = int(seen.steps[3])
    records = [scheduler.plan(id, step) for id in range(SAMPLES)]
    hit = {m: [[h.noise for h in r.hits if h.modality == m] for r in records] for m in seen.types}

    audio = Counter(noise for noises in hit["audio"] for noise in noises)
    drawn = {area.label: area.share[3] for area in type_areas(seen, "audio")}
    assert drawn["background"] == pytest.approx(audio["audio/background"] / SAMPLES)
    assert drawn["reverb"] == pytest.approx(audio["audio/reverb"] / SAMPLES)
    assert drawn[CLEAN] == pytest.approx(sum(not noises for noises in hit["audio"]) / SAMPLES)

    video = Counter(noise for noises in hit["video"] for noise in noises)
    clean = sum(not noises for noises in hit["video"]) / SAMPLES
    assert max(map(len, hit["video"])) == 2  # so that plans are divided
    drawn = {area.label: area.share[3] for area in type_areas(seen, "video")}
    assert drawn[CLEAN] == pytest.approx(clean)
    assert drawn["occlusion"] == pytest.approx((1 - clean) * video["image/occlusion"] / video.total())

    subsets = Counter(tuple(dict.fromkeys(h.modality for h in r.hits)) for r in records)
    drawn = {area.label: area.share[3] for area in condition_areas(seen)}
    assert drawn["audio + video"] == pytest.approx(subsets["audio", "video"] / SAMPLES)
    assert drawn["text alone"] == pytest.approx(subsets["text",] / SAMPLES)
    assert drawn["all three"] == pytest.approx(subsets["audio", "text", "video"] / SAMPLES)
    assert drawn[CLEAN] == pytest.approx(subsets[()] / SAMPLES)


def test_many_subsets_are_grouped_by_number():
    scheduler = ns.NoiseScheduler(dict.fromkeys("abcde", "feature/missing"), level=0.5, total_steps=4)
    areas = condition_areas(survey(scheduler, points=3, samples=400))
    assert [area.label for area in areas] == ["1 modality", *(f"{n} modalities" for n in (2, 3, 4, 5)), CLEAN]
    assert np.allclose(sum(area.share for area in areas), 1.0)


def test_noises_that_look_alike_keep_their_whole_names():
    labels = [area.label for area in type_areas(survey(many(1), points=2, samples=5), "video")]
    assert {"image/missing", "text/missing", "audio/missing", "feature/missing"} < set(labels)
    assert "motion blur" in labels


def test_what_is_drawn(seen):
    chart = figure(seen, title="three")
    titles = [axes.get_title(loc="left") for axes in chart.axes]
    panels = dict(zip(titles, chart.axes, strict=True))
    assert titles == [
        *(f"{modality}: {what}" for modality in ("audio", "text", "video") for what in ("levels", "noises")),
        "share of the duration that is hit",
        "modalities hit together",
    ]
    assert np.allclose(panels["audio: levels"].lines[0].get_ydata(), seen.levels["audio"][2], equal_nan=True)
    assert np.allclose(panels["audio: levels"].lines[0].get_xdata(), seen.progress)
    stacks = {"video: noises": type_areas(seen, "video"), "modalities hit together": condition_areas(seen)}
    for title, areas in stacks.items():
        drawn = panels[title].collections
        assert len(drawn) == len(areas)
        for lower, upper, area in zip([None, *drawn[:-1]], drawn, areas, strict=True):
            top = np.zeros(len(seen.steps)) if lower is None else top_edge(lower, seen.progress)
            assert np.allclose(top_edge(upper, seen.progress) - top, 100 * area.share)
        assert np.allclose(top_edge(drawn[-1], seen.progress), 100)
        labels = [text.get_text() for text in panels[title].get_legend().get_texts()]
        assert labels == [area.label for area in reversed(areas)]
    durations = {line.get_label(): line.get_ydata() for line in panels["share of the duration that is hit"].lines}
    assert np.allclose(durations["text"], 100 * seen.durations["text"], equal_nan=True)


def top_edge(area, at):
    vertices = np.concatenate([path.vertices for path in area.get_paths()])
    return np.array([vertices[np.isclose(vertices[:, 0], x), 1].max() for x in at])


def test_no_panel_of_durations_where_whole_samples_are_hit():
    scheduler = ns.NoiseScheduler({"audio": "audio/reverb", "text": "text/keyboard"}, total_steps=9)
    titles = [axes.get_title(loc="left") for axes in figure(survey(scheduler, points=3, samples=5)).axes]
    assert len(titles) == 5
    assert "share of the duration that is hit" not in titles


@pytest.mark.parametrize("modalities", [1, 2, 3, 4])
def test_no_text_overlaps(modalities):
    chart = figure(survey(many(modalities), points=11, samples=100), title="A schedule of many noises")
    chart.draw_without_rendering()
    texts = [text for text in chart.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent().padded(-1)) for text in texts if drawn(text)]
    assert len(boxes) > 20
    page_box = chart.bbox.padded(1)
    for label, box in boxes:
        assert page_box.x0 <= box.x0, label
        assert box.x1 <= page_box.x1, label
        assert page_box.y0 <= box.y0, label
        assert box.y1 <= page_box.y1, label
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not a.overlaps(b), f"{one!r} lies on {other!r}"


def drawn(text):
    """Tick labels beyond the limits of their axis are there but not drawn."""
    axes = text.axes
    if axes is None or text not in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        return True
    across = text in axes.get_xticklabels()
    low, high = axes.get_xlim() if across else axes.get_ylim()
    return low <= text.get_position()[0 if across else 1] <= high


@pytest.mark.parametrize("total_steps", [None, 1, 40])
def test_edge_cases_are_drawn(total_steps):
    """A modality that is never hit, one point alone, a dollar that is no formula, no length of training."""
    level = ns.maximum(0, ns.stepwise((0, 0), (10, 0.7), (12, 0)))
    scheduler = ns.NoiseScheduler(
        {"a$b$": "audio/reverb", "text": ["text/keyboard"]},
        level=level if total_steps == 40 else 0.5,
        condition=ns.fixed("text"),
        total_steps=total_steps,
    )
    seen = survey(scheduler, points=5, samples=4)
    chart = figure(seen)
    assert png(chart).startswith(b"\x89PNG")
    assert "never hit" in [text.get_text() for text in chart.axes[0].texts]
    if total_steps == 40:  # steps 0, 10, 20 …: hit at one of them only
        assert np.isfinite(seen.levels["text"][2]).tolist() == [False, True, False, False, False]
        assert chart.axes[2].lines[1].get_ydata() == pytest.approx([0.7])


def test_pictures_are_reproducible_whatever_the_user_has_set(seen):
    before = dict(matplotlib.rcParams)
    first, small = png(figure(seen)), png(level_figure(seen, "levels"))
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 20, "figure.dpi": 100, "lines.linewidth": 9}):
        assert png(level_figure(seen, "levels")) == small
        assert png(figure(seen)) == first


def test_no_pyplot():
    code = (
        "import sys, noise_scheduler as ns; from noise_scheduler.survey import survey;"
        "from noise_scheduler.plot import figure, level_figure, page;"
        "s = ns.NoiseScheduler({'audio': 'audio/reverb'}); v = survey(s, points=3, samples=3);"
        "figure(v), level_figure(v, ''), page(v, s, []); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_size_of_the_small_picture(seen):
    chart = level_figure(seen, "easy to hard")
    assert (chart.get_size_inches() * 180).round(6).tolist() == [900, 420]
    assert chart.axes[0].get_title(loc="left") == "easy to hard"
    assert np.allclose(chart.axes[0].lines[0].get_ydata(), seen.all_levels[2], equal_nan=True)


class Reader(HTMLParser):
    """Tags must nest; keeps the text of every cell and the configuration."""

    VOID = ("meta", "link", "br", "img")

    def __init__(self, markup):
        super().__init__()
        self.open, self.cells, self.config, self.links = [], [], "", []
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.cells[-1] += data
        if "pre" in self.open:
            self.config += data


def test_page(scheduler, seen):
    records = [scheduler.plan(id, step) for id, step in enumerate(range(0, 100, 10))]
    markup = page(seen, scheduler, records, title="a <b> & c")
    reader = Reader(markup)
    assert "<b>" not in markup
    assert scheduler.digest in markup
    assert all(link.startswith("#") for link in reader.links)  # nothing outside the page
    assert not re.search(r"url\((?!#)|@import|<script", markup)

    cells = reader.cells[6:]  # after the head
    for record in records:
        assert cells[:2] == [str(record.step), str(record.id)]
        del cells[:2]
        for hit in record.hits:
            spans = ", ".join(f"{100 * a:.0f}–{100 * b:.0f} %" for a, b in hit.spans)
            assert cells[:4] == [hit.modality, hit.noise, f"{hit.level:.3f}", spans]
            del cells[:4]
        if not record.hits:
            assert cells.pop(0) == CLEAN
    assert cells == []


def test_drawing_on_the_page(scheduler, seen):
    markup = page(seen, scheduler, [])
    drawing = markup[markup.index("<svg") : markup.index("</svg>") + len("</svg>")]
    xlink = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
    root = ElementTree.fromstring(drawing.replace("<svg ", f"<svg {xlink} ", 1) if "xlink:" in drawing else drawing)
    texts = {"".join(element.itertext()).strip() for element in root.iter() if element.tag.endswith("text")}
    assert {"audio: levels", "video: noises", "modalities hit together", "progress of training (%)"} <= texts
    assert {"motion blur", "low light", "keyboard", "clean", "audio + text", "median"} <= texts
    used = set(re.findall(r"var\((--p\d+)\)", drawing))
    assert len(used) > 12
    assert "#0a0b" not in markup
    light, dark = (set(re.findall(r"(--p\d+): #[0-9a-f]{6};", part)) for part in markup.split("prefers-color-scheme"))
    assert used <= light == dark


@pytest.mark.parametrize(
    "scheduler",
    [
        ns.NoiseScheduler({"audio": "audio/reverb"}),
        ns.NoiseScheduler({"a b.c": ns.build("audio/reverb", rt60_s=(0.3, 1.2))}, level=ns.choice({0.2: 1, 0.6: 3})),
        ns.NoiseScheduler(dict.fromkeys("xy", "feature/missing"), condition=ns.independent({"x": 0.2, "y": 1})),
        many(4),
    ],
)
def test_configuration_on_the_page_gives_an_equal_scheduler(scheduler):
    config = Reader(page(survey(scheduler, points=2, samples=2), scheduler, [])).config
    assert ns.NoiseScheduler.from_dict(tomllib.loads(config)) == scheduler


def test_page_says_where_schedules_are_adaptive(scheduler, seen):
    adaptive = ns.NoiseScheduler({"audio": "audio/reverb"}, level=ns.keep_in_band("ua", 0.5, 0.6, start=0.2))
    markup = page(survey(adaptive, points=2, samples=2), adaptive, [])
    assert "Adaptive schedules (level) are shown as they start" in markup
    assert "Adaptive" not in page(seen, scheduler, [])


MACHADO = {  # severity 1; G. Machado et al., IEEE TVCG 15(6), 2009
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


@pytest.mark.parametrize("vision", MACHADO)
@pytest.mark.parametrize("mode", [colours.light, colours.dark])
def test_neighbouring_areas_can_be_told_apart(mode, vision):
    roles = [*colours.noise_roles(10), colours.CLEAN]
    lab = [to_lab(np.array(MACHADO[vision]) @ linear(mode(role))) for role in roles]
    neighbours = [*itertools.pairwise(range(10)), *((index, 10) for index in range(10))]  # any may be the last
    for one, other in neighbours:
        assert np.linalg.norm(lab[one] - lab[other]) > 15, (roles[one], roles[other])


def linear(colour):
    value = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def to_lab(rgb):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(rgb, 0, 1)
    f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
