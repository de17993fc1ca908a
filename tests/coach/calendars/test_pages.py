import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.conf import settings as here
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import AuditEvent, User
from coach.calendars.pages import NO_CALENDAR
from coach.models import CalendarFeed, MissionRun
from coach.workout_files.of_run import NO_BRIEF, NO_RIDING
from missions.models import Mission
from tests.coach.samples import reply, situation
from tests.factories import NOW, TODAY
from tests.log_scan import Scan

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def put_run(mission: Mission, day: date = TODAY, **fields: Any) -> MissionRun:
    values = {"outcome": "decided", "finished_at": NOW, "decision": reply(), **fields}
    return MissionRun.objects.create(mission=mission, local_date=day, trigger="schedule", **values)


def made(browser: Client) -> str:
    """The path of the address that pressing the button made."""
    assert browser.post("/settings/calendar/address")["Location"] == "/settings/calendar"
    page = browser.get("/settings/calendar").content.decode()
    found = re.search(r'value="https?://[^/]+(/calendar/[\w-]{43}\.ics)"', page)
    assert found is not None
    return found[1]


def kinds(user: User) -> list[str]:
    events = AuditEvent.objects.filter(user=user, kind__startswith="calendar").order_by("pk")
    return list(events.values_list("kind", flat=True))


# --- the address -----------------------------------------------------------------------------


def test_address_is_made_shown_in_both_ways_and_noted(tester: User, as_tester: Client) -> None:
    before = as_tester.get("/settings/calendar")
    path = made(as_tester)
    after = as_tester.get("/settings/calendar")

    assert "No address yet" in before.content.decode()
    page = after.content.decode()
    assert f'value="webcal://127.0.0.1:{here.PORT}{path}"' in page
    assert "No calendar has read it yet." in page
    assert after["Cache-Control"] == "private, no-store"
    assert kinds(tester) == ["calendar_made"]
    assert AuditEvent.objects.get(kind="calendar_made").details == {}


def test_new_address_ends_the_old_one(tester: User, as_tester: Client, client: Client) -> None:
    old = made(as_tester)
    new = made(as_tester)

    assert old != new
    assert [client.get(one).status_code for one in (old, new)] == [404, 200]
    assert kinds(tester) == ["calendar_made", "calendar_renewed"]


def test_removed_address_shows_nothing_any_more(
    tester: User, as_tester: Client, client: Client
) -> None:
    path = made(as_tester)
    as_tester.post("/settings/calendar/remove")
    as_tester.post("/settings/calendar/remove")

    assert client.get(path).status_code == 404
    assert not CalendarFeed.objects.exists()
    assert kinds(tester) == ["calendar_made", "calendar_removed"]


def test_token_is_stored_encrypted_and_found_by_its_digest(tester: User, as_tester: Client) -> None:
    token = made(as_tester).removeprefix("/calendar/").removesuffix(".ics")

    with connection.cursor() as cursor:
        cursor.execute("SELECT digest, token FROM coach_calendarfeed")
        ((digest, stored),) = cursor.fetchall()

    assert token not in stored + digest
    assert tester.calendar_feed.token == token
    assert CalendarFeed.objects.opened_by(token) == tester.calendar_feed
    assert CalendarFeed.objects.opened_by(digest) is None


def test_address_is_asked_for_a_few_times_an_hour(
    as_tester: Client, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "calendar": [("account", 1, 3600)]}

    made(as_tester)

    assert as_tester.post("/settings/calendar/address").status_code == 429


def test_page_is_its_owner_s(as_tester: Client, as_stranger: Client, client: Client) -> None:
    made(as_tester)

    assert "No address yet" in as_stranger.get("/settings/calendar").content.decode()
    assert client.get("/settings/calendar")["Location"].startswith("/auth/login")
    assert as_tester.get("/settings/calendar/address").status_code == 405
    assert as_tester.get("/settings/calendar/remove").status_code == 405
    assert 'href="/settings/calendar"' in as_tester.get("/settings").content.decode()


# --- the calendar ----------------------------------------------------------------------------


def test_calendar_is_read_without_signing_in_and_without_a_cookie(
    mission: Mission, as_tester: Client, client: Client
) -> None:
    path = made(as_tester)
    put_run(mission)

    answer = client.get(path)

    assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    assert answer.content.count(b"BEGIN:VEVENT") == 7
    assert answer["Cache-Control"] == "private, no-cache"
    assert answer["X-Robots-Tag"] == "noindex"
    assert "Vary" not in answer
    assert not answer.cookies
    assert client.post(path).status_code == 405
    assert client.head(path).status_code == 200


def test_calendar_that_is_known_already_is_not_sent_again(
    mission: Mission, as_tester: Client, client: Client
) -> None:
    path = made(as_tester)
    run = put_run(mission)
    first = client.get(path)

    by_tag = client.get(path, headers={"If-None-Match": first["ETag"]})
    by_date = client.get(path, headers={"If-Modified-Since": first["Last-Modified"]})
    run.delete()
    changed = client.get(path, headers={"If-None-Match": first["ETag"]})

    assert [(one.status_code, one.content) for one in (by_tag, by_date)] == [(304, b"")] * 2
    assert (by_tag["ETag"], changed.status_code) == (first["ETag"], 200)


