"""Strava's webhook events: the one subscription of the application, and what is sent to it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from connections.models import PushSubscription
from connections.providers.http import (
    ProviderError,
    ProviderUnavailable,
    json_of,
    known_shape,
    send,
)
from connections.providers.strava.answers import faults_of, raise_for
from connections.providers.webhooks import ENDED, Event, NotAnEvent, NotOurs
from connections.sources import Source

ASPECTS = ("create", "update", "delete")
# What an integer may be, to be one of the database's and an instant of the calendar's.
LARGEST_ID = 2**63 - 1
LAST_INSTANT = 253_402_300_799


class NotSubscribed(ProviderError):
    """Strava did not take the subscription; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """As Strava lists it."""

    id: str
    callback_url: str


def verify_token() -> str:
    """Strava shows it when it makes sure that it was us who subscribed."""
    derived = salted_hmac("connections.strava.webhook", "verify", algorithm="sha256").hexdigest()
    return settings.STRAVA_VERIFY_TOKEN or derived


def handshake(query: Mapping[str, str]) -> dict[str, Any]:
    is_strava = constant_time_compare(query.get("hub.verify_token", ""), verify_token())
    if query.get("hub.mode") != "subscribe" or not is_strava:
        raise NotOurs
    return {"hub.challenge": query.get("hub.challenge", "")}


def event_in(body: bytes) -> Event | None:
    """Events carry no signature: only who knows our subscription's number is listened to."""
    said = _object(body)
    kind, aspect = (
        _word(said, "object_type", "activity", "athlete"),
        _word(said, "aspect_type", *ASPECTS),
    )
    object_id, owner_id = _number(said, "object_id"), _number(said, "owner_id")
    happened_at = datetime.fromtimestamp(_number(said, "event_time", LAST_INSTANT), UTC)
    subscription_id, updates = _number(said, "subscription_id"), said.get("updates", {})
    if not isinstance(updates, dict):
        raise NotAnEvent("updates")
    if not _is_ours(subscription_id):
        raise NotOurs
    if kind == "activity":
        return Event(str(owner_id), str(object_id), aspect, happened_at)
    # A string, though it says what a boolean would.
    if updates.get("authorized") == "false":
        return Event(str(owner_id), str(object_id), ENDED, happened_at)
    return None


def subscriptions() -> list[Subscription]:
    """The one that there is, or none; raises ProviderError."""
    rows = json_of("Strava", _asked("GET", ""))
    with known_shape("Strava"):
        return [Subscription(str(row["id"]), str(row["callback_url"])) for row in rows]


def subscribe(callback_url: str) -> str:
    """Its number, once Strava has reached us at the address; raises NotSubscribed."""
    response = _asked("POST", "", callback_url=callback_url, verify_token=verify_token())
    with known_shape("Strava"):
        return str(json_of("Strava", response)["id"])


def unsubscribe(subscription_id: str) -> None:
    """Raises NotSubscribed when there is none of that number."""
    _asked("DELETE", f"/{subscription_id}")


def _asked(method: str, path: str, **form: str) -> Any:
    app = {
        "client_id": settings.SOCIAL_AUTH_STRAVA_KEY,
        "client_secret": settings.SOCIAL_AUTH_STRAVA_SECRET,
    }
    url = f"{settings.STRAVA_API_URL}/push_subscriptions{path}"
    is_form = method == "POST"
    response = send(
        "Strava",
        method,
        url,
        form={**app, **form} if is_form else None,
        params=None if is_form else app,
    )
    if response.status_code in (400, 404):
        raise NotSubscribed(_words(response))
    raise_for(response)
    if response.is_error:
        raise ProviderUnavailable(_words(response))
    return response


def _words(response: Any) -> str:
    told = ", ".join(f"{resource}: {code}" for resource, code in sorted(faults_of(response)))
    return f"Strava answered with error {response.status_code}{f' ({told})' if told else ''}."


def _is_ours(subscription_id: int) -> bool:
    return PushSubscription.objects.filter(
        source=Source.STRAVA, external_id=str(subscription_id)
    ).exists()


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent("JSON") from error
    if not isinstance(said, dict):
        raise NotAnEvent("object")
    return said


def _word(said: dict[str, Any], name: str, *known: str) -> str:
    word = said.get(name)
    if not isinstance(word, str) or word not in known:
        raise NotAnEvent(name)
    return word


def _number(said: dict[str, Any], name: str, largest: int = LARGEST_ID) -> int:
    number = said.get(name)
    if type(number) is not int or not 0 <= number <= largest:
        raise NotAnEvent(name)
    return number
