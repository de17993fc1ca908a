"""One question: how many ask at once, what a broken database leaves, what a refusal tells."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import OperationalError, connection

from accounts.models import User
from coach import calls, claims, llm, pace
from coach.calls import NoAnswer
from coach.llm import Answer, Unanswered
from coach.models import MissionRun, ModelCall, ModelPace, TokenUse
from coach.pace import Limits, NotYet
from coach.replies import Decision
from missions.models import Mission
from tests import factories
from tests.coach.samples import reply
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = pytest.mark.django_db
together = pytest.mark.django_db(transaction=True)

MESSAGES = [{"role": "user", "content": "x" * 3_994}]
ANSWER = Answer(
    text=json.dumps(reply()),
    refusal="",
    finish_reason="stop",
    tokens_in=2100,
    tokens_cached=0,
    tokens_out=310,
    latency_ms=9,
    limits=Limits(requests=500, tokens=200_000),
)


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def claim(mission: Mission) -> claims.Claim[MissionRun]:
    return claimed(mission)


def claimed(mission: Mission) -> claims.Claim[MissionRun]:
    run = MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="schedule")
    taken = claims.take(run, NOW)
    assert taken is not None
    return taken


@pytest.fixture
def model_is(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Answer]], None]:
    def is_(answers: Callable[[], Answer]) -> None:
        monkeypatch.setattr(llm, "complete", lambda *_, **__: answers())

    return is_


def put(claim: claims.Claim[MissionRun]) -> ModelCall:
    return calls.put(
        claim,
        MESSAGES,
        Decision,
        model="gpt-4o-mini",
        prompt_version="training_day@abc",
        attempt=1,
        temperature=0.4,
    )


def row() -> tuple[int, int, int | None, int | None]:
    kept = ModelPace.objects.get()
    return kept.requests, kept.tokens, kept.requests_limit, kept.tokens_limit


def test_question_is_counted_before_it_is_sent_and_corrected_by_its_answer(
    claim: claims.Claim[MissionRun], model_is: Any
) -> None:
    before: list[tuple[int, int, int | None, int | None]] = []

    def answers() -> Answer:
        before.append(row())
        return ANSWER

    model_is(answers)
    put(claim)

    assert before == [(1, 2_000, None, None)]
    assert row() == (1, 2_410, 500, 200_000)


def test_answer_that_tells_nothing_leaves_what_was_counted(
    claim: claims.Claim[MissionRun], model_is: Any
) -> None:
    model_is(lambda: replace(ANSWER, tokens_out=None, limits=Limits()))

    put(claim)

    assert row() == (1, 2_000, None, None)


@pytest.mark.parametrize(
    ("error", "closed_s"),
    [
        (Unanswered("rate_limited", "429", 40.0, is_passing=True), 40),
        (Unanswered("rate_limited", "429", is_passing=True), 20),
        (Unanswered("quota", "429"), 60),
        (Unanswered("model_error", "500", is_passing=True), None),
        (Unanswered("timeout", "silence"), None),
    ],
)
def test_refusal_is_stored_and_told_and_one_that_is_about_all_closes_the_gate(
    claim: claims.Claim[MissionRun], model_is: Any, error: Unanswered, closed_s: float | None
) -> None:
    def answers() -> Answer:
        raise error

    model_is(answers)

    with pytest.raises(NoAnswer) as told:
        put(claim)

    assert (told.value.wait_s, told.value.is_passing) == (error.wait_s, error.is_passing)
    call = claim.row.calls.get()
    assert (call.pk, call.outcome) == (told.value.call.pk, "unanswered")
    assert (call.problem_kind, call.problem) == (error.kind, str(error))
    until = ModelPace.objects.get().closed_until
    assert (None if until is None else (until - NOW).total_seconds()) == closed_s


def test_nothing_is_asked_while_the_gate_is_closed(
    claim: claims.Claim[MissionRun], model_is: Any
) -> None:
    pace.take("gpt-4o-mini", 1, NOW)
    pace.close_all(NOW + pace.MINUTE)
    model_is(lambda: pytest.fail("it was asked"))

    with pytest.raises(NotYet, match="in 60 s"):
        put(claim)

    assert claim.row.calls.count() == 0


@together
def test_no_connection_to_the_database_is_held_while_the_model_thinks(
    claim: claims.Claim[MissionRun], model_is: Any
) -> None:
    held: list[object] = []

    def answers() -> Answer:
        held.append(connection.connection)
        return ANSWER

    model_is(answers)
    put(claim)

    assert held == [None]


@together
def test_answer_outlives_a_database_that_is_away_for_a_moment(
    claim: claims.Claim[MissionRun], model_is: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    away = 0

    def breaks(execute: Callable[..., Any], *args: Any) -> Any:
        nonlocal away
        if away:
            away -= 1
            raise OperationalError("the server closed the connection unexpectedly")
        return execute(*args)

    def answers() -> Answer:
        nonlocal away
        away = 4
        return ANSWER

    model_is(answers)
    with connection.execute_wrapper(breaks):
        call = put(claim)

    assert slept == [0.1, 0.4, 1.0]
    assert (claim.row.calls.get(), call.outcome) == (call, "answered")
    assert list(TokenUse.objects.values_list("tokens", flat=True)) == [2410, 2410]


def test_answer_whose_commit_was_not_heard_of_is_stored_and_counted_once(
    claim: claims.Claim[MissionRun], model_is: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(work: Callable[[], None]) -> None:
        work()
        work()

    monkeypatch.setattr(calls, "while_the_database_is_away", twice)
    model_is(lambda: ANSWER)

    put(claim)

    assert claim.row.calls.count() == 1
    assert list(TokenUse.objects.values_list("tokens", flat=True)) == [2410, 2410]


@together
def test_no_more_workers_ask_at_once_than_the_model_takes(
    tester: User, model_is: Any, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "PATIENCE_S", 60.0)
    settings.COACH_MOST_AT_ONCE = 4  # one of them is for those who ask by hand
    testers = [factories.tester(email=f"tester{number}@example.org") for number in range(12)]
    inside, most_inside, lock = 0, 0, threading.Lock()

    def answers() -> Answer:
        nonlocal inside, most_inside
        with lock:
            inside += 1
            most_inside = max(inside, most_inside)
        time.sleep(0.02)
        with lock:
            inside -= 1
        return ANSWER

    model_is(answers)
    held = [claimed(factories.mission(one)) for one in testers]

    told = at_once(*[lambda claim=claim: put(claim) for claim in held])

    assert [call.outcome for call in told] == ["answered"] * 12
    assert (most_inside, inside) == (3, 0)
    assert row()[:2] == (12, 12 * 2410)
