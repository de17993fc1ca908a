"""The mail to a tester whose source needs them; settings hand it to the app that notices."""

from django.conf import settings
from django.urls import reverse

from accounts import formats
from connections.models import Connection
from notifications import mail, outbox, unsubscribing
from notifications.models import Notification


def send(connection: Connection) -> None:
    """Once for each time it broke down, in the transaction that writes so, if they want it."""
    tester = connection.user
    is_leaving = tester.deletion_requested_at is not None or not tester.is_active
    if is_leaving or not tester.wants_connection_mails:
        return
    outbox.enqueue(
        Notification.Kind.CONNECTION,
        written(connection),
        dedupe_key=f"source:{connection.pk}:{connection.failing_since:%Y-%m-%dT%H:%M:%SZ}",
        recipients=[tester.email],
        user=tester,
    )


def written(connection: Connection) -> mail.Mail:
    label = connection.get_provider_display()
    is_broken = connection.state == Connection.State.BROKEN
    told = {
        "label": label,
        "words": connection.last_error,
        "last_success_at": connection.last_success_at,
        "button": f"Connect {label} again" if is_broken else "See your connections",
        "panel_url": f"{settings.SITE_URL}{reverse('connections:panel')}",
        "unsubscribe_url": unsubscribing.url(connection.user, Notification.Kind.CONNECTION),
    }
    with formats.written_for(formats.Reader.of(connection.user)):
        return mail.render("source", told, timezone_name=connection.user.timezone)
