"""Colours that colour-blind readers tell apart, on white and on dark pages.

A chart asks for a colour by its role; the same chart is drawn with real colours for a file and with stand-ins for a
page, whose style sheet then says what they are in light and in dark.

Source of the noises' colours: P. Tol, "Colour schemes", SRON technical note, 2021 (muted).

Public: `Role`, `Colour`, `light`, `dark`, `StandIns`, `noise_roles`, `subset_roles`,
`line_roles`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

Role = tuple[str, float]
"""A name and, for colours that run from one end to another, how far along."""
Colour = Callable[[Role], str]
"""What a role looks like, as #rrggbb."""

INK, MUTED, RULE, PAPER, CLEAN, LEVEL = ((name, 0.0) for name in ("ink", "muted", "rule", "paper", "clean", "level"))
_NAMED = {
    "ink": ("#1b1f24", "#e6e9ed"),
    "muted": ("#5c6570", "#a0a9b4"),
    "rule": ("#dde1e6", "#353b44"),
    "paper": ("#ffffff", "#1d2127"),
    "clean": ("#e3e6ea", "#39404a"),
    "level": ("#0072b2", "#4aa8e0"),
    "line1": ("#d55e00", "#f0803c"),
    "line2": ("#009e73", "#2cc397"),
    "line3": ("#b8578f", "#dd8fbc"),
    "noise0": ("#88ccee", "#88ccee"),
    "noise1": ("#cc6677", "#e5808f"),
    "noise2": ("#117733", "#2f8a4e"),
    "noise3": ("#ddcc77", "#ddcc77"),
    "noise4": ("#332288", "#7a6ee0"),
    "noise5": ("#aa4499", "#cf72c0"),
    "noise6": ("#44aa99", "#66ccba"),
    "noise7": ("#882255", "#b04c7c"),
    "noise8": ("#999933", "#a3a338"),
    "noise9": ("#661100", "#b05f45"),
}
_LINES = ("level", "line1", "line2", "line3")
_RAMPS = {  # a subset of 1, 2, 3, 4 modalities; any number of more than four
    "subset1": ("#bfe0f5", "#2f7fb8"),
    "subset2": ("#fbe0a8", "#b8690f"),
    "subset3": ("#e3c6e6", "#83408f"),
    "subset4": ("#7a2038", "#7a2038"),
    "subsets": ("#bfe0f5", "#173a5e"),
}
_NOISES = sum(name.startswith("noise") for name in _NAMED)


def light(role: Role) -> str:
    """A role's colour on white."""
    return _shade(role, 0)


def dark(role: Role) -> str:
    """A role's colour on a dark page."""
    return _shade(role, 1)


class StandIns:
    """Colours that are no colours: each role gets one of its own, to be replaced by a variable of the style sheet."""

    def __init__(self) -> None:
        self._roles: dict[Role, str] = {}

    def __call__(self, role: Role) -> str:
        return self._roles.setdefault(role, f"#0a0b{len(self._roles):02x}")

    def replaced(self, markup: str) -> str:
        """`markup` with variables in place of the stand-ins."""
        names = {stand_in: f"var(--p{index})" for index, stand_in in enumerate(self._roles.values())}
        return re.sub(r"#0a0b[0-9a-f]{2}\b", lambda found: names[found[0]], markup)

    def style(self, colour: Colour) -> str:
        """The declarations of these variables."""
        return " ".join(f"--p{index}: {colour(role)};" for index, role in enumerate(self._roles))


def noise_roles(count: int) -> list[Role]:
    """The colours of `count` noises; from the eleventh on they come again."""
    return [(f"noise{index % _NOISES}", 0.0) for index in range(count)]


def line_roles(count: int) -> list[Role]:
    """The colours of `count` lines; from the fifth on they come again."""
    return [(_LINES[index % len(_LINES)], 0.0) for index in range(count)]


def subset_roles(hits: Sequence[int]) -> list[Role]:
    """The colours of subsets by how many modalities each hits: a hue for each number, light to dark within it."""
    often, seen, roles = Counter(hits), Counter[int](), []
    for number in hits:
        if number == 0:
            roles.append(CLEAN)
        elif max(hits) > 4:
            roles.append(("subsets", number / max(hits)))
        else:
            roles.append((f"subset{number}", (seen[number] + 0.5) / often[number]))
        seen[number] += 1
    return roles


def _shade(role: Role, mode: int) -> str:
    name, share = role
    if name in _NAMED:
        return _NAMED[name][mode]
    ends = [[int(end[start : start + 2], 16) for start in (1, 3, 5)] for end in _RAMPS[name]]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends, strict=True))
