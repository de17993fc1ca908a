import re
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from pytest_django.asserts import assertRedirects
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import privacy
from accounts.forms import SettingsForm
from accounts.models import AuditEvent, Ftp, User
from notifications.models import Notification
from tests.accounts.entrance import LOGIN, PASSWORD, link_in_last_mail, mails
from tests.accounts.test_forms import proved
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

SETTINGS, EMAIL = "/settings", "/settings/email"
PROFILE = {
    "timezone": "Europe/Paris",
    "send_time": "05:45",
    "units": "imperial",
    "sex": "F",
    "hr_max_bpm": "184",
    "lthr_bpm": "166",
    "ftp_w": "",
}


def test_settings_ask_whoever_is_not_signed_in_to_sign_in(client: Client) -> None:
    assertRedirects(
        client.get(SETTINGS), "/auth/login?next=/settings", fetch_redirect_response=False
    )


def test_settings_show_everyone_their_own(
    as_tester: Client, as_stranger: Client, tester: User, stranger: User
) -> None:
    Ftp.objects.create(user=tester, effective_date=TODAY, power_w=228)

    seen = [client.get(SETTINGS).context for client in (as_tester, as_stranger)]

    assert [context["form"].instance for context in seen] == [tester, stranger]
    assert [[ftp.power_w for ftp in context["ftps"]] for context in seen] == [[228], []]


def test_settings_are_saved_for_their_owner_alone(
    as_tester: Client, tester: User, stranger: User
) -> None:
    response = as_tester.post(
        SETTINGS, {**PROFILE, "timezone": "Asia/Tokyo", "id": stranger.pk, "is_staff": "on"}
    )

    assertRedirects(response, SETTINGS, fetch_redirect_response=False)
    tester.refresh_from_db()
    assert (tester.timezone, tester.sex, tester.hr_max_bpm, tester.lthr_bpm, tester.is_staff) == (
        *("Asia/Tokyo", "F", 184, 166),
        False,
    )
    assert (tester.send_time, tester.units) == (time(5, 45), "imperial")
    stranger.refresh_from_db()
    assert (stranger.timezone, stranger.sex) == ("Europe/Paris", "")


def test_settings_saved_late_leave_a_consent_withdrawn_meanwhile_withdrawn(tester: User) -> None:
    form = SettingsForm({**PROFILE, "timezone": "Asia/Tokyo"}, instance=tester)
    privacy.withdraw_consent(User.objects.get(), None, NOW)

    assert form.is_valid()
    form.save()

    saved = User.objects.get()
    assert (saved.timezone, saved.sex, saved.has_consented) == ("Asia/Tokyo", "F", False)


@pytest.mark.parametrize(
    ("answers", "errors"),
    [
        (
            {"lthr_bpm": "184"},
            {"__all__": ["The threshold heart rate must be below the maximum heart rate."]},
        ),
        ({"ftp_w": "39"}, {"ftp_w": ["Ensure this value is greater than or equal to 40."]}),
        ({"ftp_w": "601"}, {"ftp_w": ["Ensure this value is less than or equal to 600."]}),
        (
            {"hr_max_bpm": "300"},
            {"hr_max_bpm": ["Ensure this value is less than or equal to 230."]},
        ),
    ],
)
def test_settings_that_cannot_be_right_are_refused_and_not_saved(
    as_tester: Client, tester: User, answers: dict[str, str], errors: dict[str, list[str]]
) -> None:
    response = as_tester.post(SETTINGS, {**PROFILE, **answers})

    assert response.context["form"].errors == errors
    tester.refresh_from_db()
    assert (tester.sex, tester.hr_max_bpm, tester.lthr_bpm) == ("", None, None)
    assert not tester.ftps.exists()


@time_machine.travel(NOW, tick=False)
def test_ftp_holds_from_the_day_it_is_told(as_tester: Client, tester: User) -> None:
    Ftp.objects.create(user=tester, effective_date=date(2026, 1, 10), power_w=220)

    as_tester.post(SETTINGS, {**PROFILE, "ftp_w": "235"})

    assert list(tester.ftps.values_list("effective_date", "power_w", "source")) == [
        (TODAY, 235, "tester"),
        (date(2026, 1, 10), 220, "tester"),
    ]


@time_machine.travel(datetime(2026, 7, 4, 23, 0, tzinfo=UTC), tick=False)
def test_ftp_told_late_in_the_evening_holds_from_the_local_day(
    as_tester: Client, tester: User
) -> None:
    as_tester.post(SETTINGS, {**PROFILE, "timezone": "Europe/Paris", "ftp_w": "235"})

    assert [ftp.effective_date for ftp in tester.ftps.all()] == [date(2026, 7, 5)]


@time_machine.travel(NOW, tick=False)
def test_ftp_told_twice_a_day_is_corrected(as_tester: Client, tester: User) -> None:
    for ftp_w in ("235", "325"):
        as_tester.post(SETTINGS, {**PROFILE, "ftp_w": ftp_w})

    assert [(ftp.effective_date, ftp.power_w) for ftp in tester.ftps.all()] == [(TODAY, 325)]


