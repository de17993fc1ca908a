from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from coach import history
from coach.history import Day, Entry, Sums, Year, hours, month_of, months_between, sums_of, years_of

JULY, TODAY = date(2026, 7, 1), date(2026, 7, 4)


def entry(day: int = 4, **fields: Any) -> Entry:
    values: dict[str, Any] = {
        "id": UUID(int=day),
        "local_date": date(2026, 7, day),
        "mission_name": "Tour of the Valleys",
        "outcome": "decided",
        "action": "maintain",
        "minutes": 60,
        "word": "",
        "ridden_minutes": None,
        **fields,
    }
    return Entry(**values)


def failed(day: int = 4, outcome: str = "failed") -> Entry:
    return entry(day, outcome=outcome, action="", minutes=None)


def july(*entries: Entry, first_weekday: int = 0, **fields: Any) -> history.Month:
    values: dict[str, Any] = {"today": TODAY, "filled": [JULY], **fields}
    return month_of(JULY, entries, (), first_weekday=first_weekday, **values)


@pytest.mark.parametrize(
    ("first_weekday", "first", "last"),
    [
        (0, date(2026, 6, 29), date(2026, 8, 2)),
        (5, date(2026, 6, 27), date(2026, 7, 31)),
        (6, date(2026, 6, 28), date(2026, 8, 1)),
    ],
)
def test_month_is_whole_weeks_from_the_reader_s_first_weekday(
    first_weekday: int, first: date, last: date
) -> None:
    weeks = july(first_weekday=first_weekday).weeks

    days = [day.date for week in weeks for day in week]
    assert days == [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert {len(week) for week in weeks} == {7}
    of_month = [day.date.day for week in weeks for day in week if day.is_of_month]
    assert of_month == [*range(1, 32)]


def test_every_run_of_a_day_stands_in_it_and_a_day_without_one_is_empty() -> None:
    two = [entry(4), entry(4, mission_name="Ronde")]

    days = {day.date: day for week in july(*two).weeks for day in week}

    assert days[TODAY] == Day(TODAY, is_of_month=True, is_today=True, entries=two, stages=())
    assert days[date(2026, 7, 5)].entries == ()
    assert [day.date for day in days.values() if day.is_today] == [TODAY]


def test_neighbours_are_the_next_months_with_anything_in_them() -> None:
    may, october = date(2026, 5, 1), date(2026, 10, 1)

    month = july(filled=[date(2025, 1, 1), may, JULY, october])

    assert (month.earlier, month.later) == (may, october)
    assert (july().earlier, july().later) == (None, None)


@pytest.mark.parametrize(
    ("one", "kind", "title", "initial", "amount", "label"),
    [
        (
            entry(word="done"),
            *("maintain", "Maintain", "M", "60 min"),
            "Saturday 4 July: Maintain, 60 min, done, Tour of the Valleys",
        ),
        (
            entry(action="recover", minutes=0),
            *("recover", "Recover", "R", "no riding"),
            "Saturday 4 July: Recover, no riding, Tour of the Valleys",
        ),
        (
            failed(),
            *("failed", "Failed", "", ""),
            "Saturday 4 July: Failed, Tour of the Valleys",
        ),
        (
            failed(outcome="missed"),
            *("missed", "Missed", "", ""),
            "Saturday 4 July: Missed, Tour of the Valleys",
        ),
        (
            failed(outcome="due"),
            *("due", "Waiting", "", ""),
            "Saturday 4 July: Waiting, Tour of the Valleys",
        ),
    ],
)
def test_run_is_told_by_its_action_or_by_what_became_of_it(
    one: Entry, kind: str, title: str, initial: str, amount: str, label: str
) -> None:
    told = (one.kind, one.title, one.initial, one.amount, one.label)
    assert told == (kind, title, initial, amount, label)


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [
        ({"word": "done", "ridden_minutes": 12}, 60),
        ({"word": "skipped", "ridden_minutes": 45}, 0),
        ({"word": "changed", "ridden_minutes": 45}, 45),
        ({"word": "changed"}, None),
        ({"ridden_minutes": 90}, 60),
        ({"ridden_minutes": 0}, 0),
        ({}, None),
        ({"minutes": 0}, 0),
    ],
)
def test_ridden_as_prescribed_goes_by_the_word_then_by_the_ride(
    fields: dict[str, Any], minutes: int | None
) -> None:
    assert entry(**fields).as_prescribed == minutes


def test_sums_of_a_month() -> None:
    entries = [
        entry(1, word="done"),
        entry(2, word="changed", ridden_minutes=30),
        entry(3, word="skipped"),
        entry(4),
        entry(5, action="recover", minutes=0),
        failed(6),
        failed(7, "missed"),
    ]

    sums = sums_of(entries)

    assert sums == Sums(
        mornings=7,
        briefs=5,
        workouts=4,
        done=1,
        changed=1,
        skipped=1,
        prescribed="4 h",
        ridden="1 h 30 min",
        ridden_of=3,
    )
    assert sums.not_said == 1


def test_what_nobody_told_is_unknown_and_not_nothing() -> None:
    assert (sums_of([entry()]).ridden, sums_of([entry()]).ridden_of) == ("unknown", 0)
    assert sums_of([entry(word="skipped")]).ridden == "0 min"


@pytest.mark.parametrize(
    ("minutes", "words"), [(0, "0 min"), (59, "59 min"), (120, "2 h"), (750, "12 h 30 min")]
)
def test_hours_in_words(minutes: int, words: str) -> None:
    assert hours(minutes) == words


def test_years_lead_to_their_last_month_with_runs() -> None:
    counts = {date(2025, 3, 1): 4, date(2025, 11, 1): 20, date(2026, 7, 1): 4}

    assert years_of(counts) == [Year(2026, 4, date(2026, 7, 1)), Year(2025, 24, date(2025, 11, 1))]
    assert years_of({}) == []


def test_months_between_two_dates_include_both_of_theirs() -> None:
    months = months_between(date(2026, 11, 30), date(2027, 1, 1))

    assert months == [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
