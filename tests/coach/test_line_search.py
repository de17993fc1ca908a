"""The search against trying every way, over days that no game made."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from coach import line_search
from coach.line_search import LOST, Bonus, Choice, Label, Search, TooManyLines
from coach.physiology.days import Day
from coach.physiology.form import DayForm

REST = Choice(mode="rest", points=0, load=0.0, is_hard=False, counts=())
EASY = Choice(mode="easy", points=5, load=60.0, is_hard=False, counts=())
HARD = Choice(mode="hard", points=8, load=90.0, is_hard=True, counts=())
FRESH = Label(points=0, ctl=60.0, atl=40.0, hard_days=0, counts=())


def every_way(search: Search, label: Label, number: int = 0) -> Iterator[Label]:
    """Each line the limits allow, stepped by the form itself and counted bonus by bonus."""
    if number == len(search.days):
        yield label
        return
    form = DayForm(date(2026, 7, 4), label.ctl, label.atl)
    for choice in search.allowed(number, form.tsb, label.hard_days):
        after = form.after(Day(ctl_load=choice.load, atl_load=choice.load))
        row = label.hard_days + 1 if choice.is_hard else 0
        counts = label.counts
        if choice.counts is not None:
            counts = tuple(
                count + 1 if is_counted else 0 if bonus.is_row and count < bonus.needed else count
                for bonus, count, is_counted in zip(
                    search.bonuses, label.counts, choice.counts, strict=True
                )
            )
            counts = tuple(
                min(count, bonus.needed)
                for bonus, count in zip(search.bonuses, counts, strict=True)
            )
        on = Label(
            label.points + choice.points,
            after.ctl,
            after.atl,
            row,
            counts,
            (*label.modes, choice.mode),
        )
        yield from every_way(search, on, number + 1)


def total(search: Search, label: Label) -> int:
    each = zip(search.bonuses, label.counts, strict=True)
    return label.points + sum(bonus.points for bonus, count in each if count == bonus.needed)


def drawn(rng: random.Random, length: int) -> tuple[Search, Label]:
    """Choices of any worth and load, of which a harder one may be worth less."""
    bonuses = [
        Bonus(rng.randint(1, length), rng.choice([0, 4, 11]), rng.random() < 0.5) for _ in range(2)
    ]
    days = [
        (Choice("off", 0, 0.0, False, None),)
        if rng.random() < 0.25
        else [
            Choice(
                mode=mode,
                points=rng.choice([0, 2, 5, 9]),
                load=rng.uniform(0, 250) * strain,
                is_hard=mode == "hard",
                counts=tuple(strain > 0 and rng.random() < 0.7 for _ in bonuses),
            )
            for strain, mode in enumerate(("rest", "easy", "hard")[: rng.choice([1, 2, 3, 3])])
        ]
        for _ in range(length)
    ]
    force_rest_tsb = rng.uniform(-30, 10)
    search = Search(
        days=days,
        bonuses=bonuses,
        min_tsb=force_rest_tsb + rng.uniform(0, 15),
        force_rest_tsb=force_rest_tsb,
        max_hard_days=rng.randint(1, 3),
    )
    start = Label(7, rng.uniform(10, 90), rng.uniform(10, 90), 0, (0, 0))
    return search, start


def test_the_best_line_is_the_best_of_every_way() -> None:
    rng = random.Random(11)

    for _ in range(60):
        search, start = drawn(rng, length=rng.randint(1, 9))
        ways = {one.modes: total(search, one) for one in every_way(search, start)}

        best = search.best(start)

        assert best.points == max(ways.values())
        assert ways[best.modes] == best.points


def test_no_line_from_a_label_is_above_its_bound() -> None:
    rng = random.Random(12)

    for _ in range(20):
        search, start = drawn(rng, length=5)
        highest = max(total(search, one) for one in every_way(search, start))

        assert search.most(0, start) >= highest


def test_a_line_steps_its_form_as_the_days_would() -> None:
    search = Search([[HARD], [REST], [EASY]], [], 0, 0, 1)
    form = DayForm(date(2026, 7, 4), FRESH.ctl, FRESH.atl)
    for load in (90.0, 0.0, 60.0):
        form = form.after(Day(ctl_load=load, atl_load=load))

    assert search.best(FRESH) == Label(13, form.ctl, form.atl, 0, (), ("hard", "rest", "easy"))


def test_without_days_the_start_is_the_line() -> None:
    earned = Search([], [Bonus(2, 9, True)], 0, 0, 1)

    assert earned.best(FRESH._replace(counts=(2,))).points == 9


@pytest.mark.parametrize(
    ("tsb", "hard_days", "modes"),
    [
        (-15.0, 0, ["rest", "easy", "hard"]),
        (-15.0, 2, ["rest", "easy", "hard"]),
        (-15.0, 3, ["rest", "easy"]),
        (-15.1, 0, ["rest", "easy"]),
        (-20.0, 0, ["rest", "easy"]),
        (-20.1, 0, ["rest"]),
    ],
)
def test_limits_leave_so_much_of_a_day(tsb: float, hard_days: int, modes: list[str]) -> None:
    search = Search([[REST, EASY, HARD]], [], min_tsb=-15, force_rest_tsb=-20, max_hard_days=3)

    assert [one.mode for one in search.allowed(0, tsb, hard_days)] == modes


def test_a_bonus_that_cannot_be_earned_any_more_is_lost_to_the_bound() -> None:
    counted = EASY._replace(counts=(True,))
    search = Search([[counted], [counted]], [Bonus(3, 50, False)], -90, -90, 3)

    assert search.most(0, FRESH._replace(counts=(1,))) == 60
    assert search.most(1, FRESH._replace(counts=(LOST,))) == 5
    assert search.best(FRESH._replace(counts=(1,))).points == 60


def test_more_labels_than_may_be_held_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    search = Search([[REST, EASY, HARD]] * 12, [], min_tsb=0, force_rest_tsb=-5, max_hard_days=3)
    monkeypatch.setattr(line_search, "MOST_LABELS", 20)

    with pytest.raises(TooManyLines):
        search.best(FRESH)

    assert replace(search, days=[[REST, EASY, HARD]] * 2).best(FRESH).points == 16
