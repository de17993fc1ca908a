from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from coach import spending
from coach.models import MissionRun, ModelCall
from coach.spending import SoFar, Spent
from missions.models import Mission
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(mission: Mission) -> MissionRun:
    return MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="schedule")


def call(run: MissionRun, attempt: int, at: datetime, **fields: Any) -> ModelCall:
    values = {"model": "gpt-4o-mini", "outcome": "accepted", **fields}
    return ModelCall.objects.create(run=run, attempt=attempt, asked_at=at, **values)


def fill(run: MissionRun) -> None:
    """Today one that was asked twice, a month ago one without an answer, and an old one."""
    told = {"tokens_in": 100, "tokens_cached": 40, "tokens_out": 10, "cost_usd": "0.002"}
    call(run, 1, NOW, outcome="rejected", **told)
    call(run, 2, NOW, **told)
    call(run, 3, NOW - timedelta(days=1), cost_usd=None)
    call(run, 5, NOW - timedelta(days=10), outcome="unanswered", model="mine")
    call(run, 7, NOW - timedelta(days=40), **told)


def day(month: int, number: int) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


def test_days_tell_what_each_model_took_the_newest_first(run: MissionRun) -> None:
    fill(run)

    days = spending.by_day(NOW)

    nothing = {"tokens_in": None, "tokens_cached": None, "tokens_out": None, "cost": None}
    assert days == [
        Spent(day(7, 4), "gpt-4o-mini", 2, 1, 0, 1, 200, 80, 20, Decimal("0.004"), 0),
        Spent(day(7, 3), "gpt-4o-mini", 1, 0, 0, 0, **nothing, unpriced=1),
        Spent(day(6, 24), "mine", 1, 0, 1, 0, **nothing, unpriced=0),
    ]
    assert [(one.failed_pct, one.again_pct) for one in days] == [(50, 100), (0, 0), (100, 0)]


def test_months_add_up_their_days(run: MissionRun) -> None:
    fill(run)

    months = [(one.since, one.model, one.calls, one.cost) for one in spending.by_month(NOW)]

    assert months == [
        (day(7, 1), "gpt-4o-mini", 3, Decimal("0.004")),
        (day(6, 1), "mine", 1, None),
        (day(5, 1), "gpt-4o-mini", 1, Decimal("0.002")),
    ]


def test_what_it_cost_so_far_is_unknown_rather_than_nothing(run: MissionRun) -> None:
    assert spending.so_far(NOW) == (SoFar(0, Decimal(), 0), SoFar(0, Decimal(), 0))
    fill(run)

    assert spending.so_far(NOW) == (
        SoFar(2, Decimal("0.004"), 0),
        SoFar(3, Decimal("0.004"), 1),
    )
    assert spending.so_far(NOW - timedelta(days=1))[0] == SoFar(1, None, 1)


def test_sums_take_as_many_queries_whatever_was_asked(
    run: MissionRun, django_assert_num_queries: Any
) -> None:
    for attempt in range(1, 9):
        call(run, attempt, NOW, model=f"m{attempt}")

    with django_assert_num_queries(2):
        assert len(spending.by_day(NOW)) == 8
    with django_assert_num_queries(2):
        assert len(spending.by_month(NOW)) == 8
