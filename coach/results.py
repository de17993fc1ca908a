"""What the last stages brought: an event that is over has no morning any more to settle them."""

from datetime import datetime, timedelta

from coach.scored import settle_stages
from connections import readings, sync
from missions import schedule
from missions.models import Mission

SETTLE_EVENT = "coach.settle_event"
# For so long a ride may still arrive; what is open then stays unknown.
PATIENCE = timedelta(days=3)
BETWEEN_READINGS = timedelta(hours=1)


def unsettled(now: datetime) -> list[Mission]:
    """Events that ended lately and have an open stage, once the morning after them has come."""
    over = Mission.objects.filter(
        state=Mission.State.MISSION_COMPLETE,
        event_end__gte=(now - PATIENCE).date(),
        owner__health_consent_at__isnull=False,
        stages__progress__isnull=True,
        stages__is_rest_day=False,
    ).distinct()
    return [
        mission
        for mission in over
        if schedule.slot_on(mission, mission.event_end + timedelta(days=1)) <= now
    ]


def settle(mission: Mission, now: datetime) -> None:
    """Read the sources once more, at most once an hour, and write the outcomes they tell."""
    for connection in mission.owner.connections.all():
        if not connection.attempts.filter(started_at__gt=now - BETWEEN_READINGS).exists():
            sync.sync(connection, now)
    local_date = mission.local_date(now)
    settle_stages(mission, readings.gather(mission.owner, local_date), local_date=local_date)
