"""The pages that need every app: Home, and one run in full."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.models import User
from accounts.sessions import signed_in
from coach import again, brief, done, stored_situations
from coach.checkin import pages as checkin
from coach.views import own_run, today_context
from connections import panel
from missions import lifecycle
from missions.game import game_of
from missions.models import Mission
from notifications import trouble


def site(request: HttpRequest) -> dict[str, Any]:
    """What every page knows: whether it is the sandbox."""
    return {"is_sandbox": settings.SANDBOX}


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return render(request, "lanterne/landing.html")
    user, now = signed_in(request), timezone.now()
    mission = _mission_of(user, now)
    context = {"mission": mission, **panel.context_for(user)}
    if mission is not None:
        context |= _mission_context(mission, now)
    return render(request, "lanterne/home.html", context)


def _mission_of(user: User, now: datetime) -> Mission | None:
    """The mission that is shown, once the calendar had its say."""
    mission = Mission.objects.current_for(user)
    if mission is None or not mission.is_live:
        return mission
    lifecycle.keep_time(mission, now=now)
    return mission if mission.is_live else Mission.objects.current_for(user)


def _mission_context(mission: Mission, now: datetime) -> dict[str, Any]:
    local_date = mission.local_date(now)
    todays = mission.runs.filter(local_date=local_date).select_related("mission__owner", "feedback")
    run = todays.annotate(has_lost_mail=trouble.has_lost_mail(mission.owner, now)).first()
    is_lost = getattr(run, "has_lost_mail", False)
    earlier = mission.runs.filter(local_date__lt=local_date).defer("situation", "decision")
    game = game_of(mission)
    return {
        "local_date": local_date,
        "states": _state_line(mission),
        "days_to_event": mission.days_to_event(local_date),
        "event_days_left": (mission.event_end - local_date).days + 1,
        "game": game,
        "points_total": game.points_total,
        "earlier_runs": list(earlier[:7]),
        "run": run,
        "brief": None,
        "mail_trouble": trouble.delivery_trouble(mission.owner, now) if is_lost else "",
        **(today_context(run) if run else {}),
        **(checkin.context_for(mission.owner, local_date) if _is_asked_how(mission) else {}),
    }


def _is_asked_how(mission: Mission) -> bool:
    """Whether anybody would make something of a check-in."""
    return mission.is_live and mission.owner.has_consented


def _state_line(mission: Mission) -> list[dict[str, Any]]:
    """The four stops of a mission's life: passed, here, or to come."""
    order = list(Mission.State)
    here = order.index(Mission.State(mission.state))
    return [
        {"label": state.label, "is_here": n == here, "is_passed": n < here}
        for n, state in enumerate(order)
    ]


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
