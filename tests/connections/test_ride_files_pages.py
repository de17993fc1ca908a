from typing import Any

import httpx2
import pytest
from django.conf import LazySettings, settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts import privacy
from accounts.models import User
from connections import incoming, ride_files
from connections.models import RideFile
from tests.conftest import StandIns
from tests.connections.uploads import ride
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_upload_folder")]

PAGE, STATE = "/connections/ride-files", "/connections/ride-files/state"
Status = RideFile.Status
Published = list[tuple[str, list[Any]]]


def row(user: User, name: str = "ride.fit", **fields: Any) -> RideFile:
    values = {"size_bytes": 10, "uploaded_at": NOW, "stored_name": "x.ride", **fields}
    return RideFile.objects.create(user=user, file_name=name, **values)


def words_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


# --- Who may ---


@pytest.mark.parametrize("path", [PAGE, STATE])
def test_page_sends_the_anonymous_to_sign_in(client: Client, path: str) -> None:
    assert client.get(path).headers["location"] == f"/auth/login?next={path}"


def test_files_of_the_anonymous_are_not_taken(client: Client, db: None) -> None:
    answer = client.post(PAGE, {"file": [ride()]})

    assert answer.headers["location"] == f"/auth/login?next={PAGE}"
    assert not RideFile.objects.exists()


def test_stranger_sees_nothing_of_a_testers_files(
    as_tester: Client, as_stranger: Client, tester: User
) -> None:
    row(tester, "Ride to Anna.fit", status=Status.FAILED, error="It is empty.")

    for path in (PAGE, STATE):
        assert "Anna" in words_of(as_tester.get(path))
        assert "Anna" not in words_of(as_stranger.get(path))


