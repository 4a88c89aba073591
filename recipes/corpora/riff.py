"""Cheap checks of WAV and AVI files: headers alone, a few reads per file.

Public: wav_fault, avi_fault. Each returns None for a good file, else what is wrong and the remedy.

Source: Microsoft, Multimedia Programming Interface and Data Specifications 1.0 (RIFF, WAVE), 1991.
"""

import struct
from pathlib import Path

__all__ = ["avi_fault", "wav_fault"]

_PCM = 0x0001
_EXTENSIBLE = 0xFFFE
_AVI_SLACK_BYTES = 4096
"""Writers disagree by a few bytes about the padding at the end of the file."""


def wav_fault(path: Path, *, sample_rate: int) -> str | None:
    """What keeps `path` from being a whole mono 16-bit PCM file at `sample_rate` (Hz), or None."""
    if not path.is_file():
        return "missing; copy it again from the release"
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return "not a WAV file or truncated in its header; copy it again from the release"
        layout: tuple[int, int, int, int] | None = None
        while len(chunk := file.read(8)) == 8:
            name, length = chunk[:4], struct.unpack("<I", chunk[4:])[0]
            body = file.tell()
            if name == b"fmt " and length >= 16:
                code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", file.read(16).ljust(16, b"\0"))
                layout = (code, channels, rate, bits)
            elif name == b"data":
                return _layout_fault(layout, sample_rate) or _data_fault(length, size - body)
            file.seek(body + length + length % 2)
    return "truncated: it has no data; copy it again from the release"


def _layout_fault(layout: tuple[int, int, int, int] | None, sample_rate: int) -> str | None:
    if layout is None:
        return "its format is not stated before the data; copy it again from the release"
    code, channels, rate, bits = layout
    if rate != sample_rate:
        return f"sample rate {rate} Hz, expected {sample_rate} Hz; resample it, or copy it again from the release"
    if channels != 1 or bits != 16 or code not in (_PCM, _EXTENSIBLE):
        return f"{channels} channels of {bits} bits (format {code}), expected mono 16-bit PCM; convert it"
    return None


def _data_fault(promised: int, present: int) -> str | None:
    if promised > present:
        return f"truncated: {present} of {promised} bytes of audio; copy it again from the release"
    if promised < 2:
        return "holds no audio; copy it again from the release"
    return None


def avi_fault(path: Path) -> str | None:
    """What shows at once that `path` is not a whole AVI file, or None; decoding finds the rest."""
    if not path.is_file():
        return "missing; copy it again from the release"
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"AVI ":
        return "not an AVI file or truncated in its header; copy it again from the release"
    promised = struct.unpack("<I", head[4:8])[0] + 8
    if promised > size + _AVI_SLACK_BYTES:
        return f"truncated: {size} of {promised} bytes; copy it again from the release"
    return None
