"""The catalogue of noises: docs/noises.md, and its pictures and sounds in docs/noises/.

    python -m docs.make_noises [--check]

Everything on the page is generated: texts and fields from the registry, strengths from the shipped profiles, figures
from runs on the samples of `docs.strips`, times from benchmarks/results/. ``--check`` writes nothing and says what on
the page is not what registry and profiles say, which takes a second. Plug-ins are left out.

Public: `names`, `stale`, `main`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.progress import track

from docs import strips
from docs.differences import marked
from docs.sounds import ogg, speech
from docs.strips import FIGURE_SIDE, LEVELS
from noise_scheduler import calibration, registry
from noise_scheduler.files import write_whole

PAGE = Path(__file__).parent / "noises.md"
EXAMPLES = Path(__file__).parent / "noises"
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"

KINDS = {
    "image": (
        "Pictures",
        "For a picture, or every frame of a clip. Strips: level 0, 0.25, 0.5, 0.75 and 1 from left to right, "
        f"{strips.SIDE} px a side.",
    ),
    "video": (
        "Clips",
        "For what happens in time. Strips: five frames of two seconds at level 0.5, below them the same frames at "
        "level 1. The hand of the filmed clock turns once. Without noise:",
    ),
    "audio": (
        "Sound",
        "Strips: level 0, 0.25, 0.5, 0.75 and 1 from left to right, as log-mel spectrograms of three seconds of "
        "speech, 70 dB from black to white; the links lead to the sounds. The speech is from the LibriVox reading of "
        'Jane Austen\'s "Sense and Sensibility" (public domain).',
    ),
    "text": (
        "Text",
        "Tables: a sentence at level 0, 0.25, 0.5, 0.75 and 1. <b>Bold</b> is what came, "
        "<del>struck out</del> what was lost, ␣ is white space.",
    ),
    "feature": (
        "Features",
        "For features that were extracted already. Strips: level 0, 0.25, 0.5, 0.75 and 1 from left to right, of a "
        "log-mel spectrogram with mean 0 and variance 1.",
    ),
}
CLEAN_CLIP = "video.webp"
CLEAN_SOUND = "audio.ogg"
FIGURE_LEVEL = 0.5
UNSAID = ("scale", "severity", "library")  # of what a run reports
TIMED = {
    "image": ("224²", "16 × 224²"),
    "video": ("16 × 224²",),
    "audio": ("5 s at 16 kHz",),
    "text": ("27 words",),
    "feature": (),
}
"""What the benchmarks measure times on."""


def names(kind: str = "*") -> list[str]:
    """The built-in noises of a kind, family by family."""
    built_in = [name for name in registry.names(f"{kind}/*") if module(name).startswith("noise_scheduler.")]
    return sorted(built_in, key=lambda name: (list(KINDS).index(name.partition("/")[0]), module(name), name))


def module(name: str) -> str:
    """Name of the module that a noise is in."""
    return type(registry.build(name)).__module__


def profiles(name: str) -> list[str]:
    """Shipped profiles that list a noise, the usual one of its kind first."""
    usual = calibration.DEFAULTS.values()
    shipped = sorted(calibration.shipped().items(), key=lambda item: (item[1], item[0] not in usual, item[0]))
    return [profile for profile, _ in shipped if strips.curve_of(name, profile)]


def severity(name: str, profile: str) -> str:
    """At level 1, and how much it differs between samples."""
    curve = strips.curve_of(name, profile)
    return f"{curve.max_severity:.2f} ± {curve.spread:.2f}" if curve else "–"


def used_profiles() -> str:
    """The shipped profiles with their digests."""
    return ", ".join(str(calibration.profile_of(profile)) for profile in calibration.shipped())


def index_row(name: str) -> str:
    """A noise's cells in the table at the top, up to the times."""
    anchor = re.sub(r"[^\w-]", "", name)
    cells = [f"[{name.partition('/')[2]}](#{anchor})", plain(registry.describe(name).summary).replace("|", "\\|")]
    if columns(name.partition("/")[0]):
        top = [severity(name, profile).partition(" ")[0] for profile in columns(name.partition("/")[0])]
        cells.append("–" if set(top) == {"–"} else " / ".join(top))
    return "| " + " | ".join(cells) + " |"


@cache
def columns(kind: str) -> tuple[str, ...]:
    """Profiles that list a noise of the kind."""
    return tuple(dict.fromkeys(profile for name in names(kind) for profile in profiles(name)))


def text_blocks(name: str) -> list[str]:
    """Heading and text of a noise."""
    body, _, source = re.sub(r"\n+Source: ", "\0", registry.describe(name).doc).partition("\0")
    paragraphs = [plain(paragraph) for paragraph in body.split("\n\n")]
    return [f"#### {name}", *paragraphs, *([f"*Source:* {plain(source)}"] if source else [])]


def fields(name: str) -> str:
    lines = [
        f"- `{field.name} = {shown(field.default)}`: {plain(field.doc)}" for field in registry.describe(name).fields
    ]
    return "\n".join(lines) or "It has no fields."


