import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import LazySettings, settings
from django.test import Client, RequestFactory
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import privacy, tokens
from accounts.models import User
from coach import llm
from coach.builder.answers import MOST_OPEN, TOO_MANY
from coach.builder.draft_failures import FAILURES
from coach.models import Incident, MissionDraft
from missions.models import Mission
from tests.coach import drafts
from tests.coach.conftest import Model
from tests.conftest import StandIns, signed_in
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

PROBLEM = "application/problem+json"
LIST = "/api/missions/draft"
AT_NOW = "2026-07-04T05:30:00Z"
JSON = "application/json"


@pytest.fixture
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def post(browser: Client, path: str = LIST, body: dict[str, Any] | None = None) -> Any:
    return browser.post(path, drafts.answers() if body is None else body, JSON)


def of(draft: MissionDraft, call: str = "") -> str:
    return f"{LIST}/{draft.pk}{call}"


def told(draft: MissionDraft, **fields: Any) -> dict[str, Any]:
    return {
        "id": str(draft.pk),
        "outcome": "drafted",
        "survey": drafts.answers(),
        "proposal": drafts.proposal(),
        "failure": None,
        "mission": None,
        "created_at": AT_NOW,
        "updated_at": AT_NOW,
        **fields,
    }


def problem(answer: Any) -> dict[str, Any]:
    assert answer["Content-Type"] == PROBLEM
    whole: dict[str, Any] = answer.json()
    return whole


# --- who may -----------------------------------------------------------------------------------


def every_call(browser: Client, draft: MissionDraft) -> list[Any]:
    return [
        browser.get(of(draft)),
        browser.patch(of(draft), {"name": "Mine now"}, JSON),
        browser.delete(of(draft)),
        post(browser, of(draft, "/ask"), {}),
        post(browser, of(draft, "/confirm"), {}),
    ]


def test_drafts_are_not_there_for_a_stranger(as_stranger: Client, tester: User) -> None:
    draft = drafts.drafted(tester)
    before = MissionDraft.objects.values().get()

    calls = every_call(as_stranger, draft)

    assert [(one.status_code, one["Content-Type"]) for one in calls] == [(404, PROBLEM)] * 5
    assert as_stranger.get(LIST).json()["results"] == []
    assert MissionDraft.objects.values().get() == before


def test_drafts_are_for_those_who_are_signed_in(client: Client, tester: User) -> None:
    draft = drafts.drafted(tester)
    before = MissionDraft.objects.values().get()

    calls = [client.get(LIST), post(client), *every_call(client, draft)]

    assert [one.status_code for one in calls] == [401] * 7
    assert MissionDraft.objects.values().get() == before


def test_access_token_drafts_without_a_browser(client: Client, tester: User, model: Model) -> None:
    model.decides(drafts.proposal())
    access = tokens.issue(tester, RequestFactory().get("/"), NOW).access

    answer = client.post(
        LIST, drafts.answers(), JSON, headers={"Authorization": f"Bearer {access}"}
    )

    assert answer.status_code == 201


def test_session_needs_the_csrf_token(tester: User, model: Model) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(tester, backend=settings.AUTHENTICATION_BACKENDS[0])

    assert post(browser).status_code == 403
    assert (model.questions, MissionDraft.objects.count()) == ([], 0)


# --- asking ------------------------------------------------------------------------------------


def test_survey_becomes_a_draft(as_tester: Client, model: Model) -> None:
    model.decides(drafts.proposal())

    answer = post(as_tester)

    draft = MissionDraft.objects.get()
    assert (answer.status_code, answer["Location"]) == (201, of(draft))
    assert answer.json() == told(draft)
    assert as_tester.get(of(draft)).json() == told(draft)
    assert as_tester.get(of(draft))["ETag"] == answer["ETag"]
    assert [question["model"] for question in model.questions] == ["gpt-4o-mini"]


def test_stand_in_drafts_what_can_be_confirmed(as_tester: Client, stand_ins: StandIns) -> None:
    answer = post(as_tester)
    confirmed = post(as_tester, of(MissionDraft.objects.get(), "/confirm"), {})

    assert (answer.status_code, confirmed.status_code) == (201, 201)
    (asked,) = stand_ins.questions()
    assert asked["response_format"]["json_schema"]["name"] == "mission_draft"


