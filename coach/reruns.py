"""An operator has a day coached once more: the first attempt is kept, and who asked is written."""

from datetime import datetime

from django.db import transaction
from django.http import HttpRequest

from accounts import audit
from accounts.models import AuditEvent, User
from coach import again, daily_run
from coach.models import MissionRun

# What an operator is told of a run that stays as it is.
Refused = (again.NotAgain, again.NotNow, daily_run.NotLive)


def rerun(
    run: MissionRun,
    now: datetime,
    *,
    by: User | None = None,
    request: HttpRequest | None = None,
) -> MissionRun:
    """The run, open once more. Without `by` it was the command line.

    Raises one of Refused, or MissionRun.DoesNotExist when it is gone; then nothing is on record.
    """
    with transaction.atomic():
        held = again.ask_again(run, now, again.Why.OPERATOR)
        audit.record(
            AuditEvent.Kind.RERUN,
            user=held.owner,
            actor=by,
            request=request,
            run=str(held.pk),
            local_date=held.local_date.isoformat(),
            **({} if by else {"by": "command"}),
        )
    return held
