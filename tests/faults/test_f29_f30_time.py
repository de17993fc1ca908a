"""F29 and F30: days that are shorter or longer, zones that change their rules, and travel."""

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, reset_tzpath

import pytest

from coach.models import Incident
from missions import editing, schedule
from missions.models import Mission
from tests import factories
from tests.conftest import StandIns
from tests.faults.days import Days, days_of, must_be_right

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stand_ins")]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# What each change is, and the instants at which the briefs of the three days around it are due.
CHANGES = {
    "the gap swallows the send time": (
        "Europe/Paris",
        time(2, 30),
        ["2026-03-28 01:30", "2026-03-29 01:30", "2026-03-30 00:30"],
    ),
    "the send time comes twice": (
        "Europe/Paris",
        time(2, 30),
        ["2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30"],
    ),
    "half an hour is left out": (
        "Australia/Lord_Howe",
        time(2, 15),
        ["2026-10-02 15:45", "2026-10-03 15:45", "2026-10-04 15:15"],
    ),
    "half an hour comes twice": (
        "Australia/Lord_Howe",
        time(1, 45),
        ["2026-04-03 14:45", "2026-04-04 14:45", "2026-04-05 15:15"],
    ),
    "two hours are left out": (
        "Antarctica/Troll",
        time(1, 30),
        ["2026-03-28 01:30", "2026-03-29 01:30", "2026-03-29 23:30"],
    ),
    "midnight itself is left out": (
        "America/Havana",
        time(0, 15),
        ["2026-03-07 05:15", "2026-03-08 05:15", "2026-03-09 04:15"],
    ),
    "a zone of three quarters": (
        "Asia/Kathmandu",
        time(0, 10),
        ["2026-03-27 18:25", "2026-03-28 18:25", "2026-03-29 18:25"],
    ),
    "a leap day": (
        "Pacific/Kiritimati",
        time(6, 0),
        ["2028-02-27 16:00", "2028-02-28 16:00", "2028-02-29 16:00"],
    ),
}


