"""Migrations on an empty and on a seeded database, and the models they lead to."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps.registry import Apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests import migrated
from tests.own_database import OwnDatabase, own_database

OURS = ("accounts", "connections", "missions", "coach", "notifications")


def test_models_and_migrations_agree(db: None) -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, stdout=StringIO())


@pytest.fixture(scope="module")
def _first_release(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnDatabase]:
    """A database of its own with the tables as the first release made them, empty."""
    with django_db_blocker.unblock(), own_database(tmp_path_factory.mktemp("first")) as database:
        _migrate([(app, "0001_initial") for app in OURS])
        connection.close()
        yield database


@pytest.fixture
def first_release(
    _first_release: OwnDatabase, django_db_blocker: Any, tmp_path: Path
) -> Iterator[Apps]:
    """A copy of it, which a test may change."""
    targets = [(app, "0001_initial") for app in OURS]
    with django_db_blocker.unblock(), own_database(tmp_path, like=_first_release):
        yield MigrationExecutor(connection).loader.project_state(targets).apps


@pytest.fixture
def today(django_db_setup: None, django_db_blocker: Any, tmp_path: Path) -> Iterator[Apps]:
    """A copy of a database with every migration run, empty."""
    is_file = connection.vendor == "sqlite"
    like = str(migrated.sqlite()) if is_file else migrated.postgres_template()
    with django_db_blocker.unblock(), own_database(tmp_path, like=like):
        yield MigrationExecutor(connection).loader.project_state(latest()).apps


def _migrate(targets: list[tuple[str, str]]) -> Apps:
    executor = MigrationExecutor(connection)
    executor.migrate(targets)
    return executor.loader.project_state(targets).apps


def latest() -> list[tuple[str, str]]:
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()
    return [node for node in leaves if node[0] in OURS]


def rows(apps: Apps, model: str, *fields: str) -> list[tuple[Any, ...]]:
    return list(apps.get_model(model).objects.order_by("pk").values_list(*fields))


def test_migrations_run_forward_on_an_empty_database(first_release: Apps) -> None:
    apps = _migrate(latest())

    assert rows(apps, "accounts.User", "pk") == []
    assert rows(apps, "account.EmailAddress", "pk") == []


def test_migrations_run_forward_on_a_seeded_database_and_keep_what_is_there(
    first_release: Apps,
) -> None:
    user = first_release.get_model("accounts.User").objects.create(
        email="early@example.org", password="!", timezone="Europe/Paris"
    )
    mission = first_release.get_model("missions.Mission").objects.create(
        owner_id=user.pk,
        name="Tour",
        mission_type="other",
        event_start=date(2026, 8, 1),
        event_end=date(2026, 8, 2),
        timezone="Europe/Paris",
        points_schema={
            "flat": {"gc": 5, "breakaway": 8},
            "bonuses": {
                "consecutive_5": {"threshold": 5, "points": 5},
                "consecutive_6": {"threshold": 7, "points": 5},
                "polka_dots": {"threshold": 3, "points": 5},
            },
        },
    )
    first_release.get_model("connections.Connection").objects.create(
        user_id=user.pk, provider="oura", external_id="o1", access_token="canary"
    )
    first_release.get_model("connections.Ride").objects.create(
        user_id=user.pk,
        source="strava",
        external_id="r1",
        started_at=datetime(2026, 7, 1, tzinfo=UTC),
        local_date=date(2026, 7, 1),
        sport="Ride",
        duration_s=3600,
        elapsed_s=3600,
    )
    first_release.get_model("notifications.Notification").objects.create(
        dedupe_key="brief:1", kind="brief", user_id=user.pk, recipients=["early@example.org"]
    )

    apps = _migrate(latest())

    assert rows(apps, "accounts.User", "email", "health_consent_at") == [
        ("early@example.org", None)
    ]
    assert rows(apps, "account.EmailAddress", "user", "email", "verified", "primary") == [
        (user.pk, "early@example.org", True, True)
    ]
    assert rows(apps, "missions.Mission", "pk", "name") == [(mission.pk, "Tour")]
    ((prices,),) = rows(apps, "missions.Mission", "points_schema")
    assert prices["bonuses"] == {"consecutive_5": {"threshold": 5, "points": 5}}
    assert rows(apps, "connections.Connection", "external_id", "access_token") == [("o1", "canary")]
    assert rows(apps, "connections.Ride", "external_id") == [("r1",)]
    assert rows(apps, "notifications.Notification", "dedupe_key") == [("brief:1",)]


def test_calls_of_before_say_whose_they_were_and_are_counted(first_release: Apps) -> None:
    before = _migrate([("coach", "0003_check_ins_and_records")])
    users = [
        before.get_model("accounts.User").objects.create(email=f"{n}@example.org", password="!")
        for n in range(2)
    ]
    days = {"prep_start": date(2026, 6, 1), "event_start": date(2026, 8, 1)}
    days["event_end"] = date(2026, 8, 2)
    mission = before.get_model("missions.Mission").objects.create(
        owner_id=users[0].pk, name="Tour", mission_type="other", timezone="UTC", **days
    )
    of_mission = {"mission_id": mission.pk}
    run = before.get_model("coach.MissionRun").objects.create(
        local_date=date(2026, 7, 1), trigger="schedule", **of_mission
    )
    about: list[dict[str, Any]] = [
        {"run_id": run.pk, "asked_at": datetime(2026, 7, 31, 23, 59, tzinfo=UTC)},
        {"run_id": run.pk, "asked_at": datetime(2026, 8, 1, tzinfo=UTC)},
        {"draft_id": before.get_model("coach.MissionDraft").objects.create(user=users[1]).pk},
        {"reflection_id": before.get_model("coach.Reflection").objects.create(**of_mission).pk},
    ]
    for attempt, fields in enumerate(about, 1):
        values = {"asked_at": datetime(2026, 8, 2, tzinfo=UTC), **fields}
        counts = {"tokens_in": 100 * attempt, "tokens_out": None if attempt == 2 else 1}
        before.get_model("coach.ModelCall").objects.create(
            attempt=attempt, model="m", outcome="accepted", **counts, **values
        )

    apps = _migrate(latest())

    first, second = (user.pk for user in users)
    assert rows(apps, "coach.ModelCall", "purpose", "owner") == [
        ("day", first),
        ("day", first),
        ("draft", second),
        ("wrap_up", first),
    ]
    july, august = date(2026, 7, 1), date(2026, 8, 1)
    assert set(rows(apps, "coach.TokenUse", "month_date", "owner", "tokens")) == {
        (july, first, 101),
        (july, None, 101),
        (august, first, 601),
        (august, second, 301),
        (august, None, 902),
    }


def test_runs_without_a_file_wait_for_it_in_the_new_column(first_release: Apps) -> None:
    before = _migrate([("coach", "0005_rule_tallies")])
    put_run(before, 1, outcome="failed")
    put_run(before, 2, outcome="failed", artifacts_at=datetime(2026, 7, 2, tzinfo=UTC))
    put_run(before, 3, outcome="due")

    apps = _migrate(latest())

    waiting = apps.get_model("coach.MissionRun").objects.filter(file_due_at__isnull=False)
    assert [run.local_date.day for run in waiting] == [1]


def put_run(apps: Apps, day: int, **fields: Any) -> Any:
    user, _ = apps.get_model("accounts.User").objects.get_or_create(email="early@example.org")
    mission, _ = apps.get_model("missions.Mission").objects.get_or_create(
        owner_id=user.pk,
        defaults={
            "mission_type": "other",
            "timezone": "UTC",
            "prep_start": date(2026, 6, 1),
            "event_start": date(2026, 8, 1),
            "event_end": date(2026, 8, 2),
        },
    )
    return apps.get_model("coach.MissionRun").objects.create(
        mission_id=mission.pk, local_date=date(2026, 7, day), trigger="schedule", **fields
    )


def test_migrations_run_back_when_mornings_were_missed_and_tasks_broke_off(
    today: Apps,
) -> None:
    incidents = today.get_model("coach.Incident").objects
    incidents.create(task="coach.sweep", kind="task", detail="")
    incidents.create(run_id=put_run(today, 1, outcome="missed").pk, kind="missed", detail="")

    back = _migrate([("coach", "0005_rule_tallies"), ("missions", "0003_conventions")])

    assert rows(back, "coach.MissionRun", "outcome") == [("failed",)]
    assert rows(back, "coach.Incident", "kind") == [("missed",)]


def test_migrations_run_back_when_drafts_were_asked_for(today: Apps) -> None:
    user = today.get_model("accounts.User").objects.create(email="early@example.org", password="!")
    draft = today.get_model("coach.MissionDraft").objects.create(user_id=user.pk)
    today.get_model("coach.ModelCall").objects.create(
        draft_id=draft.pk, attempt=1, model="m", prompt_sha256="", outcome="accepted"
    )
    today.get_model("coach.Incident").objects.create(draft_id=draft.pk, kind="quota", detail="")

    back = _migrate([(app, "0001_initial") for app in OURS])

    assert rows(back, "coach.ModelCall", "pk") == rows(back, "coach.Incident", "pk") == []
    assert rows(back, "accounts.User", "email") == [("early@example.org",)]
