"""How often somebody may try, counted in the cache that all web processes share.

A limit counts by "address" (who asks), by "account" (whom it is about), or by "both": then a wrong
password tried from one place locks nobody out who knows the right one elsewhere. By "network" it is
both again, for whoever has many addresses. Windows are fixed:
a count starts anew when its window ends, and `Retry-After` says when that is.

In Redis every attempt counts. In files, the cache of a single machine without Redis, two attempts
in the same instant can count as one: there a limit is higher for whoever tries many at once.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import Throttled as ApiThrottled

from accounts.sessions import client_address

View = Callable[..., HttpResponse]


class Throttled(ApiThrottled):
    """Too many attempts; `wait_s` is the number of seconds until one may be made again."""

    def __init__(self, wait_s: int, action: str = "") -> None:
        super().__init__(wait=wait_s)
        self.wait_s, self.action = wait_s, action


@dataclass(frozen=True, slots=True)
class Limit:
    by: str
    most: int
    window_s: int

    def key(self, action: str, request: HttpRequest, account: str) -> str:
        who = {
            "address": network_of(request),
            "account": account,
            "both": f"{account} {network_of(request)}",
            "network": f"{account} {network_of(request, v4=24, v6=48)}",
        }[self.by]
        digest = salted_hmac("accounts.throttle", who, algorithm="sha256").hexdigest()[:32]
        return f"throttle:{action}:{self.by}:{int(time.time()) // self.window_s}:{digest}"

    def wait_s(self) -> int:
        return math.ceil(self.window_s - time.time() % self.window_s)


def hit(action: str, request: HttpRequest, account: str = "") -> None:
    """Count one attempt; raises Throttled when it is one too many."""
    count(action, request, account)
    check(action, request, account, spare=1)


def check(action: str, request: HttpRequest, account: str = "", *, spare: int = 0) -> None:
    """Raises Throttled when the attempts counted so far leave no room for another."""
    waits = [
        limit.wait_s()
        for limit in limits(action, account)
        if (cache.get(limit.key(action, request, account)) or 0) >= limit.most + spare
    ]
    if waits:
        raise Throttled(max(waits), action)


def count(action: str, request: HttpRequest, account: str = "") -> None:
    for limit in limits(action, account):
        key = limit.key(action, request, account)
        cache.add(key, 0, timeout=limit.window_s)
        try:
            cache.incr(key)
        except ValueError:  # its window ended between the two lines
            cache.add(key, 1, timeout=limit.window_s)


def clear(action: str, request: HttpRequest, account: str) -> None:
    """Let an account try again from here, because its owner has shown who they are."""
    own = [limit for limit in limits(action, account) if limit.by != "address"]
    cache.delete_many([limit.key(action, request, account) for limit in own])


def limits(action: str, account: str) -> Iterator[Limit]:
    """Those of an action; without an account only those by address."""
    for by, most, window_s in settings.THROTTLES[action]:
        if account or by == "address":
            yield Limit(by, most, window_s)


def network_of(request: HttpRequest, *, v4: int = 32, v6: int = 64) -> str:
    """The network somebody asks from; of IPv6 a /64 is one household, a /48 one customer."""
    address = ip_address(client_address(request))
    # An IPv4 address in the clothes of IPv6, as a server that listens on both is told it.
    plain = getattr(address, "ipv4_mapped", None) or address
    return str(ip_network(f"{plain}/{v4 if plain.version == 4 else v6}", strict=False))


def limited(action: str) -> Callable[[View], View]:
    """For a view: every POST counts, by account once signed in."""

    def decorate(view: View) -> View:
        @wraps(view)
        def counted(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
            if request.method == "POST":
                hit(action, request, str(request.user.pk or ""))
            return view(request, *args, **options)

        return counted

    return decorate


class SayWait:
    """Middleware: a page's Throttled becomes 429, saying when to try again."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, Throttled):
            return None
        return too_many(request, error.wait_s, error.action)


@dataclass(frozen=True, slots=True)
class Words:
    """What the page says; `is_entrance` for what is done before one is signed in."""

    title: str
    why: str
    again: str = "do it again"
    is_entrance: bool = False
    is_sign_in: bool = False


OFTEN = "You have done this often"
GENERAL = Words(OFTEN, "This is limited, so that one browser cannot keep the service busy.")
WORDS = {
    "login": Words(
        "Too many attempts",
        "Somebody tried to sign in too often in a short time, from here or to this account.",
        "try again",
        is_entrance=True,
        is_sign_in=True,
    ),
    "register": Words(
        "Too many attempts",
        "Too many registrations came from here, or for this address.",
        "try again",
        is_entrance=True,
    ),
    "reset": Words(
        "Too many attempts",
        "A new password was asked for too often. Look into your mail: the last link still works.",
        "ask again",
        is_entrance=True,
    ),
    "run": Words(
        OFTEN,
        "The coach was asked, or told how you feel, many times in the last hour. What you said "
        "before is kept, and today’s brief stands; this last one was not taken.",
        "say it again",
    ),
    "draft": Words(
        OFTEN,
        "The coach has drafted many missions for you in the last hour. Your answers are kept.",
        "ask for a draft again",
    ),
    "upload": Words(
        OFTEN, "Many files came from you in the last hour. This one was not taken.", "send it again"
    ),
    "sync": Words(
        OFTEN,
        "Your source was read many times in the last hour. What it told is here, and it is read "
        "by itself before each brief.",
        "read it again",
    ),
    "connect": Words(
        OFTEN, "A source was connected many times in the last hour. Nothing was changed."
    ),
    "calendar": Words(
        OFTEN,
        "Your calendar's address was changed many times in the last hour. The last one holds.",
        "change it again",
    ),
    "unsubscribe": Words(
        OFTEN, "This link was pressed many times in the last hour. What you chose last holds."
    ),
    "mail_again": Words(
        OFTEN,
        "You have had mails sent to this address again many times in the last hour. Look into "
        "that mailbox first.",
        "try again",
    ),
    "export": Words(
        OFTEN, "You have asked for your data many times today. The last download is still there."
    ),
    "new_email": Words(
        OFTEN, "Many mails to confirm an address were sent. Look into your mail for the last one."
    ),
}


def too_many(request: HttpRequest, wait_s: int, action: str = "") -> HttpResponse:
    context = {"wait": in_words(wait_s), "words": WORDS.get(action, GENERAL)}
    response = render(request, "429.html", context, status=429)
    response["Retry-After"] = str(wait_s)
    return response


def in_words(wait_s: int) -> str:
    minutes, hours = math.ceil(wait_s / 60), math.ceil(wait_s / 3600)
    if minutes > 90:
        return f"about {hours} hours"
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def handler429(request: HttpRequest) -> HttpResponse:
    """For the limits the account library keeps itself: codes, mails, password changes."""
    return too_many(request, 300, "login")
