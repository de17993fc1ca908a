import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import ModelEntry
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accounts.models import User, timezone_names
from lanterne.celery import app
from missions import schedule
from missions.models import Mission
from tests import factories
from tests.factories import NOW, TODAY
from tests.threads import at_once

State = Mission.State
PARIS = "Europe/Paris"


def utc(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def at(timezone: str, hour: int = 6, minute: int = 0) -> Mission:
    """A mission that is not stored: its mornings need no row."""
    return Mission(timezone=timezone, send_time=time(hour, minute))


# --- slots -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timezone", "slot"),
    [
        ("Europe/Paris", utc(2026, 7, 4, 4)),
        ("Asia/Kolkata", utc(2026, 7, 4, 0, 30)),
        ("Asia/Kathmandu", utc(2026, 7, 4, 0, 15)),
        ("Australia/Eucla", utc(2026, 7, 3, 21, 15)),
        ("Pacific/Kiritimati", utc(2026, 7, 3, 16)),
        ("Pacific/Pago_Pago", utc(2026, 7, 4, 17)),
        ("America/St_Johns", utc(2026, 7, 4, 8, 30)),
    ],
)
def test_slot_is_the_send_time_on_the_testers_clock(timezone: str, slot: datetime) -> None:
    assert schedule.slot_on(at(timezone), TODAY) == slot
    assert schedule.local_date_of(at(timezone), slot) == TODAY


@pytest.mark.parametrize(
    ("mission", "day", "slot", "on_the_clock"),
    [
        (at("Europe/Paris", 2, 30), date(2026, 3, 29), utc(2026, 3, 29, 1, 30), time(3, 30)),
        (at("America/New_York", 2, 30), date(2026, 3, 8), utc(2026, 3, 8, 7, 30), time(3, 30)),
        (
            at("Australia/Lord_Howe", 2, 15),
            date(2026, 10, 4),
            utc(2026, 10, 3, 15, 45),
            time(2, 45),
        ),
        (at("Africa/Cairo", 0, 30), date(2026, 4, 24), utc(2026, 4, 23, 22, 30), time(1, 30)),
    ],
)
def test_time_that_spring_skips_is_the_same_instant_later_on_the_clock(
    mission: Mission, day: date, slot: datetime, on_the_clock: time
) -> None:
    assert schedule.slot_on(mission, day) == slot
    assert slot.astimezone(mission.zone).time() == on_the_clock
    assert schedule.local_date_of(mission, slot) == day
    assert schedule.next_slot(mission, slot - timedelta(hours=12)) == slot


@pytest.mark.parametrize(
    ("mission", "day", "slot", "second_pass"),
    [
        (at("Europe/Paris", 2, 30), date(2026, 10, 25), utc(2026, 10, 25, 0, 30), 60),
        (at("America/New_York", 1, 30), date(2026, 11, 1), utc(2026, 11, 1, 5, 30), 60),
        (at("Australia/Lord_Howe", 1, 45), date(2026, 4, 5), utc(2026, 4, 4, 14, 45), 30),
    ],
)
def test_time_that_comes_twice_in_autumn_counts_the_first(
    mission: Mission, day: date, slot: datetime, second_pass: int
) -> None:
    again = slot + timedelta(minutes=second_pass)

    assert again.astimezone(mission.zone).time() == slot.astimezone(mission.zone).time()
    assert schedule.slot_on(mission, day) == slot
    assert schedule.next_slot(mission, slot) > again
    assert schedule.local_date_of(mission, schedule.next_slot(mission, slot)) == day + timedelta(1)


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (utc(2026, 7, 4, 3, 59), utc(2026, 7, 4, 4)),
        (utc(2026, 7, 4, 4), utc(2026, 7, 5, 4)),
        (utc(2026, 7, 4, 23), utc(2026, 7, 5, 4)),
    ],
)
def test_next_slot_is_the_first_that_is_later(now: datetime, slot: datetime) -> None:
    assert schedule.next_slot(at(PARIS), now) == slot


