"""Calibration on recordings and on sentences: reading them, measuring them, what levels then mean."""

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import noise_scheduler as ns
from noise_scheduler import calibration, severity
from noise_scheduler.calibration import measure, profile_of
from noise_scheduler.calibration.corpus import read_corpus
from noise_scheduler.calibration.measure import Sample, calibrate, to_json
from noise_scheduler.commands import app
from tests.test_severity_speech import voice

RATE = 16000.0
WORDS = (
    "nobody", "came", "back", "to", "the", "old", "house", "by", "river", "after", "that", "winter", "because", "we",
    "were", "afraid", "of", "what", "had", "happened", "there", "and", "she", "never", "told", "me", "why", "he",
    "left", "without", "his", "coat", "on", "such", "a", "cold", "morning",
)  # fmt: skip


def sentence(seed):
    rng = np.random.default_rng(seed)
    return " ".join(WORDS[i] for i in rng.choice(len(WORDS), rng.integers(8, 20), replace=False)).capitalize() + "."


WAVES = [Sample(voice(1.5, seed=seed, floor=3e-4), {"sample_rate": RATE}) for seed in range(6)]
SENTENCES = [Sample(sentence(seed), {}) for seed in range(60)]


@pytest.fixture(scope="module")
def profiles(tmp_path_factory):
    """The paths of a profile of each kind."""
    found = {}
    for kind, corpus, noise, draws in (
        ("audio", WAVES, "audio/white_noise", 2),
        ("text", SENTENCES, "text/word_loss", 6),
    ):
        found[kind] = tmp_path_factory.mktemp("profiles") / f"{kind}.json"
        found[kind].write_text(to_json(calibrate(kind, corpus, [noise], draws=draws, processes=1)))
    return found


def test_severity_follows_the_level_on_other_samples(profiles):
    def mean(kind, noise, level, samples):
        found = []
        for index, (x, context) in enumerate(samples):
            noisy = ns.corrupt(x, noise, level=level, id=index, profile=str(profiles[kind]), **context)
            found.append(severity.against(kind, x, **context)(noisy))
        return np.mean(found)

    waves = [Sample(voice(1.5, seed=seed, floor=3e-4), {"sample_rate": RATE}) for seed in range(10, 18)]
    sentences = [Sample(sentence(seed), {}) for seed in range(100, 500)]
    for kind, noise, samples in (("audio", "audio/white_noise", waves), ("text", "text/word_loss", sentences)):
        top = profile_of(profiles[kind], kind).curves[noise].max_severity
        assert top > 0.5
        for level in (0.1, 0.3, 0.5, 0.8, 1.0):
            assert mean(kind, noise, level, samples) == pytest.approx(level * top, abs=0.05), (noise, level)


def test_records_say_the_scale(profiles):
    scheduler = ns.NoiseScheduler(
        {"audio": ["audio/white_noise"], "text": ["text/word_loss"]},
        level=0.5,
        condition=ns.fixed(("audio", "text")),
        profiles={kind: str(file) for kind, file in profiles.items()},
    )
    sample = {"audio": WAVES[0].data, "sample_rate": RATE, "text": SENTENCES[0].data}
    _, record = scheduler(sample, id=1)
    for hit in record.hits:
        kind = hit.noise.partition("/")[0]
        curve = profile_of(profiles[kind]).curves[hit.noise]
        assert hit.achieved["scale"] == str(profiles[kind])
        assert hit.achieved["severity"] == pytest.approx(0.5 * curve.max_severity)
    assert len(record.hits) == 2


def test_recordings_of_a_folder(tmp_path):
    wave = 0.3 * voice(10.0)
    soundfile.write(tmp_path / "long.flac", wave, 16000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([voice(0.5, 8000), voice(0.5, 8000, seed=1)], 1), 8000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(800), 8000)
    (tmp_path / "broken.ogg").write_bytes(b"no recording")
    (tmp_path / "empty.wav").write_bytes(b"")
    found = read_corpus("audio", tmp_path)
    assert [(x.shape, context) for x, context in found] == [
        ((128000,), {"sample_rate": 16000.0}),
        ((4000,), {"sample_rate": 8000.0}),
    ]
    np.testing.assert_allclose(found[0].data, wave[16000:144000], atol=1e-4)
    with pytest.raises(ValueError, match="leave it out for audio"):
        read_corpus("audio", tmp_path, side=64)
    (tmp_path / "stereo.wav").unlink()
    with pytest.raises(ValueError, match="1 readable audio files; two are needed"):
        read_corpus("audio", tmp_path)


def test_sentences_of_a_folder(tmp_path):
    (tmp_path / "b.txt").write_text("five\n\n  six  \r\nseven\neight", encoding="utf-8")
    (tmp_path / "a.txt").write_text("one\ntwo\nthrée\nfour\n", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("thrée".encode("latin-1"))
    (tmp_path / "notes.md").write_text("none of these")
    assert [x for x, _ in read_corpus("text", tmp_path)] == [
        "one",
        "two",
        "thrée",
        "four",
        "five",
        "six",
        "seven",
        "eight",
    ]
    assert [x for x, _ in read_corpus("text", tmp_path, most=4)] == ["one", "thrée", "five", "seven"]
    (tmp_path / "b.txt").unlink()
    (tmp_path / "a.txt").write_text("alone")
    with pytest.raises(ValueError, match="1 sentences; two are needed"):
        read_corpus("text", tmp_path)


@pytest.mark.parametrize(("kind", "noise"), [("audio", "audio/white_noise"), ("text", "text/word_loss")])
def test_command_writes_a_profile_that_works(kind, noise, tmp_path):
    folder, out = tmp_path / "corpus", tmp_path / "mine.json"
    folder.mkdir()
    if kind == "audio":
        for index, (wave, context) in enumerate(WAVES[:3]):
            soundfile.write(folder / f"{index}.flac", wave, int(context["sample_rate"]))
    else:
        (folder / "some.txt").write_text("\n".join(x for x, _ in SENTENCES[:20]))
    arguments = ["calibrate", kind, str(folder), "-o", str(out), "--noises", noise, "--processes", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert set(profile_of(str(out), kind).curves) == {noise}
    side = CliRunner().invoke(app, [*arguments, "--side", "64"])
    assert side.exit_code == 2
    assert "leave it out" in side.output


def test_texts_are_measured_until_the_mean_is_exact(monkeypatch):
    """A sentence loses all or little of a word loss: many draws are needed, and only as many as are needed are made."""
    monkeypatch.setattr(measure._Work, "corpus", SENTENCES)
    monkeypatch.setattr(measure._Work, "draws", 8)
    assert measure._draws(0.2) == 7  # .2 / sqrt(7 * 60) is .01
    assert measure._draws(0.05) == 1
    assert measure._draws(1.0) == 8


def test_shipped_profiles_of_speech_and_text():
    for kind, name in (("audio", "speech"), ("text", "text")):
        assert calibration.DEFAULTS[kind] == name
        assert profile_of(name).kind == kind
