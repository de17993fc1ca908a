"""The outbox: a mail is written with the change it tells of, and leaves once, afterwards.

pending -> sending -> sent, or stopped where nobody wants it by then. Mail providers take no
idempotency key, so a mail whose sending broke off with an unknown outcome is never sent again by
itself: it is marked, and an operator told.

`attempts` is the fence: what a sender writes counts only for the claim it made. One that slept past
its claim may still say what became of its mail, but not have it sent once more.
"""

from datetime import datetime

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F, TextField
from django.db.models.functions import Cast

from accounts import artifacts, backoff, deletion
from accounts.models import User
from accounts.patience import while_the_database_is_away
from notifications import stopping
from notifications.delivery import OutcomeUnknown, RefusedForGood, RefusedForNow, hand_over
from notifications.mail import Mail
from notifications.models import Notification, StoppedAddress

SEND = "notifications.send"
MOST_AT_ONCE = 500

State = Notification.State


def enqueue(
    kind: Notification.Kind,
    mail: Mail,
    *,
    dedupe_key: str,
    recipients: list[str],
    user: User | None = None,
) -> Notification:
    """Put a mail into the outbox; the same `dedupe_key` again changes nothing."""
    notification, is_new = Notification.objects.get_or_create(
        dedupe_key=dedupe_key,
        defaults={
            "kind": kind,
            "user": user,
            "recipients": recipients,
            "subject": mail.subject[:200],
            "text": mail.text,
            "html": mail.html,
            "picture": mail.picture,
        },
    )
    if is_new:
        # No `partial`: for its log Django wants the name of a robust callback that fails.
        transaction.on_commit(lambda: publish(notification.pk), robust=True)
    return notification


def publish(notification_id: int) -> None:
    current_app.send_task(SEND, args=[notification_id])


def claim(notification_id: int, now: datetime) -> Notification | None:
    """Take a due mail for sending; None when it is gone, not due, or another worker has it."""
    taken = (
        Notification.objects.due(now)
        .filter(pk=notification_id)
        .update(state=State.SENDING, claimed_at=now, attempts=F("attempts") + 1)
    )
    held = Notification.objects.select_related("user").filter(pk=notification_id)
    return held.first() if taken else None


def send(notification_id: int, now: datetime) -> None:
    """Send one mail of the outbox if it is due; whatever happens is written on its row."""
    notification = claim(notification_id, now)
    if notification is None:
        return
    if why := stopping.why_not_sent(notification):
        _finish(notification, State.STOPPED, why)
        return
    try:
        notification.provider_id = hand_over(notification)
    except RefusedForNow as refusal:
        _retry_or_give_up(notification, str(refusal), now)
    except RefusedForGood as refusal:
        _finish(notification, State.GIVEN_UP, str(refusal))
    except OutcomeUnknown as doubt:
        _finish(notification, State.UNKNOWN, str(doubt))
    else:
        notification.sent_at = now
        # It is out: were that not written, an operator would have to look after it.
        while_the_database_is_away(lambda: _finish(notification, State.SENT, ""))


def _retry_or_give_up(notification: Notification, error: str, now: datetime) -> None:
    if now - notification.created_at > Notification.RETRY_FOR:
        _finish(notification, State.GIVEN_UP, error, f"{now:%Y-%m-%dT%H}")
        return
    wait = backoff.wait(notification.attempts, notification.dedupe_key)
    notification.next_attempt_at = now + wait
    if not _finish(notification, State.PENDING, error):
        # Told as unknown meanwhile, its link taken away: it is known now, and not sent any more.
        _finish(notification, State.GIVEN_UP, error)


