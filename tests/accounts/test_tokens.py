import base64
import json
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import jwt
import pytest
from django.conf import LazySettings, settings
from django.http import HttpRequest
from django.test import RequestFactory

from accounts import tokens
from accounts.models import AuditEvent, TokenFamily, User
from tests import factories
from tests.factories import NOW
from tests.threads import at_once

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)
ACCESS_ENDS = NOW + timedelta(seconds=settings.ACCESS_TOKEN_LASTS_S)
REFRESH_ENDS = NOW + timedelta(seconds=settings.REFRESH_TOKEN_LASTS_S)


@pytest.fixture
def request_() -> HttpRequest:
    return RequestFactory().get("/", REMOTE_ADDR="203.0.113.7", headers={"user-agent": "curl/8"})


@pytest.fixture
def pair(tester: User, request_: HttpRequest) -> tokens.Pair:
    return tokens.issue(tester, request_, NOW)


def opens(access: str, now: datetime = LATER) -> bool:
    try:
        tokens.holder(access, now)
    except tokens.NotGood:
        return False
    return True


def refreshes(refresh: str, request: HttpRequest, now: datetime = LATER) -> bool:
    try:
        tokens.refresh(refresh, request, now)
    except tokens.NotGood:
        return False
    return True


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def signed(claims: dict[str, Any], **changes: Any) -> str:
    """A token with our own key, saying something else."""
    kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(kept, tokens._key(settings.SECRET_KEY), algorithm="HS256")


def segment(of: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(of).encode()).rstrip(b"=").decode()


def test_an_access_token_names_its_holder_and_family(tester: User, pair: tokens.Pair) -> None:
    assert tokens.holder(pair.access, LATER) == (tester, TokenFamily.objects.get())


def test_a_sign_in_is_remembered_with_where_it_came_from(tester: User, pair: tokens.Pair) -> None:
    family = TokenFamily.objects.get()

    assert (family.user, family.address, family.device, family.expires_at, family.ended_at) == (
        *(tester, "203.0.113.7", "curl/8", REFRESH_ENDS, None),
    )


def test_a_token_says_nothing_about_its_holder_but_a_number(
    tester: User, pair: tokens.Pair
) -> None:
    assert claims_of(pair.access).keys() == {"use", "jti", "family", "sub", "iat", "exp"}
    assert claims_of(pair.access)["sub"] == str(tester.pk)


def test_an_access_token_opens_until_the_second_it_ends(pair: tokens.Pair) -> None:
    last = ACCESS_ENDS - timedelta(seconds=1)

    assert (opens(pair.access, last), opens(pair.access, ACCESS_ENDS)) == (True, False)


def test_a_token_of_a_clock_that_is_ahead_opens(tester: User, request_: HttpRequest) -> None:
    made = tokens.issue(tester, request_, datetime.now(UTC) + timedelta(seconds=30))

    assert opens(made.access, datetime.now(UTC))


def test_a_refresh_token_works_until_the_second_it_ends(
    tester: User, request_: HttpRequest
) -> None:
    first, second = (tokens.issue(tester, request_, NOW) for _ in range(2))

    last = REFRESH_ENDS - timedelta(seconds=1)
    assert refreshes(first.refresh, request_, last)
    assert not refreshes(second.refresh, request_, REFRESH_ENDS)


def test_a_refresh_gives_a_new_pair_and_kills_the_old_token(
    tester: User, pair: tokens.Pair, request_: HttpRequest
) -> None:
    renewed = tokens.refresh(pair.refresh, request_, LATER)

    family = TokenFamily.objects.get()
    assert tokens.holder(renewed.access, LATER) == (tester, family)
    assert {pair.access, pair.refresh}.isdisjoint({renewed.access, renewed.refresh})
    assert family.expires_at == LATER + timedelta(seconds=settings.REFRESH_TOKEN_LASTS_S)
    assert not refreshes(pair.refresh, request_)


def test_an_old_refresh_token_ends_the_family_and_is_noted_once(
    tester: User, pair: tokens.Pair, request_: HttpRequest
) -> None:
    renewed = tokens.refresh(pair.refresh, request_, LATER)

    again = [refreshes(pair.refresh, request_) for _ in range(3)]

    assert again == [False, False, False]
    assert not opens(renewed.access)
    assert not refreshes(renewed.refresh, request_)
    noted = AuditEvent.objects.values_list("kind", "user", "address", "device", "details")
    assert list(noted) == [("token_reused", tester.pk, "203.0.113.7", "curl/8", {})]


def test_the_end_of_one_family_leaves_the_others(
    tester: User, pair: tokens.Pair, request_: HttpRequest
) -> None:
    other = tokens.issue(tester, request_, NOW)

    tokens.sign_out(pair.refresh, LATER)

    assert (opens(pair.access), opens(other.access)) == (False, True)


