import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client

from accounts.models import AuditEvent, User
from coach.models import CalendarFeed
from tests.factories import NOW

pytestmark = pytest.mark.django_db

NONE = {"url": None, "made_at": None, "read_at": None}


def test_address_is_made_read_renewed_and_taken_away(
    tester: User, as_tester: Client, client: Client
) -> None:
    with time_machine.travel(NOW, tick=False):
        told = [as_tester.get("/api/calendar").json()]
        first = as_tester.post("/api/calendar")
        told.append(as_tester.get("/api/calendar").json())
        second = as_tester.post("/api/calendar").json()
        gone = as_tester.delete("/api/calendar")
        told.append(as_tester.get("/api/calendar").json())

    assert told == [NONE, first.json(), NONE]
    assert (first.status_code, gone.status_code) == (201, 204)
    assert first.json()["url"] != second["url"]
    assert first.json() == {
        "url": first.json()["url"],
        "made_at": "2026-07-04T05:30:00Z",
        "read_at": None,
    }
    kinds = AuditEvent.objects.filter(user=tester, kind__startswith="calendar").order_by("pk")
    assert list(kinds.values_list("kind", flat=True)) == [
        *("calendar_made", "calendar_renewed", "calendar_removed")
    ]


def test_address_opens_the_calendar(as_tester: Client, client: Client) -> None:
    url = as_tester.post("/api/calendar").json()["url"]

    assert client.get(url).content.startswith(b"BEGIN:VCALENDAR\r\n")


def test_stranger_has_their_own_and_nobody_none(
    tester: User, as_tester: Client, as_stranger: Client, client: Client
) -> None:
    as_tester.post("/api/calendar")

    assert as_stranger.get("/api/calendar").json() == NONE
    assert as_stranger.delete("/api/calendar").status_code == 204
    assert [client.get("/api/calendar").status_code, client.post("/api/calendar").status_code] == [
        401,
        401,
    ]
    assert CalendarFeed.objects.get().user == tester


def test_making_is_limited(as_tester: Client, settings: LazySettings) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "calendar": [("account", 1, 3600)]}

    answers = [as_tester.post("/api/calendar") for _ in range(2)]

    assert [one.status_code for one in answers] == [201, 429]
    assert "Retry-After" in answers[1]
