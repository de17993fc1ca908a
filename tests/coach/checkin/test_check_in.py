from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage

from accounts.models import User
from accounts.privacy import NotAllowed
from coach import again, daily_run
from coach.again import MOST_ASKINGS, NotNow
from coach.checkin import check_in
from coach.checkin.check_in import (
    DO_NOT_RIDE,
    NOT_LIVE,
    NOTHING_SAID,
    UNCHANGED,
    WAITS,
    Outcome,
    say,
)
from coach.models import CheckIn, Feedback, MissionRun
from missions.models import Mission
from tests import factories
from tests.coach.conftest import Message
from tests.coach.samples import reply, situation
from tests.conftest import StandIns
from tests.factories import NOW, TODAY
from tests.threads import at_once

PAGE, LINK = CheckIn.Source.PAGE, CheckIn.Source.LINK
TIRED = {"feel": 2}


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def said() -> list[dict[str, Any]]:
    """Every check-in there is, without its number and person."""
    names = ("local_date", *NOTHING_SAID, "source", "said_at")
    return list(CheckIn.objects.values(*names))


def put_run(mission: Mission, outcome: str, **fields: Any) -> MissionRun:
    is_decided = outcome == "decided"
    return MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome=outcome,
        finished_at=NOW if outcome in ("decided", "failed") else None,
        summary="Maintain: 60 min" if is_decided else "",
        situation=situation().model_dump(mode="json") if is_decided else None,
        decision=reply() if is_decided else None,
        **fields,
    )


def tell(mission: Mission, answers: dict[str, Any] = TIRED) -> check_in.Told:
    return say(mission.owner, mission, answers, PAGE, NOW)


@pytest.mark.django_db
def test_answers_are_kept_and_those_not_given_stay_unknown(tester: User) -> None:
    assert check_in.keep(tester, TODAY, {"feel": 2, "note": "Bad night"}, PAGE, NOW) is True

    assert said() == [
        {
            **NOTHING_SAID,
            "local_date": TODAY,
            "feel": 2,
            "note": "Bad night",
            "source": "page",
            "said_at": NOW,
        }
    ]


@pytest.mark.django_db
def test_more_answers_are_laid_beside_those_there_are(tester: User) -> None:
    check_in.keep(tester, TODAY, {"feel": 2, "soreness": 1}, PAGE, NOW)
    later = NOW + timedelta(minutes=5)

    assert check_in.keep(tester, TODAY, {"minutes_today": 0}, LINK, later) is True

    (row,) = said()
    assert (row["feel"], row["soreness"], row["minutes_today"]) == (2, 1, 0)
    assert (row["source"], row["said_at"]) == ("link", later)


@pytest.mark.django_db
def test_the_same_said_again_changes_nothing(tester: User) -> None:
    check_in.keep(tester, TODAY, TIRED, PAGE, NOW)
    before = said()

    assert check_in.keep(tester, TODAY, TIRED, LINK, NOW + timedelta(hours=1)) is False

    assert said() == before


@pytest.mark.django_db
def test_check_in_is_gone_with_its_last_answer(tester: User) -> None:
    check_in.keep(tester, TODAY, TIRED, PAGE, NOW)

    assert check_in.keep(tester, TODAY, {"feel": None}, PAGE, NOW) is True

    assert said() == []


