"""The check-in on Home and on a page of its own; both keep it in the same place."""

from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import privacy
from accounts.models import User
from accounts.sessions import signed_in
from accounts.throttle import limited
from coach import again, marks, referral
from coach.checkin import check_in, words
from coach.checkin.check_in import NOTHING_SAID, Told
from coach.checkin.forms import CheckInForm
from coach.models import CheckIn
from coach.views import today_context
from missions.models import Mission


def context_for(
    user: User, local_date: date, form: CheckInForm | None = None, told: Told | None = None
) -> dict[str, Any]:
    """What the check-in part of a page prints; one query."""
    said = CheckIn.objects.filter(user=user).on(local_date)
    return {
        "check_in": said,
        "check_in_mark": marks.of_check_in(said, local_date),
        "said": words.of_check_in(said) if said else [],
        "check_in_form": form or CheckInForm(initial=check_in.answers_of(said)),
        "told": told,
        "see_a_doctor": referral.SENTENCE,
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@limited("run")
def check_in_page(request: HttpRequest) -> HttpResponse:
    """Say how the morning is; in place on Home, or here."""
    user, now = signed_in(request), timezone.now()
    mission = check_in.live_mission(user, now)
    if request.method != "POST":
        return _shown(request, mission, now)
    form = CheckInForm(request.POST)
    is_back = "back" in request.POST
    if not is_back and not form.is_valid():
        return _shown(request, mission, now, form=form)
    answers = NOTHING_SAID if is_back else form.cleaned_data
    try:
        told = check_in.say(user, mission, answers, CheckIn.Source.PAGE, now)
    except (privacy.NotAllowed, again.NotNow) as refusal:
        form.add_error(None, str(refusal))
        return _shown(request, mission, now, form=form)
    except ValidationError as invalid:
        form.add_error(None, invalid)
        return _shown(request, mission, now, form=form)
    if "HX-Request" in request.headers:
        return _shown(request, mission, now, told=told)
    messages.success(request, told.words)
    return redirect("home")


def _shown(
    request: HttpRequest,
    mission: Mission | None,
    now: datetime,
    form: CheckInForm | None = None,
    told: Told | None = None,
) -> HttpResponse:
    user = signed_in(request)
    context = context_for(user, check_in.day_of(user, mission, now), form, told)
    if "HX-Request" not in request.headers:
        return render(request, "coach/check_in.html", context)
    if told is not None and told.run is not None:
        context |= {**today_context(told.run), "is_beside": True}
    return render(request, "coach/_check_in.html", context)