@pytest.mark.django_db(transaction=True)
def test_of_two_refreshes_at_once_exactly_one_wins(request_: HttpRequest) -> None:
    pair = tokens.issue(factories.tester(), request_, NOW)

    won = at_once(*[partial(refreshes, pair.refresh, request_)] * 4)

    assert Counter(won) == {True: 1, False: 3}
    assert AuditEvent.objects.filter(kind=AuditEvent.Kind.TOKEN_REUSED).count() == 1


def test_sign_out_ends_the_family_once(pair: tokens.Pair, request_: HttpRequest) -> None:
    family = TokenFamily.objects.get()

    assert (tokens.sign_out(pair.refresh, LATER), tokens.sign_out(pair.refresh, LATER)) == (
        family,
        None,
    )
    assert not opens(pair.access)
    assert not refreshes(pair.refresh, request_)


@pytest.mark.parametrize("change", ["password", "inactive", "gone"])
def test_nothing_opens_after_the_password_changed_or_the_account_closed(
    tester: User, pair: tokens.Pair, request_: HttpRequest, change: str
) -> None:
    if change == "password":
        tester.set_password("a quite different one")
        tester.save()
    elif change == "inactive":
        User.objects.filter(pk=tester.pk).update(is_active=False)
    else:
        tester.delete()

    assert (opens(pair.access), refreshes(pair.refresh, request_)) == (False, False)


def test_each_token_has_its_own_use(pair: tokens.Pair, request_: HttpRequest) -> None:
    assert not opens(pair.refresh)
    assert not refreshes(pair.access, request_)


def test_a_token_with_another_key_or_none_opens_nothing(pair: tokens.Pair) -> None:
    claims = claims_of(pair.access)
    forged = [
        jwt.encode(claims, "k" * 32, algorithm="HS256"),
        jwt.encode(claims, settings.SECRET_KEY.ljust(32, "x"), algorithm="HS256"),
        jwt.encode(claims, tokens._key(settings.SECRET_KEY).ljust(64, b"\0"), algorithm="HS512"),
        jwt.encode(claims, "", algorithm="none"),
        f"{segment({'alg': 'none'})}.{segment(claims)}.",
        f"{segment({'alg': 'HS256'})}.{segment(claims)}.",
        f"{pair.access.rpartition('.')[0]}.",
    ]

    assert [opens(token) for token in forged] == [False] * len(forged)
    assert opens(signed(claims))


@pytest.mark.parametrize("claim", ["exp", "jti", "family", "use"])
def test_a_token_that_lacks_a_claim_opens_nothing(pair: tokens.Pair, claim: str) -> None:
    assert not opens(signed(claims_of(pair.access), **{claim: None}))


def test_a_token_of_no_family_opens_nothing(pair: tokens.Pair) -> None:
    assert not opens(signed(claims_of(pair.access), family=str(uuid.uuid4())))


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é.ü.☃",
        "\udcff.\udcff.\udcff",
        "\0",
        "x" * 1_000_000,
        "." * 100_000,
        f"{segment([])}.{segment({})}.aaaa",
        f"{segment({'alg': ['HS256']})}.{segment({})}.aaaa",
        f"{segment({'alg': 'HS256', 'crit': ['b64'], 'b64': False})}..aaaa",
        base64.urlsafe_b64encode(b"[" * 600).decode().rstrip("=") + ".e30.aaaa",
        base64.urlsafe_b64encode(b"9" * 700).decode().rstrip("=") + ".e30.aaaa",
    ],
    ids=range(14),
)
def test_garbage_opens_nothing(request_: HttpRequest, garbage: str) -> None:
    assert (opens(garbage), refreshes(garbage, request_), tokens.sign_out(garbage, NOW)) == (
        *(False, False, None),
    )


def test_tokens_outlive_a_change_of_the_secret_key(
    tester: User, pair: tokens.Pair, request_: HttpRequest, settings: LazySettings
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the key that came after it"
    assert opens(pair.access)
    renewed = tokens.refresh(pair.refresh, request_, LATER)

    settings.SECRET_KEY_FALLBACKS = []

    assert tokens.holder(renewed.access, LATER)[0] == tester
    assert not opens(pair.access)


def test_a_family_remembers_when_it_was_used_to_the_five_minutes(pair: tokens.Pair) -> None:
    seen = []
    for minutes in (4, 6, 9, 12):
        tokens.holder(pair.access, NOW + timedelta(minutes=minutes))
        seen.append(TokenFamily.objects.get().last_used_at)

    assert seen == [NOW + timedelta(minutes=minutes) for minutes in (0, 6, 6, 12)]


def test_families_whose_tokens_have_ended_are_forgotten(
    tester: User, pair: tokens.Pair, request_: HttpRequest
) -> None:
    tokens.issue(tester, request_, LATER)

    assert tokens.purge(REFRESH_ENDS + timedelta(seconds=1)) == 1
    assert [family.created_at for family in TokenFamily.objects.all()] == [LATER]


def test_a_pair_does_not_show_itself(pair: tokens.Pair) -> None:
    assert pair.access not in repr(pair)
    assert pair.refresh not in repr(pair)
