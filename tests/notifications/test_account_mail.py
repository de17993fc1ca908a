import re
from datetime import timedelta
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import allauth
import pytest
from allauth.account.adapter import get_adapter
from django.conf import LazySettings
from django.template.loader import render_to_string
from django.utils.html import strip_tags

from accounts.formats import Reader
from accounts.models import User
from notifications import mail, outbox
from notifications.models import Notification
from tests.factories import NOW
from tests.notifications.providers import SmtpServer

pytestmark = pytest.mark.django_db

State = Notification.State
DOOR = "https://lanterne.example/auth/confirm/a-key"
CONTEXT = {
    "email": "tester@example.org",
    "activate_url": DOOR,
    "password_reset_url": DOOR,
    "url": DOOR,
    "expires_at": NOW,
    "timestamp": NOW,
    "ip": "203.0.113.7",
    "user_agent": "A browser <b>",
    "device": "A browser <b>",
    "from_email": "old@example.org",
    "to_email": "new@example.org",
    "registration": "open",
}
WITH_A_DOOR = {
    "email_confirmation_signup": "three days",
    "email_confirmation": "three days",
    "password_reset_key": "an hour",
    "invitation": "until 4 July 2026, 05:30 UTC",
}
# Ways in that we have switched off: codes by mail, keys in hardware, accounts of other sites.
NOT_REACHABLE = {"login_code", "password_reset_code", "webauthn_added", "webauthn_removed"}
# The one because the library has another for it, the other because nothing was lost.
NEVER_SENT = {"email_confirm", "email_deleted"}


@cache
def names() -> list[str]:
    """Those the library can send here, and ours."""
    folder = Path(allauth.__file__).parent / "templates"
    theirs = {
        path.name.removesuffix("_subject.txt")
        for app in ("account", "mfa")
        for path in (folder / app / "email").glob("*_subject.txt")
    }
    return sorted({*theirs, "invitation"} - NOT_REACHABLE - NEVER_SENT)


def rendered(name: str, **context: Any) -> mail.Mail:
    return mail.render(f"account_{name}", {**CONTEXT, **context})


def queued() -> Notification:
    return Notification.objects.get(kind=Notification.Kind.ACCOUNT)


def send(name: str, email: str, **context: Any) -> Notification:
    get_adapter().send_mail(f"account/email/{name}", email, {**CONTEXT, "email": email, **context})
    return queued()


@pytest.mark.parametrize("name", names())
def test_text_and_html_say_the_same(name: str) -> None:
    made = rendered(name)
    body = made.html.partition("<body")[2]
    html = " ".join(unescape(strip_tags(body)).split())
    paragraphs = made.text.partition("\n--\n")[0].split("\n\n")
    words = [" ".join(one.split()) for one in paragraphs if not one.strip().startswith("http")]

    assert [one for one in words if one.rstrip(".:") not in html] == []
    assert words[0].rstrip(".") in made.html.partition("<h1")[2].partition("</h1>")[0]


@pytest.mark.parametrize("name", names())
def test_link_is_a_button_in_html_and_bare_in_text(name: str) -> None:
    made = rendered(name)
    bare = re.findall(r"^(http\S+)$", made.text, re.MULTILINE)
    buttons = re.findall(r'<a class="button" href="([^"]+)"', made.html)

    assert bare == buttons
    assert len(bare) == (0 if name == "email_changed" else 1)


@pytest.mark.parametrize("name", names())
def test_subject_is_plain_and_html_takes_nothing_as_markup(name: str) -> None:
    made = rendered(name)

    assert re.fullmatch(r"[A-Z][^<>{}\n]{10,80}", made.subject)
    assert "<b>" not in made.html
    assert f"<title>{made.subject}</title>" in made.html


@pytest.mark.parametrize(("name", "validity"), WITH_A_DOOR.items())
def test_mail_with_a_door_says_how_long_it_is_open_and_what_if_it_was_not_you(
    name: str, validity: str
) -> None:
    text = rendered(name).text

    assert text.count(DOOR) == 1
    assert validity in text
    assert re.search("If this was not you|If you do not want it", text)


def test_mail_about_a_change_of_address_says_that_the_old_one_stays(tester: User) -> None:
    words = "Until then your account keeps the address it has."

    first = rendered("email_confirmation", user=tester, email=tester.email).text
    another = rendered("email_confirmation", user=tester, email="new@example.org").text

    assert (words in first, words in another) == (False, True)


@pytest.mark.parametrize(
    ("registration", "words"),
    [
        ("open", "/auth/register"),
        ("invite", "To register you need an invitation."),
        ("closed", "Registration is closed at the moment."),
    ],
)
def test_mail_to_an_unknown_address_says_how_to_get_an_account(
    settings: LazySettings, registration: str, words: str
) -> None:
    settings.REGISTRATION = registration

    assert words in send("unknown_account", "nobody@example.org", registration=registration).text


