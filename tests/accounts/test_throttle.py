import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import IPv6Address
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import LazySettings, settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from accounts import throttle
from accounts.models import User
from accounts.throttle import Throttled
from notifications.models import Notification
from tests import factories
from tests.accounts.entrance import LOGIN, NEWCOMER, PASSWORD, REGISTER, RESET, who
from tests.factories import NOW

pytestmark = pytest.mark.django_db

HERE, THERE = "203.0.113.7", "198.51.100.9"


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    """Windows are parts of the day: a test that ran into the next one would count anew."""
    with time_machine.travel(NOW, tick=False):
        yield


def sign_in(email: str, password: str, place: str = HERE, **headers: Any) -> tuple[int, Client]:
    client = Client(REMOTE_ADDR=place)
    response = client.post(LOGIN, {"login": email, "password": password}, **headers)
    return response.status_code, client


def fail(email: str, times: int, place: str = HERE) -> list[int]:
    return [sign_in(email, "wrong", place)[0] for _ in range(times)]


# --- Signing in ----------------------------------------------------------------------------------


def test_sixth_sign_in_after_five_failed_ones_waits_whatever_the_password(tester: User) -> None:
    assert fail(tester.email, 5) == [200] * 5

    status, client = sign_in(tester.email, PASSWORD)

    assert (status, who(client)) == (429, None)


def test_sign_in_from_elsewhere_is_not_kept_out_by_it(tester: User) -> None:
    fail(tester.email, 5)

    status, client = sign_in(tester.email, PASSWORD, THERE)

    assert (status, who(client)) == (302, tester)


def test_sign_in_to_another_account_from_the_same_place_is_not_kept_out_by_it(
    tester: User, stranger: User
) -> None:
    fail(tester.email, 5)

    assert sign_in(stranger.email, PASSWORD)[0] == 302


def test_sign_ins_that_succeed_do_not_count(tester: User) -> None:
    fail(tester.email, 4)

    assert [sign_in(tester.email, PASSWORD)[0] for _ in range(3)] == [302] * 3


def test_one_place_that_tries_many_accounts_waits_for_all_of_them(tester: User) -> None:
    statuses = [sign_in(f"nobody{number}@example.org", "x")[0] for number in range(30)]

    assert statuses == [200] * 30
    assert sign_in(tester.email, PASSWORD)[0] == 429
    assert sign_in(tester.email, PASSWORD, THERE)[0] == 302


def test_addresses_of_one_ipv6_household_count_together(tester: User) -> None:
    fail(tester.email, 5, "2001:db8:1:2::7")

    places = ("2001:db8:1:2:ffff::1", "2001:db8:1:3::7")
    assert [sign_in(tester.email, PASSWORD, place)[0] for place in places] == [429, 302]


def test_account_counts_however_it_is_typed(tester: User) -> None:
    fail("Tester@Example.ORG ", 5)

    assert sign_in(tester.email, PASSWORD)[0] == 429


def test_wait_is_told_and_then_over(tester: User) -> None:
    with time_machine.travel(NOW + timedelta(seconds=100), tick=False):
        fail(tester.email, 5)
        client = Client(REMOTE_ADDR=HERE)
        response = client.post(LOGIN, {"login": tester.email, "password": PASSWORD})
    with time_machine.travel(NOW + timedelta(seconds=299), tick=False):
        still = sign_in(tester.email, PASSWORD)[0]
    with time_machine.travel(NOW + timedelta(seconds=300), tick=False):
        over = sign_in(tester.email, PASSWORD)[0]

    assert (response.status_code, response.headers["Retry-After"]) == (429, "200")
    assert "Wait 4 minutes, then try again." in response.content.decode()
    assert (still, over) == (429, 302)


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_HX_REQUEST": "true"},
        {"HTTP_ACCEPT": "application/json"},
        {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"},
    ],
)
def test_programs_are_told_to_wait_too(tester: User, headers: Any) -> None:
    fail(tester.email, 5)

    response = Client(REMOTE_ADDR=HERE).post(
        LOGIN, {"login": tester.email, "password": PASSWORD}, **headers
    )

    assert (response.status_code, response.headers["Retry-After"]) == (429, "300")


# --- Registering and resetting -------------------------------------------------------------------


def ask(path: str, email: str, place: str) -> int:
    form = {**NEWCOMER, "email": email}
    return Client(REMOTE_ADDR=place).post(path, form).status_code


@pytest.mark.parametrize("path", [REGISTER, RESET])
def test_one_place_may_ask_ten_times_an_hour(tester: User, path: str) -> None:
    statuses = [ask(path, f"guest{number}@example.org", HERE) for number in range(11)]

    assert statuses == [302] * 10 + [429]
    assert Notification.objects.count() == 10
    assert ask(path, "guest@example.org", THERE) == 302
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        assert ask(path, "guest11@example.org", HERE) == 302


