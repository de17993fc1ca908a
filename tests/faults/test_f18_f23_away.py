"""F18 to F23: the model or Strava is silent, busy, talks nonsense, or has enough of us."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.conf import LazySettings

from coach import brief
from coach.models import Incident, MissionRun, ModelCall
from connections.models import Connection
from missions import schedule
from missions.models import Mission
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.connections.athletes import connected, token_requests
from tests.faults.days import Days, days_of, must_be_right

pytestmark = pytest.mark.django_db

TODAY = date(2026, 7, 4)
# Six in Paris.
SLOT = datetime(2026, 7, 4, 4, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LATER = SLOT + 11 * HOUR

Kind = Notification.Kind


@pytest.fixture
def days() -> Days:
    return Days(SLOT - MINUTE)


def coached(number: int = 0) -> Mission:
    tester = factories.tester(f"rider-{number}@example.org")
    mission = factories.mission(tester)
    schedule.replan(mission, SLOT - HOUR)
    return mission


@pytest.fixture
def mission(stand_ins: StandIns, db: None) -> Mission:
    return coached()


def must_have_failed(mission: Mission, kind: str) -> None:
    """In the open: an incident, a word to the operators and one to the tester, and no workout."""
    run = mission.runs.get()
    assert (run.outcome, run.decision, run.lease_until) == ("failed", None, None)
    assert [one.kind for one in run.incidents.all()] == [kind]
    mails = Notification.objects.order_by("kind").values_list("kind", "state")
    assert list(mails) == [(Kind.ALERT, "sent"), (Kind.NO_BRIEF, "sent")]


# --- The model -----------------------------------------------------------------------------------


@pytest.mark.fault("F18")
def test_model_that_is_silent_twice_fails_the_run_in_the_open(
    mission: Mission, days: Days, stand_ins: StandIns, settings: LazySettings
) -> None:
    settings.COACH_TIMEOUT_S = 0.25
    stand_ins.mode("openai", "timeout", seconds=1, times=2)

    days.pass_until(LATER)

    must_have_failed(mission, Incident.Kind.TIMEOUT)
    assert len(stand_ins.questions()) == 2


@pytest.mark.fault("F18")
def test_model_that_is_silent_once_costs_a_moment(
    mission: Mission, days: Days, stand_ins: StandIns, settings: LazySettings
) -> None:
    settings.COACH_TIMEOUT_S = 0.25
    stand_ins.mode("openai", "timeout", seconds=1, times=1)

    days.pass_until(LATER)

    assert days_of(mission) == [(TODAY, "decided", SLOT)]
    must_be_right(mission)


@pytest.mark.fault("F19")
@pytest.mark.parametrize("wait_s", [90, 600])
def test_model_that_asks_for_patience_gets_it(
    mission: Mission, days: Days, stand_ins: StandIns, wait_s: int
) -> None:
    stand_ins.mode("openai", "rate_limited", seconds=wait_s, times=1)

    days.pass_until(LATER)

    run = mission.runs.get()
    assert run.finished_at is not None
    waited_s = (run.finished_at - SLOT).total_seconds()
    assert wait_s <= waited_s <= 1.5 * wait_s + 60
    assert len(stand_ins.questions()) == 2
    assert [call.outcome for call in run.calls.all()] == ["accepted"]
    assert not Incident.objects.exists()
    must_be_right(mission)


@pytest.mark.fault("F19")
def test_model_that_is_busy_all_morning_is_given_up_in_the_open(
    mission: Mission, days: Days, stand_ins: StandIns
) -> None:
    stand_ins.mode("openai", "rate_limited", seconds=60)

    days.pass_until(SLOT + 13 * HOUR)

    must_have_failed(mission, Incident.Kind.RATE_LIMITED)
    assert 2 <= len(stand_ins.questions()) <= 15


@pytest.mark.fault("F20")
def test_quota_that_is_used_up_makes_one_alert_and_no_storm(
    stand_ins: StandIns, days: Days
) -> None:
    riders = 12
    missions = [coached(number) for number in range(riders)]
    stand_ins.mode("openai", "quota")

    days.pass_until(LATER)

    assert MissionRun.objects.filter(outcome="failed", decision__isnull=True).count() == riders
    assert list(Incident.objects.values_list("kind", flat=True)) == ["quota"] * riders
    alerts = Notification.objects.filter(kind=Kind.ALERT)
    assert alerts.count() == 1
    assert Notification.objects.filter(kind=Kind.NO_BRIEF, state="sent").count() == riders
    # The stand-in keeps twenty: had each asked again, there would be more than one for each.
    assert len(stand_ins.questions()) <= riders
    stand_ins.mode("openai", "ok")
    days.pass_until(SLOT + DAY + HOUR)
    assert {days_of(one)[-1][:2] for one in missions} == {(TODAY + DAY, "decided")}


SAID = {
    "malformed": Incident.Kind.INVALID_REPLY,
    "schema_invalid": Incident.Kind.INVALID_REPLY,
    "absurd": Incident.Kind.INVALID_REPLY,
    "refusal": Incident.Kind.REFUSAL,
    "length": Incident.Kind.CUT_OFF,
    "content_filter": Incident.Kind.FILTERED,
}


@pytest.mark.fault("F21")
@pytest.mark.parametrize("said", SAID)
def test_reply_that_cannot_be_used_is_mended_on_the_second_try(
    mission: Mission, days: Days, stand_ins: StandIns, said: str
) -> None:
    stand_ins.mode("openai", said, times=1)

    days.pass_until(LATER)

    assert days_of(mission) == [(TODAY, "decided", SLOT)]
    calls = mission.runs.get().calls.order_by("attempt")
    assert [call.outcome for call in calls] == ["rejected", "accepted"]
    assert not Incident.objects.exists()
    must_be_right(mission)


@pytest.mark.fault("F21")
@pytest.mark.parametrize("said", SAID)
def test_reply_that_cannot_be_used_twice_fails_the_run_in_the_open(
    mission: Mission, days: Days, stand_ins: StandIns, said: str
) -> None:
    stand_ins.mode("openai", said)

    days.pass_until(LATER)

    must_have_failed(mission, SAID[said])
    assert ModelCall.objects.filter(outcome="rejected").count() == len(stand_ins.questions()) == 2


# --- Strava --------------------------------------------------------------------------------------


@pytest.fixture
def athlete(mission: Mission) -> Connection:
    with time_machine.travel(SLOT - 2 * HOUR, tick=False):
        return connected(mission.owner)


def problems(mission: Mission, day: int) -> list[str]:
    """What the brief of a day says about sources."""
    run = mission.runs.get(local_date=TODAY + day * DAY)
    told = brief.of(run, SLOT + day * DAY)
    assert told is not None
    return list(told.problems)


@pytest.mark.fault("F22")
def test_run_goes_out_while_strava_has_enough_of_us_and_says_what_it_knows(
    mission: Mission, athlete: Connection, days: Days, stand_ins: StandIns
) -> None:
    stand_ins.mode("strava", "rate_limited")
    days.at(SLOT + 15 * MINUTE, lambda _: stand_ins.mode("strava", "ok"))

    days.pass_until(SLOT + HOUR)

    assert days_of(mission) == [(TODAY, "decided", SLOT)]
    print("PROBLEMS", problems(mission, 0), Notification.objects.get().text)
    athlete.refresh_from_db()
    assert (athlete.state, athlete.last_error) == (Connection.State.OK, "")
    assert athlete.next_read_at is not None
    assert SLOT + 15 * MINUTE <= athlete.next_read_at <= SLOT + 30 * MINUTE
    must_be_right(mission)


@pytest.mark.fault("F23")
def test_access_that_was_taken_away_is_told_in_one_brief_of_three(
    mission: Mission, athlete: Connection, days: Days, stand_ins: StandIns
) -> None:
    stand_ins.mode("strava", "token_revoked")

    days.pass_until(SLOT + 2 * DAY + HOUR)

    assert [(day, outcome) for day, outcome, _ in days_of(mission)] == [
        (TODAY + n * DAY, "decided") for n in range(3)
    ]
    told = [problems(mission, day) for day in range(3)]
    assert [len(one) for one in told] == [1, 0, 0]
    assert "Connect Strava again" in told[0][0]
    texts = Notification.objects.filter(kind=Kind.BRIEF).order_by("pk")
    assert ["Connect Strava again" in one.text for one in texts] == [True, False, False]
    athlete.refresh_from_db()
    assert (athlete.state, athlete.next_read_at) == (Connection.State.BROKEN, None)
    # It is not asked again and again with what was refused.
    assert token_requests()["refusals"] <= 1
    must_be_right(mission)
