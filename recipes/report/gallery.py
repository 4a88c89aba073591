"""The gallery: utterances to look at and to listen to, clean beside noisy at five levels.

Every noise of the scheduler is run alone on its modality, from the same random stream at every level, so that
what changes along a row is the level and nothing else. Pictures are WebP, sound is MP3 (which every browser
plays); both are inside the page.

Public: `gallery`, `LEVELS`.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import soundfile
from PIL import Image

from noise_scheduler import NoiseScheduler, describe, fixed
from noise_scheduler.registry import name_of
from noise_scheduler.tied import hears, untied

from .markup import noise_label, number, text
from .wording import marked_changes

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
_MAX_FRAMES = 6
_MAX_AUDIO_S = 8.0
_DYNAMIC_RANGE_DB = 70.0
_SPECTROGRAM_SIZE = (360, 120)
_UNITS = {"db": "dB", "s": "s", "ms": "ms", "hz": "Hz", "px": "px", "deg": "°", "ev": "EV"}
_SHARES = ("share", "rate", "area", "ratio", "fraction", "cer", "wer")
_ACRONYMS = {"snr": "SNR", "rt60": "RT60", "drr": "DRR", "cer": "CER", "wer": "WER", "iso": "ISO"}

Step = tuple[float, Any, Mapping[str, float | str]]
"""(level, the modality at this level, achieved physical quantities)"""


def gallery(samples: Sequence[Mapping[str, Any]], scheduler: NoiseScheduler, labels: Sequence[str]) -> str:
    """The markup of all samples under all noises of the scheduler; the first sample is unfolded.

    Args:
        samples: utterances as `recipes.corpora.cache` gives them, with the scheduler's modalities as keys.
        scheduler: whose noises are shown, each alone.
        labels: the classes, in the order of the samples' labels.
    """
    parts = []
    for index, sample in enumerate(samples):
        title = f"<b>{text(sample['id'])}</b> – {text(labels[sample['label']])}"
        shown = "".join(_modality(sample, modality, scheduler) for modality in scheduler.noises)
        opened = " open" if index == 0 else ""
        parts.append(
            f'<details class="sample"{opened}><summary>{title}: “{text(sample["text"])}”</summary>{shown}</details>\n'
        )
    return "".join(parts)


def _modality(sample: Mapping[str, Any], modality: str, scheduler: NoiseScheduler) -> str:
    cards, kinds = [], set()
    for noise in scheduler.noises[modality].noises:
        name = name_of(noise)
        kind = name.partition("/")[0]
        show = {"image": _strips, "video": _strips, "audio": _players, "text": _sentences}.get(kind)
        if show is None or hears(noise):  # features are nothing to look at; what hears is nothing alone
            continue
        kinds.add(show.__name__)
        steps = _steps(sample, modality, untied(noise))
        summary = text(describe(name).summary)
        cards.append(
            f'<div class="card"><h5>{noise_label(name)} <code>{text(name)}</code></h5>'
            f'<p class="what">{summary}</p>{show(sample, steps)}</div>\n'
        )
    wide = "" if "_strips" in kinds else " wide"
    return f'<h4>{text(modality.capitalize())}</h4><div class="cards{wide}">{"".join(cards)}</div>\n' if cards else ""


def _steps(sample: Mapping[str, Any], modality: str, noise: Any) -> list[Step]:
    """The modality at every level; a noise that is all or nothing has the two ends alone."""
    levels = LEVELS if getattr(noise, "graded", True) else (0.0, 1.0)
    alone = {key: sample[key] for key in (modality, "sample_rate", "fps") if key in sample}
    steps: list[Step] = []
    for level in levels:
        scheduler = NoiseScheduler({modality: noise}, level=level, condition=fixed((modality,)), seed=0)
        noisy, record = scheduler(alone, id=sample["id"])
        steps.append((level, noisy[modality], record.hits[0].achieved if record.hits else {}))
    return steps


def _strips(sample: Mapping[str, Any], steps: Sequence[Step]) -> str:
    """One strip of frames per level, one below the other."""
    rows = []
    for level, video, achieved in steps:
        frames = video if video.ndim == 4 else video[None]
        chosen = np.linspace(0, len(frames) - 1, min(len(frames), _MAX_FRAMES)).round().astype(int)
        strip = np.concatenate([np.pad(frames[i], ((0, 0), (0, 2), (0, 0)), constant_values=128) for i in chosen], 1)
        picture = _webp(np.broadcast_to(strip[:, :-2], (*strip[:, :-2].shape[:2], 3)), quality=85)
        alt = f"{len(chosen)} frames at level {level:g}"
        rows.append(f'<div class="level-row">{_level(level, achieved)}<img src="{picture}" alt="{alt}"></div>')
    return "".join(rows)


def _players(sample: Mapping[str, Any], steps: Sequence[Step]) -> str:
    """One spectrogram with a player per level, side by side."""
    rate = int(sample["sample_rate"])
    waves = [np.atleast_2d(wave).mean(0)[: int(_MAX_AUDIO_S * rate)].astype(np.float32) for _, wave, _ in steps]
    reference = _power(waves[0]).max()
    gain = min(1.0, 0.98 / max(float(np.abs(wave).max()) for wave in waves) if any(map(np.any, waves)) else 1.0)
    tiles = []
    for (level, _, achieved), wave in zip(steps, waves, strict=True):
        sound, seconds = _mp3(wave * np.float32(gain), rate), len(wave) / rate
        tiles.append(
            f'<div class="tile">{_level(level, achieved)}'
            f'<div class="spectrogram"><img src="{_spectrogram(wave, reference)}" alt="spectrogram at level {level:g}">'
            f"<span>{number(rate / 2000, 0)} kHz</span></div>"
            f'<div class="time"><span>0</span><span>{number(seconds)} s</span></div>'
            f'<audio controls preload="none" src="{sound}"></audio></div>'
        )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _sentences(sample: Mapping[str, Any], steps: Sequence[Step]) -> str:
    """One sentence per level with its changes marked."""
    clean = steps[0][1]
    rows = []
    for level, noisy, achieved in steps:
        sentence = marked_changes(clean, noisy) if noisy else '<span class="empty">(no text)</span>'
        rows.append(f'<div class="level-row">{_level(level, achieved)}<p class="sentence">{sentence}</p></div>')
    return "".join(rows)


def _level(level: float, achieved: Mapping[str, float | str]) -> str:
    named = [_fact(name, value) for name, value in achieved.items() if not isinstance(value, str)]
    if achieved.get("scale") == "native":
        named.append("uncalibrated")
    facts = " ".join(f'<span class="fact">{fact}</span>' for fact in named).replace("</span> ", ",</span> ")
    name = "clean" if level == 0 else f"level {level:g}"
    return f'<div class="level"><b>{name}</b>{f"<small>{facts}</small>" if facts else ""}</div>'


def _fact(name: str, value: float) -> str:
    """("snr_db", 11.93) → "SNR 11.9 dB": a field name of a noise in words, its unit after the number."""
    words = name.split("_")
    unit = _UNITS.get(words[-1])
    if unit is None and words[-1] in _SHARES:
        shown = f"{number(100 * value, 0)}&nbsp;%"
    elif unit is not None and len(words) > 1:
        words, space = words[:-1], "" if unit == "°" else "&nbsp;"
        shown = f"{number(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 1 else 2)}{space}{unit}"
    else:
        shown = f"{value:.3g}".replace("-", "−")
    return text(" ".join(_ACRONYMS.get(word, word) for word in words)) + "&nbsp;" + shown


def _power(wave: npt.NDArray[np.float32], window: int = 512) -> npt.NDArray[np.float64]:
    """Power spectrogram, (window / 2, columns), about one column per pixel of the picture."""
    padded = np.pad(wave, (0, max(0, window - len(wave))))
    hop = max(1, (len(padded) - window) // _SPECTROGRAM_SIZE[0])
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop] * np.hanning(window)
    spectrum: npt.NDArray[np.float64] = np.abs(np.fft.rfft(frames)[:, :-1].T) ** 2
    return spectrum


def _spectrogram(wave: npt.NDArray[np.float32], reference: float) -> str:
    """Power in dB below `reference` as a picture, low frequencies at the bottom."""
    power_db = 10 * np.log10(np.maximum(_power(wave) / max(reference, 1e-12), 1e-12))
    shade = np.clip(power_db / _DYNAMIC_RANGE_DB + 1, 0, 1)[::-1]
    pixels = matplotlib.colormaps["magma"](shade, bytes=True)[..., :3]
    return _webp(pixels, quality=70, size=_SPECTROGRAM_SIZE)


def _webp(pixels: npt.NDArray[np.uint8], quality: int, size: tuple[int, int] | None = None) -> str:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if size is not None:
        picture = picture.resize(size, Image.Resampling.BOX if picture.width >= size[0] else Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=4)
    return _data_uri("image/webp", buffer)


def _mp3(wave: npt.NDArray[np.float32], rate: int) -> str:
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, format="MP3", subtype="MPEG_LAYER_III")
    return _data_uri("audio/mpeg", buffer)


def _data_uri(media_type: str, buffer: io.BytesIO) -> str:
    return f"data:{media_type};base64,{base64.b64encode(buffer.getvalue()).decode()}"
