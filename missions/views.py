from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.sessions import signed_in
from missions import editing, lifecycle
from missions.forms import BaseStageFormSet, MissionForm, StageFormSet
from missions.models import Mission


def own_mission(request: HttpRequest, pk: UUID) -> Mission:
    missions = Mission.objects.owned_by(signed_in(request)).select_related("owner")
    return get_object_or_404(missions, pk=pk)


@login_required
@require_GET
def current(request: HttpRequest) -> HttpResponse:
    """The mission Home shows, or the form for a first one."""
    return redirect(Mission.objects.current_for(signed_in(request)) or "missions:new")


@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    owner = signed_in(request)
    mission = Mission(owner=owner, timezone=owner.timezone, send_time=owner.send_time)
    form = MissionForm(request.POST or None, instance=mission)
    if form.is_valid():
        mission = form.save()
        messages.success(request, "Mission saved. Nothing is sent until you start training.")
        return redirect(mission)
    return render(request, "missions/new.html", {"form": form})


@login_required
@require_http_methods(["GET", "POST"])
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    mission, now = own_mission(request, pk), timezone.now()
    lifecycle.keep_time(mission, local_date=mission.local_date(now), now=now)
    if request.method == "POST" and mission.state == Mission.State.MISSION_COMPLETE:
        messages.error(request, editing.COMPLETE)
        return redirect(mission)
    form = MissionForm(request.POST or None, instance=mission)
    stages = _open_stages(mission, request.POST if "form-TOTAL_FORMS" in request.POST else None)
    if _are_saved(form, stages):
        messages.success(request, "Mission saved.")
        return redirect(mission)
    if stages.is_bound and stages.non_form_errors():
        messages.error(request, f"Not saved. {stages.non_form_errors()[0]}")
        stages = _open_stages(mission)
    if request.method == "POST":
        # The form has put what was typed into the mission; around it the page shows what is stored.
        mission = own_mission(request, pk)
    return render(
        request,
        "missions/detail.html",
        {
            "mission": mission,
            "form": form,
            "stages": stages,
            "others": Mission.objects.owned_by(mission.owner).exclude(pk=pk)[:20],
        },
    )


@login_required
@require_POST
def start(request: HttpRequest, pk: UUID) -> HttpResponse:
    mission, now = own_mission(request, pk), timezone.now()
    try:
        lifecycle.advance(mission, to=Mission.State.TRAINING, now=now)
    except lifecycle.IllegalTransition as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request,
            f"Training has started. A brief comes every morning at {mission.send_time:%H:%M}.",
        )
    return redirect("home")


def _open_stages(mission: Mission, answers: QueryDict | None = None) -> BaseStageFormSet:
    """The days that are still to be ridden."""
    open_stages = mission.stages.filter(progress__isnull=True)
    return cast("BaseStageFormSet", StageFormSet(answers, queryset=open_stages))


def _are_saved(form: MissionForm, stages: BaseStageFormSet) -> bool:
    """Write the mission and its stages, both or neither; False when a form tells why not."""
    are_right = [form.is_valid(), stages.is_valid() or not stages.is_bound]
    if not all(are_right):
        return False
    try:
        with transaction.atomic():
            if stages.is_bound:
                # Before the days: those that a changed event no longer has go with it.
                stages.save()
            form.save()
    except (editing.Locked, editing.Stale) as reason:
        form.refuse(reason)
        return False
    except Mission.DoesNotExist as gone:
        raise Http404 from gone
    return True