def test_mail_is_a_row_of_the_outbox_in_the_readers_own_time(tester: User) -> None:
    row = send("password_changed", tester.email)

    assert row.dedupe_key.startswith("account:password_changed:")
    assert (row.user, row.recipients, row.state) == (tester, [tester.email], State.PENDING)
    assert row.subject == "Your password for Lanterne Rouge was changed"
    assert "4 July 2026, 07:30 CEST, from 203.0.113.7, A browser <b>" in row.text


def test_account_a_mail_is_about_need_not_have_its_address(tester: User) -> None:
    assert send("email_changed", "old@example.org", user=tester).user == tester


def test_mail_to_an_address_without_account_belongs_to_nobody() -> None:
    assert send("unknown_account", "nobody@example.org").user is None


# --- What is kept of it --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "state"), [(None, State.SENT), ("550 no such mailbox", State.GIVEN_UP)]
)
def test_link_is_gone_from_the_outbox_once_the_mail_is_out_or_given_up(
    smtp: SmtpServer, tester: User, reply: str | None, state: str
) -> None:
    smtp.answers = {"RCPT": reply} if reply else {}
    row = send("password_reset_key", tester.email, user=tester)

    outbox.send(row.pk, row.next_attempt_at)

    row = queued()
    assert (row.state, row.user, row.recipients) == (state, tester, [tester.email])
    assert (row.text, row.html) == ("", "")
    assert ["a-key" in taken for taken in smtp.taken] == ([] if reply else [True])


def test_link_is_gone_where_nobody_knows_whether_the_mail_is_out(tester: User) -> None:
    row = send("password_reset_key", tester.email, user=tester)
    outbox.claim(row.pk, row.next_attempt_at)

    outbox.sweep(row.next_attempt_at + timedelta(minutes=16))

    row = queued()
    assert (row.state, row.text, row.html) == (State.UNKNOWN, "", "")


def test_link_stays_while_the_mail_waits_for_another_try(smtp: SmtpServer, tester: User) -> None:
    smtp.answers = {"RCPT": "450 greylisted"}
    row = send("password_reset_key", tester.email, user=tester)

    outbox.send(row.pk, row.next_attempt_at)
    row = queued()
    smtp.answers = {}
    outbox.send(row.pk, row.next_attempt_at)

    assert DOOR in row.text
    assert [DOOR in taken.replace("=\n", "") for taken in smtp.taken] == [True]


@pytest.mark.parametrize("reply", [None, "550 no such mailbox"])
def test_address_without_account_is_not_kept(smtp: SmtpServer, reply: str | None) -> None:
    smtp.answers = {"RCPT": reply} if reply else {}
    row = send("unknown_account", "nobody@example.org")

    outbox.send(row.pk, row.next_attempt_at)

    assert not Notification.objects.filter(kind=Notification.Kind.ACCOUNT).exists()
    alerts = [alert.text for alert in Notification.objects.all()]
    assert alerts == ([f"The mail “{row.dedupe_key}” is given up: SMTP 550.\n"] if reply else [])


def test_other_mails_are_kept_as_they_were_sent(smtp: SmtpServer, tester: User) -> None:
    row = outbox.enqueue(
        Notification.Kind.BRIEF,
        mail.Mail("Ease", "Ease off.\n", "<p>Ease off.</p>"),
        dedupe_key="brief",
        recipients=[tester.email],
    )

    outbox.send(row.pk, row.next_attempt_at)

    row.refresh_from_db()
    assert (row.state, row.text, row.html) == (State.SENT, "Ease off.\n", "<p>Ease off.</p>")


def test_partials_stand_alone() -> None:
    text = render_to_string("email/_account_notice.txt", {**CONTEXT, "site_url": "https://x"})

    assert "https://x/auth/password-reset" in text


@pytest.mark.parametrize("name", names())
def test_every_mail_is_written_as_its_reader_writes(name: str) -> None:
    reads = Reader("imperial", "12", "mdy", 6)

    sent = mail.render(f"account_{name}", CONTEXT, reader=reads)

    for text in (sent.subject, sent.text, strip_tags(sent.html)):
        assert "4 July" not in text
        assert not re.search(r"\b\d\d:\d\d\b", text)


def test_mail_to_a_tester_is_written_as_they_read(tester: User) -> None:
    User.objects.update(clock="12", date_order="mdy", timezone="America/New_York")

    get_adapter().send_mail("account/email/export_ready", tester.email, {**CONTEXT})

    assert "July 4, 2026, 1:30 am EDT" in Notification.objects.get().text
