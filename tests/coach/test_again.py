import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.storage import default_storage

from accounts import artifacts
from accounts.models import Artifact, User
from coach import again, claims, daily_run, llm, mornings, queue, record
from coach.again import Why, ask_again
from coach.models import CheckIn, Feedback, Incident, MissionRun, ModelCall
from missions.models import BonusAward, EventProgress, Mission
from notifications.models import Notification
from tests import factories
from tests.coach.conftest import Message, Model
from tests.coach.samples import decision, reply, situation
from tests.conftest import StandIns
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

Outcome = MissionRun.Outcome
LATER = NOW + timedelta(minutes=20)


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def opened(mission: Mission) -> claims.Claim[MissionRun]:
    """Today's run in a worker's hand, its situation drawn up, its question answered."""
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        situation=situation().model_dump(mode="json"),
    )
    claim = claims.take(run, NOW)
    assert claim is not None
    ModelCall.objects.create(
        run=run,
        attempt=1,
        model="gpt-4o-mini",
        prompt_version="training_day@abc",
        prompt="[user]\n<situation>",
        reply='{"action": "maintain"}',
        outcome="accepted",
    )
    return claim


@pytest.fixture
def claim(mission: Mission) -> claims.Claim[MissionRun]:
    return opened(mission)


@pytest.fixture
def decided(claim: claims.Claim[MissionRun]) -> MissionRun:
    record.decided(claim, decision())
    MissionRun.objects.update(flagged=[{"rule": "L9"}], done={"minutes": 60})
    return MissionRun.objects.select_related("mission__owner").get()


def state(run: MissionRun) -> dict[str, Any]:
    """All that asking again may touch."""
    names = (
        *("outcome", "asked", "fence", "lease_until", "finished_at", "artifacts_at"),
        *("summary", "situation", "decision", "flagged", "done"),
    )
    return dict(MissionRun.objects.filter(pk=run.pk).values(*names).get())


OPEN_AGAIN: dict[str, Any] = {
    "outcome": Outcome.DUE,
    "asked": 2,
    "fence": 2,
    "lease_until": None,
    "finished_at": None,
    "artifacts_at": None,
    "summary": "",
    "situation": None,
    "decision": None,
    "flagged": [],
    "done": None,
}


