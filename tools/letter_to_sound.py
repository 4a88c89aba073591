"""Learns letter-to-sound rules from a pronouncing dictionary.

Letters are aligned with none, one or two phones each by expectation maximisation over the best alignments; then, for
each letter in ever wider contexts, the commonest sound becomes a rule where it differs from what the narrower context
says often enough.

Public: `learn`, `CONTEXTS`.

Reference: Black, Lenzo and Pagel, "Issues in building general letter to sound rules", SSW 1998.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict

from noise_scheduler.text.lexicon import CONTEXTS

Phones = tuple[str, ...]
Aligned = list[tuple[str, Phones]]
_VOWELS = set("aeiouy")


def learn(words: dict[str, Phones], *, least_gain: int = 4, rounds: int = 4) -> dict[str, str]:
    """Rules: letters of the context with the letter itself in capitals → phones, separated by spaces."""
    costs: dict[tuple[str, Phones], float] = {}
    for _ in range(rounds):
        counts: Counter[tuple[str, Phones]] = Counter()
        for word, phones in words.items():
            counts.update(_align(word, phones, costs))
        totals: Counter[str] = Counter()
        for (letter, _), count in counts.items():
            totals[letter] += count
        costs = {pair: math.log(totals[pair[0]] / count) for pair, count in counts.items() if count > 2}
    aligned = [alignment for word, phones in words.items() if (alignment := _align(word, phones, costs))]
    return _rules(aligned, least_gain)


def _align(word: str, phones: Phones, costs: dict[tuple[str, Phones], float]) -> Aligned:
    """The cheapest way to give each letter none, one or two phones in turn; empty where there is none."""
    best: dict[int, tuple[float, Aligned]] = {0: (0.0, [])}
    for place, letter in enumerate(word):
        left = len(word) - place - 1
        following: dict[int, tuple[float, Aligned]] = {}
        for at, (cost, path) in best.items():
            for size in (0, 1, 2):
                end = at + size
                if end > len(phones) or len(phones) - end > 2 * left:
                    continue
                pair = (letter, phones[at:end])
                total = cost + (costs.get(pair, 12.0) if costs else _first_cost(letter, pair[1]))
                if end not in following or total < following[end][0]:
                    following[end] = (total, [*path, pair])
        best = following
    return best[len(phones)][1] if len(phones) in best else []


def _first_cost(letter: str, phones: Phones) -> float:
    """Before anything is known: one phone is likelier than none or two, and vowels are written with vowels."""
    cost = {0: 1.5, 1: 0.0, 2: 3.0}[len(phones)]
    for phone in phones:
        cost += 2.0 * ((letter in _VOWELS) != (phone[0] in "AEIOU"))
    return cost


def _rules(aligned: list[Aligned], least_gain: int) -> dict[str, str]:
    rules: dict[str, str] = {}
    places = []
    for alignment in aligned:
        padded = "##" + "".join(letter for letter, _ in alignment) + "###"
        places += [(padded, place, " ".join(sound)) for place, (_, sound) in enumerate(alignment, start=2)]
    told = [""] * len(places)
    for before, after in CONTEXTS:
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        missed: dict[str, Counter[str]] = defaultdict(Counter)
        keys = [
            padded[max(0, place - before) : place] + padded[place].upper() + padded[place + 1 : place + 1 + after]
            for padded, place, _ in places
        ]
        for key, (_, _, sound), now in zip(keys, places, told, strict=True):
            seen[key][sound] += 1
            missed[key][now] += 1
        for key, sounds in seen.items():
            sound, count = sounds.most_common(1)[0]
            hits_now = sum(sounds[now] * times / sum(missed[key].values()) for now, times in missed[key].items())
            if count - hits_now >= (least_gain if before or after else 0):
                rules[key] = sound
        told = [rules.get(key, now) for key, now in zip(keys, told, strict=True)]
    return rules
