from datetime import datetime, time
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter as second_factor
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit, formats, sessions, tokens
from accounts.models import AuditEvent, TokenFamily, User
from accounts.sessions import signed_in
from accounts.settings_form import SettingsForm, reader_in

EVENTS_A_PAGE = 50


@login_required
@require_http_methods(["GET", "POST"])
def edit_settings(request: HttpRequest) -> HttpResponse:
    user = User.objects.get(pk=signed_in(request).pk)
    form = SettingsForm(request.POST or None, instance=user)
    if form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("accounts:settings")
    context = {"form": form, "ftps": user.ftps.all(), "example": _example(user)}
    return render(request, "accounts/settings.html", {**context, **_account_state(request)})


@login_required
@require_GET
def show_example(request: HttpRequest) -> HttpResponse:
    """The line that shows how dates, times and distances would be written; nothing is saved."""
    user = signed_in(request)
    with formats.written_for(reader_in(request.GET, user)):
        return render(request, "accounts/_example.html", {"example": _example(user)})


def _example(user: User) -> datetime:
    """In the evening, which is where the two clocks differ."""
    return datetime.combine(user.local_date(timezone.now()), time(18, 30))


def _account_state(request: HttpRequest) -> dict[str, Any]:
    """What each line of the section "Account" says of itself."""
    user = signed_in(request)
    places = sessions.places(user, request.session.session_key, timezone.now())
    return {
        "new_address": EmailAddress.objects.get_new(user),
        "has_second_factor": second_factor().is_mfa_enabled(user),
        "places": places,
        "latest_event": user.audit_events.first(),
    }


@login_required
@require_GET
def list_sessions(request: HttpRequest) -> HttpResponse:
    places = sessions.places(signed_in(request), request.session.session_key, timezone.now())
    return render(request, "accounts/sessions.html", {"places": places})


@login_required
@require_POST
def end_browser(request: HttpRequest, pk: int) -> HttpResponse:
    user = signed_in(request)
    ended = sessions.end_browser(user, pk)
    if ended is None:
        raise Http404
    audit.record(AuditEvent.Kind.SESSION_ENDED, user=user, request=request, how="a browser")
    if ended.session_key == request.session.session_key:
        logout(request)
        return redirect("home")
    messages.success(request, f"Signed out of {sessions.in_words(ended.user_agent)}.")
    return redirect("accounts:sessions")


@login_required
@require_POST
def end_program(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = signed_in(request)
    family = get_object_or_404(TokenFamily, user=user, pk=pk)
    if tokens.end(family, timezone.now()):
        audit.record(AuditEvent.Kind.SESSION_ENDED, user=user, request=request, how="a program")
    messages.success(request, f"Signed out of {sessions.in_words(family.device)}.")
    return redirect("accounts:sessions")


@login_required
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    sessions.end_other_browsers(user, request.session.session_key)
    tokens.end_all(user, timezone.now())
    audit.record(AuditEvent.Kind.SESSION_ENDED, user=user, request=request, how="everywhere else")
    messages.success(request, "Signed out everywhere else. Only this browser is still signed in.")
    return redirect("accounts:sessions")


@login_required
@require_GET
def activity(request: HttpRequest) -> HttpResponse:
    events = signed_in(request).audit_events.all()
    page = Paginator(events, EVENTS_A_PAGE).get_page(request.GET.get("page"))
    lines = [(event, sessions.in_words(event.device)) for event in page.object_list]
    return render(request, "accounts/activity.html", {"page": page, "lines": lines})