def test_day_that_a_country_left_out_has_no_slot_of_its_own() -> None:
    """Samoa went from 29 to 31 December 2011 when it crossed the date line."""
    samoa = at("Pacific/Apia")
    first = schedule.slot_on(samoa, date(2011, 12, 29))

    second = schedule.next_slot(samoa, first)

    assert (first, second) == (utc(2011, 12, 29, 16), utc(2011, 12, 30, 16))
    assert schedule.local_date_of(samoa, second) == date(2011, 12, 31)
    assert schedule.next_slot(samoa, second) == utc(2011, 12, 31, 16)


@settings(deadline=None)
@given(
    timezone=st.sampled_from(timezone_names()),
    day=st.dates(date(2024, 1, 1), date(2035, 12, 31)),
    minutes=st.integers(0, 24 * 60 - 1),
)
@example(timezone="Antarctica/Troll", day=date(2026, 3, 29), minutes=90)
@example(timezone="America/Havana", day=date(2026, 11, 1), minutes=30)
@example(timezone="Africa/Casablanca", day=date(2026, 2, 15), minutes=150)
@example(timezone="Europe/Paris", day=date(2028, 2, 28), minutes=360)
@example(timezone="Pacific/Auckland", day=date(2028, 2, 29), minutes=360)
def test_slots_of_any_zone_follow_each_other_once_a_day(
    timezone: str, day: date, minutes: int
) -> None:
    mission = at(timezone, minutes // 60, minutes % 60)
    slot = schedule.slot_on(mission, day)

    following = schedule.next_slot(mission, slot)

    assert timedelta(hours=22) <= following - slot <= timedelta(hours=26)
    assert schedule.next_slot(mission, following - timedelta(microseconds=1)) == following
    assert schedule.local_date_of(mission, slot) == day
    assert schedule.local_date_of(mission, following) == day + timedelta(days=1)
    assert schedule.latest_slot(mission, following - timedelta(microseconds=1)) == slot
    assert schedule.latest_slot(mission, following) == following


# --- claims ------------------------------------------------------------------------------------


def live_mission(number: int = 0, **fields: object) -> Mission:
    """A live mission of a tester of its own, due at NOW unless told otherwise."""
    owner = factories.tester(email=f"tester-{number}@example.org")
    return factories.mission(owner, **{"next_run_at": utc(2026, 7, 4, 4), **fields})


def taken(claimed: list[schedule.Morning]) -> list[tuple[UUID, date, tuple[date, ...]]]:
    return [(one.mission_id, one.plan.local_date, one.plan.missed) for one in claimed]


@pytest.mark.django_db
def test_claim_takes_the_due_mission_with_its_local_date_and_moves_its_slot() -> None:
    mission = live_mission()

    claimed = schedule.claim_due(PARIS, NOW)

    assert claimed == [
        schedule.Morning(
            mission.pk,
            schedule.Plan(
                schedule.Clock(PARIS, time(6)),
                first=TODAY,
                local_date=TODAY,
                slot=utc(2026, 7, 4, 4),
                next_slot=utc(2026, 7, 5, 4),
            ),
            wait_minutes=120,
            event_end=mission.event_end,
            is_wanted=True,
        )
    ]
    mission.refresh_from_db()
    assert mission.next_run_at == utc(2026, 7, 5, 4)


@pytest.mark.django_db
def test_claim_leaves_what_is_not_due_not_live_or_elsewhere() -> None:
    later = live_mission(1, next_run_at=NOW + timedelta(seconds=1))
    complete = live_mission(2, state=State.MISSION_COMPLETE)
    preparing = live_mission(3, state=State.PREP)
    elsewhere = live_mission(4, timezone="Europe/Berlin")
    never = live_mission(5, next_run_at=None)
    slots = [one.next_run_at for one in (later, complete, preparing, elsewhere, never)]

    assert schedule.claim_due(PARIS, NOW) == []

    for one, slot in zip((later, complete, preparing, elsewhere, never), slots, strict=True):
        one.refresh_from_db()
        assert one.next_run_at == slot


@pytest.mark.django_db
def test_claim_made_again_finds_nothing() -> None:
    live_mission()

    assert [len(schedule.claim_due(PARIS, NOW)) for _ in range(3)] == [1, 0, 0]


@pytest.mark.django_db(transaction=True)
def test_claims_made_at_once_share_the_missions_between_them() -> None:
    missions = [live_mission(number) for number in range(6)]

    claims = at_once(*[partial(schedule.claim_due, PARIS, NOW)] * 4)

    keys = [key for claim in claims for key, *_ in taken(claim)]
    assert sorted(keys) == sorted(mission.pk for mission in missions)


@pytest.mark.django_db
def test_claim_after_an_outage_is_for_the_newest_morning_and_tells_of_the_others() -> None:
    mission = live_mission(next_run_at=utc(2026, 7, 1, 4))

    claimed = schedule.claim_due(PARIS, NOW)

    missed = tuple(date(2026, 7, day) for day in (1, 2, 3))
    assert taken(claimed) == [(mission.pk, TODAY, missed)]
    mission.refresh_from_db()
    assert mission.next_run_at == utc(2026, 7, 5, 4)


@pytest.mark.django_db
def test_dates_that_went_by_are_told_for_a_month_at_most() -> None:
    live_mission(next_run_at=utc(2026, 3, 1, 5))

    [(_, _, missed)] = taken(schedule.claim_due(PARIS, NOW))

    assert (len(missed), missed[0], missed[-1]) == (31, date(2026, 6, 3), date(2026, 7, 3))


@pytest.mark.django_db
def test_claim_before_the_mornings_slot_is_for_the_day_before() -> None:
    """An outage that ends at 05:30 on the tester's clock: today's brief is still to come."""
    mission = live_mission(next_run_at=utc(2026, 7, 3, 4))

    claimed = schedule.claim_due(PARIS, utc(2026, 7, 4, 3, 30))

    assert taken(claimed) == [(mission.pk, date(2026, 7, 3), ())]
    mission.refresh_from_db()
    assert mission.next_run_at == utc(2026, 7, 4, 4)


@pytest.mark.django_db
def test_slot_that_a_zone_s_new_rules_put_off_is_not_the_day_before_s() -> None:
    """Made an hour too early, under the old rules: it is moved, and nothing opened."""
    mission = live_mission(next_run_at=utc(2026, 7, 4, 3))

    claimed = schedule.claim_due(PARIS, utc(2026, 7, 4, 3, 5))

    assert claimed == []
    mission.refresh_from_db()
    assert mission.next_run_at == utc(2026, 7, 4, 4)


@pytest.mark.django_db
def test_claim_of_those_due_by_some_time_leaves_the_others() -> None:
    early = live_mission(1, next_run_at=utc(2026, 7, 4, 3))
    live_mission(2)

    claimed = schedule.claim_due(PARIS, NOW, due_by=utc(2026, 7, 4, 3, 30))

    assert [key for key, *_ in taken(claimed)] == [early.pk]


@pytest.mark.django_db
@pytest.mark.parametrize("fields", [{"health_consent_at": None}, {"is_active": False}])
def test_claim_of_somebody_who_may_not_be_coached_is_not_wanted(fields: dict[str, Any]) -> None:
    mission = live_mission()
    User.objects.update(**fields)

    assert [morning.is_wanted for morning in schedule.claim_due(PARIS, NOW)] == [False]
    mission.refresh_from_db()
    assert mission.next_run_at == utc(2026, 7, 5, 4)


@pytest.mark.django_db
def test_claim_takes_a_batch_the_longest_due_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "BATCH", 2)
    missions = [
        live_mission(number, next_run_at=utc(2026, 7, 4, 4) - timedelta(minutes=number))
        for number in range(3)
    ]

    claims = [[key for key, *_ in taken(schedule.claim_due(PARIS, NOW))] for _ in range(3)]

    assert claims == [[missions[2].pk, missions[1].pk], [missions[0].pk], []]


