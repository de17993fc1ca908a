"""Who may register while registration is by invitation: an operator's mail with a signed link."""

from datetime import datetime, timedelta

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Invitation, User

SALT = "accounts.invitation"


def invite(email: str, by: User | None, now: datetime) -> Invitation:
    """Invite an address, or invite it again: only the newest link opens the door."""
    invitation, _ = Invitation.objects.update_or_create(
        email=User.objects.normalize_email(email),
        defaults={
            "invited_by": by,
            "invited_at": now,
            "expires_at": now + timedelta(seconds=settings.INVITATION_LASTS_S),
        },
    )
    get_adapter().send_mail(
        "account/email/invitation",
        invitation.email,
        {"url": link_to(invitation), "expires_at": invitation.expires_at},
    )
    return invitation


def link_to(invitation: Invitation) -> str:
    path = reverse("account_signup")
    return f"{settings.SITE_URL}{path}?invitation={token_for(invitation)}"


def token_for(invitation: Invitation) -> str:
    return signing.dumps([invitation.pk, invitation.invited_at.isoformat()], salt=SALT)


def from_token(token: str, now: datetime) -> Invitation | None:
    """The invitation a link stands for; None when it is forged, replaced, used or too old."""
    try:
        pk, invited_at = signing.loads(token, salt=SALT)
    except (signing.BadSignature, TypeError, ValueError):
        return None
    return Invitation.objects.filter(
        pk=pk, invited_at=datetime.fromisoformat(invited_at), expires_at__gt=now
    ).first()


def token_in(request: HttpRequest) -> str:
    """What a visitor comes with: in the link, then in the form the link has led to.

    Of a form its own field counts alone: that is the one the form checks the address against.
    """
    source = request.POST if request.method == "POST" else request.GET
    return source.get("invitation", "")


def of(request: HttpRequest) -> Invitation | None:
    return from_token(token_in(request), timezone.now())


def may_register(token: str, now: datetime) -> bool:
    """Whether REGISTRATION lets somebody with this token, or with none, make an account."""
    if settings.REGISTRATION == "invite":
        return from_token(token, now) is not None
    return bool(settings.REGISTRATION == "open")


def accept(email: str) -> None:
    """An account was made: whatever invited its address has done its work."""
    Invitation.objects.filter(email=email).delete()


def purge(now: datetime) -> int:
    """Forget the addresses of those who did not come."""
    purged, _ = Invitation.objects.filter(expires_at__lt=now).delete()
    return purged