def standing(name: str) -> str:
    description = registry.describe(name)
    return f"stage {description.stage} · version {description.version}"


def stale(page: str) -> list[str]:
    """Noises whose entries differ from registry and profiles, are missing, or stand there without being registered."""
    found = dict(re.findall(r"^#### (\S+)\n(.*?)(?=^#{2,4} |\Z)", page, re.MULTILINE | re.DOTALL))
    wrong = set(found) ^ set(names())
    for name in set(found) - wrong:
        rows = [row_start(name, profile) for profile in profiles(name)]
        parts = [*text_blocks(name)[1:], fields(name), standing(name), *rows]
        if index_row(name) not in page or not all(part in found[name] for part in parts):
            wrong.add(name)
    return sorted(wrong) + ([] if used_profiles() in page else ["the profiles"])


def strength(name: str) -> str:
    """Table: the physical quantity, or the place on the path, at each level."""
    if not graded(name):
        return "It is all or nothing: every level above 0 gives the same."
    rows = [
        "| profile | severity at 1 | quantity | " + " | ".join(f"{level:g}" for level in LEVELS[1:]) + " |",
        "|---|---|---|" + "---:|" * len(LEVELS[1:]),
    ]
    listed: list[str | None] = [*profiles(name)]
    for profile in listed or [None]:
        achieved = [strips.noisy(name, level, profile=profile, side=FIGURE_SIDE).achieved for level in LEVELS[1:]]
        numbers = [{key for key, value in run.items() if not isinstance(value, str)} for run in achieved]
        quantity = next((key for key in said(achieved[0]) if all(key in found for found in numbers)), None)
        if quantity:
            cells = [number(float(run[quantity])) for run in achieved]
        else:
            curve = profile and strips.curve_of(name, profile)
            cells = [number(curve.position(level) if curve else level) for level in LEVELS[1:]]
        label = f"`{quantity}`" if quantity else "place on the path"
        rows.append(f"{row_start(name, profile)} {label} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def row_start(name: str, profile: str | None) -> str:
    return f"| {profile} | {severity(name, profile)} |" if profile else "| none | not calibrated |"


def said(achieved: Any) -> dict[str, Any]:
    return {key: value for key, value in achieved.items() if key not in UNSAID}


def figures(name: str) -> str:
    """The last line of an entry: stage, version, what a run achieves, times."""
    achieved = said(strips.noisy(name, FIGURE_LEVEL, side=FIGURE_SIDE).achieved) if stands_alone(name) else {}
    parts = [standing(name)]
    if achieved:
        parts.append(
            f"achieved at level {FIGURE_LEVEL:g}: "
            + ", ".join(f"{k} {v if isinstance(v, str) else number(v)}" for k, v in achieved.items())
        )
    parts += [f"{time} µs for {what}" for time, what in zip(times(name), TIMED[kind_of(name)], strict=True) if time]
    return "<sub>" + " · ".join(parts).replace("<", "&lt;") + "</sub>"


def times(name: str) -> tuple[str, ...]:
    """Measured microseconds for each of what is in `TIMED`; empty where there are none."""
    kind, _, short = name.partition("/")
    measured = benchmark(kind).get("figures", {})
    if kind in ("image", "video"):
        rows = measured.get("pictures", {}).get("224", {}), measured.get("clips", {})
        found = [1000 * row[short]["ms"] if short in row else None for row in rows[-len(TIMED[kind]) :]]
    else:
        row = measured.get("noises", {}).get(short, {})
        found = [row.get("microseconds") for _ in TIMED[kind]]
    return tuple("" if microseconds is None else number(microseconds) for microseconds in found)


@cache
def benchmark(kind: str) -> dict[str, Any]:
    """The content of benchmarks/results/KIND.json, where there is one."""
    file = RESULTS / f"{kind}.json"
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return content


def entry(name: str, files: list[str]) -> str:
    """All that the page says of a noise, whose pictures and sounds are in `files`."""
    heading, *text = text_blocks(name)
    pictures = [f"![{name}](noises/{file})" for file in files if file.endswith(".webp")]
    sounds = [f"[{level(file)}](noises/{file})" for file in files if file.endswith(".ogg")]
    if sounds:
        sounds = [" · ".join([f"Listen: [clean](noises/{CLEAN_SOUND})", *sounds])]
    example = "\n\n".join(pictures + sounds) or sentences(name)
    details = f"<details><summary>Fields and strength</summary>\n\n{fields(name)}\n\n{strength(name)}\n\n</details>"
    return "\n\n".join([heading, example, *text, figures(name), details])


def sentences(name: str) -> str:
    """Table: a sentence at each level, what was changed marked."""
    if not stands_alone(name):
        return "It depends on the sound of the same sample, so that there is no example."
    clean, _ = strips.sample("text")
    rows = ["| level | |", "|---:|---|"]
    rows += [f"| {level:g} | {marked(clean, strips.noisy(name, level).sample)} |" for level in LEVELS]
    return "\n".join(rows)


def index(kind: str) -> str:
    """Table of a kind's noises, family by family."""
    timed = bool(benchmark(kind)) and TIMED[kind]
    heads = ["family", "noise", "effect"]
    heads += [f"severity at level 1: {' / '.join(columns(kind))}"] if columns(kind) else []
    heads += [f"{' / '.join(TIMED[kind])}, µs"] if timed else []
    rows = ["| " + " | ".join(heads) + " |", "|---|---|---|" + "---|" * (len(heads) - 3)]
    for family, members in groupby(names(kind), module):
        for number, name in enumerate(members):
            row = f"| {'' if number else title(family)} {index_row(name)}"
            rows.append(row + (" " + " / ".join(time or "–" for time in times(name)) + " |" if timed else ""))
    return "\n".join(rows)


def page(entries: dict[str, str]) -> str:
    """The whole page, given the noises' entries."""
    processor = benchmark("image").get("environment", {}).get("processor", "")
    parts = [
        "# Noises",
        "This page is generated by `make docs`. Strips are made at calibrated levels, of the profile photos for "
        "pictures and video for clips; a noise that is not calibrated is shown along its own path. Severities are "
        f"means over the samples of a profile (± their standard deviation): {used_profiles()}. Figures for pictures "
        f"were achieved at {FIGURE_SIDE}², those for clips at {strips.SIDE}², those for sound and text on the examples."
        + f" Times are of one thread of {processor}, at half of a noise's strength."
        * bool(processor),
        "The picture is of Eileen Collins, astronaut (NASA, public domain), as scikit-image ships it.",
    ]
    for kind, (heading, _) in KINDS.items():
        parts += [f"**{heading}** (`{kind}/…`)", index(kind)]
    for kind, (heading, note) in KINDS.items():
        parts += [f"## {heading}", *([note] if note else [])]
        if kind == "video":
            parts.append(f"![the clip](noises/{CLEAN_CLIP})")
        for family, members in groupby(names(kind), module):
            parts.append(f"### {title(family)}")
            parts.append(plain((sys.modules[family].__doc__ or "").partition("\n")[0]))
            parts += [entries[name] for name in members]
    return "\n\n".join(parts) + "\n"


def write_examples(name: str) -> list[str]:
    """Write the strip of a noise, and its sounds; gives the names of the files."""
    stem = name.replace("/", "_")
    files = {}
    if (pixels := strips.strip_of(name)) is not None:
        files[f"{stem}.webp"] = strips.webp(pixels)
    if kind_of(name) == "audio":
        _, sample_rate = speech()
        levels = LEVELS[1:] if graded(name) else LEVELS[-1:]
        files |= {f"{stem}_{level:g}.ogg": ogg(strips.noisy(name, level).sample, sample_rate) for level in levels}
    for file, content in files.items():
        write_whole(EXAMPLES / file, content)
    return list(files)


def graded(name: str) -> bool:
    """Whether a noise is not all or nothing."""
    return getattr(registry.build(name), "graded", True)


def stands_alone(name: str) -> bool:
    """Whether a noise needs no other modality of the sample."""
    return not getattr(registry.build(name), "hears", False)


def level(sound: str) -> str:
    """The level in the name of a file."""
    return sound.removesuffix(".ogg").rpartition("_")[2]


def kind_of(name: str) -> str:
    return name.partition("/")[0]


def title(family: str) -> str:
    return family.rpartition(".")[2].replace("_", " ").capitalize()


def plain(text: str) -> str:
    """A paragraph in one line, nothing of it taken for markup."""
    return re.sub(r"(<|\*)", lambda found: {"<": "&lt;", "*": "\\*"}[found[1]], " ".join(text.split()))


def shown(value: Any) -> str:
    """A field's default as it stands in Python, numbers rounded."""
    if isinstance(value, tuple):
        return "(" + ", ".join(shown(item) for item in value) + ("," if len(value) == 1 else "") + ")"
    return repr(value) if isinstance(value, str) else number(value, 4)


def number(value: float, digits: int = 3) -> str:
    """Rounded to `digits`, all whole digits kept."""
    return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="say whether the page is up to date; write nothing")
    if parser.parse_args().check:
        if wrong := stale(PAGE.read_text(encoding="utf-8")):
            raise SystemExit(f"docs/noises.md is out of date ({', '.join(wrong)}): run make docs")
        return
    write_whole(EXAMPLES / CLEAN_CLIP, strips.webp(strips.clean_clip()))
    write_whole(EXAMPLES / CLEAN_SOUND, ogg(*speech()))
    written, entries = {CLEAN_CLIP, CLEAN_SOUND}, {}
    for name in track(names(), "noises", transient=True):
        files = write_examples(name)
        written.update(files)
        entries[name] = entry(name, files)
    write_whole(PAGE, page(entries).encode())
    for file in EXAMPLES.iterdir():
        if file.name not in written:
            file.unlink()
    size = sum(file.stat().st_size for file in EXAMPLES.iterdir())
    print(f"{PAGE}: {len(entries)} noises, pictures and sounds of {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
