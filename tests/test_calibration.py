"""Calibration: curves, profiles and their errors, how levels go through them, and measuring one anew."""

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import noise_scheduler as ns
from noise_scheduler import calibration, registry, severity
from noise_scheduler.calibration import KNOTS, Curve, level_for, locate, max_severity, measure, profile_of, resolve
from noise_scheduler.calibration.corpus import read_corpus
from noise_scheduler.calibration.measure import Sample, calibrate, to_json
from noise_scheduler.commands import app
from noise_scheduler.contract import run
from noise_scheduler.rng import key_of, stream
from noise_scheduler.testing import example_samples


@pytest.fixture(scope="module", autouse=True)
def half_fog():
    """The noises of calibration_noises, for this module alone."""
    before = dict(registry._entries), dict(registry._names)
    from calibration_noises import HalfFog

    yield HalfFog()
    registry._entries.clear(), registry._entries.update(before[0])
    registry._names.clear(), registry._names.update(before[1])


def scene(seed, side=64):
    rng = np.random.Generator(np.random.Philox(seed))
    small = rng.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
    texture = rng.normal(0, 12, (side, side, 3))
    return np.clip(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC) + texture, 0, 255).astype(np.uint8)


CORPUS = [Sample(scene(seed), {}) for seed in range(6)]


@pytest.fixture(scope="module")
def measured(half_fog):
    return calibrate("image", CORPUS, ["image/half_fog", "image/gaussian_noise"], processes=1)


