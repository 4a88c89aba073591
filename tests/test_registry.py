import dataclasses
import subprocess
import sys
import textwrap
from typing import ClassVar

import pytest

import noise_scheduler as ns
from noise_scheduler import registry


@pytest.fixture
def clean_registry(monkeypatch):
    ns.names()
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.setattr(registry, "_names", dict(registry._names))


def make(**namespace):
    cls = type("Plain", (), {"__call__": lambda self, x, level, rng: x, "__doc__": "Nothing.", **namespace})
    return dataclasses.dataclass(frozen=True, slots=True)(cls)


def test_every_kind_has_noises_and_missing():
    for kind in ("image", "audio", "text", "feature"):
        assert len(ns.names(f"{kind}/*")) >= 2
        assert f"{kind}/missing" in ns.names()


def test_unknown_name_lists_the_nearest():
    with pytest.raises(KeyError, match="audio/reverb"):
        ns.build("audio/reverp")
    with pytest.raises(KeyError, match="no noise is called"):
        ns.describe("smell/rotten")


def test_unknown_field_lists_the_nearest():
    with pytest.raises(TypeError, match="snr_db_range"):
        ns.build("audio/white_noise", snr_db=(20, 0))


def test_duplicate_name_raises(clean_registry):
    class Other:
        pass

    with pytest.raises(ValueError, match="already taken by"):
        ns.register("audio/white_noise")(make(__qualname__="Other"))


def test_fields_that_configurations_use_are_refused(clean_registry):
    reserved = make(__annotations__={"weight": float}, weight=1.0)
    with pytest.raises(TypeError, match="needs another name"):
        ns.register("text/a")(reserved)


def test_ranges_run_from_mild_to_extreme():
    with pytest.raises(ValueError, match="write \\(40, 0\\)"):
        ns.build("audio/white_noise", snr_db_range=(0, 40))
    with pytest.raises(ValueError, match="must be a pair"):
        ns.build("audio/white_noise", snr_db_range=5)


def test_name_must_have_a_known_kind(clean_registry):
    for name in ("white", "smell/rotten", "audio/"):
        with pytest.raises(ValueError, match="<kind>/<noise>"):
            ns.register(name)(make())


def test_class_must_be_a_frozen_dataclass_with_defaults(clean_registry):
    with pytest.raises(TypeError, match="frozen dataclass"):
        ns.register("text/a")(type("NotADataclass", (), {}))
    with pytest.raises(TypeError, match="needs a default"):
        ns.register("text/a")(make(__annotations__={"amount": float}))


def test_registered_class_is_built_and_described(clean_registry):
    @ns.register("text/shout", version=3)
    @dataclasses.dataclass(frozen=True, slots=True)
    class Shout:
        """Raise the voice.

        Source: folklore.
        """

        marks: int = 1
        """Exclamation marks."""
        loud: ClassVar[bool] = True

        def __call__(self, text, level, rng):
            return text.upper() + "!" * self.marks

    assert ns.corrupt("hey", "text/shout", level=1) == "HEY!"
    assert ns.corrupt("hey", ns.build("text/shout", marks=2), level=1) == "HEY!!"
    description = ns.describe("text/shout")
    assert (description.version, description.summary) == (3, "Raise the voice.")
    assert description.fields == (registry.Field("marks", "int", 1, "Exclamation marks."),)
    assert "Exclamation marks." in str(description)
    assert registry.changed_fields(Shout(marks=4)) == {"marks": 4}


def test_stages_are_those_of_the_physical_chain(clean_registry):
    assert registry.STAGES == ("source", "scene", "capture", "channel")
    for stage in registry.STAGES:
        ns.register(f"text/{stage}", stage=stage)(make())
        assert registry.stage_of(f"text/{stage}") == ns.describe(f"text/{stage}").stage == stage
        assert f"text/{stage} (version 1, stage {stage})" in str(ns.describe(f"text/{stage}"))
    ns.register("text/plain")(make())
    assert ns.describe("text/plain").stage == "capture"


@pytest.mark.parametrize(
    ("stage", "message"),
    [("air", "'air'; valid: capture, channel, scene, source"), ("chanel", "'channel'"), (3, "3; valid: capture")],
)
def test_unknown_stage_lists_the_nearest(clean_registry, stage, message):
    with pytest.raises(ValueError, match=f"text/a: no stage is called .*{message}"):
        ns.register("text/a", stage=stage)(make())
    assert "text/a" not in ns.names()


def test_every_built_in_noise_has_a_stage_that_fits_its_kind():
    stages = {name: ns.describe(name).stage for name in ns.names()}
    assert {stages[name] for name in stages if name.endswith("/missing")} == {"channel"}
    assert (stages["text/keyboard"], stages["audio/reverb"], stages["audio/white_noise"]) == (
        "source",
        "scene",
        "capture",
    )


def test_lists_become_tuples():
    assert ns.build("audio/white_noise", snr_db_range=[20, 0]) == ns.build("audio/white_noise", snr_db_range=(20, 0))


def test_unregistered_object_is_named():
    with pytest.raises(TypeError, match="not a registered noise"):
        ns.corrupt("x", object(), level=0.5)


def test_entry_points_are_loaded(tmp_path):
    """A plug-in that only announces itself through the entry-point group is found by name."""
    (tmp_path / "my_plugin.py").write_text(
        textwrap.dedent(
            """
            import dataclasses
            import noise_scheduler as ns

            @ns.register("text/reversed")
            @dataclasses.dataclass(frozen=True, slots=True)
            class Reversed:
                def __call__(self, text, level, rng):
                    return text[::-1]
            """
        )
    )
    info = tmp_path / "my_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[noise_scheduler.noises]\nmy_plugin = my_plugin\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import noise_scheduler as ns;"
        "print(ns.corrupt('abc', 'text/reversed', level=1), 'text/reversed' in ns.names('text/*'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cba", "True"]
