"""The history of a tester's runs, a month at a time."""

import re
from datetime import date
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.views.decorators.http import require_GET

from accounts import formats
from accounts.models import User
from accounts.sessions import signed_in
from coach import brief, history
from coach.models import MissionRun
from missions.models import Mission, Stage

MONTH = re.compile(r"((?:19|20|21)[0-9]{2})-(0[1-9]|1[0-2])")


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    return render(request, "coach/history.html", _context(request))


@login_required
@require_GET
def show_month(request: HttpRequest) -> HttpResponse:
    """The month alone, to take the place of another on the page."""
    return render(request, "coach/_month.html", {"is_fragment": True, **_context(request)})


def _context(request: HttpRequest) -> dict[str, Any]:
    user = signed_in(request)
    today = user.local_date()
    first = _asked_for(request) or today.replace(day=1)
    counts = MissionRun.objects.owned_by(user).by_month()
    is_run_in = {month.month for month in counts if month.year == first.year}
    return {
        "month": _month(user, first, today, filled={*counts, *_event_months(user)}),
        "weekdays": [_names(day) for day in formats.weekdays()],
        "years": history.years_of(counts),
        "months": [(first.replace(month=n), n in is_run_in) for n in range(1, 13)],
        "latest": max(counts, default=None),
        "actions": brief.ACTION_WORDS,
    }


def _month(user: User, first: date, today: date, filled: set[date]) -> history.Month:
    last = history.last_of(first)
    runs = MissionRun.objects.owned_by(user).between(first, last)
    return history.month_of(
        first,
        [history.entry_of(row) for row in runs.in_short()],
        Stage.objects.owned_by(user).between(first, last),
        first_weekday=formats.reader().first_weekday,
        today=today,
        filled={today.replace(day=1), *filled},
    )


def _event_months(user: User) -> set[date]:
    """The months in which an event of theirs has its days."""
    events = Mission.objects.owned_by(user).values_list("event_start", "event_end")
    return {month for days in events for month in history.months_between(*days)}


def _names(weekday: int) -> tuple[str, str]:
    """In full and short; Python's numbers begin on Monday."""
    return str(WEEKDAYS[weekday]), str(WEEKDAYS_ABBR[weekday])


def _asked_for(request: HttpRequest) -> date | None:
    text = request.GET.get("month")
    if not text:
        return None
    found = MONTH.fullmatch(text)
    if found is None:
        raise Http404
    return date(int(found[1]), int(found[2]), 1)
