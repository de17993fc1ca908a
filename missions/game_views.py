from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.sessions import signed_in
from missions import appeals
from missions.game_forms import AppealForm
from missions.models import Mission, RideMode, Stage
from missions.views import own_mission


@login_required
@require_http_methods(["GET", "POST"])
def appeal(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Say how a ridden stage was ridden; what cannot be judged is told on the mission's page."""
    mission = own_mission(request, pk)
    stage = get_object_or_404(mission.stages.select_related("progress"), number=number)
    try:
        row = appeals.outcome_to_judge(mission, stage, timezone.now())
    except appeals.Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(mission)
    form = AppealForm(mission, row, request.POST or None)
    if form.is_valid():
        mode = RideMode(form.cleaned_data["ride_mode"])
        try:
            appeals.appeal(
                mission,
                number,
                to=mode,
                reason=form.cleaned_data["reason"],
                by=signed_in(request),
                now=timezone.now(),
                request=request,
            )
        except appeals.Refused as refusal:
            messages.error(request, str(refusal))
        except (Mission.DoesNotExist, Stage.DoesNotExist) as gone:
            raise Http404 from gone
        else:
            messages.success(request, f"Stage {number} counts as {mode.label} now.")
        return redirect(mission)
    context = {
        "mission": mission,
        "stage": stage,
        "row": row,
        "form": form,
        "appeals": appeals.appeals_of(row),
    }
    return render(request, "missions/appeal.html", context)
