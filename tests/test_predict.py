"""Predicting on a clip of one's own: decoded as the cache does, honest about what is missing, clear about bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch

import models
from models import EmotionModel, Preprocessing, collate
from models.encoders import ENCODERS, AudioEncoder, Encoder, TextEncoder, VideoEncoder
from models.standardiser import Standardiser
from recipes import clips
from recipes import predict as command
from recipes.clips import Clip, ClipError, read_clip
from recipes.corpora.decode import Decoded, decode_dialog
from recipes.prediction_picture import draw

FACTS = Preprocessing(frames=4, frame_size=32)
FPS = 10
ASTRONAUT = Path(__file__).parent.parent / "docs" / "astronaut.webp"


def frames(count: int = 20, height: int = 64, width: int = 48) -> np.ndarray:
    """Smooth pictures that tell their number by their brightness."""
    ramp = np.linspace(0, 60, width)[None, :, None] + np.linspace(0, 30, height)[:, None, None] + np.array([0, 5, 10])
    return np.stack([(ramp + 7 * number).astype(np.uint8) for number in range(count)])


def tone(seconds: float = 2.0, rate: int = 16_000, peak: float = 0.5) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def write_clip(
    file: Path,
    video: np.ndarray | None = None,
    wave: np.ndarray | None = None,
    *,
    rate: int = 16_000,
    codec: tuple[str, str] = ("libx264", "aac"),
    pixels: str = "yuv420p",
    rotation: int = 0,
    times: list[int] | None = None,
) -> Path:
    """Write video (T, H, W, 3) uint8 at FPS (or at `times`, in tenths of a second) and a wave (N,) or (2, N)."""
    with av.open(str(file), "w") as container:
        picture = sound = None
        if video is not None:
            picture = container.add_stream(codec[0], rate=FPS)
            picture.height, picture.width, picture.pix_fmt = *video.shape[1:3], pixels
            if rotation:
                picture.set_display_rotation(rotation)
        if wave is not None:
            sound = container.add_stream(codec[1], rate=rate, layout="mono" if wave.ndim == 1 else "stereo")
        if picture is not None and video is not None:
            for number, pixels_of in enumerate(video):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels_of), format="rgb24")
                frame.pts, frame.time_base = (times[number] if times else number), Fraction(1, FPS)
                container.mux(picture.encode(frame))
            container.mux(picture.encode())
        if sound is not None and wave is not None:
            block = av.AudioFrame.from_ndarray(np.atleast_2d(wave), "fltp", "mono" if wave.ndim == 1 else "stereo")
            block.sample_rate = rate
            resampler = av.AudioResampler(sound.format, sound.layout, rate, frame_size=sound.frame_size or 1024)
            for part in [*resampler.resample(block), *resampler.resample(None)]:
                container.mux(sound.encode(part))
            container.mux(sound.encode())
    return file


@pytest.fixture(autouse=True)
def no_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "load_detector", lambda: None)


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames(), tone())


def small(name: str = "nmer", classes: Any = ("glad", "sad", "neutral")) -> EmotionModel:
    encoders = {
        "audio": AudioEncoder(8, width=16),
        "video": VideoEncoder(8, width=16),
        "text": TextEncoder(8, width=16),
    }
    model = models.create(name, classes=classes, seed=0, encoders=encoders)
    with torch.no_grad():
        for weight in model.fusion.parameters():
            weight.add_(0.02)
    return model.eval()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    small().save_pretrained(folder, preprocessing=FACTS)
    return folder


def test_frames_are_those_of_the_cache(tmp_path: Path) -> None:
    """The same pictures through the decoder of corpora, where the speaker has the left half of the frame."""
    video = frames()
    lossless: Any = {"codec": ("ffv1", "pcm_s16le"), "pixels": "bgr0"}
    both = write_clip(tmp_path / "both.mkv", np.concatenate([video, video[::-1]], axis=2), **lossless)
    alone = write_clip(tmp_path / "alone.mkv", video, tone(), **lossless)
    wav = write_clip(tmp_path / "alone.wav", wave=tone(), codec=("", "pcm_s16le"))
    item: Any = SimpleNamespace(
        id="a",
        session=1,
        speaker="s",
        label=0,
        start_s=0.0,
        end_s=2.0,
        text="",
        side="left",
        **dict.fromkeys(("wav", "audio_file"), wav),
        **dict.fromkeys(("avi", "video_file"), both),
    )
    nobody = {"detector": None, "detected_speakers": frozenset[str]()}
    for count in (1, 3, 8, 64):
        (decoded,) = decode_dialog([item], frames=count, size=32, **nobody)
        assert isinstance(decoded, Decoded)
        clip = read_clip(alone, replace(FACTS, frames=count))
        assert clip.video is not None
        assert clip.audio is not None
        assert np.array_equal(clip.video, decoded.video)
        assert np.array_equal(clip.audio, decoded.audio / np.float32(32768))
        assert (clip.face, clip.missing, clip.seconds) == ("square", {}, pytest.approx(2.0))


def test_frames_are_evenly_spaced_in_time_at_a_variable_rate(tmp_path: Path) -> None:
    times = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 18]  # one second at 10 Hz, one at 3.3 Hz
    file = write_clip(tmp_path / "v.mkv", frames(13), codec=("ffv1", ""), pixels="bgr0", times=times)
    clip = read_clip(file, replace(FACTS, frames=4))
    assert clip.video is not None
    shown = [int(picture[16, 16, 0]) for picture in clip.video]
    of_number = {number: int(cv2.resize(frames(13)[number], (32, 32))[16, 16, 0]) for number in range(13)}
    numbers = [min(of_number, key=lambda number: abs(of_number[number] - value)) for value in shown]
    assert numbers == [2, 7, 9, 11]  # at 0.24, 0.71, 1.19 and 1.66 s


def test_sound_of_any_rate_becomes_mono_at_the_models_rate(tmp_path: Path) -> None:
    wave = np.stack([tone(1.0, 44_100, 0.6), np.zeros(44_100, np.float32)])
    clip = read_clip(write_clip(tmp_path / "a.wav", wave=wave, rate=44_100, codec=("", "pcm_s16le")), FACTS)
    assert clip.audio is not None
    assert clip.audio.dtype == np.float32
    assert abs(len(clip.audio) - 16_000) < 40
    middle = clip.audio[2000:14_000]
    assert np.abs(middle).max() == pytest.approx(0.3, abs=0.02)  # the mean of a channel at 0.6 and a silent one
    assert np.abs(np.fft.rfft(middle)).argmax() * 16_000 / len(middle) == pytest.approx(440, abs=2)
    assert clip.missing == {"video": "the clip has no picture stream"}


@pytest.mark.parametrize("angle", [90, -90, 180])
def test_turned_clips_are_set_upright(angle: int, tmp_path: Path) -> None:
    upright = np.repeat(frames(1), 4, axis=0)
    turned = np.rot90(upright, -angle // 90, axes=(1, 2))
    straight = read_clip(write_clip(tmp_path / "s.mp4", upright), FACTS).video
    file = write_clip(tmp_path / "t.mp4", turned, rotation=angle)
    with av.open(str(file)) as container:
        assert next(container.decode(video=0)).rotation in (angle, -180)
    righted = read_clip(file, FACTS).video
    assert straight is not None
    assert righted is not None
    assert np.abs(righted.astype(int) - straight).mean() < 3


def test_the_face_is_cropped_where_one_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    photo = cv2.cvtColor(cv2.imread(str(ASTRONAUT)), cv2.COLOR_BGR2RGB)
    photo = cv2.resize(photo, (256, 256))
    file = write_clip(tmp_path / "a.mkv", np.repeat(photo[None], 3, axis=0), codec=("ffv1", ""), pixels="bgr0")
    detector = clips.load_detector()
    assert detector is not None
    clip = read_clip(file, FACTS)
    assert clip.face == "detector"
    left, top, side = detector(photo) or (0, 0, 0)
    expected = cv2.resize(photo[top : top + side, left : left + side], (32, 32), interpolation=cv2.INTER_AREA)
    assert clip.video is not None
    assert np.array_equal(clip.video[0], expected)


def test_what_is_missing_is_stated(tmp_path: Path) -> None:
    quiet = read_clip(write_clip(tmp_path / "q.mp4", frames(), 0 * tone()), FACTS)
    assert quiet.missing == {"audio": "the sound is silent"}
    black = read_clip(write_clip(tmp_path / "b.mp4", 0 * frames(), tone()), FACTS)
    assert black.missing == {"video": "the picture is black"}
    mute = read_clip(write_clip(tmp_path / "m.mp4", frames()), FACTS)
    assert mute.missing == {"audio": "the clip has no sound stream"}
    assert read_clip(tmp_path / "m.mp4", FACTS, ("video",)).missing == {}
    prediction = command.predict(small(), black, " ")
    assert set(prediction.missing) == {"video", "text"}
    assert prediction.reliability is not None
    assert prediction.reliability["video"] == prediction.reliability["text"] == 0
    with pytest.raises(command.PredictError, match=r"nothing to go by: the sound is silent; .*no text was given"):
        command.predict(small(), replace(quiet, video=None, missing={**quiet.missing, "video": "black"}), "")


def test_bad_clips_give_one_clear_error(tmp_path: Path, clip_file: Path) -> None:
    with pytest.raises(ClipError, match=r"nowhere\.mp4: no such file"):
        read_clip(tmp_path / "nowhere.mp4", FACTS)
    (tmp_path / "letter.mp4").write_text("Dear Sir or Madam, this is no clip." * 99)
    with pytest.raises(ClipError, match=r"letter\.mp4: cannot be decoded \(Invalid data"):
        read_clip(tmp_path / "letter.mp4", FACTS)
    (tmp_path / "empty.mp4").write_bytes(b"")
    with pytest.raises(ClipError, match=r"empty\.mp4: cannot be decoded"):
        read_clip(tmp_path / "empty.mp4", FACTS)
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello.\n")
    with pytest.raises(ClipError, match=r"words\.srt: holds neither a picture nor a sound stream"):
        read_clip(tmp_path / "words.srt", FACTS)
    data = clip_file.read_bytes()
    (tmp_path / "half.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(ClipError, match=r"half\.mp4: cannot be decoded"):
        read_clip(tmp_path / "half.mp4", FACTS)
    sorts = (("avi", ("mjpeg", "pcm_s16le"), "yuvj420p"), ("mkv", ("libx264", "aac"), "yuv420p"))
    for ending, codec, pixels in sorts:  # the one says how many frames it has, the other how long it is
        file = write_clip(tmp_path / f"whole.{ending}", frames(30), tone(3.0), codec=codec, pixels=pixels)
        assert read_clip(file, FACTS).missing == {}
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        with pytest.raises(ClipError, match=rf"whole\.{ending}: cut short, it ends at [01]\.\d+ of 3\.\d+ s"):
            read_clip(file, FACTS)


def test_a_prediction_is_what_the_model_says(clip_file: Path) -> None:
    model, clip = small(), read_clip(clip_file, FACTS)
    with torch.no_grad():
        output = model(collate([{"audio": clip.audio, "video": clip.video, "text": "well done"}]))
    prediction = command.predict(model, clip, "well done")
    assert prediction.probabilities is not None
    assert list(prediction.probabilities) == ["glad", "sad", "neutral"]
    expected = output.logits[0].softmax(0).tolist()
    assert list(prediction.probabilities.values()) == pytest.approx(expected)
    assert prediction.predicted == model.classes[int(output.logits.argmax())]
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.missing == {}
    assert prediction.notes == ("no face was found: the square in the middle of the frame was taken",)
    longer = command.predict(model, replace(clip, seconds=95.0), "well done")
    assert "the clip is 95 s long" in longer.notes[1]


def test_reliability_is_the_models_own_or_not_given(clip_file: Path) -> None:
    clip, given = read_clip(clip_file, FACTS), SimpleNamespace(reliability={"audio": torch.tensor([0.25])})
    assert command._reliability(given) == ({"audio": 0.25}, "1 is clean, 0 as noisy as noise was in training")  # type: ignore[arg-type]
    unmeasured = small("concat")
    unmeasured.meter = None
    none = command.predict(unmeasured, clip, "fine")
    assert (none.reliability, none.reliability_is) == (None, "not given by this model")
    known = command.predict(small("nmer"), clip, "fine").reliability
    assert known is not None
    assert set(known) == {"audio", "video", "text"}
    assert all(0 <= value <= 1 for value in known.values())


def test_command_prints_json_and_draws(clip_file: Path, checkpoint: Path, tmp_path: Path, capsys: Any) -> None:
    picture = tmp_path / "pictures" / "p.png"
    arguments = [str(checkpoint), str(clip_file), "--text", "It cost $5, and $6!", "--out", str(picture), "--json"]
    assert command.main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    model = EmotionModel.from_pretrained(checkpoint)
    expected = command.predict(model, read_clip(clip_file, FACTS), "It cost $5, and $6!")
    assert printed["probabilities"] == pytest.approx(expected.probabilities)
    assert printed["predicted"] == expected.predicted
    assert printed["clip"] == {"seconds": pytest.approx(2.0, abs=0.15), "frames": 4, "face": "square"}
    assert printed["preprocessing"]["frame_size"] == 32
    drawn = cv2.imread(str(picture))
    assert drawn.shape[1] > 1000
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 200
    assert [path.name for path in picture.parent.iterdir()] == ["p.png"]

    assert command.main([str(checkpoint), str(clip_file)]) == 0
    printed = capsys.readouterr().out
    for word in ("glad", "sad", "neutral", "audio", "no text was given", "no face was found"):
        assert word in printed


def test_pictures_of_everything_missing_and_of_a_regression(tmp_path: Path) -> None:
    model, wave = small("concat", ("sentiment",)), tone()
    prediction = command.predict(model, Clip(2.0, wave, missing={"video": "the picture is black"}))
    assert prediction.probabilities is None
    with torch.no_grad():
        assert prediction.value == pytest.approx(float(model(collate([{"audio": wave}])).logits))
    draw(prediction, Clip(2.0, wave), "", "a.wav", tmp_path / "value.svg")
    said = (tmp_path / "value.svg").read_text()
    assert "<svg" in said
    with pytest.raises(ValueError, match="tiff2"):
        draw(prediction, Clip(2.0, wave), "", "a.wav", tmp_path / "value.tiff2")
    assert [path.name for path in tmp_path.iterdir()] == ["value.svg"]


class FeatureEncoder(Encoder):
    """Released features only."""

    modality = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.out_dim, self.config = 4, {}

    def forward(self, batch: models.Batch) -> torch.Tensor:
        if "audio" not in batch.features:
            raise ValueError("the batch has raw audio but no features of it")
        return batch.features["audio"].mean(1)


def test_wrong_checkpoints_and_options_are_refused(
    clip_file: Path, checkpoint: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: str) -> str:
        assert command.main(list(arguments)) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        return str(printed.err)

    assert "is no checkpoint: config.json is missing" in refused(str(tmp_path), str(clip_file))
    assert "is no folder here" in refused(str(tmp_path / "no/where"), str(clip_file))
    assert "no such file" in refused(str(checkpoint), "nowhere.mp4")
    assert "must end with one of" in refused(str(checkpoint), str(clip_file), "--out", "picture.doc")
    small().save_pretrained(tmp_path / "bare")
    assert "its config.json has no preprocessing" in refused(str(tmp_path / "bare"), str(clip_file))
    monkeypatch.setitem(ENCODERS, "FeatureEncoder", FeatureEncoder)
    features = models.create("concat", classes=2, seed=0, encoders={"audio": FeatureEncoder()})
    assert isinstance(features.standardiser, Standardiser)
    features.save_pretrained(tmp_path / "features")
    assert "does not take raw input" in refused(str(tmp_path / "features"), str(clip_file))
