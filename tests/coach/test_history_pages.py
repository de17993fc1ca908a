import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from coach.models import Feedback, MissionRun
from missions.models import Mission
from tests import factories
from tests.coach.samples import reply
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

MANY = 10_000


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def put_run(mission: Mission, day: date = TODAY, **changes: Any) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission,
        local_date=day,
        trigger="schedule",
        outcome="decided",
        finished_at=NOW,
        decision=reply(changes),
    )


def put_unfinished(mission: Mission, day: date, outcome: str) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission, local_date=day, trigger="schedule", outcome=outcome
    )


def page_of(browser: Client, path: str = "/history") -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def labels(page: str) -> list[str]:
    """What each run of the month is called, by its link."""
    entries = re.findall(r'<a class="entry is-(\w+)" href="([^"]+)">.*?>([^<]+)</span>', page)
    return [" ".join(one) for one in entries]


def queries(browser: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        page_of(browser, path)
    return len(captured)


def test_month_shows_each_day_by_its_action_its_word_and_its_outcome(
    mission: Mission, as_tester: Client
) -> None:
    eased = put_run(mission, TODAY - timedelta(days=3), action="ease")
    pushed = put_run(mission, TODAY - timedelta(days=2), action="push")
    Feedback.objects.create(run=pushed, word="changed")
    missed = put_unfinished(mission, TODAY - timedelta(days=1), "missed")
    off = put_run(mission, action="recover", workout_plan=None)

    page = page_of(as_tester)

    name = "Tour of the Valleys"
    assert labels(page) == [
        f"ease /runs/{eased.pk} Wednesday 1 July: Ease, 60 min, {name}",
        f"push /runs/{pushed.pk} Thursday 2 July: Push, 60 min, changed, {name}",
        f"missed /runs/{missed.pk} Friday 3 July: Missed, {name}",
        f"recover /runs/{off.pk} Saturday 4 July: Recover, no riding, {name}",
    ]
    assert "<dd>3 of 4 mornings</dd>" in page
    assert "<dd>0 done, 1 changed, 0 skipped, 1 not said</dd>" in page
    assert page.count('aria-current="date"') == 1
    assert 'href="#mark-changed"' in page


def test_runs_of_all_missions_are_there_and_nobody_else_s(
    tester: User, mission: Mission, stranger: User, as_tester: Client
) -> None:
    before = factories.mission(tester, name="Ronde", state=Mission.State.MISSION_COMPLETE)
    put_run(mission)
    put_run(before)
    put_run(factories.mission(stranger, name="Not theirs"))

    page = page_of(as_tester)

    assert sorted(one.rpartition(", ")[2] for one in labels(page)) == [
        "Ronde",
        "Tour of the Valleys",
    ]


def test_event_days_have_their_glyph_and_rest_days_the_word(
    mission: Mission, as_tester: Client
) -> None:
    mission.stages.filter(number=2).update(is_rest_day=True)
    mission.stages.filter(number=3).update(stage_type="mountain")

    page = page_of(as_tester, "/history?month=2026-08")

    told = re.findall(r'<span class="visually-hidden">(Tour of the Valleys: [^<]+)</span>', page)
    assert told[1:3] == [
        "Tour of the Valleys: rest day",
        "Tour of the Valleys: stage 3, mountain",
    ]
    assert len(told) == 5
    assert 'href="#stage-mountain"' in page


def test_week_begins_on_the_reader_s_first_weekday(
    tester: User, mission: Mission, as_tester: Client
) -> None:
    User.objects.filter(pk=tester.pk).update(first_weekday=User.Weekday.SUNDAY)

    weekdays = as_tester.get("/history").context["weekdays"]

    assert [name for name, _ in weekdays] == [
        *("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
    ]


def test_links_lead_to_the_next_months_with_anything_and_work_without_a_script(
    mission: Mission, as_tester: Client
) -> None:
    put_run(mission, date(2025, 11, 30))
    put_run(mission)

    page = page_of(as_tester)

    earlier, later = (
        re.search(rf'id="{name}" href="([^"]+)" hx-get="([^"]+)" hx-push-url="([^"]+)"', page)
        for name in ("earlier", "later")
    )
    assert earlier is not None
    assert later is not None
    assert earlier.groups() == (
        "/history?month=2025-11",
        "/history/month?month=2025-11",
        "/history?month=2025-11",
    )
    assert later[1] == "/history?month=2026-08"  # the event
    assert 'href="/history?month=2025-11">2025<' in page


def test_part_of_the_page_is_the_month_alone_with_its_title(
    mission: Mission, as_tester: Client
) -> None:
    run = put_run(mission, date(2026, 2, 28))

    part = page_of(as_tester, "/history/month?month=2026-02")

    assert part.startswith("<title>February 2026 · History · Lanterne Rouge</title>")
    assert 'data-announce="February 2026: 1 brief."' in part
    assert "<html" not in part
    assert f"/runs/{run.pk}" in part


def test_month_without_briefs_leads_to_the_latest(mission: Mission, as_tester: Client) -> None:
    put_run(mission, date(2026, 2, 28))

    page = page_of(as_tester, "/history?month=2026-03")

    assert "No briefs in this month." in page
    assert 'href="/history?month=2026-02">The latest are of February 2026</a>' in page


def test_history_of_a_new_tester_says_how_it_begins(as_tester: Client) -> None:
    page = page_of(as_tester)

    assert "No brief yet." in page
    assert ('class="legend' in page, 'class="jump"' in page) == (False, False)


@pytest.mark.parametrize(
    "month", ["2026-13", "2026-1", "july", "0000-01", "9999-12", "２０２６-07"]
)
def test_what_is_no_month_is_not_there(as_tester: Client, month: str) -> None:
    assert as_tester.get("/history", {"month": month}).status_code == 404
    assert as_tester.get("/history/month", {"month": month}).status_code == 404


def test_history_is_for_those_who_are_signed_in_and_only_read(
    client: Client, as_tester: Client
) -> None:
    for path in ("/history", "/history/month"):
        assert client.get(path)["Location"] == f"/auth/login?next={path}"
        assert as_tester.post(path).status_code == 405


def test_home_and_every_page_lead_to_it(mission: Mission, as_tester: Client) -> None:
    put_run(mission, TODAY - timedelta(days=1))

    page = page_of(as_tester, "/")

    assert '<li><a href="/history">History</a></li>' in page
    assert '<a class="go" href="/history">All of them</a>' in page


def test_ten_thousand_runs_take_no_more_queries_than_one(
    mission: Mission, as_tester: Client
) -> None:
    put_run(mission)
    paths = ("/history", "/history/month?month=2026-06")
    page_of(as_tester)  # notes that the browser was used
    before = [queries(as_tester, path) for path in paths]
    MissionRun.objects.bulk_create(
        MissionRun(
            mission=mission,
            local_date=TODAY - timedelta(days=n),
            trigger="schedule",
            outcome="decided",
            decision=reply(),
            finished_at=NOW,
        )
        for n in range(1, MANY)
    )

    assert [queries(as_tester, path) for path in paths] == before == [6, 6]
    page = page_of(as_tester)
    assert page.count('class="entry') == 4
    # The months of a year and the years, not every month there is.
    assert page.count("<li>") < 60
