from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertRedirects
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from missions import editing, progress
from missions.forms import CHANGED_MEANWHILE
from missions.models import Mission, Stage
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

State = Mission.State
ANSWERS = {
    "name": "Tour of the Valleys",
    "mission_type": "road_stage_race",
    "event_start": "2026-08-03",
    "event_end": "2026-08-07",
    "timezone": "Europe/Paris",
    "send_time": "06:00",
    "weekly_minutes": "420",
    "daily_minutes": "90",
    "min_readiness": "70",
    "min_tsb": "-15",
    "points_schema": '{"flat": {"gc": 5, "breakaway": 8}}',
}
CHANGED = (
    "error",
    "Not saved. The stages have changed since you opened the page.",
)


@pytest.fixture
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def address(mission: Mission, end: str = "") -> str:
    return f"/missions/{mission.pk}{end}"


def told(response: Any) -> list[tuple[str, str]]:
    """What the next page will say on top."""
    return [(one.level_tag, str(one)) for one in get_messages(response.wsgi_request)]


def stage_answers(mission: Mission, *kinds: str, rest: int = 0) -> dict[str, str]:
    """The form of the stages as a tester sends it; `rest` is the number of a day of rest."""
    answers = {"form-TOTAL_FORMS": str(len(kinds)), "form-INITIAL_FORMS": str(len(kinds))}
    open_stages = mission.stages.filter(progress__isnull=True)
    for row, (stage, kind) in enumerate(zip(open_stages, kinds, strict=True)):
        answers |= {f"form-{row}-id": str(stage.pk), f"form-{row}-stage_type": kind}
        if stage.number == rest:
            answers[f"form-{row}-is_rest_day"] = "on"
    return answers


def plan(mission: Mission) -> list[tuple[str, bool]]:
    return list(mission.stages.values_list("stage_type", "is_rest_day"))


# --- who may -----------------------------------------------------------------------------------


def test_addresses_are_the_promised_ones(mission: Mission) -> None:
    names = ("missions:detail", "missions:start")

    assert [reverse(name, args=[mission.pk]) for name in names] == [
        address(mission),
        address(mission, "/start"),
    ]
    assert reverse("missions:new") == "/missions/new"
    assert mission.get_absolute_url() == address(mission)


