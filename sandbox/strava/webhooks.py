"""The one subscription of the app: made after a handshake, told of what happens."""

import secrets
from dataclasses import asdict, dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from sandbox.callbacks import call_back
from sandbox.memory import alone, forget, recall, remember
from sandbox.strava import answers
from sandbox.strava.app import CLIENT_ID, is_our_app

KEY = "strava:subscription"
LONGEST_ADDRESS = 255
PATIENCE_S = 2.0
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Subscription:
    """created_at in ISO 8601, UTC."""

    id: int
    callback_url: str
    created_at: str


@require_http_methods(["GET", "POST"])
def subscriptions(request: HttpRequest) -> HttpResponseBase:
    asked = request.POST if request.method == "POST" else request.GET
    if not _is_ours(asked):
        return answers.unknown_app()
    if request.method == "POST":
        return _subscribed(asked)
    found = current()
    return JsonResponse([_row(found)] if found else [], safe=False)


@require_http_methods(["DELETE"])
def subscription(request: HttpRequest, subscription_id: int) -> HttpResponseBase:
    """The app names itself in the address or in a form."""
    if not _is_ours(request.GET) and not _is_ours(QueryDict(request.body)):
        return answers.unknown_app()
    with alone():
        found = current()
        if found is None or found.id != subscription_id:
            return answers.fault(404, "Record Not Found", "PushSubscription", "id", "not found")
        forget(KEY)
    return HttpResponse(status=204)


def current() -> Subscription | None:
    stored = recall(KEY)
    return Subscription(**stored) if stored else None


def push(event: dict[str, Any]) -> list[int | None]:
    """Tells the subscriber, up to three times; the status of each attempt, None without one.

    Strava waits some minutes before it tries again; here it is done at once.
    """
    to = current()
    statuses: list[int | None] = []
    while to and len(statuses) < ATTEMPTS and 200 not in statuses:
        statuses.append(_posted(to, event))
    return statuses


def _is_ours(asked: QueryDict) -> bool:
    return is_our_app(asked.get("client_id") or "", asked.get("client_secret") or "")


def _subscribed(form: QueryDict) -> HttpResponseBase:
    callback_url, verify_token = form.get("callback_url") or "", form.get("verify_token") or ""
    if not verify_token:
        return _refused("verify token", "required")
    if current():
        return _refused(None, "already exists")
    if fault := _address_fault(callback_url) or _handshake_fault(callback_url, verify_token):
        return _refused("callback url", fault)
    with alone():
        # Somebody may have been quicker while the other end was asked.
        if current():
            return _refused(None, "already exists")
        made = Subscription(
            100_000 + secrets.randbelow(900_000), callback_url, timezone.now().isoformat()
        )
        remember(KEY, asdict(made))
    return JsonResponse({"id": made.id}, status=201)


def _address_fault(callback_url: str) -> str | None:
    if not callback_url:
        return "required"
    if len(callback_url) > LONGEST_ADDRESS:
        return "too long"
    return None if callback_url.startswith(("http://", "https://")) else "invalid"


def _handshake_fault(callback_url: str, verify_token: str) -> str | None:
    challenge = secrets.token_hex(8)
    query = {
        "hub.mode": "subscribe",
        "hub.challenge": challenge,
        "hub.verify_token": verify_token,
    }
    answer = call_back("GET", callback_url, PATIENCE_S, params=query)
    if answer is None or answer.status_code != 200:
        return "GET to callback URL does not return 200"
    try:
        is_echoed = answer.json() == {"hub.challenge": challenge}
    except ValueError:
        is_echoed = False
    return None if is_echoed else "not verifiable"


def _posted(to: Subscription, event: dict[str, Any]) -> int | None:
    answer = call_back(
        "POST", to.callback_url, PATIENCE_S, json={**event, "subscription_id": to.id}
    )
    return answer.status_code if answer is not None else None


def _refused(field: str | None, code: str) -> JsonResponse:
    return answers.fault(400, "Bad Request", "PushSubscription", field, code)


def _row(found: Subscription) -> dict[str, Any]:
    return {
        "id": found.id,
        "resource_state": 2,
        "application_id": int(CLIENT_ID),
        "callback_url": found.callback_url,
        "created_at": found.created_at,
        "updated_at": found.created_at,
    }
