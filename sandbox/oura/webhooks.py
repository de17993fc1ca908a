"""Subscriptions, one for each kind of event on each kind of data, and events that are signed.

A subscription lapses unless it is renewed; how long it holds is not documented.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from sandbox.callbacks import call_back
from sandbox.memory import alone, recall, remember
from sandbox.oura.answers import problem
from sandbox.oura.app import CLIENT_SECRET, is_our_app
from sandbox.pages import asked

KEY = "oura:subscriptions"
HOLDS = timedelta(days=30)
PATIENCE_S = 10.0
ATTEMPTS = 11  # one, and ten more
GONE = 410
EVENT_TYPES = ("create", "update", "delete")
DATA_TYPES = (
    *("tag", "enhanced_tag", "workout", "session", "sleep", "daily_sleep", "daily_readiness"),
    *("daily_activity", "daily_spo2", "sleep_time", "rest_mode_period", "ring_configuration"),
    *("daily_stress", "daily_cardiovascular_age", "daily_resilience", "vo2_max", "meal"),
)

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Subscription:
    """expiration_time in ISO 8601, UTC."""

    id: str
    callback_url: str
    event_type: str
    data_type: str
    expiration_time: str

    @property
    def is_live(self) -> bool:
        return datetime.fromisoformat(self.expiration_time) > timezone.now()


class ChangeForm(forms.Form):
    verification_token = forms.CharField()
    callback_url = forms.URLField(required=False, assume_scheme="https")
    event_type = forms.ChoiceField(required=False, choices=[(name, name) for name in EVENT_TYPES])
    data_type = forms.ChoiceField(required=False, choices=[(name, name) for name in DATA_TYPES])


class SubscriptionForm(ChangeForm):
    def __init__(self, said: Any) -> None:
        super().__init__(said)
        for field in self.fields.values():
            field.required = True


def by_the_app(view: View) -> View:
    """The app names itself in two headers."""

    @wraps(view)
    def checked(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        named = (
            request.headers.get("x-client-id", ""),
            request.headers.get("x-client-secret", ""),
        )
        if not is_our_app(*named):
            return problem(401, "Unauthorized", "The client is not known.")
        return view(request, **kwargs)

    return checked


@require_http_methods(["GET", "POST"])
@by_the_app
def subscriptions(request: HttpRequest) -> HttpResponseBase:
    if request.method == "GET":
        return JsonResponse([asdict(one) for one in live()], safe=False)
    form = SubscriptionForm(asked(request))
    if not form.is_valid():
        return _wrong(form)
    said = form.cleaned_data
    if not _shakes_hands(said["callback_url"], said.pop("verification_token")):
        return _not_verified()
    made = Subscription(id=str(uuid4()), expiration_time=_lapses_at(), **said)
    _keep(made)
    return JsonResponse(asdict(made), status=201)


@require_http_methods(["GET", "PUT", "DELETE"])
@by_the_app
def subscription(request: HttpRequest, subscription_id: UUID) -> HttpResponseBase:
    found = _found(subscription_id)
    if found is None:
        return _not_yours()
    if request.method == "PUT":
        return _changed(request, found)
    if request.method == "DELETE":
        _drop(found)
        return HttpResponse(status=204)
    return JsonResponse(asdict(found))


@require_http_methods(["PUT"])
@by_the_app
def renew(request: HttpRequest, subscription_id: UUID) -> HttpResponseBase:
    found = _found(subscription_id)
    if found is None:
        return _not_yours()
    renewed = replace(found, expiration_time=_lapses_at())
    _keep(renewed)
    return JsonResponse(asdict(renewed))


def live() -> list[Subscription]:
    stored: list[dict[str, str]] = recall(KEY) or []
    return [one for one in (Subscription(**row) for row in stored) if one.is_live]


def push(event: dict[str, Any]) -> list[int | None]:
    """Tells whoever subscribed to this kind; the status of each attempt, None without one.

    Oura tries for an hour; here all is done at once. 410 ends the subscription.
    """
    kind = event["event_type"], event["data_type"]
    told = [one for one in live() if (one.event_type, one.data_type) == kind]
    return [status for one in told for status in _pushed(one, event)]


def _pushed(to: Subscription, event: dict[str, Any]) -> list[int | None]:
    body = json.dumps(event, separators=(",", ":")).encode()
    statuses: list[int | None] = []
    while len(statuses) < ATTEMPTS:
        answer = call_back("POST", to.callback_url, PATIENCE_S, content=body, headers=_signed(body))
        statuses.append(answer.status_code if answer is not None else None)
        if answer is not None and answer.status_code == GONE:
            _drop(to)
        if answer is not None and (answer.is_success or answer.status_code == GONE):
            break
    return statuses


def _signed(body: bytes) -> dict[str, str]:
    stamp = str(int(timezone.now().timestamp()))
    digest = hmac.new(CLIENT_SECRET.encode(), stamp.encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "x-oura-timestamp": stamp,
        "x-oura-signature": digest.upper(),
    }


def _changed(request: HttpRequest, found: Subscription) -> HttpResponseBase:
    form = ChangeForm(asked(request))
    if not form.is_valid():
        return _wrong(form)
    token = form.cleaned_data.pop("verification_token")
    changed = replace(found, **{name: said for name, said in form.cleaned_data.items() if said})
    if not _shakes_hands(changed.callback_url, token):
        return _not_verified()
    _keep(changed)
    return JsonResponse(asdict(changed))


def _shakes_hands(callback_url: str, verification_token: str) -> bool:
    challenge = secrets.token_hex(8)
    query = {"verification_token": verification_token, "challenge": challenge}
    answer = call_back("GET", callback_url, PATIENCE_S, params=query)
    if answer is None or not answer.is_success:
        return False
    try:
        return bool(answer.json() == {"challenge": challenge})
    except ValueError:
        return False


def _found(subscription_id: UUID) -> Subscription | None:
    return next((one for one in live() if one.id == str(subscription_id)), None)


def _keep(made: Subscription) -> None:
    with alone():
        others = [one for one in live() if one.id != made.id]
        remember(KEY, [asdict(one) for one in (*others, made)])


def _drop(gone: Subscription) -> None:
    with alone():
        remember(KEY, [asdict(one) for one in live() if one.id != gone.id])


def _lapses_at() -> str:
    return (timezone.now() + HOLDS).isoformat()


def _not_yours() -> JsonResponse:
    return problem(403, "Forbidden", "There is no such subscription of this client.")


def _not_verified() -> JsonResponse:
    return _unprocessable({"callback_url": "It did not answer with the challenge."})


def _wrong(form: forms.Form) -> JsonResponse:
    return _unprocessable({name: str(words[0]) for name, words in form.errors.items()})


def _unprocessable(faults: dict[str, str]) -> JsonResponse:
    detail = [
        {"loc": ["body", name], "msg": words, "type": "value_error"}
        for name, words in faults.items()
    ]
    return JsonResponse({"detail": detail}, status=422)
