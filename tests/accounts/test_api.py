from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.usersessions.models import UserSession
from django.conf import LazySettings
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import invitations, tokens
from accounts.models import AuditEvent, Ftp, TokenFamily, User
from tests import factories
from tests.accounts.entrance import (
    COUNTING,
    PASSWORD,
    CountingHasher,
    answer,
    link_in_last_mail,
    mails,
    unconfirmed,
    who,
)
from tests.conftest import signed_in
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = pytest.mark.django_db

REGISTER, LOGIN, REFRESH = "/api/auth/register", "/api/auth/login", "/api/auth/refresh"
LOGOUT, RESET, EMAIL = "/api/auth/logout", "/api/auth/password-reset", "/api/auth/email"
CHANGE, ME, SESSIONS = "/api/auth/password", "/api/me", "/api/sessions"
NEWCOMER = {"email": "newcomer@example.org", "password": PASSWORD, "timezone": "Asia/Kathmandu"}
TESTER = {"email": "tester@example.org", "password": PASSWORD}
MISMATCH = "They do not match, or the address is not confirmed yet; then its link is on the way."
STEP = int(NOW.timestamp()) // 30
ELSEWHERE = {"REMOTE_ADDR": "198.51.100.9"}
NEW_PASSWORD = "a quite different one"


NO_TOKENS: list[Any] = [
    {"refresh": ""},
    {"refresh": None},
    {"refresh": 0},
    {"refresh": True},
    {"refresh": ["a.b.c"]},
    {"refresh": {}},
]


@pytest.fixture(autouse=True)
def _at_the_start_of_a_window() -> Iterator[None]:
    """Limits count in fixed windows of the clock: no test may fall on the edge of one."""
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def hashed(settings: LazySettings) -> Iterator[list[str]]:
    """The passwords that were hashed since a test last cleared the list."""
    settings.PASSWORD_HASHERS = COUNTING
    CountingHasher.hashed.clear()
    yield CountingHasher.hashed
    CountingHasher.hashed.clear()


@pytest.fixture
def pair(client: Client, tester: User) -> dict[str, str]:
    return pair_of(client)


def post(client: Client, path: str, body: Any, **extra: Any) -> Any:
    return client.post(path, body, content_type="application/json", **extra)


def pair_of(client: Client, **changes: str) -> dict[str, str]:
    pair: dict[str, str] = post(client, LOGIN, {**TESTER, **changes}).json()
    return pair


def bearer(pair: dict[str, str]) -> dict[str, Any]:
    return {"headers": {"authorization": f"Bearer {pair['access']}"}}


def problem(response: Any) -> tuple[int, str, Any]:
    """Status, detail, and the fields at fault with what is said of each."""
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    errors: dict[str, str] = {}
    for one in body.get("errors", []):
        errors[one["field"]] = f"{errors.get(one['field'], '')} {one['message']}".strip()
    return body["status"], body["detail"], errors


def noted(user: User | None = None) -> list[tuple[str, dict[str, Any]]]:
    """The audit trail of an account, oldest first."""
    events = AuditEvent.objects.order_by("pk").values_list("kind", "details")
    return list(events.filter(user=user) if user else events)


def invited(email: str = NEWCOMER["email"]) -> str:
    return invitations.token_for(invitations.invite(email, None, NOW))


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, list(yield_hotp_counters_from_time())[1])))


def with_app(user: User) -> str:
    """Set the second factor up; its secret."""
    secret = str(generate_totp_secret())
    TOTP.activate(user, secret)
    return secret


# --- Registering ---------------------------------------------------------------------------------


def test_register_answers_alike_whether_or_not_the_address_is_taken(
    client: Client, tester: User, hashed: list[str]
) -> None:
    free = answer(post(client, REGISTER, NEWCOMER))
    hashed_for_free = hashed.copy()
    hashed.clear()
    taken = answer(post(client, REGISTER, {**NEWCOMER, "email": tester.email}))

    assert free == taken
    assert (free[0], free[2]) == (202, set())
    assert hashed_for_free == hashed == [PASSWORD]
    assert mails() == [
        ("email_confirmation_signup", ["newcomer@example.org"]),
        ("account_already_exists", ["tester@example.org"]),
    ]


