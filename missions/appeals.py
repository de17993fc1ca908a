"""A tester's word against the mode a stage counts as: noted, audited, and counted at once."""

from datetime import datetime

from django.http import HttpRequest

from accounts import audit
from accounts.models import AuditEvent, User
from missions import progress
from missions.models import Appeal, EventProgress, Mission, RideMode, Stage
from missions.points import points_for

LEAST_REASON, MOST_REASON = 3, 300
RIDDEN_MODES = (RideMode.GC, RideMode.BREAKAWAY, RideMode.STEADY)
RIDDEN_CHOICES = [(mode.value, mode.label) for mode in RIDDEN_MODES]

AS_RECORDED = "This mission was ridden elsewhere: its points stay as they were recorded."
REST_DAY = "Stage {number} is a rest day: nothing is counted on it."
STILL_OPEN = "Stage {number} is not settled yet. Come back once its ride has counted."
MISSED = (
    "Stage {number} has no ride that counts. Once your source brings one of half an hour or more, "
    "it is counted by itself."
)
STANDS = f"The event is over for more than {progress.OPEN_FOR.days} days: its results stand."
THE_SAME = "Stage {number} counts as {mode} already. Choose another mode."


class Refused(Exception):
    """A stage that cannot be counted that way; the message is for its tester."""


def outcome_to_judge(mission: Mission, stage: Stage, now: datetime) -> EventProgress:
    """The outcome of a stage read with its progress; raises Refused when there is none to judge."""
    row = progress.outcome_of(stage)
    if mission.imported_from:
        raise Refused(AS_RECORDED)
    if stage.is_rest_day:
        raise Refused(REST_DAY.format(number=stage.number))
    if row is None:
        raise Refused(STILL_OPEN.format(number=stage.number))
    if row.completed_at is None:
        raise Refused(MISSED.format(number=stage.number))
    if mission.local_date(now) > mission.event_end + progress.OPEN_FOR:
        raise Refused(STANDS)
    return row


def appeal(
    mission: Mission,
    number: int,
    *,
    to: RideMode,
    reason: str,
    by: User,
    now: datetime,
    request: HttpRequest | None = None,
) -> EventProgress:
    """Count a ridden stage in another mode, for as long as the same ride counts.

    Back to what the ride's numbers said takes an appeal back. Raises Refused, Stage.DoesNotExist.
    """
    with progress.held(mission, now) as stored:
        stage = stored.stages.select_related("progress").get(number=number)
        row = outcome_to_judge(stored, stage, now)
        came_from = RideMode(row.ride_mode)
        if to == came_from:
            raise Refused(THE_SAME.format(number=number, mode=came_from.label))
        row.appeals.create(
            ride_key=row.ride_key,
            from_mode=came_from,
            to_mode=to,
            classified_as=row.classified_as,
            reason=reason,
            by=by,
            at=now,
        )
        row.ride_mode = to
        row.points = points_for(stored.points_schema, stage.stage_type, to) or 0
        row.save(update_fields=["ride_mode", "points"])
        audit.record(
            AuditEvent.Kind.APPEALED,
            user=stored.owner,
            request=request,
            mission=stored.name,
            stage=number,
            from_mode=came_from.value,
            to_mode=to.value,
        )
    return row


def appeals_of(row: EventProgress) -> list[Appeal]:
    """Newest first."""
    return list(row.appeals.order_by("-at", "-pk"))