def test_decided_run_is_open_again_and_keeps_a_line_of_what_was_said(
    decided: MissionRun, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        run = ask_again(decided, LATER, Why.CHECK_IN)

    assert state(run) == OPEN_AGAIN
    assert run.superseded == [
        {
            "asked": 1,
            "summary": "Maintain: 60 min, moderate intensity",
            "finished_at": NOW.isoformat(),
            "reopened_at": LATER.isoformat(),
            "why": "check_in",
        }
    ]
    assert published == [
        (
            "coach.run_mission_day",
            (run.mission.owner_id, str(run.mission_id), TODAY.isoformat()),
        )
    ]
    assert again.earlier(run)[0]["finished_at"] == NOW


def test_second_asking_that_nobody_begins_in_time_is_missed_and_not_sent_at_night(
    decided: MissionRun,
) -> None:
    ask_again(decided, LATER, Why.CHECK_IN)
    late = LATER + timedelta(hours=12)

    assert mornings.miss_what_is_too_late(late - timedelta(seconds=1)) == 0
    assert mornings.miss_what_is_too_late(late) == 1

    decided.refresh_from_db()
    assert (decided.outcome, decided.decision) == ("missed", None)
    assert [one["summary"] for one in decided.superseded] == [
        "Maintain: 60 min, moderate intensity"
    ]
    assert claims.take(decided, late) is None


def test_failed_run_is_asked_for_again(claim: claims.Claim[MissionRun]) -> None:
    record.failed(claim, Incident.Kind.TIMEOUT, "The model did not answer in time.")

    run = ask_again(claim.row, LATER, Why.OPERATOR)

    assert state(run) == OPEN_AGAIN
    assert [(one["summary"], one["why"]) for one in run.superseded] == [
        ("No guidance today", "operator")
    ]
    assert Incident.objects.count() == 1


def test_run_under_way_is_begun_anew_and_its_worker_has_lost_it(
    claim: claims.Claim[MissionRun],
) -> None:
    run = ask_again(claim.row, LATER, Why.CHECK_IN)

    assert (state(run), run.superseded) == (OPEN_AGAIN, [])
    with pytest.raises(claims.Lost):
        claim.renew(LATER)
    with pytest.raises(claims.Lost):
        record.decided(claim, decision())
    with pytest.raises(claims.Lost):
        record.failed(claim, Incident.Kind.CRASH, "too late")
    claim.drop()
    assert (state(run), Notification.objects.count()) == (OPEN_AGAIN, 0)


def test_run_that_nobody_has_begun_only_waits_on(
    mission: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    run = MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="schedule")
    before = MissionRun.objects.values().get()

    with django_capture_on_commit_callbacks(execute=True):
        ask_again(run, LATER, Why.CHECK_IN)

    told = {"published": 1, "publish_at": LATER + queue.PATIENCE}
    assert MissionRun.objects.values().get() == {**before, **told}
    assert [name for name, _ in published] == ["coach.run_mission_day"]


def test_earlier_asking_has_its_file_before_the_row_forgets_it(decided: MissionRun) -> None:
    ask_again(decided, LATER, Why.CHECK_IN)

    artifact = Artifact.objects.get()
    told = json.loads(artifacts.read(artifact))
    assert artifact.key.endswith("/2026-07-04/run.json")
    assert (told["decision"], told["outcome"]) == (reply(), "decided")
    assert told["situation"] == situation().model_dump(mode="json")
    assert [call["reply"] for call in told["calls"]] == ['{"action": "maintain"}']


def test_file_of_an_earlier_asking_is_not_written_twice(decided: MissionRun) -> None:
    record.keep_artifacts(decided.pk)
    before = Artifact.objects.values().get()

    ask_again(decided, LATER, Why.CHECK_IN)

    assert Artifact.objects.values().get() == before


def test_texts_of_an_asking_that_broke_off_go_into_the_next_file(
    claim: claims.Claim[MissionRun],
) -> None:
    run = ask_again(claim.row, LATER, Why.CHECK_IN)
    second = claims.take(run, LATER)
    assert second is not None
    ModelCall.objects.create(
        run=run, attempt=3, model="m", prompt="second", reply="{}", outcome="accepted"
    )
    second.write(situation=situation().model_dump(mode="json"))
    record.decided(second, decision())

    record.keep_artifacts(run.pk)

    artifact = Artifact.objects.get()
    assert artifact.key.endswith("/2026-07-04/run-2.json")
    told = json.loads(artifacts.read(artifact))
    assert [call["attempt"] for call in told["calls"]] == [1, 3]
    assert set(ModelCall.objects.values_list("prompt", flat=True)) == {""}


def test_nothing_changes_while_the_storage_is_away(
    decided: MissionRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = MissionRun.objects.values().get()

    def away(*_: Any, **__: Any) -> str:
        raise OSError("no storage")

    monkeypatch.setattr(default_storage, "save", away)

    with pytest.raises(again.NotNow, match="Try again in a few minutes"):
        ask_again(decided, LATER, Why.CHECK_IN)

    assert MissionRun.objects.values().get() == before
    assert ModelCall.objects.get().reply == '{"action": "maintain"}'


def test_day_is_asked_for_four_times_and_not_a_fifth(decided: MissionRun) -> None:
    for asked in (2, 3, 4):
        run = ask_again(decided, LATER, Why.CHECK_IN)
        assert run.asked == asked
        MissionRun.objects.update(outcome=Outcome.FAILED, finished_at=LATER)
    before = MissionRun.objects.values().get()

    with pytest.raises(again.AskedOften, match="asked 4 times for today"):
        ask_again(decided, LATER, Why.CHECK_IN)

    assert MissionRun.objects.values().get() == before


def test_day_whose_workout_was_spoken_of_is_not_asked_for_again(decided: MissionRun) -> None:
    Feedback.objects.create(run=decided, word="done", rpe=5)
    before = MissionRun.objects.values().get()

    with pytest.raises(again.AlreadyRidden, match="how today’s workout went"):
        ask_again(decided, LATER, Why.CHECK_IN)

    assert MissionRun.objects.values().get() == before


@pytest.mark.parametrize("state", ["PREP", "MISSION_COMPLETE"])
def test_mission_that_is_not_live_is_not_asked_about(decided: MissionRun, state: str) -> None:
    Mission.objects.update(state=state)

    with pytest.raises(daily_run.NotLive, match="only works on a mission in training"):
        ask_again(decided, LATER, Why.CHECK_IN)

    assert MissionRun.objects.get().asked == 1


def test_nothing_is_asked_without_consent(decided: MissionRun) -> None:
    User.objects.update(health_consent_at=None)

    with pytest.raises(daily_run.NoConsent):
        ask_again(decided, LATER, Why.CHECK_IN)

    assert MissionRun.objects.get().asked == 1


def test_run_that_is_gone_is_said_to_be(decided: MissionRun) -> None:
    MissionRun.objects.all().delete()

    with pytest.raises(MissionRun.DoesNotExist):
        ask_again(decided, LATER, Why.CHECK_IN)


def test_asking_again_costs_a_fixed_number_of_queries(
    decided: MissionRun, django_assert_num_queries: Any
) -> None:
    record.keep_artifacts(decided.pk)

    # Consent, the row, its feedback, the change, its message; and the two of a savepoint.
    with django_assert_num_queries(7):
        ask_again(decided, LATER, Why.CHECK_IN)


def ask_twice(mission: Mission) -> tuple[MissionRun, MissionRun]:
    """Today's run as it was decided first, and as it was decided once more twenty minutes later."""
    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    daily_run.run_day(run)
    first = MissionRun.objects.get()
    with time_machine.travel(LATER, tick=False):
        daily_run.run_day(ask_again(run, LATER, Why.CHECK_IN))
    return first, MissionRun.objects.get()


def test_second_asking_has_attempts_a_brief_and_a_file_of_its_own(
    mission: Mission, stand_ins: StandIns
) -> None:
    first, second = ask_twice(mission)
    record.keep_artifacts(second.pk)

    assert (first.outcome, second.outcome) == (Outcome.DECIDED, Outcome.DECIDED)
    assert (second.finished_at, second.asked) == (LATER, 2)
    assert list(second.calls.values_list("attempt", "outcome")) == [
        (1, "accepted"),
        (3, "accepted"),
    ]
    assert len(stand_ins.questions()) == 2
    title = "Lanterne Rouge Daily Brief – Tour of the Valleys (4 July 2026)"
    day = f"brief:{mission.pk}:2026-07-04"
    assert list(Notification.objects.order_by("pk").values_list("dedupe_key", "subject")) == [
        (day, title),
        (f"{day}:2", f"Again: {title}"),
    ]
    names = sorted(key.rsplit("/", 1)[1] for key in Artifact.objects.values_list("key", flat=True))
    assert names == ["run-2.json", "run.json"]


def test_second_asking_settles_no_stage_twice(tester: User, stand_ins: StandIns) -> None:
    mission = factories.mission(
        tester,
        event_start=TODAY - timedelta(days=1),
        event_end=TODAY + timedelta(days=2),
    )
    factories.ride(tester, TODAY - timedelta(days=1))

    ask_twice(mission)

    assert list(EventProgress.objects.values_list("stage__number", "points")) == [(1, 5)]
    assert BonusAward.objects.count() == 0
    assert mission.points_total() == 5


def test_second_asking_that_breaks_off_every_time_ends_as_an_incident(
    decided: MissionRun,
) -> None:
    run = ask_again(decided, LATER, Why.CHECK_IN)
    MissionRun.objects.update(attempts=MissionRun.MOST_ATTEMPTS)

    with time_machine.travel(LATER, tick=False):
        daily_run.run_day(run)

    assert (run.outcome, [one.kind for one in run.incidents.all()]) == (Outcome.FAILED, ["crash"])
    assert Notification.objects.get(kind="no_brief").subject.startswith("Again: ")
    assert "did not know what" in Notification.objects.get(kind="no_brief").text


@pytest.mark.parametrize(
    ("why", "subject", "told"),
    [
        (Why.CHECK_IN, "Again: Lanterne Rouge: no", "did not know what you said since"),
        (Why.OPERATOR, "Again: Lanterne Rouge: no", "an operator had it made anew"),
        (Why.MISSED, "Lanterne Rouge: no", "there is no workout.\n\nThe operators"),
    ],
)
def test_mail_of_a_second_asking_that_fails_says_why_there_was_one(
    decided: MissionRun, why: Why, subject: str, told: str
) -> None:
    run = ask_again(decided, LATER, why)
    MissionRun.objects.update(attempts=MissionRun.MOST_ATTEMPTS)

    with time_machine.travel(LATER, tick=False):
        daily_run.run_day(run)

    mail = Notification.objects.get(kind="no_brief")
    assert mail.subject.startswith(subject)
    assert told in mail.text
    assert run.why_again == why


def test_crashes_of_the_first_asking_are_no_reason_to_give_up_the_second(
    decided: MissionRun, stand_ins: StandIns
) -> None:
    MissionRun.objects.update(attempts=MissionRun.MOST_ATTEMPTS)

    run = ask_again(decided, LATER, Why.CHECK_IN)
    with time_machine.travel(LATER, tick=False):
        daily_run.run_day(run)

    assert (run.outcome, run.attempts) == (Outcome.DECIDED, 1)


def test_check_in_while_the_model_thinks_makes_the_worker_lose_the_run(
    mission: Mission, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    complete = llm.complete
    asked_again: list[int] = []

    def meanwhile(*args: Any, **options: Any) -> llm.Answer:
        answer = complete(*args, **options)
        CheckIn.objects.create(user=mission.owner, local_date=TODAY, feel=2)
        asked_again.append(ask_again(run, NOW, Why.CHECK_IN).asked)
        return answer

    monkeypatch.setattr(llm, "complete", meanwhile)
    model.decides()

    daily_run.run_day(run)

    assert asked_again == [2]
    assert (run.outcome, run.situation, run.decision) == (Outcome.DUE, None, None)
    assert ModelCall.objects.count() == 0
    assert Notification.objects.count() == 0


def missed(mission: Mission, **fields: Any) -> MissionRun:
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        give_up_at=NOW,
        start_at=NOW - timedelta(hours=12),
        **fields,
    )
    record.missed(MissionRun.objects.too_late(NOW), NOW, most=1)
    return run


def test_missed_run_that_is_wanted_after_all_is_its_first_asking_still(mission: Mission) -> None:
    run = missed(mission)

    again.make_up_for(run, LATER)
    again.make_up_for(run, LATER)

    assert state(run) == {**OPEN_AGAIN, "asked": 1}
    latest = LATER + timedelta(hours=12)
    assert (run.give_up_at, run.start_at, run.published) == (latest, LATER, 1)
    assert run.superseded == []
    with time_machine.travel(LATER, tick=False):
        claim = claims.take(run, LATER)
        assert claim is not None
        claim.write(situation=situation().model_dump(mode="json"))
        record.decided(claim, decision())
    brief = Notification.objects.get(kind="brief")
    assert brief.dedupe_key == f"brief:{mission.pk}:2026-07-04"
    assert not brief.subject.startswith("Again")


def test_missed_run_that_had_asked_the_model_is_asked_for_again(mission: Mission) -> None:
    run = missed(mission, outcome="under_way", lease_until=NOW - timedelta(hours=1))
    ModelCall.objects.create(
        run=run, attempt=1, model="m", prompt="first", reply="{}", outcome="rejected"
    )

    again.make_up_for(run, LATER)

    assert run.asked == 2
    told = json.loads(artifacts.read(Artifact.objects.get()))
    assert (told["outcome"], [call["prompt"] for call in told["calls"]]) == ("missed", ["first"])
