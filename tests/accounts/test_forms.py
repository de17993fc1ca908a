"""What the forms of the account say, on the pages they stand on."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from accounts.forms import CHOOSE_WELL
from accounts.models import User
from tests.accounts.entrance import LOGIN, NEWCOMER, PASSWORD, REGISTER, RESET, link_in_last_mail

pytestmark = pytest.mark.django_db

EMAIL, CHANGE, AGAIN = "/settings/email", "/settings/password", "/auth/password"
APP, CODE, CODE_AGAIN = "/settings/second-factor/app", "/auth/code", "/auth/code/again"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOT_YOURS = "This is not your password."


def text(page: Any) -> str:
    return str(page.content.decode())


def labels(page: Any) -> list[str]:
    return re.findall(r"<label for=[^>]*>(.*?)</label>", text(page))


def undescribed(page: Any) -> set[str]:
    """What a field says it is described by, and the page does not have."""
    named = " ".join(re.findall(r'aria-describedby="([^"]*)"', text(page))).split()
    return set(named) - set(re.findall(r' id="([^"]*)"', text(page)))


def with_password(user: User) -> Client:
    client = Client()
    client.post(LOGIN, {"login": user.email, "password": PASSWORD})
    return client


def proved(user: User) -> Client:
    client = with_password(user)
    client.post(AGAIN, {"password": PASSWORD, "next": "/settings"})
    return client


def new_password_page(client: Client, user: User) -> Any:
    client.post(RESET, {"email": user.email})
    return client.get(link_in_last_mail(), follow=True)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (EMAIL, ["New e-mail address"]),
        (CHANGE, ["Your password so far", "New password", "New password, once more"]),
        (AGAIN, ["Password"]),
        (APP, ["Code"]),
    ],
)
def test_account_forms_have_labels_and_no_placeholders(
    tester: User, path: str, names: list[str]
) -> None:
    page = proved(tester).get(path)

    assert labels(page) == names
    assert "placeholder" not in text(page)
    assert undescribed(page) == set()


def test_code_forms_have_labels_and_no_placeholders(tester: User) -> None:
    TOTP.activate(tester, SECRET)
    signing_in = with_password(tester)
    signed_in = Client()
    signed_in.force_login(tester)

    for page in (signing_in.get(CODE), signed_in.get(CODE_AGAIN)):
        assert labels(page) == ["Code"]
        assert "placeholder" not in text(page)


def test_codes_are_typed_on_a_keypad(tester: User) -> None:
    first = proved(tester).get(APP)
    TOTP.activate(tester, SECRET)
    signing_in = with_password(tester)
    signed_in = Client()
    signed_in.force_login(tester)

    for page in (first, signing_in.get(CODE), signed_in.get(CODE_AGAIN)):
        assert re.search(r'<input type="text" name="code"[^>]* inputmode="numeric"', text(page))


def test_password_again_has_its_way_out_beside_the_button(as_tester: Client) -> None:
    page = as_tester.get(AGAIN, {"next": EMAIL})

    assert f'<a class="go" href="{RESET}">Forgot your password?</a>' in text(page)
    assert "helptext" not in text(page)
    assert re.search(r'csrfmiddlewaretoken"[^>]*><input type="hidden" name="next"', text(page))


@pytest.mark.parametrize(("path", "field"), [(CHANGE, "oldpassword"), (AGAIN, "password")])
def test_wrong_password_is_said_in_the_words_of_its_label(
    as_tester: Client, path: str, field: str
) -> None:
    answers = {field: "wrong", "password1": "a lantern in the rain"}
    page = as_tester.post(path, {**answers, "password2": "a lantern in the rain"})

    assert page.context["form"].errors == {field: [NOT_YOURS]}
    assert undescribed(page) == set()


def test_rules_of_a_password_are_one_line(client: Client, tester: User) -> None:
    pages = [client.get(REGISTER), new_password_page(client, tester)]
    pages.append(proved(tester).get(CHANGE))

    for page in pages:
        assert f'id_password1_helptext">{CHOOSE_WELL}</div>' in text(page)


def test_help_gives_way_to_what_is_wrong_with_the_answer(client: Client) -> None:
    page = client.post(REGISTER, {**NEWCOMER, "password1": "1234567"})

    assert f'id_password1_helptext" hidden>{CHOOSE_WELL}</div>' in text(page)
    assert 'id_timezone_helptext">' in text(page)
    assert undescribed(page) == set()


def test_new_address_is_asked_for_in_our_words(tester: User) -> None:
    client = proved(tester)
    client.post(EMAIL, {"email": "new@example.org", "action_add": ""})

    page = text(client.get(EMAIL))

    assert EmailAddress.objects.filter(email="new@example.org", verified=False).exists()
    assert page.index('value="new@example.org"') < page.index("<h2>Waiting for")


def test_wrong_old_password_counts_and_is_noted_like_a_failed_sign_in(tester: User) -> None:
    """A session can be in somebody else's hands."""
    browser = with_password(tester)
    form = {"oldpassword": "wrong", "password1": "a new one 42", "password2": "a new one 42"}

    statuses = [browser.post(CHANGE, form).status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]
    assert tester.audit_events.filter(kind="sign_in_failed").count() == 5


def test_addresses_that_get_a_link_are_counted(tester: User) -> None:
    browser = proved(tester)

    statuses = [
        browser.post(EMAIL, {"email": f"nobody{n}@example.net", "action_add": ""}).status_code
        for n in range(6)
    ]

    assert statuses == [302] * 5 + [429]
