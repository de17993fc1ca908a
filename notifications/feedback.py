"""What mail providers tell afterwards: that a mail came back, or was marked as spam.

Events come twice, late, in any order, and for mails of others who send through the same provider.
Only an address that somebody here has is stopped; the mail itself, where it is found by what the
provider calls it, shows operators the provider's words.
"""

from email.utils import parseaddr
from typing import Any

from allauth.account.models import EmailAddress
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason, tracking
from django.dispatch import receiver
from django.utils import timezone

from accounts.models import Invitation, User
from notifications import stopping
from notifications.models import Notification, StoppedAddress

Reason = StoppedAddress.Reason
BAD_NEWS = {
    EventType.BOUNCED: "came back",
    EventType.COMPLAINED: "marked as spam",
    EventType.REJECTED: "refused by the provider",
    EventType.FAILED: "failed at the provider",
    EventType.DEFERRED: "put off",
}


@receiver(tracking)
def hear(sender: Any, event: AnymailTrackingEvent, **_: Any) -> None:
    if event.event_type not in BAD_NEWS or _is_no_complaint(event):
        return
    reason, words = reason_to_stop(event), _words(event)
    _note(_told(event.message_id), words, is_final=reason is not None)
    address = address_in(_told(event.recipient))
    if reason is None or not is_ours(address):
        return
    at = min(event.timestamp or timezone.now(), timezone.now())
    if not stopping.is_lifted_since(address, at):
        stopping.stop(address, reason, words, at)


def reason_to_stop(event: AnymailTrackingEvent) -> StoppedAddress.Reason | None:
    """None for what may pass: a full mailbox, a server that is busy, a mail found too large."""
    if event.event_type == EventType.COMPLAINED:
        return Reason.COMPLAINT
    if event.event_type == EventType.BOUNCED and _is_hard(event.esp_event):
        return Reason.BOUNCE
    if event.event_type == EventType.REJECTED:
        return _why_dropped(event)
    return None


def address_in(recipient: str) -> str:
    """As accounts are kept: in small letters, its domain not in the letters of the wire."""
    name, at, host = parseaddr(recipient)[1].strip().lower().rpartition("@")
    try:
        return f"{name}{at}{host.encode('ascii').decode('idna')}"
    except UnicodeError:
        return f"{name}{at}{host}"


def is_ours(address: str) -> bool:
    """Whether somebody here has it, or is to get it."""
    return bool(address) and any(
        (
            User.objects.filter(email=address).exists(),
            EmailAddress.objects.filter(email__iexact=address).exists(),
            Invitation.objects.filter(email__iexact=address).exists(),
        )
    )


def _is_hard(told: dict[str, Any]) -> bool:
    """Amazon SES says it in an object of its own, SendGrid with `type`: "bounce", or "blocked"."""
    bounce = told.get("bounce")
    if isinstance(bounce, dict):
        return bool(bounce.get("bounceType") == "Permanent")
    return bool(told.get("type") == "bounce")


def _is_no_complaint(event: AnymailTrackingEvent) -> bool:
    """Amazon SES also passes on that somebody took a mail out of their spam."""
    return bool(event.event_type == EventType.COMPLAINED and event.description == "not-spam")


def _why_dropped(event: AnymailTrackingEvent) -> StoppedAddress.Reason | None:
    """SendGrid keeps lists of its own, and does not even try an address that is on one."""
    if event.reject_reason in {RejectReason.BOUNCED, RejectReason.INVALID}:
        return Reason.BOUNCE
    is_spam = "spam report" in str(event.esp_event.get("reason", "")).lower()
    return Reason.COMPLAINT if is_spam else None


def _words(event: AnymailTrackingEvent) -> str:
    told = [BAD_NEWS[event.event_type], event.description, event.mta_response]
    return ": ".join(_told(part) for part in told if part)[:300]


def _told(part: object) -> str:
    """What no column takes becomes a blank: one odd event must not lose those posted with it."""
    text = "" if part is None else str(part)
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _note(message_id: str, words: str, *, is_final: bool) -> None:
    """On the mail's row, for operators; what may pass does not cover up what does not."""
    mails = Notification.objects.filter(provider_id=message_id) if message_id else None
    if mails is not None:
        (mails if is_final else mails.filter(last_error="")).update(last_error=words)
