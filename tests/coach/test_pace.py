from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings

from coach import pace
from coach.models import ModelPace
from coach.pace import Limits, NotYet
from tests.threads import at_once

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 7, 4, 5, 30, 20, tzinfo=UTC)
MODEL = "gpt-4o-mini"
together = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _limits(settings: LazySettings) -> None:
    settings.COACH_REQUESTS_PER_MINUTE = 10
    settings.COACH_TOKENS_PER_MINUTE = 100_000


def wait_s(
    tokens: int = 100, *, after_s: float = 0, share: float = 1.0, model: str = MODEL
) -> float | None:
    """None where one may ask; else how long to wait."""
    try:
        pace.take(model, tokens, NOW + timedelta(seconds=after_s), share=share)
    except NotYet as told:
        return told.wait_s
    return None


def used(model: str = MODEL) -> tuple[int, int]:
    row = ModelPace.objects.get(server__endswith=f" {model}")
    return row.requests, row.tokens


def test_minute_s_requests_are_counted_and_the_next_minute_begins_anew() -> None:
    assert [wait_s() for _ in range(11)] == [None] * 10 + [40.0]
    assert used() == (10, 1000)

    assert wait_s(after_s=39.5) == 1.0
    assert wait_s(after_s=40) is None
    assert used() == (1, 100)


def test_minute_s_tokens_are_counted_before_they_are_used() -> None:
    assert [wait_s(40_000), wait_s(40_000), wait_s(40_000), wait_s(20_000)] == [
        None,
        None,
        40.0,
        None,
    ]
    assert used() == (3, 100_000)


def test_question_larger_than_a_minute_has_a_minute_to_itself() -> None:
    assert wait_s(250_000) is None
    assert wait_s(1) == 40.0
    assert wait_s(250_000, after_s=60) is None


def test_mornings_leave_a_tenth_to_those_who_ask_by_hand() -> None:
    share = pace.MORNINGS_SHARE
    assert [wait_s(share=share) for _ in range(10)] == [None] * 9 + [40.0]
    assert wait_s() is None
    assert wait_s() == 40.0


def test_without_limits_nobody_waits(settings: LazySettings) -> None:
    settings.COACH_REQUESTS_PER_MINUTE = settings.COACH_TOKENS_PER_MINUTE = 0

    assert {wait_s(90_000_000) for _ in range(20)} == {None}


def learn(limits: Limits, *, counted: int = 100, used: int | None = None) -> None:
    pace.learn(MODEL, limits, counted=counted, used=used, asked_at=NOW)


def test_server_s_own_limits_count_where_it_tells_them() -> None:
    wait_s()

    learn(Limits(requests=2))
    assert [wait_s(), wait_s()] == [None, 40.0]
    learn(Limits(requests=50, tokens=450))
    assert [wait_s(), wait_s(), wait_s()] == [None, None, 40.0]
    learn(Limits())

    row = ModelPace.objects.get()
    assert (row.requests_limit, row.tokens_limit) == (50, 450)


def test_tokens_that_were_used_take_the_place_of_those_that_were_counted() -> None:
    wait_s(5_000)
    wait_s(5_000)

    learn(Limits(), counted=5_000, used=7_400)
    assert used() == (2, 12_400)
    learn(Limits(), counted=5_000, used=100)
    assert used() == (2, 7_500)
    wait_s(300, after_s=60)
    learn(Limits(), counted=5_000, used=9_000)
    assert used() == (1, 300)


def test_nobody_asks_before_a_gate_opens_and_a_later_end_stays() -> None:
    wait_s()
    wait_s(model="gpt-4o")

    pace.close(MODEL, NOW + timedelta(seconds=90))
    pace.close(MODEL, NOW + timedelta(seconds=30))

    assert [wait_s(), wait_s(after_s=60), wait_s(after_s=90)] == [90.0, 30.0, None]
    assert wait_s(model="gpt-4o") is None


def test_all_models_of_a_server_share_its_quota(settings: LazySettings) -> None:
    wait_s()
    wait_s(model="gpt-4o")

    pace.close_all(NOW + timedelta(seconds=60))

    assert [wait_s(), wait_s(model="gpt-4o")] == [60.0, 60.0]
    settings.OPENAI_BASE_URL = "https://elsewhere.example/v1"
    assert wait_s() is None


@together
def test_of_thirty_at_once_as_many_ask_as_the_minute_holds() -> None:
    def ask() -> float | None:
        return wait_s()

    calls: list[Callable[[], float | None]] = [ask] * 30

    assert sorted(at_once(*calls), key=str) == [40.0] * 20 + [None] * 10
    assert used() == (10, 1000)
