from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from threading import Event
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

import pytest
import time_machine
from celery import current_app
from kombu.exceptions import OperationalError

from accounts.models import User
from coach import budget, claims, mornings, queue, record
from coach.daily_run import NotLive
from coach.models import Incident, MissionRun, ModelCall
from missions import schedule
from missions.models import Mission, MissionMove
from notifications.models import Notification
from tests import factories
from tests.coach.conftest import Message
from tests.coach.samples import decision
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = pytest.mark.django_db

Outcome = MissionRun.Outcome
# Six in Paris on 4 July.
SLOT = datetime(2026, 7, 4, 4, tzinfo=UTC)
STATES = ["PREP", "MISSION_COMPLETE"]
TIMES = (
    *("opened_at", "start_at", "due_at", "publish_at", "wait_until", "give_up_at"),
    *("finished_at", "lease_until", "file_due_at"),
)


@pytest.fixture
def due(mission: Mission) -> Mission:
    Mission.objects.update(next_run_at=SLOT)
    mission.refresh_from_db()
    return mission


def opened() -> list[tuple[Any, ...]]:
    runs = MissionRun.objects.order_by("mission__owner", "local_date")
    return [(run.mission, run.local_date, run.trigger, run.outcome) for run in runs]


def wake_up(commits: Any, zone: str = "Europe/Paris", now: datetime = NOW) -> None:
    with commits(execute=True):
        mornings.open_due(zone, now)


def message(mission: Mission, day: date = TODAY) -> Message:
    return ("coach.run_mission_day", (mission.owner_id, str(mission.pk), day.isoformat()))


def test_morning_opens_the_run_of_a_due_mission_once_and_tells_a_worker(
    due: Mission,
    published: list[Message],
    django_capture_on_commit_callbacks: Any,
) -> None:
    wake_up(django_capture_on_commit_callbacks)
    wake_up(django_capture_on_commit_callbacks, now=NOW + timedelta(minutes=5))

    assert opened() == [(due, TODAY, "schedule", "due")]
    assert published == [message(due)]
    due.refresh_from_db()
    assert due.next_run_at == SLOT + timedelta(days=1)


def test_morning_is_not_opened_before_its_minute(due: Mission) -> None:
    mornings.open_due("Europe/Paris", SLOT - timedelta(seconds=1))
    assert opened() == []

    mornings.open_due("Europe/Paris", SLOT)
    assert opened() == [(due, TODAY, "schedule", "due")]


def test_morning_of_another_zone_is_left_to_its_own_wake_up(due: Mission) -> None:
    mornings.open_due("Europe/Berlin", NOW)

    assert opened() == []


@pytest.mark.parametrize("state", STATES)
def test_morning_of_a_mission_that_is_not_live_does_not_come(due: Mission, state: str) -> None:
    Mission.objects.update(state=state)

    mornings.open_due("Europe/Paris", NOW)

    assert opened() == []


@pytest.mark.parametrize(
    ("hours_down", "runs"),
    [
        (1, [(0, "due")]),
        (11, [(0, "due")]),
        (12, [(0, "missed")]),
        (23, [(0, "missed")]),
        (26, [(0, "missed"), (1, "due")]),
        (80, [(0, "missed"), (1, "missed"), (2, "missed"), (3, "due")]),
    ],
)
def test_only_the_latest_morning_is_made_after_an_outage(
    due: Mission, hours_down: int, runs: list[tuple[int, str]]
) -> None:
    mornings.open_due("Europe/Paris", SLOT + timedelta(hours=hours_down))

    assert [(day, outcome) for _, day, _, outcome in opened()] == [
        (TODAY + timedelta(days=days), outcome) for days, outcome in runs
    ]
    missed = [outcome for _, outcome in runs if outcome == "missed"]
    assert [one.kind for one in Incident.objects.all()] == missed
    assert Notification.objects.count() == min(len(missed), 1)


