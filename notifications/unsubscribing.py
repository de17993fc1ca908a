"""What a tester does not want mailed: one click in a mail, or in the mail program, switches it off.

The link is that of RFC 8058. Its signature stands for whoever got the mail and for one kind of
mail, opens nothing else, and never runs out: mails lie for years.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from accounts import audit
from accounts.models import AuditEvent, User
from notifications.models import Notification

SALT = "notifications.unsubscribing"
Kind = Notification.Kind


class Wish(StrEnum):
    BRIEFS = "briefs"
    WRAP_UPS = "wrap_ups"
    CONNECTION_MAILS = "connection_mails"

    @property
    def field(self) -> str:
        """Where an account keeps it."""
        return f"wants_{self.value}"

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS = {
    Wish.BRIEFS: "the morning’s brief",
    Wish.WRAP_UPS: "the look back on a mission",
    Wish.CONNECTION_MAILS: "mails about a source that needs you",
}
# No word for the others: an account cannot do without its mails, nor operators without theirs.
WISHES = {
    Kind.BRIEF: Wish.BRIEFS,
    Kind.NO_BRIEF: Wish.BRIEFS,
    Kind.WRAP_UP: Wish.WRAP_UPS,
    Kind.CONNECTION: Wish.CONNECTION_MAILS,
}


class Forged(Exception):
    """Not a link of ours."""


@dataclass(frozen=True, slots=True)
class Link:
    user_id: int
    wish: Wish

    @property
    def token(self) -> str:
        return Signer(salt=SALT).sign_object([self.user_id, self.wish.value])

    @property
    def url(self) -> str:
        return f"{settings.SITE_URL}{reverse('notifications:unsubscribe', args=[self.token])}"


def read(token: str) -> Link:
    """What a link is for; raises Forged."""
    try:
        user_id, wish = Signer(salt=SALT).unsign_object(token)
        return Link(user_id, Wish(wish))
    except (BadSignature, ValueError) as error:
        raise Forged from error


def url(user: User, kind: str) -> str:
    """The link of a mail of that kind; empty where there is nothing to choose."""
    wish = WISHES.get(Kind(kind))
    return Link(user.pk, wish).url if wish else ""


def headers(mail: Notification) -> dict[str, str]:
    """What mail programs make their own button of; no address to write to, for nobody reads it."""
    wish = WISHES.get(Kind(mail.kind))
    if wish is None or mail.user_id is None:
        return {}
    return {
        "List-Unsubscribe": f"<{Link(mail.user_id, wish).url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def is_wanted(mail: Notification) -> bool:
    wish = WISHES.get(Kind(mail.kind))
    return wish is None or mail.user is None or bool(getattr(mail.user, wish.field))


@transaction.atomic
def switch(link: Link, *, is_on: bool, request: HttpRequest) -> None:
    """Write down what somebody wants; the same again changes nothing, and leaves no event."""
    account = User.objects.filter(pk=link.user_id)
    if not account.filter(**{link.wish.field: not is_on}).update(**{link.wish.field: is_on}):
        return
    audit.record(
        AuditEvent.Kind.MAILS_ON if is_on else AuditEvent.Kind.MAILS_OFF,
        user=account.get(),
        request=request,
        mails=link.wish.label,
    )