def test_register_keeps_what_was_sent_and_its_link_signs_in(client: Client) -> None:
    post(client, REGISTER, {**NEWCOMER, "email": " Newcomer@Example.ORG ", "health_consent": True})

    user = User.objects.get()
    assert (user.email, user.timezone, user.has_consented) == (
        *("newcomer@example.org", "Asia/Kathmandu", True),
    )
    assert noted(user) == [("registered", {}), ("consent_given", {})]
    assert who(client) is None
    client.get(link_in_last_mail())
    assert who(client) == user


def test_register_with_an_invitation_signs_in_at_once(
    client: Client, settings: LazySettings
) -> None:
    settings.REGISTRATION = "invite"
    with time_machine.travel(NOW, tick=False):
        response = post(client, REGISTER, {**NEWCOMER, "invitation": invited()})
        body = response.json()
        me = client.get(ME, **bearer(body))

    user = User.objects.get()
    assert (response.status_code, set(response.cookies)) == (201, set())
    assert body["user"] == me.json()
    assert body["user"]["email"] == "newcomer@example.org"
    assert noted(user) == [("registered", {}), ("signed_in", {"by": "token"})]
    assert user.last_login == NOW
    assert mails() == [("invitation", ["newcomer@example.org"])]


def test_an_invitation_works_once(client: Client, settings: LazySettings) -> None:
    settings.REGISTRATION = "invite"
    with time_machine.travel(NOW, tick=False):
        sent = {**NEWCOMER, "invitation": invited()}
        post(client, REGISTER, sent)

        assert problem(post(client, REGISTER, sent))[0] == 403


@pytest.mark.parametrize(
    ("registration", "invitation"),
    [("invite", None), ("invite", ""), ("invite", "forged"), ("closed", None), ("closed", "good")],
)
def test_register_is_refused_to_whoever_may_not(
    client: Client, settings: LazySettings, registration: str, invitation: str | None
) -> None:
    settings.REGISTRATION = registration
    with time_machine.travel(NOW, tick=False):
        token = invited() if invitation == "good" else invitation
        sent = NEWCOMER if token is None else {**NEWCOMER, "invitation": token}

        assert problem(post(client, REGISTER, sent)) == (
            403,
            "Registration is by invitation, and this one is missing or not valid any more."
            if registration == "invite"
            else "Registration is closed at the moment.",
            {},
        )
    assert not User.objects.exists()


def test_an_invitation_is_for_its_own_address(client: Client, settings: LazySettings) -> None:
    settings.REGISTRATION = "invite"
    with time_machine.travel(NOW, tick=False):
        response = post(client, REGISTER, {**NEWCOMER, "invitation": invited("other@example.org")})

    assert problem(response)[2] == {
        "email": "The invitation is for another address. Register with that."
    }


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"email": "no address"}, {"email": "Enter a valid email address."}),
        ({"email": None}, {"email": "This field may not be null."}),
        ({"email": ["a@example.org"]}, {"email": "Enter a valid email address."}),
        ({"timezone": "Mars/Olympus"}, {"timezone": "Mars/Olympus"}),
        ({"password": "12345678"}, {"password": "too common"}),
        ({"password": "newcomer@example.org"}, {"password": "too similar"}),
        ({"password": ""}, {"password": "may not be blank"}),
        ({"health_consent": "perhaps"}, {"health_consent": "Must be a valid boolean."}),
        ({"invitation": "forged"}, {"invitation": "not valid any more"}),
    ],
)
def test_register_says_which_field_is_wrong(
    client: Client, changes: dict[str, Any], errors: dict[str, str]
) -> None:
    status, _, found = problem(post(client, REGISTER, {**NEWCOMER, **changes}))

    assert (status, found.keys()) == (400, errors.keys())
    assert all(said in found[field] for field, said in errors.items())
    assert (User.objects.count(), mails()) == (0, [])


def test_register_is_limited_by_address(client: Client, settings: LazySettings) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "register": [("address", 1, 3600)]}
    post(client, REGISTER, NEWCOMER)

    again = {**NEWCOMER, "email": "second@example.org"}
    refused = post(client, REGISTER, again)

    assert problem(refused)[0] == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert post(client, REGISTER, again, **ELSEWHERE).status_code == 202


# --- Signing in ----------------------------------------------------------------------------------


def test_sign_in_gives_tokens_and_no_cookie(client: Client, tester: User) -> None:
    with time_machine.travel(NOW, tick=False):
        response = post(client, LOGIN, {"email": " Tester@EXAMPLE.org ", "password": PASSWORD})
        me = client.get(ME, **bearer(response.json()))

    tester.refresh_from_db()
    assert (response.status_code, set(response.cookies)) == (200, set())
    assert response.json().keys() == {"access", "refresh"}
    assert me.json()["email"] == "tester@example.org"
    assert tester.last_login == NOW
    assert noted(tester) == [("signed_in", {"by": "token"})]


