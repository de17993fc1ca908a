"""The calendar as a calendar reads it: every property, read back with the library."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import pytest
import time_machine
from django.conf import LazySettings

from accounts.models import User
from coach.calendars import feeds, ics, items
from coach.models import CalendarFeed, MissionRun
from missions.models import Mission
from tests import factories
from tests.coach.samples import reply
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

SITE = "https://coach.example.org"
MADE_AT = NOW + timedelta(minutes=2)


@pytest.fixture(autouse=True)
def _site(settings: LazySettings) -> Iterator[None]:
    settings.SITE_URL = SITE
    with time_machine.travel(NOW, tick=False):
        yield


def put_run(mission: Mission, day: date = TODAY, **fields: Any) -> MissionRun:
    values = {"outcome": "decided", "finished_at": MADE_AT, "decision": reply(), **fields}
    return MissionRun.objects.create(mission=mission, local_date=day, trigger="schedule", **values)


def in_preparation(user: User, **fields: Any) -> Mission:
    """One whose event is no matter of the calendar yet."""
    return factories.mission(user, state=Mission.State.PREP, **fields)


def content_of(user: User, now: datetime = NOW) -> bytes:
    feed = CalendarFeed(user=user, token="t", digest="d", made_at=NOW)
    return feeds.version_of(feed, now).content


def read(content: bytes) -> list[dict[str, Any]]:
    """Each event by the names of its properties, as values of Python."""
    calendar = icalendar.Calendar.from_ical(content)
    return [
        {name.lower(): _value(name, value) for name, value in event.property_items(recursive=False)}
        for event in calendar.walk("VEVENT")
    ]


def _value(name: str, value: Any) -> Any:
    if name == "CATEGORIES":
        return [str(one) for one in value.cats]
    if isinstance(value, bytes):
        return value.decode()
    return value.dt if hasattr(value, "dt") else (value if isinstance(value, int) else str(value))


def event(content: bytes) -> dict[str, Any]:
    (one,) = read(content)
    return {name: value for name, value in one.items() if name not in {"begin", "end"}}


def test_workout_field_by_field(tester: User) -> None:
    run = put_run(in_preparation(tester), asked=2)

    assert event(content_of(tester)) == {
        "uid": f"run-{run.pk}@lanterne-rouge",
        "dtstamp": MADE_AT,
        "last-modified": MADE_AT,
        "sequence": 1,
        "dtstart": date(2026, 7, 4),
        "dtend": date(2026, 7, 5),
        "summary": "Maintain: 60 min endurance",
        "description": "\n".join(
            [
                "Moderate intensity.",
                "Warm-up, 10 min at 45 to 60 % of FTP",
                "Steady, 40 min at 65 to 70 % of FTP",
                "Cool-down, 10 min at 60 to 45 % of FTP",
                "For Tour of the Valleys.",
                f"{SITE}/runs/{run.pk}",
            ]
        ),
        "categories": ["Workout", "Maintain"],
        "url": f"{SITE}/runs/{run.pk}",
        "transp": "TRANSPARENT",
    }


def test_calendar_says_its_name_and_how_often_to_look(tester: User) -> None:
    calendar = icalendar.Calendar.from_ical(content_of(tester))

    told = {name: _value(name, value) for name, value in calendar.property_items(recursive=False)}
    assert {name: value for name, value in told.items() if name not in {"BEGIN", "END"}} == {
        "VERSION": "2.0",
        "PRODID": "-//Lanterne Rouge//Coach//EN",
        "CALSCALE": "GREGORIAN",
        "METHOD": "PUBLISH",
        "NAME": "Lanterne Rouge",
        "X-WR-CALNAME": "Lanterne Rouge",
        "X-WR-TIMEZONE": "Europe/Paris",
        "REFRESH-INTERVAL": timedelta(hours=1),
        "X-PUBLISHED-TTL": "PT1H",
    }
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n" in content_of(tester)


def test_event_and_its_stages_field_by_field(tester: User) -> None:
    mission = factories.mission(tester, event_end=TODAY + timedelta(days=31))
    mission.stages.filter(number=2).update(is_rest_day=True)
    mission.refresh_from_db()
    address = f"{SITE}/missions/{mission.pk}"
    usual = {
        "dtstamp": mission.updated_at.replace(microsecond=0),
        "last-modified": mission.updated_at.replace(microsecond=0),
        "sequence": 0,
        "url": address,
        "transp": "TRANSPARENT",
    }

    told = [
        {name: value for name, value in one.items() if name not in {"begin", "end"}}
        for one in read(content_of(tester))
    ]

    assert told == [
        {
            **usual,
            "uid": f"mission-{mission.pk}@lanterne-rouge",
            "dtstart": date(2026, 8, 3),
            "dtend": date(2026, 8, 5),
            "summary": "Tour of the Valleys",
            "description": f"Road stage race\n{address}",
            "categories": ["Event"],
        },
        {
            **usual,
            "uid": f"stage-{mission.pk}-1@lanterne-rouge",
            "dtstart": date(2026, 8, 3),
            "dtend": date(2026, 8, 4),
            "summary": "Tour of the Valleys, stage 1: flat",
            "description": address,
            "categories": ["Stage"],
        },
        {
            **usual,
            "uid": f"stage-{mission.pk}-2@lanterne-rouge",
            "dtstart": date(2026, 8, 4),
            "dtend": date(2026, 8, 5),
            "summary": "Tour of the Valleys: rest day",
            "description": address,
            "categories": ["Rest day"],
        },
    ]


@pytest.mark.parametrize(
    ("changes", "title", "first_line"),
    [
        ({"workout_plan": None, "action": "recover"}, "Recover: no riding", "A day off the bike."),
        (
            {"recommended_ride_mode": "gc", "stage_type": "flat"},
            "Maintain: GC, 60 min endurance",
            "Moderate intensity.",
        ),
    ],
)
def test_title_says_what_to_do(
    tester: User, changes: dict[str, Any], title: str, first_line: str
) -> None:
    put_run(in_preparation(tester), decision=reply(changes))

    told = event(content_of(tester))

    assert (told["summary"], told["description"].split("\n")[0]) == (title, first_line)


def test_workout_without_steps_is_told_by_its_zones_and_repeats_stay_together(
    tester: User,
) -> None:
    mission = in_preparation(tester)
    step = {"seconds": 240, "cadence": None, "cue": "HRV 41 ms, so be careful."}
    hard = {**step, "kind": "steady", "target": {"unit": "pct_ftp", "low": 95.0, "high": 100.0}}
    easy = {**step, "kind": "recovery", "target": None}
    repeat = {"kind": "repeat", "count": 4, "steps": [hard, easy]}
    put_run(mission, TODAY - timedelta(days=1), decision=reply({"workout_plan.steps": []}))
    put_run(mission, decision=reply({"workout_plan.steps": [repeat]}))

    zones, repeats = (one["description"].split("\n")[1:-2] for one in read(content_of(tester)))

    assert zones == ["Z1 recovery: 20 min", "Z2 endurance: 40 min"]
    assert repeats == ["4 times:", "- Steady, 4 min at 95 to 100 % of FTP", "- Easy, 4 min"]


def test_nothing_but_the_prescription_is_told(tester: User) -> None:
    """Reason, description, cues and watts may quote or tell what a source told."""
    canary = "Canary HRV, written by the model."
    decision = reply(
        {"reason": canary, "workout_plan.description": canary, "strategic_notes": canary}
    )
    decision["workout_plan"]["steps"][0]["cue"] = canary
    put_run(in_preparation(tester), decision=decision)

    content = content_of(tester)

    assert b"anary" not in content.replace(b"\r\n ", b"")
    assert b" W" not in content


def test_commas_semicolons_line_ends_and_every_alphabet_come_back_as_they_were(
    tester: User,
) -> None:
    name = "Vuelta, «über» 山岳; back\\slash 🚴" + "ß" * 40
    mission = in_preparation(tester, name=name)
    put_run(mission, decision=reply({"workout_plan.type": "tempo;\nover, under"}))

    content = content_of(tester)

    told = event(content)
    assert told["summary"] == "Maintain: 60 min tempo; over, under"
    assert told["description"].split("\n")[-2] == f"For {name}."
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    for line in lines:
        line.decode()  # no line is folded within a character
    assert b"\n" not in content.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "Europe/Paris"]
)
@pytest.mark.parametrize(
    "day", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1), date(2028, 2, 29)]
)
def test_workout_is_its_own_whole_day_in_every_zone_also_when_the_clocks_change(
    tester: User, zone: str, day: date
) -> None:
    User.objects.filter(pk=tester.pk).update(timezone=zone)
    tester.refresh_from_db()
    put_run(in_preparation(tester), day)

    content = content_of(tester, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))

    told = event(content)
    assert (told["dtstart"], told["dtend"]) == (day, day + timedelta(days=1))
    assert f"DTSTART;VALUE=DATE:{day:%Y%m%d}\r\n".encode() in content


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        # At 05:30 UTC on 4 July it is still the 3rd in the west, and the 4th in the east.
        ("Pacific/Pago_Pago", TODAY - timedelta(days=91)),
        ("Pacific/Kiritimati", TODAY - timedelta(days=90)),
    ],
)
def test_ninety_days_back_count_from_the_tester_s_own_day(
    tester: User, zone: str, first: date
) -> None:
    User.objects.filter(pk=tester.pk).update(timezone=zone)
    tester.refresh_from_db()
    mission = in_preparation(tester)
    for day in (first - timedelta(days=1), first, TODAY):
        put_run(mission, day)

    assert [one["dtstart"] for one in read(content_of(tester))] == [first, TODAY]


def test_only_decided_runs_and_live_missions_of_the_tester(tester: User, stranger: User) -> None:
    mission = in_preparation(tester)
    factories.mission(tester, state=Mission.State.MISSION_COMPLETE)
    put_run(mission, TODAY - timedelta(days=1), outcome="failed", decision=None)
    put_run(mission, outcome="missed", decision=None)
    put_run(factories.mission(stranger))

    assert read(content_of(tester)) == []


def test_same_days_are_the_same_bytes_and_change_with_what_is_in_them(tester: User) -> None:
    mission = in_preparation(tester)
    run = put_run(mission)
    feed = CalendarFeed(user=tester, token="t", digest="d", made_at=NOW)

    first = feeds.version_of(feed, NOW)
    later = feeds.version_of(feed, NOW + timedelta(hours=3))
    run.delete()
    without = feeds.version_of(feed, NOW)
    tomorrow = feeds.version_of(feed, NOW + timedelta(days=1))

    assert first == later
    assert first.changed_at == MADE_AT
    assert first.etag != without.etag
    # Midnight in Paris, from which on other days are in it.
    assert tomorrow.changed_at == datetime(2026, 7, 4, 22, tzinfo=UTC)


def test_file_of_one_run_is_that_event_and_names_no_calendar(tester: User) -> None:
    run = put_run(in_preparation(tester))

    file = items.file_of(run)

    assert (file.name, file.media_type) == ("2026-07-04-endurance.ics", ics.MEDIA_TYPE)
    assert event(file.content) == event(content_of(tester))
    assert b"X-WR-CALNAME" not in file.content