def test_good_reply_after_a_bad_one_is_a_draft(as_tester: Client, model: Model) -> None:
    model.decides(drafts.proposal({"name": ""}), drafts.proposal())

    answer = post(as_tester)

    assert (answer.status_code, answer.json()["proposal"]) == (201, drafts.proposal())
    assert [question["temperature"] for question in model.questions] == [0.4, 0]


def test_wrong_answers_are_told_all_at_once_and_nothing_is_asked(
    as_tester: Client, model: Model
) -> None:
    wrong = drafts.answers(event_name=" ", ftp_w="strong", weekday_minutes=[60])
    del wrong["timezone"]

    answer = post(as_tester, body=wrong)

    assert answer.status_code == 400
    assert problem(answer)["errors"] == [
        {"field": "event_name", "message": "Give the event a name of at most 80 characters."},
        {
            "field": "ftp_w",
            "message": "Give whole watts from 40 to 600, or say that you do not know.",
        },
        {
            "field": "weekday_minutes",
            "message": (
                "Give seven numbers of minutes, from Monday to Sunday; 0 for a day without time."
            ),
        },
        {"field": "timezone", "message": "Please answer this."},
    ]
    assert (model.questions, MissionDraft.objects.count()) == ([], 0)


def test_without_consent_nothing_is_asked(as_tester: Client, model: Model) -> None:
    User.objects.update(health_consent_at=None)

    answer = post(as_tester)

    assert (answer.status_code, problem(answer)["detail"]) == (409, privacy.NOT_ALLOWED)
    assert (model.questions, MissionDraft.objects.count()) == ([], 0)


def test_too_many_surveys_are_told_when_to_come_again(
    as_tester: Client, model: Model, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "draft": [("account", 1, 3600)]}
    model.decides(drafts.proposal())

    first, second = post(as_tester), post(as_tester)
    third = post(as_tester, of(MissionDraft.objects.get(), "/ask"), {})

    assert [one.status_code for one in (first, second, third)] == [201, 429, 429]
    assert (second["Content-Type"], second["Retry-After"]) == (PROBLEM, "1800")
    assert len(model.questions) == 1


FAULTS = {
    "malformed": "invalid_reply",
    "schema_invalid": "invalid_reply",
    "absurd": "invalid_reply",
    "refusal": "refusal",
    "length": "cut_off",
    "content_filter": "filtered",
    "rate_limited": "rate_limited",
    "quota": "quota",
    "server_error": "model_error",
    "bad_request": "model_error",
}


@pytest.mark.parametrize(("mode", "kind"), FAULTS.items())
def test_failure_of_the_model_has_its_name_and_keeps_the_survey(
    as_tester: Client, stand_ins: StandIns, mode: str, kind: str
) -> None:
    stand_ins.mode("openai", mode)

    answer = post(as_tester)

    assert failed_as(answer) == (502, kind)


def failed_as(answer: Any) -> tuple[int, str]:
    """The status, and the kind the draft, its incident and the answer agree on."""
    draft = MissionDraft.objects.get()
    (incident,) = Incident.objects.all()
    failure = FAILURES[Incident.Kind(draft.failure)]
    assert problem(answer) == {
        "type": "about:blank",
        "title": "Another service did not answer",
        "status": 502,
        "detail": failure.words,
        "retryable": failure.is_retryable,
        "draft_id": str(draft.pk),
    }
    assert (draft.outcome, draft.survey, draft.proposal) == ("failed", drafts.answers(), None)
    assert (incident.about, incident.kind) == (draft, draft.failure)
    return answer.status_code, incident.kind


def test_model_that_is_too_slow_has_its_name(
    as_tester: Client, stand_ins: StandIns, settings: LazySettings
) -> None:
    settings.COACH_TIMEOUT_S = 0.2
    stand_ins.mode("openai", "timeout", seconds=1)

    assert failed_as(post(as_tester)) == (502, "timeout")


