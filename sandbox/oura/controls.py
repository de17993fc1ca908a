"""What happens to the app at Oura: for tests, and by hand."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from sandbox.oura import webhooks
from sandbox.oura.app import GRANTS, USER_COOKIE
from sandbox.pages import asked, done


class EventForm(forms.Form):
    event_type = forms.ChoiceField(choices=[(name, name) for name in webhooks.EVENT_TYPES])
    data_type = forms.ChoiceField(choices=[(name, name) for name in webhooks.DATA_TYPES])
    object_id = forms.CharField()
    event_time = forms.CharField(required=False)
    user_id = forms.CharField(required=False)


@require_POST
def events(request: HttpRequest) -> HttpResponse:
    """Whatever is said to have happened; whether it did is not asked."""
    form = EventForm(asked(request))
    if not form.is_valid():
        return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
    event = _completed(form.cleaned_data, user_here(request))
    statuses = webhooks.push(event)
    if not statuses:
        return JsonResponse({"detail": "Nobody has subscribed to events of that kind."}, status=409)
    return done(request, {"event": event, "statuses": statuses})


@require_POST
def expire(request: HttpRequest) -> HttpResponse:
    """The access tokens of a user are at their end; the refresh tokens are not."""
    user_id = asked(request).get("user_id") or user_here(request)
    if not user_id:
        return JsonResponse({"detail": "Nobody has connected yet. Name a user_id."}, status=409)
    GRANTS.expire_all(str(user_id))
    return done(request, {"user_id": user_id})


def user_here(request: HttpRequest) -> str | None:
    """Who is signed in to Oura in this browser, else who connected last."""
    try:
        return str(UUID(request.COOKIES.get(USER_COOKIE, "")))
    except ValueError:
        return GRANTS.latest_person()


def _completed(said: dict[str, Any], user_id: str | None) -> dict[str, Any]:
    """As if it happened now, to who is here."""
    return {
        **said,
        "event_time": said["event_time"] or timezone.now().isoformat(timespec="seconds"),
        "user_id": said["user_id"] or user_id,
    }
