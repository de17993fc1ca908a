import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts import artifacts
from accounts.models import Artifact, User
from coach import claims, record, workout_picture
from coach.models import Incident, MissionRun, ModelCall
from missions.models import Mission
from notifications.models import Notification
from tests import factories
from tests.coach.conftest import Message
from tests.coach.samples import decision, reply, situation
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

Kind = Incident.Kind
Outcome = MissionRun.Outcome


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def claimed(mission: Mission) -> claims.Claim[MissionRun]:
    """A run of today in hand, with its situation drawn up."""
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        situation=situation().model_dump(mode="json"),
    )
    claim = claims.take(run, timezone.now())
    assert claim is not None
    return claim


@pytest.fixture
def claim(mission: Mission) -> claims.Claim[MissionRun]:
    return claimed(mission)


def mails() -> list[tuple[str, str, list[str]]]:
    rows = Notification.objects.order_by("pk")
    return [(mail.kind, mail.dedupe_key, mail.recipients) for mail in rows]


def test_decided_run_is_finished_with_its_decision_and_its_brief(
    claim: claims.Claim[MissionRun],
    published: list[Message],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        record.decided(claim, decision())

    run = MissionRun.objects.get()
    assert (run.outcome, run.finished_at, run.lease_until) == (Outcome.DECIDED, NOW, None)
    assert run.decision == reply()
    assert run.summary == "Maintain: 60 min, moderate intensity"
    key = f"brief:{run.mission_id}:2026-07-04"
    assert mails() == [("brief", key, ["tester@example.org"])]
    mail = Notification.objects.get()
    assert (mail.user, mail.text.splitlines()[0]) == (run.mission.owner, run.summary)
    assert published == [
        ("notifications.send", (mail.pk,)),
        ("coach.keep_artifacts", (str(run.pk),)),
    ]


def test_failed_run_opens_an_incident_and_tells_tester_and_operators(
    claim: claims.Claim[MissionRun],
    published: list[Message],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        record.failed(claim, Kind.INVALID_REPLY, "Attempt 1: readiness 69 is below 70.")

    run = MissionRun.objects.get()
    assert (run.outcome, run.finished_at, run.lease_until) == (Outcome.FAILED, NOW, None)
    assert (run.decision, run.summary) == (None, "No guidance today")
    incident = Incident.objects.get()
    assert (incident.run, incident.kind, incident.opened_at) == (run, "invalid_reply", NOW)
    assert incident.detail == "Attempt 1: readiness 69 is below 70."
    assert mails() == [
        ("no_brief", f"brief:{run.mission_id}:2026-07-04", ["tester@example.org"]),
        ("alert", f"alert:{incident.pk}", ["ops@example.org"]),
    ]
    assert [name for name, _ in published] == [
        "notifications.send",
        "notifications.send",
        "coach.keep_artifacts",
    ]


def test_tester_who_wants_no_mail_gets_none_of_a_decided_run(
    claim: claims.Claim[MissionRun],
) -> None:
    Mission.objects.update(is_brief_mailed=False)
    claim.row.mission.refresh_from_db()

    record.decided(claim, decision())

    assert (MissionRun.objects.get().outcome, mails()) == (Outcome.DECIDED, [])


@pytest.mark.parametrize("wants", [True, False])
def test_brief_or_its_absence_is_mailed_to_who_wants_briefs(
    claim: claims.Claim[MissionRun], mission: Mission, *, wants: bool
) -> None:
    User.objects.update(wants_briefs=wants)
    claim.row.mission.owner.refresh_from_db()

    record.failed(claim, Kind.INVALID_REPLY, "Attempt 1: readiness 69 is below 70.")

    alert = "alert", f"alert:{Incident.objects.get().pk}", ["ops@example.org"]
    key = f"brief:{mission.pk}:2026-07-04"
    told = [("no_brief", key, ["tester@example.org"])] if wants else []
    assert mails() == [*told, alert]


def test_brief_leaves_with_the_picture_of_its_workout(claim: claims.Claim[MissionRun]) -> None:
    record.decided(claim, decision())

    kept = Notification.objects.get().picture
    plan = decision().workout_plan
    assert plan is not None
    assert kept is not None
    assert bytes(kept) == workout_picture.png(plan)


def test_operators_hear_of_a_failed_run_whose_tester_wants_no_mail(
    claim: claims.Claim[MissionRun],
) -> None:
    claim.row.mission.is_brief_mailed = False

    record.failed(claim, Kind.INVALID_REPLY, "Attempt 1: readiness 69 is below 70.")

    alert = f"alert:{Incident.objects.get().pk}"
    assert mails() == [("alert", alert, ["ops@example.org"])]


def test_alert_does_not_carry_what_the_incident_tells_of_the_tester(
    claim: claims.Claim[MissionRun],
) -> None:
    record.failed(claim, Kind.INVALID_REPLY, "Attempt 1: readiness 69 is below 70.")

    alert = Notification.objects.get(kind="alert")
    assert "readiness 69" not in alert.text + alert.html
    assert claim.row.mission.owner.email not in alert.text + alert.html


@pytest.mark.parametrize(
    ("setbacks", "told"),
    [(0, ""), (1, "Tried again  1 time\n"), (8, "Tried again  8 times\n")],
)
def test_alert_says_how_often_the_model_was_tried_again(
    claim: claims.Claim[MissionRun], setbacks: int, told: str
) -> None:
    """Not how often the run was claimed: who asks again moves that on as well."""
    claim.write(setbacks=setbacks, asked=2)

    record.failed(claim, Kind.RATE_LIMITED, "429")

    alert = Notification.objects.get(kind="alert")
    by = "Started by   the morning schedule\n"
    assert f"{by}{told}Asked for    2 times\n" in alert.text
    assert ("Tried again" in alert.html, "2 times" in alert.html) == (bool(told), True)


def test_alert_names_both_attempts_by_hashes_and_rules_alone(
    claim: claims.Claim[MissionRun],
) -> None:
    broken = [{"rule": rule, "observed": "readiness 69", "allowed": "70"} for rule in ("L1", "L9")]
    for attempt, violations in ((1, broken), (2, [])):
        ModelCall.objects.create(
            run=claim.row,
            attempt=attempt,
            model="gpt-4o-mini",
            prompt_sha256="a" * 64,
            reply_sha256="b" * 64 if violations else "",
            outcome="rejected" if violations else "unanswered",
            problem_kind="invalid_reply" if violations else "timeout",
            problem="readiness 69 is below 70",
            violations=violations,
        )

    record.failed(claim, Kind.TIMEOUT, "Attempt 1: readiness 69 is below 70.")

    alert = Notification.objects.get(kind="alert")
    first, second = "a" * 16, "b" * 16
    assert "gpt-4o-mini: invalid_reply, rules L1, L9\n" in alert.text
    assert f"prompt {first}, reply {second}\n" in alert.text
    assert f"gpt-4o-mini: timeout\n             prompt {first}, reply none\n" in alert.text
    assert f"invalid_reply, rules L1, L9; prompt {first}, reply {second}" in alert.html
    assert "readiness" not in alert.text + alert.html


def test_alerts_about_a_budget_that_is_used_up_are_one_a_day() -> None:
    for n, hours in enumerate((0, 5, 24)):
        mission = factories.mission(factories.tester(f"{n}@example.org"))
        with time_machine.travel(NOW + timedelta(hours=hours), tick=False):
            record.failed(claimed(mission), Kind.BUDGET, "The month’s tokens are used up.")

    assert [key for kind, key, _ in mails() if kind == "alert"] == [
        "alert:budget:2026-07-04",
        "alert:budget:2026-07-05",
    ]


@pytest.mark.parametrize("kind", [Kind.TIMEOUT, Kind.RATE_LIMITED, Kind.QUOTA, Kind.MODEL_ERROR])
def test_alerts_about_a_model_that_fails_everybody_are_one_an_hour(kind: str) -> None:
    for n, minutes in enumerate((0, 29, 30)):
        mission = factories.mission(factories.tester(f"{n}@example.org"))
        with time_machine.travel(NOW + timedelta(minutes=minutes), tick=False):
            record.failed(claimed(mission), kind, "It did not answer.")

    assert Incident.objects.count() == 3
    assert [key for kind, key, _ in mails() if kind == "alert"] == [
        f"alert:{kind}:2026-07-04T05",
        f"alert:{kind}:2026-07-04T06",
    ]


def test_alerts_about_single_replies_come_one_by_one() -> None:
    for n in range(2):
        mission = factories.mission(factories.tester(f"{n}@example.org"))
        record.failed(claimed(mission), Kind.REFUSAL, "The model refused to answer.")

    assert [kind for kind, _, _ in mails()] == ["no_brief", "alert", "no_brief", "alert"]


def test_failed_run_is_recorded_where_no_operator_is_named(
    claim: claims.Claim[MissionRun], settings: LazySettings
) -> None:
    settings.OPERATOR_EMAILS = []

    record.failed(claim, Kind.QUOTA, "The quota is used up.")

    assert [kind for kind, _, _ in mails()] == ["no_brief"]
    assert Incident.objects.count() == 1


def test_worker_that_was_too_slow_records_nothing(claim: claims.Claim[MissionRun]) -> None:
    MissionRun.objects.update(fence=2)

    with pytest.raises(claims.Lost):
        record.decided(claim, decision())
    with pytest.raises(claims.Lost):
        record.failed(claim, Kind.CRASH, "too late")

    assert MissionRun.objects.get().outcome == Outcome.UNDER_WAY
    assert (mails(), Incident.objects.count()) == ([], 0)


def test_run_is_recorded_whole_or_not_at_all(
    claim: claims.Claim[MissionRun], settings: LazySettings, tmp_path: Any
) -> None:
    """Without its mail a run is not finished: the next attempt writes both."""
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]

    with pytest.raises(Exception, match="email/brief"):
        record.decided(claim, decision())

    assert MissionRun.objects.get().outcome == Outcome.UNDER_WAY
    assert mails() == []


@pytest.fixture
def decided(claim: claims.Claim[MissionRun]) -> MissionRun:
    ModelCall.objects.create(
        run=claim.row,
        owner=claim.row.owner,
        purpose="day",
        attempt=1,
        model="gpt-4o-mini",
        finish_reason="stop",
        cost_usd=Decimal("0.000424"),
        prompt_version="training_day@abc",
        prompt="[user]\n<situation>",
        reply='{"action": "maintain"}',
        outcome="accepted",
        tokens_in=2100,
    )
    record.decided(claim, decision())
    return claim.row


def test_artifact_tells_the_whole_conversation(decided: MissionRun) -> None:
    record.keep_artifacts(decided.pk)

    artifact = Artifact.objects.get()
    assert artifact.user == decided.mission.owner
    assert artifact.key == f"{artifact.user_id}/{decided.mission_id}/2026-07-04/run.json"
    assert artifact.retention == "reasoning-log-180d"
    assert json.loads(artifacts.read(artifact)) == {
        "mission": str(decided.mission_id),
        "local_date": "2026-07-04",
        "outcome": "decided",
        "situation": situation().model_dump(mode="json"),
        "decision": reply(),
        "calls": [
            {
                "attempt": 1,
                "purpose": "day",
                "model": "gpt-4o-mini",
                "asked_at": "2026-07-04T05:30:00+00:00",
                "prompt_version": "training_day@abc",
                "prompt_sha256": "",
                "prompt": "[user]\n<situation>",
                "reply_sha256": "",
                "reply": '{"action": "maintain"}',
                "refusal": "",
                "finish_reason": "stop",
                "outcome": "accepted",
                "problem_kind": "",
                "problem": "",
                "violations": [],
                "tokens_in": 2100,
                "tokens_cached": None,
                "tokens_out": None,
                "latency_ms": None,
                "cost_usd": "0.000424",
            }
        ],
        "incidents": [],
    }
    assert MissionRun.objects.get().artifacts_at == NOW
    call = ModelCall.objects.get()
    assert (call.prompt, call.reply) == ("", "")


def test_artifact_of_a_failed_run_tells_its_incident(claim: claims.Claim[MissionRun]) -> None:
    record.failed(claim, Kind.TIMEOUT, "The model did not answer in time.")

    record.keep_artifacts(claim.row.pk)

    told = json.loads(artifacts.read(Artifact.objects.get()))
    assert (told["outcome"], told["decision"]) == ("failed", None)
    assert told["incidents"] == [{"kind": "timeout", "detail": "The model did not answer in time."}]


def test_artifact_is_not_written_again_over_the_emptied_texts(decided: MissionRun) -> None:
    record.keep_artifacts(decided.pk)
    before = Artifact.objects.values().get()

    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        record.keep_artifacts(decided.pk)

    assert Artifact.objects.values().get() == before
    assert MissionRun.objects.get().artifacts_at == NOW


def test_artifact_of_a_run_under_way_waits_for_its_end(claim: claims.Claim[MissionRun]) -> None:
    record.keep_artifacts(claim.row.pk)

    assert Artifact.objects.count() == 0
    assert MissionRun.objects.get().artifacts_at is None


def test_texts_stay_in_the_rows_while_the_storage_is_away(
    decided: MissionRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> str:
        raise OSError("no storage")

    with monkeypatch.context() as outage:
        outage.setattr(default_storage, "save", away)
        with pytest.raises(OSError, match="no storage"):
            record.keep_artifacts(decided.pk)

    assert ModelCall.objects.get().reply == '{"action": "maintain"}'
    assert (MissionRun.objects.get().file_due_at, Artifact.objects.count()) == (NOW, 0)
