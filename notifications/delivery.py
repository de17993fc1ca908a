"""Handing one mail to the configured backend, and what its answer is worth."""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from email.mime.image import MIMEImage

from anymail.exceptions import AnymailAPIError, AnymailError
from botocore.exceptions import NoCredentialsError
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from notifications import unsubscribing
from notifications.models import Notification

# Amazon SES answers these with status 400 and means: later.
SES_LATER = {
    "Throttling",
    "ThrottlingException",
    "LimitExceededException",
    "SendingPausedException",
}
NEVER_LEFT = (NewConnectionError, ConnectTimeoutError, NoCredentialsError)


class RefusedForNow(Exception):
    """The provider certainly did not take the mail; it may be offered again."""


class RefusedForGood(Exception):
    """The provider will never take this mail."""


class OutcomeUnknown(Exception):
    """The mail may or may not be on its way."""


class Letter(EmailMultiAlternatives):
    """What is attached belongs to the HTML that shows it, and is no file for the reader."""

    mixed_subtype = "related"


def hand_over(notification: Notification) -> str:
    """Give the mail to the configured backend; its exceptions become one of the three above.

    What the provider calls the mail comes back, so that its later word finds it; SMTP has none.
    """
    message = Letter(
        subject=notification.subject,
        body=notification.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=notification.recipients,
        headers={
            "Auto-Submitted": "auto-generated",
            "X-Lanterne-Kind": notification.kind,
            **unsubscribing.headers(notification),
        },
    )
    if notification.html:
        message.attach_alternative(notification.html, "text/html")
        _show_picture(message, notification.picture)
    with _connected() as message.connection:
        try:
            message.send()
        except smtplib.SMTPResponseException as error:
            raise _smtp_outcome(error.smtp_code) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise _smtp_outcome(min(code for code, _ in error.recipients.values())) from error
        except AnymailAPIError as error:
            raise _anymail_outcome(error) from error
        except AnymailError as error:
            raise RefusedForGood(type(error).__name__) from error
        except (smtplib.SMTPException, OSError) as error:
            raise OutcomeUnknown(type(error).__name__) from error
    return _name_at_the_provider(message)


def _name_at_the_provider(message: Letter) -> str:
    """One for the mail, or one for each of its recipients; then the mail has none."""
    status = getattr(message, "anymail_status", None)
    name = status.message_id if status else None
    return name[:200] if isinstance(name, str) else ""


def _show_picture(message: Letter, png: bytes | memoryview | None) -> None:
    """A picture travels with the HTML that shows it, under the name that the HTML has for it."""
    if png is None:
        return
    # From SQLite it comes as bytes, from PostgreSQL as a view of them.
    picture = MIMEImage(bytes(png), "png")
    picture["Content-ID"] = "<picture>"
    picture.add_header("Content-Disposition", "inline", filename="workout.png")
    message.attach(picture)


@contextmanager
def _connected() -> Iterator[BaseEmailBackend]:
    """An open backend; failing to get one is certain: nothing was handed over yet."""
    try:
        backend = get_connection()
    except ImproperlyConfigured as error:
        raise RefusedForNow(type(error).__name__) from error
    try:
        backend.open()
    except (smtplib.SMTPException, OSError) as error:
        backend.close()
        raise RefusedForNow(type(error).__name__) from error
    try:
        yield backend
    finally:
        backend.close()


def _smtp_outcome(code: int) -> Exception:
    if code >= 500:
        return RefusedForGood(f"SMTP {code}")
    if code >= 400:
        return RefusedForNow(f"SMTP {code}")
    return OutcomeUnknown(f"SMTP {code}")  # no refusal at all: it may well have been taken


def _anymail_outcome(error: AnymailAPIError) -> Exception:
    status, words = error.status_code, f"status {error.status_code}"
    if isinstance(error.response, dict):  # Amazon SES
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        words = error.response["Error"]["Code"]
        if words in SES_LATER:
            return RefusedForNow(words)
    if status is None:
        known = RefusedForNow if _never_left(error) else OutcomeUnknown
        return known(type(error.__cause__).__name__)
    if status == 504:
        return OutcomeUnknown(words)
    return (RefusedForNow if status == 429 or status >= 500 else RefusedForGood)(words)


def _never_left(error: BaseException | None) -> bool:
    """Whether the provider could not be reached at all."""
    while error is not None:
        if isinstance(error, NEVER_LEFT):
            return True
        error = error.__cause__ or error.__context__
    return False
