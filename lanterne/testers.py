"""Where testers stand, for the operators: asked for the rows of one page, never for all."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from accounts.models import User
from coach.models import MissionRun
from connections.models import Connection
from missions.models import Mission
from notifications.models import StoppedAddress

State = Mission.State
NO_MISSION = "none"
# The mission a tester is shown with is of the first of these groups that has one.
FIRST_OF = (Mission.LIVE, (State.PREP,), (State.MISSION_COMPLETE,))
# What a tester can do without, and the word for its mails.
MAILS = {
    "wants_briefs": "briefs",
    "wants_wrap_ups": "look backs",
    "wants_connection_mails": "sources that need them",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """`run`: the newest of the mission. `troubled`: sources, and what is wrong with each."""

    user: User
    mission: Mission | None
    run: MissionRun | None
    troubled: tuple[str, ...]
    stopped: str

    @property
    def next_run(self) -> tuple[datetime, datetime] | None:
        """In UTC, and on the tester's own clock; None when none is to come."""
        slot = self.mission.next_morning if self.mission else None
        if slot is None or self.mission is None:
            return None
        return slot.astimezone(UTC), slot.astimezone(self.mission.zone)

    @property
    def mails(self) -> str:
        """Which mails do not reach them, and why; empty when all do."""
        off = [word for wish, word in MAILS.items() if not getattr(self.user, wish)]
        if self.mission and not self.mission.is_brief_mailed and "briefs" not in off:
            off.append("briefs of this mission")
        told = [f"off: {', '.join(off)}"] if off else []
        return "; ".join([*([f"stopped: {self.stopped}"] if self.stopped else []), *told])


def standings(users: Collection[User]) -> dict[int, Standing]:
    """By account, in four queries however many they are."""
    missions = Mission.objects.current_of(users)
    runs = _last_runs(missions.values())
    troubled = _troubled(users)
    addresses = [user.email.lower() for user in users]
    stopped = {
        one.address: one.get_reason_display()
        for one in StoppedAddress.objects.filter(address__in=addresses)
    }
    standing = {}
    for user in users:
        mission = missions.get(user.pk)
        standing[user.pk] = Standing(
            user,
            mission,
            runs.get(mission.pk) if mission else None,
            tuple(troubled.get(user.pk, ())),
            stopped.get(user.email.lower(), ""),
        )
    return standing


def _last_runs(missions: Collection[Mission]) -> dict[object, MissionRun]:
    newest = Mission.objects.filter(pk__in=[one.pk for one in missions])
    keys = newest.annotate(last=Subquery(_newest_first().values("pk")[:1])).values("last")
    runs = MissionRun.objects.filter(pk__in=keys).only("mission_id", "local_date", "outcome")
    return {run.mission_id: run for run in runs}


def _newest_first() -> QuerySet[MissionRun]:
    return MissionRun.objects.filter(mission=OuterRef("pk")).order_by("-local_date")


def _troubled(users: Collection[User]) -> dict[int, list[str]]:
    is_troubled = Q(state=Connection.State.BROKEN) | Q(failing_since__isnull=False)
    found: dict[int, list[str]] = {}
    for one in Connection.objects.filter(is_troubled, user__in=list(users)).order_by("provider"):
        what = "needs them" if one.state == Connection.State.BROKEN else "failing"
        found.setdefault(one.user_id, []).append(f"{one.get_provider_display()} {what}")
    return found


def in_state(users: QuerySet[User], state: str) -> QuerySet[User]:
    """Those whose mission is in it; NO_MISSION: those without any."""
    theirs = Mission.objects.filter(owner=OuterRef("pk"))
    if state == NO_MISSION:
        return users.filter(~Exists(theirs))
    place = next(n for n, group in enumerate(FIRST_OF) if state in group)
    before = [one for group in FIRST_OF[:place] for one in group]
    found = users.filter(Exists(theirs.filter(state=state)))
    return found.filter(~Exists(theirs.filter(state__in=before))) if before else found


def with_last_outcome(users: QuerySet[User], outcome: str) -> QuerySet[User]:
    """Those whose newest run, of a live mission, ended so."""
    last = Subquery(_newest_first().values("outcome")[:1])
    missions = Mission.objects.live().annotate(last=last).filter(last=outcome)
    return users.filter(pk__in=missions.values("owner"))


def todays_run(user: User, now: datetime) -> MissionRun | None:
    """Of their live mission, on their own date."""
    mission = Mission.objects.live().owned_by(user).first()
    if mission is None:
        return None
    today = mission.runs.filter(local_date=mission.local_date(now))
    run: MissionRun | None = today.select_related("mission__owner").first()
    return run
