from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from coach import again
from coach.models import Incident, MissionRun, ModelCall
from connections.models import AppleHealthUpload
from connections.sources import Source
from missions.models import Mission, RideMode
from missions.progress import StageRidden, settle
from notifications.models import StoppedAddress
from tests import factories
from tests.coach.samples import EVENT, IN_THE_BUNCH, KEY_INPUTS, reply, situation
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

State = Mission.State
Outcome = MissionRun.Outcome
GET_BRIEF = "Get today’s brief"
UNDER_WAY = "Your brief is being made."


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def home(browser: Client) -> str:
    answer = browser.get("/")
    assert answer.status_code == 200
    return answer.content.decode()


def queries(browser: Client, path: str = "/") -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(path).status_code == 200
    return len(captured)


def put_run(mission: Mission, days_ago: int = 0, **fields: Any) -> MissionRun:
    values = {"outcome": Outcome.DUE, "trigger": "schedule", **fields}
    day = TODAY - timedelta(days=days_ago)
    return MissionRun.objects.create(mission=mission, local_date=day, **values)


def put_decided(mission: Mission, days_ago: int = 0, *changes: dict[str, Any]) -> MissionRun:
    return put_run(
        mission,
        days_ago,
        outcome=Outcome.DECIDED,
        finished_at=NOW,
        situation=situation(*changes[:1]).model_dump(mode="json"),
        decision=reply(*changes[1:]),
        summary=f"Maintain: {60 + days_ago} min, moderate intensity",
    )


def put_failed(mission: Mission, **fields: Any) -> MissionRun:
    run = put_run(
        mission, outcome=Outcome.FAILED, finished_at=NOW, summary="No guidance today", **fields
    )
    Incident.objects.create(run=run, kind="timeout", detail="The model did not answer in time.")
    return run


@pytest.fixture
def event(tester: User) -> Mission:
    """Five flat stages, the second of them today; the first was ridden in the breakaway."""
    mission = factories.mission(
        tester,
        state=State.EVENT_ACTIVE,
        event_start=TODAY - timedelta(days=1),
        event_end=TODAY + timedelta(days=3),
    )
    ridden = StageRidden(RideMode.BREAKAWAY, "strava:1", NOW)
    settle(mission, mission.stages.get(number=1), ridden, now=NOW)
    return mission


def test_home_of_a_visitor_says_what_this_is_and_asks_the_database_nothing(
    client: Client,
) -> None:
    answer = client.get("/")

    assert "What to ride today, and why." in answer.content.decode()
    assert answer.templates[0].name == "lanterne/landing.html"
    assert queries(client) == 0


def test_home_without_a_mission_leads_to_a_first_one(as_tester: Client) -> None:
    page = home(as_tester)

    assert 'href="/missions/new"' in page
    assert GET_BRIEF not in page


def test_home_in_preparation_offers_to_start(tester: User, as_tester: Client) -> None:
    mission = factories.mission(tester, state=State.PREP)

    page = home(as_tester)

    assert f'action="/missions/{mission.pk}/start"' in page
    assert GET_BRIEF not in page
    assert as_tester.get("/").context["days_to_event"] == 30


def test_home_of_a_live_mission_offers_today_s_brief(mission: Mission, as_tester: Client) -> None:
    Mission.objects.update(next_run_at=NOW + timedelta(hours=22))

    answer = as_tester.get("/")

    page = answer.content.decode()
    assert f'hx-post="/missions/{mission.pk}/run-now"' in page
    assert GET_BRIEF in page
    assert 'datetime="2026-07-05T' in page
    assert (answer.context["local_date"], answer.context["run"]) == (TODAY, None)


def test_next_brief_is_told_in_the_tester_s_own_time(
    tester: User, mission: Mission, as_tester: Client
) -> None:
    Mission.objects.update(next_run_at=NOW + timedelta(hours=22, minutes=30))
    at = 'data-countdown datetime="2026-07-05T'
    assert f'{at}06:00:00+02:00">tomorrow at 06:00</time>' in home(as_tester)
    assert "in Paris" not in home(as_tester)

    tester.timezone = "America/New_York"
    tester.save()

    there = '</time> <span class="small">(06:00 in Paris)</span>'
    assert f'{at}00:00:00-04:00">tomorrow at 00:00{there}' in home(as_tester)


@pytest.mark.parametrize("outcome", [Outcome.DUE, Outcome.UNDER_WAY])
def test_home_with_a_run_under_way_asks_for_it_until_it_is_there(
    mission: Mission, as_tester: Client, outcome: str
) -> None:
    run = put_run(mission, outcome=outcome)

    page = home(as_tester)

    assert UNDER_WAY in page
    assert f'hx-get="/runs/{run.pk}/status?shown=' in page
    assert GET_BRIEF not in page