@pytest.mark.parametrize("end", ["", "/start"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_mission_of_somebody_else_is_not_there_for_a_stranger(
    as_stranger: Client, tester: User, end: str, method: str
) -> None:
    mission = factories.mission(tester, state=State.PREP)
    rows = Mission.objects.values().get()

    response: HttpResponse = getattr(as_stranger, method)(address(mission, end))

    # A page that only takes posts says so before it looks for the mission.
    assert response.status_code == (405 if method == "get" and end else 404)
    assert Mission.objects.values().get() == rows


@pytest.mark.parametrize("end", ["", "/start"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_mission_asks_whoever_is_not_signed_in_to_sign_in(
    client: Client, tester: User, end: str, method: str
) -> None:
    mission = factories.mission(tester, state=State.PREP)
    rows = Mission.objects.values().get()

    response = getattr(client, method)(address(mission, end))

    assertRedirects(
        response, f"/auth/login?next={address(mission, end)}", fetch_redirect_response=False
    )
    assert Mission.objects.values().get() == rows


@pytest.mark.parametrize("end", ["new", "current"])
def test_first_mission_asks_whoever_is_not_signed_in_to_sign_in(client: Client, end: str) -> None:
    response = client.get(f"/missions/{end}")

    assertRedirects(response, f"/auth/login?next=/missions/{end}", fetch_redirect_response=False)


@pytest.mark.parametrize("end", ["/start"])
def test_change_by_a_get_is_refused(as_tester: Client, tester: User, end: str) -> None:
    mission = factories.mission(tester, state=State.PREP)

    response = as_tester.get(address(mission, end))

    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert Mission.objects.get().state == State.PREP


# --- one's own ---------------------------------------------------------------------------------


def test_current_leads_to_the_mission_or_to_the_form_for_a_first_one(
    as_tester: Client, as_stranger: Client, mission: Mission
) -> None:
    assertRedirects(
        as_tester.get("/missions/current"), address(mission), fetch_redirect_response=False
    )
    assertRedirects(
        as_stranger.get("/missions/current"), "/missions/new", fetch_redirect_response=False
    )


def test_new_mission_begins_with_the_zone_and_send_time_of_the_account(
    as_tester: Client, tester: User
) -> None:
    User.objects.filter(pk=tester.pk).update(timezone="Asia/Tokyo", send_time=time(5, 45))

    form = as_tester.get("/missions/new").context["form"]

    assert (form["timezone"].value(), form["send_time"].value()) == ("Asia/Tokyo", time(5, 45))


def test_new_mission_belongs_to_whoever_sent_it(
    as_tester: Client, tester: User, stranger: User
) -> None:
    response = as_tester.post(
        "/missions/new",
        {**ANSWERS, "owner": stranger.pk, "state": "TRAINING", "next_run_at": "2026-01-01"},
    )

    mission = Mission.objects.get()
    assertRedirects(response, address(mission), fetch_redirect_response=False)
    assert (mission.owner, mission.state, mission.next_run_at) == (tester, State.PREP, None)
    assert mission.stages.count() == 5


def test_new_mission_with_a_wrong_answer_is_shown_again_with_all_that_was_typed(
    as_tester: Client,
) -> None:
    response = as_tester.post("/missions/new", {**ANSWERS, "event_end": "2026-08-01"})

    form = response.context["form"]
    assert form.errors["event_end"] == ["The last day of the event is before the first."]
    assert {name: form[name].data for name in ANSWERS} == {**ANSWERS, "event_end": "2026-08-01"}
    assert not Mission.objects.exists()


def test_mission_page_shows_its_owner_the_mission(as_tester: Client, mission: Mission) -> None:
    response = as_tester.get(address(mission))

    assert (response.status_code, response.context["mission"]) == (200, mission)
    assert response.context["form"]["name"].value() == "Tour of the Valleys"
    assert [form.instance.number for form in response.context["stages"]] == [1, 2, 3, 4, 5]


def test_mission_page_changes_the_mission_of_its_owner(
    as_tester: Client, tester: User, mission: Mission
) -> None:
    response = as_tester.post(address(mission), {**ANSWERS, "name": "Shorter", "owner": "0"})

    assertRedirects(response, address(mission), fetch_redirect_response=False)
    mission.refresh_from_db()
    assert (mission.name, mission.owner, mission.state) == ("Shorter", tester, State.TRAINING)
    assert told(response) == [("success", "Mission saved.")]


def test_mission_page_with_a_wrong_answer_changes_nothing(
    as_tester: Client, mission: Mission
) -> None:
    response = as_tester.post(address(mission), {**ANSWERS, "name": "Shorter", "min_tsb": "99"})

    assert response.context["form"].errors == {
        "min_tsb": ["Ensure this value is less than or equal to 20."]
    }
    mission.refresh_from_db()
    assert mission.name == "Tour of the Valleys"


def test_change_made_in_an_older_window_is_not_written_and_both_versions_are_shown(
    as_tester: Client, mission: Mission
) -> None:
    """Opened twice, saved twice: the second save meets what the first one wrote."""
    opened = as_tester.get(address(mission)).context["form"]["updated_at"].value()
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        first = {**ANSWERS, "name": "Shorter", "send_time": "07:30", "mission_type": "century"}
        as_tester.post(address(mission), {**first, "updated_at": opened})
        second = {**ANSWERS, "name": "Longer", "updated_at": opened}
        refused = as_tester.post(address(mission), second)

    assert Mission.objects.get().name == "Shorter"
    form = refused.context["form"]
    assert form.errors == {
        "__all__": [CHANGED_MEANWHILE],
        "name": ["Now stored: Shorter"],
        "mission_type": ["Now stored: century"],
        "send_time": ["Now stored: 07:30"],
    }
    page = refused.content.decode()
    for part in (CHANGED_MEANWHILE, "Now stored: Shorter", 'value="Longer"'):
        assert part in page

    again = as_tester.post(address(mission), {**second, "updated_at": form["updated_at"].value()})
    assertRedirects(again, address(mission), fetch_redirect_response=False)
    assert Mission.objects.get().name == "Longer"


def test_mission_page_carries_the_version_it_shows(as_tester: Client, mission: Mission) -> None:
    page = as_tester.get(address(mission)).content.decode()

    assert f'name="updated_at" value="{mission.updated_at.isoformat()}"' in page
    assert 'name="updated_at"' in as_tester.get("/missions/new").content.decode()


def test_event_that_began_while_the_page_was_open_keeps_its_first_day(
    as_tester: Client, mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = editing.keep

    def begin_and_keep(*args: Any, **options: Any) -> None:
        Mission.objects.update(state=State.EVENT_ACTIVE)
        keep(*args, **options)

    monkeypatch.setattr(editing, "keep", begin_and_keep)
    response = as_tester.post(address(mission), {**ANSWERS, "event_start": "2026-08-04"})

    assert response.context["form"].errors == {"event_start": [editing.EVENT_IS_ON]}
    assert f"{Mission.objects.get().event_start}" == "2026-08-03"


def test_mission_page_moves_the_mission_with_the_calendar(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, event_start=TODAY)

    as_tester.get(address(mission))

    assert Mission.objects.get().state == State.EVENT_ACTIVE


def test_complete_mission_can_no_longer_be_changed(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, state=State.MISSION_COMPLETE)

    response = as_tester.post(
        address(mission),
        {**ANSWERS, "name": "Shorter", **stage_answers(mission, *["itt"] * 5)},
    )

    assertRedirects(response, address(mission), fetch_redirect_response=False)
    assert told(response) == [("error", "This mission is complete and can no longer be changed.")]
    assert Mission.objects.get().name == "Tour of the Valleys"
    assert plan(mission) == [("flat", False)] * 5


# --- stages ------------------------------------------------------------------------------------


def test_stages_are_saved_as_chosen(as_tester: Client, mission: Mission) -> None:
    answers = stage_answers(mission, "flat", "hilly", "mountain", "itt", "mtn_itt", rest=4)

    response = as_tester.post(address(mission), {**ANSWERS, **answers})

    assertRedirects(response, address(mission), fetch_redirect_response=False)
    assert told(response) == [("success", "Mission saved.")]
    assert plan(mission) == [
        ("flat", False),
        ("hilly", False),
        ("mountain", False),
        ("itt", True),
        ("mtn_itt", False),
    ]


def test_stage_of_a_kind_that_does_not_exist_is_refused(
    as_tester: Client, mission: Mission
) -> None:
    answers = stage_answers(mission, "flat", "cobbles", "mountain", "itt", "mtn_itt")

    response = as_tester.post(address(mission), {**ANSWERS, **answers})

    assert response.context["stages"].forms[1].errors == {
        "stage_type": ["Select a valid choice. cobbles is not one of the available choices."]
    }
    assert response.context["stages"].forms[2]["stage_type"].value() == "mountain"
    assert plan(mission) == [("flat", False)] * 5


def test_stages_of_a_stranger_cannot_be_reached_through_ones_own(
    as_tester: Client, mission: Mission, stranger: User
) -> None:
    other = factories.mission(stranger)
    answers = stage_answers(other, *["mountain"] * 5)

    response = as_tester.post(address(mission), {**ANSWERS, **answers})

    assert told(response) == [CHANGED]
    assert plan(other) == plan(mission) == [("flat", False)] * 5


def test_stage_that_nobody_planned_cannot_be_added(as_tester: Client, mission: Mission) -> None:
    more = {"form-TOTAL_FORMS": "6", "form-5-id": "", "form-5-stage_type": "mountain"}

    as_tester.post(address(mission), {**ANSWERS, **stage_answers(mission, *["hilly"] * 5), **more})

    assert plan(mission) == [("hilly", False)] * 5
    assert Stage.objects.count() == 5


def test_settled_stage_is_neither_shown_nor_changed(as_tester: Client, mission: Mission) -> None:
    """The page was open while the first stage was settled."""
    answers = stage_answers(mission, *["hilly"] * 5)
    progress.settle(mission, mission.stages.get(number=1), None)

    shown = as_tester.get(address(mission)).context["stages"]
    response = as_tester.post(address(mission), {**ANSWERS, **answers})

    assert [form.instance.number for form in shown] == [2, 3, 4, 5]
    assert told(response)[-1:] == [CHANGED]
    assert plan(mission) == [("flat", False)] * 5


# --- start -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (datetime(2026, 7, 4, 3, 0, tzinfo=UTC), datetime(2026, 7, 4, 4, 0, tzinfo=UTC)),
        (datetime(2026, 7, 4, 5, 30, tzinfo=UTC), datetime(2026, 7, 5, 4, 0, tzinfo=UTC)),
    ],
)
def test_start_begins_training_and_says_when_briefs_come(
    as_tester: Client, tester: User, now: datetime, slot: datetime
) -> None:
    mission = factories.mission(tester, state=State.PREP)

    with time_machine.travel(now, tick=False):
        response = as_tester.post(address(mission, "/start"))

    assertRedirects(response, "/", fetch_redirect_response=False)
    assert told(response) == [
        ("success", "Training has started. A brief comes every morning at 06:00.")
    ]
    stored = Mission.objects.get()
    assert (stored.state, stored.next_run_at) == (State.TRAINING, slot)


def test_wrong_limit_keeps_the_stages_that_were_typed_and_saves_neither(
    as_tester: Client, mission: Mission
) -> None:
    answers = stage_answers(mission, *["mountain"] * 5)

    response = as_tester.post(address(mission), {**ANSWERS, **answers, "min_readiness": "170"})

    shown = response.context["stages"]
    assert [form["stage_type"].value() for form in shown] == ["mountain"] * 5
    assert plan(mission) == [("flat", False)] * 5
    assert response.context["mission"].min_readiness == 70
    assert "Not saved." in response.content.decode()


def test_mission_page_leads_to_the_others_of_its_owner(
    as_tester: Client, mission: Mission, tester: User, stranger: User
) -> None:
    other = factories.mission(tester, state=State.PREP, name="Next year")
    factories.mission(stranger, name="Not mine")

    page = as_tester.get(address(mission)).content.decode()

    assert f'href="{other.get_absolute_url()}"' in page
    assert "Not mine" not in page


def test_start_of_a_second_mission_is_refused_in_words(
    as_tester: Client, tester: User, mission: Mission
) -> None:
    second = factories.mission(tester, state=State.PREP)

    response = as_tester.post(address(second, "/start"))

    assert told(response) == [
        (
            "error",
            "You have a live mission already. Finish that one before you start another.",
        )
    ]
    second.refresh_from_db()
    assert second.state == State.PREP


# --- the database ------------------------------------------------------------------------------


@pytest.mark.parametrize("stages", [1, 21])
def test_mission_page_asks_the_database_as_often_for_many_stages(
    as_tester: Client,
    tester: User,
    stages: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    mission = factories.mission(
        tester,
        event_start=TODAY + timedelta(days=30),
        event_end=TODAY + timedelta(days=29 + stages),
    )

    with django_assert_num_queries(5):
        response = as_tester.get(address(mission))

    assert len(response.context["stages"].forms) == stages


@pytest.mark.parametrize("missions", [1, 10])
def test_form_for_a_mission_asks_the_database_as_often_for_many_missions(
    as_tester: Client,
    tester: User,
    missions: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(missions):
        factories.mission(tester, state=State.MISSION_COMPLETE)

    with django_assert_num_queries(2):
        as_tester.get("/missions/new")