@pytest.mark.parametrize("who_tries", ["wrong", "unknown", "inactive", "no password"])
def test_sign_in_that_is_not_right_answers_and_costs_alike(
    client: Client, tester: User, hashed: list[str], who_tries: str
) -> None:
    tester.set_password(PASSWORD)
    tester.is_active = who_tries != "inactive"
    if who_tries == "no password":
        tester.set_unusable_password()
    tester.save()
    hashed.clear()
    sent = {
        "email": "nobody@example.org" if who_tries == "unknown" else tester.email,
        "password": "wrong" if who_tries == "wrong" else PASSWORD,
    }

    response = post(client, LOGIN, sent)

    assert problem(response) == (401, MISMATCH, {})
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert len(hashed) == 1
    assert noted() == [("sign_in_failed", {})]
    assert not TokenFamily.objects.exists()


@pytest.mark.parametrize("who_tries", ["tester", "nobody"])
def test_the_sixth_wrong_password_has_to_wait_and_the_right_one_elsewhere_not(
    client: Client, tester: User, who_tries: str
) -> None:
    wrong = {"email": f"{who_tries}@example.org", "password": "wrong"}
    with time_machine.travel(NOW, tick=False):
        tried = [post(client, LOGIN, wrong).status_code for _ in range(5)]
        sixth = post(client, LOGIN, {**wrong, "password": PASSWORD})

        assert tried == [401] * 5
        assert problem(sixth) == (429, "Too many attempts. Try again in 5 minutes.", {})
        assert sixth.headers["Retry-After"] == "300"
        assert post(client, LOGIN, TESTER, **ELSEWHERE).status_code == 200


def test_an_address_that_is_not_confirmed_is_sent_its_link_again(client: Client) -> None:
    user = unconfirmed()

    response = post(client, LOGIN, {"email": user.email, "password": PASSWORD})

    assert problem(response)[:2] == (401, MISMATCH)
    assert set(response.cookies) == set()
    assert mails() == [("email_confirmation", [user.email])]
    client.get(link_in_last_mail())
    assert post(client, LOGIN, {"email": user.email, "password": PASSWORD}).status_code == 200


def test_an_address_that_is_not_confirmed_is_told_only_with_the_password(client: Client) -> None:
    user = unconfirmed()

    assert problem(post(client, LOGIN, {"email": user.email, "password": "wrong"}))[1] == MISMATCH
    assert mails() == []


def test_the_second_factor_is_asked_for_and_only_after_the_password(
    client: Client, tester: User
) -> None:
    with_app(tester)

    asked = post(client, LOGIN, TESTER)
    wrong = post(client, LOGIN, {**TESTER, "password": "wrong"})

    assert problem(asked)[:2] == (
        401,
        "A code of your second factor is needed: send it as `code`, with the password.",
    )
    assert asked.json()["code_required"] is True
    assert "code_required" not in wrong.json()
    assert not TokenFamily.objects.exists()


def test_a_code_of_the_app_signs_in_once(client: Client, tester: User) -> None:
    secret = with_app(tester)
    with time_machine.travel(NOW, tick=False):
        sent = {**TESTER, "code": code_of(secret)}
        first, again = post(client, LOGIN, sent), post(client, LOGIN, sent)

    assert (first.status_code, set(first.cookies)) == (200, set())
    assert problem(again)[0] == 401
    assert again.json()["code_required"] is True
    assert noted(tester) == [
        ("signed_in", {"by": "token"}),
        ("sign_in_failed", {"how": "wrong code"}),
    ]


@pytest.mark.parametrize("later_s", [0, 1, 31, 59])
def test_a_code_of_the_app_is_dead_as_long_as_it_would_be_taken(
    client: Client, tester: User, later_s: int
) -> None:
    secret = with_app(tester)
    with time_machine.travel(NOW, tick=False):
        early = {**TESTER, "code": format_hotp_value(hotp_value(secret, STEP + 1))}
        first = post(client, LOGIN, early)
    with time_machine.travel(NOW + timedelta(seconds=later_s), tick=False):
        again = post(client, LOGIN, early)

    assert (first.status_code, again.status_code) == (200, 401)


