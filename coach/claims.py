"""Who may work on a run: one worker, for as long as it keeps its lease."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from coach.models import MissionRun


class Lost(Exception):
    """Another worker took the run over; whatever this one still does must not be written."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to finish one run; every write is on condition that `fence` is still ours."""

    run: MissionRun
    fence: int

    def renew(self, now: datetime) -> None:
        self.write(lease_until=now + MissionRun.LEASE)

    def write(self, **values: object) -> None:
        """Set fields of the run; raises Lost when it is no longer ours."""
        held = MissionRun.objects.filter(
            pk=self.run.pk, fence=self.fence, outcome=MissionRun.Outcome.UNDER_WAY
        ).update(**values)
        if not held:
            raise Lost(str(self.run.pk))
        for name, value in values.items():
            setattr(self.run, name, value)

    def drop(self) -> None:
        """Give the run up as if it had never been opened."""
        MissionRun.objects.filter(
            pk=self.run.pk, fence=self.fence, outcome=MissionRun.Outcome.UNDER_WAY
        ).delete()


def take(run: MissionRun, now: datetime) -> Claim | None:
    """Claim an open run whose lease is free; None when it is finished or held by another."""
    taken = (
        MissionRun.objects.claimable(now)
        .filter(pk=run.pk)
        .update(
            outcome=MissionRun.Outcome.UNDER_WAY,
            lease_until=now + MissionRun.LEASE,
            fence=F("fence") + 1,
        )
    )
    is_there = look_again(run)
    return Claim(run, run.fence) if taken and is_there else None


def look_again(run: MissionRun) -> bool:
    """Read what others made of a run; False when it is gone, with its mission or its tester."""
    try:
        run.refresh_from_db()
    except MissionRun.DoesNotExist:
        return False
    return True
