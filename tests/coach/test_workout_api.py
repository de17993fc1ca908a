from typing import Any
from uuid import uuid4

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import tokens
from accounts.models import User
from coach.workout_files import FORMATS, file_of
from coach.workout_files.of_run import NO_RIDING
from missions.models import Mission
from tests.coach.samples import reply
from tests.coach.test_workout_files import RPE, of_steps, put_run

pytestmark = pytest.mark.django_db

PROBLEM = "application/problem+json"


def place(run: Any, ext: str) -> str:
    return f"/api/runs/{getattr(run, 'pk', run)}/workout.{ext}"


@pytest.mark.parametrize("accepted", ["*/*", "application/octet-stream", "application/json"])
def test_owner_gets_the_file_whatever_else_a_program_would_accept(
    mission: Mission, as_tester: Client, accepted: str
) -> None:
    run = put_run(mission)

    for ext in FORMATS:
        file = file_of(run, ext)
        answer = as_tester.get(place(run, ext), headers={"Accept": accepted})
        assert (answer.status_code, answer.content) == (200, file.content)
        assert answer["Content-Type"] == file.media_type
        assert answer["Content-Disposition"] == f'attachment; filename="{file.name}"'
        assert reverse(f"api-workout-{ext}", args=[run.pk]) == place(run, ext)


def test_access_token_opens_the_file_of_its_owner(
    mission: Mission, client: Client, tester: User
) -> None:
    run = put_run(mission)
    access = tokens.issue(tester, RequestFactory().get("/"), timezone.now()).access

    answer = client.get(place(run, "fit"), headers={"Authorization": f"Bearer {access}"})

    assert answer.content == file_of(run, "fit").content


def test_others_get_nothing(
    mission: Mission, as_stranger: Client, as_tester: Client, client: Client
) -> None:
    run = put_run(mission)

    for ext in FORMATS:
        answers = [
            as_stranger.get(place(run, ext)),
            as_tester.get(place(uuid4(), ext)),
            client.get(place(run, ext)),
        ]
        assert [(one.status_code, one["Content-Type"]) for one in answers] == [
            (404, PROBLEM),
            (404, PROBLEM),
            (401, PROBLEM),
        ]


def test_day_without_riding_is_not_found_with_words(mission: Mission, as_tester: Client) -> None:
    run = put_run(mission, decision=reply({"workout_plan": None}))

    for ext in FORMATS:
        answer = as_tester.get(place(run, ext))
        assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)
        assert answer.json()["detail"] == NO_RIDING


def test_format_that_cannot_hold_the_workout_is_a_conflict_with_words(
    mission: Mission, as_tester: Client
) -> None:
    run = put_run(mission, {}, of_steps(RPE))

    for ext in ("zwo", "mrc", "erg"):
        answer = as_tester.get(place(run, ext))
        assert (answer.status_code, answer["Content-Type"]) == (409, PROBLEM)
        assert answer.json() == {
            "type": "about:blank",
            "title": "Not possible now",
            "status": 409,
            "detail": f"This workout has no power targets, so there is no .{ext}: take the .fit.",
        }
    assert as_tester.get(place(run, "fit")).status_code == 200


def test_schema_tells_of_the_files_as_bytes_of_their_kind() -> None:
    paths = SchemaGenerator().get_schema(  # type: ignore[no-untyped-call]
        request=None, public=True
    )["paths"]

    told = {
        ext: paths[f"/api/runs/{{id}}/workout.{ext}"]["get"]["responses"]["200"]["content"]
        for ext in FORMATS
    }

    binary = {"schema": {"type": "string", "format": "binary"}}
    assert told == {ext: {one.media_type: binary} for ext, one in FORMATS.items()}


@pytest.mark.parametrize("runs", [1, 5])
def test_file_asks_the_database_as_often_among_many_runs(
    mission: Mission,
    as_tester: Client,
    runs: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    run = put_run(mission)
    for day in range(1, runs):
        mission.runs.create(local_date=f"2026-06-{day:02d}", trigger="schedule")

    with django_assert_num_queries(3):
        assert as_tester.get(place(run, "zwo")).status_code == 200
