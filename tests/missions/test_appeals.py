from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import RequestFactory

from accounts.models import AuditEvent, User
from missions import appeals, progress
from missions.models import Appeal, EventProgress, Mission, RideMode, Stage
from missions.progress import StageRidden
from tests import factories
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)
SCHEMA = {
    "flat": {"gc": 5, "breakaway": 8},
    "bonuses": {"breakaway_1": {"threshold": 1, "points": 3}},
}


def event_of(owner: User, **fields: Any) -> Mission:
    """Four stages up to today: ridden for gc, missed, a rest day, and one that is open."""
    mission = factories.mission(
        owner,
        state=Mission.State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=3),
        event_end=TODAY,
        points_schema=SCHEMA,
        **fields,
    )
    mission.stages.filter(number=3).update(is_rest_day=True)
    first, second = mission.stages.filter(number__lte=2)
    progress.settle(mission, first, StageRidden(RideMode.GC, "strava:1", NOW), now=NOW)
    progress.settle(mission, second, None, now=NOW)
    return mission


@pytest.fixture
def event(tester: User) -> Mission:
    return event_of(tester)


def appeal(mission: Mission, to: RideMode, number: int = 1, **options: Any) -> EventProgress:
    return appeals.appeal(
        mission, number, to=to, reason="I was ahead.", by=mission.owner, now=LATER, **options
    )


def test_appeal_counts_at_once_and_is_kept(event: Mission) -> None:
    row = appeal(event, RideMode.BREAKAWAY)

    row.refresh_from_db()
    assert (row.ride_mode, row.classified_as, row.points) == ("breakaway", "gc", 8)
    assert [(one.name, one.points, one.progress) for one in event.awards.all()] == [
        ("breakaway_1", 3, row)
    ]
    assert event.points_total() == 11
    assert list(
        Appeal.objects.values("ride_key", "from_mode", "to_mode", "reason", "by", "at", "progress")
    ) == [
        {
            "ride_key": "strava:1",
            "from_mode": "gc",
            "to_mode": "breakaway",
            "reason": "I was ahead.",
            "by": event.owner_id,
            "at": LATER,
            "progress": row.pk,
        }
    ]


def test_appeal_is_audited_with_names_and_no_reason(event: Mission) -> None:
    request = RequestFactory().post("/", HTTP_USER_AGENT="Firefox/140")

    appeal(event, RideMode.STEADY, request=request)

    told = AuditEvent.objects.get(kind=AuditEvent.Kind.APPEALED)
    assert (told.user, told.actor, told.address) == (event.owner, None, "127.0.0.1")
    assert told.details == {
        "mission": "Tour of the Valleys",
        "stage": 1,
        "from_mode": "gc",
        "to_mode": "steady",
    }


def test_appeal_is_taken_back_by_another(event: Mission) -> None:
    appeal(event, RideMode.BREAKAWAY)

    row = appeal(event, RideMode.GC)

    assert (row.ride_mode, row.points, event.points_total()) == ("gc", 5, 5)
    assert not event.awards.exists()
    assert [(one.from_mode, one.to_mode) for one in appeals.appeals_of(row)] == [
        ("breakaway", "gc"),
        ("gc", "breakaway"),
    ]


def test_appeal_on_a_complete_mission_counts_too(event: Mission) -> None:
    Mission.objects.update(state=Mission.State.MISSION_COMPLETE)

    assert appeal(event, RideMode.BREAKAWAY).points == 8


@pytest.mark.parametrize(
    ("number", "to", "words"),
    [
        (1, RideMode.GC, "Stage 1 counts as GC already. Choose another mode."),
        (2, RideMode.GC, appeals.MISSED.format(number=2)),
        (3, RideMode.GC, "Stage 3 is a rest day: nothing is counted on it."),
        (4, RideMode.GC, appeals.STILL_OPEN.format(number=4)),
    ],
)
def test_appeal_that_has_nothing_to_judge_is_refused(
    event: Mission, number: int, to: RideMode, words: str
) -> None:
    before = list(EventProgress.objects.values())

    with pytest.raises(appeals.Refused, match=f"^{words}$"):
        appeal(event, to, number)

    assert list(EventProgress.objects.values()) == before
    assert not Appeal.objects.exists()
    assert not AuditEvent.objects.filter(kind=AuditEvent.Kind.APPEALED).exists()


def test_appeal_on_an_imported_mission_is_refused(tester: User) -> None:
    mission = event_of(tester, imported_from="tour.toml")

    with pytest.raises(appeals.Refused, match=appeals.AS_RECORDED):
        appeal(mission, RideMode.BREAKAWAY)


def test_appeal_on_a_stage_there_is_none_of_is_refused(event: Mission) -> None:
    with pytest.raises(Stage.DoesNotExist):
        appeal(event, RideMode.BREAKAWAY, 9)


@pytest.mark.django_db(transaction=True)
def test_appeal_sent_many_times_at_once_counts_once() -> None:
    mission = event_of(factories.tester())

    def once() -> str:
        try:
            return appeal(mission, RideMode.BREAKAWAY).ride_mode
        except appeals.Refused as refusal:
            return str(refusal)

    told = at_once(*[partial(once)] * 4)

    refusal = "Stage 1 counts as breakaway already. Choose another mode."
    assert sorted(told) == [*[refusal] * 3, "breakaway"]
    assert Appeal.objects.count() == 1
    assert mission.points_total() == 11


def test_results_stand_a_fortnight_after_the_event(event: Mission) -> None:
    last = NOW + progress.OPEN_FOR
    why = {"reason": "Late.", "by": event.owner}
    appeals.appeal(event, 1, to=RideMode.STEADY, now=last, **why)  # type: ignore[arg-type]

    late = last + timedelta(days=1)
    with pytest.raises(appeals.Refused) as refusal:
        appeals.appeal(event, 1, to=RideMode.GC, now=late, **why)  # type: ignore[arg-type]

    assert str(refusal.value) == appeals.STANDS
