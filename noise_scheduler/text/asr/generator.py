"""The errors of one utterance: a chain of right and wrong words, then what is written for the wrong ones.

An utterance has a rate of errors of its own, logit-normal around that of the profile. Its words are a two-state Markov
chain with that stationary rate: the odds of an error are `burst` times as high after an error, so that errors come in
runs while their rate does not depend on the length. The odds are multiplied by the hardness of each word relative to
the utterance's mean. Wrong words are deleted or substituted; words are inserted, mostly next to errors. In the end, a
substitution beside a deletion may become one word heard for two, a substitution beside an insertion two words for one,
and two substitutions two words cut elsewhere.

Public: `Settings`, `Errors`, `generate`.

References: Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 1960 (the chain); Plackett, "A
class of bivariate distributions", JASA 1965 (two-by-two tables by rate and odds ratio).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from .. import lexicon
from .bigrams import END, START
from .boundaries import alike, cuts
from .choice import Choice
from .respelling import respelled
from .sampling import Draw
from .words import Word

_FIRST, _LAST = 2.1, 1.3  # factors of the odds of an error
# Hardness and weakness count relative to the utterance's mean, to which as many typical words are added.
_TYPICAL_WORDS, _HARDNESS, _WEAKNESS = 4.0, 0.65, 2.0
_DELETED_AFTER_ERROR = 3.0
_SHIFTED = 0.5  # of the pairs of substitutions, for the pairs with a deletion or an insertion
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
    stray: float
    """Share of the insertions that stand by themselves and not beside a wrong word."""
    far: float
    """Share of the substitutions by words that do not sound alike; below 0, its negative is how many more neighbours
    are drawn of which the closest is taken, on average."""
    far_in_context: float
    """The same where words are chosen in context."""
    boundary: float
    """Share of the pairs of errors that fit in which word boundaries move."""


class Errors(NamedTuple):
    """What was written: for each word of the utterance, and after it."""

    written: list[Written]
    """None for a word that was kept, an empty string for one that was deleted; no items where there are no errors."""
    inserted: list[str]
    """The words put in after each word; the last item stands for those before the first."""
    substitutions: int
    deletions: int
    insertions: int


_NO_ERRORS = Errors([], [], 0, 0, 0)


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
    scale = (count + _TYPICAL_WORDS) / (sum([word.hardness for word in words]) + _TYPICAL_WORDS * _HARDNESS)
    after_right *= scale
    after_wrong *= scale
    scale = (count + _TYPICAL_WORDS) / (sum([word.weakness for word in words]) + _TYPICAL_WORDS * _WEAKNESS)
    deletion = math.exp(settings.deletion) * scale
    places = settings.insertion / settings.insertion_run
    beside_wrong = min(places * (1 - settings.stray) / max(settings.error, 0.01), 0.9)
    beside_right = min(places * settings.stray, 0.9)
    last = count - 1
    fates: list[int] = []
    inserted = [0] * (count + 1)
    wrong = put_in = any_wrong = False
    for place, word in enumerate(words):
        odds = (after_wrong if wrong else after_right) * word.hardness
        if place == 0:
            odds *= _FIRST
        elif place == last:
            odds *= _LAST
        over = draw() * (1 + odds) - odds  # uniform again from 0 to 1, if the word is right
        if over < 0:
            odds = deletion * word.weakness * (_DELETED_AFTER_ERROR if wrong else 1.0)
            wrong = any_wrong = True
            # A word put in beside a lost one is a substitution, so these two never meet.
            if not put_in and draw() * (1 + odds) < odds:
                fates.append(_DELETED)
                continue
            fates.append(_SUBSTITUTED)
            put_in = draw() < beside_wrong
        else:
            fates.append(_KEPT)
            wrong = False
            put_in = over < beside_right
        if put_in:
            inserted[place] = _run_length(settings.insertion_run, draw)
            any_wrong = True
    if fates[0] != _DELETED and draw() < (beside_wrong if fates[0] else beside_right):
        inserted[count] = _run_length(settings.insertion_run, draw)
        any_wrong = True
    if not any_wrong:
        return _NO_ERRORS
    if fates.count(_DELETED) == count and not any(inserted):  # empty transcripts have a probability of their own
        fates[int(draw() * count)] = _SUBSTITUTED
    return _Writer(words, fates, inserted, settings, choice, draw, context).errors()


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
        self.boundary, self.far = settings.boundary, settings.far_in_context if context else settings.far
        self.choice, self.draw = choice, draw
        self.vocabulary = lexicon.words()
        self.before = START

    def errors(self) -> Errors:
        count = len(self.words)
        counts = self.fates.count(_SUBSTITUTED), self.fates.count(_DELETED), sum(self.inserted)
        written: list[Written] = [None] * count
        extra = [""] * (count + 1)
        if self.inserted[count]:
            extra[count] = self._insertion(self.inserted[count], self._after(-1))
        fates_and_end = [*self.fates, _KEPT]
        place = 0
        while place < count:
            fate = self.fates[place]
            following = _KEPT if self.inserted[place] else fates_and_end[place + 1]  # across whose boundary it is heard
            if fate == _KEPT:
                self.before = self.words[place].rank
            elif fate == _DELETED and following == _SUBSTITUTED and self.draw() < self.boundary:
                place = self._merge(written, place)
            elif fate == _DELETED:
                written[place] = ""
            elif following == _DELETED and self.draw() < self.boundary:
                place = self._merge(written, place)
            elif following == _SUBSTITUTED and self.draw() < _SHIFTED * self.boundary:
                place = self._shift(written, place)
            elif self.inserted[place]:
                written[place] = self._lengthened(place)
                self.inserted[place] = 0
            else:
                written[place] = self._substitute(place)
            if self.inserted[place]:
                extra[place] = self._insertion(self.inserted[place], self._after(place))
            place += 1
        return Errors(written, extra, *counts)

    def _merge(self, written: list[Written], place: int) -> int:
        """One word for this one and the next; gives the place of the latter."""
        options = alike(self.words[place].phones + self.words[place + 1].phones)
        written[place] = written[place + 1] = ""
        if options.ranks:
            written[place] = self._word(self.choice.option(options, self.before, self._after(place + 1), self.draw))
        else:
            kept = place if self.fates[place] == _SUBSTITUTED else place + 1
            written[kept] = self._substitute(kept)
        return place + 1

    def _shift(self, written: list[Written], place: int) -> int:
        """Two other words for this one and the next; gives the place of the latter."""
        one, other = self.words[place], self.words[place + 1]
        heard = self._two(one.phones + other.phones, len(one.phones), place + 1)
        if heard is None:
            heard = self._substitute(place), self._substitute(place + 1)
        written[place], written[place + 1] = heard
        return place + 1

    def _lengthened(self, place: int) -> str:
        """More than one word for this one: it is heard as two, or others are put in before what is heard."""
        if self.inserted[place] == 1 and self.draw() < self.boundary:
            heard = self._two(self.words[place].phones, -1, place)
            if heard is not None:
                return " ".join(heard)
        return f"{self._insertion(self.inserted[place], _NO_WORD)} {self._substitute(place)}"

    def _two(self, phones: lexicon.Phones, at: int, last: int) -> tuple[str, str] | None:
        """Two words that sound like `phones` and do not meet at phone `at`; None where there are none."""
        places = cuts(phones, at)
        if not places:
            return None
        cut = places[int(self.draw() * len(places))]
        first = self._word(self.choice.option(alike(phones[:cut]), self.before, _NO_WORD, self.draw))
        return first, self._word(self.choice.option(alike(phones[cut:]), self.before, self._after(last), self.draw))

    def _substitute(self, place: int) -> str:
        word, draw = self.words[place], self.draw
        seen = self.choice.learned(word, draw)
        if seen is not None:
            self.before = _rank(seen)
            return seen
        after = self._after(place)
        if draw() < self.far:
            return self._word(self._other(self.choice.far(word, self.before, after, draw), word, after))
        if word.respelled and draw() < word.respelled:
            spelt = respelled(word.plain, draw())
            if spelt != word.plain:
                self.before = _NO_WORD
                return spelt
        rank = self.choice.near(word, self.before, after, draw)
        extra = -self.far
        while extra > 0 and draw() < extra:
            rank = word.closer(rank, self.choice.near(word, self.before, after, draw))
            extra -= 1
        return self._word(rank if rank >= 0 else self.choice.far(word, self.before, after, draw))

    def _other(self, rank: int, word: Word, after: int) -> int:
        """Drawn again, once, where it is the very word that was said."""
        return self.choice.far(word, self.before, after, self.draw) if rank == word.rank else rank

    def _insertion(self, length: int, after: int) -> str:
        """That many words that were not said, before the word `after`."""
        heard = []
        for left in range(length, 0, -1):
            rank = self.choice.inserted(self.before, after if left == 1 else _NO_WORD, self.draw)
            heard.append(self._word(rank))
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