def test_a_recovery_code_signs_in_once(client: Client, tester: User) -> None:
    with_app(tester)
    code, other = RecoveryCodes.activate(tester).generate_codes()[:2]

    tried = [
        post(client, LOGIN, {**TESTER, "code": one}).status_code for one in (code, code, other)
    ]

    assert tried == [200, 401, 200]


def test_wrong_codes_count_like_wrong_passwords(client: Client, tester: User) -> None:
    secret = with_app(tester)
    with time_machine.travel(NOW, tick=False):
        tried = [post(client, LOGIN, {**TESTER, "code": "000000"}).status_code for _ in range(5)]
        sixth = post(client, LOGIN, {**TESTER, "code": code_of(secret)})

        assert (tried, sixth.status_code) == ([401] * 5, 429)
        elsewhere = post(client, LOGIN, {**TESTER, "code": code_of(secret)}, **ELSEWHERE)
        assert elsewhere.status_code == 200


def test_codes_guessed_from_many_places_are_limited_by_account(
    client: Client, tester: User
) -> None:
    secret = with_app(tester)
    for place in range(10):
        post(client, LOGIN, {**TESTER, "code": "000000"}, REMOTE_ADDR=f"198.51.100.{place}")

    limited = post(client, LOGIN, {**TESTER, "code": code_of(secret)}, REMOTE_ADDR="192.0.2.1")

    assert problem(limited)[0] == 429
    assert limited.headers["Retry-After"] == "300"


# --- Refreshing and signing out ------------------------------------------------------------------


def test_refresh_gives_a_new_pair_and_one_token_twice_ends_the_session(
    client: Client, tester: User, pair: dict[str, str]
) -> None:
    renewed = post(client, REFRESH, {"refresh": pair["refresh"]})
    reused = post(client, REFRESH, {"refresh": pair["refresh"]})
    after = post(client, REFRESH, {"refresh": renewed.json()["refresh"]})

    assert renewed.status_code == 200
    assert renewed.json().keys() == {"access", "refresh"}
    assert problem(reused) == problem(after) == (401, tokens.NOT_GOOD, {})
    assert client.get(ME, **bearer(renewed.json())).status_code == 401
    assert noted(tester) == [("signed_in", {"by": "token"}), ("token_reused", {})]


@pytest.mark.django_db(transaction=True)
def test_of_two_refreshes_at_once_one_gets_a_pair() -> None:
    factories.tester()
    pair = pair_of(Client())

    tries = [
        partial(post, Client(), REFRESH, {"refresh": pair["refresh"]}),
        partial(post, Client(), REFRESH, {"refresh": pair["refresh"]}),
    ]

    assert sorted(one.status_code for one in at_once(*tries)) == [200, 401]


@pytest.mark.parametrize("token", ["a.b.c", "x" * 100_000, "☃", "e30.e30.e30"])
def test_a_refresh_token_that_is_none_is_refused(client: Client, token: str) -> None:
    assert problem(post(client, REFRESH, {"refresh": token}))[0] == 401


@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
@pytest.mark.parametrize("body", [{}, *NO_TOKENS])
def test_what_is_no_token_at_all_is_not_right(
    client: Client, path: str, body: dict[str, Any]
) -> None:
    status, _, errors = problem(post(client, path, body))

    assert (status, errors.keys()) == (400, {"refresh"})


def test_refresh_is_limited_by_address(client: Client, settings: LazySettings) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "refresh": [("address", 1, 300)]}

    tried = [post(client, REFRESH, {"refresh": "a.b.c"}).status_code for _ in range(2)]

    assert tried == [401, 429]


def test_sign_out_ends_the_session_and_says_the_same_twice(
    client: Client, tester: User, pair: dict[str, str]
) -> None:
    answers = [post(client, LOGOUT, {"refresh": pair["refresh"]}) for _ in range(2)]
    answers.append(post(client, LOGOUT, {"refresh": "a.b.c"}))

    assert [(one.status_code, one.content) for one in answers] == [(204, b"")] * 3
    assert client.get(ME, **bearer(pair)).status_code == 401
    assert post(client, REFRESH, {"refresh": pair["refresh"]}).status_code == 401
    assert noted(tester) == [
        ("signed_in", {"by": "token"}),
        ("signed_out", {"by": "token"}),
    ]


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer a.b.c", "bearer \xe9", "Bearer " + "x" * 5000]
)
def test_a_token_that_is_none_is_refused(client: Client, header: str) -> None:
    response = client.get(ME, headers={"authorization": header})

    assert problem(response)[0] == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_refresh_token_opens_no_call(client: Client, pair: dict[str, str]) -> None:
    assert client.get(ME, **bearer({"access": pair["refresh"]})).status_code == 401