def test_model_that_is_not_there_has_its_name(as_tester: Client, settings: LazySettings) -> None:
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"

    assert failed_as(post(as_tester)) == (502, "model_error")


def test_failed_draft_is_asked_for_again(as_tester: Client, model: Model) -> None:
    model.says("{", "{")
    post(as_tester)
    draft = MissionDraft.objects.get()
    model.decides(drafts.proposal())

    answer = post(as_tester, of(draft, "/ask"), {})

    assert (answer.status_code, answer.json()) == (200, told(draft))
    assert [call.attempt for call in draft.calls.all()] == [1, 2, 3]


def test_changed_answers_are_drafted_anew(as_tester: Client, tester: User, model: Model) -> None:
    draft = drafts.drafted(tester)
    one_day = {"event_end": "2026-08-03"}
    new = drafts.proposal(
        {"event_end": "2026-08-03", "stages": drafts.PROPOSAL["stages"][:1]},
        {"points_schema.bonuses": []},
    )
    model.decides(new)

    answer = post(as_tester, of(draft, "/ask"), one_day)

    assert answer.status_code == 200
    assert answer.json() == told(draft, survey=drafts.answers(**one_day), proposal=new)


def test_wrong_changes_of_the_answers_are_not_kept(
    as_tester: Client, tester: User, model: Model
) -> None:
    draft = drafts.drafted(tester)

    answer = post(as_tester, of(draft, "/ask"), {"event_end": "2026-08-02"})

    assert answer.status_code == 400
    assert [one["field"] for one in problem(answer)["errors"]] == ["event_end"]
    assert (as_tester.get(of(draft)).json(), model.questions) == (told(draft), [])


def test_draft_that_a_worker_makes_is_only_waited_for(
    as_tester: Client, tester: User, model: Model
) -> None:
    held = {"lease_until": NOW + timedelta(minutes=4), "fence": 1, "asked": 1}
    draft = drafts.draft(tester, outcome="under_way", **held)

    again = post(as_tester, of(draft, "/ask"), {})
    changed = post(as_tester, of(draft, "/ask"), {"ftp_w": None})

    assert (again.status_code, again.json()) == (
        202,
        told(draft, outcome="under_way", proposal=None),
    )
    assert (changed.status_code, problem(changed)["detail"]) == (
        409,
        "Your mission is being drafted. Wait a moment, then go on.",
    )
    assert model.questions == []


# --- reading and changing ----------------------------------------------------------------------


def test_list_holds_open_drafts_newest_first(
    as_tester: Client, tester: User, mission: Mission
) -> None:
    older = drafts.draft(tester, survey={"event_name": "Tour"}, outcome="survey")
    newer = drafts.drafted(tester, updated_at=NOW + timedelta(hours=1))
    drafts.drafted(tester, mission=mission)

    page = as_tester.get(f"{LIST}?page_size=1").json()

    assert (page["count"], [one["id"] for one in page["results"]]) == (2, [str(newer.pk)])
    assert as_tester.get(page["next"]).json()["results"] == [
        told(older, outcome="survey", survey={"event_name": "Tour"}, proposal=None)
    ]


def test_change_is_kept_and_has_a_new_version(as_tester: Client, tester: User) -> None:
    draft = drafts.drafted(tester)
    version = as_tester.get(of(draft))["ETag"]

    answer = as_tester.patch(of(draft), {"name": "My ronde"}, JSON, headers={"If-Match": version})

    assert (answer.status_code, answer.json()) == (
        200,
        told(draft, proposal=drafts.proposal({"name": "My ronde"})),
    )
    assert answer["ETag"] != version
    draft.refresh_from_db()
    assert draft.drafted == drafts.proposal()


