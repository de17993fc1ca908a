"""Mails to the operators that are about no single run: plain text, and once for each reason."""

from django.conf import settings

from notifications import outbox
from notifications.mail import Mail
from notifications.models import Notification


def send(*, subject: str, text: str, dedupe_key: str) -> None:
    """Put an alert into the outbox, in the transaction of whoever noticed."""
    if not settings.OPERATOR_EMAILS:
        return
    outbox.enqueue(
        Notification.Kind.ALERT,
        Mail(subject=f"Lanterne Rouge alert: {subject}", text=text, html=""),
        dedupe_key=dedupe_key,
        recipients=list(settings.OPERATOR_EMAILS),
    )
