"""The folder of a run: held by one command, true to what it was started with, honest about what it was done with."""

import multiprocessing
from dataclasses import dataclass

import pytest

from recipes import command
from recipes.command import RunError, claimed_folder
from recipes.files import read_json


@dataclass(frozen=True)
class Settings:
    epochs: int = 3


def claim(out, answers):
    try:
        with claimed_folder(out, Settings(), "corpus"):
            answers.put("claimed")
    except RunError as error:
        answers.put(str(error))


def test_a_folder_is_held_by_one_command(tmp_path):
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    with claimed_folder(tmp_path / "run", Settings(), "corpus"):
        other = context.Process(target=claim, args=(tmp_path / "run", answers))
        other.start()
        other.join(60)
        assert not answers.empty()
        assert "another command is at work there" in answers.get()
    with claimed_folder(tmp_path / "run", Settings(), "corpus"):
        pass


def test_a_folder_is_free_again_after_a_failure(tmp_path):
    with pytest.raises(ZeroDivisionError), claimed_folder(tmp_path, Settings(), "corpus"):
        raise ZeroDivisionError
    with claimed_folder(tmp_path, Settings(), "corpus"):
        pass


def test_other_settings_and_another_corpus_are_named(tmp_path):
    with claimed_folder(tmp_path, Settings(), "corpus"):
        pass
    with (
        pytest.raises(RunError, match=r"started with other corpus_digest, settings\.epochs"),
        claimed_folder(tmp_path, Settings(4), "other"),
    ):
        pass
    assert read_json(tmp_path / "settings.json")["settings"] == {"epochs": 3}


def test_every_environment_of_a_run_is_kept(tmp_path, monkeypatch):
    for system in ("Linux", "Linux", "Darwin"):
        monkeypatch.setattr(command.platform, "system", lambda name=system: name)
        with claimed_folder(tmp_path, Settings(), "corpus"):
            pass
    assert [one["system"] for one in read_json(tmp_path / "environment.json")] == ["Linux", "Darwin"]
