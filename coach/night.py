"""Whether last night is still to come: some rings tell only when their app is opened.

A run of the schedule waits for it, looks again every half an hour, and goes out without it at the
tester's latest time. One that somebody asked for waits for nothing.
"""

from datetime import date, datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from coach.models import MissionRun
from connections import policy, registry, sources
from connections.models import DailySample, Night
from connections.providers.base import Metric
from connections.providers.http import ProviderRefuses
from missions.models import Mission

STEP = timedelta(minutes=30)
# A ring that has told nothing for longer lies in a drawer: no morning is late for its sake.
STILL_WORN = timedelta(days=3)
SLEEP: Metric = "sleep"


def is_awaited(mission: Mission, local_date: date, now: datetime) -> bool:
    """A source that tells of nights can be read, has told lately, and not yet of last night.

    Not where another source that counts has told of it: a brief does not wait for a second
    opinion. Nor for files that a tester sends in, nor for a source that the coach may not know.
    One that just fails or has us wait may be there the next time.
    """
    owner = mission.owner
    kept = policy.kept_from_coach(owner)
    tellers = _tellers(owner) - kept.keys()
    if not tellers:
        return False
    # Nights are of the tester's own days, which a mission elsewhere may be ahead of or behind.
    last_night = min(owner.local_date(now), local_date)
    told, slept = set(), False
    for source, day, is_slept in _told(owner, last_night - STILL_WORN, local_date):
        if source in kept:
            continue
        slept = slept or (day >= last_night and is_slept)
        told.add((source, day >= last_night))
    return not slept and any((name, False) in told and (name, True) not in told for name in tellers)


def _tellers(owner: User) -> set[str]:
    """The connected sources that tell of nights, and need nothing of their tester or of us."""
    names = registry.that_tell(SLEEP)
    working = owner.connections.working().filter(provider__in=names).with_last_reason()
    return {one.provider for one in working if one.last_reason != ProviderRefuses.reason}


def _told(owner: User, first: date, last: date) -> list[tuple[str, date, bool]]:
    """What was told of nights: source, local date, and whether that is enough to go by."""
    between = {"local_date__range": (first, last)}
    nights = owner.nights.filter(**between).values_list("source", "local_date", "asleep_s")
    scores = owner.samples.filter(**between, kind=DailySample.Kind.READINESS)
    return [
        *((source, day, asleep_s is not None) for source, day, asleep_s in nights),
        *((source, day, True) for source, day in scores.values_list("source", "local_date")),
    ]


def wake(now: datetime) -> int:
    """Let the runs begin whose night has come while they waited, in one query; how many.

    Only where it surely ends the wait, or each sweep would wake them in vain: the others look by
    themselves at the next step. Nor those that broke off: they wait for another reason.
    """
    of_the_run = {
        "user": OuterRef("mission__owner"),
        "local_date": OuterRef("local_date"),
        "source__in": _always_counting(),
    }
    is_in = Q(Exists(Night.objects.filter(**of_the_run, asleep_s__isnull=False))) | Q(
        Exists(DailySample.objects.filter(**of_the_run, kind=DailySample.Kind.READINESS))
    )
    waiting = MissionRun.objects.free(now).filter(
        publish_at__gt=now,
        start_at__gt=now,
        wait_until__isnull=False,
        situation__isnull=True,
        attempts=0,
    )
    return waiting.filter(is_in).update(start_at=now, publish_at=now)


def _always_counting() -> list[str]:
    """The sources that the coach may know whatever else a tester has."""
    return [
        name
        for name in sources.names()
        if sources.policy_of(name).may_enter_prompts and sources.policy_of(name).may_be_joined
    ]
