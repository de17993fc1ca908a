"""What a person does at Strava, and what happens to the app there: for tests, and by hand."""

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from sandbox.pages import asked, done
from sandbox.strava import edits, webhooks
from sandbox.strava.app import GRANTS
from sandbox.strava.limits import Limits, set_limits
from sandbox.strava.limits import limits as current_limits
from sandbox.strava.oauth import ATHLETE_COOKIE

Form = forms.Form
View = Callable[..., HttpResponse]


class AthleteForm(Form):
    athlete_id = forms.IntegerField(required=False, min_value=1)


class DeleteForm(AthleteForm):
    tell = forms.BooleanField(required=False, label="Tell the subscriber")


class RenameForm(DeleteForm):
    name = forms.CharField(max_length=200, label="New name")


class LimitsForm(Form):
    quarter = forms.IntegerField(required=False, min_value=0, label="Reads a quarter hour")
    day = forms.IntegerField(required=False, min_value=0, label="Reads a day")


class EventForm(Form):
    object_type = forms.ChoiceField(choices=[(name, name) for name in ("activity", "athlete")])
    object_id = forms.IntegerField(min_value=1)
    aspect_type = forms.ChoiceField(
        choices=[(name, name) for name in ("create", "update", "delete")]
    )
    owner_id = forms.IntegerField(min_value=1)
    updates = forms.JSONField(required=False)
    event_time = forms.IntegerField(required=False, min_value=0)

    def clean_updates(self) -> dict[str, Any]:
        updates = self.cleaned_data["updates"] or {}
        if not isinstance(updates, dict):
            raise forms.ValidationError("Send an object.")
        return updates


def told(form_class: type[Form]) -> Callable[[View], View]:
    """A POST of a form or of JSON, checked; 400 with what is wrong field by field."""

    def wrap(view: View) -> View:
        @require_POST
        @wraps(view)
        def checked(request: HttpRequest, **kwargs: int) -> HttpResponse:
            form = form_class(asked(request))
            if not form.is_valid():
                return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
            return view(request, form.cleaned_data, **kwargs)

        return checked

    return wrap


@told(EventForm)
def events(request: HttpRequest, said: dict[str, Any]) -> HttpResponse:
    """Whatever is said to have happened; whether it did is not asked."""
    if webhooks.current() is None:
        return JsonResponse({"detail": "There is no subscription to tell."}, status=409)
    event_time = said.pop("event_time")
    event = {**said, "event_time": _now() if event_time is None else event_time}
    return done(request, {"event": event, "statuses": webhooks.push(event)})


@told(DeleteForm)
def delete(request: HttpRequest, said: dict[str, Any], ride_id: int) -> HttpResponse:
    _found(ride_id)
    edits.delete(ride_id)
    return _ride_changed(request, said, ride_id, "delete", {})


@told(RenameForm)
def rename(request: HttpRequest, said: dict[str, Any], ride_id: int) -> HttpResponse:
    _found(ride_id)
    edits.rename(ride_id, said["name"])
    return _ride_changed(request, said, ride_id, "update", {"title": said["name"]})


@told(AthleteForm)
def deauthorise(request: HttpRequest, said: dict[str, Any]) -> HttpResponse:
    """As in the athlete's settings at Strava; the app learns of it by an event alone."""
    athlete_id = said["athlete_id"] or athlete_here(request)
    if athlete_id is None:
        return _nobody()
    GRANTS.withdraw_all(str(athlete_id))
    event = _event("athlete", athlete_id, "update", {"authorized": "false"}, athlete_id)
    return done(request, {"event": event, "statuses": webhooks.push(event)})


@told(AthleteForm)
def expire(request: HttpRequest, said: dict[str, Any]) -> HttpResponse:
    """The access tokens of an athlete are at their end; the refresh tokens are not."""
    athlete_id = said["athlete_id"] or athlete_here(request)
    if athlete_id is None:
        return _nobody()
    GRANTS.expire_all(str(athlete_id))
    return done(request, {"athlete_id": athlete_id})


@require_http_methods(["GET", "POST"])
def limits(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return JsonResponse(asdict(current_limits()))
    return _set_limits(request)


@told(LimitsForm)
def _set_limits(request: HttpRequest, said: dict[str, Any]) -> HttpResponse:
    """What is left out is a new app's again."""
    chosen = Limits(**{name: value for name, value in said.items() if value is not None})
    set_limits(chosen)
    return done(request, asdict(chosen))


def _ride_changed(
    request: HttpRequest, said: dict[str, Any], ride_id: int, aspect: str, updates: dict[str, str]
) -> HttpResponse:
    """The subscriber learns of it when that is asked for and somebody has connected."""
    athlete_id = said["athlete_id"] or athlete_here(request)
    if not said["tell"] or athlete_id is None:
        return done(request, {"event": None, "statuses": []})
    event = _event("activity", ride_id, aspect, updates, athlete_id)
    return done(request, {"event": event, "statuses": webhooks.push(event)})


def _found(ride_id: int) -> None:
    if edits.ride_now(ride_id, timezone.now()) is None:
        raise Http404


def athlete_here(request: HttpRequest) -> int | None:
    """Who is signed in to Strava in this browser, else who connected last."""
    here = request.COOKIES.get(ATHLETE_COOKIE, "")
    who = here if here.isdecimal() else GRANTS.latest_person()
    return int(who) if who else None


def _nobody() -> JsonResponse:
    return JsonResponse({"detail": "Nobody has connected yet. Name an athlete_id."}, status=409)


def _event(
    object_type: str, object_id: int, aspect: str, updates: dict[str, str], owner_id: int
) -> dict[str, Any]:
    return {
        "object_type": object_type,
        "object_id": object_id,
        "aspect_type": aspect,
        "updates": updates,
        "owner_id": owner_id,
        "event_time": _now(),
    }


def _now() -> int:
    return int(timezone.now().timestamp())
