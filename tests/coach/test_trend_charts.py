import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from accounts import formats
from accounts.models import Ftp, User
from coach.trend_charts import Chart, chart_of
from missions.models import Mission, RideMode
from missions.progress import StageRidden, settle
from tests import factories
from tests.coach.test_trends import ago, nights, rides, score
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

State = Mission.State


@pytest.fixture(autouse=True)
def _read_by_nobody() -> Iterator[None]:
    with formats.written_for(formats.NOBODY):
        yield


def chart(mission: Mission, name: str) -> Chart:
    return chart_of(name, mission, NOW)


def told(mission: Mission, name: str) -> str:
    return " ".join(chart(mission, name).told)


def behind(mission: Mission, name: str) -> str:
    return " ".join(chart(mission, name).notes)


def picture(mission: Mission, name: str) -> dict[str, Any]:
    found = chart(mission, name)
    assert found.picture is not None
    shown: dict[str, Any] = json.loads(found.picture_json)
    return shown


def ridden(user: User, *days_ago: int) -> None:
    Ftp.objects.create(user=user, effective_date=ago(300), power_w=200)
    factories.connection(user, last_success_at=NOW)
    rides(user, *days_ago)


@pytest.fixture
def event(tester: User) -> Mission:
    """Five flat stages, the third of them today."""
    start = TODAY - timedelta(days=2)
    end = start + timedelta(days=4)
    return factories.mission(tester, state=State.EVENT_ACTIVE, event_start=start, event_end=end)


def settle_first(mission: Mission, *modes: RideMode | None) -> None:
    for stage, mode in zip(mission.stages.all(), modes, strict=False):
        of_stage = StageRidden(mode, f"file:{stage.number}", NOW) if mode else None
        settle(mission, stage, of_stage, now=NOW)


# --- readiness ------------------------------------------------------------------------------------


def test_readiness_that_nobody_told_leads_to_the_connections(mission: Mission) -> None:
    found = chart(mission, "readiness")

    assert told(mission, "readiness") == (
        "This morning: unknown, its night was not read. No day of these 28 has a readiness."
    )
    assert (found.picture, found.rows) == (None, ())
    assert found.step is not None
    assert found.step.url == "/connections"


def test_readiness_waits_for_fourteen_nights_and_says_how_many_there_are(mission: Mission) -> None:
    nights(mission.owner, *range(9))

    assert told(mission, "readiness") == (
        "This morning: unknown, 14 nights of history are needed first. 9 of 14 nights so far."
    )


def test_readiness_is_told_with_its_span_its_direction_and_what_is_missing(
    mission: Mission,
) -> None:
    for days_ago in (n for n in range(28) if n not in (3, 4)):
        score(mission.owner, ago(days_ago), 62.0 if days_ago < 7 else 80.0)

    assert told(mission, "readiness") == (
        "This morning: 62, Oura. The last 7 days average 18 lower than before. "
        "5 days were below 70."
    )
    assert behind(mission, "readiness") == (
        "On 26 known days: 62 to 80. 2 days of 28 are unknown: left open."
    )


def test_readiness_of_a_short_history_says_so(mission: Mission) -> None:
    score(mission.owner, TODAY, 80.0)
    score(mission.owner, ago(1), 78.0)

    assert told(mission, "readiness") == "This morning: 80, Oura."
    assert behind(mission, "readiness").startswith("2 days so far: 78 to 80.")


def test_readiness_that_is_not_in_yet_names_the_last(mission: Mission) -> None:
    score(mission.owner, ago(1), 78.0)

    assert told(mission, "readiness") == (
        "This morning: unknown, its night was not read; 78 on 3 July."
    )


def test_picture_of_readiness_leaves_gaps_and_draws_the_limit(mission: Mission) -> None:
    for days_ago in (0, 2):
        score(mission.owner, ago(days_ago), 81.0)

    drawn = picture(mission, "readiness")

    assert drawn["lines"] == [
        {"name": "Readiness", "ink": "you", "y": [None] * 25 + [81, None, 81]}
    ]
    assert (drawn["floor"], drawn["low"], drawn["high"]) == (70, 60, 90)
    assert (drawn["labels"][0], drawn["labels"][-1]) == ("7 Jun", "4 Jul")
    # Mondays.
    assert [drawn["labels"][at] for at in drawn["ticks"]] == ["8 Jun", "15 Jun", "22 Jun", "29 Jun"]


def test_picture_is_written_for_its_reader(mission: Mission) -> None:
    score(mission.owner, TODAY)

    with formats.written_for(formats.Reader(date_order="mdy", first_weekday=User.Weekday.SUNDAY)):
        drawn = picture(mission, "readiness")

    assert [drawn["labels"][at] for at in drawn["ticks"]] == ["Jun 7", "Jun 14", "Jun 21", "Jun 28"]