def test_run_has_the_times_it_lives_by(due: Mission) -> None:
    mornings.open_due("Europe/Paris", NOW)

    run = MissionRun.objects.get()
    assert {name: getattr(run, name) for name in TIMES} == {
        "opened_at": NOW,
        "start_at": SLOT,
        "due_at": SLOT,
        "publish_at": NOW + queue.PATIENCE,
        "wait_until": SLOT + timedelta(hours=2),
        "give_up_at": SLOT + timedelta(hours=12),
        "finished_at": None,
        "lease_until": None,
        "file_due_at": None,
    }
    same = MissionRun(mission=due, local_date=TODAY, trigger="schedule")
    rest = [
        field.name
        for field in MissionRun._meta.concrete_fields
        if field.name not in (*TIMES, "id", "published")
    ]
    assert [getattr(run, name) for name in rest] == [getattr(same, name) for name in rest]


def test_runs_of_one_batch_differ_where_their_missions_do(due: Mission) -> None:
    Mission.objects.update(wait_minutes=0)
    other = factories.mission(
        factories.tester("other@example.org"), next_run_at=SLOT, send_time=time(5, 30)
    )

    mornings.open_due("Europe/Paris", NOW)

    rows = dict(MissionRun.objects.values_list("mission", "wait_until"))
    due_at = dict(MissionRun.objects.values_list("mission", "due_at"))
    half_past_five = SLOT - timedelta(minutes=30)
    assert rows == {due.pk: None, other.pk: half_past_five + timedelta(hours=2)}
    assert due_at == {due.pk: SLOT, other.pk: half_past_five}


def test_nobody_waits_for_the_night_until_it_is_too_late_to_begin(due: Mission) -> None:
    Mission.objects.update(wait_minutes=240, send_time=time(21))
    slot = datetime(2026, 7, 4, 19, tzinfo=UTC)
    Mission.objects.update(next_run_at=slot)

    mornings.open_due("Europe/Paris", slot)

    run = MissionRun.objects.get()
    assert run.give_up_at == datetime(2026, 7, 4, 22, tzinfo=UTC)
    assert run.wait_until == datetime(2026, 7, 4, 21, 30, tzinfo=UTC)


def test_date_older_than_one_that_was_made_is_not_opened(due: Mission) -> None:
    """Made in Auckland, taken back, begun anew in Paris, where that date is still to come."""
    tomorrow = TODAY + timedelta(days=1)
    MissionRun.objects.create(
        mission=due, local_date=tomorrow, trigger="schedule", outcome="decided", decision={}
    )

    mornings.open_due("Europe/Paris", NOW)

    assert [day for _, day, *_ in opened()] == [tomorrow]


