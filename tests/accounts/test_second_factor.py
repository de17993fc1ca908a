import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client
from django.utils.html import escape
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.asserts import assertRedirects

from accounts.models import User
from tests.accounts.entrance import LOGIN, PASSWORD, mails, who
from tests.factories import NOW

pytestmark = pytest.mark.django_db

PAGE, APP, CODE = "/settings/second-factor", "/settings/second-factor/app", "/auth/code"
REMOVE, CODES = f"{APP}/remove", f"{PAGE}/codes"
RENEW, DOWNLOAD = f"{CODES}/renew", f"{CODES}/download"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOT_RIGHT = "That code is not right, or was used already. Wait for the next one and try again."


def code_at(secret: str, now: float) -> str:
    return str(format_hotp_value(hotp_value(secret, int(now) // 30)))


def code_of(secret: str = SECRET) -> str:
    return code_at(secret, NOW.timestamp())


@pytest.fixture
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def codes(tester: User) -> list[str]:
    """The recovery codes of a tester who has turned the second factor on."""
    TOTP.activate(tester, SECRET)
    return [*RecoveryCodes.activate(tester).generate_codes()]


def with_password(user: User) -> Client:
    client = Client()
    client.post(LOGIN, {"login": user.email, "password": PASSWORD})
    return client


def errors_of(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["form"].errors["code"]]


def again(client: Client, next_page: str) -> Any:
    """Type the password once more, as asked before what touches the account's safety."""
    return client.post("/auth/password", {"password": PASSWORD, "next": next_page})


@pytest.mark.usefixtures("_now")
def test_turning_it_on_asks_for_the_password_and_a_code_and_gives_recovery_codes(
    tester: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    client = with_password(tester)
    assertRedirects(client.get(APP), f"/auth/password?next={APP}", fetch_redirect_response=False)
    assertRedirects(again(client, APP), APP, fetch_redirect_response=False)

    page = client.get(APP)
    secret = page.context["form"].secret
    wrong = client.post(APP, {"code": "000000"})
    with django_capture_on_commit_callbacks(execute=True):
        right = client.post(APP, {"code": code_of(secret)})

    in_fours = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    assert f'<code class="key">{in_fours}</code>' in page.content.decode()
    assert f'href="{escape(page.context["totp_url"])}"' in page.content.decode()
    assert page.context["totp_url"].startswith("otpauth://totp/")
    assert re.search(r'<img class="qr" src="data:image/svg\+xml;base64,', page.content.decode())
    assert errors_of(wrong) == [NOT_RIGHT]
    assertRedirects(right, CODES, fetch_redirect_response=False)
    shown = client.get(CODES).context["unused_codes"]
    assert len(shown) == 10
    assert client.get(DOWNLOAD).content.decode().split()[-10:] == shown
    assert mails() == [("totp_activated", [tester.email])]


def test_what_is_stored_holds_neither_secret_nor_codes(tester: User, codes: list[str]) -> None:
    stored = "".join(str(data) for data in Authenticator.objects.values_list("data", flat=True))

    assert SECRET not in stored
    assert not [code for code in codes if code in stored]
    assert Authenticator.objects.get(type="totp").wrap().validate_code(code_at(SECRET, time.time()))


@pytest.mark.usefixtures("_now", "codes")
def test_sign_in_asks_for_the_code_and_nobody_is_in_before_it(tester: User) -> None:
    client = Client()

    asked = client.post(LOGIN, {"login": tester.email, "password": PASSWORD, "next": "/settings"})
    before = who(client)
    page = client.get(CODE)
    answer = client.post(CODE, {"code": code_of()})

    assertRedirects(asked, CODE, fetch_redirect_response=False)
    assert (before, page.status_code) == (None, 200)
    assertRedirects(answer, "/settings", fetch_redirect_response=False)
    assert who(client) == tester


def test_code_page_without_a_password_leads_to_the_sign_in(client: Client) -> None:
    assertRedirects(client.get(CODE), LOGIN, fetch_redirect_response=False)


@pytest.mark.usefixtures("codes")
@pytest.mark.parametrize("later_s", [0, 31, 59])
@pytest.mark.parametrize("typed_again", ["{}", " {} ", "²{}", "{}-"])
def test_code_opens_once_for_as_long_as_it_lives(
    tester: User, later_s: int, typed_again: str
) -> None:
    first, second = Client(), Client()
    with time_machine.travel(NOW, tick=False) as clock:
        for client in (first, second):
            client.post(LOGIN, {"login": tester.email, "password": PASSWORD})
        first.post(CODE, {"code": code_of()})
        clock.move_to(NOW + timedelta(seconds=later_s))
        answer = second.post(CODE, {"code": typed_again.format(code_of())})
        assert (who(first), who(second)) == (tester, None)

    assert errors_of(answer) == [NOT_RIGHT]


@pytest.mark.usefixtures("_now", "codes")
def test_code_that_signed_in_does_not_prove_who_it_is_once_more(tester: User) -> None:
    client = with_password(tester)
    client.post(CODE, {"code": code_of()})

    answer = client.post("/auth/code/again", {"code": code_of(), "next": CODES})

    assert errors_of(answer) == [NOT_RIGHT]


@pytest.mark.usefixtures("_now", "codes")
def test_same_digits_of_somebody_else_are_another_code(tester: User, stranger: User) -> None:
    TOTP.activate(stranger, SECRET)
    clients = [with_password(user) for user in (tester, stranger)]

    for client in clients:
        client.post(CODE, {"code": code_of()})

    assert [who(client) for client in clients] == [tester, stranger]


@pytest.mark.usefixtures("_now")
@pytest.mark.parametrize(("steps", "opens"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_code_may_be_one_step_early_or_late(
    tester: User, codes: list[str], steps: int, opens: bool
) -> None:
    client = with_password(tester)

    client.post(CODE, {"code": code_at(SECRET, (NOW + timedelta(seconds=30 * steps)).timestamp())})

    assert (who(client) == tester) is opens


@pytest.mark.usefixtures("_now")
def test_recovery_code_opens_once(tester: User, codes: list[str]) -> None:
    first, second = with_password(tester), with_password(tester)

    first.post(CODE, {"code": codes[0]})
    answer = second.post(CODE, {"code": codes[0]})

    assert (who(first), who(second)) == (tester, None)
    assert errors_of(answer) == [NOT_RIGHT]
    assert "9 left." in first.get(PAGE).content.decode()


@pytest.mark.usefixtures("_now", "codes")
def test_after_ten_wrong_codes_even_the_right_one_waits(tester: User) -> None:
    client = with_password(tester)

    tried = [errors_of(client.post(CODE, {"code": "000000"})) for _ in range(10)]
    answer = client.post(CODE, {"code": code_of()})

    assert tried == [[NOT_RIGHT]] * 10
    assert errors_of(answer) == ["Too many failed login attempts. Try again later."]
    assert who(client) is None


@pytest.mark.usefixtures("_now", "codes")
def test_turning_it_off_asks_who_it_is_and_leaves_no_codes(tester: User) -> None:
    client = with_password(tester)
    client.post(CODE, {"code": code_of()})

    asked = client.get(REMOVE)
    again(client, REMOVE)
    page = client.get(REMOVE)
    answer = client.post(REMOVE)

    assert asked["Location"].startswith("/auth/password?next=")
    assert page.status_code == 200
    assertRedirects(answer, PAGE, fetch_redirect_response=False)
    assert not Authenticator.objects.exists()
    assert mails() == [("totp_deactivated", [tester.email])]


@pytest.mark.usefixtures("_now")
def test_new_recovery_codes_make_the_old_ones_worthless(
    tester: User,
    codes: list[str],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    client = with_password(tester)
    client.post(CODE, {"code": code_of()})
    again(client, RENEW)

    assert "The 10 you have" in client.get(RENEW).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        assertRedirects(client.post(RENEW), CODES, fetch_redirect_response=False)

    fresh = client.get(CODES).context["unused_codes"]
    assert not set(fresh) & set(codes)
    assert mails() == [("recovery_codes_generated", [tester.email])]


@pytest.mark.usefixtures("_now", "codes")
@pytest.mark.parametrize("path", [CODES, DOWNLOAD, RENEW])
def test_recovery_codes_are_shown_only_to_who_has_just_proved_who_it_is(
    tester: User, path: str
) -> None:
    client = with_password(tester)
    client.post(CODE, {"code": code_of()})

    assert client.get(path)["Location"].startswith("/auth/password?next=")


@pytest.mark.usefixtures("codes")
def test_stranger_sees_their_own_second_factor_only(as_stranger: Client) -> None:
    page = as_stranger.get(PAGE)
    answers = [as_stranger.get(path).status_code for path in (REMOVE, CODES, DOWNLOAD)]

    assert page.context["authenticators"] == {}
    assert answers == [404, 404, 404]


@pytest.mark.parametrize("path", [PAGE, APP, REMOVE, CODES, RENEW, DOWNLOAD])
def test_second_factor_pages_ask_whoever_is_not_signed_in_to_sign_in(
    client: Client, path: str
) -> None:
    assert client.get(path)["Location"].startswith(LOGIN)


@pytest.mark.usefixtures("_now", "codes")
def test_code_proves_who_it_is_as_the_password_does(tester: User) -> None:
    client = with_password(tester)
    client.post(CODE, {"code": code_of()})

    page = client.get(f"/auth/code/again?next={CODES}")
    wrong = client.post("/auth/code/again", {"code": "000000", "next": CODES})
    fresh = code_at(SECRET, (NOW + timedelta(seconds=30)).timestamp())
    answer = client.post("/auth/code/again", {"code": fresh, "next": CODES})

    assert f'href="/auth/password?next={CODES.replace("/", "%2F")}"' in page.content.decode()
    assert errors_of(wrong) == [NOT_RIGHT]
    assertRedirects(answer, CODES, fetch_redirect_response=False)