def test_wrong_change_is_refused_like_a_wrong_reply(as_tester: Client, tester: User) -> None:
    draft = drafts.drafted(tester)
    stages = drafts.proposal({"stages.0.is_rest_day": True, "stages.4.date": "2026-08-09"})

    answer = as_tester.patch(
        of(draft), {"stages": stages["stages"], "prep_start": "soon", "coach": "me"}, JSON
    )
    second = as_tester.patch(of(draft), {"stages": stages["stages"]}, JSON)

    assert [one["field"] for one in problem(answer)["errors"]] == ["prep_start", "coach"]
    assert problem(second)["errors"] == [
        {"field": "stages.4.date", "message": "Day 5 of the event is 2026-08-07."},
        {
            "field": "stages.0.is_rest_day",
            "message": "An event begins and ends with a day that is ridden.",
        },
    ]
    assert as_tester.get(of(draft)).json() == told(draft)


@pytest.mark.parametrize(
    ("header", "status"), [('"older"', 412), ("older", 400), ("*", 200), ('W/"x", "y"', 412)]
)
def test_change_of_an_older_version_is_refused(
    as_tester: Client, tester: User, header: str, status: int
) -> None:
    draft = drafts.drafted(tester)

    answer = as_tester.patch(of(draft), {"name": "New"}, JSON, headers={"If-Match": header})

    draft.refresh_from_db()
    assert answer.status_code == status
    assert draft.name == ("New" if status == 200 else drafts.SURVEY["event_name"])


@pytest.mark.parametrize("outcome", ["survey", "due", "under_way", "failed"])
def test_what_is_not_drafted_is_neither_changed_nor_confirmed(
    as_tester: Client, tester: User, outcome: str
) -> None:
    draft = drafts.draft(tester, outcome=outcome, failure="timeout")
    waiting = "Your mission is being drafted. Wait a moment, then go on."
    words = {"due": waiting, "under_way": waiting}.get(
        outcome, "There is no draft of these answers yet. Ask for one first."
    )

    calls = [
        as_tester.patch(of(draft), {"name": "New"}, JSON),
        post(as_tester, of(draft, "/confirm"), {}),
    ]

    assert [(one.status_code, problem(one)["detail"]) for one in calls] == [(409, words)] * 2
    assert Mission.objects.count() == 0


def test_discarded_draft_is_gone(as_tester: Client, tester: User) -> None:
    draft, other = drafts.drafted(tester), drafts.draft(tester)

    stale = as_tester.delete(of(draft), headers={"If-Match": '"older"'})
    gone = as_tester.delete(of(draft))

    assert (stale.status_code, gone.status_code, gone.content) == (412, 204, b"")
    assert as_tester.get(of(draft)).status_code == 404
    assert MissionDraft.objects.get() == other


# --- confirming --------------------------------------------------------------------------------


def test_confirmed_draft_is_a_mission_in_preparation(as_tester: Client, tester: User) -> None:
    draft = drafts.drafted(tester)

    answer = post(as_tester, of(draft, "/confirm"), {})

    mission = Mission.objects.get()
    assert (answer.status_code, answer["Location"]) == (201, f"/api/missions/{mission.pk}")
    assert answer.json() == as_tester.get(f"/api/missions/{mission.pk}").json()
    whole = answer.json()
    assert (whole["state"], whole["name"]) == ("PREP", "Ronde van de Canary")
    assert whole["stages"] == drafts.PROPOSAL["stages"]
    assert as_tester.get(of(draft)).json()["mission"] == str(mission.pk)


def test_confirmed_draft_stays_with_its_mission(as_tester: Client, tester: User) -> None:
    draft = drafts.drafted(tester)
    post(as_tester, of(draft, "/confirm"), {})

    calls = [
        post(as_tester, of(draft, "/confirm"), {}),
        post(as_tester, of(draft, "/ask"), {}),
        as_tester.patch(of(draft), {"name": "New"}, JSON),
        as_tester.delete(of(draft)),
    ]

    mission = Mission.objects.get()
    assert [(one.status_code, problem(one)["mission"]) for one in calls] == [
        (409, f"/api/missions/{mission.pk}")
    ] * 4


def test_confirming_an_older_version_is_refused(as_tester: Client, tester: User) -> None:
    draft = drafts.drafted(tester)

    answer = as_tester.post(of(draft, "/confirm"), {}, JSON, headers={"If-Match": '"older"'})

    assert (answer.status_code, Mission.objects.count()) == (412, 0)