@pytest.mark.parametrize("fields", [{"health_consent_at": None}, {"is_active": False}])
def test_nothing_is_opened_or_missed_for_somebody_who_may_not_be_coached(
    due: Mission, fields: dict[str, Any]
) -> None:
    User.objects.update(**fields)

    mornings.open_due("Europe/Paris", SLOT + timedelta(days=3))

    assert (opened(), Incident.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
def test_mornings_opened_at_once_are_opened_once(published: list[Message]) -> None:
    for n in range(6):
        factories.mission(factories.tester(f"{n}@example.org"), next_run_at=SLOT)

    counts = at_once(*[partial(mornings.open_due, "Europe/Paris", NOW)] * 4)

    assert sum(counts) == len(opened()) == 6
    assert len(published) == len(set(published)) == 6


# --- catching up ---------------------------------------------------------------------------------


def test_catch_up_opens_what_no_wake_up_came_for_in_any_zone(due: Mission) -> None:
    tokyo = factories.mission(
        factories.tester("tokyo@example.org", timezone="Asia/Tokyo"),
        next_run_at=datetime(2026, 7, 3, 21, tzinfo=UTC),
    )

    assert mornings.catch_up(SLOT + timedelta(minutes=10) - timedelta(seconds=1)) == 1
    assert opened() == [(tokyo, TODAY, "schedule", "due")]
    assert mornings.catch_up(SLOT + timedelta(minutes=10)) == 1
    assert mornings.catch_up(SLOT + timedelta(minutes=10)) == 0
    assert {mission for mission, *_ in opened()} == {due, tokyo}


def test_catch_up_where_nothing_is_late_costs_one_query(
    due: Mission, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        assert mornings.catch_up(SLOT) == 0


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, "missed"),
        ({"outcome": "under_way", "lease_until": NOW - timedelta(seconds=1)}, "missed"),
        ({"outcome": "under_way", "lease_until": NOW + timedelta(seconds=1)}, "under_way"),
        ({"give_up_at": NOW + timedelta(seconds=1)}, "due"),
        ({"give_up_at": None}, "due"),
    ],
)
def test_run_that_nobody_began_in_time_is_missed(
    mission: Mission, fields: dict[str, Any], outcome: str
) -> None:
    values = {"give_up_at": NOW, "trigger": "schedule", **fields}
    run = MissionRun.objects.create(mission=mission, local_date=TODAY, fence=3, **values)

    mornings.miss_what_is_too_late(NOW)

    run.refresh_from_db()
    is_missed = outcome == "missed"
    assert (run.outcome, run.fence) == (outcome, 4 if is_missed else 3)
    assert run.finished_at == (NOW if is_missed else None)
    assert [one.kind for one in Incident.objects.all()] == ["missed"] * is_missed


@pytest.mark.parametrize(
    ("answer", "minutes_late", "is_missed"),
    [
        ("answered", 0, False),
        ("accepted", 59, False),
        ("accepted", 60, True),
        ("rejected", 0, True),
        ("unanswered", 0, True),
    ],
)
def test_run_whose_answer_is_paid_for_has_an_hour_to_be_finished(
    mission: Mission, answer: str, minutes_late: int, is_missed: bool
) -> None:
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome="under_way",
        lease_until=NOW - timedelta(hours=2),
        start_at=NOW - timedelta(hours=12),
        give_up_at=NOW - timedelta(minutes=minutes_late),
    )
    ModelCall.objects.create(run=run, attempt=1, model="m", outcome=answer, prompt="[user]")
    can_be_taken = MissionRun.claimable(NOW).exists()

    mornings.miss_what_is_too_late(NOW)

    run.refresh_from_db()
    assert (run.outcome, can_be_taken) == ("missed" if is_missed else "under_way", not is_missed)
    assert run.file_due_at == (NOW if is_missed else None)


def test_answer_of_an_earlier_asking_is_no_answer(mission: Mission) -> None:
    run = MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", give_up_at=NOW, asked=2
    )
    ModelCall.objects.create(run=run, attempt=1, model="m", outcome="accepted")

    assert mornings.miss_what_is_too_late(NOW) == 1


def test_run_that_is_too_late_is_nobody_s_to_begin(mission: Mission) -> None:
    run = MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", give_up_at=NOW, start_at=SLOT
    )

    assert claims.take(run, NOW) is None
    assert claims.take(run, NOW - timedelta(seconds=1)) is not None


@time_machine.travel(NOW, tick=False)
def test_worker_that_wakes_after_its_run_was_missed_writes_nothing(mission: Mission) -> None:
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        start_at=SLOT,
        give_up_at=NOW + timedelta(minutes=1),
    )
    claim = claims.take(run, NOW)
    assert claim is not None
    mornings.miss_what_is_too_late(NOW + MissionRun.LEASE + timedelta(seconds=1))

    with pytest.raises(claims.Lost):
        record.decided(claim, decision())
    with pytest.raises(claims.Lost):
        record.failed(claim, Incident.Kind.CRASH, "too late")

    assert (MissionRun.objects.get().outcome, MissionRun.objects.get().decision) == ("missed", None)
    assert [mail.kind for mail in Notification.objects.all()] == ["alert"]


