"""What the last stages brought: an event that is over has no morning any more to settle them."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from coach import done
from coach.scored import settle_stages
from connections import readings, refresh
from missions import progress, schedule
from missions.models import Mission, Stage

SETTLE_EVENT = "coach.settle_event"
# For so long a ride is waited for; what is open then is unknown.
PATIENCE = timedelta(days=3)
FURTHEST_EAST = timedelta(hours=14)
BETWEEN_READINGS = timedelta(hours=1)
BETWEEN_LATE_READINGS = timedelta(days=1)


def unsettled(now: datetime, *, most: int = 500) -> list[Mission]:
    """Events that ended lately, once the morning after them has come; those not read yet first.

    One with an open stage is looked at again and again, the others to see if anything changed.
    """
    open_stages = Stage.objects.filter(
        mission=OuterRef("pk"), is_rest_day=False, progress__isnull=True
    )
    is_lately = Q(event_end__gte=(now - PATIENCE).date())
    over = Mission.objects.filter(
        state=Mission.State.MISSION_COMPLETE,
        imported_from="",
        event_end__gte=(now - progress.OPEN_FOR).date(),
        # Today nowhere on earth the day after it has begun.
        event_end__lt=(now + FURTHEST_EAST).date(),
        owner__health_consent_at__isnull=False,
    )
    read = over.filter(results_read_at__isnull=False).filter(
        Q(results_read_at__lte=now - BETWEEN_LATE_READINGS)
        | (is_lately & (Q(results_read_at__lte=now - BETWEEN_READINGS) | Exists(open_stages)))
    )
    unread = over.filter(results_read_at=None)
    found = [*unread.order_by("event_end", "pk")[:most], *read.order_by("results_read_at")[:most]]
    return [
        mission
        for mission in found
        if schedule.slot_on(mission, mission.event_end + timedelta(days=1)) <= now
    ][:most]


def settle(mission: Mission, now: datetime) -> None:
    """Read the sources once more, at most once an hour, and write the outcomes they tell."""
    Mission.objects.filter(pk=mission.pk).update(results_read_at=now)
    for connection in mission.owner.connections.working():
        if not connection.attempts.filter(started_at__gt=now - BETWEEN_READINGS).exists():
            refresh.bring_up_to_date(connection, now)
    local_date = mission.local_date(now)
    gathered = readings.gather_all(mission.owner, local_date)
    settle_stages(mission, gathered, local_date=local_date, now=now)
    read = readings.for_coach(gathered, mission.owner)
    done.look_back(mission, read, local_date=local_date)