@pytest.mark.django_db
def test_claim_of_many_whose_clocks_are_alike_costs_two_queries() -> None:
    for number in range(5):
        live_mission(number)

    with CaptureQueriesContext(connection) as asked:
        assert len(schedule.claim_due(PARIS, NOW)) == 5

    begun = [query["sql"].split()[0] for query in asked]
    assert [word for word in begun if word in ("SELECT", "UPDATE")] == ["SELECT", "UPDATE"]


@pytest.mark.django_db
def test_zones_that_are_late_are_told_by_their_earliest_mission() -> None:
    live_mission(1, next_run_at=utc(2026, 7, 4, 3))
    live_mission(2, next_run_at=utc(2026, 7, 5, 4))
    live_mission(3, timezone="Asia/Tokyo", next_run_at=utc(2026, 7, 4, 3, 1))
    live_mission(4, timezone="Asia/Tokyo", next_run_at=None)

    due_by = [utc(2026, 7, 4, 2, 59), utc(2026, 7, 4, 3), utc(2026, 7, 4, 3, 1)]

    assert [schedule.zones_due(one) for one in due_by] == [[], [PARIS], ["Asia/Tokyo", PARIS]]


# --- wake-ups ----------------------------------------------------------------------------------


def wake_ups() -> list[tuple[str, bool]]:
    return list(PeriodicTask.objects.order_by("name").values_list("name", "enabled"))


