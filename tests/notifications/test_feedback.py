"""What becomes of a provider's word, from its request to the row."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries

from accounts import invitations
from accounts.models import User
from notifications import stopping
from notifications.models import Notification, StoppedAddress
from tests import factories
from tests.factories import NOW
from tests.notifications.events import (
    AT_S,
    BLOCKED,
    BOUNCED,
    SENDGRID_ID,
    SES_ID,
    TO,
    post_sendgrid,
    post_sns,
    sendgrid,
    ses,
)

pytestmark = pytest.mark.django_db

TOLD_AT = datetime(2026, 7, 4, 5, 31, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SES_BOUNCE = "came back: Permanent: General: smtp; 550 5.1.1 user unknown"
SES_COMPLAINT = "marked as spam: abuse"
SENDGRID_BOUNCE = "came back: 550 5.1.1 no such mailbox"
TRANSIENT = {"bounceType": "Transient", "bounceSubType": "MailboxFull"}


@pytest.fixture(autouse=True)
def _an_hour_later() -> Any:
    with time_machine.travel(LATER, tick=False):
        yield


@pytest.fixture
def mail(tester: User) -> Notification:
    return Notification.objects.create(
        dedupe_key="k", kind="brief", user=tester, recipients=[TO], state="sent", provider_id=SES_ID
    )


def stopped() -> list[tuple[str, str, str, datetime]]:
    rows = StoppedAddress.objects.order_by("address")
    return [(row.address, row.reason, row.detail, row.stopped_at) for row in rows]


def by_ses(*events: dict[str, Any]) -> None:
    assert [post_sns(event) for event in events] == [200] * len(events)


def by_sendgrid(*events: dict[str, Any]) -> None:
    assert post_sendgrid(list(events)) == 200


@pytest.mark.parametrize(
    ("tell", "reason", "detail"),
    [
        (lambda: by_ses(ses("Bounce")), "bounce", SES_BOUNCE),
        (lambda: by_ses(ses("Complaint")), "complaint", SES_COMPLAINT),
        (lambda: by_sendgrid(sendgrid("bounce", **BOUNCED)), "bounce", SENDGRID_BOUNCE),
        (lambda: by_sendgrid(sendgrid("spamreport")), "complaint", "marked as spam"),
        (
            lambda: by_sendgrid(sendgrid("dropped", reason="Bounced Address")),
            "bounce",
            "refused by the provider",
        ),
        (
            lambda: by_sendgrid(sendgrid("dropped", reason="Invalid")),
            "bounce",
            "refused by the provider",
        ),
        (
            lambda: by_sendgrid(sendgrid("dropped", reason="Spam Reporting Address")),
            "complaint",
            "refused by the provider",
        ),
    ],
)
def test_hard_bounce_or_complaint_stops_the_address(
    mail: Notification, tell: Callable[[], None], reason: str, detail: str
) -> None:
    Notification.objects.update(provider_id=SES_ID if "abuse" in detail else mail.provider_id)

    tell()

    assert stopped() == [(TO, reason, detail, TOLD_AT)]


@pytest.mark.parametrize(
    "tell",
    [
        lambda: by_ses(ses("Bounce", **TRANSIENT)),
        lambda: by_ses(ses("Bounce", bounceType="Undetermined", bounceSubType="Undetermined")),
        lambda: by_ses(ses("Complaint", complaintFeedbackType="not-spam")),
        lambda: by_ses(ses("Delivery"), ses("Send"), ses("Reject")),
        lambda: by_sendgrid(sendgrid("bounce", **BLOCKED)),
        lambda: by_sendgrid(sendgrid("deferred", response="451 busy", attempt="5")),
        lambda: by_sendgrid(sendgrid("processed"), sendgrid("delivered", response="250 OK")),
        lambda: by_sendgrid(sendgrid("dropped", reason="Unsubscribed Address")),
        lambda: by_sendgrid(sendgrid("open"), sendgrid("click", url="https://x.example")),
        lambda: by_sendgrid(sendgrid("something new")),
    ],
)
def test_what_may_pass_stops_nothing(mail: Notification, tell: Callable[[], None]) -> None:
    tell()

    assert stopped() == []


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([ses("Bounce")], SES_BOUNCE),
        (
            [ses("Bounce", **TRANSIENT)],
            "came back: Transient: MailboxFull: smtp; 550 5.1.1 user unknown",
        ),
        ([ses("Reject")], "refused by the provider: Bad content"),
        ([ses("Delivery")], ""),
        ([ses("Complaint", complaintFeedbackType="not-spam")], ""),
        ([ses("Bounce", message_id="another")], ""),
        # Whichever comes first: what is over covers up what may pass, and not the other way round.
        ([ses("Bounce", **TRANSIENT), ses("Complaint")], SES_COMPLAINT),
        ([ses("Complaint"), ses("Bounce", **TRANSIENT), ses("Delivery")], SES_COMPLAINT),
    ],
)
def test_mail_shows_operators_what_the_provider_said(
    mail: Notification, events: list[dict[str, Any]], words: str
) -> None:
    by_ses(*events)

    mail.refresh_from_db()
    assert (mail.state, mail.last_error) == ("sent", words)


def test_mail_of_sendgrid_is_found_too(mail: Notification) -> None:
    Notification.objects.update(provider_id=SENDGRID_ID)

    by_sendgrid(sendgrid("deferred", response="451 busy"))

    mail.refresh_from_db()
    assert mail.last_error == "put off: 451 busy"


@pytest.mark.parametrize("events", [["Bounce", "Complaint"], ["Complaint", "Bounce"]])
def test_complaint_weighs_more_whichever_comes_first(tester: User, events: list[str]) -> None:
    by_ses(*(ses(kind) for kind in events), *(ses(kind) for kind in events))

    assert stopped() == [(TO, "complaint", SES_COMPLAINT, TOLD_AT)]


@pytest.mark.parametrize(
    "recipient", ["TESTER@example.org", '"A Tester" <tester@example.org>', " tester@example.org"]
)
def test_address_is_known_however_it_is_written(tester: User, recipient: str) -> None:
    by_sendgrid(sendgrid("bounce", **{**BOUNCED, "email": recipient}))

    assert [address for address, *_ in stopped()] == [TO]


@pytest.mark.parametrize("recipient", ["nobody@example.org", "", "no address at all"])
def test_address_that_nobody_here_has_is_not_kept(tester: User, recipient: str) -> None:
    """Others may send through the same provider, and old events name who has left."""
    by_sendgrid(sendgrid("bounce", **{**BOUNCED, "email": recipient}), sendgrid("spamreport"))

    assert [address for address, *_ in stopped()] == [TO]


def test_address_that_is_to_get_an_invitation_counts() -> None:
    invitations.invite("new@example.org", factories.operator(), LATER)

    by_sendgrid(sendgrid("bounce", **{**BOUNCED, "email": "new@example.org"}))

    assert [address for address, *_ in stopped()] == ["new@example.org"]


def test_event_without_a_recipient_or_a_moment_is_taken_as_of_now(tester: User) -> None:
    nameless = sendgrid("bounce", **BOUNCED)
    del nameless["email"]
    undated = sendgrid("bounce", **BOUNCED)
    del undated["timestamp"]

    by_sendgrid(nameless, undated)

    assert stopped() == [(TO, "bounce", SENDGRID_BOUNCE, LATER)]


def test_moment_that_is_still_to_come_is_now(tester: User) -> None:
    by_sendgrid(sendgrid("bounce", **{**BOUNCED, "timestamp": AT_S + 86_400}))

    assert stopped() == [(TO, "bounce", SENDGRID_BOUNCE, LATER)]


def test_late_word_of_before_does_not_stop_an_address_that_works_again(tester: User) -> None:
    by_sendgrid(sendgrid("bounce", **BOUNCED))
    assert stopping.lift(TO, request=RequestFactory().get("/"), user=tester)

    by_sendgrid(sendgrid("bounce", **BOUNCED), sendgrid("spamreport"))
    before = stopped()
    with time_machine.travel(LATER + timedelta(minutes=5)):
        by_sendgrid(sendgrid("bounce", **{**BOUNCED, "timestamp": int(LATER.timestamp()) + 60}))

    assert (before, len(stopped())) == ([], 1)


def test_word_about_the_same_address_twice_at_once_is_one_row(tester: User) -> None:
    by_sendgrid(*[sendgrid("bounce", **BOUNCED)] * 3)

    assert len(stopped()) == 1


def test_large_batch_asks_the_database_nothing_about_good_news(
    mail: Notification, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        by_sendgrid(*[sendgrid("delivered", response="250 OK")] * 1_000)


def test_large_batch_of_bad_news_is_taken(mail: Notification) -> None:
    others = (sendgrid("bounce", **{**BOUNCED, "email": f"{n}@example.com"}) for n in range(300))

    by_sendgrid(*others, sendgrid("bounce", **BOUNCED))

    assert stopped() == [(TO, "bounce", SENDGRID_BOUNCE, TOLD_AT)]


@pytest.mark.parametrize(
    "odd",
    [
        {"email": "\x00@example.org"},
        {"email": "\ud800@example.org"},
        {"email": 5},
        {"anymail_id": "\ud800"},
        {"anymail_id": ["x"]},
        {"email": "stranger@example.org", "reason": "550 \ud800\x00"},
    ],
    ids=repr,
)
def test_odd_event_does_not_lose_the_others(mail: Notification, odd: dict[str, Any]) -> None:
    by_sendgrid(sendgrid("bounce", **{**BOUNCED, **odd}), sendgrid("bounce", **BOUNCED))

    assert (TO, "bounce", SENDGRID_BOUNCE, TOLD_AT) in stopped()


def test_what_no_column_takes_is_a_blank(mail: Notification) -> None:
    by_sendgrid(sendgrid("bounce", type="bounce", reason="550\x00no\nsuch \ud800 mailbox"))

    assert [detail for _, _, detail, _ in stopped()] == ["came back: 550 no such   mailbox"]


@pytest.mark.parametrize("told", ["jürg@müller.example", "jürg@xn--mller-kva.example"])
def test_address_is_told_in_the_letters_of_the_wire(told: str) -> None:
    factories.tester("jürg@müller.example")

    by_sendgrid(sendgrid("bounce", **{**BOUNCED, "email": told}))

    assert [address for address, _, _, _ in stopped()] == ["jürg@müller.example"]
