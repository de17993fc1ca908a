import io
import zipfile
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.files.storage import default_storage
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts import exports, privacy
from accounts.models import AuditEvent, DataExport, User
from tests import factories
from tests.conftest import signed_in
from tests.factories import NOW
from tests.policies import set_policy

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media", "_now")]

Kind = AuditEvent.Kind
PASSWORD = "correct horse battery"


@pytest.fixture
def _now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def ready(tester: User) -> DataExport:
    row = exports.ask(tester, None, NOW)
    exports.make(row.pk, NOW)
    return DataExport.objects.get()


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def times(user: User, kind: Kind) -> int:
    return user.audit_events.filter(kind=kind).count()


# --- The page ---


@pytest.mark.parametrize(
    "path",
    [
        "/settings/privacy",
        "/settings/delete",
        "/settings/exports/3f2b8c1e-0000-4000-8000-000000000001",
    ],
)
def test_pages_are_for_those_who_signed_in(client: Client, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.headers["location"]) == (302, f"/auth/login?next={path}")


@pytest.mark.parametrize(
    "path",
    [
        "/settings/privacy/consent",
        "/settings/privacy/consent/withdraw",
        "/settings/exports",
        "/settings/delete",
    ],
)
def test_nobody_changes_anything_without_signing_in(
    client: Client, tester: User, path: str
) -> None:
    before = User.objects.values().get()

    assert client.post(path, {"password": PASSWORD}).status_code == 302

    assert User.objects.values().get() == before
    assert not DataExport.objects.exists()


def test_page_says_what_is_kept_and_for_how_long(as_tester: Client, settings: LazySettings) -> None:
    set_policy(settings, "apple", KEEP_DAYS=60)

    page = text_of(as_tester.get("/settings/privacy"))

    assert "You allowed us to read your health data" in page
    assert "1 January 2026" in page
    assert "<dt>From Strava</dt> <dd>Each reading 7 days at most" in page
    assert "<dt>From Oura</dt> <dd>As long as your account." in page
    assert "workouts in it 60 days." in page
    assert "400 days." in page


@pytest.mark.parametrize("rides", [1, 50])
def test_page_costs_the_same_whatever_is_kept(
    as_tester: Client, tester: User, rides: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    as_tester.get("/settings/privacy")
    for _ in range(rides):
        factories.ride(tester, NOW.date())
        DataExport.objects.create(user=tester, state=DataExport.State.FAILED)

    with django_assert_num_queries(4):
        as_tester.get("/settings/privacy")


# --- Consent ---


def test_consent_is_withdrawn_and_given_on_the_page(as_tester: Client, tester: User) -> None:
    page = as_tester.post("/settings/privacy/consent/withdraw", follow=True)
    assert "Consent withdrawn." in text_of(page)
    assert "You have not allowed us" in text_of(page)
    assert not User.objects.get().has_consented

    page = as_tester.post("/settings/privacy/consent", follow=True)
    assert "4 July 2026" in text_of(page)
    assert User.objects.get().health_consent_at == NOW
    assert (times(tester, Kind.CONSENT_WITHDRAWN), times(tester, Kind.CONSENT_GIVEN)) == (1, 1)


def test_consent_is_not_changed_by_a_link(as_tester: Client) -> None:
    assert as_tester.get("/settings/privacy/consent/withdraw").status_code == 405

    assert User.objects.get().has_consented


# --- Download everything ---


def test_asking_for_the_copy_shows_that_it_is_made(as_tester: Client, tester: User) -> None:
    page = as_tester.post("/settings/exports", follow=True)

    row = DataExport.objects.get()
    assert (row.user, row.state) == (tester, "waiting")
    assert "Your data is being collected." in text_of(page)
    assert f'hx-get="/settings/exports/{row.pk}/state"' in page.content.decode()
    assert "Make the download" not in text_of(page)
    assert times(tester, Kind.EXPORTED) == 1
    event = tester.audit_events.get(kind=Kind.EXPORTED)
    assert event.address == "127.0.0.1"


def test_copy_that_is_ready_is_offered_and_no_longer_asked_after(
    as_tester: Client, ready: DataExport
) -> None:
    page = as_tester.get("/settings/privacy")
    part = as_tester.get(f"/settings/exports/{ready.pk}/state")

    for answer in (page, part):
        assert f'href="/settings/exports/{ready.pk}"' in answer.content.decode()
        assert "hx-get" not in answer.content.decode()
        assert "until <time" in text_of(answer)
        assert "Make a new one" in text_of(answer)
        assert 'data-announce="Your data is ready to download."' in text_of(answer)
    assert "5 July, 07:30" in text_of(part)


def test_new_copy_is_asked_for_where_the_ready_one_has_come_in(ready: DataExport) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ready.user)
    part = browser.get(f"/settings/exports/{ready.pk}/state").content.decode()
    token = part.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]

    browser.post("/settings/exports", {"csrfmiddlewaretoken": token})

    assert DataExport.objects.filter(state=DataExport.State.WAITING).count() == 1


