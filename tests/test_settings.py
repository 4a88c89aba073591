from dataclasses import dataclass
from pathlib import Path

import pytest

from recipes.raw.settings import RawSettings
from recipes.released.settings import ReleasedSettings
from recipes.settings import SettingsError, load, to_dict

FOLDER = Path(__file__).parent.parent / "recipes" / "configs"
CONFIGS = [file for file in sorted(FOLDER.rglob("*.toml")) if "_features_" not in file.stem]  # those of the raw path


@dataclass(frozen=True)
class Inner:
    size: int
    rate: float = 0.1
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    inner: Inner
    word: str = "a"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("[inner]\nsize = 3\n")
    return path


def test_every_shipped_config_loads():
    assert CONFIGS
    for config in CONFIGS:
        settings = to_dict(load(ReleasedSettings if "_features" in config.stem else RawSettings, config))
        assert settings["training" if "_features" in config.stem else "fusion"]["epochs"] >= 1


def test_defaults_and_overrides(file):
    assert load(Outer, file) == Outer(Inner(3))
    overrides = ["--inner.rate=2", '--inner.names=["x", "y"]', "--word=plain text"]
    assert load(Outer, file, overrides) == Outer(Inner(3, 2.0, ("x", "y")), "plain text")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("--inner.sizes=3", "unknown key 'inner.sizes'; did you mean 'size'"),
        ("--iner.size=3", "unknown key 'iner'; did you mean 'inner'"),
        ("--inner.size=three", "inner.size must be int"),
        ("--inner.size=true", "inner.size must be int"),
        ("--inner.names=[1]", "inner.names must be str"),
        ("--word.x=1", "must be str"),
        ("inner.size=3", "expected an override"),
        ("--inner.size", "expected an override"),
        ("--inner=3", "inner must be a table"),
    ],
)
def test_bad_override(file, override, message):
    with pytest.raises(SettingsError, match=message):
        load(Outer, file, [override])


def test_bad_files(tmp_path):
    with pytest.raises(SettingsError, match="cannot read"):
        load(Outer, tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[inner\n")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load(Outer, broken)
    broken.write_text("word = 'x'\n")
    with pytest.raises(SettingsError, match="missing key 'inner'"):
        load(Outer, broken)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("--fusion.ema_decay=1.0", "ema_decay"),
        ("--run.seeds=[1, 1, 2]", "distinct"),
        ("--run.test_folds=[]", "test_folds must be distinct"),
        ('--methods=["nmer", "concatt"]', "unknown method 'concatt'; did you mean 'concat'"),
        ('--methods=["nmer_broad"]', "the table broad is needed"),
        ('--held_out={audio = ["audio/hum"]}', "held_out needs the tables audio, video, text"),
        ("--evaluation.noisy_levels=[0.9, 0.2]", "noisy_levels"),
        ("--evaluation.curve_levels=[0.0, 1.0]", "curve_levels"),
        ("--bank.views=0", "views must be ≥ 1"),
        ('--noise.noises.audio=["audio/reverp"]', "audio/reverb"),
        ("--noise.levle=1.0", "'level'"),
    ],
)
def test_bad_recipe_settings(override, message):
    with pytest.raises(SettingsError, match=message):
        load(RawSettings, CONFIGS[0], [override])


def test_what_is_fine_tuned_must_be_trained_before():
    with pytest.raises(SettingsError, match=r"finetune\.epochs: the method nmer is what is fine-tuned"):
        load(RawSettings, CONFIGS[0], ['--methods=["concat"]', "--finetune.epochs=1"])
