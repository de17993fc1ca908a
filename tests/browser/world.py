"""The people whose pages are looked at, each in a state of their own.

They live in the database of a running service, beside the tester of the seeded sandbox.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext

from accounts.models import User
from coach.models import Incident, MissionRun
from connections.sources import Source
from missions import progress
from missions.models import Mission, RideMode, StageType
from missions.progress import StageRidden
from notifications import stopping, unsubscribing
from notifications.models import StoppedAddress
from tests import everything, factories
from tests.processes import Service

Made = TypeVar("Made")
State, Outcome = Mission.State, MissionRun.Outcome
PROFILE = (StageType.FLAT, StageType.HILLY, StageType.MOUNTAIN, StageType.ITT, StageType.FLAT)
MODES = (RideMode.GC, RideMode.BREAKAWAY, RideMode.GC, RideMode.STEADY, RideMode.BREAKAWAY)


@dataclass(frozen=True)
class Person:
    """Who a page is looked at as: the cookie of a session, and what addresses name."""

    session: str
    named: dict[str, str] = field(default_factory=dict)


def people(service: Service) -> dict[str, Person]:
    """Everybody by name; made anew in a service that has them not."""
    return in_service(service, lambda: {name: make() for name, make in MAKERS.items()})


def in_service(service: Service, act: Callable[[], Made]) -> Made:
    """`act` with Django's connection on the service's database.

    In a thread of its own: the browser's driver keeps a loop in this one, beside which Django
    refuses to ask a database.
    """

    def there() -> Made:
        with _database_of(service):
            return act()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(there).result()


@contextmanager
def _database_of(service: Service) -> Iterator[None]:
    """Connections are a thread's own: nobody else's is touched."""
    connection = connections.create_connection("default")
    connection.settings_dict = {
        **connection.settings_dict,
        "NAME": str(service.folder / "lanterne.sqlite3"),
    }
    connections["default"] = connection
    try:
        yield
    finally:
        connection.close()


def become(context: BrowserContext, service: Service, person: Person | None) -> None:
    """Whoever the browser was, it is signed in as this one now; None is nobody."""
    context.clear_cookies()
    if person is not None:
        name = settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": person.session, "url": service.url("/")}])


def session_of(user: User) -> str:
    """The service has the sandbox's key, as we have: it takes our cookie for its own."""
    browser = Client()
    browser.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return browser.cookies[settings.SESSION_COOKIE_NAME].value


# --- Who there is ------------------------------------------------------------------------------


def _seeded() -> Person:
    """The tester of the sandbox, with sources that answered and today's brief."""
    user = User.objects.get(email="tester@lanterne.local")
    mission = user.missions.get()
    run = mission.runs.latest("local_date")
    named = {"mission": str(mission.pk), "run": str(run.pk)}
    unsubscribe = unsubscribing.Link(user.pk, unsubscribing.Wish.BRIEFS).token
    return Person(session_of(user), {**named, "unsubscribe": unsubscribe})


def _operator() -> Person:
    user = User.objects.get(email="admin@lanterne.local")
    run = MissionRun.objects.filter(mission__owner__email="tester@lanterne.local").latest("pk")
    tester = User.objects.get(email="tester@lanterne.local")
    failed = Incident.objects.get(run__mission__owner__email="failed@lanterne.local")
    named = {"run": str(run.pk), "tester": str(tester.pk), "incident": str(failed.pk)}
    return Person(session_of(user), named)


def _new() -> Person:
    return Person(session_of(person("new")))


def _without_consent() -> Person:
    return Person(session_of(person("without-consent", health_consent_at=None)))


def _in_preparation() -> Person:
    goal = mission(person("in-preparation"), state=State.PREP)
    return Person(session_of(goal.owner), {"mission": str(goal.pk)})


def _before_the_first_brief() -> Person:
    goal = mission(person("before-the-first-brief"))
    return Person(session_of(goal.owner), {"mission": str(goal.pk)})


def _mails_stopped() -> Person:
    user = mission(person("mails-stopped")).owner
    stopping.stop(user.email, StoppedAddress.Reason.BOUNCE, "mailbox unknown", timezone.now())
    return Person(session_of(user))


def _failed() -> Person:
    goal = mission(person("failed"))
    run = failed_run(goal)
    return Person(session_of(goal.owner), {"run": str(run.pk)})


def _missed() -> Person:
    goal = mission(person("missed"))
    run = _run(goal, outcome=Outcome.MISSED, summary="No brief")
    return Person(session_of(goal.owner), {"run": str(run.pk)})