def instant(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(tzinfo=UTC)


def coached(timezone: str, send_time: time, now: datetime) -> Mission:
    """A mission whose event is a month away, planned as when it was started."""
    mission = factories.mission(
        factories.tester(),
        timezone=timezone,
        send_time=send_time,
        prep_start=now.date() - 30 * DAY,
        event_start=now.date() + 60 * DAY,
        event_end=now.date() + 61 * DAY,
    )
    schedule.replan(mission, now)
    return mission


@pytest.mark.fault("F29")
@pytest.mark.parametrize("change", CHANGES)
def test_each_local_date_has_one_brief_at_its_time(change: str) -> None:
    zone, send_time, told = CHANGES[change]
    due = [instant(one) for one in told]
    mission = coached(zone, send_time, due[0] - HOUR)

    Days(due[0] - HOUR).pass_until(due[-1] + HOUR)

    middle = due[1].astimezone(ZoneInfo(zone)).date()
    dates = [middle + n * DAY for n in (-1, 0, 1)]
    assert days_of(mission) == [(day, "decided", at) for day, at in zip(dates, due, strict=True)]
    must_be_right(mission)


# --- F29: a zone that changes its rules ----------------------------------------------------------


class Rules:
    """Zone files of the test's own, looked at before the package's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def become(self, name: str, rule: str) -> None:
        """As after an update of the zone rules and a restart: from now on one POSIX rule."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zone_file(rule))
        reset_tzpath([str(self.folder)])
        ZoneInfo.clear_cache()


def zone_file(rule: str) -> bytes:
    """A file without transitions: all its times follow the rule in its last line."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    head = b"TZif2" + bytes(15) + counts
    kind = struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
    return head + kind + head + kind + f"\n{rule}\n".encode()


@pytest.fixture
def rules(tmp_path: Path) -> Iterator[Rules]:
    yield Rules(tmp_path)
    reset_tzpath(to=())
    ZoneInfo.clear_cache()


@pytest.mark.fault("F29")
@pytest.mark.parametrize(
    ("rule", "send_time", "told"),
    [
        # Paris stays with winter time: the slot that was planned is an hour early, or late.
        ("CET-1", time(6, 0), ["2026-07-03 04:00", "2026-07-04 05:00", "2026-07-05 05:00"]),
        ("EET-3", time(6, 0), ["2026-07-03 04:00", "2026-07-04 03:00", "2026-07-05 03:00"]),
        # Shortly after midnight the planned slot is on another date by the new rules.
        ("CET-1", time(0, 30), ["2026-07-02 22:30", "2026-07-03 23:30", "2026-07-04 23:30"]),
        ("EET-3", time(23, 30), ["2026-07-03 21:30", "2026-07-04 20:30", "2026-07-05 20:30"]),
    ],
)
def test_zone_that_changes_its_rules_costs_no_day_and_doubles_none(
    rules: Rules, rule: str, send_time: time, told: list[str]
) -> None:
    first, second, third = (instant(one) for one in told)
    mission = coached("Europe/Paris", send_time, first - HOUR)
    days = Days(first - HOUR)
    days.pass_until(first + HOUR)

    rules.become("Europe/Paris", rule)
    days.pass_until(third + HOUR)

    assert [day for day, _, _ in days_of(mission)] == [date(2026, 7, 3) + n * DAY for n in range(3)]
    assert [(outcome, due) for _, outcome, due in days_of(mission)] == [
        ("decided", first),
        ("decided", second),
        ("decided", third),
    ]
    must_be_right(mission)


@pytest.mark.fault("F29")
def test_summer_time_that_begins_while_the_scheduler_is_down(stand_ins: StandIns) -> None:
    """Down from before the last winter brief to after the first of summer: the newest is made."""
    mission = coached("Europe/Paris", time(2, 30), instant("2026-03-27 00:00"))
    days = Days(instant("2026-03-27 00:00"))
    days.pass_until(instant("2026-03-27 02:00"))
    days.is_down = True
    days.pass_until(instant("2026-03-29 05:00"))
    days.is_down = False
    days.pass_until(instant("2026-03-30 01:00"))

    assert days_of(mission) == [
        (date(2026, 3, 27), "decided", instant("2026-03-27 01:30")),
        (date(2026, 3, 28), "missed", instant("2026-03-28 01:30")),
        (date(2026, 3, 29), "decided", instant("2026-03-29 01:30")),
        (date(2026, 3, 30), "decided", instant("2026-03-30 00:30")),
    ]
    assert [one.kind for one in Incident.objects.all()] == [Incident.Kind.MISSED]
    must_be_right(mission)


# --- F30: a tester who travels -------------------------------------------------------------------

AUCKLAND, HONOLULU = "Pacific/Auckland", "Pacific/Honolulu"


def move(mission: Mission, to: str, now: datetime) -> None:
    """As the mission's page does it."""
    fresh = Mission.objects.get(pk=mission.pk)
    fresh.timezone = to
    editing.keep(fresh, now, by=fresh.owner)


def outcomes(mission: Mission) -> list[tuple[int, str]]:
    """Day of the month and outcome, in the order in which they were opened."""
    return [(day.day, outcome) for day, outcome, _ in days_of(mission)]


@pytest.mark.fault("F30")
def test_flight_over_the_date_line_and_back_repeats_no_date_and_loses_none() -> None:
    """Noon in Auckland on the 10th is two in the afternoon of the 9th in Honolulu."""
    begin = instant("2026-06-07 00:00")
    mission = coached(AUCKLAND, time(6, 0), begin)
    days = Days(begin)
    days.at(instant("2026-06-10 00:00"), lambda now: move(mission, HONOLULU, now))
    # Noon in Honolulu on the 14th: ten in the morning of the 15th in Auckland.
    days.at(instant("2026-06-14 22:00"), lambda now: move(mission, AUCKLAND, now))

    days.pass_until(instant("2026-06-18 00:00"))

    assert outcomes(mission) == [(day, "decided") for day in range(8, 19)]
    due = {day.day: at for day, _, at in days_of(mission)}
    assert due[10] == instant("2026-06-09 18:00")
    assert due[11] == instant("2026-06-11 16:00")
    assert due[15] == instant("2026-06-14 18:00")  # four hours ago when they landed
    assert due[16] == instant("2026-06-15 18:00")
    must_be_right(mission)


@pytest.mark.fault("F30")
@pytest.mark.parametrize("hour", range(0, 24, 4))
def test_flight_at_any_hour_leaves_no_date_without_a_word(hour: int) -> None:
    begin = instant("2026-06-08 00:00")
    mission = coached(AUCKLAND, time(6, 0), begin)
    days = Days(begin)
    there, back = begin + DAY + hour * HOUR, begin + 3 * DAY + hour * HOUR
    days.at(there, lambda now: move(mission, HONOLULU, now))
    days.at(back, lambda now: move(mission, AUCKLAND, now))

    days.pass_until(begin + 5 * DAY)

    told = outcomes(mission)
    assert [day for day, _ in told] == list(range(told[0][0], told[-1][0] + 1))
    # A date that was over before its brief could be made is told as missed: one at most.
    assert [outcome for _, outcome in told].count("missed") <= 1
    assert {outcome for _, outcome in told} <= {"decided", "missed"}
    assert told[-1] == (13, "decided")
    must_be_right(mission)