def test_table_of_readiness_has_the_newest_first_and_the_reason_for_a_gap(
    mission: Mission,
) -> None:
    score(mission.owner, TODAY)

    assert list(chart(mission, "readiness").rows[:2]) == [
        ("Sat 4 Jul", "77", "Oura"),
        ("Fri 3 Jul", "unknown", "its night was not read"),
    ]


@pytest.mark.parametrize("name", ["readiness", "form"])
def test_without_consent_nothing_is_worked_out(tester: User, mission: Mission, name: str) -> None:
    score(tester, TODAY)
    tester.health_consent_at = None
    tester.save()
    mission.refresh_from_db()

    found = chart(Mission.objects.select_related("owner").get(), name)

    assert (found.picture, found.rows) == (None, ())
    assert found.step is not None
    assert found.step.url == "/settings/privacy"


# --- form -----------------------------------------------------------------------------------------


def test_form_without_rides_says_what_it_takes(mission: Mission) -> None:
    found = chart(mission, "form")

    assert told(mission, "form").startswith("No load is known yet")
    assert (found.picture, list(found.notes), found.rows) == (None, [], [])


def test_form_is_told_with_where_it_leads(mission: Mission) -> None:
    ridden(mission.owner, 1, 2, 5, 12, 50)

    assert told(mission, "form") == (
        "This morning: fitness 6.0, fatigue 22.5, form \N{MINUS SIGN}16.5. "
        "Riding as now, the event begins on 3 August with fitness 6.3 and form 1.2."
    )
    assert behind(mission, "form").startswith(
        "50 days so far: fitness went from 1.5 to 6.0, at most 6.0. Worked out from"
    )


def test_picture_of_the_form_goes_on_to_the_event(mission: Mission) -> None:
    ridden(mission.owner, 1, 2, 3)

    drawn = picture(mission, "form")

    assert [line["name"] for line in drawn["lines"]] == ["CTL", "ATL", "TSB"]
    # Three mornings, and thirty on to the event; they share today's.
    assert (len(drawn["labels"]), len(drawn["lines"][0]["ahead"])) == (33, 31)
    assert drawn["lines"][0]["ahead"][0] == drawn["lines"][0]["y"][-1]
    assert drawn["marks"] == [{"at": 2, "words": "Today"}, {"at": 32, "words": "Event"}]
    assert (drawn["labels"][2], drawn["labels"][32]) == ("4 Jul", "3 Aug")


def test_form_in_preparation_is_not_projected(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
    ridden(tester, 1)

    assert "Where it leads is shown once your training has started." in told(mission, "form")
    assert picture(mission, "form")["marks"] == []


def test_form_of_a_mission_that_is_over_ends_with_its_event(tester: User) -> None:
    mission = factories.mission(
        tester, state=State.MISSION_COMPLETE, event_start=ago(20), event_end=ago(16)
    )
    ridden(tester, 1, 40)

    found = chart(mission, "form")

    assert told(mission, "form").startswith("On 18 June: fitness ")
    assert found.rows[0][0] == "Thu 18 Jun"
    assert found.step is not None
    assert found.step.url == "/missions/new"
    assert picture(mission, "form")["marks"] == [{"at": 19, "words": "Event"}]


def test_long_way_to_the_event_is_told_week_by_week(tester: User) -> None:
    start = TODAY + timedelta(days=100)
    mission = factories.mission(tester, event_start=start, event_end=start)
    ridden(tester, 1)

    days = [row[0] for row in chart(mission, "form").rows]

    assert (days[0], days[1], days[-1]) == (
        "12 Oct, projected",
        "5 Oct, projected",
        "Sat 4 Jul",
    )


# --- points ---------------------------------------------------------------------------------------


def test_race_before_the_first_result_says_what_there_is_to_win(event: Mission) -> None:
    found = chart(event, "points")

    assert told(event, "points") == (
        "No stage has its result yet. All of them are worth 30 points all for GC or 45 points "
        "all in the breakaway."
    )
    assert (found.picture, found.rows) == (None, [])


def test_race_is_told_against_both_ghosts(event: Mission) -> None:
    settle_first(event, RideMode.BREAKAWAY, RideMode.GC)

    assert told(event, "points") == (
        "13 points after 2 of 5 stages. The ghosts: 10 all for GC, 16 all in the breakaway."
    )
    assert picture(event, "points") == {
        "labels": ["Start", "Stage 1", "Stage 2", "Stage 3", "Stage 4", "Stage 5"],
        "ticks": [0, 1, 2, 3, 4, 5],
        "lines": [
            {"name": "All GC", "ink": "all_gc", "y": [0, 5, 10, None, None, None]},
            {"name": "All breakaway", "ink": "all_breakaway", "y": [0, 8, 16, None, None, None]},
            {"name": "You", "ink": "you", "y": [0, 8, 13, None, None, None]},
        ],
    }
    assert chart(event, "points").rows == [
        ("1, 2 Jul", "breakaway", "8", "8", "5", "8"),
        ("2, 3 Jul", "GC", "5", "13", "10", "16"),
    ]