def test_last_reading_is_noted_to_the_hour(tester: User, as_tester: Client, client: Client) -> None:
    path = made(as_tester)

    client.get(path)
    told = [tester.calendar_feed.read_at]
    with time_machine.travel(NOW + timedelta(hours=2, minutes=20), tick=False):
        client.get(path)
    told.append(CalendarFeed.objects.get().read_at)

    assert told == [datetime(2026, 7, 4, 5, tzinfo=UTC), datetime(2026, 7, 4, 7, tzinfo=UTC)]
    page = as_tester.get("/settings/calendar").content.decode()
    assert "A calendar last read it on 4 July 2026, 09:00, to the hour." in page


def test_reading_again_within_the_hour_writes_nothing(
    mission: Mission, as_tester: Client, client: Client
) -> None:
    path = made(as_tester)
    client.get(path)

    with CaptureQueriesContext(connection) as captured:
        client.get(path)

    assert [one["sql"].split()[0] for one in captured] == ["SELECT", "UPDATE", *["SELECT"] * 3]
    assert CalendarFeed.objects.get().read_at == datetime(2026, 7, 4, 5, tzinfo=UTC)


def test_many_runs_take_no_more_queries_than_one(
    mission: Mission, as_tester: Client, client: Client
) -> None:
    path = made(as_tester)
    put_run(mission)
    with CaptureQueriesContext(connection) as one:
        client.get(path)
    for days in range(1, 60):
        put_run(mission, TODAY - timedelta(days=days))

    with CaptureQueriesContext(connection) as many:
        assert client.get(path).content.count(b"BEGIN:VEVENT") == 66

    assert len(one) == len(many) == 5


def test_settings_of_the_calendar_ask_for_its_address_alone(
    tester: User, as_tester: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    as_tester.get("/settings/calendar")  # notes that the browser was used
    for _ in range(2):
        # session, account, address
        with django_assert_num_queries(3):
            as_tester.get("/settings/calendar")
        made(as_tester)


def test_closed_account_and_unknown_token_look_alike(
    tester: User, as_tester: Client, client: Client
) -> None:
    path = made(as_tester)
    User.objects.filter(pk=tester.pk).update(is_active=False)

    answers = [
        client.get(one) for one in (path, "/calendar/forged.ics", f"/calendar/{'x' * 43}.ics")
    ]

    told = [(one.status_code, one.content.decode(), dict(one.headers)) for one in answers]
    assert told[0] == told[1] == told[2]
    assert told[0][:2] == (404, NO_CALENDAR)


def test_unknown_tokens_are_counted_and_known_ones_never(
    as_tester: Client, client: Client, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "calendar_token": [("address", 2, 300)]}
    path = made(as_tester)

    tried = [client.get(f"/calendar/forged-{n}.ics").status_code for n in range(3)]

    assert tried == [404, 404, 429]
    assert client.get(path).status_code == 200


def test_token_is_in_no_log(as_tester: Client, client: Client, the_log: Scan) -> None:
    path = made(as_tester)
    as_tester.post("/settings/calendar/remove")
    the_log.clear()

    client.get(path)
    client.post(path)

    told = [line.text for line in the_log.lines if line.logger == "django.request"]
    assert len(told) == 2
    assert all("/calendar/…" in one and path not in one for one in told)


# --- one workout -------------------------------------------------------------------------------


def test_workout_of_a_run_is_a_file_for_a_calendar(
    mission: Mission, as_tester: Client, as_stranger: Client, client: Client
) -> None:
    run = put_run(mission)
    path = f"/runs/{run.pk}/workout.ics"

    answer = as_tester.get(path)

    assert (answer.status_code, answer.content.count(b"BEGIN:VEVENT")) == (200, 1)
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="2026-07-04-endurance.ics"'
    assert as_stranger.get(path).status_code == 404
    assert client.get(path)["Location"].startswith("/auth/login")


def test_workout_without_steps_or_numbers_has_that_file_too(
    mission: Mission, as_tester: Client
) -> None:
    run = put_run(mission, decision=reply({"workout_plan.steps": []}), situation=None)

    assert as_tester.get(f"/runs/{run.pk}/workout.ics").status_code == 200


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"outcome": "failed", "decision": None}, NO_BRIEF),
        ({"decision": reply({"workout_plan": None})}, NO_RIDING),
    ],
)
def test_day_without_riding_says_so_on_a_page(
    mission: Mission, as_tester: Client, fields: dict[str, Any], why: str
) -> None:
    run = put_run(mission, **fields)

    answer = as_tester.get(f"/runs/{run.pk}/workout.ics")

    assert (answer.status_code, answer.context["why"]) == (404, why)


def test_brief_links_to_it(mission: Mission, as_tester: Client) -> None:
    run = put_run(mission, situation=situation().model_dump(mode="json"))

    page = as_tester.get(run.get_absolute_url()).content.decode()

    assert f'href="/runs/{run.pk}/workout.ics">Add to calendar (.ics)</a>' in page