def _waiting() -> Person:
    goal, now = mission(person("waiting")), timezone.now()
    ahead = {"start_at": 1, "publish_at": 1, "wait_until": 2, "give_up_at": 9}
    times = {name: now + timedelta(hours=hours) for name, hours in ahead.items()}
    run = _run(goal, outcome=Outcome.DUE, finished_at=None, **times)
    return Person(session_of(goal.owner), {"run": str(run.pk)})


def _under_way() -> Person:
    """Held by a worker that never comes back, so that nothing changes while it is looked at."""
    goal, now = mission(person("under-way")), timezone.now()
    held = {"lease_until": now + timedelta(days=9), "give_up_at": now + timedelta(days=9)}
    run = _run(goal, outcome=Outcome.UNDER_WAY, finished_at=None, start_at=now, **held)
    return Person(session_of(goal.owner), {"run": str(run.pk)})


def _in_the_event() -> Person:
    goal = event(person("in-the-event"), begun_days_ago=2)
    return Person(session_of(goal.owner), {"mission": str(goal.pk)})


def _complete() -> Person:
    goal = event(person("complete"), begun_days_ago=7, state=State.MISSION_COMPLETE)
    return Person(session_of(goal.owner), {"mission": str(goal.pk)})


def _with_everything() -> Person:
    """At least one row of all there is; a second factor would stand before some of the pages."""
    user = person("with-everything")
    everything.give_everything(user)
    Authenticator.objects.filter(user=user).delete()
    return Person(
        session_of(user),
        {
            "mission": str(user.missions.get().pk),
            "draft": str(user.mission_drafts.get().pk),
            "ride": str(user.rides.get(source=Source.FILE).pk),
            "upload": str(user.apple_uploads.get().pk),
            "export": str(user.exports.get().pk),
        },
    )


MAKERS: dict[str, Callable[[], Person]] = {
    "seeded": _seeded,
    "new": _new,
    "without-consent": _without_consent,
    "in-preparation": _in_preparation,
    "before-the-first-brief": _before_the_first_brief,
    "failed": _failed,
    "missed": _missed,
    "waiting": _waiting,
    "under-way": _under_way,
    "in-the-event": _in_the_event,
    "complete": _complete,
    "with-everything": _with_everything,
    "mails-stopped": _mails_stopped,
    # Last: the console shows what the others have.
    "operator": _operator,
}


# --- What they are made of ---------------------------------------------------------------------


def person(name: str, **fields: Any) -> User:
    return factories.tester(f"{name}@lanterne.local", **fields)


def mission(owner: User, **fields: Any) -> Mission:
    """Its next morning is tomorrow's, whatever the hour is."""
    today = owner.local_date(timezone.now())
    start = today + timedelta(days=30)
    tomorrow = datetime.combine(today + timedelta(days=1), time(6), tzinfo=owner.zone)
    values = {
        "prep_start": start - timedelta(days=90),
        "event_start": start,
        "event_end": start + timedelta(days=len(PROFILE) - 1),
        "next_run_at": tomorrow,
        **fields,
    }
    mission = factories.mission(owner, **values)
    for stage, kind in zip(mission.stages.all(), PROFILE, strict=True):
        stage.stage_type = kind
        stage.save(update_fields=["stage_type"])
    return mission


def event(owner: User, *, begun_days_ago: int, **fields: Any) -> Mission:
    """With its stages of before today settled, each ridden in another way."""
    today = owner.local_date(timezone.now())
    start = today - timedelta(days=begun_days_ago)
    goal = mission(
        owner,
        **{
            "state": State.EVENT_ACTIVE,
            "prep_start": start - timedelta(days=60),
            "event_start": start,
            "event_end": start + timedelta(days=len(PROFILE) - 1),
            **fields,
        },
    )
    for stage, mode in zip(goal.stages.all(), MODES, strict=True):
        if stage.date < today:
            _settle(goal, stage, mode)
    return goal


def _settle(mission: Mission, stage: Any, mode: RideMode) -> None:
    at = datetime.combine(stage.date, datetime.min.time(), tzinfo=mission.zone)
    ride = factories.ride(mission.owner, stage.date, name=f"Stage {stage.number}")
    ridden = StageRidden(mode, f"strava:{ride.external_id}", at)
    progress.settle(mission, stage, ridden, now=at + timedelta(days=1))


def _run(mission: Mission, **fields: Any) -> MissionRun:
    values = {"trigger": "schedule", "finished_at": timezone.now(), **fields}
    return MissionRun.objects.create(mission=mission, local_date=_today(mission), **values)


def failed_run(mission: Mission) -> MissionRun:
    run = _run(mission, outcome=Outcome.FAILED, summary="No guidance today")
    Incident.objects.create(run=run, kind="timeout", detail="The model did not answer in time.")
    return run


def _today(mission: Mission) -> date:
    return mission.local_date(timezone.now())
