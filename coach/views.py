from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.sessions import signed_in
from accounts.throttle import limited
from coach import brief, mornings
from coach.daily_run import NotLive
from coach.models import MissionRun, Reflection
from coach.wrap_up import reflections, words
from missions.views import own_mission


def today_context(run: MissionRun) -> dict[str, object]:
    """What the "today" part of Home and the run page print."""
    return {"run": run, "mission": run.mission, "brief": brief.of(run, timezone.now())}


def own_run(request: HttpRequest, pk: UUID) -> MissionRun:
    runs = MissionRun.objects.owned_by(signed_in(request)).select_related("mission__owner")
    return get_object_or_404(runs, pk=pk)


@login_required
@require_POST
@limited("run")
def run_now(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for today's brief; a second press finds the first one's run."""
    mission = own_mission(request, pk)
    is_fragment = "HX-Request" in request.headers
    try:
        run = mornings.ask_for_today(mission, timezone.now())
    except NotLive as refusal:
        messages.error(request, str(refusal))
        if is_fragment:
            # Followed as a redirect, all of Home would land in the place of the fragment.
            return HttpResponse(headers={"HX-Redirect": reverse("home")})
        return redirect("home")
    if is_fragment:
        return render(request, "coach/_today.html", today_context(run))
    return redirect("home")


@login_required
@require_GET
def run_status(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The run as it stands, asked for again by the page until it is finished."""
    return render(request, "coach/_today.html", today_context(own_run(request, pk)))


@login_required
@require_GET
def wrap_up_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The look back on a mission: its words and facts, or when they come."""
    mission = own_mission(request, pk)
    reflection = Reflection.objects.filter(mission=mission).select_related("mission__owner").first()
    is_without = bool(mission.imported_from) or reflections.is_too_late(mission, timezone.now())
    told = words.on_page(reflection) if reflection else {}
    return render(
        request, "coach/wrap_up.html", {"mission": mission, "is_without": is_without, **told}
    )
