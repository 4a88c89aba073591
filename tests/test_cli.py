"""The console command: what it writes and prints, and what it says when something is wrong."""

import re
import struct
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import noise_scheduler as ns
from noise_scheduler import cli, commands
from noise_scheduler.extras import need

CURRICULA = Path(__file__).parent.parent / "docs" / "curricula"
CONFIG = """
level = {kind = "easy_to_hard", until = "50%"}
span = {kind = "bursts", share = {kind = "uniform", low = 0.5, high = 1}, count = 2}
total_steps = 200
seed = 5

[noises]
audio = [{noise = "audio/background", weight = 2}, "audio/reverb"]
video = {noises = ["image/motion_blur", "image/occlusion"], count = 2}
"""
FEW = ("--points", "5", "--samples", "20")


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments):
    return CliRunner().invoke(commands.app, [str(argument) for argument in arguments])


def size(file):
    data = file.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", data[16:24])


def test_writes_picture_and_page_into_the_current_folder(config, here):
    done = run("schedule", config, *FEW)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in here.iterdir()) == ["plan.html", "plan.png"]
    assert size(here / "plan.png")[0] == 1500
    assert ns.NoiseScheduler.from_toml(config).digest in (here / "plan.html").read_text(encoding="utf-8")
    assert done.stdout.splitlines()[-2:] == ["written: plan.png", "written: plan.html"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("options", "written"),
    [
        (["--out", "new/folder"], ["new/folder/plan.html", "new/folder/plan.png"]),
        (["--png", "a/b.png"], ["a/b.png"]),
        (["--png", "a/b.png", "--out", "c"], ["a/b.png", "c/plan.html"]),
        (["--level-png", "levels.png"], ["levels.png"]),
        (["--level-png", "levels.png", "--out", "."], ["levels.png", "plan.html", "plan.png"]),
    ],
)
def test_where_files_go(config, here, options, written):
    assert run("schedule", config, *FEW, *options).exit_code == 0
    assert sorted(path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()) == written


def test_printed_numbers_are_those_of_the_plans(config, here):
    done = run("schedule", config, *FEW, "--seed", "8", "--total-steps", "1000")
    lines = done.stdout.split("\n\n")[0].splitlines()
    assert re.split(r"  +", lines.pop(0).strip()) == ["step", "id", "modality", "noise", "level", "part hit"]
    scheduler = ns.NoiseScheduler.from_dict(
        ns.NoiseScheduler.from_toml(config).to_dict() | {"seed": 8, "total_steps": 1000}
    )
    hits = 0
    for id, step in enumerate((0, 111, 222, 333, 444, 555, 666, 777, 888, 999)):
        record = scheduler.plan(id, step)
        assert lines[0].split()[:2] == [str(step), str(id)]
        lines[0] = lines[0].replace(str(step), "", 1).replace(str(id), "", 1)
        if not record.hits:
            assert lines.pop(0).split() == ["clean"]
        for hit in record.hits:
            modality, noise, level, part = re.split(r"  +", lines.pop(0).strip(), maxsplit=3)
            assert (modality, noise, level) == (hit.modality, hit.noise, f"{hit.level:.3f}")
            assert part == ", ".join(f"{100 * a:.0f}–{100 * b:.0f} %" for a, b in hit.spans)
            hits += 1
    assert lines == []
    assert hits > 5