@pytest.mark.django_db
def test_other_days_and_other_people_are_left_alone(tester: User, stranger: User) -> None:
    yesterday = TODAY - timedelta(days=1)
    for user, day in ((tester, yesterday), (stranger, TODAY), (tester, TODAY)):
        check_in.keep(user, day, {"feel": 5}, PAGE, NOW)

    check_in.keep(tester, TODAY, {"feel": None}, PAGE, NOW)

    left = CheckIn.objects.values_list("user", "local_date", "feel")
    assert set(left) == {(tester.pk, yesterday, 5), (stranger.pk, TODAY, 5)}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"feel": 0},
        {"feel": 6},
        {"soreness": 3},
        {"illness": "plague"},
        {"injury_place": "knee", "injury_pain": 11},
        {"injury_pain": 4},
        {"red_flags": ["a bad omen"]},
        {"red_flags": "palpitations"},
        {"minutes_today": 721},
        {"note": "x" * 501},
    ],
)
def test_what_cannot_be_said_is_not_kept(tester: User, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        check_in.keep(tester, TODAY, wrong, PAGE, NOW)

    assert said() == []


@pytest.mark.django_db
def test_red_flags_stand_in_one_order_and_once(tester: User) -> None:
    flags = ["palpitations", "chest pain or pressure", "palpitations"]

    check_in.keep(tester, TODAY, {"red_flags": flags}, PAGE, NOW)

    assert said()[0]["red_flags"] == ["chest pain or pressure", "palpitations"]


@pytest.mark.django_db
@pytest.mark.parametrize("gone", [{"health_consent_at": None}, {"is_active": False}])
def test_nothing_is_kept_without_consent(mission: Mission, gone: dict[str, Any]) -> None:
    User.objects.update(**gone)
    run = put_run(mission, "decided")

    with pytest.raises(NotAllowed):
        tell(mission)

    run.refresh_from_db()
    assert (said(), run.asked, run.outcome) == ([], 1, "decided")


@pytest.mark.django_db
def test_before_the_morning_s_run_nothing_is_asked(mission: Mission) -> None:
    assert tell(mission) == WAITS
    assert (len(said()), MissionRun.objects.count()) == (1, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("outcome", "asked", "words"),
    [
        ("due", 1, "The coach uses it for the brief that is being made; it comes by e-mail."),
        ("under_way", 2, "The coach uses it for the brief that is being made; it comes by e-mail."),
        ("decided", 2, "The coach is thinking again; the new brief comes by e-mail."),
        ("failed", 2, "The coach is thinking again; the new brief comes by e-mail."),
    ],
)
def test_coach_is_asked_again_in_every_state_of_the_run(
    mission: Mission, outcome: str, asked: int, words: str
) -> None:
    run = put_run(mission, outcome)

    told = tell(mission)

    run.refresh_from_db()
    assert (told.outcome, told.words, told.run) == (Outcome.ASKED, words, run)
    assert (run.outcome, run.asked, run.situation) == ("due", asked, None)


@pytest.mark.django_db
def test_run_that_waits_for_the_night_waits_on_and_uses_it(mission: Mission) -> None:
    later = NOW + timedelta(minutes=20)
    run = put_run(mission, "due", start_at=later, publish_at=later, wait_until=later)

    assert tell(mission) == WAITS

    run.refresh_from_db()
    assert (run.start_at, run.publish_at, run.wait_until) == (later, later, later)


@pytest.mark.django_db
def test_run_that_waits_for_the_model_asks_about_what_was_said(mission: Mission) -> None:
    later = NOW + timedelta(minutes=20)
    run = put_run(mission, "due", start_at=later, publish_at=later, setbacks=1)
    MissionRun.objects.update(situation=situation().model_dump(mode="json"))

    told = tell(mission)

    run.refresh_from_db()
    assert (told.outcome, told.run) == (Outcome.ASKED, run)
    assert (run.outcome, run.asked, run.situation, run.start_at) == ("due", 2, None, NOW)


@pytest.mark.django_db
def test_who_wants_no_mail_is_told_to_look_at_home(mission: Mission) -> None:
    Mission.objects.update(is_brief_mailed=False)
    put_run(mission, "decided")

    assert tell(mission).words == "The coach is thinking again; the new brief will be on Home."


@pytest.mark.django_db
def test_the_same_said_twice_asks_once(
    mission: Mission, published: list[Message], django_capture_on_commit_callbacks: Any
) -> None:
    run = put_run(mission, "decided")

    with django_capture_on_commit_callbacks(execute=True):
        first, second = tell(mission), tell(mission)

    run.refresh_from_db()
    assert (first.outcome, second, run.asked) == (Outcome.ASKED, UNCHANGED, 2)
    assert [name for name, _ in published] == ["coach.run_mission_day"]


@pytest.mark.django_db(transaction=True)
def test_two_taps_at_once_ask_once(mission: Mission) -> None:
    run = put_run(mission, "decided")

    told = at_once(lambda: tell(mission), lambda: tell(mission))

    run.refresh_from_db()
    assert sorted(one.outcome for one in told) == [Outcome.ASKED, Outcome.UNCHANGED]
    assert (run.asked, run.outcome, len(said())) == (2, "due", 1)


@pytest.mark.django_db
def test_morning_that_opened_meanwhile_is_asked_again(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look for a run and the commit, one began without what was said."""
    looked: list[str] = []
    look = check_in._ask_again

    def look_and_open(*args: Any) -> check_in.Told:
        told = look(*args)
        if not looked:
            put_run(mission, "under_way")
        looked.append(told.outcome)
        return told

    monkeypatch.setattr(check_in, "_ask_again", look_and_open)

    told = tell(mission)

    assert looked == ["waits", "asked"]
    assert (told.outcome, MissionRun.objects.get().asked) == (Outcome.ASKED, 2)


@pytest.mark.django_db
def test_after_the_most_askings_it_is_kept_and_said_so(mission: Mission) -> None:
    run = put_run(mission, "decided", asked=MOST_ASKINGS)

    told = tell(mission)

    run.refresh_from_db()
    assert told.outcome == Outcome.STAYS
    assert told.words.startswith("It is kept. The coach was asked 4 times for today")
    assert (run.asked, run.outcome, len(said())) == (4, "decided", 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "answers", [{"illness": "fever"}, {"red_flags": [CheckIn.RedFlag.values[0]]}]
)
def test_who_is_ill_is_told_not_to_ride_by_a_brief_that_stays(
    mission: Mission, answers: dict[str, Any]
) -> None:
    put_run(mission, "decided", asked=MOST_ASKINGS)

    assert tell(mission, answers).words.endswith(DO_NOT_RIDE)
    assert DO_NOT_RIDE not in tell(mission, {"illness": "above_neck", "red_flags": []}).words


@pytest.mark.django_db
def test_after_the_workout_it_is_kept_and_said_so(mission: Mission) -> None:
    Feedback.objects.create(run=put_run(mission, "decided"), word="done")

    told = tell(mission)

    assert (told.outcome, told.run) == (Outcome.STAYS, None)
    assert "how today’s workout went" in told.words
    assert len(said()) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["PREP", "MISSION_COMPLETE", None])
def test_without_a_live_mission_it_is_kept_and_nothing_is_asked(
    mission: Mission, state: str | None
) -> None:
    put_run(mission, "decided")
    mission.state = state or mission.state

    told = say(mission.owner, mission if state else None, TIRED, PAGE, NOW)

    assert told == NOT_LIVE
    assert (len(said()), MissionRun.objects.get().asked) == (1, 1)


@pytest.mark.django_db
def test_nothing_is_kept_while_the_storage_is_away_and_it_can_be_said_again(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_run(mission, "decided")

    def away(*_: Any, **__: Any) -> str:
        raise OSError("no storage")

    with monkeypatch.context() as outage:
        outage.setattr(default_storage, "save", away)
        with pytest.raises(NotNow):
            tell(mission)

    assert said() == []
    assert tell(mission).outcome == Outcome.ASKED


@pytest.mark.django_db
def test_day_is_the_mission_s_and_else_the_tester_s_own(tester: User) -> None:
    late = datetime(2026, 7, 4, 23, 0, tzinfo=UTC)
    mission = factories.mission(tester, timezone="America/New_York")

    assert check_in.day_of(tester, mission, late) == TODAY
    assert check_in.day_of(tester, None, late) == date(2026, 7, 5)


@pytest.mark.django_db
def test_live_mission_is_found_once_the_calendar_had_its_say(tester: User) -> None:
    over = factories.mission(
        tester, event_start=TODAY - timedelta(days=9), event_end=TODAY - timedelta(days=5)
    )

    assert check_in.live_mission(tester, NOW) is None
    over.refresh_from_db()
    assert over.state == "MISSION_COMPLETE"


@pytest.mark.django_db
def test_finished_day_that_was_asked_again_is_decided_again(
    mission: Mission, stand_ins: StandIns
) -> None:
    run = daily_run.open_run(mission, TODAY, MissionRun.Trigger.SCHEDULE)
    daily_run.run_day(run)

    told = say(mission.owner, mission, TIRED, LINK, NOW)
    assert told.run is not None
    daily_run.run_day(told.run)

    run.refresh_from_db()
    assert (run.outcome, run.asked, len(run.superseded)) == ("decided", 2, 1)
    assert again.earlier(run)[0]["why"] == "check_in"


@pytest.mark.django_db
def test_check_in_costs_a_fixed_number_of_queries(
    mission: Mission, django_assert_num_queries: Any
) -> None:
    for ago in range(1, 10):
        CheckIn.objects.create(user=mission.owner, local_date=TODAY - timedelta(days=ago), feel=3)

    # Consent, what was said, the row; the run, and once more after the commit; two savepoints.
    with django_assert_num_queries(9):
        tell(mission)
    with django_assert_num_queries(6):
        tell(mission)