def test_thousand_missed_mornings_are_one_mail_and_few_queries(
    tester: User, django_assert_max_num_queries: Any
) -> None:
    mission = factories.mission(tester)
    MissionRun.objects.bulk_create(
        MissionRun(
            mission=mission,
            local_date=TODAY + timedelta(days=n),
            trigger="schedule",
            give_up_at=NOW,
        )
        for n in range(1000)
    )

    with django_assert_max_num_queries(40):
        assert mornings.miss_what_is_too_late(NOW) == 1000

    assert Incident.objects.filter(kind="missed").count() == 1000
    alert = Notification.objects.get()
    assert (alert.dedupe_key, alert.recipients) == (
        "alert:missed:2026-07-04T05",
        ["ops@example.org"],
    )
    assert "nobody had begun in time: 500, and maybe more since.\n" in alert.text


def test_last_dates_of_an_event_that_ended_in_an_outage_are_missed(
    tester: User, published: list[Message]
) -> None:
    mission = factories.mission(
        tester,
        state=Mission.State.MISSION_COMPLETE,
        event_start=TODAY - timedelta(days=3),
        event_end=TODAY - timedelta(days=1),
    )
    MissionMove.objects.create(
        mission=mission,
        from_state="PREP",
        to_state="TRAINING",
        reason="",
        at=NOW - timedelta(days=9),
    )
    MissionRun.objects.create(
        mission=mission, local_date=TODAY - timedelta(days=3), trigger="schedule", outcome="failed"
    )

    for _ in range(2):
        mornings.sweep(NOW)

    days = [(day, outcome) for _, day, _, outcome in opened()]
    assert days == [
        (TODAY - timedelta(days=3), "failed"),
        (TODAY - timedelta(days=2), "missed"),
        (TODAY - timedelta(days=1), "missed"),
    ]
    assert Incident.objects.count() == 2


# --- opening -------------------------------------------------------------------------------------


def test_morning_after_the_event_is_not_opened(due: Mission) -> None:
    """The calendar ends the mission a few minutes after midnight; a brief at five is earlier."""
    Mission.objects.update(
        state=Mission.State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=3),
        event_end=TODAY - timedelta(days=1),
    )

    mornings.open_due("Europe/Paris", NOW)

    assert opened() == []


def test_all_mornings_of_a_zone_are_opened_at_one_wake_up(
    due: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "BATCH", 2)
    for n in range(4):
        factories.mission(factories.tester(f"{n}@example.org"), next_run_at=SLOT)

    mornings.open_due("Europe/Paris", NOW)

    assert len(opened()) == 5


def test_morning_finds_the_run_that_the_tester_asked_for_before(
    due: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    MissionRun.objects.create(
        mission=due, local_date=TODAY, trigger="tester", outcome="decided", decision={}
    )

    mornings.open_due("Europe/Paris", NOW)

    assert opened() == [(due, TODAY, "tester", "decided")]


@time_machine.travel(NOW, tick=False)
def test_asking_for_today_opens_one_run_and_a_second_press_finds_it(
    mission: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first = mornings.ask_for_today(mission, NOW)
    MissionRun.objects.update(outcome=Outcome.FAILED)
    with django_capture_on_commit_callbacks(execute=True):
        second = mornings.ask_for_today(mission, NOW)

    assert second == first
    assert (first.opened_at, second.outcome) == (NOW, "failed")
    assert opened() == [(mission, TODAY, "tester", "failed")]
    assert published == [message(mission)]


@pytest.mark.parametrize(
    ("timezone", "day"),
    [
        ("Pacific/Kiritimati", date(2026, 7, 5)),
        ("Pacific/Honolulu", date(2026, 7, 4)),
        ("Pacific/Pago_Pago", date(2026, 7, 3)),
    ],
)
def test_today_is_the_mission_s_own(tester: User, timezone: str, day: date) -> None:
    mission = factories.mission(tester, timezone=timezone)

    run = mornings.ask_for_today(mission, datetime(2026, 7, 4, 10, 30, tzinfo=UTC))

    assert run.local_date == day


@pytest.mark.parametrize("state", STATES)
def test_asking_is_refused_for_a_mission_that_is_not_live(mission: Mission, state: str) -> None:
    mission.state = state

    with pytest.raises(NotLive, match="only works on a mission in training or in its event"):
        mornings.ask_for_today(mission, NOW)

    assert opened() == []


def test_asking_is_refused_when_the_event_ended_at_midnight(tester: User) -> None:
    mission = factories.mission(
        tester,
        state=Mission.State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=2),
        event_end=TODAY - timedelta(days=1),
    )

    with pytest.raises(NotLive):
        mornings.ask_for_today(mission, NOW)

    assert Mission.objects.get().state == Mission.State.MISSION_COMPLETE


def test_asking_shows_the_run_of_a_day_on_which_the_mission_ended(mission: Mission) -> None:
    run = MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="schedule")
    mission.state = Mission.State.MISSION_COMPLETE

    assert mornings.ask_for_today(mission, NOW) == run


