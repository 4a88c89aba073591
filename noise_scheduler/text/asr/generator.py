"""The errors of one utterance: a chain of right and wrong words, then what is written for the wrong ones.

An utterance has a rate of errors of its own, logit-normal around that of the profile. Its words are a two-state Markov
chain with that stationary rate: the odds of an error are `burst` times as high after an error, so that errors come in
runs while their rate does not depend on the length. The odds are multiplied by the hardness of each word relative to
the utterance's mean. Wrong words are deleted or substituted; words are inserted, mostly next to errors. In the end, a
substitution beside a deletion may become one word heard for two, a substitution beside an insertion two words for one,
and two substitutions two words cut elsewhere.

Public: `Settings`, `Errors`, `generate`.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from .. import lexicon
from .bigrams import END, START
from .boundaries import merged, split
from .choice import Choice, Draw
from .respelling import respelled
from .words import Word

_FIRST, _LAST = 1.8, 1.4  # factors of the odds of an error
_TYPICAL_HARDNESS, _TYPICAL_WORDS = 1.0, 4.0
_DELETED_AFTER_ERROR = 4.0
_NO_WORD = -1
_NORMAL = NormalDist()
_KEPT, _DELETED, _SUBSTITUTED = 0, 1, 2
Written = str | None


class Settings(NamedTuple):
    """The parameters of the generator at one expected word error rate."""

    empty: float
    """Probability of an empty transcript."""
    error: float
    """Rate of substitutions and deletions in the median utterance."""
    spread: float
    """Standard deviation of the logit of that rate over utterances."""
    burst: float
    """Logarithm of the factor of the odds of an error after an error."""
    deletion: float
    """Log-odds that an error is a deletion."""
    insertion: float
    """Insertions per word."""
    insertion_run: float
    """Mean number of words put in at one place."""
    far: float
    """Share of the substitutions by words that do not sound alike; below 0, its negative is the share for which the
    closer of two neighbours is taken."""
    boundary: float
    """Share of the pairs of errors that fit in which word boundaries move."""


class Errors(NamedTuple):
    """What was written: for each word of the utterance, and after it."""

    written: list[Written]
    """None for a word that was kept, an empty string for one that was deleted."""
    inserted: list[str]
    """The words put in after each word; the last item stands for those before the first."""
    substitutions: int
    deletions: int
    insertions: int


def generate(words: list[Word], settings: Settings, choice: Choice, draw: Draw, context: bool) -> Errors | None:
    """Errors for the spoken words of an utterance; None for an empty transcript.

    Args:
        words: at least one.
        settings: of the profile at the expected word error rate.
        choice: draws the words that are written.
        draw: gives uniform numbers in [0, 1).
        context: whether the choice looks at the words beside it.
    """
    if draw() < settings.empty:
        return None
    after_right, after_wrong = _odds(settings, draw())
    count = len(words)
    hardness = sum([word.hardness for word in words])
    scale = (count + _TYPICAL_WORDS) / (hardness + _TYPICAL_WORDS * _TYPICAL_HARDNESS)
    after_right *= scale
    after_wrong *= scale
    deletion = math.exp(settings.deletion)
    place_rate = settings.insertion / settings.insertion_run
    last = count - 1
    fates: list[int] = []
    inserted = [0] * (count + 1)
    wrong = any_wrong = False
    for place, word in enumerate(words):
        odds = (after_wrong if wrong else after_right) * word.hardness
        if place == 0:
            odds *= _FIRST
        elif place == last:
            odds *= _LAST
        if draw() * (1 + odds) < odds:
            odds = deletion * word.weakness * (_DELETED_AFTER_ERROR if wrong else 1.0)
            fates.append(_DELETED if draw() * (1 + odds) < odds else _SUBSTITUTED)
            wrong = any_wrong = True
        else:
            fates.append(_KEPT)
            wrong = False
        if draw() < place_rate * (_NEAR_ERROR if wrong else _FAR_FROM_ERROR):
            inserted[place] = _run_length(settings.insertion_run, draw)
            any_wrong = True
    if draw() < place_rate * _FAR_FROM_ERROR:
        inserted[count] = _run_length(settings.insertion_run, draw)
        any_wrong = True
    if not any_wrong:
        return Errors([None] * count, [""] * (count + 1), 0, 0, 0)
    return _Writer(words, fates, inserted, settings, choice, draw, context).errors()


_NEAR_ERROR, _FAR_FROM_ERROR = 2.5, 0.8


def _odds(settings: Settings, chance: float) -> tuple[float, float]:
    """Odds of an error after a right word and after a wrong one, in an utterance drawn with a uniform number."""
    rate = min(max(settings.error, 1e-6), 1 - 1e-6)
    if settings.spread:
        odds = rate / (1 - rate) * math.exp(settings.spread * _NORMAL.inv_cdf(min(max(chance, 1e-9), 1 - 1e-9)))
        rate = min(odds / (1 + odds), 1 - 1e-6)
    ratio = math.exp(settings.burst)
    if ratio < 1.0001:
        odds = rate / (1 - rate)
        return odds, odds
    # The joint probability of two errors in a row from the rate and the odds ratio of the two-by-two table.
    half = 1 + 2 * rate * (ratio - 1)
    both = (half - math.sqrt(half * half - 4 * ratio * (ratio - 1) * rate * rate)) / (2 * (ratio - 1))
    after_right = (rate - both) / (1 - rate)
    odds = after_right / (1 - after_right)
    return odds, odds * ratio


def _run_length(mean: float, draw: Draw) -> int:
    """A geometric number of words."""
    length = 1
    if mean > 1:
        more = 1 - 1 / mean
        while draw() < more:
            length += 1
    return length


class _Writer:
    """Chooses what is written, word by word."""

    def __init__(
        self,
        words: list[Word],
        fates: list[int],
        inserted: list[int],
        settings: Settings,
        choice: Choice,
        draw: Draw,
        context: bool,
    ) -> None:
        self.words, self.fates, self.inserted = words, fates, inserted
        self.settings, self.choice, self.draw, self.context = settings, choice, draw, context
        self.vocabulary = lexicon.words()
        self.before = START

    def errors(self) -> Errors:
        count = len(self.words)
        counts = self.fates.count(_SUBSTITUTED), self.fates.count(_DELETED), sum(self.inserted)
        written: list[Written] = [None] * count
        extra = [""] * (count + 1)
        if self.inserted[count]:
            extra[count] = self._insertion(self.inserted[count], -1)
        place = 0
        while place < count:
            fate = self.fates[place]
            if fate == _KEPT:
                self.before = self.words[place].rank
            elif fate == _DELETED and self._boundary(place, _SUBSTITUTED):
                place = self._merge(written, place)
            elif fate == _DELETED:
                written[place] = ""
            elif self._boundary(place, _DELETED):
                place = self._merge(written, place)
            elif self._boundary(place, _SUBSTITUTED):
                place = self._shift(written, place)
            elif self.inserted[place] == 1 and self.draw() < self.settings.boundary:
                written[place] = self._divided(place)
                self.inserted[place] = 0
            else:
                written[place] = self._substitute(place)
            if self.inserted[place]:
                extra[place] = self._insertion(self.inserted[place], place)
            place += 1
        return Errors(written, extra, *counts)

    def _boundary(self, place: int, following: int) -> bool:
        """Whether this word and the next one, which must have that fate, are heard across their boundary."""
        return (
            place + 1 < len(self.fates)
            and self.fates[place + 1] == following
            and not self.inserted[place]
            and self.draw() < self.settings.boundary
        )

    def _merge(self, written: list[Written], place: int) -> int:
        """One word for this one and the next; gives the place of the latter."""
        one, other = self.words[place], self.words[place + 1]
        rank = merged(one.phones, other.phones, self.draw())
        if rank == _NO_WORD:
            kept = place if self.fates[place] == _SUBSTITUTED else place + 1
            written[place] = written[place + 1] = ""
            written[kept] = self._substitute(kept)
            return place + 1
        written[place], written[place + 1] = self._word(rank), ""
        return place + 1

    def _shift(self, written: list[Written], place: int) -> int:
        """Two other words for this one and the next; gives the place of the latter."""
        one, other = self.words[place], self.words[place + 1]
        found = split(one.phones + other.phones, len(one.phones), self.draw())
        if found is None:
            written[place] = self._substitute(place)
            written[place + 1] = self._substitute(place + 1)
        else:
            written[place], written[place + 1] = self._word(found[0]), self._word(found[1])
        return place + 1

    def _divided(self, place: int) -> str:
        """Two words for this one."""
        found = split(self.words[place].phones, -1, self.draw())
        if found is None:
            return f"{self._substitute(place)} {self._insertion(1, place)}"
        return f"{self._word(found[0])} {self._word(found[1])}"

    def _substitute(self, place: int) -> str:
        word, draw = self.words[place], self.draw
        seen = self.choice.learned(word, draw)
        if seen is not None:
            self.before = _rank(seen)
            return seen
        after = self._after(place)
        if draw() < self.settings.far:
            return self._word(self._other(self.choice.far(word, self.before, after, draw), word, after))
        if word.respelled and draw() < word.respelled:
            spelt = respelled(word.plain, draw())
            if spelt != word.plain:
                self.before = _NO_WORD
                return spelt
        rank = self.choice.near(word, self.before, after, draw, draw() < -self.settings.far)
        return self._word(rank if rank >= 0 else self.choice.far(word, self.before, after, draw))

    def _other(self, rank: int, word: Word, after: int) -> int:
        """Drawn again, once, where it is the very word that was said."""
        return self.choice.far(word, self.before, after, self.draw) if rank == word.rank else rank

    def _insertion(self, length: int, place: int) -> str:
        heard = []
        for left in range(length, 0, -1):
            after = self._after(place) if left == 1 else _NO_WORD
            heard.append(self._word(self.choice.inserted(self.before, after, self.draw)))
        return " ".join(heard)

    def _after(self, place: int) -> int:
        """The word that was said next, if it was understood."""
        place += 1
        if place == len(self.words):
            return END
        return self.words[place].rank if self.fates[place] == _KEPT else _NO_WORD

    def _word(self, rank: int) -> str:
        self.before = rank
        return self.vocabulary[rank]


def _rank(word: str) -> int:
    rank = lexicon.rank(word)
    return _NO_WORD if rank is None else rank
