"""Log-mel front end, pooling and the three encoders."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.batch import collate
from models.encoders import AudioEncoder, ConformerEncoder, Encoder, TextEncoder, UnimodalClassifier, VideoEncoder
from models.encoders.log_mel import LogMel, frame_count, hz_to_mel, mel_filters, mel_to_hz
from models.encoders.pooling import AttentivePooling, masked_mean_std
from models.encoders.text import split_words, word_buckets
from models.seeding import seeded


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices on several threads wait for each other, badly so beside parallel test processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tone(frequency_hz: float, seconds: float = 1.0, amplitude: float = 0.5) -> Tensor:
    time_s = torch.arange(int(16_000 * seconds), dtype=torch.float64) / 16_000
    return (amplitude * torch.sin(2 * math.pi * frequency_hz * time_s)).float()[None]


def length_of(wave: Tensor) -> Tensor:
    return torch.full((len(wave),), wave.shape[1])


def noise(seed: int, samples: int = 16_000, rows: int = 1) -> Tensor:
    return torch.randn(rows, samples, generator=torch.Generator().manual_seed(seed))


def test_mel_scale_is_htk() -> None:
    assert float(hz_to_mel(torch.tensor(1000.0))) == pytest.approx(1000.0, abs=0.05)  # the scale's anchor
    hz = torch.tensor([0.0, 60.0, 440.0, 7600.0], dtype=torch.float64)
    torch.testing.assert_close(mel_to_hz(hz_to_mel(hz)), hz)


def test_filters_agree_with_an_independent_computation() -> None:
    bands, low_hz, high_hz = 24, 100.0, 7000.0
    mel = np.linspace(2595 * np.log10(1 + low_hz / 700), 2595 * np.log10(1 + high_hz / 700), bands + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    expected = np.stack([np.interp(np.arange(257) * 31.25, edges[b : b + 3], [0, 1, 0]) for b in range(bands)], axis=1)
    np.testing.assert_allclose(mel_filters(bands, low_hz, high_hz).numpy(), expected, atol=1e-6)


def test_filters_of_the_default_cover_the_range() -> None:
    filters = mel_filters(64, 60.0, 7600.0)
    peaks = filters.argmax(dim=0)
    assert (peaks.diff() >= 0).all()
    assert filters.amax(dim=0).min() > 0.2
    # Neighbouring triangles sum to one between the first and the last centre.
    torch.testing.assert_close(filters[4:230].sum(dim=1), torch.ones(226), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match=r"hold no FFT bin: use fewer bands than 300"):
        mel_filters(300, 60.0, 7600.0)
    with pytest.raises(ValueError, match=r"got 50\.0 and 9000.0"):
        mel_filters(40, 50.0, 9000.0)


@pytest.mark.parametrize("frequency_hz", [150.0, 440.0, 1000.0, 3000.0, 7000.0])
def test_a_tone_lands_in_its_band(frequency_hz: float) -> None:
    power, mask = LogMel(64).power(tone(frequency_hz), torch.tensor([16_000]))
    centres_hz = mel_to_hz(
        torch.linspace(float(hz_to_mel(torch.tensor(60.0))), float(hz_to_mel(torch.tensor(7600.0))), 66)
    )[1:-1]
    expected = int((centres_hz - frequency_hz).abs().argmin())
    found = power[0].mean(dim=0).argmax().item()
    assert abs(found - expected) <= 1
    assert mask.all()


def test_power_agrees_with_a_plain_fourier_transform() -> None:
    wave = noise(0, 2_000)
    front = LogMel(40)
    power, _ = front.power(wave, length_of(wave))
    start = 3 * 160
    window = np.hanning(401)[:400]  # periodic Hann
    frame = wave[0, start : start + 400].double().numpy() * window
    spectrum = np.abs(np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512) @ frame) ** 2
    expected = spectrum / (window**2).sum() @ front.filters.double().numpy()
    np.testing.assert_allclose(power[0, 3].numpy(), expected, rtol=1e-3)


def test_parseval_white_noise_gives_its_variance_in_every_bin() -> None:
    wave = 0.1 * noise(1, 160_000)
    front = LogMel(64)
    power, _ = front.power(wave, length_of(wave))
    per_bin = power[0].mean(dim=0) / front.filters.sum(dim=0)
    assert per_bin.mean().item() == pytest.approx(0.01, rel=0.05)


def test_stationary_noise_leaves_the_second_half() -> None:
    speech = torch.cat([tone(500, 0.3), torch.zeros(1, 8_000)], dim=1)
    hiss = 0.01 * noise(2, speech.shape[1])
    front = LogMel(64)
    clean, _ = front(speech, length_of(speech))
    noisy, _ = front(speech + hiss, length_of(speech))
    shift = (noisy - clean).abs().mean(dim=(0, 1))
    assert shift[64:].mean() < 0.5 * shift[:64].mean()
    assert torch.isfinite(noisy).all()


def test_frames_never_see_padding() -> None:
    assert frame_count(torch.tensor([0, 1, 400, 559, 560, 16_000])).tolist() == [0, 1, 1, 1, 2, 98]
    front, short = LogMel(64), noise(3, 5_000)
    alone, _ = front(short, torch.tensor([5_000]))
    padded, mask = front(nn.functional.pad(short, (0, 9_000), value=1.0), torch.tensor([5_000]))
    frames = alone.shape[1]
    assert mask.sum() == frames == 29
    torch.testing.assert_close(padded[:, :frames], alone, atol=1e-6, rtol=0)
    assert padded[:, frames:].abs().max() == 0


def test_pooling_ignores_what_is_masked_and_survives_nothing() -> None:
    values = noise(4, 6 * 8).view(1, 6, 8)
    mask = torch.tensor([[True, True, True, True, False, False]])
    expected = torch.cat([values[0, :4].mean(0), (values[0, :4].var(0, correction=0) + 1e-5).sqrt() - 1e-5**0.5])
    torch.testing.assert_close(masked_mean_std(values, mask)[0], expected)
    pooling = AttentivePooling(8)
    torch.testing.assert_close(pooling(values, mask), pooling(values[:, :4], mask[:, :4]))
    wild = values.masked_fill(~mask.unsqueeze(2), 1e3)
    torch.testing.assert_close(pooling(wild, mask), pooling(values, mask))
    assert pooling(values, torch.zeros_like(mask)).abs().max() == 0


def test_video_ignores_black_frames_and_exposure_but_sees_motion() -> None:
    with seeded(0):
        encoder = VideoEncoder().eval()
    rng = np.random.default_rng(0)
    face = rng.integers(40, 200, (6, 48, 48, 3), dtype=np.uint8)
    gap = np.concatenate([face, np.zeros((3, 48, 48, 3), np.uint8)])
    still = np.repeat(face[:1], 6, axis=0)
    with torch.no_grad():
        plain, gapped, dark, frozen = encoder(collate([{"video": clip} for clip in (face, gap, (face // 2), still)]))
    torch.testing.assert_close(gapped, plain, atol=1e-5, rtol=0)
    assert (dark - plain).norm() < 0.2 * (frozen - plain).norm()


def test_words_and_hash_are_fixed() -> None:
    assert split_words("Don't you DARE, ever!") == ["don't", "you", "dare", ",", "ever", "!"]
    assert split_words("") == []
    # Golden values: a table learnt on one machine must mean the same on every other.
    assert word_buckets("no", 8192) == (31, 4576, 6941, 4367)
    assert len(word_buckets("no", 8192)) == 1 + 2 + 1  # the word, two 3-grams, one 4-gram of <no>
    assert len(word_buckets("happy", 64)) == 1 + 5 + 4 + 3
    assert max(word_buckets("happy", 64)) < 64


LEXICON = ("happy wonderful glad delighted laughing", "terrible furious angry hateful shouting")


def sentences(seed: int, count: int) -> tuple[list[str], Tensor]:
    rng = np.random.default_rng(seed)
    filler = ["the", "a", "we", "you", "today", "really", "it", "was", "they", "again", "morning"]
    labels = rng.integers(0, 2, count)
    texts = [
        " ".join([*rng.choice(filler, 3), rng.choice(LEXICON[label].split()), rng.choice(filler)]) for label in labels
    ]
    return texts, torch.from_numpy(labels)


def typed_badly(sentence: str, rng: np.random.Generator) -> str:
    words = sentence.split()
    for index, word in enumerate(words):
        if len(word) > 3:  # one swap of neighbouring letters in every longer word
            at = int(rng.integers(1, len(word) - 2))
            words[index] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


def fit(classifier: nn.Module, samples: list[dict[str, object]], labels: Tensor, steps: int) -> None:
    optimiser = torch.optim.AdamW(classifier.parameters(), 3e-3)
    batch = collate(samples)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(classifier(batch), labels).backward()
        optimiser.step()
    classifier.eval()


def accuracy(classifier: nn.Module, samples: list[dict[str, object]], labels: Tensor) -> float:
    with torch.no_grad():
        return float((classifier(collate(samples)).argmax(1) == labels).float().mean())


@pytest.fixture(scope="module")
def reader(one_thread: None) -> UnimodalClassifier:
    """Words, learnt from `sentences(0, 128)`."""
    texts, labels = sentences(0, 128)
    with seeded(0):
        classifier = UnimodalClassifier(TextEncoder(), 2)
        fit(classifier, [{"text": text} for text in texts], labels, 40)
    return classifier


def test_typos_degrade_rather_than_erase(reader: UnimodalClassifier) -> None:
    rng = np.random.default_rng(5)
    texts, labels = sentences(1, 200)
    clean = accuracy(reader, [{"text": text} for text in texts], labels)
    typos = accuracy(reader, [{"text": typed_badly(text, rng)} for text in texts], labels)
    assert clean > 0.98
    assert typos > 0.75, "a misspelt word must still be recognised by its characters"


def test_quality_of_text_tells_words_never_seen_in_training(reader: UnimodalClassifier) -> None:
    texts, _ = sentences(0, 128)
    rng = np.random.default_rng(5)
    clean = collate([{"text": text} for text in texts])
    typos = collate([{"text": typed_badly(text, rng)} for text in texts])
    encoder = reader.encoder
    familiar, strange = encoder.quality(clean), encoder.quality(typos)
    assert familiar.shape == (128, encoder.quality_dim)
    assert (familiar[:, :3].mean(dim=0) > 1.2 * strange[:, :3].mean(dim=0)).all(), "the mean over words"
    assert (familiar[:, 6:].mean(dim=0) > 1.2 * strange[:, 6:].mean(dim=0)).all(), "the worst word"


def test_quality_of_text_by_hand_and_of_none() -> None:
    encoder = TextEncoder()
    words = encoder.quality(collate([{"text": "so it goes"}, {"text": ""}, {"text": "it"}]))
    size = encoder.table.weight.norm(dim=1).log1p().detach()
    own, *grams = word_buckets("it", encoder.buckets)
    expected = torch.stack([size[own], size[grams].mean(), size[grams].min()])
    torch.testing.assert_close(words[2], torch.cat([expected, torch.zeros(3), expected]))
    assert torch.equal(words[1], torch.zeros(9))
    torch.testing.assert_close(words[0], encoder.quality(collate([{"text": "so it goes"}]))[0])
    assert torch.equal(encoder.quality(collate([{"text": ""}])), torch.zeros(1, 9))
    assert not words.requires_grad


def test_audio_and_video_learn_a_simple_difference() -> None:
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.integers(0, 2, 48))
    samples: list[dict[str, object]] = []
    for label in labels.tolist():
        pitch_hz = (180, 260)[label] * rng.uniform(0.95, 1.05)
        time_s = np.arange(8_000) / 16_000
        wave = sum(np.sin(2 * np.pi * k * pitch_hz * time_s) / k for k in range(1, 8))
        frames = rng.integers(90, 110, (3, 32, 32, 3))
        frames[:, 20 + 4 * label : 24 + 4 * label, 8:24] -= 60  # a mouth, higher or lower
        samples.append({"audio": np.float32(0.1 * wave * rng.uniform(0.3, 1)), "video": frames.astype(np.uint8)})
    encoders: tuple[Encoder, ...] = (
        AudioEncoder(width=32),
        ConformerEncoder(width=32, blocks=2),
        VideoEncoder(width=32),
    )
    for encoder in encoders:
        with seeded(1):
            classifier = UnimodalClassifier(encoder, 2)
            fit(classifier, samples[:32], labels[:32], 40)
        assert accuracy(classifier, samples[32:], labels[32:]) > 0.85, type(encoder).__name__


def test_classifier_regresses_with_one_class_and_refuses_none() -> None:
    assert UnimodalClassifier(TextEncoder(), 1)(collate([{"text": "fine"}, {"text": "no"}])).shape == (2, 1)
    with pytest.raises(ValueError, match=r"at least 1 .*got 0"):
        UnimodalClassifier(TextEncoder(), 0)
