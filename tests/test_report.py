"""The report: one whole, well-formed page with every figure of results.json, and one clear error for a bad file."""

import base64
import copy
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from report_run import LABELS, METRICS, fake_results, fake_sample, summary

import noise_scheduler as ns
from noise_scheduler.survey import survey
from recipes.report import ResultsError, gallery, read_results, write_report
from recipes.report.gallery import LEVELS
from recipes.report.results import CONDITIONS, SIX
from recipes.report.wording import marked_changes


def write_results(folder, results):
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    run = write_results(tmp_path_factory.mktemp("run"), fake_results())
    return write_report(run, [fake_sample(0, label=1), fake_sample(1, label=3)]).read_text(encoding="utf-8")


class Balance(HTMLParser):
    """Counts tags that do not fit together, and collects ids, links and visible text."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, markup):
        super().__init__(convert_charrefs=True)
        self.open, self.faults, self.ids, self.links, self.text = [], [], [], [], []
        self.feed(markup)
        self.close()
        self.faults += self.open

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        self.handle_startendtag(tag, attributes)

    def handle_startendtag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"][1:]] if attributes.get("href", "").startswith("#") else []

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"/{tag} at {self.getpos()}")

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


def visible(markup):
    return re.sub(r"\s+", " ", "".join(Balance(markup).text))


def test_the_page_is_well_formed_and_its_contents_lead_somewhere(rendered):
    parsed = Balance(rendered)
    assert parsed.faults == []
    assert len(parsed.links) >= 9
    assert set(parsed.links) <= set(parsed.ids)


def test_the_page_needs_nothing_from_outside(rendered):
    assert not re.search(r"https?://|//[a-z]+\.[a-z]", rendered.partition("data:")[0])
    for attribute in re.findall(r'\s(?:src|href|xlink:href)="([^"]{0,20})', rendered):
        assert attribute.startswith(("data:", "#"))
    assert "http" not in re.sub(r"data:[^\"]*", "", rendered)
    assert "@import" not in rendered
    assert not re.search(r"url\((?!#)", rendered)


def test_every_figure_of_every_method_and_condition_is_shown(rendered):
    shown, results = visible(rendered), fake_results()
    for method in results["methods"]:
        assert method["label"] in shown
        for condition in CONDITIONS:
            for metric in METRICS:
                figure = method["scores"][condition][metric]
                assert f"{100 * figure['mean']:.1f} ± {100 * figure['std']:.1f}" in shown, (method["name"], condition)
    for curve in results["curves"]:
        assert curve["noise"] in shown
        for line in curve["methods"].values():
            assert f"{100 * line['area']['mean']:.1f} ± {100 * line['area']['std']:.1f}" in shown
    for kinds in results["unimodal"].values():
        for tested in kinds.values():
            for figure in tested.values():
                assert f"{100 * figure['ua']['mean']:.1f} ± {100 * figure['ua']['std']:.1f}" in shown
    assert "20.0 ± 1.0 of 32" in shown
    assert results["scheduler_digest"] in shown


def test_claims_say_whether_they_hold_and_why_not(rendered):
    shown = visible(rendered)
    assert "✓ holds Scheduled noise beats clean training" in shown
    assert "✗ not reached It loses at most one point on clean data" in shown
    assert "unlike its test speakers & few" in shown
    assert "+20.2 ± 1.1" in shown
    assert "−1.2 ± 0.8" in shown
    assert "required ≥ −1" in shown
    assert "1 of 2 claims holds" in shown


def test_best_of_a_column_is_bold(tmp_path):
    results = fake_results()
    for index, method in enumerate(results["methods"]):
        method["scores"]["noisy/av"]["ua"] = summary([0.5001 + 0.01 * (index == 2)] * 3)
        method["scores"]["noisy/vt"]["ua"] = summary([0.60001 if index == 0 else 0.60002 if index == 1 else 0.4] * 3)
    page = write_report(write_results(tmp_path, results), []).read_text(encoding="utf-8")
    assert page.count('<b>51.0<span class="std"> ± 0.0</span></b>') == 1
    assert "<b>50.0<" not in page
    assert page.count('<b>60.0<span class="std"> ± 0.0</span></b>') == 2  # equal digits, equally bold


@pytest.mark.parametrize("synthetic", [True, False])
def test_banner_stands_first_if_and_only_if_the_data_are_synthetic(tmp_path, synthetic):
    page = write_report(write_results(tmp_path, fake_results(synthetic)), []).read_text(encoding="utf-8")
    body = page.partition("<body>")[2].lstrip()
    assert body.startswith('<aside class="banner"') == synthetic
    assert ("synthetic" in visible(page).lower()) == synthetic
    assert ("nothing about human emotion" in visible(page)) == synthetic


def test_one_run_shows_means_without_a_spread(tmp_path):
    results = fake_results()
    one = json.loads(json.dumps(results), object_hook=_first_run)
    page = write_report(write_results(tmp_path, one), []).read_text(encoding="utf-8")
    figure = one["methods"][0]["scores"]["clean"]["ua"]
    assert f"<td>{100 * figure['mean']:.1f}</td>" in page or f"<td><b>{100 * figure['mean']:.1f}</b></td>" in page
    assert 'class="std"' not in page
    assert "in per cent, one run; the dotted mark is chance" in visible(page)
    assert "Cells: one run; the best of a column is bold" in visible(page)


def _first_run(table):
    if "values" in table:
        return {"values": table["values"][:1], "mean": table["values"][0], "std": None}
    return table | {"runs": table["runs"][:1]} if "runs" in table else table


def test_sounds_decode_to_what_was_played(rendered):
    sounds = re.findall(r'<audio [^>]*src="data:audio/mpeg;base64,([^"]*)"', rendered)
    assert len(sounds) == 2 * (5 + 5 + 2)  # samples × (background, reverb, missing)
    clean = fake_sample(0)["audio"]
    for index, sound in enumerate(sounds):
        raw = base64.b64decode(sound, validate=True)
        assert len(raw) <= 40_000
        wave, rate = soundfile.read(io.BytesIO(raw))
        assert rate == 16000
        assert abs(len(wave) - len(clean)) < 0.1 * rate
        if index == 0:
            assert _level_db(wave) == pytest.approx(_level_db(clean), abs=1)
    missing = [soundfile.read(io.BytesIO(base64.b64decode(sound)))[0] for sound in sounds[11::12]]
    assert all(np.abs(wave).max() < 1e-3 for wave in missing)


def _level_db(wave):
    return 20 * np.log10(np.sqrt(np.mean(np.square(wave))))


def test_gallery_shows_every_noise_at_every_level(rendered):
    assert rendered.count('<details class="sample"') == 2
    assert "happy" in rendered.partition('<details class="sample"')[2][:200]
    for level in LEVELS[1:]:
        assert rendered.count(f"<b>level {level:g}</b>") == 2 * (7 + 3 * (level == 1))  # missing has two ends alone
    assert rendered.count("<b>clean</b>") == 2 * 10
    assert "SNR&nbsp;" in rendered
    assert re.search(r"SNR \d+\.\d dB", visible(rendered))


def test_gallery_draws_what_the_noise_gives():
    scheduler = ns.NoiseScheduler({"text": ["text/word_loss"]})
    sample = fake_sample(0)
    alone = ns.NoiseScheduler({"text": "text/word_loss"}, level=0.5, condition=ns.fixed("text"))
    lost = alone({"text": sample["text"]}, id=sample["id"])[0]["text"]
    assert lost != sample["text"]
    assert marked_changes(sample["text"], lost) in gallery.gallery([sample], scheduler, LABELS)


@pytest.mark.parametrize(
    ("clean", "noisy", "marked"),
    [
        ("so it goes", "so it goes", "so it goes"),
        ("so it goes", "so goes", "so <del>it</del> goes"),
        ("so it  goes on", "so on", "so <del>it goes</del> on"),
        ("so it goes", "", "<del>so it goes</del>"),
        ("it is so", "kt ks si", "<mark>k</mark>t <mark>k</mark>s s<mark>i</mark>"),
        ("so it goes", "so ut goes", "so <mark>u</mark>t goes"),
        ("a <b>", "a <n>", "a &lt;<mark>n</mark>&gt;"),
        ("so it goes", "so they go", "so <del>it</del><ins>they</ins> <del>goes</del><ins>go</ins>"),
    ],
)
def test_changed_sentences_are_marked(clean, noisy, marked):
    assert marked_changes(clean, noisy) == marked


def test_drawn_schedule_is_the_one_that_is_planned():
    scheduler = ns.NoiseScheduler(
        {"audio": {"audio/reverb": 3, "audio/missing": 1}, "text": ["text/keyboard"]},
        level=ns.uniform(0, ns.linear(0.2, 1.0, until="50%")),
        condition=ns.any_subset(),
        total_steps=400,
    )
    trained = survey(scheduler)
    assert trained.progress[[0, -1]].tolist() == [0, 100]
    lowest, _, median, _, highest = trained.all_levels
    assert highest[0] == pytest.approx(0.19, abs=0.015)
    assert median[-1] == pytest.approx(0.5, abs=0.1)
    assert lowest.max() < 0.15
    assert trained.type_shares("audio")["audio/reverb"] == pytest.approx(0.75, abs=0.02)
    assert trained.type_shares("text") == {"text/keyboard": 1.0}
    assert trained.hit_shares() == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_the_same_run_gives_the_same_page(tmp_path, rendered):
    run = write_results(tmp_path, fake_results())
    again = write_report(run, [fake_sample(0, label=1), fake_sample(1, label=3)]).read_text(encoding="utf-8")
    assert again == rendered


def test_a_failure_leaves_the_old_report(tmp_path):
    run = write_results(tmp_path, fake_results())
    (run / "report.html").write_text("the old report")
    broken = fake_sample(0) | {"audio": np.full(16000, np.nan, np.float32)}
    with pytest.raises(ns.SampleError, match="NaN"):
        write_report(run, [broken])
    assert (run / "report.html").read_text() == "the old report"
    assert sorted(path.name for path in run.iterdir()) == ["report.html", "results.json"]
    write_report(run, [])
    assert (run / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in run.iterdir()) == ["report.html", "results.json"]


def _without(*path):
    def change(results):
        for step in path[:-1]:
            results = results[step]
        del results[path[-1]]

    return change


def _with(value, *path):
    def change(results):
        for step in path[:-1]:
            results = results[step]
        results[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_with(1, "schema"), r"schema 1, but this report reads schema 2; run the recipe again"),
        (_without("schema"), r"schema None"),
        (_without("protocol", "views"), r"protocol lacks the key 'views'"),
        (_without("methods", 1, "scores", "noisy/av"), r"method 'concat': scores lacks the key 'noisy/av'"),
        (_without("methods", 0, "scores", "clean", "ua"), r"method 'nmer': scores\['clean'\] lacks the key 'ua'"),
        (_with("71 %", "methods", 0, "scores", "clean", "ua", "mean"), r"\['ua'\].mean must be a finite number"),
        (_with(float("nan"), "claims", 0, "measured", "mean"), r"claims\[0\].measured.mean must be a finite number"),
        (_with("yes", "claims", 0, "holds"), r"claims\[0\].holds must be bool, not str 'yes'"),
        (
            _with([[1, 2]], "methods", 2, "confusion", "clean"),
            r"'nmer_zero': the confusion matrix 'clean' is not 4 × 4",
        ),
        (_with([0, 1], "curves", 0, "levels"), r"curve 'audio/background', 'nmer': 5 points for 2 levels"),
        (_with([], "protocol", "runs"), r"protocol.runs is empty"),
        (
            _with({"audio": ["audio/hiss"]}, "scheduler", "noises"),
            r"scheduler: noises\.audio: no noise is called 'audio/hiss'",
        ),
    ],
)
def test_results_of_another_shape_get_one_clear_error(tmp_path, change, message):
    results = copy.deepcopy(fake_results())
    change(results)
    with pytest.raises(ResultsError, match=message) as caught:
        write_report(write_results(tmp_path, results), [])
    assert str(caught.value).startswith(str(tmp_path / "results.json"))
    assert not (tmp_path / "report.html").exists()


def test_a_file_that_is_not_there_or_not_json_is_named(tmp_path):
    with pytest.raises(ResultsError, match=r"results\.json: no such file"):
        read_results(tmp_path / "results.json")
    (tmp_path / "results.json").write_text('{"schema": 2, ')
    with pytest.raises(ResultsError, match=r"results\.json: not JSON"):
        read_results(tmp_path / "results.json")


def test_conditions_are_those_of_the_scheduler():
    subsets = ns.six_conditions().subsets(("audio", "video", "text"))
    assert ["".join(name[0] for name in subset) for subset in subsets] == list(SIX)
