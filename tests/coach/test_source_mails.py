from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as site

from accounts.models import User
from coach import source_mails
from connections.models import Connection
from notifications import unsubscribing
from notifications.models import Notification
from tests import factories, mails
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def broken(tester: User, **fields: Any) -> Connection:
    return factories.connection(
        tester,
        **{
            "state": Connection.State.BROKEN,
            "last_error": "Strava no longer accepts our access. Connect Strava again.",
            "failing_since": NOW,
            **fields,
        },
    )


def test_mail_says_what_is_wrong_and_has_the_one_button() -> None:
    mail = mails.source()

    home = f"http://127.0.0.1:{site.PORT}"
    assert mail.subject == "Lanterne Rouge: Strava needs you"
    assert mail.text.splitlines() == [
        "Strava needs you.",
        "",
        "Strava no longer accepts our access. Connect Strava again.",
        "",
        (
            "The last time we could read Strava was Friday 3 July, 22:30. Until it works again "
            "your briefs are made without what it would tell, and say so."
        ),
        "",
        f"Connect Strava again: {home}/connections",
        "",
        "This mail comes once: your Connections page says how it stands.",
        "",
        "--",
        f"You get this because Strava is among your sources at Lanterne Rouge, {home}/",
        f"Stop these mails: {unsubscribing.Link(1, unsubscribing.Wish.CONNECTION_MAILS).url}",
        f"Choose which mails you want: {home}/settings",
        "Sandbox: stand-in servers, invented data.",
    ]


def test_mail_about_a_source_that_was_never_read_names_no_time() -> None:
    text = mails.source(last_success_at=None).text

    assert "The last time" not in text
    assert "\nUntil it works again your briefs are made" in text


def test_mail_about_what_no_new_access_mends_sends_to_the_page() -> None:
    text = mails.source(state=Connection.State.OK, last_error="Oura: the membership ended.").text

    assert f"See your connections: http://127.0.0.1:{site.PORT}/connections" in text


def test_mail_is_written_as_its_reader_writes() -> None:
    rider = mails.tester(clock="12", date_order="mdy")

    assert "was Friday, July 3, 10:30 pm" in mails.source(rider).text


def test_mail_is_sent_once_for_each_breakdown(tester: User) -> None:
    source = broken(tester)
    for since in (NOW, NOW, NOW + timedelta(days=2)):
        source.failing_since = since
        source_mails.send(source)

    rows = Notification.objects.order_by("pk").values_list("kind", "dedupe_key", "recipients")
    assert list(rows) == [
        ("connection", f"source:{source.pk}:2026-07-04T05:30:00Z", ["tester@example.org"]),
        ("connection", f"source:{source.pk}:2026-07-06T05:30:00Z", ["tester@example.org"]),
    ]
    assert {mail.user for mail in Notification.objects.all()} == {tester}


@pytest.mark.parametrize(
    "values",
    [{"wants_connection_mails": False}, {"deletion_requested_at": NOW}, {"is_active": False}],
)
def test_no_mail_to_who_wants_none_or_leaves(tester: User, values: dict[str, Any]) -> None:
    User.objects.filter(pk=tester.pk).update(**values)
    tester.refresh_from_db()

    source_mails.send(broken(tester))

    assert not Notification.objects.exists()
