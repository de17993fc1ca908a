import email
from collections.abc import Iterator
from email import policy
from typing import Any

import pytest
from django.conf import LazySettings

from notifications import delivery
from notifications.delivery import OutcomeUnknown, RefusedForGood, RefusedForNow
from notifications.models import Notification
from tests.notifications.providers import HANG_UP, HttpServer, SmtpServer, closed_port, serving

NOW, GOOD, UNKNOWN = RefusedForNow, RefusedForGood, OutcomeUnknown


@pytest.fixture
def ses(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    server = HttpServer()
    server.body = {"MessageId": "0102"}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    settings.EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
    amazon_is_at(server.url, settings)
    with serving(server):
        yield server


def amazon_is_at(url: str, settings: LazySettings) -> None:
    """Our own parameters, and where to find the server."""
    anymail: Any = settings.ANYMAIL
    ours = anymail["AMAZON_SES_CLIENT_PARAMS"]
    settings.ANYMAIL = {"AMAZON_SES_CLIENT_PARAMS": {**ours, "endpoint_url": url}}


@pytest.fixture
def postmark(settings: LazySettings) -> Iterator[HttpServer]:
    """One of anymail's providers that answer with plain statuses."""
    server = HttpServer()
    server.body = {
        "ErrorCode": 0,
        "Message": "OK",
        "MessageID": "0102",
        "To": "tester@example.org",
        "SubmittedAt": "2026-07-04T05:30:00Z",
    }
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "token", "POSTMARK_API_URL": f"{server.url}/"}
    with serving(server):
        yield server


def brief(**fields: object) -> Notification:
    values = {
        "kind": "brief",
        "recipients": ["tester@example.org"],
        "subject": "Ease: 45 min",
        "text": "Ease off today.\n",
        "html": "<p>Ease off today.</p>",
        **fields,
    }
    return Notification(**values)


def outcome() -> tuple[type[Exception] | None, str]:
    """How handing over a brief ends: with nothing to say, or with one of the three."""
    try:
        delivery.hand_over(brief())
    except (RefusedForNow, RefusedForGood, OutcomeUnknown) as error:
        return type(error), str(error)
    return None, ""


def test_mail_is_handed_over_with_both_its_texts(smtp: SmtpServer) -> None:
    delivery.hand_over(brief(recipients=["tester@example.org", "coach@example.org"]))

    mail = email.message_from_string(smtp.taken[0], policy=policy.default)
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        "tester@example.org, coach@example.org",
        "Lanterne Rouge <coach@lanterne.local>",
        "Ease: 45 min",
    )
    assert (mail["Auto-Submitted"], mail["X-Lanterne-Kind"]) == ("auto-generated", "brief")
    parts = [(part.get_content_type(), part.get_content()) for part in mail.iter_parts()]
    assert parts == [
        ("text/plain", "Ease off today.\n"),
        ("text/html", "<p>Ease off today.</p>"),
    ]


def test_mail_without_html_is_one_text(smtp: SmtpServer) -> None:
    delivery.hand_over(brief(html=""))

    mail = email.message_from_string(smtp.taken[0], policy=policy.default)
    assert (mail.get_content_type(), mail.get_content()) == ("text/plain", "Ease off today.\n")


@pytest.mark.parametrize(
    ("answers", "expected", "words"),
    [
        ({"MAIL": "421 shutting down"}, NOW, "SMTP 421"),
        ({"MAIL": "550 sender unknown"}, GOOD, "SMTP 550"),
        ({"RCPT": "450 greylisted, come back"}, NOW, "SMTP 450"),
        ({"RCPT": "421 too many"}, NOW, "SMTP 421"),
        ({"RCPT": "550 no such mailbox"}, GOOD, "SMTP 550"),
        ({"DATA": "451 not now"}, NOW, "SMTP 451"),
        ({"DATA": "554 never"}, GOOD, "SMTP 554"),
        ({"END": "452 disk full"}, NOW, "SMTP 452"),
        ({"END": "554 spam"}, GOOD, "SMTP 554"),
        ({"END": "251 taken, for somebody else"}, UNKNOWN, "SMTP 251"),
        ({"END": HANG_UP}, UNKNOWN, "SMTPServerDisconnected"),
        ({"END": "what?"}, UNKNOWN, "SMTP -1"),
    ],
)
def test_answer_of_an_smtp_server_becomes_an_outcome(
    smtp: SmtpServer, answers: dict[str, str], expected: type[Exception], words: str
) -> None:
    smtp.answers = answers

    assert outcome() == (expected, words)