def test_page_takes_a_form_of_ours_only(tester: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(tester, backend=settings.AUTHENTICATION_BACKENDS[0])

    assert browser.post(PAGE, {"file": [ride()]}).status_code == 403
    assert not RideFile.objects.exists()


def test_state_takes_get_only(as_tester: Client) -> None:
    assert as_tester.post(STATE).headers["allow"] == "GET"


# --- Sending ---


def test_several_files_are_taken_at_once_in_their_order(
    as_tester: Client,
    tester: User,
    published: Published,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_tester.post(PAGE, {"file": [ride("b.fit"), ride("a.gpx"), ride("c.tcx.gz")]})

    assert answer.headers["location"] == PAGE
    rows = RideFile.objects.sent_last(tester)
    assert [one.file_name for one in rows] == ["b.fit", "a.gpx", "c.tcx.gz"]
    assert {one.status for one in rows} == {Status.WAITING}
    assert published == [(ride_files.READ, [tester.pk])]


def test_form_takes_several_files_without_a_script(as_tester: Client) -> None:
    page = words_of(as_tester.get(PAGE))

    assert '<form class="form card" method="post" enctype="multipart/form-data">' in page
    assert 'type="file"' in page
    assert " multiple" in page
    assert "up to 50 at once and 25 MB each" in page


def test_sending_nothing_says_what_to_choose(as_tester: Client) -> None:
    answer = as_tester.post(PAGE)

    assert answer.status_code == 400
    assert "Choose at least one FIT, TCX or GPX file." in words_of(answer)
    assert not RideFile.objects.exists()


def test_too_many_files_are_counted_and_none_is_taken(
    as_tester: Client, settings: LazySettings
) -> None:
    settings.RIDE_FILES_AT_ONCE = 2

    answer = as_tester.post(PAGE, {"file": [ride(), ride(), ride()]})

    assert answer.status_code == 400
    assert "These are more than 2 files. Send 2 of them, then the others." in words_of(answer)
    assert not RideFile.objects.exists()


@pytest.mark.parametrize("files", [51, 99, 100, 101, 150])
def test_any_number_of_files_too_many_is_told_on_the_page(as_tester: Client, files: int) -> None:
    """Django itself would end a request of more than 100 in words of its own."""
    answer = as_tester.post(PAGE, {"file": [ride(f"{n}.fit", b"x") for n in range(files)]})

    assert answer.status_code == 400
    assert "These are more than 50 files. Send 50 of them, then the others." in words_of(answer)
    assert not RideFile.objects.exists()


def test_as_many_files_as_are_taken_are_taken_whole(as_tester: Client, tester: User) -> None:
    content = [bytes([number]) * 100_000 for number in range(50)]

    answer = as_tester.post(
        PAGE, {"file": [ride(f"{n}.fit", one) for n, one in enumerate(content)]}
    )

    assert answer.status_code == 302
    rows = RideFile.objects.sent_last(tester)
    assert [incoming.path_of(row.stored_name).read_bytes() for row in rows] == content


@pytest.mark.django_db(transaction=True)
def test_browser_that_sends_too_many_files_gets_to_see_the_answer(
    tester: User, stand_ins: StandIns
) -> None:
    """Over real HTTP, with more on its way than any buffer between the two holds."""
    browser = Client()
    browser.force_login(tester, backend=settings.AUTHENTICATION_BACKENDS[0])
    token = browser.get("/settings").cookies["csrftoken"].value
    files = [("file", (f"{n}.fit", bytes(100_000))) for n in range(150)]

    answer = httpx2.post(
        f"{settings.SITE_URL}{PAGE}",
        data={"csrfmiddlewaretoken": token},
        files=files,
        cookies={name: one.value for name, one in browser.cookies.items()},
        timeout=60,
    )

    assert answer.status_code == 400
    assert "These are more than 50 files." in answer.text


def test_empty_file_is_told_beside_the_others(as_tester: Client, tester: User) -> None:
    as_tester.post(PAGE, {"file": [ride("empty.fit", b""), ride()]})
    ride_files.read_waiting(tester.pk)

    page = words_of(as_tester.get(PAGE))

    assert '<strong>empty.fit</strong></p> <p class="small">Not read. It is empty.' in page
    assert '<strong>ride.fit</strong></p> <p class="small">1 new ride.<' in page


def test_files_without_consent_are_refused_with_what_to_do(as_tester: Client, tester: User) -> None:
    privacy.withdraw_consent(tester, None, NOW)

    answer = as_tester.post(PAGE, {"file": [ride()]})

    assert answer.status_code == 403
    assert privacy.NOT_ALLOWED in words_of(answer)
    assert not RideFile.objects.exists()


def test_uploads_are_limited(as_tester: Client, settings: LazySettings) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "upload": [("account", 1, 3600)]}

    assert as_tester.post(PAGE, {"file": [ride()]}).status_code == 302
    assert as_tester.post(PAGE, {"file": [ride()]}).status_code == 429
    assert RideFile.objects.count() == 1


# --- What came of it ---


def test_page_asks_again_only_while_files_are_read(as_tester: Client, tester: User) -> None:
    waiting = row(tester)
    row(tester, status=Status.DONE, rides=1, rides_new=1)

    page = words_of(as_tester.get(PAGE))
    assert f'hx-get="{STATE}"' in page
    assert "1 still to read" in page
    assert '<a class="go" href="/connections/ride-files">Look again</a>' in page

    RideFile.objects.filter(pk=waiting.pk).update(status=Status.DONE, rides=1)
    assert "hx-get" not in as_tester.get(STATE).content.decode()


@pytest.mark.parametrize(
    ("rides", "new", "words"),
    [
        (1, 1, "1 new ride."),
        (3, 3, "3 new rides."),
        (1, 0, "Here already; nothing changed."),
        (3, 1, "3 rides, 1 of them new."),
    ],
)
def test_page_says_what_each_file_brought(
    as_tester: Client, tester: User, rides: int, new: int, words: str
) -> None:
    row(tester, status=Status.DONE, rides=rides, rides_new=new)

    assert f'<p class="small">{words}<' in words_of(as_tester.get(STATE))


def test_page_shows_the_last_upload_only(as_tester: Client, tester: User) -> None:
    row(tester, "old.fit", status=Status.DONE, uploaded_at=NOW.replace(hour=1))
    row(tester, "new.fit", status=Status.DONE)

    page = words_of(as_tester.get(PAGE))

    assert "new.fit" in page
    assert "old.fit" not in page


def test_name_of_a_file_is_text_and_never_markup(as_tester: Client, tester: User) -> None:
    row(tester, "<script>alert(1)</script>.fit", status=Status.FAILED, error="It is empty.")

    assert "<script>alert" not in as_tester.get(PAGE).content.decode()


def test_connections_page_leads_here(as_tester: Client) -> None:
    assert f'href="{PAGE}"' in as_tester.get("/connections").content.decode()


@pytest.mark.parametrize("files", [0, 1, 50])
def test_page_asks_the_database_the_same_for_any_number_of_files(
    as_tester: Client, tester: User, django_assert_num_queries: DjangoAssertNumQueries, files: int
) -> None:
    for number in range(files):
        row(tester, f"{number}.fit", status=Status.DONE, rides=1, rides_new=1)

    for path, queries in ((PAGE, 4), (STATE, 3)):
        with django_assert_num_queries(queries):
            as_tester.get(path)