def test_a_dead_token_does_not_keep_anybody_from_signing_in(
    client: Client, tester: User, pair: dict[str, str]
) -> None:
    TokenFamily.objects.all().delete()

    assert post(client, LOGIN, TESTER, **bearer(pair)).status_code == 200


# --- The profile ---------------------------------------------------------------------------------


def test_me_is_all_that_the_settings_show(
    client: Client, tester: User, pair: dict[str, str]
) -> None:
    Ftp.objects.create(user=tester, effective_date=TODAY - timedelta(days=90), power_w=215)

    assert client.get(ME, **bearer(pair)).json() == {
        "id": tester.pk,
        "email": "tester@example.org",
        "timezone": "Europe/Paris",
        "send_time": "06:00:00",
        "units": "metric",
        "clock": "24",
        "date_order": "dmy",
        "first_weekday": 0,
        "wants_briefs": True,
        "wants_wrap_ups": True,
        "wants_connection_mails": True,
        "sex": None,
        "birth_year": None,
        "hr_max_bpm": None,
        "lthr_bpm": None,
        "has_reds": False,
        "ftp_w": 215,
        "is_admin": False,
        "has_second_factor": False,
        "health_consent_at": "2026-01-01T00:00:00Z",
    }


def test_the_calls_of_a_program_leave_no_cookie(client: Client, pair: dict[str, str]) -> None:
    asked = [client.get(path, **bearer(pair)) for path in (ME, SESSIONS)]
    asked.append(client.patch(ME, {}, content_type="application/json", **bearer(pair)))
    asked.append(post(client, EMAIL, {"email": "n@example.org", "password": "x"}, **bearer(pair)))
    asked.append(client.delete(SESSIONS, **bearer(pair)))

    assert [(one.status_code, set(one.cookies)) for one in asked] == [
        *((status, set()) for status in (200, 200, 200, 400, 204)),
    ]


def test_me_of_an_operator_with_an_app(client: Client) -> None:
    operator = factories.operator()
    with_app(operator)

    me = signed_in(operator).get(ME).json()

    assert (me["is_admin"], me["has_second_factor"], me["ftp_w"]) == (True, True, None)


def test_me_of_nobody_is_refused(client: Client) -> None:
    for response in (client.get(ME), client.patch(ME, {}, content_type="application/json")):
        assert problem(response) == (401, "Authentication credentials were not provided.", {})


def test_a_change_is_kept_and_answered_and_the_rest_stays(as_tester: Client, tester: User) -> None:
    changes = {"timezone": "America/New_York", "send_time": "05:30", "hr_max_bpm": 186}

    response = as_tester.patch(ME, changes, content_type="application/json")

    assert response.status_code == 200
    assert response.json() == as_tester.get(ME).json()
    tester.refresh_from_db()
    assert (tester.timezone, str(tester.send_time), tester.hr_max_bpm, tester.units) == (
        *("America/New_York", "05:30:00", 186, "metric"),
    )


def test_a_value_is_taken_back_with_null(as_tester: Client, tester: User) -> None:
    User.objects.filter(pk=tester.pk).update(hr_max_bpm=180, lthr_bpm=160, sex="F")

    changed = as_tester.patch(
        ME, {"hr_max_bpm": None, "lthr_bpm": None, "sex": None}, content_type="application/json"
    ).json()

    assert (changed["hr_max_bpm"], changed["lthr_bpm"], changed["sex"]) == (None, None, None)
    assert User.objects.get(pk=tester.pk).sex == ""


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone", "Mars/Olympus is not a time zone."),
        ({"timezone": None}, "timezone", "may not be null"),
        ({"units": "furlongs"}, "units", "not a valid choice"),
        ({"send_time": "25:00"}, "send_time", "Time has wrong format"),
        ({"sex": "X"}, "sex", "not a valid choice"),
        ({"hr_max_bpm": 20}, "hr_max_bpm", "greater than or equal to 120"),
        ({"hr_max_bpm": True}, "hr_max_bpm", "A valid integer is required."),
        ({"ftp_w": 5000}, "ftp_w", "less than or equal to 600"),
        ({"health_consent": None}, "health_consent", "may not be null"),
        (
            {"hr_max_bpm": 150, "lthr_bpm": 160},
            "",
            "The threshold heart rate must be below the maximum heart rate.",
        ),
    ],
)
def test_a_change_that_cannot_be_says_why_and_changes_nothing(
    as_tester: Client, changes: dict[str, Any], field: str, said: str
) -> None:
    before = as_tester.get(ME).json()

    response = as_tester.patch(
        ME, {"units": "imperial", **changes}, content_type="application/json"
    )

    status, _, errors = problem(response)
    assert (status, errors.keys()) == (400, {field})
    assert said in errors[field]
    assert as_tester.get(ME).json() == before


