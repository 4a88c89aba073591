"""What a run took: collected from its stages, shown in its report, checked when read."""

import json

import pytest
from report_run import fake_results

from recipes.files import read_json, write_json
from recipes.report import ResultsError, write_report
from recipes.resources import collect, timed, write_stage


def written(folder):
    write_json(folder / "results.json", fake_results())
    return folder


def test_stages_of_all_jobs_are_summed(tmp_path):
    write_stage(tmp_path / "one" / "audio.bank.stage.json", "bank", 2.0, 100)
    write_stage(tmp_path / "two" / "audio.bank.stage.json", "bank", 3.5, 200)
    with timed(tmp_path / "one" / "audio.encoders.stage.json", "encoder training") as count:
        count.utterances = 7
    found = collect(tmp_path, 12.34, 2)
    assert (found["wall_s"], found["workers"], list(found["stages"])) == (12.3, 2, ["encoder training", "bank"])
    assert found["stages"]["bank"] == {"jobs": 2, "seconds": 5.5, "utterances": 300}
    assert found["stages"]["encoder training"]["utterances"] == 7
    assert 10 < found["peak_memory_mib"]["recipe"] < 50_000


def test_a_stage_that_fails_is_not_written(tmp_path):
    with pytest.raises(ZeroDivisionError), timed(tmp_path / "a.stage.json", "bank"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_the_report_shows_them_where_they_are(tmp_path):
    run = written(tmp_path)
    without = write_report(run, []).read_text(encoding="utf-8")
    assert 'id="resources"' not in without
    write_stage(run / "work" / "decoding.stage.json", "decoding", 4.0, 720)
    write_json(run / "resources.json", collect(run / "work", 90.0, 2))
    page = write_report(run, []).read_text(encoding="utf-8")
    assert 'id="resources"' in page
    assert "1.5 minutes with jobs in 2 processes" in page
    assert "<td>720</td><td>180.0</td>" in page


def test_resources_of_another_shape_get_one_clear_error(tmp_path):
    run = written(tmp_path)
    write_json(run / "resources.json", collect(run, 1.0, 0))
    broken = read_json(run / "resources.json")
    del broken["workers"]
    (run / "resources.json").write_text(json.dumps(broken))
    with pytest.raises(ResultsError, match=r"resources\.json: the file lacks the key 'workers'"):
        write_report(run, [])
