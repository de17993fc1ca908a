from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from coach.builder import survey
from coach.builder.survey import WORDS, Survey
from missions import availability
from tests.coach import drafts
from tests.factories import NOW, TODAY

ALL = {
    "event_name",
    "event_start",
    "event_end",
    "mission_type",
    "weekly_hours_min",
    "weekly_hours_max",
    "ftp_w",
    "weekday_minutes",
    "event_style",
    "timezone",
    "send_time",
}


def problems(**changes: Any) -> dict[str, str]:
    read = survey.read(drafts.answers(**changes), local_date=TODAY)
    return {} if isinstance(read, Survey) else read


def test_answers_are_one_value() -> None:
    assert survey.read(drafts.answers(), local_date=TODAY) == Survey(
        event_name="Ronde van de Canary",
        event_start=date(2026, 8, 3),
        event_end=date(2026, 8, 7),
        mission_type="road_stage_race",
        weekly_hours_min=5,
        weekly_hours_max=8.5,
        ftp_w=231,
        weekday_minutes=[60, 60, 90, 60, 0, 180, 150],
        blackout_dates=[date(2026, 7, 20), date(2026, 7, 21)],
        restrictions="The left knee hurts on long climbs.",
        event_style="breakaway",
        timezone="Europe/Paris",
        send_time=time(6, 30),
        brief_detail="short",
        is_brief_mailed=False,
    )


def test_every_answer_has_words_for_what_is_wrong_with_it() -> None:
    assert set(WORDS) == set(Survey.model_fields)


def test_what_most_leave_as_it_is_may_be_left_out() -> None:
    few = {name: one for name, one in drafts.answers().items() if name in ALL}

    read = survey.read(few, local_date=TODAY)

    assert isinstance(read, Survey)
    assert (read.blackout_dates, read.restrictions) == ([], "")
    assert (read.brief_detail, read.is_brief_mailed) == ("full", True)


def test_no_answers_are_asked_for_one_by_one() -> None:
    assert survey.read({}, local_date=TODAY) == dict.fromkeys(ALL, "Please answer this.")


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"event_name": "  Ronde \n van\t Canary "}, {"event_name": "Ronde van Canary"}),
        ({"restrictions": " knee\0 \n"}, {"restrictions": "knee"}),
        ({"ftp_w": None}, {"ftp_w": None}),
        ({"ftp_w": "231"}, {"ftp_w": 231}),
        ({"weekly_hours_min": "5.5"}, {"weekly_hours_min": 5.5}),
        ({"send_time": "06:30:59"}, {"send_time": time(6, 30)}),
        ({"event_start": "2026-07-04"}, {"event_start": TODAY}),
        ({"event_start": date(2026, 8, 1)}, {"event_start": date(2026, 8, 1)}),
        (
            {"blackout_dates": ["2026-07-21", "2026-07-20", "2026-07-21"]},
            {"blackout_dates": [date(2026, 7, 20), date(2026, 7, 21)]},
        ),
        ({"event_end": "2026-10-01"}, {"event_end": date(2026, 10, 1)}),
        (
            {"event_start": "2028-02-29", "event_end": "2028-02-29"},
            {"event_end": date(2028, 2, 29)},
        ),
        ({"weekday_minutes": [0, 0, 0, 0, 0, 0, 510]}, {"weekly_hours_max": 8.5}),
    ],
    ids=str,
)
def test_answer_is_read_as_it_was_meant(changes: dict[str, Any], kept: dict[str, Any]) -> None:
    read = survey.read(drafts.answers(**changes), local_date=TODAY)

    assert isinstance(read, Survey), read
    assert {name: getattr(read, name) for name in kept} == kept