@pytest.fixture
def mine(measured, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(to_json(measured))
    return file


def test_severity_is_seven_tenths_of_the_level_on_other_samples(mine):
    others = [scene(seed) for seed in range(100, 130)]
    for noise in ("image/half_fog", "image/gaussian_noise"):
        assert max_severity(noise, profile=str(mine)) == 0.7
        for level in (0.05, 0.1, 0.3, 0.5, 0.8, 1.0):
            mean = np.mean(
                [
                    severity.image(x, ns.corrupt(x, noise, level=level, id=i, profile=str(mine)))
                    for i, x in enumerate(others)
                ]
            )
            assert mean == pytest.approx(0.7 * level, abs=0.03), (noise, level)


def test_without_a_profile_the_level_is_the_position(mine, half_fog):
    x = scene(7)
    straight = ns.corrupt(x, "image/half_fog", level=0.5, profile="none")
    np.testing.assert_array_equal(straight, half_fog(x, 0.5, None))
    position = profile_of(str(mine)).curves["image/half_fog"].position(0.5)
    np.testing.assert_array_equal(
        ns.corrupt(x, "image/half_fog", level=0.5, profile=str(mine)), half_fog(x, position, None)
    )
    np.testing.assert_array_equal(ns.corrupt(x, "image/half_fog", level=0.5), straight)  # no shipped profile lists it


def test_result_does_not_depend_on_processes(measured):
    assert calibrate("image", CORPUS, ["image/gaussian_noise"], processes=2)["noises"] == {
        "image/gaussian_noise": measured["noises"]["image/gaussian_noise"]
    }


def test_a_noise_that_does_too_little_is_left_out():
    profile = calibrate("image", CORPUS, ["image/whisper", "image/missing"], processes=1)
    assert not profile["noises"]
    assert 0 < profile["too_mild"]["image/whisper"] < measure.LEAST_SEVERITY
    assert "image/missing" not in profile["too_mild"]  # all or nothing: no strength at all


def test_partial_noises_keep_their_own_maximum():
    shipped = profile_of("photos").curves["image/webp"]
    assert 0.1 < shipped.max_severity < 0.7
    assert level_for(shipped.max_severity, "image/webp") == 1
    assert level_for(0.2, "image/webp") == pytest.approx(0.2 / shipped.max_severity)
    with pytest.raises(ValueError, match="image/webp has severities from 0 to"):
        level_for(0.69, "image/webp")


def test_interpolation_between_knots():
    curve = Curve(1, "", 0.7, 0.0, tuple(0.04 * k for k in range(KNOTS)))
    for level in (0.0, 0.01, 0.05, 0.475, 0.9999, 1.0):
        assert curve.position(level) == pytest.approx(0.8 * level)


@pytest.mark.parametrize(
    ("name", "kind", "full_share"), [("photos", "image", 0.8), ("faces", "image", 0.75), ("video", "video", 0.65)]
)
def test_shipped_profiles_cover_the_built_in_noises(name, kind, full_share):
    profile = profile_of(name, kind)
    body = json.loads((Path(calibration.__file__).parent / f"{name}.json").read_text())
    families = ("image", "video") if kind == "video" else ("image",)
    built_in = [
        n for family in families for n in ns.names(f"{family}/*") if n not in ("image/half_fog", "image/whisper")
    ]
    graded = {n for n in built_in if getattr(ns.build(n), "graded", True)}
    assert set(body["noises"]) | set(body["too_mild"]) == graded
    for noise, curve in profile.curves.items():
        state = curve.version, curve.fields
        installed = registry.version_of(noise), calibration.digest_of(ns.build(noise))
        assert state == installed, f"{noise} changed: make profiles"
    full = [curve for curve in profile.curves.values() if curve.max_severity == 0.7]
    assert len(full) >= full_share * len(profile.curves)


def test_a_range_from_the_user_replaces_the_path():
    x = scene(1)
    wide = ns.build("image/gaussian_noise", sigma_range=(1.0, 50.0))
    np.testing.assert_array_equal(ns.corrupt(x, wide, level=0.3), ns.corrupt(x, wide, level=0.3, profile="none"))
    with pytest.raises(ValueError, match="not calibrated"):
        max_severity(wide)
    slow = ns.build("image/motion_blur", time_constant_s=2.0)
    assert max_severity(slow) == max_severity("image/motion_blur")


def test_other_fields_keep_the_path_and_claim_no_severity():
    usual, name = calibration.usual(), "image/occlusion"
    as_measured = locate(usual, name, ns.build(name), 0.5, scene(1))
    changed = locate(usual, name, ns.build(name, shapes=("hand",)), 0.5, scene(1))
    assert changed == (as_measured[0], {"scale": "photos"})
    assert "severity" in as_measured[1]
    with pytest.raises(ValueError, match="not with these fields"):
        max_severity(ns.build(name, shapes=("hand",)))


def test_pictures_and_clips_have_their_own_profiles():
    usual = calibration.usual()
    picture, clip = scene(1), scene(1)[None]
    for x, name in ((picture, "photos"), (clip, "video")):
        curve = profile_of(name).curves["image/gaussian_blur"]
        position, says = locate(usual, "image/gaussian_blur", ns.build("image/gaussian_blur"), 0.4, x)
        assert position == curve.position(0.4)
        assert says == {"scale": name, "severity": 0.4 * curve.max_severity}


def test_other_kinds_stay_native():
    wave = np.zeros(100, np.float32)
    noise = ns.build("audio/white_noise")
    assert locate(calibration.usual(), "audio/white_noise", noise, 0.4, wave) == (0.4, {"scale": "native"})


def test_plans_name_their_profiles_and_records_say_the_scale(mine):
    noises = {"video": ["image/gaussian_noise"], "text": ["text/keyboard"]}
    sample = {"video": scene(3), "text": "one two three"}
    usual = ns.NoiseScheduler(noises, level=0.5, condition=ns.fixed("video"))
    assert set(usual.plan("a").profiles) == {"image", "video"}
    noisy, record = usual(sample, id="a")
    assert record.profiles["image"] == str(profile_of("photos"))
    assert record.hits[0].achieved["scale"] == "photos"
    assert record.hits[0].achieved["severity"] == pytest.approx(0.35)
    own = ns.NoiseScheduler(noises, level=0.5, condition=ns.fixed("video"), profiles={"image": str(mine)})
    assert own.digest != usual.digest
    noisy_own, record_own = own(sample, id="a")
    assert not np.array_equal(noisy_own["video"], noisy["video"])
    again = ns.Record.from_json(record_own.to_json())
    assert again == record_own
    np.testing.assert_array_equal(ns.replay(sample, again)["video"], noisy_own["video"])
    assert ns.NoiseScheduler.from_dict(own.to_dict()) == own
    off = ns.NoiseScheduler(noises, level=0.5, condition=ns.fixed("video"), profiles={"image": "none", "video": "none"})
    assert off.plan("a").profiles == {}
    assert off(sample, id="a")[1].hits[0].achieved["scale"] == "native"


def test_a_record_from_before_calibration_is_replayed_on_the_native_path():
    x = scene(3)
    line = (
        ns.NoiseScheduler({"video": ["image/gaussian_noise"]}, level=0.5, condition=ns.fixed("video"))
        .plan("a")
        .to_json()
    )
    body = json.loads(line)
    del body["profiles"]
    replayed = ns.replay({"video": x}, ns.Record.from_json(json.dumps(body)))["video"]
    with stream(key_of(0, "a"), 0, "video:image/gaussian_noise") as rng:
        native, _ = run(ns.build("image/gaussian_noise"), "image/gaussian_noise", x, 0.5, rng, {})
    np.testing.assert_array_equal(replayed, native)


def test_a_changed_profile_is_not_replayed(mine, measured):
    scheduler = ns.NoiseScheduler(
        {"video": ["image/half_fog"]}, level=0.5, condition=ns.fixed("video"), profiles={"image": str(mine)}
    )
    record = scheduler.plan("a")
    body = json.loads(to_json(measured))
    body["noises"]["image/half_fog"]["positions"][3] += 1e-4
    mine.write_text(json.dumps(body))
    with pytest.raises(ValueError, match="measured anew"):
        ns.replay({"video": scene(1)}, record)


def test_mistakes_name_the_remedy(mine, measured, tmp_path):
    with pytest.raises(KeyError, match="did you mean 'faces'"):
        resolve({"image": "face"})
    with pytest.raises(ValueError, match="did you mean 'image'"):
        resolve({"imag": "faces"})
    with pytest.raises(ValueError, match="is for video, not for image"):
        resolve({"image": "video"})
    with pytest.raises(TypeError, match="mapping"):
        resolve("faces")
    with pytest.raises(TypeError, match="not int"):
        resolve({"image": 3})
    with pytest.raises(ValueError, match="digest"):
        profile_of("photos@0123456789abcdef")
    broken = tmp_path / "broken.json"
    empty_curve = '{"profile": 1, "kind": "image", "corpus": {}, "too_mild": {}, "noises": {"a": {}}}'
    for text in ("{", "[]", '{"profile": 2}', empty_curve):
        broken.write_text(text)
        with pytest.raises(ValueError, match="not a calibration profile"):
            profile_of(str(broken))
    body = json.loads(to_json(measured))
    body["noises"]["image/half_fog"]["version"] = 7
    mine.write_text(json.dumps(body))
    with pytest.raises(ValueError, match="calibrate again"):
        ns.corrupt(scene(1), "image/half_fog", level=0.5, profile=str(mine))
    with pytest.raises(ValueError, match="calibrate again"):  # at once, not in the middle of a training
        ns.NoiseScheduler({"video": ["image/half_fog"]}, profiles={"image": str(mine)})
    with pytest.raises(ValueError, match="does not reach severity"):
        max_severity("image/colour_cast")
    with pytest.raises(ValueError, match="audio/reverb is not calibrated"):
        max_severity("audio/reverb")
    plain = {"record": 1, "id": 1, "step": 0, "key": 32 * "0", "config": "", "hits": []}
    with pytest.raises(ValueError, match="NAME@DIGEST"):
        ns.Record.from_json(json.dumps(plain | {"profiles": {"image": 3}}))
    with pytest.raises(ValueError, match="two samples"):
        calibrate("image", CORPUS[:1], ["image/half_fog"])
    with pytest.raises(ValueError, match="no severity is defined for 'feature'"):
        calibrate("feature", CORPUS, ["feature/missing"])


def test_a_path_may_hold_an_at_sign_and_be_a_path(mine, tmp_path):
    file = tmp_path / "me@host" / "mine.json"
    file.parent.mkdir()
    file.write_bytes(mine.read_bytes())
    reference = resolve({"image": file})["image"]
    assert profile_of(reference).curves == profile_of(mine).curves
    ns.corrupt(scene(1), "image/half_fog", level=0.5, profile=str(file))


def test_another_process_must_find_the_same_profile(mine, measured):
    scheduler = ns.NoiseScheduler({"video": ["image/half_fog"]}, profiles={"image": str(mine)})
    sent = pickle.dumps(scheduler)
    assert pickle.loads(sent) == scheduler
    assert pickle.loads(sent).digest == scheduler.digest
    body = json.loads(to_json(measured))
    body["noises"]["image/half_fog"]["positions"][3] += 1e-4
    mine.write_text(json.dumps(body))
    with pytest.raises(ValueError, match="changed between two processes"):
        pickle.loads(sent)


def test_plans_cannot_change_each_other():
    scheduler = ns.NoiseScheduler({"video": ["image/fog"]})
    scheduler.plan("a").profiles["image"] = "x"
    assert scheduler.plan("a").profiles["image"] == str(profile_of("photos"))


def test_level_zero_and_shape_errors_come_before_the_profile():
    x = scene(1)
    assert ns.corrupt(x, "image/fog", level=0) is x
    with pytest.raises(ns.SampleError, match="uint8"):
        ns.corrupt(x.astype(np.float32), "image/fog", level=0.5)
    with pytest.raises(ns.SampleError, match="numpy array"):
        ns.corrupt([1, 2], "image/fog", level=0.5)


def test_corpus_of_a_folder(tmp_path):
    for index in range(5):
        cv2.imwrite(str(tmp_path / f"{index}.png"), scene(index, 40)[:, :, ::-1][: 30 + index])
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "broken.jpg").write_bytes(b"no picture either")
    corpus = read_corpus("image", tmp_path, most=10, side=32)
    assert len(corpus) == 5
    assert all(x.shape == (32, 32, 3) and x.dtype == np.uint8 for x, _ in corpus)
    assert len(read_corpus("image", tmp_path, most=3, side=32)) == 3
    (tmp_path / "0_empty.jpg").write_bytes(b"")
    assert len(read_corpus("image", tmp_path, most=4, side=32)) == 4  # others take the place of what cannot be read
    with pytest.raises(ValueError, match="two are needed"):
        read_corpus("video", tmp_path, most=3, side=32)
    with pytest.raises(ValueError, match="cannot be calibrated; valid: image, video"):
        read_corpus("scent", tmp_path, most=3, side=32)