def test_home_tells_the_brief_that_is_under_way_from_the_one_after_it(
    mission: Mission, as_tester: Client
) -> None:
    Mission.objects.update(next_run_at=NOW + timedelta(hours=20))
    run = put_run(mission, outcome=Outcome.DUE)
    under_way = home(as_tester)
    run.delete()
    put_decided(mission)
    decided = home(as_tester)

    after, following = "<dt>The brief after today’s</dt>", "<dt>Next brief</dt>"
    assert (after in under_way, following in under_way) == (True, False)
    assert (after in decided, following in decided) == (False, True)


def test_home_with_a_decided_run_shows_the_brief(mission: Mission, as_tester: Client) -> None:
    run = put_decided(mission)

    answer = as_tester.get("/")

    page = answer.content.decode()
    assert answer.context["brief"].first_line == "Maintain: 60 min, moderate intensity"
    assert reply()["reason"] in page
    assert "Readiness <b>82</b>, Oura, 1 h ago" in page
    assert f'href="/runs/{run.pk}"' in page
    assert ('hx-trigger="every' in page, GET_BRIEF in page) == (False, False)


def test_home_says_what_was_missing(mission: Mission, as_tester: Client) -> None:
    put_decided(mission, 0, dict.fromkeys(KEY_INPUTS), {"evidence": []})

    page = home(as_tester)

    missing = as_tester.get("/").context["brief"].missing
    assert len(missing) == 6
    # The page begins them with a capital and writes the apostrophe as an entity.
    assert [one for one in missing if one[1:].replace("'", "&#x27;") not in page] == []


def test_home_with_a_failed_run_says_so_and_gives_no_advice(
    mission: Mission, as_tester: Client
) -> None:
    run = put_failed(mission)

    answer = as_tester.get("/")

    page = answer.content.decode()
    assert "No guidance" in page
    assert f'href="/runs/{run.pk}"' in page
    assert (answer.context["brief"], 'hx-trigger="every' in page) == (None, False)


def test_home_with_a_missed_morning_offers_today_s_brief_and_lists_those_before(
    mission: Mission, as_tester: Client
) -> None:
    for days_ago in (0, 1):
        put_run(mission, days_ago, outcome=Outcome.MISSED, finished_at=NOW, summary="No brief")

    page = home(as_tester)

    assert '<p class="call">No brief</p>' in page
    assert GET_BRIEF in page
    assert "<span>Missed: no brief was made</span>" in page
    assert "No guidance" not in page


def test_home_costs_a_fixed_number_of_queries_while_a_run_waits_and_when_it_is_missed(
    mission: Mission, as_tester: Client
) -> None:
    run = put_run(mission)
    under_way = queries(as_tester)
    MissionRun.objects.update(start_at=NOW + timedelta(minutes=9), wait_until=NOW)
    waiting = queries(as_tester)
    MissionRun.objects.filter(pk=run.pk).update(outcome=Outcome.MISSED, finished_at=NOW)

    # A run that drew nothing up is asked whether a warning sign was reported.
    assert (under_way, waiting, queries(as_tester)) == (12, 12, 13)


def test_home_on_an_event_day_shows_stages_points_and_mode(
    event: Mission, as_tester: Client
) -> None:
    put_decided(event, 0, EVENT, IN_THE_BUNCH)

    answer = as_tester.get("/")

    page = answer.content.decode()
    assert "<strong>GC</strong>, worth 10 points" in page
    assert "Stages: 1 of 5 ridden" in page
    assert "<strong>8 points</strong>: 8 from stages, 0 from bonuses." in page
    assert answer.context["event_days_left"] == 4
    game = answer.context["game"]
    assert [(one.stage.number, one.row is not None) for one in game.stages] == [
        (1, True),
        (2, False),
        (3, False),
        (4, False),
        (5, False),
    ]
    assert [stop.label for stop in answer.context["states"] if stop.is_here] == ["event"]


def test_home_moves_the_mission_into_its_event_with_the_date(
    tester: User, as_tester: Client
) -> None:
    mission = factories.mission(tester, event_start=TODAY)

    home(as_tester)

    mission.refresh_from_db()
    assert mission.state == State.EVENT_ACTIVE


def test_home_of_a_complete_mission_sums_it_up(event: Mission, as_tester: Client) -> None:
    Mission.objects.update(state=State.MISSION_COMPLETE, event_end=TODAY)

    page = home(as_tester)

    assert "Tour of the Valleys is complete" in page
    assert "It ended on 4 July 2026 with 8 points." in page
    assert 'href="/missions/new"' in page


