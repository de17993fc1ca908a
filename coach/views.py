from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts import privacy
from accounts.sessions import signed_in
from accounts.throttle import limited
from coach import brief, feedback, marks, mornings, receipts, referral, waiting
from coach.again import NotNow
from coach.budget import UsedUp
from coach.daily_run import NotLive
from coach.feedback import FeedbackForm
from coach.models import MissionRun, Reflection
from coach.wrap_up import reflections, words
from missions.views import own_mission


def today_context(run: MissionRun) -> dict[str, object]:
    """What the "today" part of Home and the run page print."""
    now = timezone.now()
    return {
        "run": run,
        "mission": run.mission,
        "mark": marks.of_run(run, now),
        "brief": brief.of(run, now),
        "waiting": waiting.of(run, now),
        "is_to_be_had": _is_to_be_had(run, now),
        **feedback.context_for(run, now),
        "referral": referral.SENTENCE if run.is_finished and referral.is_due(run) else "",
    }


def _is_to_be_had(run: MissionRun, now: datetime) -> bool:
    """Whether a missed morning can still have its brief, when its tester asks for it."""
    is_missed = run.outcome == MissionRun.Outcome.MISSED
    mission = run.mission
    return is_missed and mission.is_live and run.local_date == mission.local_date(now)


def own_run(request: HttpRequest, pk: UUID) -> MissionRun:
    runs = MissionRun.objects.owned_by(signed_in(request)).select_related(
        "mission__owner", "feedback"
    )
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
    except (NotLive, UsedUp, NotNow) as refusal:
        messages.error(request, str(refusal))
        if is_fragment:
            # Followed as a redirect, all of Home would land in the place of the fragment.
            return HttpResponse(headers={"HX-Redirect": reverse("home")})
        return redirect("home")
    if is_fragment:
        return render(request, "coach/_today.html", today_context(own_run(request, run.pk)))
    return redirect("home")


@login_required
@require_GET
def run_status(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The run as it stands, asked for again by the page until it is finished.

    While it still is as shown the page stays as it is, and with it the focus of its reader.
    """
    context = today_context(own_run(request, pk))
    if request.GET.get("shown") == context["mark"]:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return render(request, "coach/_today.html", context)


@login_required
@require_POST
def run_feedback(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What became of a workout, said in place; without JavaScript the run page shows it."""
    run, now = own_run(request, pk), timezone.now()
    form = FeedbackForm(request.POST)
    if form.is_valid():
        try:
            run.feedback = feedback.keep(run, **form.cleaned_data, now=now)
        except (feedback.NotOpen, privacy.NotAllowed) as refusal:
            form.add_error(None, str(refusal))
    if "HX-Request" in request.headers:
        wrong = None if form.is_valid() else form
        context = {"run": run, "wrong": wrong, **feedback.context_for(run, now, wrong)}
        return render(request, "coach/_feedback.html", context)
    for error in (str(error) for errors in form.errors.values() for error in errors):
        messages.error(request, error)
    return redirect(f"{run.get_absolute_url()}#feedback")


@login_required
@require_GET
def receipt(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The record of a run to take away: one file of JSON."""
    run = own_run(request, pk)
    answer = JsonResponse(
        receipts.of(run).model_dump(mode="json"),
        json_dumps_params={"ensure_ascii": False, "indent": 2},
    )
    answer["Content-Disposition"] = f'attachment; filename="receipt-{run.local_date}.json"'
    answer["Cache-Control"] = "private, no-store"
    return answer


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