def test_copy_that_failed_says_what_to_do(as_tester: Client, tester: User) -> None:
    DataExport.objects.create(user=tester, state=DataExport.State.FAILED)

    page = text_of(as_tester.get("/settings/privacy"))

    assert "The download could not be made." in page
    assert "Make the download" in page


def test_copy_that_is_gone_is_not_spoken_of(as_tester: Client, ready: DataExport) -> None:
    with time_machine.travel(NOW + timedelta(hours=24), tick=False):
        page = text_of(signed_in(ready.user).get("/settings/privacy"))

    assert "Ready since" not in page
    assert "Make the download" in page


def test_owner_downloads_the_copy(as_tester: Client, tester: User, ready: DataExport) -> None:
    answer: Any = as_tester.get(f"/settings/exports/{ready.pk}")

    content = b"".join(answer.streaming_content)
    assert "accounts.user.json" in zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert dict(answer.headers) | {
        "Content-Type": "application/zip",
        "Content-Length": str(ready.size_bytes),
        "Content-Disposition": 'attachment; filename="lanterne-rouge-2026-07-04.zip"',
        "Cache-Control": "private, no-store",
    } == dict(answer.headers)
    assert times(tester, Kind.EXPORT_FETCHED) == 1


def test_copy_is_nobody_else_s(
    as_stranger: Client, stranger: User, tester: User, ready: DataExport
) -> None:
    assert as_stranger.get(f"/settings/exports/{ready.pk}").status_code == 404
    assert as_stranger.get(f"/settings/exports/{ready.pk}/state").status_code == 404
    assert times(tester, Kind.EXPORT_FETCHED) == times(stranger, Kind.EXPORT_FETCHED) == 0


@pytest.mark.parametrize("is_purged", [True, False])
def test_copy_that_is_gone_says_how_to_get_another(
    tester: User, ready: DataExport, is_purged: bool
) -> None:
    later = NOW + timedelta(hours=24)
    if is_purged:
        exports.purge(later)
    with time_machine.travel(later, tick=False):
        answer = signed_in(tester).get(f"/settings/exports/{ready.pk}")

    assert answer.status_code == 404
    assert "You can make a new one at any time." in text_of(answer)


def test_copy_whose_file_is_lost_says_how_to_get_another(
    as_tester: Client, tester: User, ready: DataExport
) -> None:
    default_storage.delete(f"{tester.pk}/exports/{ready.pk}.zip")

    assert as_tester.get(f"/settings/exports/{ready.pk}").status_code == 404
    assert times(tester, Kind.EXPORT_FETCHED) == 0


def test_copies_are_limited(as_tester: Client, settings: LazySettings) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "export": [("account", 2, 86_400)]}

    told = [as_tester.post("/settings/exports").status_code for _ in range(3)]

    assert told == [302, 302, 429]


# --- Delete my account ---


def test_password_deletes_the_account(as_tester: Client, tester: User) -> None:
    other = signed_in(tester)

    answer = as_tester.post("/settings/delete", {"password": PASSWORD})

    assert (answer.status_code, answer.headers["location"]) == (302, "/deleted")
    assert "Your account is being deleted" in text_of(as_tester.get("/deleted"))
    gone = User.objects.get()
    assert (gone.is_active, gone.deletion_requested_at) == (False, NOW)
    assert times(tester, Kind.DELETION_ASKED) == 1
    for browser in (as_tester, other):
        assert browser.get("/settings/privacy").status_code == 302
    again = Client().post("/auth/login", {"login": tester.email, "password": PASSWORD})
    assert "_auth_user_id" not in again.wsgi_request.session


def test_wrong_password_deletes_nothing_and_is_written_down(
    as_tester: Client, tester: User
) -> None:
    answer = as_tester.post("/settings/delete", {"password": "guessed"})

    assert answer.status_code == 400
    assert "That is not your password. Nothing was deleted" in text_of(answer)
    assert User.objects.get().is_active
    assert times(tester, Kind.SIGN_IN_FAILED) == 1


def test_missing_password_deletes_nothing(as_tester: Client) -> None:
    assert as_tester.post("/settings/delete", {"password": ""}).status_code == 400

    assert User.objects.get().is_active


def test_passwords_are_not_guessed_here_either(as_tester: Client) -> None:
    for _ in range(5):
        assert as_tester.post("/settings/delete", {"password": "guess"}).status_code == 400

    assert as_tester.post("/settings/delete", {"password": PASSWORD}).status_code == 429
    assert User.objects.get().is_active


def test_page_says_what_goes_and_asks_for_the_password(as_tester: Client) -> None:
    page = as_tester.get("/settings/delete")

    assert 'autocomplete="current-password"' in page.content.decode()
    assert "It cannot be undone." in text_of(page)


def test_settings_of_somebody_else_stay(as_tester: Client, stranger: User) -> None:
    as_tester.post("/settings/delete", {"password": PASSWORD})

    stranger.refresh_from_db()
    assert (stranger.is_active, stranger.deletion_requested_at) == (True, None)
    assert privacy.may_be_read(stranger.pk)
