"""Comparing runs: what is paired, refused, stated and shown, whatever the recipe's metrics and conditions are."""

import copy
import csv
import json
import re

import numpy as np
import pytest
from report_run import fake_results, summary
from test_report import Balance, visible

from recipes.compare import main
from recipes.comparison import common, compare, differences, entries, read_runs
from recipes.metrics.statistics import holm, paired

CONDITIONS = ["clean", "noisy/at", "noisy/mean", "missing/v"]
FOLDS = ["Ses01F", "Ses02M", "Ses03F", "Ses04M", "Ses05F"]


def write_run(folder, results):
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder


def emotion_run(folds=FOLDS, seeds=(0, 1)):
    """A run of the IEMOCAP recipe, folds × seeds, cut down to what is different in kind."""
    results = copy.deepcopy(fake_results(runs=len(folds) * len(seeds)))
    results["methods"] = [method for method in results["methods"] if method["name"] != "nmer_zero"]
    for method in results["methods"]:
        method["scores"] = {condition: method["scores"][condition] for condition in CONDITIONS}
    results["curves"] = results["curves"][1:4:2]
    for curve in results["curves"]:
        del curve["methods"]["nmer_zero"]
    pairs = [(fold, seed) for fold in folds for seed in seeds]
    for run, (fold, seed) in zip(results["protocol"]["runs"], pairs, strict=True):
        run.update(fold=fold, seed=seed)
    return results


def shifted(results, by, only=()):
    """A copy whose scores, and curves, are higher by a little that differs between runs."""
    results = copy.deepcopy(results)
    by = by + 0.004 * np.cos(np.arange(len(results["protocol"]["runs"])))
    for method in results["methods"]:
        for scores in method["scores"].values() if not only or method["name"] in only else ():
            for metric in scores:
                scores[metric] = summary((np.array(scores[metric]["values"]) + by).tolist())
    return results


