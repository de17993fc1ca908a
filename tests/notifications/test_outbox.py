import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from celery.signals import after_task_publish
from django.conf import LazySettings
from django.db import transaction
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import User
from lanterne.celery import app
from notifications import outbox, tasks
from notifications.mail import Mail
from notifications.models import Notification, StoppedAddress
from tests.factories import NOW
from tests.notifications.providers import HANG_UP, HttpServer, SmtpServer, closed_port
from tests.threads import at_once

pytestmark = pytest.mark.django_db

Kind, State = Notification.Kind, Notification.State
MINUTE = timedelta(minutes=1)
MAIL = Mail(subject="Ease: 45 min", text="Ease off today.\n", html="<p>Ease off today.</p>")


@pytest.fixture
def published() -> Iterator[list[int]]:
    """The ids of the mails that workers were told of."""
    ids: list[int] = []

    def hear(sender: str, body: Any, **_: object) -> None:
        if sender == "notifications.send":
            ids.extend(body[0])

    after_task_publish.connect(hear)
    yield ids
    after_task_publish.disconnect(hear)


def brief(key: str = "brief:1:2026-07-04", **fields: object) -> Notification:
    """A mail in the outbox, due at NOW."""
    values = {
        "dedupe_key": key,
        "kind": Kind.BRIEF,
        "recipients": ["tester@example.org"],
        "subject": MAIL.subject,
        "text": MAIL.text,
        "created_at": NOW,
        "next_attempt_at": NOW,
        **fields,
    }
    return Notification.objects.create(**values)


def stored(mail: Notification) -> tuple[str, int, str]:
    row = Notification.objects.get(pk=mail.pk)
    return row.state, row.attempts, row.last_error


def alerts() -> list[tuple[str, list[str], str]]:
    rows = Notification.objects.filter(kind=Kind.ALERT).order_by("pk")
    return [(row.dedupe_key, row.recipients, row.text.splitlines()[0]) for row in rows]


# --- into the outbox ---------------------------------------------------------------------------


@time_machine.travel(NOW, tick=False)
def test_enqueued_mail_is_a_row_that_waits(tester: User) -> None:
    outbox.enqueue(Kind.BRIEF, MAIL, dedupe_key="k", recipients=["a@example.org"], user=tester)

    row = Notification.objects.values().get()
    assert row == {
        "id": row["id"],
        "dedupe_key": "k",
        "kind": "brief",
        "user_id": tester.pk,
        "recipients": ["a@example.org"],
        "subject": "Ease: 45 min",
        "text": "Ease off today.\n",
        "html": "<p>Ease off today.</p>",
        "picture": None,
        "provider_id": "",
        "state": "pending",
        "attempts": 0,
        "created_at": NOW,
        "next_attempt_at": NOW,
        "claimed_at": None,
        "sent_at": None,
        "last_error": "",
    }


