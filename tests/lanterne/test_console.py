from typing import Any

import pytest
import time_machine
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.apps import apps
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.http import HttpRequest
from django.test import Client
from pytest_django.asserts import assertRedirects

from accounts.models import AuditEvent, User
from lanterne.console import SET_UP_FIRST, Audited, Console
from missions.models import Mission
from tests import everything, factories
from tests.accounts.test_second_factor import SECRET, code_of
from tests.conftest import signed_in
from tests.factories import NOW

pytestmark = pytest.mark.django_db

CONSOLE, USERS = "/admin/", "/admin/accounts/user/"
NO_FTPS = {"ftps-TOTAL_FORMS": 0, "ftps-INITIAL_FORMS": 0}
PROFILE = {
    "email": "tester@example.org",
    "timezone": "Asia/Tokyo",
    "is_active": "on",
    "date_joined_0": "2026-07-01",
    "date_joined_1": "06:00:00",
    **NO_FTPS,
}


@pytest.fixture
def operator(db: None) -> User:
    return factories.operator()


@pytest.fixture
def inside(operator: User) -> Client:
    """An operator who has shown the second factor in this session."""
    return with_code(operator)


def with_code(user: User) -> Client:
    client = signed_in(user)
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, user, "mfa")
    request.session.save()
    if not Authenticator.objects.filter(user=user).exists():
        TOTP.activate(user, SECRET)
    return client


@pytest.fixture
def _in_production(settings: LazySettings) -> None:
    settings.DEBUG = False


def trail() -> list[tuple[Any, ...]]:
    rows = AuditEvent.objects.exclude(kind="signed_in").order_by("pk")
    return list(rows.values_list("kind", "user__email", "actor__email", "details"))


@pytest.mark.usefixtures("_in_production")
@pytest.mark.parametrize("path", [CONSOLE, f"{USERS}add/", "/admin/nothing-here/"])
def test_visitor_is_led_to_our_sign_in(client: Client, path: str) -> None:
    assertRedirects(client.get(path), f"/auth/login?next={path}", fetch_redirect_response=False)


@pytest.mark.usefixtures("_in_production")
def test_tester_is_refused_even_with_a_second_factor(tester: User) -> None:
    TOTP.activate(tester, SECRET)
    clients = [signed_in(tester), with_code(tester)]

    answers = [client.get(path) for client in clients for path in (CONSOLE, USERS, "/admin/login/")]

    assert {answer.status_code for answer in answers} == {403}
    assert "This page is not yours to open" in answers[0].content.decode()


@pytest.mark.usefixtures("_in_production")
def test_operator_without_a_second_factor_is_led_to_set_one_up(operator: User) -> None:
    answer = signed_in(operator).get(USERS)

    assertRedirects(answer, "/settings/second-factor/app", fetch_redirect_response=False)
    assert [str(message) for message in get_messages(answer.wsgi_request)] == [SET_UP_FIRST]


@pytest.mark.usefixtures("_in_production")
@time_machine.travel(NOW, tick=False)
def test_operator_who_has_not_shown_the_second_factor_is_asked_and_let_in(operator: User) -> None:
    TOTP.activate(operator, SECRET)
    client = signed_in(operator)

    asked = client.get(USERS)
    answer = client.post("/auth/code/again", {"code": code_of(), "next": USERS})

    assertRedirects(asked, f"/auth/code/again?next={USERS}", fetch_redirect_response=False)
    assertRedirects(answer, USERS)


@pytest.mark.usefixtures("_in_production")
def test_second_factor_of_somebody_else_in_this_browser_does_not_count(
    operator: User, tester: User
) -> None:
    client = with_code(tester)
    records = dict(client.session.items())
    client.force_login(operator)
    session = client.session
    session.update({name: records[name] for name in records if name.startswith("account_")})
    session.save()

    assert client.get(CONSOLE).status_code == 302


@pytest.mark.usefixtures("_in_production")
def test_closed_account_of_an_operator_is_out(inside: Client, operator: User) -> None:
    User.objects.filter(pk=operator.pk).update(is_active=False)

    assertRedirects(
        inside.get(CONSOLE), f"/auth/login?next={CONSOLE}", fetch_redirect_response=False
    )


def test_in_development_an_operator_needs_no_second_factor(operator: User) -> None:
    assert signed_in(operator).get(CONSOLE).status_code == 200


@pytest.mark.usefixtures("_in_production")
@pytest.mark.parametrize(
    ("next_page", "leads_to"),
    [("/admin/accounts/user/", "/admin/accounts/user/"), ("", "/admin/"), ("//evil", "/admin/")],
)
def test_sign_in_of_the_admin_is_no_second_door(
    client: Client, inside: Client, operator: User, next_page: str, leads_to: str
) -> None:
    path = f"/admin/login/?next={next_page}"
    password = {"username": operator.email, "password": "correct horse battery"}

    for answer in (client.get(path), client.post(path, password)):
        assertRedirects(answer, f"/auth/login?next={leads_to}", fetch_redirect_response=False)
    assertRedirects(inside.get(path), leads_to, fetch_redirect_response=False)


