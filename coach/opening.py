"""Storing the runs of a batch: one statement, in which what many have in common stands once.

Through the models five hundred rows of thirty columns take far longer to spell than to store.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from coach.models import MissionRun
from missions import rows

# What may differ from one kind of run to the next, and its type; the rest is alike in a batch.
VARYING = {
    "local_date": "date",
    "due_at": "timestamptz",
    "publish_at": "timestamptz",
    "wait_until": "timestamptz",
    "give_up_at": "timestamptz",
}
COLUMNS = {field.name: str(field.column) for field in MissionRun._meta.concrete_fields}


def insert(kinds: Sequence[tuple[MissionRun, Sequence[UUID]]]) -> None:
    """Each run, not stored itself, for each of its missions; not where one is there already.

    Nor where there is one of a later date: who moved west and began anew gets no older one.
    """
    if not kinds:
        return
    common = [name for name in COLUMNS if name not in (*VARYING, "id", "mission")]
    names = [COLUMNS[name] for name in ("id", "mission", *VARYING, *common)]
    chosen = [
        *(rows.column("one", 0, "uuid"), rows.column("one", 1, "uuid")),
        *(rows.column("kind", place, kind) for place, kind in enumerate(VARYING.values(), start=1)),
        *["%s"] * len(common),
    ]
    table = MissionRun._meta.db_table
    statement = f"""
        INSERT INTO {table} ({", ".join(names)})
        SELECT {", ".join(chosen)}
        FROM {rows.table("one")} JOIN {rows.table("kind")} ON one.value ->> 2 = kind.value ->> 0
        WHERE NOT EXISTS (
            SELECT 1 FROM {table} newer WHERE newer.mission_id = {rows.column("one", 1, "uuid")}
            AND newer.local_date > {rows.column("kind", 1, "date")}
        )
        ON CONFLICT DO NOTHING
    """  # noqa: S608  names of our own
    first, _ = kinds[0]
    values = [
        *(_stored(first, name) for name in common),
        *(rows.parameter(_each(kinds)), rows.parameter(_kinds(kinds))),
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _each(kinds: Sequence[tuple[MissionRun, Sequence[UUID]]]) -> list[Any]:
    return [
        (uuid4().hex, mission.hex, number)
        for number, (_, missions) in enumerate(kinds)
        for mission in missions
    ]


def _kinds(kinds: Sequence[tuple[MissionRun, Sequence[UUID]]]) -> list[Any]:
    return [
        (number, *(_stored(run, name) for name in VARYING)) for number, (run, _) in enumerate(kinds)
    ]


def _stored(run: MissionRun, name: str) -> Any:
    field: Any = MissionRun._meta.get_field(name)
    return field.get_db_prep_save(getattr(run, name), connection)
