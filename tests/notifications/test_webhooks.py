"""The door for mail providers: who is let in, and what is not taken."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import LazySettings
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from notifications.models import StoppedAddress
from tests.conftest import StandIns
from tests.notifications.events import (
    BOUNCED,
    basic,
    post_sendgrid,
    post_sns,
    sendgrid,
    ses,
    sns,
    sns_headers,
    subscription,
)
from tests.notifications.providers import HttpServer, serving

pytestmark = pytest.mark.django_db

BOUNCE = [sendgrid("bounce", **BOUNCED)]


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """In place of SNS, whatever region a topic is in."""
    server = HttpServer()
    server.body = (
        b"<ConfirmSubscriptionResponse><ConfirmSubscriptionResult><SubscriptionArn>arn"
        b"</SubscriptionArn></ConfirmSubscriptionResult></ConfirmSubscriptionResponse>"
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", server.url)
    with serving(server):
        yield server


def stopped() -> int:
    return StoppedAddress.objects.count()


@pytest.mark.parametrize(
    ("secret", "status"), [("mail:hook", 200), ("mail:hooks", 403), (":", 403), ("möil:hook", 403)]
)
def test_both_providers_show_the_password(tester: User, secret: str, status: int) -> None:
    assert post_sns(ses("Bounce"), secret) == status
    assert post_sendgrid(BOUNCE, secret) == status
    assert stopped() == (status == 200)


def test_without_a_password_sns_is_asked_for_it_and_sendgrid_refused(tester: User) -> None:
    """SNS sends it only once it was asked, so that this is no attempt of anybody."""
    assert (post_sns(ses("Bounce"), None), post_sendgrid(BOUNCE, None)) == (401, 403)
    assert stopped() == 0


@pytest.mark.parametrize("header", ["Basic", "Basic ???", "Bearer bWFpbDpob29r", "Basic AA== BB=="])
def test_password_that_is_none_is_refused(tester: User, header: str) -> None:
    answer = Client().post(
        "/anymail/sendgrid/tracking/",
        json.dumps(BOUNCE),
        content_type="application/json",
        headers={"Authorization": header},
    )

    assert (answer.status_code, stopped()) == (403, 0)


def test_without_a_password_of_ours_there_is_no_door(tester: User, settings: LazySettings) -> None:
    settings.MAIL_WEBHOOK_SECRET = ""

    assert (post_sns(ses("Bounce")), post_sendgrid(BOUNCE)) == (404, 404)


@pytest.mark.parametrize("name", ["postmark", "mandrill", "nobody"])
def test_other_providers_have_no_door(name: str) -> None:
    path = f"/anymail/{name}/tracking/"

    assert Client().post(path, "[]", content_type="application/json").status_code == 404


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_events_are_posted(method: str) -> None:
    assert getattr(Client(), method)("/anymail/sendgrid/tracking/").status_code == 405


@pytest.mark.parametrize(
    "body",
    ["", "{", "null", "3", '"words"', "[3]", "[{}]", '{"event": "bounce"}', b"\xff\xfe", "[[]]"],
)
def test_body_that_is_no_batch_of_sendgrid_is_refused(tester: User, body: str | bytes) -> None:
    assert (post_sendgrid(body), stopped()) == (400, 0)


@pytest.mark.parametrize(
    "message",
    [
        sns("Notification", Message="{"),
        sns("Notification", Message="3"),
        sns("Notification", Message=json.dumps({"eventType": "Bounce", "bounce": {}})),
        sns("Notification", Message=json.dumps({"notificationType": "Received"})),
        sns("Something"),
        subscription(TopicArn="no ARN"),
    ],
)
def test_message_that_is_none_of_ses_is_refused(tester: User, message: dict[str, Any]) -> None:
    assert (post_sns(message), stopped()) == (400, 0)


@pytest.mark.parametrize("secret", ["mail:hook", "no:body"])
def test_body_that_nests_without_end_is_refused(secret: str) -> None:
    """That of SNS is read before the password is."""
    deep = "[" * 100_000
    answer = Client().post(
        "/anymail/amazon_ses/tracking/", deep, content_type="text/plain", headers=basic(secret)
    )

    assert answer.status_code == 400
    assert post_sendgrid(deep, secret) == (400 if secret == "mail:hook" else 403)


def test_event_of_a_time_that_no_calendar_has_is_refused(tester: User) -> None:
    assert (post_sendgrid([sendgrid("bounce", timestamp=1e20, **BOUNCED)]), stopped()) == (400, 0)


@pytest.mark.parametrize("body", ["", "{", "[]", "3", b"\xff"])
def test_body_that_is_none_of_sns_is_refused(body: str | bytes) -> None:
    answer = Client().post(
        "/anymail/amazon_ses/tracking/",
        body,
        content_type="text/plain",
        headers={**sns_headers(ses("Bounce")), **basic()},
    )

    assert answer.status_code == 400


def test_headers_of_another_message_are_refused(tester: User) -> None:
    answer = Client().post(
        "/anymail/amazon_ses/tracking/",
        json.dumps(ses("Bounce")),
        content_type="text/plain",
        headers={**sns_headers(subscription()), **basic()},
    )

    assert (answer.status_code, stopped()) == (403, 0)


@pytest.mark.parametrize(("size", "status"), [(1024 * 1024, 400), (1024 * 1024 + 1, 413)])
def test_body_longer_than_any_event_is_not_read(size: int, status: int) -> None:
    assert post_sendgrid(b" " * size) == status


def test_whoever_is_refused_too_often_waits(settings: LazySettings) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "webhook": [("address", 2, 300)]}

    statuses = [post_sendgrid(BOUNCE, "no:body") for _ in range(3)]

    assert (statuses, post_sendgrid(BOUNCE)) == ([403, 403, 429], 429)


def test_topic_is_confirmed_at_amazon_and_nowhere_else(amazon: HttpServer) -> None:
    """The address that stands in the message is not visited."""
    other = HttpServer()
    with serving(other):
        assert post_sns(subscription(SubscribeURL=f"{other.url}/confirm")) == 200

    assert (amazon.requests, other.requests) == (["/"], [])
    assert b"Action=ConfirmSubscription" in amazon.bodies[0]
    assert b"Token=2336412f37f" in amazon.bodies[0]


def test_topic_of_somebody_without_the_password_is_not_confirmed(amazon: HttpServer) -> None:
    assert (post_sns(subscription(), None), post_sns(subscription(), "a:b")) == (401, 403)
    assert amazon.requests == []


def test_topic_that_amazon_does_not_confirm_asks_again(amazon: HttpServer) -> None:
    amazon.status = 403
    amazon.body = (
        b"<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code></Error>"
        b"</ErrorResponse>"
    )

    assert post_sns(subscription()) == 502


def test_topic_in_a_region_that_is_none_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    arn = "arn:aws:sns:evil.example/:123456789012:topic"

    assert post_sns(subscription(TopicArn=arn)) in {400, 502}


def test_first_words_and_last_words_of_a_topic_are_taken() -> None:
    hello = "Successfully validated SNS topic for Amazon SES event publishing."

    assert post_sns(sns("Notification", Message=hello)) == 200
    assert post_sns(sns("UnsubscribeConfirmation", Token="t", Message="Bye.")) == 200


# --- SendGrid's signature ---


@pytest.fixture
def signer(settings: LazySettings) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    name = "SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY"
    settings.ANYMAIL = {**settings.ANYMAIL, name: base64.b64encode(public).decode()}
    return key


def signed(key: ec.EllipticCurvePrivateKey, body: str, timestamp: str) -> dict[str, str]:
    signature = key.sign(timestamp.encode() + body.encode(), ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }


def test_with_a_key_sendgrid_signs_as_well(
    tester: User, signer: ec.EllipticCurvePrivateKey
) -> None:
    body = json.dumps(BOUNCE)
    headers = signed(signer, body, "1783143061")

    refused = [
        post_sendgrid(body),
        post_sendgrid(f"{body} ", headers=headers),
        post_sendgrid(
            body, headers={**headers, "X-Twilio-Email-Event-Webhook-Timestamp": "1783143062"}
        ),
        post_sendgrid(body, headers=signed(ec.generate_private_key(ec.SECP256R1()), body, "1")),
        post_sendgrid(body, secret="no:body", headers=headers),
    ]

    assert (refused, stopped()) == ([403] * 5, 0)
    assert (post_sendgrid(body, headers=headers), stopped()) == (200, 1)


@pytest.mark.django_db(transaction=True)
def test_event_over_a_real_connection(live_server: LiveServer, stand_ins: StandIns) -> None:
    user = User.objects.create_user("tester@example.org")
    user.confirm_address()

    answers = [
        httpx2.post(
            f"{live_server.url}/anymail/sendgrid/tracking/",
            json=BOUNCE,
            headers=basic(secret),
        ).status_code
        for secret in ("no:body", "mail:hook")
    ]

    assert (answers, stopped()) == ([403, 200], 1)