def test_draft_whose_event_has_begun_is_not_confirmed(tester: User) -> None:
    draft = drafts.drafted(tester)

    with time_machine.travel(NOW + timedelta(days=31), tick=False):
        answer = post(signed_in(tester), of(draft, "/confirm"), {})

    assert answer.status_code == 400
    assert problem(answer)["errors"] == [
        {
            "field": "survey.event_start",
            "message": "The event has begun already. Choose days that are to come.",
        }
    ]


def test_draft_that_was_never_there_is_not_found(as_tester: Client) -> None:
    assert as_tester.get(f"{LIST}/{uuid4()}").status_code == 404


def test_draft_never_tells_what_the_model_was_asked(as_tester: Client, tester: User) -> None:
    draft = drafts.drafted(tester)
    draft.calls.create(attempt=1, model="m", prompt="canary-p", reply="canary-r")

    assert "canary-" not in json.dumps([as_tester.get(path).json() for path in (LIST, of(draft))])


# --- the database ------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 20])
def test_list_asks_the_database_as_often_for_many_drafts(
    as_tester: Client, tester: User, rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(rows):
        drafts.drafted(tester)

    with django_assert_num_queries(4):
        answer = as_tester.get(LIST)

    assert len(answer.json()["results"]) == rows


@pytest.mark.parametrize("rows", [1, 20])
def test_draft_asks_the_database_as_often_among_many(
    as_tester: Client, tester: User, rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(rows):
        draft = drafts.drafted(tester)

    with django_assert_num_queries(3):
        answer = as_tester.get(of(draft))

    assert answer.json()["created_at"] == AT_NOW


def test_incomplete_survey_is_no_attempt(
    as_tester: Client, model: Model, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "draft": [("account", 1, 3600)]}
    model.decides(drafts.proposal())

    answers = [post(as_tester, body={}), post(as_tester, body={}), post(as_tester)]

    assert [one.status_code for one in answers] == [400, 400, 201]


@pytest.mark.parametrize("gone", ["the draft", "the account"])
def test_what_goes_while_the_model_answers_is_not_found(
    as_tester: Client, model: Model, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    complete = llm.complete

    def meanwhile(*asked: Any, **options: Any) -> Any:
        answer = complete(*asked, **options)
        MissionDraft.objects.all().delete()
        if gone == "the account":
            User.objects.all().delete()
        return answer

    monkeypatch.setattr(llm, "complete", meanwhile)
    model.decides(drafts.proposal())

    assert post(as_tester).status_code == 404
    assert Incident.objects.count() == 0


def test_survey_is_kept_as_it_was_understood(as_tester: Client, model: Model) -> None:
    model.decides(drafts.proposal())
    lax = {"event_start": "2026-08-03T00:00:00", "send_time": "06:30:00", "weekly_hours_min": "5"}

    survey = post(as_tester, body=drafts.answers(**lax)).json()["survey"]

    assert survey == drafts.answers()


def test_yes_and_no_are_true_and_false(as_tester: Client) -> None:
    answer = post(as_tester, body=drafts.answers(is_brief_mailed="off"))

    assert problem(answer)["errors"] == [
        {"field": "is_brief_mailed", "message": "Choose yes or no: true or false."}
    ]


def test_failure_of_a_new_draft_leaves_the_one_that_was_there(
    as_tester: Client, tester: User, model: Model
) -> None:
    draft = drafts.drafted(tester)
    model.says("no", "json")

    asked = post(as_tester, of(draft, "/ask"), {})
    told = as_tester.get(of(draft)).json()

    assert (asked.status_code, told["outcome"], told["failure"]["kind"]) == (
        *(502, "drafted"),
        "invalid_reply",
    )
    assert post(as_tester, of(draft, "/confirm"), {}).status_code == 201


def test_twenty_drafts_are_the_most(as_tester: Client, tester: User, model: Model) -> None:
    for _ in range(MOST_OPEN):
        drafts.drafted(tester)

    answer = post(as_tester)

    assert (answer.status_code, problem(answer)["detail"]) == (409, TOO_MANY)
    assert (model.questions, MissionDraft.objects.count()) == ([], MOST_OPEN)