def test_home_after_the_event_still_shows_the_brief_of_its_last_morning(
    mission: Mission, as_tester: Client
) -> None:
    put_decided(mission)
    Mission.objects.update(state=State.MISSION_COMPLETE)

    assert reply()["reason"] in home(as_tester)


def test_home_lists_the_seven_runs_before_today_newest_first(
    mission: Mission, as_tester: Client
) -> None:
    for days_ago in range(9):
        put_decided(mission, days_ago)

    earlier = as_tester.get("/").context["earlier_runs"]

    assert [(TODAY - run.local_date).days for run in earlier] == [1, 2, 3, 4, 5, 6, 7]


def test_home_never_shows_what_is_somebody_else_s(
    mission: Mission, stranger: User, as_stranger: Client
) -> None:
    run = put_decided(mission)
    factories.connection(mission.owner, last_success_at=NOW)

    page = home(as_stranger)

    assert [part for part in (mission.name, str(mission.pk), str(run.pk)) if part in page] == []


def test_home_is_only_read(as_tester: Client) -> None:
    assert as_tester.post("/").status_code == 405


def test_today_is_the_mission_s_local_date(tester: User, as_tester: Client) -> None:
    mission = factories.mission(tester, timezone="Pacific/Pago_Pago")
    put_decided(mission)
    yesterday = put_run(mission, 1)

    assert as_tester.get("/").context["run"] == yesterday


def put_import(user: User, status: str = AppleHealthUpload.Status.DONE) -> None:
    AppleHealthUpload.objects.create(
        user=user,
        file_name="export.zip",
        stored_name=str(AppleHealthUpload.objects.count()),
        size_bytes=1,
        status=status,
    )


def test_home_costs_as_many_queries_with_much_history_as_with_little(
    event: Mission, as_tester: Client
) -> None:
    put_decided(event, 0, EVENT, IN_THE_BUNCH)
    put_decided(event, 1)
    factories.connection(event.owner, last_success_at=NOW)
    put_import(event.owner)
    little = queries(as_tester)

    for days_ago in range(2, 40):
        put_decided(event, days_ago)
    for stage in event.stages.filter(number__gt=1):
        settle(event, stage, None, now=NOW)
    factories.connection(event.owner, provider=Source.OURA, last_success_at=NOW)
    for _ in range(3):
        put_import(event.owner)
    much = queries(as_tester)

    assert (little, much) == (12, 12)


@pytest.mark.parametrize(
    ("state", "count"),
    [("none", 7), ("PREP", 11), ("TRAINING", 12), ("MISSION_COMPLETE", 11)],
)
def test_home_costs_a_fixed_number_of_queries(
    tester: User, as_tester: Client, state: str, count: int
) -> None:
    if state != "none":
        factories.mission(tester, state=state)

    assert queries(as_tester) == count


@pytest.mark.parametrize("state", ["PREP", "TRAINING", "MISSION_COMPLETE"])
def test_home_tells_of_a_stopped_address_without_a_brief_today(
    tester: User, as_tester: Client, state: str
) -> None:
    factories.mission(tester, state=state)
    StoppedAddress.objects.create(address=tester.email, reason="bounce")

    assert f"Mails to {tester.email} came back" in home(as_tester)


def run_page(run: MissionRun) -> str:
    return f"/runs/{run.pk}"


def put_calls(run: MissionRun, *problems: str) -> None:
    for attempt, problem in enumerate(problems, 1):
        ModelCall.objects.create(
            run=run,
            attempt=attempt,
            model="gpt-4o-mini",
            prompt_version="training_day@abc",
            prompt="the prompt itself",
            reply="the reply itself",
            outcome="rejected" if problem else "accepted",
            problem=problem,
            tokens_in=2100,
            latency_ms=840,
        )


def test_run_page_shows_the_decision_its_numbers_and_its_checks(
    mission: Mission, as_tester: Client
) -> None:
    run = put_decided(mission, 0, {"metrics.rhr": None})
    put_calls(run, "L5: 90 minutes are more than the 65 there is time for.", "")

    answer = as_tester.get(run_page(run))

    page = answer.content.decode()
    plan = reply()["workout_plan"]
    told = [reply()["reason"], plan["description"], "L5: 90 minutes", "training_day@abc", "840 ms"]
    assert [part for part in told if part not in page] == []
    numbers = {number.label: str(number) for number in answer.context["numbers"]}
    assert numbers["HRV"] == "HRV 53 ms (Oura, 1 h ago)"
    assert numbers["Resting heart rate"] == "Resting heart rate unknown"
    assert ("the prompt itself" in page, "the reply itself" in page) == (False, False)


