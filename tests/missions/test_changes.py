from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from missions.changes import ENDS_TRAINING, Course, Day, moved, sentences
from tests.factories import TODAY

DAY_ONE = date(2026, 8, 3)


def days(first: date, *kinds: str) -> tuple[Day, ...]:
    return tuple(
        Day(first + timedelta(days=number), kind.removesuffix("*"), kind.endswith("*"))
        for number, kind in enumerate(kinds)
    )


BEFORE = Course(
    state="TRAINING",
    prep_start=date(2026, 5, 5),
    event_start=DAY_ONE,
    event_end=date(2026, 8, 5),
    timezone="Europe/Paris",
    send_time=time(6, 0),
    stages=days(DAY_ONE, "flat", "mountain", "flat*"),
    next_morning=datetime(2026, 7, 5, 4, 0, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, []),
        (
            {
                "event_start": date(2026, 8, 8),
                "event_end": date(2026, 8, 10),
                "stages": days(date(2026, 8, 8), "flat", "mountain", "flat*"),
            },
            [
                "The event starts 5 days later: 8 August instead of 3 August.",
                "The event ends 5 days later: 10 August instead of 5 August.",
                "Training has 35 days left instead of 30.",
                "The stages move with the event.",
            ],
        ),
        (
            {"event_end": date(2027, 8, 5)},
            [
                "The event ends 365 days later: 5 August 2027 instead of 5 August.",
                "The event has 368 days instead of 3.",
            ],
        ),
        (
            {
                "event_start": date(2026, 8, 4),
                "event_end": date(2026, 8, 6),
                "stages": days(date(2026, 8, 4), "flat", "itt", "flat"),
            },
            [
                "The event starts 1 day later: 4 August instead of 3 August.",
                "The event ends 1 day later: 6 August instead of 5 August.",
                "Training has 31 days left instead of 30.",
                "The stages move with the event.",
                "Stage 2, 5 August, becomes time trial instead of mountain.",
                "Stage 3, 6 August, becomes flat instead of rest day.",
            ],
        ),
        (
            {
                "event_start": date(2026, 8, 4),
                "stages": days(date(2026, 8, 4), "mountain", "flat*"),
            },
            [
                "The event starts 1 day later: 4 August instead of 3 August.",
                "The event has 2 days instead of 3.",
                "Training has 31 days left instead of 30.",
                "A stage is left out: 1 on 3 August (flat).",
            ],
        ),
        (
            {
                "event_end": date(2026, 8, 7),
                "stages": days(DAY_ONE, "flat", "mountain", "flat*", "hilly", "itt"),
            },
            [
                "The event ends 2 days later: 7 August instead of 5 August.",
                "The event has 5 days instead of 3.",
                "2 stages are added: 4 on 6 August (hilly), 5 on 7 August (time trial).",
            ],
        ),
        (
            {
                "timezone": "America/New_York",
                "next_morning": datetime(2026, 7, 5, 10, 0, tzinfo=UTC),
            },
            [
                "Your days and mornings follow New York time instead of Paris time.",
                (
                    "The next brief comes Sunday 5 July at 06:00 New York time "
                    "instead of Sunday 5 July at 06:00 Paris time."
                ),
            ],
        ),
        (
            {"send_time": time(7, 30), "next_morning": datetime(2026, 7, 5, 5, 30, tzinfo=UTC)},
            [
                "The brief comes at 07:30 instead of 06:00.",
                (
                    "The next brief comes Sunday 5 July at 07:30 Paris time "
                    "instead of Sunday 5 July at 06:00 Paris time."
                ),
            ],
        ),
        (
            {"prep_start": date(2026, 5, 6)},
            ["The preparation counts from 1 day later: 6 May instead of 5 May."],
        ),
        (
            {"state": "EVENT_ACTIVE", "event_start": TODAY},
            [
                ENDS_TRAINING,
                "The event starts 30 days earlier: 4 July instead of 3 August.",
                "The event has 33 days instead of 3.",
            ],
        ),
        (
            {"next_morning": None},
            ["No brief comes any more: the next one would be after the event."],
        ),
    ],
)
def test_change_is_told_with_before_and_after(changed: dict[str, Any], told: list[str]) -> None:
    assert sentences(BEFORE, replace(BEFORE, **changed), TODAY) == told


def test_brief_that_did_not_come_before_is_told_without_another() -> None:
    silent = replace(BEFORE, next_morning=None)

    assert sentences(silent, BEFORE, TODAY) == [
        "The next brief comes Sunday 5 July at 06:00 Paris time."
    ]


@pytest.mark.parametrize(
    ("start", "end", "shift"),
    [
        (date(2026, 8, 8), date(2026, 8, 10), timedelta(days=5)),
        (date(2026, 8, 1), date(2026, 8, 3), timedelta(days=-2)),
        (date(2026, 8, 3), date(2026, 8, 5), None),
        (date(2026, 8, 4), date(2026, 8, 5), None),
        (date(2026, 8, 3), date(2026, 8, 6), None),
    ],
)
def test_event_moves_only_when_both_ends_do(
    start: date, end: date, shift: timedelta | None
) -> None:
    assert moved(BEFORE, start, end) == shift


def test_plan_holds_what_its_tester_decides_alone() -> None:
    later = replace(BEFORE, state="EVENT_ACTIVE", next_morning=None)

    assert later.plan == BEFORE.plan
    assert replace(BEFORE, send_time=time(7)).plan != BEFORE.plan