def test_what_cannot_be_changed_here_is_ignored(as_tester: Client) -> None:
    before = as_tester.get(ME).json()
    tried = {**before, "email": "else@example.org", "is_admin": True, "id": 1, "shoe_size": 44}

    response = as_tester.patch(ME, tried, content_type="application/json")

    assert (response.status_code, response.json()) == (200, before)


def test_a_new_ftp_holds_from_today_and_the_old_stays_before(
    as_tester: Client, tester: User
) -> None:
    Ftp.objects.create(user=tester, effective_date=TODAY - timedelta(days=9), power_w=215)
    with time_machine.travel(NOW, tick=False):
        client = signed_in(tester)
        changed = client.patch(ME, {"ftp_w": 230}, content_type="application/json").json()
        same = client.patch(ME, {"ftp_w": None}, content_type="application/json").json()

    assert (changed["ftp_w"], same["ftp_w"]) == (230, 230)
    assert list(tester.ftps.values_list("effective_date", "power_w")) == [
        (TODAY, 230),
        (TODAY - timedelta(days=9), 215),
    ]


def test_consent_is_withdrawn_and_given_and_noted_each_time(
    as_tester: Client, tester: User
) -> None:
    def say(is_given: bool) -> Any:
        body = {"health_consent": is_given}
        return as_tester.patch(ME, body, content_type="application/json").json()

    given = [say(False)["health_consent_at"], say(False)["health_consent_at"]]
    given += [say(True)["health_consent_at"], say(True)["health_consent_at"]]

    assert given[:2] == [None, None]
    assert given[2] == given[3] is not None
    assert noted(tester) == [("consent_withdrawn", {}), ("consent_given", {})]


