"""Who is behind a request, from where, and in which browsers and programs an account is open."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.account.utils import url_str_to_user_pk
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import purging
from accounts.models import TokenFamily, User

# A list of sessions is read by people: it need not know the minute.
SEEN_EVERY_S = 600
SEEN_AT = "seen_at"
LISTED = 50
# Where the account library notes who has shown a password, before they are signed in.
SHOWN_BY = "account_authentication_methods_user"

# The first mark that is found counts: many browsers also carry the marks of others.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def signed_in(request: HttpRequest) -> User:
    """The account of a request that `login_required` let through."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def forget_here(response: HttpResponse) -> HttpResponse:
    """Whoever uses this browser next finds no page of this account when they go back."""
    response["Clear-Site-Data"] = '"cache"'
    return response


def client_address(request: HttpRequest) -> str:
    """The IP address of whoever asks, as the proxy in front tells it where there is one."""
    return str(get_adapter().get_client_ip(request))


def device_of(request: HttpRequest) -> str:
    """What the browser or program calls itself."""
    return request.headers.get("User-Agent", "")[:200]


def in_words(user_agent: str) -> str:
    """A device as its owner would call it: "Firefox on macOS"; else the name it gave, shortened."""
    browser, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    if browser and system:
        return f"{browser} on {system}"
    name = user_agent.strip()
    if not name:
        return "Unknown device"
    return name if len(name) <= 40 else f"{name[:39].rstrip()}…"


def _first(marks: Sequence[tuple[str, str]], text: str) -> str | None:
    return next((name for mark, name in marks if mark in text), None)


@dataclass(frozen=True, slots=True)
class Place:
    """A browser or a program in which an account is open."""

    kind: str
    key: int | UUID
    device: str
    address: str | None
    since_at: datetime
    last_used_at: datetime
    is_this: bool = False


def places(user: User, this_key: str | None, now: datetime) -> list[Place]:
    """Where an account is open now: this browser first, then the latest used; three queries."""
    found = [*_browsers(user, this_key, now), *_programs(user, now)]
    return sorted(found, key=lambda place: (place.is_this, place.last_used_at), reverse=True)


def end_browser(user: User, pk: int) -> UserSession | None:
    """Close one browser of theirs: its next request is nobody's. None when it is not theirs."""
    row = UserSession.objects.filter(user=user, pk=pk).first()
    if row is None:
        return None
    row.end()
    ended: UserSession = row
    return ended


def end_other_browsers(user: User, this_key: str | None) -> int:
    """Close all browsers but this one; how many were closed."""
    others = UserSession.objects.filter(user=user).exclude(session_key=this_key)
    keys = list(others.values_list("session_key", flat=True))
    closed, _ = Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()
    return closed


def forget_unfinished(user: User) -> int:
    """Remove sessions that wait for a second step of signing in: only their content names whose."""
    gone = 0
    for session in Session.objects.iterator():
        data = session.get_decoded()
        waiting = (data.get("account_login") or {}).get("user_pk")
        if str(user.pk) in {data.get("_auth_user_id"), data.get(SHOWN_BY)} or (
            waiting and url_str_to_user_pk(waiting) == user.pk
        ):
            session.delete()
            gone += 1
    return gone


def purge(now: datetime) -> int:
    """Forget sessions that ran out, and the rows that describe what is gone; how many."""
    expired = purging.in_batches(Session.objects.filter(expire_date__lt=now))
    session = Session.objects.filter(session_key=OuterRef("session_key"))
    return expired + purging.in_batches(UserSession.objects.filter(~Exists(session)))


class LastSeen:
    """Middleware: remember that a browser was used, at most every ten minutes.

    Then it costs two UPDATEs, of the session and of the row that describes it; else nothing, for
    the time of the last note is in the session, which a signed-in request has read anyway.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.session.accessed and request.user.is_authenticated:
            now = timezone.now()
            if now.timestamp() - request.session.get(SEEN_AT, 0) >= SEEN_EVERY_S:
                note(request, now)
        return response


def note(request: HttpRequest, now: datetime) -> None:
    request.session[SEEN_AT] = int(now.timestamp())
    seen = UserSession.objects.filter(session_key=request.session.session_key).update(
        last_seen_at=now, ip=client_address(request), user_agent=device_of(request)
    )
    if not seen:  # opened before there was such a row
        UserSession.objects.create_from_request(request)


def _browsers(user: User, this_key: str | None, now: datetime) -> list[Place]:
    rows = UserSession.objects.filter(user=user).order_by("-last_seen_at")[:LISTED]
    by_key = {row.session_key: row for row in rows}
    sessions = Session.objects.filter(session_key__in=by_key, expire_date__gt=now)
    return [
        Place(
            kind="browser",
            key=row.pk,
            device=in_words(row.user_agent),
            address=row.ip,
            since_at=row.created_at,
            last_used_at=row.last_seen_at,
            is_this=row.session_key == this_key,
        )
        for row in (by_key[one.session_key] for one in sessions if _opens(one, user))
    ]


def _opens(session: Session, user: User) -> bool:
    """Whether it was made with the password of today; else its next request is nobody's."""
    made_with = session.get_decoded().get(HASH_SESSION_KEY, "")
    good = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(made_with, one) for one in good)


def _programs(user: User, now: datetime) -> list[Place]:
    good = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    families = TokenFamily.objects.filter(
        user=user, ended_at=None, expires_at__gt=now, auth_hash__in=good
    )
    return [
        Place(
            kind="program",
            key=family.pk,
            device=in_words(family.device),
            address=family.address,
            since_at=family.created_at,
            last_used_at=family.last_used_at,
        )
        for family in families[:LISTED]
    ]
