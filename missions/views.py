from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import formats
from accounts.sessions import signed_in
from missions import editing, lifecycle, undo
from missions.forms import BaseStageFormSet, MissionForm, StageFormSet
from missions.game import game_of
from missions.models import Mission

# What the page of a preview sends for itself; all the rest is what was typed.
OF_THE_PREVIEW = ("csrfmiddlewaretoken", "confirmed", "back")


def own_mission(request: HttpRequest, pk: UUID) -> Mission:
    """The tester's mission, in the state that the calendar has for it now."""
    missions = Mission.objects.owned_by(signed_in(request)).select_related("owner")
    mission = get_object_or_404(missions, pk=pk)
    lifecycle.keep_time(mission, now=timezone.now())
    return mission


@login_required
@require_GET
def current(request: HttpRequest) -> HttpResponse:
    """The mission Home shows, or the form for a first one."""
    return redirect(Mission.objects.current_for(signed_in(request)) or "coach:new")


@login_required
@require_http_methods(["GET", "POST"])
def by_hand(request: HttpRequest) -> HttpResponse:
    owner = signed_in(request)
    mission = Mission(owner=owner, timezone=owner.timezone, send_time=owner.send_time)
    form = MissionForm(request.POST or None, instance=mission)
    if form.is_valid():
        mission = form.save()
        messages.success(request, "Mission saved. Nothing is sent until you start training.")
        return redirect(mission)
    return render(request, "missions/by_hand.html", {"form": form})


@login_required
@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    mission, now = own_mission(request, pk), timezone.now()
    if request.method == "POST" and mission.state == Mission.State.MISSION_COMPLETE:
        messages.error(request, editing.COMPLETE)
        return redirect(mission)
    form = MissionForm(request.POST or None, instance=mission)
    stages = _open_stages(mission, request.POST if "form-TOTAL_FORMS" in request.POST else None)
    if answer := _saved_or_previewed(request, form, stages):
        return answer
    if stages.is_bound and stages.non_form_errors():
        messages.error(request, f"Not saved. {stages.non_form_errors()[0]}")
        stages = _open_stages(mission)
    if request.method == "POST":
        # The form has put what was typed into the mission; around it the page shows what is stored.
        mission = own_mission(request, pk)
    context = {"form": form, "stage_forms": stages, **_context(mission, now)}
    return render(request, "missions/detail.html", context)


@login_required
@require_POST
def start(request: HttpRequest, pk: UUID) -> HttpResponse:
    mission, now = own_mission(request, pk), timezone.now()
    try:
        lifecycle.advance(
            mission,
            to=Mission.State.TRAINING,
            now=now,
            by=mission.owner,
            reason=lifecycle.STARTED,
        )
        lifecycle.keep_time(mission, now=now)  # on its very day an event begins at once
    except lifecycle.IllegalTransition as refusal:
        messages.error(request, str(refusal))
        return redirect(mission)
    messages.success(request, f"Training has started. {_what_comes(mission)}")
    return redirect("home")


@login_required
@require_POST
def take_back(request: HttpRequest, pk: UUID) -> HttpResponse:
    mission, now = own_mission(request, pk), timezone.now()
    try:
        editing.take_back(mission, now, _number(request.POST.get("edit", "")))
    except undo.Refused as reason:
        messages.error(request, str(reason))
    except Mission.DoesNotExist as gone:
        raise Http404 from gone
    else:
        messages.success(request, "Undone. The days are as they were; everything else stays.")
    return redirect(mission)


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Asks once, on a page of its own."""
    mission = own_mission(request, pk)
    if request.method == "GET":
        return render(request, "missions/delete.html", {"mission": mission})
    editing.remove(mission, timezone.now())
    messages.success(request, f"“{mission.name}” is deleted.")
    return redirect("home")


def _what_comes(mission: Mission) -> str:
    if not mission.owner.has_consented:
        return "No brief is made until you allow your health data to be read, in Settings."
    arrives = "A brief comes" if mission.is_brief_mailed else "A brief is on this page"
    return f"{arrives} every morning at {formats.clock(mission.send_time)}."


def _number(typed: str) -> int | None:
    return int(typed) if typed.isdecimal() and len(typed) < 19 else None


def _context(mission: Mission, now: datetime) -> dict[str, Any]:
    edit = undo.newest(mission) if mission.is_live else None
    game = game_of(mission)
    return {
        "mission": mission,
        "local_date": mission.local_date(now),
        "days_to_event": mission.days_to_event(mission.local_date(now)),
        "game": game,
        "points_total": game.points_total,
        "moves": list(mission.moves.select_related("by")),
        "undoable": edit if edit and undo.is_possible(mission, edit, now) else None,
        "others": Mission.objects.owned_by(mission.owner).exclude(pk=mission.pk)[:20],
    }


def _open_stages(mission: Mission, answers: QueryDict | None = None) -> BaseStageFormSet:
    """The days that are still to be ridden; of what was sent, also those settled meanwhile."""
    stages = mission.stages.select_related("progress")
    if answers is None:
        stages = stages.filter(progress__isnull=True)
    return cast("BaseStageFormSet", StageFormSet(answers, queryset=stages))


def _saved_or_previewed(
    request: HttpRequest, form: MissionForm, stages: BaseStageFormSet
) -> HttpResponse | None:
    """The answer to a change that is right; None when a form tells why it is not."""
    are_right = [form.is_valid(), stages.is_valid() or not stages.is_bound]
    if not all(are_right) or "back" in request.POST:
        return None
    try:
        return _written(request, form, stages)
    except (editing.Locked, editing.Stale, editing.Misplanned) as reason:
        form.refuse(reason)
        return None
    except Mission.DoesNotExist as gone:
        raise Http404 from gone


@transaction.atomic
def _written(request: HttpRequest, form: MissionForm, stages: BaseStageFormSet) -> HttpResponse:
    """Save; a change of a live mission's days that nobody has confirmed is rolled back and shown.

    The preview is the save itself, so that the two cannot differ.
    """
    typed = stages.typed() if stages.is_bound else None
    change = form.keep(by=signed_in(request), typed=typed)
    if change.sentences and request.POST.get("confirmed") != change.token:
        transaction.set_rollback(True)
        return _preview(request, form, change)
    messages.success(request, "Mission saved.")
    for number in stages.overtaken() if stages.is_bound else ():
        messages.info(request, f"Stage {number} was settled meanwhile, and stays as it is.")
    return redirect(form.instance)


def _preview(request: HttpRequest, form: MissionForm, change: editing.Change) -> HttpResponse:
    typed = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name not in OF_THE_PREVIEW
    ]
    context = {"mission": form.days_before, "change": change, "typed": typed}
    return render(request, "missions/preview.html", context)
