"""Sums of tables that grow: as exact as adding everything up, and not asking for all of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count, Max, QuerySet
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import totals
from accounts.models import AuditEvent
from tests.factories import NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "NEW", 3)
    monkeypatch.setattr(totals, "_kept", {})


def happen(*kinds: str, at: Any = NOW) -> None:
    for kind in kinds:
        AuditEvent.objects.create(kind=kind, at=at)


def summed(rows: QuerySet[Any]) -> totals.Sums:
    counted = rows.order_by().values_list("kind").annotate(Count("pk"), Max("actor"))
    return {(kind,): (count, actor) for kind, count, actor in counted}


def added_up(now: Any = NOW) -> totals.Sums:
    return totals.added_up("events", AuditEvent.objects.all(), "pk", summed, now)


def test_small_table_is_added_up_each_time(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    happen("a", "a", "b")

    with django_assert_num_queries(2):
        assert added_up() == {("a",): (2, None), ("b",): (1, None)}
    AuditEvent.objects.filter(kind="b").delete()

    assert added_up() == {("a",): (2, None)}


def test_what_is_old_is_kept_and_what_is_new_is_added(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    happen("a", "b", "a", "a", "a")
    assert added_up() == {("a",): (4, None), ("b",): (1, None)}
    happen("b", "c")

    with django_assert_num_queries(1) as asked:
        told = added_up(NOW + timedelta(minutes=59))

    assert told == {("a",): (4, None), ("b",): (2, None), ("c",): (1, None)}
    assert '"id" > ' in asked.captured_queries[0]["sql"]


@pytest.mark.parametrize("later", [timedelta(hours=1), -timedelta(seconds=1)])
def test_what_went_from_the_old_part_is_gone_an_hour_later(later: timedelta) -> None:
    happen("a", "b", "a", "a", "a")
    added_up()
    AuditEvent.objects.filter(pk=AuditEvent.objects.earliest("pk").pk).delete()

    assert added_up()[("a",)] == (4, None)
    assert added_up(NOW + later)[("a",)] == (3, None)


def test_rows_of_the_days_before_count_as_new_until_they_are_settled() -> None:
    for days in range(6):
        happen("a", at=NOW - days * DAY)
    by_day: dict[str, Any] = {"settled_after": DAY}
    rows = AuditEvent.objects.all()
    before = totals.added_up("days", rows, "at", summed, NOW, **by_day)
    happen("a", at=NOW - 3 * DAY)
    happen("late", at=NOW - 4 * DAY)

    after = totals.added_up("days", rows, "at", summed, NOW, **by_day)

    assert (before, after) == ({("a",): (6, None)}, {("a",): (7, None)})


def test_what_neither_part_knows_stays_unknown() -> None:
    old: totals.Sums = {("a",): (1, None, None), ("b",): (1, 2, 3)}
    new: totals.Sums = {("a",): (1, None, 4), ("c",): (5, None, 6)}

    assert totals.merged(old, new) == {
        ("a",): (2, None, 4),
        ("b",): (1, 2, 3),
        ("c",): (5, None, 6),
    }
