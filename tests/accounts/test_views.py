import re
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from django import forms
from django.template.loader import render_to_string
from django.test import Client
from pytest_django.asserts import assertRedirects
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import privacy
from accounts.formats import Reader
from accounts.models import AuditEvent, Ftp, User
from accounts.settings_form import SettingsForm
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
    "clock": "24",
    "date_order": "dmy",
    "first_weekday": "0",
    "wants_briefs": "on",
    "wants_wrap_ups": "on",
    "wants_connection_mails": "on",
    "sex": "F",
    "hr_max_bpm": "184",
    "lthr_bpm": "166",
    "ftp_w": "",
}
METRIC_WORDS = (
    "Saturday 4 July 2026, 18:30; a ride of 42.3 km and 1,250 m up; a week from Monday to Sunday"
)
FTP_WORDS = "Give a whole number from 40 to 600 W, or leave it empty."


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


def test_settings_keep_how_their_owner_reads_and_which_mails_come(
    as_tester: Client, tester: User
) -> None:
    chosen = {"clock": "12", "date_order": "mdy", "first_weekday": "6"}
    no_mails = {name: answer for name, answer in PROFILE.items() if "wants" not in name}

    as_tester.post(SETTINGS, {**no_mails, **chosen, "wants_wrap_ups": "on"})

    tester.refresh_from_db()
    assert Reader.of(tester) == Reader("imperial", "12", "mdy", 6)
    assert (tester.wants_briefs, tester.wants_wrap_ups, tester.wants_connection_mails) == (
        *(False, True, False),
    )


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, METRIC_WORDS),
        (
            {"units": "imperial", "clock": "12", "date_order": "mdy", "first_weekday": "6"},
            (
                "Saturday, July 4, 2026, 6:30 pm; a ride of 26.3 mi and 4,101 ft up; "
                "a week from Sunday to Saturday"
            ),
        ),
        (
            {"units": "furlongs", "clock": "12", "date_order": "mdy", "first_weekday": "6"},
            METRIC_WORDS,
        ),
    ],
)
def test_example_is_written_as_chosen_and_nothing_is_saved(
    as_tester: Client, tester: User, chosen: dict[str, str], words: str
) -> None:
    answer = as_tester.get("/settings/example", chosen)

    line = re.sub(r"<[^>]*>", "", answer.content.decode()).strip()
    assert line == f"You read: {words}."
    tester.refresh_from_db()
    assert Reader.of(tester) == Reader()


def test_example_asks_for_nothing_but_whose_it_is(
    as_tester: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # session, account
    with django_assert_num_queries(2):
        as_tester.get("/settings/example", {"units": "imperial"})


def test_every_setting_stands_below_one_heading(as_tester: Client) -> None:
    form = as_tester.get(SETTINGS).context["form"]

    told = [field.name for _, fields in form.sections() for field in fields]
    assert sorted(told) == sorted(form.fields)


def test_what_is_wrong_is_linked_from_the_top(as_tester: Client) -> None:
    page = as_tester.post(SETTINGS, {**PROFILE, "ftp_w": "9", "send_time": ""}).content.decode()

    links = re.findall(r'<a class="go" href="#(id_\w+)">([^<]*)</a>', page)
    assert sorted(links) == [
        ("id_ftp_w", "FTP (W), from today"),
        ("id_send_time", "Your brief comes at"),
    ]
    for target, _ in links:
        assert re.search(rf'<input[^>]* id="{target}"[^>]*>', page)
    assert "<title>Not saved: Settings" in page


class Agreement(forms.Form):
    agreed = forms.BooleanField(label="I agree", help_text="It can be taken back.")


def test_checkbox_stands_before_its_label_and_says_what_is_wrong() -> None:
    field = Agreement({})["agreed"]

    told = render_to_string("_field.html", {"field": field})

    assert re.search(
        r'<input type="checkbox"[^>]* id="id_agreed"[^>]*><label for="id_agreed">', told
    )
    assert 'id="id_agreed_helptext" hidden' in told
    assert "This field is required." in told
    assert 'aria-invalid="true"' in told


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
        ({"ftp_w": "39"}, {"ftp_w": [FTP_WORDS]}),
        ({"ftp_w": "601"}, {"ftp_w": [FTP_WORDS]}),
        ({"ftp_w": "two hundred"}, {"ftp_w": [FTP_WORDS]}),
        (
            {"hr_max_bpm": "300"},
            {"hr_max_bpm": ["Give a whole number from 120 to 230 bpm, or leave it empty."]},
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
        "Calendar": "Your workouts and stages in the calendar you use",
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
    # browsers, their sessions, programs, stopped address
    with django_assert_num_queries(11):
        as_tester.get(SETTINGS)


def test_address_that_was_never_theirs_is_given_up_without_a_mail(tester: User) -> None:
    """A mail would say that something was lost, and ask if it was them."""
    EmailAddress.objects.create(user=tester, email="typo@example.net")

    proved(tester).post(EMAIL, {"email": "typo@example.net", "action_remove": ""})

    assert not EmailAddress.objects.filter(email="typo@example.net").exists()
    assert not Notification.objects.exists()
