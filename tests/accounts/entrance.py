"""What the tests of the entrance share: who stands there, and what was sent to whom."""

import re
from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.hashers import MD5PasswordHasher
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from notifications.models import Notification

LOGIN, REGISTER, LOGOUT = "/auth/login", "/auth/register", "/auth/logout"
RESET, SENT = "/auth/password-reset", "/auth/confirm"
PASSWORD = "correct horse battery"
NEWCOMER = {
    "email": "newcomer@example.org",
    "timezone": "Asia/Kathmandu",
    "password1": PASSWORD,
}
ELSEWHERE = ("https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example")
NOT_HERE = (*ELSEWHERE, "javascript:alert(1)", "http:evil.example")


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed, whether to store it or to compare it."""

    algorithm = "counting"
    hashed: ClassVar[list[str]] = []

    def encode(self, password: str, salt: str) -> str:
        self.hashed.append(password)
        return super().encode(password, salt)


COUNTING = [f"{__name__}.CountingHasher"]


def who(client: Client) -> User | None:
    """The account a client is signed in with; None for nobody."""
    user = get_user(client)
    return user if isinstance(user, User) else None


def unconfirmed(email: str = "newcomer@example.org", **fields: Any) -> User:
    """Somebody who has registered, and has not opened their mail."""
    user = User.objects.create_user(email, PASSWORD, **fields)
    EmailAddress.objects.create(user=user, email=email, primary=True)
    return user


def addresses_of(user: User) -> list[tuple[str, bool, bool]]:
    """Each with whether it is confirmed, and whether it is the one in use."""
    rows = EmailAddress.objects.filter(user=user).order_by("pk")
    return list(rows.values_list("email", "verified", "primary"))


def mails() -> list[tuple[str, list[str]]]:
    """The account mails in the outbox, by the name of their template, and to whom."""
    rows = Notification.objects.filter(kind="account").order_by("pk")
    return [(row.dedupe_key.split(":")[1], row.recipients) for row in rows]


def link_in_last_mail() -> str:
    """The path of the only link of ours that stands alone on a line."""
    text = Notification.objects.filter(kind="account").latest("pk").text
    (link,) = re.findall(rf"^{re.escape(settings.SITE_URL)}(/\S*)$", text, re.MULTILINE)
    return str(link)


def session_begun(client: Client) -> str:
    """The key of a session that somebody else could know: it began before the sign-in."""
    session = client.session
    session["begun"] = True
    session.save()
    return str(session.session_key)


def answer(response: Any) -> tuple[int, dict[str, str], set[str], str]:
    """All of an answer that whoever asks can see, without its CSRF token and its second."""
    page: HttpResponse = response
    body = re.sub(r"[A-Za-z0-9]{64}", "CSRF", page.content.decode())
    headers = {name: value for name, value in page.headers.items() if name != "Expires"}
    return page.status_code, headers, set(page.cookies), body
