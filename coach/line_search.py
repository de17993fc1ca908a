"""The best line through a row of days, exactly: labels, and the proof of what may be dropped.

A label is one way to have ridden up to a morning: its points, its form (CTL and ATL), its hard days
in a row, and how far each bonus is. Every label is carried on by every choice that its day allows.
Two rules drop labels, and neither can lose the best line.

Dominance. On one morning A makes B needless when three things hold.

1. A has no more hard days in a row. The same choices do the same to both rows, so wherever B may
   ride hard, A may.
2. A's TSB is higher than B's now, and would be on the morning of the last stage if both rode alike.
   With dc and da the differences of their CTL and ATL, and r < s the shares of ATL and of CTL that
   a day leaves, the difference of their TSB k days on is dc s^k - da r^k: the recurrence is linear
   and the loads in between are the same. Divided by s^k > 0 that is dc - da (r/s)^k, which moves
   one way only as k grows. So in between it is above the lesser of its ends, which are above zero,
   and A passes every limit of TSB that B passes.
3. A leads by at least the points of the bonuses on which it is behind. A count never falls, and the
   same choices lengthen or break a row of A and of B alike. So whatever bonus B comes to earn, A
   earns it too, or was behind on it and leads by its points.

Hence each way on from B is a way on from A, and worth no less from there. The TSB must be higher by
a hair: far more than rounding adds up to, far less than any form is known to.

Bound. A label is dropped when its points, all bonuses that it has not lost and the dearest choices
that the limit of hard days alone allows make no more than a line that was already found.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import NamedTuple

from coach.physiology.form import ATL_GAIN, CTL_GAIN

MOST_LABELS = 20_000
LOST = -1
HAIR_TSB = 1e-6
# How soon a good line is found hangs on this; which line is best does not.
GUESS_WIDTH = 20


class TooManyLines(Exception):
    """More labels than one search may hold, so that no line is known to be the best."""


class Choice(NamedTuple):
    """One way to spend a day: its points before bonuses, its load on the TSS scale.

    `counts` says for each bonus whether it counts towards it; None on a day without a stage, which
    breaks no row either.
    """

    mode: str
    points: int
    load: float
    is_hard: bool
    counts: tuple[bool, ...] | None


class Bonus(NamedTuple):
    """A bonus in reach: so many stages, in a row or wherever they are."""

    needed: int
    points: int
    is_row: bool


class Label(NamedTuple):
    """`counts` go up to what each bonus needs, or are LOST; `modes` begin with the search."""

    points: int
    ctl: float
    atl: float
    hard_days: int
    counts: tuple[int, ...]
    modes: tuple[str, ...] = ()


Counts = tuple[int, ...]
# By hard days and counts: the points, the TSB now and the TSB then of each label that was kept.
Kept = dict[tuple[int, Counts], list[tuple[int, float, float]]]


@dataclass(frozen=True)
class Search:
    """The days up to that of the last stage, each with its choices in the order of their strain.

    Below `force_rest_tsb` only the first choice is allowed; below `min_tsb`, and after
    `max_hard_days` in a row, the first two.
    """

    days: Sequence[Sequence[Choice]]
    bonuses: Sequence[Bonus]
    min_tsb: float
    force_rest_tsb: float
    max_hard_days: int
    _counted: dict[tuple[int, tuple[bool, ...], Counts], Counts] = field(default_factory=dict)
    _hopes: dict[Counts, int] = field(default_factory=dict)
    _leads: dict[Counts, dict[Counts, int]] = field(default_factory=dict)

    def best(self, start: Label) -> Label:
        """The line with the most points, those of its bonuses included; of equals any one.

        TooManyLines when the search would hold more than MOST_LABELS.
        """
        start = start._replace(hard_days=min(start.hard_days, self.max_hard_days))
        guess = max(map(self._with_bonuses, self._searched(start, above=-1, width=GUESS_WIDTH)))
        better = map(self._with_bonuses, self._searched(start, above=guess.points))
        return max(better, default=guess)

    def _with_bonuses(self, label: Label) -> Label:
        """A line after the last day, with the points of the bonuses it earned."""
        both = zip(self.bonuses, label.counts, strict=True)
        earned = sum(bonus.points for bonus, count in both if count == bonus.needed)
        return label._replace(points=label.points + earned)

    def allowed(self, number: int, tsb: float, hard_days: int) -> Sequence[Choice]:
        """What the limits leave of a day's choices."""
        if tsb < self.force_rest_tsb:
            return self.days[number][:1]
        is_spared = tsb < self.min_tsb or hard_days >= self.max_hard_days
        return self.days[number][:2] if is_spared else self.days[number]

    def most(self, number: int, label: Label) -> int:
        """No line on from here has more points than this, bonuses included."""
        return (
            label.points + self._ceilings[number][label.hard_days] + self._hoped_for(label.counts)
        )

    def _searched(self, start: Label, *, above: int, width: int | None = None) -> list[Label]:
        """The lines worth more than `above` that no other makes needless.

        The best of all is among them, unless only so many as `width` were carried on.
        """
        labels, held = [start], 0
        for number in range(len(self.days)):
            kept = list(self._thinned(number, labels))
            held += len(kept)
            if width is not None:
                kept = heapq.nlargest(width, kept, key=partial(self.most, number))
            elif held > MOST_LABELS:
                raise TooManyLines
            labels = [
                one for one in self._carried_on(number, kept) if self.most(number + 1, one) > above
            ]
        return labels

    def _carried_on(self, number: int, labels: Iterable[Label]) -> Iterator[Label]:
        for label in labels:
            tsb = label.ctl - label.atl
            for choice in self.allowed(number, tsb, label.hard_days):
                yield Label(
                    label.points + choice.points,
                    label.ctl + (choice.load - label.ctl) * CTL_GAIN,
                    label.atl + (choice.load - label.atl) * ATL_GAIN,
                    min(label.hard_days + 1, self.max_hard_days) if choice.is_hard else 0,
                    self._counts_after(number, choice, label.counts),
                    (*label.modes, choice.mode),
                )

    def _thinned(self, number: int, labels: Iterable[Label]) -> Iterator[Label]:
        """The labels of a morning that no other makes needless."""
        days_to_go = len(self.days) - 1 - number
        ratio = ((1 - ATL_GAIN) / (1 - CTL_GAIN)) ** days_to_go
        kept: Kept = {}
        for label in sorted(labels, key=lambda one: (-one.points, one.atl - one.ctl)):
            now, then = label.ctl - label.atl, label.ctl - label.atl * ratio
            if not self._is_needless(label, now, then, kept):
                place = kept.setdefault((label.hard_days, label.counts), [])
                place.append((label.points, now - HAIR_TSB, then - HAIR_TSB))
                yield label

    def _is_needless(self, label: Label, now: float, then: float, kept: Kept) -> bool:
        leads = self._leads.setdefault(label.counts, {})
        for (hard_days, counts), rivals in kept.items():
            if hard_days > label.hard_days:
                continue
            lead = leads.get(counts)
            if lead is None:
                lead = leads[counts] = self._lead_needed(counts, label.counts)
            least = label.points + lead
            for points, rival_now, rival_then in rivals:
                if points < least:
                    break
                if rival_now > now and rival_then > then:
                    return True
        return False

    def _lead_needed(self, counts: Counts, others: Counts) -> int:
        """The points of the bonuses on which these counts are behind the others."""
        both = zip(self.bonuses, counts, others, strict=True)
        return sum(bonus.points for bonus, count, other in both if count < other)

    def _hoped_for(self, counts: Counts) -> int:
        if counts not in self._hopes:
            both = zip(self.bonuses, counts, strict=True)
            self._hopes[counts] = sum(bonus.points for bonus, count in both if count != LOST)
        return self._hopes[counts]

    def _counts_after(self, number: int, choice: Choice, counts: Counts) -> Counts:
        if choice.counts is None:
            return counts
        key = number, choice.counts, counts
        if key not in self._counted:
            each = zip(self.bonuses, counts, choice.counts, self._left[number + 1], strict=True)
            self._counted[key] = tuple(_count_after(*one) for one in each)
        return self._counted[key]

    @cached_property
    def _left(self) -> list[list[int]]:
        """For each day and bonus, how many stages from then on may still count towards it."""
        left = [[0] * len(self.bonuses)]
        for day in reversed(self.days):
            may = [
                any(one.counts and one.counts[n] for one in day) for n in range(len(self.bonuses))
            ]
            left.append([so_far + is_one for so_far, is_one in zip(left[-1], may, strict=True)])
        return left[::-1]

    @cached_property
    def _ceilings(self) -> list[list[int]]:
        """For each day and row of hard days, the most points of stages, however tired."""
        ceilings = [[0] * (self.max_hard_days + 1)]
        for number in reversed(range(len(self.days))):
            after = ceilings[-1]
            ceilings.append(
                [
                    max(
                        one.points + after[min(row + 1, self.max_hard_days) if one.is_hard else 0]
                        for one in self.allowed(number, math.inf, row)
                    )
                    for row in range(self.max_hard_days + 1)
                ]
            )
        return ceilings[::-1]


def _count_after(bonus: Bonus, count: int, is_counted: bool, left: int) -> int:
    if count in {LOST, bonus.needed}:
        return count
    now = count + is_counted if is_counted or not bonus.is_row else 0
    return now if now + left >= bonus.needed else LOST