def test_the_same_command_writes_the_same_files(config, here):
    for folder in ("a", "b"):
        run("schedule", config, *FEW, "--out", folder, "--level-png", f"{folder}/levels.png")
    for name in ("plan.png", "plan.html", "levels.png"):
        assert (here / "a" / name).read_bytes() == (here / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("level = [", r"not valid TOML"),
        (CONFIG.replace("seed", "sed"), r"no key 'sed'; did you mean 'seed'\?"),
        (CONFIG.replace("audio/reverb", "audio/reverbs"), r"'audio/reverbs'; did you mean 'audio/reverb'"),
        (
            CONFIG.replace("total_steps = 200", ""),
            r"'50%' needs total_steps: give --total-steps N, or write total_steps = N",
        ),
        (CONFIG.replace("50%", "3ep"), r"'3ep' needs steps_per_epoch: give --steps-per-epoch N, or write"),
        (CONFIG.replace("total_steps = 200", "total_steps = 0"), r"total_steps must be ≥ 1"),
        (CONFIG.replace('"], count = 2}', '"], count = 3}'), r"noises.video: count must be a whole number from 0 to"),
        ("seed = 1", r"needs the key 'noises'"),
        (b"\xff\xfe", r"save it as UTF-8"),
    ],
)
def test_mistakes_in_the_file_give_one_line(here, text, message):
    Path("plan.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = run("schedule", "plan.toml", *FEW)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("noise-scheduler: plan.toml")
    assert re.search(message, done.stderr)
    assert [path.name for path in here.iterdir()] == ["plan.toml"]


def test_options_supply_what_the_file_lacks(here):
    Path("plan.toml").write_text(CONFIG.replace("total_steps = 200", "").replace("50%", "3ep"), encoding="utf-8")
    done = run("schedule", "plan.toml", *FEW, "--total-steps", "60", "--steps-per-epoch", "10")
    assert done.exit_code == 0
    assert "60 steps" in Path("plan.html").read_text(encoding="utf-8")


def test_other_mistakes_give_one_line(config, here):
    Path("file").touch()
    for arguments, message in (
        (("schedule", "nowhere.toml"), "nowhere.toml: No such file or directory; check the path"),
        (("schedule", config, *FEW, "--out", "file"), "file: .*; check the path"),
        (("schedule", config, *FEW, "--seed", "-1"), "seed"),
        (("describe", "audio/reverbs"), "did you mean 'audio/reverb'"),
        (("list", "sound/*"), r"no noise matches 'sound/\*'; `noise-scheduler list` shows all"),
    ):
        done = run(*arguments)
        assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.output
        assert re.search(message, done.stderr)
    assert [path.name for path in here.iterdir()] == ["file"]


def test_a_failed_write_leaves_nothing(config, here, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device", "plan.png")

    monkeypatch.setattr(Path, "replace", fail)
    done = run("schedule", config, *FEW)
    assert done.exit_code == 2
    assert "plan.png: No space left on device" in done.stderr
    assert list(here.iterdir()) == []


def test_list_and_describe():
    listed = run("list", "audio/*").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ns.names("audio/*")
    assert all(ns.describe(line.split()[0]).summary in line for line in listed)
    assert run("describe", "audio/reverb").stdout == f"{ns.describe('audio/reverb')}\n"


@pytest.mark.parametrize("missing", ["typer", "matplotlib"])
def test_missing_extra(missing, config, here, monkeypatch, capsys):
    need.cache_clear()
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr(sys, "argv", ["noise-scheduler", "schedule", str(config)])
    with pytest.raises(SystemExit) as exit:
        cli.main()
    assert exit.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"noise-scheduler: this needs '{missing}'")
    assert err.endswith("pip install 'noise-scheduler[cli]'\n")
    assert list(here.iterdir()) == []


def test_listing_needs_no_matplotlib(monkeypatch, capsys):
    need.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(sys, "argv", ["noise-scheduler", "list", "text/*"])
    with pytest.raises(SystemExit) as exit:
        cli.main()
    assert exit.value.code == 0
    assert "text/keyboard" in capsys.readouterr().out


def test_version():
    result = CliRunner().invoke(commands.app, ["--version"])
    assert result.exit_code == 0
    assert result.output == f"{ns.__version__}\n"


@pytest.mark.parametrize("name", ["easy_to_hard", "hard_to_easy", "accordion"])
def test_pictures_of_the_curricula(name):
    scheduler = ns.NoiseScheduler.from_toml(CURRICULA / f"{name}.toml")
    assert scheduler.level == getattr(ns, name)()
    assert scheduler.modalities == ("audio", "text", "video")
    picture = CURRICULA / f"{name}.png"
    assert size(picture) == (900, 420)
    assert picture.stat().st_size < 60_000