@transaction.atomic
def _finish(notification: Notification, state: State, error: str, told_as: str = "") -> bool:
    """Whether that is written: not once another claim was made, nor the account deleted."""
    notification.state = state
    notification.last_error = error
    before = [State.SENDING] if state == State.PENDING else [State.SENDING, State.UNKNOWN]
    held = Notification.objects.filter(pk=notification.pk, attempts=notification.attempts)
    written = held.filter(state__in=before).update(
        state=state,
        last_error=error,
        provider_id=notification.provider_id,
        sent_at=notification.sent_at,
        next_attempt_at=notification.next_attempt_at,
    )
    if not written:
        return False
    if state in {State.GIVEN_UP, State.UNKNOWN} and notification.kind != Notification.Kind.ALERT:
        _tell_operators(notification, told_as or str(notification.pk))
    if state != State.PENDING and notification.kind == Notification.Kind.ACCOUNT:
        _take_the_link_away(notification)
    return True


def _take_the_link_away(mail: Notification) -> None:
    """Its link opens a door: it lies here only until the mail is out, or lost."""
    row = Notification.objects.filter(pk=mail.pk)
    if mail.is_to_nobody_known:
        row.delete()
    else:
        row.update(text="", html="")


def _tell_operators(lost: Notification, told_as: str) -> None:
    """An alert about a mail that did not certainly arrive; alerts about alerts there are none.

    Of those that nobody took for a day one an hour: then it is the provider, and all have it.
    """
    if not settings.OPERATOR_EMAILS:
        return
    words = f"The mail “{lost.dedupe_key}” is {lost.get_state_display()}: {lost.last_error}."
    page = f"/admin/notifications/notification/{lost.pk}/"
    where = "" if lost.is_to_nobody_known else f"\n{settings.SITE_URL}{page}\n"
    enqueue(
        Notification.Kind.ALERT,
        Mail(
            subject=f"Lanterne Rouge alert: a mail is {lost.get_state_display()}",
            text=f"{words}\n{where}",
            html="",
        ),
        dedupe_key=f"alert:mail:{told_as}:{lost.state}",
        recipients=list(settings.OPERATOR_EMAILS),
    )


@transaction.atomic
def forget(user: User, now: datetime) -> None:
    """Deletion step: every mail to them, also one that tells several people, and what came back.

    Not once the account is gone: what is addressed to them then is the receipt.
    """
    if not artifacts.hold(user.pk):
        return
    Notification.objects.filter(user=user).delete()
    everyone = Notification.objects.annotate(addressed=Cast("recipients", TextField()))
    StoppedAddress.objects.among(deletion.addresses_of(user)).delete()
    for address in deletion.addresses_of(user):
        for notification in everyone.filter(addressed__icontains=address):
            _forget_recipient(notification, address)


def _forget_recipient(notification: Notification, address: str) -> None:
    others = [one for one in notification.recipients if one.lower() != address.lower()]
    row = Notification.objects.filter(pk=notification.pk)
    if others:
        row.update(recipients=others)
    else:
        row.delete()


@transaction.atomic
def leave_in_doubt(until: datetime, why: str) -> tuple[int, int]:
    """Have what was still open then never sent; how many with a link, and how many others.

    For a database that was put back: whatever had not left by then may have left since.
    """
    unsent = Notification.objects.filter(
        state__in=[State.PENDING, State.SENDING], created_at__lte=until
    )
    links = unsent.filter(kind=Notification.Kind.ACCOUNT)
    count = links.count()
    links.filter(user=None).delete()
    links.update(state=State.UNKNOWN, last_error=why, text="", html="")
    return count, unsent.update(state=State.UNKNOWN, last_error=why)


def sweep(now: datetime) -> None:
    """Hurry along what no message carries, and say so where a sender disappeared in the act."""
    for notification in Notification.objects.abandoned(now)[:MOST_AT_ONCE]:
        with transaction.atomic():
            abandoned = Notification.objects.abandoned(now).filter(
                pk=notification.pk, attempts=notification.attempts
            )
            if abandoned.update(state=State.UNKNOWN):
                _finish(notification, State.UNKNOWN, "the sender stopped while sending")
    due = Notification.objects.due(now).order_by("next_attempt_at")
    for pk in due.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        publish(pk)
