"""The receipt of a run: everything that led to a decision, and none of the texts."""

import json
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from coach import receipts
from coach.models import Incident, MissionRun, ModelCall
from missions.models import Mission
from tests.coach.samples import reply, situation
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

BROKEN = {"rule": "L1", "observed": "readiness 69", "allowed": "at least 70"}
NOTE = {"source": "check_in", "text": "canary note"}
FLAGGED = {"rule": "I3", "observed": "900 characters", "allowed": "at most 700"}


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def run(mission: Mission) -> MissionRun:
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome="decided",
        finished_at=NOW,
        summary="Maintain: 60 min, moderate intensity",
        situation=situation({"notes": [NOTE]}).model_dump(mode="json"),
        decision=reply(),
        flagged=[FLAGGED],
        asked=2,
        superseded=[{"asked": 1, "summary": "Push: 60 min", "finished_at": f"{NOW:%FT%TZ}"}],
    )
    put_call(run, 3, "rejected", violations=[BROKEN], problem="L1: …", problem_kind="invalid_reply")
    put_call(run, 4, "accepted", tokens_cached=1024, cost_usd=Decimal("0.000424"), latency_ms=840)
    Incident.objects.create(run=run, kind="timeout", detail="The model did not answer in time.")
    return run


def put_call(run: MissionRun, attempt: int, outcome: str, **fields: Any) -> None:
    ModelCall.objects.create(
        run=run,
        owner=run.owner,
        purpose="day",
        attempt=attempt,
        model="gpt-4o-mini",
        prompt_version="training_day@abc",
        prompt_sha256="a" * 64,
        prompt="the prompt itself",
        reply_sha256="b" * 64,
        reply="the reply itself",
        finish_reason="stop",
        outcome=outcome,
        tokens_in=2100,
        tokens_out=310,
        **fields,
    )


def call(attempt: int, outcome: str, **fields: Any) -> dict[str, Any]:
    return {
        "attempt": attempt,
        "model": "gpt-4o-mini",
        "asked_at": "2026-07-04T05:30:00Z",
        "prompt_version": "training_day@abc",
        "prompt_sha256": "a" * 64,
        "reply_sha256": "b" * 64,
        "finish_reason": "stop",
        "outcome": outcome,
        "problem_kind": None,
        "problem": None,
        "violations": [],
        "tokens_in": 2100,
        "tokens_cached": None,
        "tokens_out": 310,
        "latency_ms": None,
        "cost_usd": None,
        **fields,
    }


def expected(run: MissionRun) -> dict[str, Any]:
    return {
        "receipt": 1,
        "run": str(run.pk),
        "mission": str(run.mission_id),
        "local_date": "2026-07-04",
        "trigger": "schedule",
        "outcome": "decided",
        "summary": "Maintain: 60 min, moderate intensity",
        "opened_at": "2026-07-04T05:30:00Z",
        "finished_at": "2026-07-04T05:30:00Z",
        "asked": 2,
        "superseded": [
            {"asked": 1, "summary": "Push: 60 min", "finished_at": "2026-07-04T05:30:00Z"}
        ],
        "situation": json.loads(json.dumps(situation().for_model())),
        "decision": reply(),
        "flagged": [FLAGGED],
        "calls": [
            call(
                3,
                "rejected",
                violations=[BROKEN],
                problem="L1: …",
                problem_kind="invalid_reply",
            ),
            call(4, "accepted", tokens_cached=1024, cost_usd="0.000424", latency_ms=840),
        ],
        "incidents": [
            {
                "kind": "timeout",
                "detail": "The model did not answer in time.",
                "opened_at": "2026-07-04T05:30:00Z",
                "resolved_at": None,
            }
        ],
    }


def page_of(run: MissionRun) -> str:
    return reverse("coach:run-receipt", args=[run.pk])


def api_of(run: MissionRun) -> str:
    return reverse("api-run-receipt", args=[run.pk])


def test_receipt_is_downloaded_whole(run: MissionRun, as_tester: Client) -> None:
    answer = as_tester.get(page_of(run))

    assert answer.json() == expected(run)
    assert answer["Content-Type"] == "application/json"
    assert answer["Content-Disposition"] == 'attachment; filename="receipt-2026-07-04.json"'
    assert answer["Cache-Control"] == "private, no-store"


def test_program_gets_the_same(run: MissionRun, as_tester: Client) -> None:
    assert as_tester.get(api_of(run)).json() == expected(run)


def test_receipt_has_none_of_the_texts(run: MissionRun, as_tester: Client) -> None:
    told = as_tester.get(page_of(run)).content.decode()

    assert [text for text in ("itself", "canary note", "You are the coach") if text in told] == []


def test_receipt_of_a_run_of_long_ago_has_no_situation(run: MissionRun) -> None:
    MissionRun.objects.update(situation=None)
    run.refresh_from_db()

    receipt = receipts.of(run)

    assert (receipt.situation, receipt.decision) == (None, reply())


def test_receipt_of_a_run_that_was_never_asked_for_says_so(mission: Mission) -> None:
    run = MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="tester")

    receipt = receipts.of(run)

    assert (receipt.outcome, receipt.situation, receipt.decision) == ("due", None, None)
    assert (receipt.calls, receipt.incidents, receipt.finished_at) == ([], [], None)


def test_receipt_is_its_owner_s_alone(
    run: MissionRun, as_stranger: Client, as_operator: Client, client: Client
) -> None:
    for path in (page_of(run), api_of(run)):
        assert as_stranger.get(path).status_code == 404
        assert as_operator.get(path).status_code == 404
    nothing = reverse("coach:run-receipt", args=[uuid4()])
    assert as_stranger.get(nothing).status_code == 404
    assert client.get(page_of(run))["Location"] == f"/auth/login?next={page_of(run)}"
    assert client.get(api_of(run)).status_code == 401


def test_receipt_is_only_read(run: MissionRun, as_tester: Client) -> None:
    assert {as_tester.post(path).status_code for path in (page_of(run), api_of(run))} == {405}


def test_receipt_takes_as_many_queries_for_many_calls_as_for_one(
    run: MissionRun, as_tester: Client, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(5):
        as_tester.get(page_of(run))
    for attempt in range(5, 9):
        put_call(run, attempt, "rejected")
        Incident.objects.create(run=run, kind="crash", detail="Again.")
    with django_assert_num_queries(5):
        as_tester.get(page_of(run))


def test_run_page_links_to_it_and_tells_rules_and_cost(run: MissionRun, as_tester: Client) -> None:
    page = as_tester.get(run.get_absolute_url()).content.decode()

    told = [
        f'href="{page_of(run)}"',
        "Rule L1. Observed: readiness 69; allowed: at least 70.",
        "2100 tokens in (1024 of them known to the server), 310 out, 840 ms",
        "Cost 0.000424 US dollars",
        "Cost unknown",
    ]
    assert [part for part in told if part not in page] == []