@pytest.mark.parametrize(
    ("field", "answers"),
    [
        ("event_name", ["", "  ", "\0", "x" * 81, None, 7]),
        ("event_start", ["", "soon", "2026-02-29", "03/08/2026", 0, 1_786_000_000, True, None]),
        ("event_end", ["never", 20260807, [], "2026-08-07T10:00:00"]),
        ("mission_type", ["triathlon", "", None, 1]),
        ("weekly_hours_min", [-1, 51, "many", True, None, float("nan"), float("inf")]),
        ("weekly_hours_max", [0, 0.9, 51, 1e400, "", [8]]),
        ("ftp_w", [39, 601, 230.5, True, "strong", -200, 10**30]),
        ("weekday_minutes", [None, 60, "60"]),
        ("weekday_minutes", [[60] * 6 + ["60"], [60] * 6 + [True], [60] * 6 + [60.5]]),
        ("blackout_dates", [None, "2026-07-20", [20260720], ["tomorrow"]]),
        ("restrictions", ["x" * 1_001, None, ["knee"]]),
        ("event_style", ["fast", "", None, "rest"]),
        ("timezone", ["Mars/Olympus", "", None, "europe/paris"]),
        ("send_time", ["24:00", "early", 630, 23_400, "06:30+02:00", None]),
        ("brief_detail", ["long", "", None]),
        ("is_brief_mailed", ["perhaps", None, 2]),
    ],
)
def test_answer_of_the_wrong_kind_is_told_what_to_do(field: str, answers: list[Any]) -> None:
    assert [problems(**{field: answer}) for answer in answers] == [{field: WORDS[field]}] * len(
        answers
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"coach": "me"}, {"coach": "Leave this out: the survey does not ask for it."}),
        (
            {"event_end": "2026-08-02"},
            {"event_end": "The last day of the event is before the first."},
        ),
        ({"event_end": "2026-10-02"}, {"event_end": "An event may last 60 days at most."}),
        ({"weekly_hours_min": 9}, {"weekly_hours_min": "The least is more than the most."}),
        (
            {"weekly_hours_max": 5, "weekday_minutes": [0, 0, 0, 0, 0, 301, 0]},
            {"weekday_minutes": "One day is more than your whole week."},
        ),
        (
            {"weekday_minutes": [60, 60, 19, 60, 0, 180, 150]},
            {"weekday_minutes": "The minutes on Wednesday must be 0, or from 20 to 720."},
        ),
        (
            {"weekday_minutes": [0] * 7},
            {"weekday_minutes": "Leave at least one day of the week with time to ride."},
        ),
        (
            {"weekday_minutes": [60] * 8},
            {"weekday_minutes": availability.problems_in_week(None)[0]},
        ),
        (
            {
                "blackout_dates": [
                    date.fromordinal(TODAY.toordinal() + day).isoformat() for day in range(121)
                ]
            },
            {"blackout_dates": "Give at most 120 dates."},
        ),
        (
            {"event_start": "2026-07-03"},
            {"event_start": "The event has begun already. Choose days that are to come."},
        ),
        (
            {"event_start": "2028-07-04", "event_end": "2028-07-05"},
            {"event_start": "That is more than two years away. Choose a nearer event."},
        ),
        (
            {"event_start": "9999-12-31", "event_end": "9999-12-31"},
            {"event_start": "That is more than two years away. Choose a nearer event."},
        ),
    ],
)
def test_answers_that_do_not_fit_are_told_where(
    changes: dict[str, Any], told: dict[str, str]
) -> None:
    assert problems(**changes) == told


@pytest.mark.parametrize(
    ("answers", "local_date"),
    [
        ({}, date(2026, 7, 4)),
        ({"timezone": "Pacific/Kiritimati"}, date(2026, 7, 4)),
        ({"timezone": "Pacific/Pago_Pago"}, date(2026, 7, 3)),
        ({"timezone": "Mars/Olympus"}, date(2026, 7, 4)),
        ({"timezone": ["a", "list"]}, date(2026, 7, 4)),
    ],
)
def test_today_is_that_of_the_zone_that_was_answered(
    answers: dict[str, Any], local_date: date
) -> None:
    assert survey.local_date_of(answers, ZoneInfo("Europe/Paris"), NOW) == local_date


def test_today_without_a_zone_is_that_of_the_account() -> None:
    late = datetime(2026, 7, 4, 23, 30, tzinfo=UTC)

    assert survey.local_date_of({}, ZoneInfo("Europe/Paris"), late) == date(2026, 7, 5)
