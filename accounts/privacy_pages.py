"""Consent, a copy of everything, and leaving: the pages behind Settings, Privacy."""

from uuid import UUID

from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import get_text_list
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import artifacts, audit, deletion, exports, privacy
from accounts.models import AuditEvent, DataExport, User
from accounts.sessions import forget_here, signed_in
from accounts.throttle import limited


class DeletionForm(forms.Form):
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="So that nobody deletes your account at a computer you left open.",
    )


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    user = User.objects.get(pk=signed_in(request).pk)
    context = {
        "consented_at": user.health_consent_at,
        "export": exports.latest_of(user, timezone.now()),
        "sources": settings.SOURCES,
        "keep_days": {name: source["KEEP_DAYS"] for name, source in settings.SOURCES.items()},
        "audit_days": settings.AUDIT_KEEP_DAYS,
        **_told_to_the_model(),
    }
    return render(request, "accounts/privacy.html", context)


def _told_to_the_model() -> dict[str, str]:
    """The sources by what the settings let the coach do with them, as people call them."""
    sources = settings.SOURCES.values()
    used = [one for one in sources if one["IN_PROMPTS"] is True]
    alone = [one for one in used if one["JOINED"] is not True]
    kept_back = [one for one in sources if one not in used]
    told = {"used": used, "used_alone": alone, "not_used": kept_back}
    return {
        name: get_text_list([one["LABEL"] for one in some], "and") for name, some in told.items()
    }


@login_required
@require_POST
def give_consent(request: HttpRequest) -> HttpResponse:
    privacy.give_consent(signed_in(request), request, timezone.now())
    messages.success(request, "Your health data may be read from now on.")
    return redirect("accounts:privacy")


@login_required
@require_POST
def withdraw_consent(request: HttpRequest) -> HttpResponse:
    privacy.withdraw_consent(signed_in(request), request, timezone.now())
    messages.success(request, "Consent withdrawn. Nothing is read and no run is made from now on.")
    return redirect("accounts:privacy")


@login_required
@require_POST
@limited("export")
def ask_for_export(request: HttpRequest) -> HttpResponse:
    exports.ask(signed_in(request), request, timezone.now())
    return redirect("accounts:privacy")


@login_required
@require_GET
def export_state(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The state of a copy alone, asked for again while it is made."""
    export = get_object_or_404(DataExport, user=signed_in(request), pk=pk)
    return render(request, "accounts/_export.html", {"export": export})


@login_required
@require_GET
def fetch_export(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The zip itself; a page that says how to get another one where it is gone."""
    user, now = signed_in(request), timezone.now()
    export = DataExport.objects.filter(
        user=user, pk=pk, state=DataExport.State.READY, expires_at__gt=now
    ).first()
    if export is None:
        return render(request, "accounts/export_gone.html", status=404)
    try:
        stored = default_storage.open(artifacts.export_key(user, export.pk))
    except FileNotFoundError:
        return render(request, "accounts/export_gone.html", status=404)
    audit.record(AuditEvent.Kind.EXPORT_FETCHED, user=user, request=request)
    name = f"lanterne-rouge-{user.local_date(export.ready_at)}.zip"
    response = FileResponse(
        stored, as_attachment=True, filename=name, content_type="application/zip"
    )
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
@require_http_methods(["GET", "POST"])
def delete_account(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = DeletionForm(request.POST or None)
    if not form.is_valid():
        status = 400 if form.is_bound else 200
        return render(request, "accounts/delete.html", {"form": form}, status=status)
    # Counts, audits and refuses like a sign-in does.
    if not get_adapter().reauthenticate(user, form.cleaned_data["password"]):
        form.add_error("password", "That is not your password. Nothing was deleted; try again.")
        return render(request, "accounts/delete.html", {"form": form}, status=400)
    deletion.ask(User.objects.get(pk=user.pk), request, timezone.now())
    logout(request)
    return forget_here(redirect("accounts:deleted"))


@require_GET
def deleted(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/deleted.html")