@pytest.mark.django_db
def test_wake_up_is_one_row_that_rings_every_five_minutes_in_its_zone() -> None:
    live_mission(timezone="Asia/Kathmandu")

    schedule.keep_wake_up("Asia/Kathmandu")

    row = PeriodicTask.objects.get()
    assert (row.name, row.task, row.enabled, row.expire_seconds) == (
        *("mornings in Asia/Kathmandu", "coach.open_mornings"),
        *(True, 240),
    )
    assert json.loads(row.kwargs) == {"timezone_name": "Asia/Kathmandu"}
    assert (row.crontab.minute, row.crontab.hour) == ("*/5", "*")
    assert row.crontab.timezone == ZoneInfo("Asia/Kathmandu")


@pytest.mark.django_db
def test_wake_up_is_what_the_scheduler_sends_to_the_coach() -> None:
    live_mission()
    schedule.keep_wake_up(PARIS)

    entry = ModelEntry(PeriodicTask.objects.get(), app=app)

    assert (entry.task, entry.kwargs) == ("coach.open_mornings", {"timezone_name": PARIS})
    assert entry.options["expires"] == 240
    assert entry.schedule.minute == set(range(0, 60, 5))
    assert entry.schedule.hour == set(range(24))


def test_task_that_a_wake_up_names_is_registered() -> None:
    app.loader.import_default_modules()

    assert schedule.OPEN_MORNINGS in app.tasks


@pytest.mark.django_db
def test_wake_up_of_a_zone_in_use_is_not_written_again() -> None:
    live_mission()
    schedule.keep_wake_up(PARIS)
    before = PeriodicTasks.last_change()

    schedule.keep_wake_up(PARIS)

    assert wake_ups() == [(f"mornings in {PARIS}", True)]
    assert CrontabSchedule.objects.count() == 1
    assert PeriodicTasks.last_change() == before


@pytest.mark.django_db
def test_wake_up_is_switched_off_with_the_last_mission_of_its_zone_and_on_again() -> None:
    one, other = live_mission(1), live_mission(2)
    seen = []

    for state in (State.MISSION_COMPLETE, State.TRAINING):
        for mission in (one, other):
            Mission.objects.filter(pk=mission.pk).update(state=state)
            schedule.keep_wake_up(PARIS)
            seen.append(wake_ups())

    on, off = [(f"mornings in {PARIS}", True)], [(f"mornings in {PARIS}", False)]
    assert seen == [on, off, on, on]