def test_smtp_server_that_refuses_one_of_two_recipients_has_taken_the_mail(
    smtp: SmtpServer,
) -> None:
    smtp.refused = "gone@example.org"

    delivery.hand_over(brief(recipients=["gone@example.org", "tester@example.org"]))

    assert len(smtp.taken) == 1


def test_smtp_server_that_hangs_up_after_taking_the_mail_has_taken_it(smtp: SmtpServer) -> None:
    smtp.answers = {"QUIT": HANG_UP}

    assert outcome() == (None, "")
    assert len(smtp.taken) == 1


def test_smtp_server_that_is_not_there_has_taken_nothing(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed_port()

    assert outcome() == (NOW, "ConnectionRefusedError")


def test_smtp_server_without_the_encryption_we_ask_for_gets_nothing(
    smtp: SmtpServer, settings: LazySettings
) -> None:
    settings.EMAIL_USE_TLS = True

    assert outcome() == (NOW, "SMTPNotSupportedError")

    assert smtp.taken == []


def test_mail_server_that_is_configured_wrong_gets_nothing(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"

    assert outcome() == (NOW, "AnymailConfigurationError")


def test_amazon_takes_a_mail(ses: HttpServer) -> None:
    assert outcome() == (None, "")
    assert ses.requests == ["/v2/email/outbound-emails"]


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (429, "TooManyRequestsException", NOW),
        (400, "ThrottlingException", NOW),
        (400, "LimitExceededException", NOW),
        (400, "SendingPausedException", NOW),
        (503, "ServiceUnavailable", NOW),
        (500, "InternalFailure", NOW),
        (504, "GatewayTimeout", UNKNOWN),
        (400, "MessageRejected", GOOD),
        (403, "AccessDeniedException", GOOD),
    ],
)
def test_answer_of_amazon_becomes_an_outcome(
    ses: HttpServer, status: int, error: str, expected: type[Exception]
) -> None:
    ses.status, ses.error = status, error

    assert outcome() == (expected, error)


def test_amazon_that_hangs_up_is_asked_once(ses: HttpServer) -> None:
    ses.status = None

    assert outcome() == (UNKNOWN, "ConnectionClosedError")

    assert len(ses.requests) == 1


def test_amazon_that_is_not_there_has_taken_nothing(
    ses: HttpServer, settings: LazySettings
) -> None:
    amazon_is_at(f"http://127.0.0.1:{closed_port()}", settings)

    assert outcome() == (NOW, "EndpointConnectionError")


def test_amazon_without_our_credentials_has_taken_nothing(
    ses: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    assert outcome() == (NOW, "NoCredentialsError")

    assert ses.requests == []


def test_web_provider_takes_a_mail(postmark: HttpServer) -> None:
    assert outcome() == (None, "")
    assert postmark.requests == ["/email"]


@pytest.mark.parametrize(
    ("status", "expected"), [(429, NOW), (500, NOW), (502, NOW), (504, UNKNOWN), (401, GOOD)]
)
def test_answer_of_a_web_provider_becomes_an_outcome(
    postmark: HttpServer, status: int, expected: type[Exception]
) -> None:
    postmark.status = status

    assert outcome() == (expected, f"status {status}")


def test_web_provider_that_hangs_up_is_asked_once(postmark: HttpServer) -> None:
    postmark.status = None

    assert outcome() == (UNKNOWN, "ConnectionError")

    assert len(postmark.requests) == 1


def test_web_provider_that_is_not_there_has_taken_nothing(
    postmark: HttpServer, settings: LazySettings
) -> None:
    settings.ANYMAIL = {
        "POSTMARK_SERVER_TOKEN": "token",
        "POSTMARK_API_URL": f"http://127.0.0.1:{closed_port()}/",
    }

    assert outcome() == (NOW, "ConnectionError")