def test_run_page_of_another_day_ages_the_evidence_and_not_the_record(
    mission: Mission, as_tester: Client
) -> None:
    run = put_decided(mission)

    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        answer = as_tester.get(run_page(run))

    assert [str(chip) for chip in answer.context["brief"].chips] == [
        "Readiness 82 (Oura, 3 days ago)"
    ]
    assert str(answer.context["numbers"][0]) == "Readiness 82 (Oura, 1 h ago)"


def test_run_page_of_a_failed_run_says_what_went_wrong(mission: Mission, as_tester: Client) -> None:
    run = put_failed(mission)
    put_calls(run, "reply: Invalid JSON")

    answer = as_tester.get(run_page(run))

    page = answer.content.decode()
    assert "The model did not answer in time." in page
    assert "reply: Invalid JSON" in page
    assert (answer.context["brief"], answer.context["numbers"]) == (None, [])


def test_run_page_of_a_missed_run_says_when_it_was_due_and_no_more(
    mission: Mission, as_tester: Client
) -> None:
    due_at = NOW - timedelta(hours=13)
    run = put_run(mission, outcome=Outcome.MISSED, due_at=due_at, finished_at=NOW)
    Incident.objects.create(run=run, kind="missed", detail="It was due at 2026-07-03 16:30 UTC.")

    page = as_tester.get(run_page(run)).content.decode()

    assert "Missed. It was due on 3 July 2026, 18:30." in page
    assert "We were not able to make this morning’s brief in time" in page
    assert "The morning went by without a run" in page
    assert GET_BRIEF in page
    assert ("Questions to the model" in page, "The numbers that went in" in page) == (False, False)
    assert "Download the receipt" in page


def test_run_page_of_a_run_under_way_waits_for_it(mission: Mission, as_tester: Client) -> None:
    run = put_run(mission)

    page = as_tester.get(run_page(run)).content.decode()

    assert f'hx-get="/runs/{run.pk}/status?shown=' in page


def test_run_page_is_not_there_for_a_stranger(mission: Mission, as_stranger: Client) -> None:
    assert as_stranger.get(run_page(put_decided(mission))).status_code == 404


def test_run_page_of_a_run_that_never_was_is_not_found(as_tester: Client) -> None:
    assert as_tester.get(f"/runs/{uuid4()}").status_code == 404


def test_run_page_is_for_those_who_are_signed_in(mission: Mission, client: Client) -> None:
    run = put_decided(mission)

    assert client.get(run_page(run))["Location"] == f"/auth/login?next=/runs/{run.pk}"


def test_run_page_is_only_read(mission: Mission, as_tester: Client) -> None:
    assert as_tester.post(run_page(put_decided(mission))).status_code == 405


def test_run_page_costs_as_many_queries_for_two_calls_as_for_one(
    mission: Mission, as_tester: Client
) -> None:
    once, twice = put_decided(mission), put_decided(mission, 1)
    put_calls(once, "")
    put_calls(twice, "cut off", "")
    for n in range(3):
        Incident.objects.create(run=twice, kind="crash", detail=str(n))

    assert (queries(as_tester, run_page(once)), queries(as_tester, run_page(twice))) == (5, 5)


def test_run_page_tells_of_the_earlier_askings_of_its_day(
    mission: Mission, as_tester: Client
) -> None:
    run = put_decided(mission)
    again.ask_again(run, NOW + timedelta(minutes=20), again.Why.CHECK_IN)
    MissionRun.objects.update(outcome=Outcome.FAILED, finished_at=NOW + timedelta(minutes=21))

    page = " ".join(as_tester.get(run_page(run)).content.decode().split())

    assert (
        "07:30: Maintain: 60 min, moderate intensity. Asked again after what you said at 07:50."
    ) in page


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (again.Why.OPERATOR, "An operator asked again at 07:50."),
        (again.Why.MISSED, "You asked for it at 07:50."),
    ],
)
def test_run_page_tells_who_asked_again(
    mission: Mission, as_tester: Client, why: again.Why, words: str
) -> None:
    run = put_decided(mission)
    again.ask_again(run, NOW + timedelta(minutes=20), why)
    MissionRun.objects.update(start_at=NOW)

    page = " ".join(as_tester.get(run_page(run)).content.decode().split())

    assert f"Maintain: 60 min, moderate intensity. {words}" in page
    is_told_again = "Your brief is being made again.</strong>" in page
    assert is_told_again == (why == again.Why.OPERATOR)
    assert "with what you said" not in page
