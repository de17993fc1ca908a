from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries

from coach.models import MissionRun
from coach.workout_files import FORMATS, file_of
from coach.workout_files.of_run import NO_BRIEF
from missions.models import Mission
from tests.coach.samples import reply
from tests.coach.test_workout_files import FREE, NO_POWER, POWER, RPE, of_steps, put_run
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def place(run: MissionRun, ext: str) -> str:
    return f"/runs/{run.pk}/workout.{ext}"


def links(browser: Client, run: MissionRun) -> list[str]:
    """The formats the run page links to."""
    page = browser.get(run.get_absolute_url()).content.decode()
    return [ext for ext in FORMATS if f'href="{place(run, ext)}"' in page]


def test_owner_gets_the_file_to_be_kept(mission: Mission, as_tester: Client) -> None:
    run = put_run(mission)

    for ext in FORMATS:
        file, answer = file_of(run, ext), as_tester.get(place(run, ext))
        assert (answer.status_code, answer.content) == (200, file.content)
        assert answer["Content-Type"] == file.media_type
        disposition = f'attachment; filename="2026-07-04-endurance.{ext}"'
        assert answer["Content-Disposition"] == disposition
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "private, no-store"


def test_others_get_nothing(mission: Mission, as_stranger: Client, client: Client) -> None:
    run = put_run(mission)

    for ext in FORMATS:
        assert as_stranger.get(place(run, ext)).status_code == 404
        assert client.get(place(run, ext))["Location"].startswith("/auth/login")


def test_what_is_no_format_and_what_is_no_run_is_not_there(
    mission: Mission, as_tester: Client
) -> None:
    run = put_run(mission)
    places = [place(run, "exe"), place(run, "ZWO"), f"/runs/{uuid4()}/workout.zwo"]

    assert [as_tester.get(one).status_code for one in places] == [404, 404, 404]
    assert as_tester.post(place(run, "zwo")).status_code == 405


def test_run_without_a_brief_is_told_on_a_page(mission: Mission, as_tester: Client) -> None:
    run = put_run(mission, outcome="failed", decision=None)

    answer = as_tester.get(place(run, "fit"))

    assert (answer.status_code, answer.context["why"]) == (404, NO_BRIEF)
    assert f'href="{run.get_absolute_url()}"' in answer.content.decode()


def test_format_that_cannot_hold_the_workout_is_told_on_a_page(
    mission: Mission, as_tester: Client
) -> None:
    run = put_run(mission, {}, of_steps(RPE))

    answer = as_tester.get(place(run, "zwo"))

    why = "This workout has no power targets, so there is no .zwo: take the .fit."
    assert (answer.status_code, answer.context["why"]) == (409, why)
    assert why in answer.content.decode()
    assert answer["Content-Type"].startswith("text/html")


# --- the links ---------------------------------------------------------------------------------


def test_brief_links_to_every_format(mission: Mission, as_tester: Client) -> None:
    run = put_run(mission)

    assert links(as_tester, run) == ["zwo", "mrc", "erg", "fit"]
    part = as_tester.get(reverse("coach:run-status", args=[run.pk])).content.decode()
    assert f'<a class="go" href="{place(run, "zwo")}">Zwift (.zwo)</a>' in part


@pytest.mark.parametrize(
    ("steps", "linked", "told"),
    [
        ([RPE], ["fit"], NO_POWER),
        ([POWER, FREE], ["zwo", "fit"], "so there is no .mrc or .erg: take the .zwo or .fit."),
        ([], [], "The coach gave the zones of this workout and no steps"),
    ],
)
def test_brief_says_which_formats_there_are_none_of_and_why(
    mission: Mission, as_tester: Client, steps: list[Any], linked: list[str], told: str
) -> None:
    run = put_run(mission, {}, of_steps(*steps))

    assert links(as_tester, run) == linked
    assert told in as_tester.get(run.get_absolute_url()).content.decode()


def test_day_off_offers_no_file(mission: Mission, as_tester: Client) -> None:
    run = put_run(mission, decision=reply({"workout_plan": None}))

    assert links(as_tester, run) == []
    assert "Take it along" not in as_tester.get(run.get_absolute_url()).content.decode()


# --- the database ------------------------------------------------------------------------------


@pytest.mark.parametrize("runs", [1, 8])
def test_file_asks_the_database_as_often_among_many_runs(
    mission: Mission,
    as_tester: Client,
    runs: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    run = put_run(mission)
    for day in range(1, runs):
        MissionRun.objects.create(
            mission=mission,
            local_date=f"2026-06-{day:02d}",
            trigger="schedule",
            outcome="failed",
            finished_at=NOW,
        )

    with django_assert_num_queries(3):
        assert as_tester.get(place(run, "fit")).status_code == 200