@pytest.mark.django_db
def test_scheduler_hears_of_a_wake_up_that_is_switched_off() -> None:
    mission = live_mission()
    schedule.keep_wake_up(PARIS)
    before = PeriodicTasks.last_change()
    Mission.objects.filter(pk=mission.pk).update(state=State.MISSION_COMPLETE)

    schedule.keep_wake_up(PARIS)

    assert before is not None
    assert PeriodicTasks.last_change() > before


@pytest.mark.django_db
def test_zone_that_nobody_uses_gets_no_wake_up(tester: User) -> None:
    factories.mission(tester, state=State.PREP)

    schedule.keep_wake_up(PARIS)

    assert wake_ups() == []


@pytest.mark.django_db
def test_schedule_that_stands_twice_in_the_table_is_no_obstacle() -> None:
    """Nothing in the scheduler's table forbids it, and two workers can write it at once."""
    live_mission()
    fields = {"minute": "*/5", "hour": "*", "timezone": PARIS}
    for _ in range(2):
        CrontabSchedule.objects.create(**fields)

    schedule.keep_wake_up(PARIS)

    assert wake_ups() == [(f"mornings in {PARIS}", True)]


@pytest.mark.django_db(transaction=True)
def test_wake_ups_kept_at_once_are_one_row() -> None:
    live_mission()

    at_once(*[partial(schedule.keep_wake_up, PARIS)] * 4)

    assert wake_ups() == [(f"mornings in {PARIS}", True)]


@pytest.mark.django_db
def test_wake_ups_are_kept_true_when_missions_vanish_without_a_word() -> None:
    gone, staying = live_mission(1), live_mission(2, timezone="Asia/Tokyo")
    for zone in (PARIS, "Asia/Tokyo"):
        schedule.keep_wake_up(zone)
    live_mission(3, timezone="America/Havana")
    PeriodicTask.objects.filter(name="mornings in Asia/Tokyo").update(enabled=False)
    gone.owner.delete()

    schedule.keep_wake_ups(NOW)

    assert wake_ups() == [
        ("mornings in America/Havana", True),
        ("mornings in Asia/Tokyo", True),
        ("mornings in Europe/Paris", False),
    ]
    assert Mission.objects.get(pk=staying.pk).next_run_at == staying.next_run_at


@pytest.mark.django_db
def test_wake_ups_that_are_true_cost_three_queries_and_no_edit(
    django_assert_num_queries: Any,
) -> None:
    for number, zone in enumerate((PARIS, "Asia/Tokyo", "America/Havana")):
        live_mission(number, timezone=zone)
    schedule.keep_wake_ups(NOW)
    before = PeriodicTasks.last_change()

    with django_assert_num_queries(3):
        schedule.keep_wake_ups(NOW)

    assert (len(wake_ups()), PeriodicTasks.last_change()) == (3, before)


@pytest.mark.django_db
def test_live_mission_without_its_next_morning_gets_one() -> None:
    forgotten = live_mission(1, next_run_at=None)
    leaving = live_mission(2, next_run_at=None)
    User.objects.filter(pk=leaving.owner_id).update(is_active=False)
    live_mission(3, state=State.PREP, next_run_at=None)

    schedule.keep_wake_ups(NOW)

    planned = Mission.objects.filter(next_run_at__isnull=False)
    assert list(planned.values_list("pk", "next_run_at")) == [(forgotten.pk, utc(2026, 7, 5, 4))]
    assert wake_ups() == [(f"mornings in {PARIS}", True)]


# --- changed mornings --------------------------------------------------------------------------


def moved(mission: Mission, change: Callable[[Mission], None]) -> Mission:
    before = Mission.objects.get(pk=mission.pk)
    change(mission)
    schedule.move(mission, before)
    return Mission.objects.get(pk=mission.pk)


def to_zone(timezone: str, mission: Mission) -> None:
    Mission.objects.filter(pk=mission.pk).update(timezone=timezone)
    mission.timezone = timezone


def to_time(send_time: time, mission: Mission) -> None:
    mission.send_time = send_time