def test_password_change_of_the_admin_is_ours(inside: Client) -> None:
    assertRedirects(
        inside.get("/admin/password_change/"), "/settings/password", fetch_redirect_response=False
    )


def test_every_model_is_audited_whoever_registered_it() -> None:
    assert isinstance(admin.site._wrapped, Console)  # type: ignore[attr-defined]
    assert {type(one).__mro__[1] for one in admin.site._registry.values()} == {Audited}


def test_addition_is_written_down_by_names_alone(inside: Client) -> None:
    inside.post(
        f"{USERS}add/",
        {
            "email": "guest@example.org",
            "timezone": "Asia/Tokyo",
            "password1": "correct horse battery",
            "password2": "correct horse battery",
            "usable_password": "true",
            **NO_FTPS,
        },
    )

    guest = User.objects.get(email="guest@example.org")
    assert trail() == [
        (
            "admin_added",
            "guest@example.org",
            "ops@example.org",
            {
                "model": "accounts.user",
                "pk": str(guest.pk),
                "fields": ["email", "timezone", "password1", "password2"],
            },
        )
    ]
    assert not LogEntry.objects.exists()


def test_change_is_written_down_by_names_alone_with_what_hangs_on_it(
    inside: Client, tester: User
) -> None:
    ftp = {"effective_date": "2026-07-01", "power_w": "250", "source": "tester", "user": tester.pk}
    inside.post(
        f"{USERS}{tester.pk}/change/",
        {
            **PROFILE,
            "ftps-TOTAL_FORMS": 1,
            **{f"ftps-0-{name}": value for name, value in ftp.items()},
        },
    )

    ((kind, user, actor, details),) = trail()
    assert (kind, user, actor) == ("admin_changed", "tester@example.org", "ops@example.org")
    assert details == {
        "model": "accounts.user",
        "pk": str(tester.pk),
        "fields": ["timezone", "date_joined", "ftp.effective_date", "ftp.power_w"],
    }
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("how", ["one", "selected"])
def test_deletion_is_written_down_for_the_owner(
    inside: Client, tester: User, mission: Mission, how: str
) -> None:
    path = "/admin/missions/mission/"
    if how == "one":
        inside.post(f"{path}{mission.pk}/delete/", {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": str(mission.pk), "post": "yes"}
        inside.post(path, chosen)

    assert not Mission.objects.exists()
    assert trail() == [
        (
            "admin_deleted",
            "tester@example.org",
            "ops@example.org",
            {"model": "missions.mission", "pk": str(mission.pk), "fields": []},
        )
    ]
    assert not LogEntry.objects.exists()


def test_change_of_a_mission_belongs_to_its_tester(inside: Client, tester: User) -> None:
    mission = factories.mission(tester)

    inside.post(f"/admin/missions/mission/{mission.pk}/delete/", {"post": "yes"})

    assert not Mission.objects.exists()
    assert [(kind, user) for kind, user, _, _ in trail()] == [
        ("admin_deleted", "tester@example.org")
    ]


def test_new_password_by_an_operator_is_written_down(inside: Client, tester: User) -> None:
    inside.post(
        f"{USERS}{tester.pk}/password/",
        {
            "password1": "another horse battery",
            "password2": "another horse battery",
            "usable_password": "true",
        },
    )

    ((kind, user, _, details),) = trail()
    assert (kind, user) == ("admin_changed", "tester@example.org")
    assert "another horse" not in str(details)


def test_history_is_the_audit_trail_of_the_tester(
    inside: Client, tester: User, mission: Mission
) -> None:
    trail_of_tester = f"/admin/accounts/auditevent/?user__id__exact={tester.pk}"

    for path in (f"/admin/missions/mission/{mission.pk}", f"{USERS}{tester.pk}"):
        assert f'<a href="{path}/history/"' in inside.get(f"{path}/change/").content.decode()
        assertRedirects(inside.get(f"{path}/history/"), trail_of_tester)


def test_start_page_links_the_audit_trail_and_lists_no_actions(inside: Client) -> None:
    page = inside.get(CONSOLE).content.decode()

    assert '<a href="/admin/accounts/auditevent/">Audit trail</a>' in page
    assert "recent-actions-module" not in page


@pytest.mark.usefixtures("_in_production")
def test_console_closes_with_the_second_factor_that_opened_it(
    inside: Client, operator: User
) -> None:
    assert inside.get(CONSOLE).status_code == 200

    Authenticator.objects.filter(user=operator).delete()

    assertRedirects(
        inside.get(CONSOLE), "/settings/second-factor/app", fetch_redirect_response=False
    )


@pytest.mark.parametrize("model", ["notifications/notification", "connections/connection"])
def test_what_carries_links_and_tokens_cannot_be_turned_to_somebody_else(
    inside: Client, tester: User, model: str
) -> None:
    """A mail that waits holds a link; a connection opens a source."""
    everything.give_everything(tester)
    row = apps.get_model(model.replace("/", ".")).objects.filter(user=tester).first()

    answer = inside.post(f"/admin/{model}/{row.pk}/change/", {"user": "1", "recipients": "[]"})

    assert answer.status_code == 403
