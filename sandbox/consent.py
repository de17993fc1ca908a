"""What connecting to any stand-in shares: who asks, by what right, and where it leads back."""

import base64
import binascii
import secrets
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponseRedirect


def bearer(request: HttpRequest) -> str:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    return value if kind.lower() == "bearer" else ""


def basic(request: HttpRequest) -> tuple[str, str] | None:
    """The name and secret of HTTP Basic; None when the request carries none."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def is_same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


def leads_home(request: HttpRequest) -> bool:
    """The app is registered for this host and for the reader's own machine."""
    target = urlsplit(request.GET.get("redirect_uri", ""))
    own_host = request.get_host().rpartition(":")[0] or request.get_host()
    known_hosts = {"localhost", "127.0.0.1", own_host}
    return target.scheme in ("http", "https") and target.hostname in known_hosts


def back(request: HttpRequest, **answer: str) -> HttpResponseRedirect:
    target = request.GET["redirect_uri"]
    query = urlencode({"state": request.GET.get("state", ""), **answer})
    return HttpResponseRedirect(f"{target}{'&' if '?' in target else '?'}{query}")