def test_clips_of_a_folder(tmp_path):
    av = pytest.importorskip("av")
    for index in range(2):
        with av.open(str(tmp_path / f"{index}.mkv"), "w") as container:
            out = container.add_stream("ffv1", rate=25, width=64, height=64, pix_fmt="bgr0")
            for t in range(40):
                frame = np.full((64, 64, 3), 5 * t, np.uint8)
                container.mux(out.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(out.encode())
    (clip, context), _ = read_corpus("video", tmp_path, most=2, side=32)
    assert clip.shape == (12, 32, 32, 3)
    assert context == {"fps": 12.5}
    assert clip[:, 0, 0, 0].tolist() == list(range(40, 160, 10))  # every second frame, from the middle


def test_command_writes_a_profile_that_works(tmp_path):
    folder, out = tmp_path / "pictures", tmp_path / "out" / "mine.json"
    folder.mkdir()
    for index in range(3):
        cv2.imwrite(str(folder / f"{index}.png"), scene(index))
    arguments = ["calibrate", "image", str(folder), "-o", str(out), "--noises", "image/gaussian_*", "--side", "64"]
    result = CliRunner().invoke(app, [*arguments, "--processes", "1"])
    assert result.exit_code == 0, result.output
    assert "2 noises measured on 3 samples, " in result.output
    assert set(profile_of(str(out)).curves) == {"image/gaussian_blur", "image/gaussian_noise"}
    for wrong, message in (
        (["calibrate", "image", str(tmp_path / "nowhere"), "-o", str(out)], "not a folder"),
        (["calibrate", "imag", str(folder), "-o", str(out)], "did you mean 'image'"),
        (["calibrate", "image", str(folder), "-o", str(out), "--noises", "image/foo*"], "matches 'image/foo*'"),
    ):
        result = CliRunner().invoke(app, wrong)
        assert result.exit_code == 2
        assert message in result.output


def test_example_samples_can_be_measured():
    for label, x, _ in example_samples("image"):
        measured = severity.against("image" if x.ndim == 3 else "video", x)
        assert 0 <= measured(255 - x) <= 1, label