@pytest.mark.parametrize("path", [REGISTER, RESET])
@pytest.mark.parametrize("email", ["tester@example.org", "nobody@example.org"])
def test_one_address_may_be_asked_for_five_times_an_hour_whether_it_has_an_account_or_not(
    tester: User, path: str, email: str
) -> None:
    spellings = (email, email.upper())

    statuses = [ask(path, spellings[number % 2], f"203.0.113.{number}") for number in range(6)]

    assert statuses == [302] * 5 + [429]


def test_limit_of_the_library_itself_says_so_in_our_words(client: Client) -> None:
    statuses = [client.get("/auth/password-reset/1-x").status_code for _ in range(3)]
    answers = [client.post("/auth/password-reset/1-set-password") for _ in range(21)]

    assert statuses == [200] * 3
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert answers[-1].headers["Retry-After"] == "300"
    assert "Too many attempts" in answers[-1].content.decode()


# --- Counting ------------------------------------------------------------------------------------


def asked_by(user: User | None = None, method: str = "post", place: str = HERE) -> HttpRequest:
    request = getattr(RequestFactory(), method)("/", REMOTE_ADDR=place)
    request.user = user or User()
    return request  # type: ignore[no-any-return]


def test_hit_counts_what_it_lets_through(settings: LazySettings) -> None:
    settings.THROTTLES = {"try": [("address", 2, 60)]}

    for _ in range(2):
        throttle.hit("try", asked_by())
    with pytest.raises(Throttled) as refusal:
        throttle.hit("try", asked_by())

    assert refusal.value.wait_s == 60


def test_longest_of_several_waits_is_told(settings: LazySettings) -> None:
    settings.THROTTLES = {"try": [("address", 0, 60), ("account", 0, 3600)]}

    waits = []
    for account in ("", "somebody"):
        with pytest.raises(Throttled) as refusal:
            throttle.check("try", asked_by(), account)
        waits.append(refusal.value.wait_s)

    assert waits == [60, 1800]


def test_nobody_is_named_in_the_cache(settings: LazySettings) -> None:
    settings.THROTTLES = {"try": [("both", 2, 60)]}
    (limit,) = throttle.limits("try", "tester@example.org")

    key = limit.key("try", asked_by(), "tester@example.org")
    throttle.count("try", asked_by(), "tester@example.org")

    assert cache.get(key) == 1
    assert "tester" not in key
    assert HERE not in key


def test_view_counts_posts_by_account_and_gets_not_at_all(
    settings: LazySettings, tester: User
) -> None:
    settings.THROTTLES = {"try": [("account", 1, 60)]}
    stranger = factories.tester("stranger@example.org")

    @throttle.limited("try")
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("done")

    answers = [view(asked_by(user)).content for user in (tester, stranger)]
    answers += [view(asked_by(tester, "get")).content for _ in range(3)]

    assert answers == [b"done"] * 5
    with pytest.raises(Throttled):
        view(asked_by(tester))


A_PROCESS = """
import sys, django, time_machine
django.setup()
from datetime import datetime
from django.test import RequestFactory
from accounts import throttle
with time_machine.travel(datetime.fromisoformat(sys.argv[1]), tick=False):
    for _ in range(3):
        request = RequestFactory().post("/", REMOTE_ADDR=sys.argv[3])
        try:
            throttle.hit("reset", request, sys.argv[2])
            print("let through")
        except throttle.Throttled:
            print("stopped")
"""


def test_processes_count_together() -> None:
    # Never asked before: the counts of an earlier run of this test are still in the cache.
    somebody, somewhere = uuid4().hex, str(IPv6Address(uuid4().int))
    command = [sys.executable, "-c", A_PROCESS, NOW.isoformat(), somebody, somewhere]

    said = [
        subprocess.run(
            command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
        ).stdout.split("\n")[:-1]
        for _ in range(2)
    ]

    assert said == [["let through"] * 3, ["let through", "let through", "stopped"]]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
    ],
)
def test_address_counts_as_what_it_is_in_any_clothes(address: str, network: str) -> None:
    assert throttle.network_of(RequestFactory().get("/", REMOTE_ADDR=address)) == network


def test_many_addresses_of_one_customer_are_one_to_an_account(tester: User) -> None:
    statuses = [
        Client()
        .post(
            "/auth/login",
            {"login": tester.email, "password": "wrong"},
            REMOTE_ADDR=f"2001:db8:1:{number:x}::1",
        )
        .status_code
        for number in range(22)
    ]

    assert statuses == [200] * 20 + [429] * 2


@pytest.mark.parametrize(
    ("wait_s", "words"),
    [(1, "a minute"), (61, "2 minutes"), (5_400, "90 minutes"), (54_180, "about 16 hours")],
)
def test_wait_is_told_in_words(wait_s: int, words: str) -> None:
    assert throttle.in_words(wait_s) == words