def sentiment_run(offset=0.0):
    """A run of a recipe with other metrics and conditions, with no more than is compared."""
    rng = np.random.default_rng(3)

    def around(mean):
        return summary((mean + offset + 0.01 * rng.standard_normal(3)).tolist())

    methods = [
        {
            "name": name,
            "label": name.upper(),
            "scores": {c: {"acc7": around(0.4 + s), "mae": around(0.6 - s)} for c in ("full", "rate/0.5")},
        }
        for name, s in (("vae", 0.1), ("concat", 0.0))
    ]
    line = {"score": [around(0.5), around(0.3)], "area": around(0.4)}
    return {
        "schema": 2,
        "corpus": {"name": "CMU-MOSEI", "synthetic": False},
        "corpus_digest": "cafe",
        "task": {"name": "sentiment", "outputs": ["sentiment"], "chance": 0.2},
        "protocol": {
            "name": "missing rates",
            "runs": [{"seed": seed, "fold": "standard"} for seed in range(3)],
            "selection": "least MAE on validation",
            "selected_on_test": False,
        },
        "metrics": [
            {"name": "acc7", "label": "Acc-7", "meaning": "", "higher_is_better": True, "percent": True},
            {"name": "mae", "label": "MAE", "meaning": "", "higher_is_better": False, "percent": False},
        ],
        "scheduler_digest": "beef",
        "methods": methods,
        "curves": [
            {
                "modality": "text",
                "noise": "feature/mask",
                "scale": "rate",
                "levels": [0, 1],
                "methods": {"vae": line, "concat": line},
            }
        ],
    }


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two runs of one protocol, the second better by two points; and what comparing them wrote."""
    folder = tmp_path_factory.mktemp("runs")
    a, b = write_run(folder / "a", emotion_run()), write_run(folder / "b", shifted(emotion_run(), 0.02))
    assert main([str(a), str(b), "--out", str(folder / "out")]) == 0
    return a, b, folder / "out"


def compared(*folders):
    found = entries(read_runs(folders))
    metrics, conditions, _ = common(found)
    return compare(found, metrics, conditions)


def test_methods_are_compared_across_runs_and_within_the_first(two):
    pairs = {(one.entry.name, one.reference.name) for one in compared(*two[:2])}
    assert pairs == {
        ("b/nmer", "a/nmer"),
        ("a/concat", "a/nmer"),
        ("b/concat", "a/concat"),
        ("a/nmer_clean", "a/nmer"),
        ("b/nmer_clean", "a/nmer_clean"),
    }


def test_tests_pair_runs_take_folds_as_units_and_correct_by_holm(two):
    first, second = (json.loads((folder / "results.json").read_text()) for folder in two[:2])
    family = [one for one in compared(*two[:2]) if (one.metric["name"], one.condition) == ("wa", "noisy/at")]
    by_name = {one.entry.name: one for one in family}

    def values(results, index):
        return results["methods"][index]["scores"]["noisy/at"]["wa"]["values"]

    expected = paired(values(second, 1), values(first, 1), [fold for fold in FOLDS for _ in range(2)])
    assert by_name["b/concat"].paired == expected
    assert (expected.units, by_name["b/concat"].units) == (5, "folds")
    assert [one.t_holm for one in family] == holm([one.paired.t_p for one in family])
    assert [one.sign_flip_holm for one in family] == holm([one.paired.sign_flip_p for one in family])
    assert by_name["b/concat"].significant


def test_pairs_are_found_by_fold_and_seed_in_any_order(two, tmp_path):
    results = json.loads((two[1] / "results.json").read_text())
    order = np.random.default_rng(0).permutation(10)
    results["protocol"]["runs"] = [results["protocol"]["runs"][i] for i in order]
    results = json.loads(json.dumps(results), object_hook=lambda t: _reordered(t, order))
    mixed = write_run(tmp_path / "b", results)
    for one, other in zip(compared(two[0], mixed), compared(*two[:2]), strict=True):
        assert (one.paired.mean, one.paired.t_p) == pytest.approx((other.paired.mean, other.paired.t_p))


def _reordered(table, order):
    if len(table.get("values", ())) == len(order):
        return table | {"values": [table["values"][i] for i in order]}
    return table


def test_a_run_alone_compares_its_methods(two, capsys):
    assert main([str(two[0])]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("UA in per cent – noisy.")
    assert "NMER, clean data only against NMER (VAE), scheduled noise, 5 folds" in shown


def test_every_score_is_in_every_file(two):
    folder, results = two[2], json.loads((two[1] / "results.json").read_text())
    page = visible((folder / "comparison.html").read_text(encoding="utf-8"))
    markdown, latex = ((folder / f"tables.{ending}").read_text() for ending in ("md", "tex"))
    with (folder / "tables.csv").open(newline="") as stream:
        rows = {(row["table"], row["row"], row["column"]): row for row in csv.DictReader(stream)}
    for method in results["methods"]:
        for condition, scores in method["scores"].items():
            figure = scores["macro_f1"]
            mean, std = f"{100 * figure['mean']:.1f}", f"{100 * figure['std']:.1f}"
            assert f"{mean} ± {std}" in page
            assert f"{mean} ± {std}" in markdown
            assert rf"{mean} $\pm$ {std}" in latex
            group, _, part = condition.rpartition("/")
            row = rows[f"Macro-F1 in per cent – {group or 'noisy'}", f"{method['label']} – b", part]
            assert float(row["mean"]) == pytest.approx(100 * figure["mean"], abs=1e-3)
            assert float(row["low"]) < float(row["mean"]) < float(row["high"])


def test_page_is_whole_shows_curves_and_says_what_the_figures_are(two):
    page = (two[2] / "comparison.html").read_text(encoding="utf-8")
    parsed = Balance(page)
    assert parsed.faults == []
    assert set(parsed.links) <= set(parsed.ids)
    assert "http" not in page
    assert page.count('role="img" aria-label="UA against the level of') == 2
    shown = visible(page)
    assert "All data are synthetic" in shown
    assert "Selection: The epoch with the best UA on the validation speakers." in shown
    assert "The test set was never used for selection." in shown
    assert re.search(r"On UA, \d+ of 20 comparisons differ by more than chance", shown)


def test_areas_and_what_is_kept_are_those_of_the_curves(two):
    results = json.loads((two[0] / "results.json").read_text())
    with (two[2] / "tables.csv").open(newline="") as stream:
        rows = {
            row["column"]: row for row in csv.DictReader(stream) if _is_area(row, "Concatenation, scheduled noise – a")
        }
    lines = {curve["noise"]: curve["methods"]["concat"] for curve in results["curves"]}
    for noise, line in lines.items():
        assert float(rows[noise]["mean"]) == pytest.approx(100 * line["area"]["mean"], abs=1e-3)
    areas = np.mean([line["area"]["values"] for line in lines.values()], axis=0)
    clean = np.mean([line["score"][0]["values"] for line in lines.values()], axis=0)
    assert float(rows["mean"]["mean"]) == pytest.approx(100 * areas.mean(), abs=1e-3)
    assert float(rows["kept of clean"]["mean"]) == pytest.approx(100 * (areas / clean).mean(), abs=1e-3)


def _is_area(row, label):
    return row["table"].startswith("Area under the curve") and row["row"] == label


def test_other_metrics_and_conditions_are_read_from_the_run(tmp_path):
    a, b = write_run(tmp_path / "a", sentiment_run()), write_run(tmp_path / "b", sentiment_run(offset=-0.05))
    assert main([str(a), str(b), "--out", str(tmp_path / "out")]) == 0
    markdown = (tmp_path / "out" / "tables.md").read_text()
    assert "Protocol: missing rates." in markdown
    assert "The test set was never used for selection." in markdown
    mae = markdown.partition("MAE – rate.")[2].partition("Difference")[0]
    best = [line for line in mae.splitlines() if "**" in line]
    assert len(best) == 1
    assert best[0].startswith("| VAE – b |")  # the least error
    assert "3 seeds" in markdown
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert page.count('aria-label="Acc-7 against the level of feature/mask"') == 1


def test_runs_that_share_no_seed_are_shown_but_not_tested(tmp_path, capsys):
    a = write_run(tmp_path / "a", emotion_run(seeds=(0, 1)))
    b = write_run(tmp_path / "b", shifted(emotion_run(seeds=(2, 3)), 0.02) | {"curves": []})
    assert main([str(a), str(b), "--methods", "nmer", "--out", str(tmp_path / "out")]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "a and b share 0 of 10 and 10 (fold, seed): they are not paired" in told
    assert "no two methods share runs" in visible((tmp_path / "out" / "comparison.html").read_text()).lower()
    assert "not paired" in (tmp_path / "out" / "significance.csv").read_text()
    assert all(one.paired is None for one in compared(a, b) if one.entry.run.name == "b")


def test_noise_and_selection_that_differ_are_stated(two, tmp_path, capsys):
    results = emotion_run(seeds=(0,))
    results["scheduler_digest"] = "0123"
    results["protocol"]["selection"] = "last epoch"
    other = write_run(tmp_path / "c", results)
    assert main([str(two[0]), str(other)]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "a and c differ in noise" in told
    assert "differ in protocol.selection: The epoch with the best UA on the validation speakers., last epoch" in told
    assert "a and c share 5 of 10 and 5 (fold, seed): tests use these alone" in told


def test_one_run_that_selected_on_the_test_set_is_named_in_every_caption(two, tmp_path, capsys):
    results = emotion_run()
    results["protocol"]["selected_on_test"] = True
    other = write_run(tmp_path / "c", results)
    assert main([str(two[0]), str(other)]) == 2
    assert "differ in protocol.selected_on_test: False, True" in " ".join(capsys.readouterr().err.split())
    assert main([str(two[0]), str(other), "--force"]) == 0
    shown = capsys.readouterr().out
    assert (
        shown.count("The test set was used for selection, so that figures are too good.")
        == shown.count("Selection:")
        > 0
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["corpus"].update(name="IEMOCAP"), "differ in corpus: IEMOCAP layout, synthetic demo corpus (0123"),
        (lambda r: r.update(corpus_digest="f00d"), "synthetic demo corpus (f00d)"),
        (lambda r: r["protocol"].update(views=2), "differ in protocol.views: 8, 2"),
        (lambda r: r["protocol"].update(name="pooled"), "protocol.name: raw noise on the six conditions, pooled"),
        (lambda r: r["task"].update(outputs=["a", "b", "c", "d"]), "differ in task"),
    ],
)
def test_other_corpora_and_protocols_are_refused_unless_forced(two, tmp_path, capsys, change, message):
    results = emotion_run() | {"curves": []}
    change(results)
    other = write_run(tmp_path / "b", results)
    assert main([str(two[0]), str(other), "--out", str(tmp_path / "out")]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert told.startswith("Error: a and b differ")
    assert message in told
    assert not (tmp_path / "out").exists()
    assert main([str(two[0]), str(other), "--methods", "nmer", "--force", "--out", str(tmp_path / "out")]) == 0
    body = (tmp_path / "out" / "comparison.html").read_text().partition("<body>")[2].lstrip()
    assert body.startswith('<aside class="banner" role="note"><p><b>Not the same test:</b> a and b differ')
    assert (compared(two[0], other)[0].paired is None) == ("corpus" in message)  # no pairs across corpora


def test_held_out_noise_is_the_same_or_refused(tmp_path):
    noises = [{"audio": ["audio/wind"]}, {"audio": ["audio/hum"]}, {}]
    runs = [write_run(tmp_path / str(i), emotion_run() | {"held_out": held}) for i, held in enumerate(noises)]
    assert "differ in held_out" in differences(read_runs(runs[:2]))[0][0]
    assert differences(read_runs([runs[0], runs[2]]))[0] == []  # the conditions are not shared, so not compared


def test_runs_of_one_name_are_told_apart(two, tmp_path):
    other = write_run(tmp_path / "a", emotion_run())
    assert [run.name for run in read_runs([two[0], other])] == [str(two[0]), str(other)]


def without(*path):
    def change(results):
        for key in path[:-1]:
            results = results[key]
        del results[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("methods"), "lacks the key 'methods'"),
        (without("protocol", "runs", 0, "fold"), "lacks the key 'fold'"),
        (without("scheduler_digest"), "lacks the key 'scheduler_digest'"),
        (
            without("methods", 0, "scores", "clean", "ua", "values", 0),
            "method 'nmer', clean, ua: need 10 finite values",
        ),
        (without("curves", 0, "levels", 0), "curve audio, audio/reverb, native, 'nmer': 5 points for 4 levels"),
        (lambda r: r.update(schema=9), "schema 9, but schema 2 is compared"),
        (lambda r: r.update(methods=[]), "methods must be one or more"),
        (lambda r: r["methods"].append(r["methods"][0]), "methods must be one or more of different names"),
        (lambda r: r["metrics"][0].update(name="f2"), "lacks the key 'f2'"),
        (
            lambda r: r.update(metrics=[{"name": "ua", "label": "UA", "meaning": "", "percent": True}]),
            "lacks the key 'higher_is_better'",
        ),
        (lambda r: r["protocol"]["runs"][0].update(r["protocol"]["runs"][1]), "each of its own fold and seed"),
        (lambda r: r["methods"][0]["scores"]["clean"]["ua"]["values"].__setitem__(0, float("nan")), "finite values"),
        (lambda r: r.update(scheduler_digest=3), "scheduler_digest must be a string"),
        (lambda r: r["protocol"].update(selected_on_test=None), "must be true or false"),
    ],
)
def test_results_that_cannot_be_compared_get_one_clear_error(tmp_path, capsys, change, message):
    results = emotion_run()
    change(results)
    run = write_run(tmp_path / "a", results)
    assert main([str(run)]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert told.startswith(f"Error: {run / 'results.json'}: ")
    assert message in told


def test_folders_that_are_no_run_get_one_clear_error(two, tmp_path, capsys):
    empty, unfinished, broken = tmp_path / "empty", tmp_path / "unfinished", tmp_path / "broken"
    for folder in (empty, unfinished, broken):
        folder.mkdir()
    (unfinished / "settings.json").write_text("{}")
    (broken / "results.json").write_text('{"schema": 1')
    (tmp_path / "file").write_text("")
    a = str(two[0])
    for arguments, message in (
        ([tmp_path / "none"], "no such folder"),
        ([empty], "no run, it holds no results.json"),
        ([unfinished], "the run is not finished"),
        ([broken], "not JSON"),
        ([a, a], "given twice"),
        ([a, "--methods", "nmr"], "no run has a method 'nmr'; there are nmer, concat"),
        ([a, "--out", tmp_path / "file"], "is a file; give --out a folder"),
        ([a, write_run(tmp_path / "s", sentiment_run()), "--force"], "no metric and condition in common"),
    ):
        assert main([str(argument) for argument in arguments]) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert told.startswith("Error: ")
        assert message in told