def test_run_is_told_to_no_worker_before_it_is_committed(
    mission: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=False) as waiting:
        mornings.ask_for_today(mission, NOW)

    assert published == []
    assert len(waiting) == 1


def test_sweep_tells_again_of_runs_and_artifacts_that_no_worker_holds(
    mission: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    decided = {"outcome": Outcome.DECIDED, "decision": {}}
    rows: list[dict[str, Any]] = [
        {"outcome": Outcome.DUE},
        {"outcome": Outcome.UNDER_WAY, "lease_until": NOW - timedelta(seconds=1)},
        {"outcome": Outcome.UNDER_WAY, "lease_until": NOW + timedelta(seconds=1)},
        {"outcome": Outcome.FAILED, "file_due_at": NOW},
        {**decided, "file_due_at": NOW},
        {**decided, "artifacts_at": NOW},
    ]
    runs = [
        MissionRun.objects.create(
            mission=mission,
            local_date=TODAY - timedelta(days=n),
            trigger="schedule",
            start_at=SLOT,
            publish_at=SLOT,
            **row,
        )
        for n, row in enumerate(rows)
    ]

    with django_capture_on_commit_callbacks(execute=True):
        mornings.sweep(NOW)

    assert sorted(published) == sorted(
        [
            message(mission, TODAY),
            message(mission, TODAY - timedelta(days=1)),
            ("coach.keep_artifacts", (str(runs[3].pk),)),
            ("coach.keep_artifacts", (str(runs[4].pk),)),
        ]
    )


def test_sweep_does_the_rest_where_one_of_it_breaks_off(
    mission: Mission,
    published: list[Message],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    """A mission whose zone is gone from the zone files must not keep all others waiting."""

    def gone(*_: Any) -> list[str]:
        raise ZoneInfoNotFoundError("Mars/Olympus")

    monkeypatch.setattr(schedule, "zones_due", gone)
    MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", start_at=SLOT, publish_at=SLOT
    )

    with (
        pytest.raises(ZoneInfoNotFoundError),
        django_capture_on_commit_callbacks(execute=True),
    ):
        mornings.sweep(NOW)

    assert MissionRun.objects.get().published == 1


def test_sweep_has_the_last_stage_of_a_finished_event_settled(
    tester: User, published: list[Message]
) -> None:
    mission = factories.mission(
        tester,
        state=Mission.State.MISSION_COMPLETE,
        event_start=TODAY - timedelta(days=1),
        event_end=TODAY - timedelta(days=1),
    )

    mornings.sweep(NOW)

    assert published == [("coach.settle_event", (str(mission.pk),))]


def test_run_is_kept_when_the_broker_is_away(
    mission: Mission, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("Connection refused")

    monkeypatch.setattr(current_app, "send_task", refuse)

    with django_capture_on_commit_callbacks(execute=True):
        mornings.ask_for_today(mission, NOW)

    assert opened() == [(mission, TODAY, "tester", "due")]


def test_brief_asked_for_before_its_time_takes_the_place_of_that_morning(due: Mission) -> None:
    an_hour_early = SLOT - timedelta(hours=1)

    mornings.ask_for_today(due, an_hour_early)

    due.refresh_from_db()
    assert due.next_run_at == SLOT + timedelta(days=1)


def test_brief_asked_for_later_leaves_the_next_morning_alone(due: Mission) -> None:
    Mission.objects.update(next_run_at=SLOT + timedelta(days=1))
    due.refresh_from_db()

    mornings.ask_for_today(due, NOW)

    due.refresh_from_db()
    assert due.next_run_at == SLOT + timedelta(days=1)


@time_machine.travel(NOW, tick=False)
def test_asking_for_a_missed_day_opens_it_after_all(
    due: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    late = SLOT + timedelta(hours=12)
    mornings.open_due("Europe/Paris", late)
    assert opened() == [(due, TODAY, "schedule", "missed")]
    due.refresh_from_db()

    with django_capture_on_commit_callbacks(execute=True):
        run = mornings.ask_for_today(due, late)
        mornings.ask_for_today(due, late)

    assert (run.outcome, run.asked, run.give_up_at) == ("due", 1, late + timedelta(hours=12))
    assert [one.kind for one in run.incidents.all()] == ["missed"]
    assert published == [message(due), message(due)]
    assert claims.take(run, late) is not None


def test_asking_for_a_missed_day_is_an_asking_of_the_month(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", outcome="missed", finished_at=NOW
    )

    def refuse(*_: Any) -> None:
        raise budget.UsedUp("used up", wait_s=1)

    monkeypatch.setattr(budget, "require_by_hand", refuse)

    with pytest.raises(budget.UsedUp):
        mornings.ask_for_today(mission, NOW)

    assert MissionRun.objects.get().outcome == "missed"


def test_asking_for_a_run_that_waits_ends_its_wait(
    mission: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        start_at=NOW + timedelta(minutes=30),
        publish_at=NOW + timedelta(minutes=30),
        wait_until=NOW + timedelta(hours=2),
    )
    assert claims.take(run, NOW) is None

    with django_capture_on_commit_callbacks(execute=True):
        mornings.ask_for_today(mission, NOW)

    run.refresh_from_db()
    assert (run.start_at, run.wait_until, published) == (NOW, None, [message(mission)])
    assert claims.take(run, NOW) is not None


def test_dates_before_the_one_asked_for_that_went_by_are_missed(due: Mission) -> None:
    Mission.objects.update(next_run_at=SLOT - timedelta(days=2))
    due.refresh_from_db()

    mornings.ask_for_today(due, NOW)

    assert [(day, outcome) for _, day, _, outcome in opened()] == [
        (TODAY - timedelta(days=2), "missed"),
        (TODAY - timedelta(days=1), "missed"),
        (TODAY, "due"),
    ]


@pytest.mark.django_db(transaction=True)
def test_asking_while_the_schedule_opens_the_same_morning_is_one_run_and_no_deadlock(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    Mission.objects.update(next_run_at=SLOT)
    mission.refresh_from_db()
    claimed, asked = Event(), Event()
    claim_due, pass_over = schedule.claim_due, schedule.pass_over

    def claim(*args: Any, **options: Any) -> list[schedule.Morning]:
        held = claim_due(*args, **options)
        claimed.set()
        asked.wait(1)
        return held

    def passed(*args: Any) -> tuple[date, ...]:
        asked.set()
        claimed.wait(1)
        return pass_over(*args)

    monkeypatch.setattr(schedule, "claim_due", claim)
    monkeypatch.setattr(schedule, "pass_over", passed)

    at_once(
        lambda: mornings.open_due("Europe/Paris", NOW),
        lambda: mornings.ask_for_today(mission, NOW),
    )

    assert MissionRun.objects.count() == 1
