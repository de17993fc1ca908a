"""The rides of files on their page, and the page that asks before one is deleted."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertRedirects

from accounts.models import User
from connections.models import Ride, RideFile
from connections.rides import RideInWords
from connections.sources import Source
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

PAGE, STATE = "/connections/ride-files", "/connections/ride-files/state"


def ride(user: User, days: int = 0, **fields: Any) -> Ride:
    return factories.ride(
        user,
        TODAY - timedelta(days=days),
        **{"source": Source.FILE, "distance_m": 28_800, **fields},
    )


def delete(one: Ride) -> str:
    return f"/connections/rides/{one.pk}/delete"


def words_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def listed(answer: Any) -> list[Ride]:
    return [line.ride for line in answer.context["lines"]]


# --- Who may ---


def test_question_sends_the_anonymous_to_sign_in(client: Client, tester: User) -> None:
    path = delete(ride(tester))

    for answer in (client.get(path), client.post(path)):
        assert answer.headers["location"] == f"/auth/login?next={path}"
    assert Ride.objects.exists()


def test_stranger_neither_sees_nor_deletes_a_ride(as_stranger: Client, tester: User) -> None:
    path = delete(ride(tester))

    assert listed(as_stranger.get(PAGE)) == []
    assert as_stranger.get(path).status_code == 404
    assert as_stranger.post(path).status_code == 404
    assert Ride.objects.exists()


def test_ride_is_deleted_by_a_form_of_ours_only(tester: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(tester, backend=settings.AUTHENTICATION_BACKENDS[0])

    assert browser.post(delete(ride(tester))).status_code == 403
    assert Ride.objects.exists()


def test_ride_of_another_source_is_not_listed_and_not_deleted_here(
    as_tester: Client, tester: User
) -> None:
    theirs = [ride(tester, source=source) for source in (Source.STRAVA, Source.APPLE)]

    assert listed(as_tester.get(PAGE)) == []
    for one in theirs:
        assert as_tester.get(delete(one)).status_code == 404
        assert as_tester.post(delete(one)).status_code == 404
    assert Ride.objects.count() == 2


# --- The list ---


def test_page_without_rides_says_how_to_get_some(as_tester: Client) -> None:
    page = words_of(as_tester.get(PAGE))

    assert "None yet. Send the files above, and their rides are listed here." in page


def test_each_ride_is_told_on_one_line_in_the_testers_own_time(
    as_tester: Client, tester: User
) -> None:
    one = ride(tester, climb_m=412.4, name="<script>alert(1)</script>")

    page = words_of(as_tester.get(PAGE))

    assert (
        '<b><time datetime="2026-07-04">Saturday 4 July 2026</time>, 18:00</b> '
        '<span class="meta">Ride: 1 h 00 min, 28.8 km, 412 m up, NP 160 W</span>'
    ) in page
    assert f'href="{delete(one)}"' in page
    assert "alert(1)" not in page


@pytest.mark.parametrize(
    ("fields", "figures"),
    [
        ({"duration_s": 3_599}, "1~h~00~min, 28.8~km, NP~160~W"),
        ({"duration_s": 2_700, "climb_m": 0.0}, "45~min, 28.8~km, 0~m~up, NP~160~W"),
        ({"np_w": None}, "1~h~00~min, 28.8~km, 150~W on average"),
        ({"np_w": None, "average_power_w": None}, "1~h~00~min, 28.8~km, power unknown"),
        # A meter that told nothing but 0 W.
        ({"np_w": 0.0, "has_power_meter": False}, "1~h~00~min, 28.8~km, power unknown"),
        ({"distance_m": None}, "1~h~00~min, distance unknown, NP~160~W"),
    ],
)
def test_what_is_not_known_is_said_so(tester: User, fields: dict[str, Any], figures: str) -> None:
    told = figures.replace("~", "\N{NO-BREAK SPACE}")
    assert RideInWords(ride(tester, **fields)).figures == told


def test_figures_are_in_the_units_of_the_tester(as_tester: Client, tester: User) -> None:
    User.objects.update(units=User.Units.IMPERIAL)
    ride(tester, distance_m=16_093.44, climb_m=100.0)

    assert "1 h 00 min, 10.0 mi, 328 ft up, NP 160 W" in words_of(as_tester.get(PAGE))


def test_sport_is_in_words(tester: User) -> None:
    assert RideInWords(ride(tester, sport="MountainBikeRide")).sport == ("Mountain bike ride")


def test_rides_come_newest_first_twenty_to_a_page(as_tester: Client, tester: User) -> None:
    rides = [ride(tester, days=days) for days in range(41)]

    assert listed(as_tester.get(PAGE)) == rides[:20]
    assert listed(as_tester.get(f"{PAGE}?page=2")) == rides[20:40]
    last = as_tester.get(f"{PAGE}?page=3")
    assert listed(last) == rides[40:]
    assert "Page 3 of 3" in words_of(last)
    assert 'href="?page=2#rides"' in words_of(last)
    # A page that was there before something was deleted.
    assert listed(as_tester.get(f"{PAGE}?page=99")) == rides[40:]
    assert listed(as_tester.get(f"{PAGE}?page=x")) == rides[:20]


@pytest.mark.parametrize("rides", [1, 60])
def test_page_asks_the_database_the_same_for_any_number_of_rides(
    as_tester: Client, tester: User, django_assert_num_queries: DjangoAssertNumQueries, rides: int
) -> None:
    for days in range(rides):
        ride(tester, days=days)

    with django_assert_num_queries(5):  # session, account, what was sent; how many rides, which
        as_tester.get(PAGE)


def test_list_fetches_itself_again_once_all_files_are_read(as_tester: Client, tester: User) -> None:
    row = RideFile.objects.create(
        user=tester, file_name="a.fit", size_bytes=1, uploaded_at=NOW, stored_name="x.ride"
    )
    assert "HX-Trigger-After-Swap" not in as_tester.get(STATE)

    RideFile.objects.filter(pk=row.pk).update(status=RideFile.Status.DONE)

    event = as_tester.get(STATE)["HX-Trigger-After-Swap"]
    assert f'hx-trigger="{event} from:body"' in words_of(as_tester.get(PAGE))


# --- Deleting ---


def test_ride_is_deleted_after_one_question(as_tester: Client, tester: User) -> None:
    gone, stays = ride(tester), ride(tester, days=1)

    asked = words_of(as_tester.get(delete(gone)))
    assert "<h1>Delete the ride of 4 July 2026?</h1>" in asked
    assert "1 h 00 min, 28.8 km, NP 160 W." in asked
    assert Ride.objects.count() == 2

    response = as_tester.post(delete(gone))

    assertRedirects(response, PAGE, fetch_redirect_response=False)
    assert [str(one) for one in get_messages(response.wsgi_request)] == [
        "The ride of 4 July 2026 is deleted."
    ]
    assert list(Ride.objects.all()) == [stays]


def test_ride_that_was_deleted_in_another_window_is_no_longer_there(
    as_tester: Client, tester: User
) -> None:
    path = delete(ride(tester))
    as_tester.post(path)

    assert as_tester.post(path).status_code == 404
