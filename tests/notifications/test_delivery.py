import base64
import email
import json
import struct
import zlib
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, Message
from typing import Any

import boto3
import pytest
from django.conf import LazySettings
from moto.backends import get_backend
from moto.server import ThreadedMotoServer

from accounts.models import User
from notifications import delivery, unsubscribing
from notifications.delivery import OutcomeUnknown, RefusedForGood, RefusedForNow
from notifications.models import Notification
from tests.notifications.providers import HANG_UP, HttpServer, SmtpServer, closed_port, serving

NOW, GOOD, UNKNOWN = RefusedForNow, RefusedForGood, OutcomeUnknown
TESTER = User(pk=7, email="tester@example.org")


def _png() -> bytes:
    """One red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\0\xff\0\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
    )


PNG = _png()
HTML = '<p>Ease off today.</p><img src="cid:picture" alt="45 min Z2">'


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


def test_picture_travels_with_the_html_that_shows_it(smtp: SmtpServer) -> None:
    png = b"\x89PNG\r\n\x1a\n"

    delivery.hand_over(brief(html='<img src="cid:picture" alt="60 min">', picture=png))

    mail = email.message_from_string(smtp.taken[0], policy=policy.default)
    texts, image = mail.iter_parts()
    assert (mail.get_content_type(), texts.get_content_type()) == (
        "multipart/related",
        "multipart/alternative",
    )
    assert [part.get_content_type() for part in texts.iter_parts()] == ["text/plain", "text/html"]
    assert (image.get_content_type(), image["Content-ID"]) == ("image/png", "<picture>")
    assert (image.get_content_disposition(), image.get_filename()) == ("inline", "workout.png")
    assert image.get_content() == png


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


# --- one-click unsubscribe, the picture, and the provider's name for a mail ---


def headers_of(kind: str, smtp: SmtpServer) -> list[str | None]:
    delivery.hand_over(brief(kind=kind, user=TESTER))
    mail = email.message_from_string(smtp.taken[-1], policy=policy.default)
    return switches(mail)


def switches(mail: Message) -> list[str | None]:
    """The two headers; long as it is, the first stands on a line of its own."""
    named = (mail["List-Unsubscribe"], mail["List-Unsubscribe-Post"])
    return [value and value.strip() for value in named]


@pytest.mark.parametrize("kind", ["brief", "no_brief", "wrap_up", "connection"])
def test_mail_that_can_be_switched_off_says_how(smtp: SmtpServer, kind: str) -> None:
    assert headers_of(kind, smtp) == [
        f"<{unsubscribing.url(TESTER, kind)}>",
        "List-Unsubscribe=One-Click",
    ]


@pytest.mark.parametrize("kind", ["account", "alert"])
def test_mail_nobody_can_do_without_does_not(smtp: SmtpServer, kind: str) -> None:
    assert headers_of(kind, smtp) == [None, None]


def shown(mail: EmailMessage) -> dict[str, Any]:
    """The parts of a mail, by what they are; a picture by the name its HTML has for it."""
    return {
        part["Content-ID"] or part.get_content_type(): part.get_content()
        for part in mail.walk()
        if not part.is_multipart()
    }


def test_mail_over_smtp_has_its_picture(smtp: SmtpServer) -> None:
    name = delivery.hand_over(brief(html=HTML, picture=PNG))

    mail = email.message_from_string(smtp.taken[0], policy=policy.default)
    assert shown(mail) == {
        "text/plain": "Ease off today.\n",
        "text/html": HTML,
        "<picture>": PNG,
    }
    assert name == ""


@pytest.fixture
def moto_ses(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Amazon SES as moto plays it, which keeps the mails it took."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    settings.EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
    amazon_is_at(f"http://{host}:{port}", settings)
    client = boto3.client("sesv2", endpoint_url=f"http://{host}:{port}", region_name="eu-west-1")
    client.create_email_identity(EmailIdentity="coach@lanterne.local")
    yield get_backend("ses")["123456789012"]["eu-west-1"]
    client.close()
    server.stop()


def test_mail_arrives_at_amazon_whole(moto_ses: Any) -> None:
    name = delivery.hand_over(brief(user=TESTER, html=HTML, picture=PNG))

    [taken] = moto_ses.sent_messages
    raw = taken.raw_data if isinstance(taken.raw_data, str) else taken.raw_data.decode()
    mail = email.message_from_string(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert shown(mail) == {
        "text/plain": "Ease off today.\n",
        "text/html": HTML,
        "<picture>": PNG,
    }
    assert switches(mail) == [
        f"<{unsubscribing.url(TESTER, 'brief')}>",
        "List-Unsubscribe=One-Click",
    ]
    assert (mail["To"], name) == ("tester@example.org", taken.id)


def test_mail_arrives_at_sendgrid_whole(sendgrid: HttpServer) -> None:
    name = delivery.hand_over(brief(user=TESTER, html=HTML, picture=PNG))

    told = json.loads(sendgrid.bodies[0])
    assert sendgrid.requests == ["/v3/mail/send"]
    assert told["from"] == {"email": "coach@lanterne.local", "name": "Lanterne Rouge"}
    assert told["personalizations"][0]["to"] == [{"email": "tester@example.org"}]
    assert told["content"] == [
        {"type": "text/plain", "value": "Ease off today.\n"},
        {"type": "text/html", "value": HTML},
    ]
    assert told["attachments"] == [
        {
            "content": base64.b64encode(PNG).decode(),
            "type": "image/png",
            "filename": "workout.png",
            "disposition": "inline",
            "content_id": "picture",
        }
    ]
    assert {name: value for name, value in told["headers"].items() if "List" in name} == {
        "List-Unsubscribe": f"<{unsubscribing.url(TESTER, 'brief')}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert (told["personalizations"][0]["custom_args"], len(name)) == ({"anymail_id": name}, 36)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(429, NOW), (500, NOW), (503, NOW), (504, UNKNOWN), (400, GOOD), (401, GOOD), (413, GOOD)],
)
def test_answer_of_sendgrid_becomes_an_outcome(
    sendgrid: HttpServer, status: int, expected: type[Exception]
) -> None:
    sendgrid.status = status
    sendgrid.body = {"errors": [{"message": "tester@example.org is bad", "field": None}]}

    assert outcome() == (expected, f"status {status}")


def test_sendgrid_that_hangs_up_is_asked_once(sendgrid: HttpServer) -> None:
    sendgrid.status = None

    assert outcome() == (UNKNOWN, "ConnectionError")
    assert len(sendgrid.requests) == 1