def test_mail_enqueued_again_under_its_key_changes_nothing(
    published: list[int], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first = outbox.enqueue(Kind.BRIEF, MAIL, dedupe_key="k", recipients=["a@example.org"])
        second = outbox.enqueue(
            Kind.NO_BRIEF, Mail("other", "other", ""), dedupe_key="k", recipients=["b@example.org"]
        )

    assert (second.pk, second.subject) == (first.pk, "Ease: 45 min")
    assert Notification.objects.get().recipients == ["a@example.org"]
    assert published == [first.pk]


@pytest.mark.django_db(transaction=True)
def test_mail_enqueued_at_once_under_one_key_is_one_row() -> None:
    enqueue = partial(outbox.enqueue, Kind.BRIEF, MAIL, dedupe_key="k", recipients=["a@b.example"])

    rows = at_once(*[enqueue] * 4)

    assert Notification.objects.count() == 1
    assert len(set(rows)) == 1


@pytest.mark.django_db(transaction=True)
def test_worker_is_told_after_the_commit_and_never_without_it(published: list[int]) -> None:
    seen = []
    with transaction.atomic():
        mail = outbox.enqueue(Kind.BRIEF, MAIL, dedupe_key="kept", recipients=["a@b.example"])
        seen.append(list(published))
    seen.append(list(published))

    with transaction.atomic():
        outbox.enqueue(Kind.BRIEF, MAIL, dedupe_key="undone", recipients=["a@b.example"])
        transaction.set_rollback(True)

    assert [*seen, published] == [[], [mail.pk], [mail.pk]]
    assert [row.dedupe_key for row in Notification.objects.all()] == ["kept"]


@pytest.mark.django_db(transaction=True)
def test_mail_stays_in_the_outbox_while_the_broker_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://127.0.0.1:{closed_port()}/0")
    monkeypatch.setattr(app.amqp, "_producer_pool", None)

    with transaction.atomic():
        outbox.enqueue(Kind.BRIEF, MAIL, dedupe_key="in", recipients=["a@example.org"])
    outbox.enqueue(Kind.BRIEF, MAIL, dedupe_key="k", recipients=["a@example.org"])

    assert [row.state for row in Notification.objects.all()] == [State.PENDING] * 2


def test_subject_that_is_too_long_is_cut(tester: User) -> None:
    mail = Mail(subject="x" * 300, text="", html="")

    assert outbox.enqueue(Kind.BRIEF, mail, dedupe_key="k", recipients=[]).subject == "x" * 200


# --- out of it ---------------------------------------------------------------------------------


def test_mail_is_sent_once_though_its_task_comes_twice(smtp: SmtpServer) -> None:
    mail = brief()

    outbox.send(mail.pk, NOW)
    outbox.send(mail.pk, NOW + MINUTE)

    assert len(smtp.taken) == 1
    assert stored(mail) == (State.SENT, 1, "")
    assert Notification.objects.get().sent_at == NOW
    assert alerts() == []


@pytest.mark.django_db(transaction=True)
def test_mail_is_sent_once_though_workers_take_it_at_once(smtp: SmtpServer) -> None:
    mail = brief()

    at_once(*[partial(outbox.send, mail.pk, NOW)] * 4)

    assert len(smtp.taken) == 1
    assert stored(mail) == (State.SENT, 1, "")


def test_mail_that_is_gone_is_nobodys_business(smtp: SmtpServer) -> None:
    outbox.send(4711, NOW)

    assert smtp.taken == []


def test_mail_is_not_sent_before_it_is_due(smtp: SmtpServer) -> None:
    mail = brief(next_attempt_at=NOW + MINUTE)

    outbox.send(mail.pk, NOW)

    assert smtp.taken == []
    assert stored(mail) == (State.PENDING, 0, "")


@pytest.mark.parametrize("state", [State.SENDING, State.SENT, State.UNKNOWN, State.GIVEN_UP])
def test_mail_in_any_other_state_is_left_alone(smtp: SmtpServer, state: str) -> None:
    mail = brief(state=state)

    outbox.send(mail.pk, NOW)

    assert smtp.taken == []
    assert stored(mail) == (state, 0, "")


@time_machine.travel(NOW, tick=False)
def test_task_sends_what_is_due_now(smtp: SmtpServer) -> None:
    mail = brief()

    tasks.send(mail.pk)

    assert stored(mail) == (State.SENT, 1, "")


# --- refusals ----------------------------------------------------------------------------------


def test_mail_refused_for_now_is_offered_again_later_and_later(smtp: SmtpServer) -> None:
    smtp.answers = {"RCPT": "450 greylisted"}
    mail, now, waits = brief(), NOW, []

    for _ in range(8):
        outbox.send(mail.pk, now)
        mail.refresh_from_db()
        waits.append((mail.next_attempt_at - now) / MINUTE)
        now = mail.next_attempt_at
    states = stored(mail)
    smtp.answers = {}
    outbox.send(mail.pk, now)

    least = [1, 2, 4, 8, 16, 32, 60, 60]
    assert [n for n, wait in zip(least, waits, strict=True) if not n <= wait <= 1.25 * n] == []
    assert states == (State.PENDING, 8, "SMTP 450")
    assert stored(mail) == (State.SENT, 9, "")
    assert len(smtp.taken) == 1
    assert alerts() == []


def test_mail_waits_while_its_server_is_not_there(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed_port()
    mail = brief()

    outbox.send(mail.pk, NOW)

    assert stored(mail) == (State.PENDING, 1, "ConnectionRefusedError")


@pytest.mark.parametrize(
    ("age", "state", "alerted"),
    [
        (timedelta(hours=24), State.PENDING, False),
        (timedelta(hours=24, seconds=1), State.GIVEN_UP, True),
    ],
)
def test_mail_refused_for_a_day_is_given_up_and_operators_told(
    smtp: SmtpServer, age: timedelta, state: str, alerted: bool
) -> None:
    smtp.answers = {"RCPT": "450 greylisted"}
    mail = brief(created_at=NOW - age, attempts=29)

    outbox.send(mail.pk, NOW)

    assert stored(mail) == (state, 30, "SMTP 450")
    assert bool(alerts()) is alerted


def test_mail_refused_for_good_is_given_up_and_operators_told(
    smtp: SmtpServer, settings: LazySettings
) -> None:
    smtp.answers = {"RCPT": "550 no such mailbox"}
    mail = brief()

    outbox.send(mail.pk, NOW)
    outbox.send(mail.pk, NOW + timedelta(hours=1))

    assert stored(mail) == (State.GIVEN_UP, 1, "SMTP 550")
    assert alerts() == [
        (
            f"alert:mail:{mail.pk}:given_up",
            ["ops@example.org"],
            "The mail “brief:1:2026-07-04” is given up: SMTP 550.",
        )
    ]
    link = f"{settings.SITE_URL}/admin/notifications/notification/{mail.pk}/"
    assert Notification.objects.get(kind=Kind.ALERT).text.splitlines()[-1] == link


def test_mail_cut_off_while_it_was_sent_is_never_sent_again(smtp: SmtpServer) -> None:
    smtp.answers = {"END": HANG_UP}
    mail = brief()

    outbox.send(mail.pk, NOW)
    smtp.answers = {}
    for days in (1, 2):
        outbox.sweep(NOW + timedelta(days=days))
        outbox.send(mail.pk, NOW + timedelta(days=days))

    assert [text.count("Ease off today.") for text in smtp.taken] == [1]
    assert stored(mail) == (State.UNKNOWN, 1, "SMTPServerDisconnected")
    assert alerts() == [
        (
            f"alert:mail:{mail.pk}:unknown",
            ["ops@example.org"],
            "The mail “brief:1:2026-07-04” is outcome unknown: SMTPServerDisconnected.",
        )
    ]


def test_mail_whose_server_falls_silent_is_never_sent_again(
    smtp: SmtpServer, settings: LazySettings
) -> None:
    settings.EMAIL_TIMEOUT = 2
    smtp.may_answer.clear()
    mail = brief()

    outbox.send(mail.pk, NOW)
    smtp.may_answer.set()

    assert stored(mail) == (State.UNKNOWN, 1, "SMTPServerDisconnected")


def test_alert_that_is_lost_brings_no_alert_of_its_own(smtp: SmtpServer) -> None:
    smtp.answers = {"RCPT": "550 no such mailbox"}
    alert = brief(kind=Kind.ALERT)

    outbox.send(alert.pk, NOW)

    assert stored(alert) == (State.GIVEN_UP, 1, "SMTP 550")
    assert Notification.objects.count() == 1


def test_lost_mail_is_only_marked_where_no_operator_is_named(
    smtp: SmtpServer, settings: LazySettings
) -> None:
    settings.OPERATOR_EMAILS = []
    smtp.answers = {"RCPT": "550 no such mailbox"}
    mail = brief()

    outbox.send(mail.pk, NOW)

    assert stored(mail) == (State.GIVEN_UP, 1, "SMTP 550")
    assert Notification.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_mail_is_not_given_up_without_its_alert(smtp: SmtpServer, settings: LazySettings) -> None:
    """Both are written or neither: here the alert cannot be, so the sweep will find the mail."""
    smtp.answers = {"RCPT": "550 no such mailbox"}
    settings.OPERATOR_EMAILS = [object()]
    mail = brief()

    with pytest.raises(TypeError):
        outbox.send(mail.pk, NOW)

    assert stored(mail) == (State.SENDING, 1, "")


# --- the sweep ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "state", "alerted"),
    [
        (timedelta(minutes=15), State.SENDING, 0),
        (timedelta(minutes=15, seconds=1), State.UNKNOWN, 1),
    ],
)
def test_sweep_marks_what_its_sender_abandoned(
    smtp: SmtpServer, age: timedelta, state: str, alerted: int
) -> None:
    mail = brief(state=State.SENDING, claimed_at=NOW - age, attempts=1)

    for _ in range(2):
        outbox.sweep(NOW)

    words = "the sender stopped while sending" if alerted else ""
    assert stored(mail) == (state, 1, words)
    assert len(alerts()) == alerted
    assert smtp.taken == []


def test_sender_that_comes_back_late_tells_the_truth(smtp: SmtpServer) -> None:
    """It slept through the sweep, and then the server took the mail after all."""
    mail = brief()
    claimed = outbox.claim(mail.pk, NOW)
    assert claimed is not None
    outbox.sweep(NOW + timedelta(minutes=16))
    before = stored(mail)

    outbox._finish(claimed, State.SENT, "")

    assert (before[0], stored(mail)[0]) == (State.UNKNOWN, State.SENT)


def test_sender_that_comes_back_late_with_a_refusal_does_not_send_it_again(
    smtp: SmtpServer, tester: User
) -> None:
    """It slept through the sweep, which has told it as unknown: now it is known not to be out."""
    mail = brief(kind=Kind.ACCOUNT, user=tester)
    claimed = outbox.claim(mail.pk, NOW)
    assert claimed is not None
    outbox.sweep(NOW + 16 * MINUTE)
    assert Notification.objects.get(pk=mail.pk).text == ""

    outbox._retry_or_give_up(claimed, "SMTP 450", NOW + 17 * MINUTE)
    outbox.sweep(NOW + timedelta(hours=2))
    outbox.send(mail.pk, NOW + timedelta(hours=2))

    assert stored(mail) == (State.GIVEN_UP, 1, "SMTP 450")
    assert smtp.taken == []


@pytest.mark.parametrize("state", [State.PENDING, State.SENT, State.GIVEN_UP, State.UNKNOWN])
def test_sender_whose_claim_is_over_writes_nothing(state: Notification.State) -> None:
    """It was refused, and slept before it could say so; others have tried again since."""
    mail = brief()
    claimed = outbox.claim(mail.pk, NOW)
    assert claimed is not None
    Notification.objects.update(state=State.SENDING, attempts=2, claimed_at=NOW + MINUTE)

    outbox._finish(claimed, state, "late")

    assert stored(mail) == (State.SENDING, 2, "")
    assert alerts() == []


@pytest.mark.parametrize("state", [State.SENT, State.GIVEN_UP])
def test_what_is_known_of_a_mail_is_not_written_over(state: Notification.State) -> None:
    mail = brief()
    claimed = outbox.claim(mail.pk, NOW)
    assert claimed is not None
    Notification.objects.update(state=state)

    for late in State:
        outbox._finish(claimed, late, "late")

    assert stored(mail) == (state, 1, "")


def test_mails_that_nobody_takes_for_a_day_are_told_once_an_hour(smtp: SmtpServer) -> None:
    smtp.answers = {"RCPT": "450 greylisted"}
    day = timedelta(hours=25)
    mails = [brief(str(number), created_at=NOW - day) for number in range(3)]

    for mail, minutes in zip(mails, (0, 5, 31), strict=True):
        outbox.send(mail.pk, NOW + minutes * MINUTE)

    assert [stored(mail)[0] for mail in mails] == [State.GIVEN_UP] * 3
    assert [key for key, _, _ in alerts()] == [
        "alert:mail:2026-07-04T05:given_up",
        "alert:mail:2026-07-04T06:given_up",
    ]


def test_sweep_takes_on_no_more_than_it_may(
    published: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_AT_ONCE", 2)
    for number in range(3):
        brief(f"due {number}")
        brief(f"lost {number}", state=State.SENDING, claimed_at=NOW - timedelta(hours=1))

    outbox.sweep(NOW)

    assert len(published) == 2
    assert Notification.objects.filter(state=State.UNKNOWN).count() == 2


def test_sweep_tells_workers_of_what_is_due_the_longest_due_first(published: list[int]) -> None:
    late = brief("1", next_attempt_at=NOW - MINUTE, created_at=NOW - 3 * MINUTE)
    later = brief("2", next_attempt_at=NOW, created_at=NOW - 2 * MINUTE)
    latest = brief("3", next_attempt_at=NOW - 2 * MINUTE, created_at=NOW - 4 * MINUTE)
    brief("4", next_attempt_at=NOW + MINUTE)
    for state in (State.SENDING, State.SENT, State.UNKNOWN, State.GIVEN_UP):
        brief(state, state=state, claimed_at=NOW)

    outbox.sweep(NOW)

    assert published == [latest.pk, late.pk, later.pk]


@pytest.mark.parametrize(
    ("moment", "expected"), [(NOW - MINUTE, []), (NOW, ["1"]), (NOW + MINUTE, ["1", "2"])]
)
def test_due_are_the_pending_whose_time_has_come(moment: datetime, expected: list[str]) -> None:
    brief("1")
    brief("2", next_attempt_at=NOW + MINUTE)
    brief("3", state=State.SENT)

    due = Notification.objects.due(moment).order_by("dedupe_key")

    assert [row.dedupe_key for row in due] == expected


def test_tasks_of_the_outbox_are_registered() -> None:
    app.loader.import_default_modules()

    assert {outbox.SEND, "notifications.sweep"} <= set(app.tasks)


def test_forget_takes_every_mail_to_somebody_who_leaves(tester: User, stranger: User) -> None:
    mine = brief(recipients=[tester.email], user=tester)
    nobodys = brief("account:1", kind=Kind.ACCOUNT, recipients=[tester.email])
    shared = brief("alert:1", kind=Kind.ALERT, recipients=["ops@example.org", tester.email])
    similar = brief("brief:2", recipients=[f"not.{tester.email}"], user=stranger)

    outbox.forget(tester, NOW)
    outbox.forget(tester, NOW)

    left = dict(Notification.objects.values_list("pk", "recipients"))
    assert left == {shared.pk: ["ops@example.org"], similar.pk: [f"not.{tester.email}"]}
    assert not {mine.pk, nobodys.pk} & left.keys()


def test_forget_leaves_the_receipt_of_an_account_that_is_gone(tester: User) -> None:
    late = User.objects.get(pk=tester.pk)
    tester.delete()
    receipt = brief("account:1", kind=Kind.ACCOUNT, recipients=[late.email])

    outbox.forget(late, NOW)

    assert Notification.objects.get() == receipt


# --- not sent any more ---


def test_mail_that_waits_is_not_sent_once_its_tester_switched_it_off(
    tester: User, smtp: SmtpServer
) -> None:
    waiting = brief(user=tester)
    User.objects.update(wants_briefs=False)

    outbox.send(waiting.pk, NOW)
    outbox.send(waiting.pk, NOW + MINUTE)

    assert stored(waiting) == (State.STOPPED, 1, "its tester does not want such mails")
    assert (smtp.taken, alerts()) == ([], [])


def test_mail_to_a_stopped_address_is_not_sent(tester: User, smtp: SmtpServer) -> None:
    StoppedAddress.objects.create(address="tester@example.org", reason="bounce")
    mails = [brief(kind, user=tester, kind=kind) for kind in (Kind.BRIEF, Kind.ACCOUNT)]

    for one in mails:
        outbox.send(one.pk, NOW)

    assert [stored(one)[0] for one in mails] == [State.STOPPED, State.SENT]
    assert (len(smtp.taken), alerts()) == (1, [])


def test_mail_keeps_what_its_provider_calls_it(tester: User, sendgrid: HttpServer) -> None:
    mail = brief(user=tester)

    outbox.send(mail.pk, NOW)

    row = Notification.objects.get(pk=mail.pk)
    [asked] = json.loads(sendgrid.bodies[0])["personalizations"]
    assert (row.state, row.provider_id) == (State.SENT, asked["custom_args"]["anymail_id"])


def test_sending_asks_who_wants_it_in_one_go(
    tester: User, smtp: SmtpServer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mail = brief(user=tester)

    # Claimed, read with its tester; stopped addresses; written, in a transaction of its own.
    with django_assert_num_queries(6):
        outbox.send(mail.pk, NOW)


def test_leaver_takes_their_stopped_addresses_along(tester: User, stranger: User) -> None:
    for user in (tester, stranger):
        StoppedAddress.objects.create(address=user.email, reason="bounce")

    outbox.forget(tester, NOW)

    assert [row.address for row in StoppedAddress.objects.all()] == [stranger.email]
