"""F25: last night arrives late, or never, and all that can happen while a morning waits for it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from accounts import deletion, privacy
from accounts.models import User
from coach import again, brief, mornings, night
from coach.daily_run import NotLive
from coach.models import MissionRun, ModelCall
from coach.situation import Situation
from connections.sources import Source
from missions import editing, lifecycle, schedule
from missions.models import Mission
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.faults.days import Days, days_of, must_be_right

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F25")]

TODAY = date(2026, 7, 4)
# Six in Paris.
SLOT = datetime(2026, 7, 4, 4, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Longer than anybody waits, and before the next morning.
LATER = SLOT + 13 * HOUR

Outcome = MissionRun.Outcome


@pytest.fixture
def mission(stand_ins: StandIns, db: None) -> Mission:
    """A tester whose ring has told sixty nights, and last night when its app is opened."""
    made = factories.mission(factories.tester())
    for ago in range(1, 60):
        factories.night(made.owner, TODAY - ago * DAY, hrv_ms=50 + ago % 5)
    factories.connection(
        made.owner, Source.OURA, access_token="oura-sandbox-test", last_success_at=SLOT - 2 * HOUR
    )
    schedule.replan(made, SLOT - HOUR)
    stand_ins.mode("oura", "night_not_there")
    return made


@pytest.fixture
def days() -> Days:
    return Days(SLOT - 5 * MINUTE)


def waiting(mission: Mission) -> MissionRun:
    run = mission.runs.get()
    assert (run.outcome, run.attempts, run.fence) == (Outcome.DUE, 0, run.fence)
    assert run.start_at > SLOT
    return run


def has_the_night(run: MissionRun) -> bool:
    situation = Situation.model_validate(run.situation)
    age_h = situation.metrics.night_age_h
    assert [source.waits for source in situation.sources] == [age_h is None or age_h > 12]
    return age_h is not None and age_h < 12


def test_night_forty_minutes_late_is_in_the_one_brief(
    mission: Mission, days: Days, stand_ins: StandIns
) -> None:
    days.pass_until(SLOT + 35 * MINUTE)
    waiting(mission)
    assert not Notification.objects.exists()
    days.at(SLOT + 40 * MINUTE, lambda _: stand_ins.mode("oura", "ok"))
    days.pass_until(LATER)

    run = mission.runs.get()
    assert has_the_night(run)
    assert run.finished_at is not None
    assert SLOT + 40 * MINUTE <= run.finished_at <= SLOT + 70 * MINUTE
    assert days_of(mission) == [(TODAY, "decided", SLOT)]
    assert ModelCall.objects.count() == 1
    must_be_right(mission)


def test_night_that_does_not_come_is_named_in_the_one_brief(mission: Mission, days: Days) -> None:
    days.pass_until(LATER)

    run = mission.runs.get()
    assert run.finished_at == SLOT + mission.wait_minutes * MINUTE
    assert not has_the_night(run)
    [missing] = [
        words
        for words in brief.missing_in(Situation.model_validate(run.situation))
        if "Oura" in words
    ]
    assert "last night" in missing
    assert missing[1:] in Notification.objects.get().text
    must_be_right(mission)


def test_worker_that_comes_too_early_begins_nothing(mission: Mission, days: Days) -> None:
    days.pass_until(SLOT)
    run = waiting(mission)
    days.pass_until(run.start_at - MINUTE)

    assert mission.runs.get().fence == run.fence


# --- What happens meanwhile ----------------------------------------------------------------------


def ask_by_hand(mission: Mission, now: datetime) -> None:
    mornings.ask_for_today(mission, now)


def check_in(mission: Mission, now: datetime) -> None:
    again.ask_again(mission.runs.get(), now, again.Why.CHECK_IN)


def withdraw_consent(mission: Mission, now: datetime) -> None:
    User.objects.filter(pk=mission.owner_id).update(health_consent_at=None)


def delete_account(mission: Mission, now: datetime) -> None:
    deletion.ask(mission.owner, None, now)
    assert deletion.carry_out(mission.owner_id, now)


def delete_mission(mission: Mission, now: datetime) -> None:
    editing.remove(Mission.objects.get(pk=mission.pk), now)


def take_back(mission: Mission, now: datetime) -> None:
    operator = factories.operator()
    fresh = Mission.objects.get(pk=mission.pk)
    lifecycle.advance(fresh, to=Mission.State.PREP, now=now, by=operator, reason="A mistake.")


def disconnect(mission: Mission, now: datetime) -> None:
    mission.owner.connections.all().delete()


def move_the_morning(mission: Mission, now: datetime) -> None:
    fresh = Mission.objects.get(pk=mission.pk)
    fresh.timezone = "America/New_York"
    editing.keep(fresh, now, by=fresh.owner)


def ask_twice(mission: Mission, now: datetime) -> None:
    for _ in range(2):
        mornings.ask_for_today(mission, now)


Deed = Callable[[Mission, datetime], None]
# At the same instant as the worker, and when it looks again.
AT = [timedelta(), night.STEP]


@pytest.mark.parametrize("after", AT, ids=str)
@pytest.mark.parametrize("deed", [ask_by_hand, ask_twice, check_in, disconnect, move_the_morning])
def test_whatever_a_tester_does_meanwhile_there_is_one_brief(
    mission: Mission, days: Days, deed: Deed, after: timedelta
) -> None:
    days.pass_until(SLOT)
    days.at(SLOT + after, lambda now: deed(mission, now))
    days.pass_until(LATER)

    assert [(day, outcome) for day, outcome, _ in days_of(mission)] == [(TODAY, "decided")]
    assert ModelCall.objects.count() == 1
    must_be_right(mission)


@pytest.mark.parametrize("after", AT, ids=str)
@pytest.mark.parametrize("deed", [withdraw_consent, delete_account, delete_mission, take_back])
def test_who_leaves_meanwhile_gets_no_brief_and_leaves_no_run(
    mission: Mission, days: Days, deed: Deed, after: timedelta
) -> None:
    days.pass_until(SLOT)
    waiting(mission)
    days.at(SLOT + after, lambda now: deed(mission, now))
    days.pass_until(LATER)

    assert not MissionRun.objects.exists()
    assert not ModelCall.objects.exists()
    assert not Notification.objects.filter(kind=Notification.Kind.BRIEF).exists()


def test_consent_given_again_brings_the_next_morning_back(mission: Mission, days: Days) -> None:
    days.pass_until(SLOT)
    days.at(SLOT + MINUTE, lambda now: withdraw_consent(mission, now))
    days.pass_until(LATER)
    User.objects.update(health_consent_at=LATER)
    days.pass_until(SLOT + DAY + 3 * HOUR)

    assert [(day, outcome) for day, outcome, _ in days_of(mission)] == [(TODAY + DAY, "decided")]
    must_be_right(mission)


def test_brief_asked_for_by_hand_waits_for_no_night(mission: Mission, days: Days) -> None:
    days.pass_until(SLOT)
    days.at(SLOT + MINUTE, lambda now: ask_by_hand(mission, now))
    days.pass_until(SLOT + 2 * MINUTE)

    assert mission.runs.get().finished_at == SLOT + MINUTE


def test_nobody_gets_a_run_by_hand_whose_consent_is_gone(mission: Mission, days: Days) -> None:
    days.pass_until(SLOT)
    withdraw_consent(mission, SLOT)
    days.pass_until(SLOT + 3 * HOUR)

    with pytest.raises((NotLive, privacy.NotAllowed)):
        mornings.ask_for_today(Mission.objects.get(), LATER)
