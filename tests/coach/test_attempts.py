"""What an operator sees of the replies behind an incident."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage

from accounts.models import Artifact
from coach import attempts, record
from coach.attempts import AWAY, NO_ANSWER, NO_FILE, Attempt
from coach.models import Incident, MissionDraft, MissionRun, ModelCall
from coach.rules import RULES
from missions.models import Mission
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

BROKEN = {"rule": "L1", "observed": "150 min", "allowed": "90 min"}


@pytest.fixture
def run(mission: Mission) -> MissionRun:
    return MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", outcome="failed", finished_at=NOW
    )


@pytest.fixture
def incident(run: MissionRun) -> Incident:
    return Incident.objects.create(run=run, kind="invalid_reply", detail="", opened_at=NOW)


def call(row: Any, attempt: int, **fields: Any) -> ModelCall:
    values = {
        "model": "gpt-4o-mini",
        "outcome": "rejected",
        "prompt": "How?",
        "reply": f'{{"say":{attempt}}}',
        "reply_sha256": "1" * 64,
        "asked_at": NOW - timedelta(minutes=5),
        **fields,
    }
    made: ModelCall = row.calls.create(attempt=attempt, **values)
    return made


def told(found: list[Attempt]) -> list[tuple[int, str, str]]:
    return [(one.attempt, one.reply, one.why_not) for one in found]


def test_both_replies_are_told_with_what_was_objected_to_each(
    run: MissionRun, incident: Incident
) -> None:
    first = call(run, 1, problem="It broke L1.", violations=[BROKEN])
    call(run, 2, reply="not json", problem="It is no JSON.")

    found = attempts.behind(incident)

    assert found[0] == Attempt(
        attempt=1,
        model="gpt-4o-mini",
        asked_at=first.asked_at,
        outcome="answered, not usable",
        objection="It broke L1.",
        violations=[{**BROKEN, "asks": RULES["L1"].predicate}],
        reply='{\n  "say": 1\n}',
        why_not="",
    )
    assert (found[1].reply, found[1].objection, found[1].violations) == (
        "not json",
        "It is no JSON.",
        [],
    )


def test_replies_that_left_for_the_file_are_read_from_it(
    run: MissionRun, incident: Incident, media: Any
) -> None:
    call(run, 1)
    call(run, 2, reply="", reply_sha256="", outcome="unanswered")
    record.keep_artifacts(run.pk)

    assert told(attempts.behind(incident)) == [(1, '{\n  "say": 1\n}', ""), (2, "", NO_ANSWER)]


def test_only_the_asking_that_the_incident_came_of_is_told(
    run: MissionRun, incident: Incident
) -> None:
    for attempt in (1, 2, 3):
        call(run, attempt, asked_at=NOW - timedelta(hours=1))
    call(run, 5, asked_at=NOW + timedelta(hours=1))

    assert [one.attempt for one in attempts.behind(incident)] == [3]


def test_what_cannot_be_shown_says_why(
    run: MissionRun, incident: Incident, media: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise OSError("no storage")

    call(run, 1)
    record.keep_artifacts(run.pk)

    with monkeypatch.context() as outage:
        outage.setattr(default_storage, "open", away)
        unreachable = told(attempts.behind(incident))
    Artifact.objects.all().delete()

    assert unreachable == [(1, "", AWAY)]
    assert told(attempts.behind(incident)) == [(1, "", NO_FILE)]


def test_incident_about_a_task_or_without_a_question_has_none(incident: Incident) -> None:
    of_a_task = Incident.objects.create(task="coach.sweep", kind="task", detail="")

    assert (attempts.behind(of_a_task), attempts.behind(incident)) == ([], [])


def test_replies_about_a_draft_are_told_too(mission: Mission) -> None:
    draft = MissionDraft.objects.create(user=mission.owner, outcome="failed", failure="refusal")
    call(draft, 1, purpose="draft")
    incident = Incident.objects.create(draft=draft, kind="refusal", detail="", opened_at=NOW)

    assert told(attempts.behind(incident)) == [(1, '{\n  "say": 1\n}', "")]