@pytest.mark.django_db(transaction=True)
def test_testers_who_swap_their_zones_at_once_do_not_wait_for_each_other() -> None:
    zones = (PARIS, "Asia/Tokyo")
    pair = [live_mission(n, timezone=zone) for n, zone in enumerate(zones)]

    @transaction.atomic
    def there(mission: Mission, to: str) -> None:
        moved(mission, partial(to_zone, to))

    for towards in (zones[::-1], zones) * 10:
        at_once(*(partial(there, *one) for one in zip(pair, towards, strict=True)))

    assert sorted(Mission.objects.values_list("timezone", flat=True)) == sorted(zones)
    assert wake_ups() == [(f"mornings in {zone}", True) for zone in sorted(zones)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("came_at", "next_run_at", "send_time", "slot"),
    [
        # Today's brief is out: the new time counts from tomorrow, earlier or later.
        (time(6), utc(2026, 7, 5, 4), time(20), utc(2026, 7, 5, 18)),
        (time(6), utc(2026, 7, 5, 4), time(5), utc(2026, 7, 5, 3)),
        # Today's brief is still to come: it comes at its new time, or at once if that is past.
        (time(20), utc(2026, 7, 4, 18), time(21), utc(2026, 7, 4, 19)),
        (time(20), utc(2026, 7, 4, 18), time(5), utc(2026, 7, 4, 3)),
    ],
)
def test_changed_send_time_keeps_the_date_that_is_still_to_come(
    came_at: time, next_run_at: datetime, send_time: time, slot: datetime
) -> None:
    mission = live_mission(next_run_at=next_run_at, send_time=came_at)

    assert moved(mission, partial(to_time, send_time)).next_run_at == slot


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("came_from", "next_run_at", "went_to", "slot"),
    [
        # Noon in Auckland on the 5th, its brief is out; Honolulu has the 4th, then the 6th's.
        ("Pacific/Auckland", utc(2026, 7, 5, 18), "Pacific/Honolulu", utc(2026, 7, 6, 16)),
        # Noon in Honolulu on the 4th, its brief is out; Auckland's 5th has begun: due at once.
        ("Pacific/Honolulu", utc(2026, 7, 5, 16), "Pacific/Auckland", utc(2026, 7, 4, 18)),
    ],
)
def test_changed_zone_briefs_no_date_twice_and_leaves_none_out(
    came_from: str, next_run_at: datetime, went_to: str, slot: datetime
) -> None:
    mission = live_mission(timezone=came_from, next_run_at=next_run_at)
    schedule.keep_wake_up(came_from)

    assert moved(mission, partial(to_zone, went_to)).next_run_at == slot
    assert wake_ups() == sorted(
        [(f"mornings in {came_from}", False), (f"mornings in {went_to}", True)]
    )


@pytest.mark.django_db
def test_mission_without_mornings_gets_none_from_a_change(tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)

    assert moved(mission, partial(to_time, time(20))).next_run_at is None
    assert wake_ups() == []


def test_no_morning_comes_to_somebody_who_leaves(tester: User) -> None:
    leaving = factories.mission(tester, next_run_at=NOW)
    stranger = factories.tester(email="stranger@example.org")
    staying = factories.mission(stranger, next_run_at=NOW)

    schedule.stop_for(tester, NOW)
    schedule.stop_for(tester, NOW)

    assert taken(schedule.claim_due("Europe/Paris", NOW)) == [(staying.pk, TODAY, ())]
    assert Mission.objects.get(pk=leaving.pk).next_run_at is None


@pytest.mark.django_db
def test_date_asked_for_early_is_passed_over_and_those_before_it_are_told() -> None:
    mission = live_mission(next_run_at=utc(2026, 7, 2, 4))

    assert schedule.pass_over(mission, TODAY) == (date(2026, 7, 2), date(2026, 7, 3))
    assert schedule.pass_over(mission, TODAY) == ()
    mission.refresh_from_db()
    assert mission.next_run_at == utc(2026, 7, 5, 4)