def test_a_profile_is_read_in_a_fixed_number_of_queries(
    client: Client, pair: dict[str, str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):  # the token with its holder, the FTP, the second factor
        client.get(ME, **bearer(pair))


def test_a_browser_needs_the_token_of_its_page_to_change_anything(tester: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(tester)
    change = {"units": "imperial"}

    refused = browser.patch(ME, change, content_type="application/json")
    token = browser.get("/settings").context["csrf_token"]
    taken = browser.patch(
        ME, change, content_type="application/json", headers={"x-csrftoken": str(token)}
    )

    assert problem(refused)[:2] == (403, "CSRF Failed: CSRF cookie not set.")
    assert (taken.status_code, taken.json()["units"]) == (200, "imperial")


# --- Sessions ------------------------------------------------------------------------------------


def test_sessions_are_listed_with_the_one_that_asks_marked(
    client: Client, tester: User, stranger: User
) -> None:
    pair_of(client, email=stranger.email)
    with time_machine.travel(NOW, tick=False):
        mine = post(client, LOGIN, TESTER, headers={"user-agent": "bike-computer/2"}).json()
    family = TokenFamily.objects.get(user=tester)
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        listed = client.get(SESSIONS, **bearer(mine)).json()

    assert listed == {
        "count": 1,
        "next": None,
        "previous": None,
        "results": [
            {
                "id": str(family.pk),
                "kind": "program",
                "device": "bike-computer/2",
                "address": "127.0.0.1",
                "created_at": "2026-07-04T05:30:00Z",
                "last_used_at": "2026-07-04T05:30:00Z",
                "is_current": True,
            }
        ],
    }


def test_a_session_is_listed_after_a_change_of_the_secret_key(
    client: Client, pair: dict[str, str], settings: LazySettings
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the key that came after it"

    assert client.get(SESSIONS, **bearer(pair)).json()["count"] == 1


def test_sessions_of_browsers_and_programs_are_one_list(client: Client, tester: User) -> None:
    browser = Client()
    browser.post("/auth/login", {"login": tester.email, "password": PASSWORD})
    pair_of(client)

    listed = browser.get(SESSIONS).json()["results"]

    assert {(one["kind"], one["is_current"]) for one in listed} == {
        ("browser", True),
        ("program", False),
    }


@pytest.mark.parametrize("programs", [1, 12])
def test_sessions_are_listed_in_a_fixed_number_of_queries(
    client: Client,
    pair: dict[str, str],
    programs: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(programs):
        pair_of(client)

    with django_assert_num_queries(3):  # the token, the browsers, the programs
        assert len(client.get(SESSIONS, **bearer(pair)).json()["results"]) == programs + 1


def test_one_session_is_ended_and_no_other(
    client: Client, tester: User, pair: dict[str, str]
) -> None:
    other = pair_of(client)
    (its_id,) = (
        one["id"]
        for one in client.get(SESSIONS, **bearer(pair)).json()["results"]
        if not one["is_current"]
    )

    ended = client.delete(f"{SESSIONS}/{its_id}", **bearer(pair))
    again = client.delete(f"{SESSIONS}/{its_id}", **bearer(pair))

    assert (ended.status_code, again.status_code) == (204, 404)
    assert client.get(ME, **bearer(other)).status_code == 401
    assert client.get(ME, **bearer(pair)).status_code == 200
    assert noted(tester)[2:] == [("session_ended", {"where": "a program"})]


def test_a_browser_is_ended_by_a_program(client: Client, tester: User, pair: Any) -> None:
    browser = Client()
    browser.post("/auth/login", {"login": tester.email, "password": PASSWORD})
    its_id = UserSession.objects.get().pk

    assert client.delete(f"{SESSIONS}/{its_id}", **bearer(pair)).status_code == 204
    assert who(browser) is None


def test_a_browser_ends_itself_and_is_signed_out(client: Client, tester: User) -> None:
    client.post("/auth/login", {"login": tester.email, "password": PASSWORD})
    its_id = UserSession.objects.get().pk

    assert client.delete(f"{SESSIONS}/{its_id}").status_code == 204
    assert client.get(ME).status_code == 401


@pytest.mark.parametrize("kind", ["program", "browser"])
def test_sessions_of_a_stranger_are_not_there(
    client: Client, tester: User, stranger: User, pair: dict[str, str], kind: str
) -> None:
    theirs = pair_of(Client(), email=stranger.email)
    browser = Client()
    browser.post("/auth/login", {"login": stranger.email, "password": PASSWORD})
    its_id = (
        TokenFamily.objects.get(user=stranger).pk
        if kind == "program"
        else UserSession.objects.get(user=stranger).pk
    )

    assert problem(client.delete(f"{SESSIONS}/{its_id}", **bearer(pair)))[0] == 404
    assert client.get(ME, **bearer(theirs)).status_code == 200
    assert who(browser) == stranger


@pytest.mark.parametrize(
    "its_id",
    ["0f8fad5b-d9cb-469f-a165-70867728950e", "0", "9" * 18, "9" * 40, "²", "x", "%00", "-1"],
)
def test_a_session_that_is_none_is_not_there(
    client: Client, pair: dict[str, str], its_id: str
) -> None:
    assert problem(client.delete(f"{SESSIONS}/{its_id}", **bearer(pair)))[0] == 404


def test_sessions_of_nobody_are_refused(client: Client) -> None:
    answers = [client.get(SESSIONS), client.delete(SESSIONS), client.delete(f"{SESSIONS}/1")]

    assert [problem(one)[0] for one in answers] == [401, 401, 401]


@pytest.mark.parametrize("by", ["program", "browser"])
def test_all_sessions_are_ended_and_those_of_others_not(
    client: Client, tester: User, stranger: User, by: str
) -> None:
    browser, mine = Client(), pair_of(client)
    browser.post("/auth/login", {"login": tester.email, "password": PASSWORD})
    theirs = pair_of(client, email=stranger.email)

    asks, extra = (client, bearer(mine)) if by == "program" else (browser, {})
    ended = asks.delete(SESSIONS, **extra)

    assert ended.status_code == 204
    assert client.get(ME, **bearer(mine)).status_code == 401
    assert client.get(ME, **bearer(theirs)).status_code == 200
    assert who(browser) is None
    assert ("session_ended", {"where": "all"}) in noted(tester)


# --- The password and the address ----------------------------------------------------------------


@pytest.mark.parametrize("by", ["program", "browser"])
def test_a_new_password_ends_every_session(client: Client, tester: User, by: str) -> None:
    browser, pair = Client(), pair_of(client)
    browser.post("/auth/login", {"login": tester.email, "password": PASSWORD})
    body = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}

    asks, extra = (client, bearer(pair)) if by == "program" else (browser, {})
    changed = post(asks, CHANGE, body, **extra)

    assert (changed.status_code, changed.content) == (204, b"")
    assert client.get(ME, **bearer(pair)).status_code == 401
    assert post(client, REFRESH, {"refresh": pair["refresh"]}).status_code == 401
    assert who(browser) is None
    assert not UserSession.objects.exists()
    assert post(client, LOGIN, {**TESTER, "password": NEW_PASSWORD}).status_code == 200
    assert ("password_changed", {}) in noted(tester)
    assert mails() == [("password_changed", [tester.email])]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (
            {"old_password": "wrong", "new_password": NEW_PASSWORD},
            "old_password",
            "This is not your password.",
        ),
        (
            {"old_password": PASSWORD, "new_password": "12345678"},
            "new_password",
            "This password is too common.",
        ),
        ({"old_password": PASSWORD}, "new_password", "This field is required."),
    ],
)
def test_a_password_is_not_changed_without_the_old_or_for_a_weak_one(
    client: Client,
    tester: User,
    pair: dict[str, str],
    body: dict[str, str],
    field: str,
    said: str,
) -> None:
    status, _, errors = problem(post(client, CHANGE, body, **bearer(pair)))

    assert (status, errors.keys()) == (400, {field})
    assert said in errors[field]
    assert client.get(ME, **bearer(pair)).status_code == 200
    failed = ("sign_in_failed", {}) in noted(tester)
    assert failed == (field == "old_password")


@pytest.mark.parametrize("path", [CHANGE, EMAIL])
def test_the_password_is_not_guessed_with_a_stolen_token(
    client: Client, pair: dict[str, str], path: str
) -> None:
    wrong = {
        "old_password": "wrong",
        "new_password": NEW_PASSWORD,
        "email": "new@example.org",
        "password": "wrong",
    }
    tried = [post(client, path, wrong, **bearer(pair)).status_code for _ in range(6)]

    assert tried == [400] * 5 + [429]


def test_a_new_address_is_sent_a_link_and_holds_when_it_is_opened(
    client: Client, tester: User, pair: dict[str, str]
) -> None:
    body = {"email": "New@Example.org", "password": PASSWORD}
    asked = post(client, EMAIL, body, **bearer(pair))
    before = client.get(ME, **bearer(pair)).json()["email"]
    client.get(link_in_last_mail())

    assert (asked.status_code, set(asked.cookies)) == (202, set())
    assert (before, client.get(ME, **bearer(pair)).json()["email"]) == (
        *("tester@example.org", "new@example.org"),
    )
    assert mails()[0] == ("email_confirmation", ["new@example.org"])


def test_an_address_of_somebody_else_is_asked_for_like_any_other(
    client: Client, tester: User, stranger: User, pair: dict[str, str]
) -> None:
    answers = [
        answer(post(client, EMAIL, {"email": email, "password": PASSWORD}, **bearer(pair)))
        for email in ("free@example.org", stranger.email)
    ]

    assert answers[0] == answers[1]
    assert EmailAddress.objects.get(email=stranger.email, verified=True).user == stranger


def test_new_addresses_are_limited(client: Client, pair: dict[str, str]) -> None:
    tried = [
        post(
            client, EMAIL, {"email": f"n{n}@example.org", "password": PASSWORD}, **bearer(pair)
        ).status_code
        for n in range(6)
    ]

    assert tried == [202] * 5 + [429]


@pytest.mark.parametrize("path", [CHANGE, EMAIL])
def test_password_and_address_of_nobody_are_refused(client: Client, path: str) -> None:
    assert problem(post(client, path, {}))[0] == 401


def test_a_reset_is_answered_alike_for_any_address(client: Client, tester: User) -> None:
    known, unknown = (
        answer(post(client, RESET, {"email": email}))
        for email in (" Tester@Example.org", "nobody@example.org")
    )

    assert known == unknown
    assert (known[0], known[2]) == (202, set())
    assert mails() == [
        ("password_reset_key", ["tester@example.org"]),
        ("unknown_account", ["nobody@example.org"]),
    ]


def test_resets_are_limited(client: Client, tester: User) -> None:
    body = {"email": tester.email}
    tried = [post(client, RESET, body).status_code for _ in range(6)]

    assert tried == [202] * 5 + [429]
    assert problem(post(client, RESET, {"email": "no address"}))[0] == 400
