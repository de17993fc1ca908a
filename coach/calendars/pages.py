"""The address of a calendar under Settings, and the calendar at that address."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts import throttle
from accounts.sessions import signed_in
from accounts.throttle import limited
from coach.calendars import feeds, ics
from coach.models import CalendarFeed

NO_CALENDAR = "There is no calendar at this address, or it has a new one.\n"


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    feed = feeds.of(signed_in(request))
    context: dict[str, object] = {"feed": feed}
    if feed is not None:
        context |= {"address": feeds.address_of(feed), "subscribe": feeds.subscription_of(feed)}
    answer = render(request, "coach/calendar.html", context)
    answer["Cache-Control"] = "private, no-store"
    return answer


@login_required
@require_POST
@limited("calendar")
def give(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    had_one = feeds.of(user) is not None
    feeds.give(user, request, timezone.now())
    done = "This is the new address. The old one shows nothing any more." if had_one else "Made."
    messages.success(request, done)
    return redirect("coach:calendar")


@login_required
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    if feeds.remove(signed_in(request), request):
        messages.success(request, "Removed. Calendars that read it find nothing any more.")
    return redirect("coach:calendar")


@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """The calendar itself, for whoever has its address; no cookie is looked at."""
    now = timezone.now()
    found = CalendarFeed.objects.opened_by(secret)
    if found is None:
        throttle.hit("calendar_token", request)
        return HttpResponse(NO_CALENDAR, status=404, content_type="text/plain; charset=utf-8")
    CalendarFeed.objects.note_read(found, now)
    version = feeds.version_of(found, now)
    changed_at = int(version.changed_at.timestamp())
    answer = HttpResponse(
        version.content,
        content_type=ics.MEDIA_TYPE,
        headers={
            "ETag": version.etag,
            "Last-Modified": http_date(changed_at),
            "Cache-Control": "private, no-cache",
            "Content-Disposition": 'inline; filename="lanterne-rouge.ics"',
            "X-Robots-Tag": "noindex",
        },
    )
    unchanged = get_conditional_response(request, version.etag, changed_at, answer)
    return unchanged or answer