@time_machine.travel(NOW, tick=False)
def test_ftp_that_is_left_as_it_was_gets_no_new_date(as_tester: Client, tester: User) -> None:
    Ftp.objects.create(
        user=tester, effective_date=date(2026, 1, 10), power_w=220, source=Ftp.Source.STRAVA
    )
    shown: Any = as_tester.get(SETTINGS).context["form"]["ftp_w"].value()

    as_tester.post(SETTINGS, {**PROFILE, "ftp_w": shown})

    assert [ftp.effective_date for ftp in tester.ftps.all()] == [date(2026, 1, 10)]


def account_lines(client: Client) -> dict[str, str]:
    """Each line of the section "Account": its title, and what it says of itself."""
    page = " ".join(client.get(SETTINGS).content.decode().split())
    return dict(re.findall(r'class="line" .*?<b>(.*?)</b> <span class="small">(.*?)</span>', page))


def test_account_lines_say_how_things_are(as_tester: Client, tester: User) -> None:
    first = account_lines(as_tester)
    TOTP.activate(tester, "JBSWY3DPEHPK3PXP")
    EmailAddress.objects.create(user=tester, email="new@example.org")
    User.objects.filter(pk=tester.pk).update(health_consent_at=None)
    AuditEvent.objects.create(user=tester, kind=AuditEvent.Kind.SIGNED_IN, at=NOW)

    assert first == {
        "E-mail address": "tester@example.org",
        "Password": "Changing it signs you out everywhere else",
        "Second factor": "Off: your password alone opens the account",
        "Where you are signed in": "0 browsers or programs",
        "Activity": "Nothing so far",
        "Privacy": "Your health data may be read since 1 January 2026",
    }
    assert account_lines(as_tester) == {
        **first,
        "E-mail address": "tester@example.org; new@example.org is waiting to be confirmed",
        "Second factor": "On: signing in asks for a code",
        "Activity": "Latest: signed in, 4 July, 07:30",
        "Privacy": "Your health data may not be read; nothing is coached",
    }


@pytest.mark.parametrize("has_second_factor", [False, True])
def test_address_stays_until_the_new_one_is_confirmed(
    client: Client, tester: User, has_second_factor: bool
) -> None:
    client.post(LOGIN, {"login": tester.email, "password": PASSWORD})
    if has_second_factor:
        TOTP.activate(tester, "JBSWY3DPEHPK3PXP")
    change = {"email": "New@Example.org", "action_add": ""}

    asked = client.post(EMAIL, change)
    client.post("/auth/password", {"password": PASSWORD, "next": EMAIL})
    page = client.get(EMAIL).content.decode()
    tester.refresh_from_db()
    before = (tester.email, mails())
    client.get(link_in_last_mail(), follow=True)

    assertRedirects(asked, f"/auth/password?next={EMAIL}", fetch_redirect_response=False)
    assert "Waiting for new@example.org" in page
    assert before == (
        "tester@example.org",
        [("email_confirmation", ["new@example.org"])],
    )
    tester.refresh_from_db()
    assert tester.email == "new@example.org"
    assert mails()[1:] == [("email_changed", ["tester@example.org"])]
    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [
        ("new@example.org", True, True)
    ]


def test_address_change_can_be_taken_back(client: Client, tester: User) -> None:
    client.post(LOGIN, {"login": tester.email, "password": PASSWORD})
    client.post("/auth/password", {"password": PASSWORD, "next": EMAIL})
    client.post(EMAIL, {"email": "new@example.org", "action_add": ""})

    client.post(EMAIL, {"email": "new@example.org", "action_remove": ""})

    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [
        ("tester@example.org", True, True)
    ]


@pytest.mark.parametrize("path", [EMAIL, "/settings/password"])
def test_account_pages_ask_whoever_is_not_signed_in_to_sign_in(client: Client, path: str) -> None:
    assertRedirects(client.get(path), f"{LOGIN}?next={path}", fetch_redirect_response=False)


@pytest.mark.parametrize("rows", [1, 20])
def test_settings_ask_the_database_as_often_for_many_ftps(
    as_tester: Client,
    tester: User,
    rows: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for day in range(1, rows + 1):
        Ftp.objects.create(user=tester, effective_date=date(2026, 1, day), power_w=200 + day)

    # session, account twice, FTP of today and all; new address, second factor, latest event,
    # browsers, their sessions, programs
    with django_assert_num_queries(10):
        as_tester.get(SETTINGS)


def test_address_that_was_never_theirs_is_given_up_without_a_mail(tester: User) -> None:
    """A mail would say that something was lost, and ask if it was them."""
    EmailAddress.objects.create(user=tester, email="typo@example.net")

    proved(tester).post(EMAIL, {"email": "typo@example.net", "action_remove": ""})

    assert not EmailAddress.objects.filter(email="typo@example.net").exists()
    assert not Notification.objects.exists()
