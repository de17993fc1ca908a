"""The pages that need every app: Home, and one run in full."""

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_GET

from accounts.models import User
from accounts.sessions import signed_in
from coach import again, brief, done, stored_situations
from coach.checkin import pages as checkin
from coach.models import MissionRun
from coach.views import own_run, today_context
from connections import panel
from lanterne import live
from missions import lifecycle, way
from missions.game import game_of
from missions.models import Mission
from notifications import trouble


def site(request: HttpRequest) -> dict[str, Any]:
    """What every page knows: whether it is the sandbox; and what it may look up if it needs it."""
    stopped = SimpleLazyObject(lambda: trouble.stopped_address_of(signed_in(request)))
    return {"is_sandbox": settings.SANDBOX, "stopped_address": stopped}


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return render(request, "lanterne/landing.html", {"registration": settings.REGISTRATION})
    user, now = signed_in(request), timezone.now()
    mission = _mission_of(user, now)
    context = {"mission": mission, **panel.context_for(user)}
    if mission is not None:
        context |= _mission_context(mission, _run_of(mission, now), now)
    return render(request, "lanterne/home.html", context)


def _mission_of(user: User, now: datetime) -> Mission | None:
    """The mission that is shown, once the calendar had its say."""
    mission = live.current_for(user, now)
    if mission is None or not mission.is_live:
        return mission
    lifecycle.keep_time(mission, now=now)
    return mission if mission.is_live else live.current_for(user, now)


def _run_of(mission: Mission, now: datetime) -> MissionRun | None:
    todays = mission.runs.filter(local_date=mission.local_date(now))
    return todays.select_related("mission__owner", "feedback").first()


@login_required
@require_GET
def look(request: HttpRequest) -> HttpResponse:
    """The parts of an open Home that show something else by now; mostly there are none."""
    user, now = signed_in(request), timezone.now()
    mission = _mission_of(user, now)
    if mission is None or live.shape(mission) != request.GET.get("mission"):
        return HttpResponse(status=HTTPStatus.NO_CONTENT, headers={"HX-Trigger": "other-home"})
    run = _run_of(mission, now)
    parts = live.news(request.GET, live.marks_of(mission, run, now))
    if not parts:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    context = {"mission": mission, "parts": parts, **_mission_context(mission, run, now)}
    return render(request, "lanterne/_live.html", context)


def _mission_context(mission: Mission, run: MissionRun | None, now: datetime) -> dict[str, Any]:
    local_date = mission.local_date(now)
    has_mail_trouble = getattr(mission, "has_mail_trouble", False)
    earlier = mission.runs.filter(local_date__lt=local_date).defer("situation", "decision")
    game = game_of(mission)
    marks = live.marks_of(mission, run, now)
    return {
        "shape": live.shape(mission),
        "marks": marks,
        "mark": marks["today"],
        "local_date": local_date,
        "states": way.stops_of(mission, local_date),
        "days_to_event": mission.days_to_event(local_date),
        "event_days_left": (mission.event_end - local_date).days + 1,
        "game": game,
        "points_total": game.points_total,
        "earlier_runs": list(earlier[:7]),
        "run": run,
        "brief": None,
        "has_mail_trouble": has_mail_trouble,
        "mail_trouble": trouble.delivery_trouble(mission.owner, now) if has_mail_trouble else "",
        **(today_context(run) if run else {}),
        **(checkin.context_for(mission.owner, local_date) if _is_asked_how(mission) else {}),
    }


def _is_asked_how(mission: Mission) -> bool:
    """Whether anybody would make something of a check-in."""
    return mission.is_live and mission.owner.has_consented


@login_required
@require_GET
def run_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    run = own_run(request, pk)
    situation = stored_situations.read(run.situation) if run.situation else None
    context = {
        **today_context(run),
        **done.context_for(run, timezone.now()),
        "calls": list(run.calls.all()),
        "incidents": list(run.incidents.all()),
        "situation": situation,
        "superseded": again.earlier(run),
        "numbers": brief.numbers_in(situation) if situation else [],
        "efforts": brief.efforts_in(situation) if situation else [],
    }
    return render(request, "lanterne/run.html", context)
