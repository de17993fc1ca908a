import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.template.loader import render_to_string
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
from tests.missions.pages import ANSWERS, sent_by

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

State = Mission.State
CHANGED = (
    "error",
    (
        "Not saved. The days of the event were changed meanwhile. The stages below are those of "
        "now: choose again, then save."
    ),
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
    names = ("missions:detail", "missions:start", "missions:undo", "missions:delete")

    assert [reverse(name, args=[mission.pk]) for name in names] == [
        address(mission),
        address(mission, "/start"),
        address(mission, "/undo"),
        address(mission, "/delete"),
    ]
    assert reverse("missions:by-hand") == "/missions/by-hand"
    assert mission.get_absolute_url() == address(mission)


@pytest.mark.parametrize("end", ["", "/start", "/undo", "/delete"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_mission_of_somebody_else_is_not_there_for_a_stranger(
    as_stranger: Client, tester: User, end: str, method: str
) -> None:
    mission = factories.mission(tester, state=State.PREP)
    rows = Mission.objects.values().get()

    response: HttpResponse = getattr(as_stranger, method)(address(mission, end))

    # A page that only takes posts says so before it looks for the mission.
    is_post_only = end in {"/start", "/undo"}
    assert response.status_code == (405 if method == "get" and is_post_only else 404)
    assert Mission.objects.values().get() == rows


@pytest.mark.parametrize("end", ["", "/start", "/undo", "/delete"])
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


@pytest.mark.parametrize("end", ["by-hand", "current"])
def test_first_mission_asks_whoever_is_not_signed_in_to_sign_in(client: Client, end: str) -> None:
    response = client.get(f"/missions/{end}")

    assertRedirects(response, f"/auth/login?next=/missions/{end}", fetch_redirect_response=False)


@pytest.mark.parametrize("end", ["/start", "/undo"])
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

    form = as_tester.get("/missions/by-hand").context["form"]

    assert (form["timezone"].value(), form["send_time"].value()) == ("Asia/Tokyo", time(5, 45))


def test_new_mission_belongs_to_whoever_sent_it(
    as_tester: Client, tester: User, stranger: User
) -> None:
    response = as_tester.post(
        "/missions/by-hand",
        {**ANSWERS, "owner": stranger.pk, "state": "TRAINING", "next_run_at": "2026-01-01"},
    )

    mission = Mission.objects.get()
    assertRedirects(response, address(mission), fetch_redirect_response=False)
    assert (mission.owner, mission.state, mission.next_run_at) == (tester, State.PREP, None)
    assert mission.stages.count() == 5


def test_new_mission_with_a_wrong_answer_is_shown_again_with_all_that_was_typed(
    as_tester: Client,
) -> None:
    response = as_tester.post("/missions/by-hand", {**ANSWERS, "event_end": "2026-08-01"})

    form = response.context["form"]
    assert form.errors["event_end"] == ["The last day of the event is before the first."]
    assert sent_by(str(form)) == {
        **ANSWERS,
        "event_end": "2026-08-01",
        "updated_at": "",
    }
    assert not Mission.objects.exists()


def test_mission_page_shows_its_owner_the_mission(as_tester: Client, mission: Mission) -> None:
    response = as_tester.get(address(mission))

    assert (response.status_code, response.context["mission"]) == (200, mission)
    assert response.context["form"]["name"].value() == "Tour of the Valleys"
    assert [form.instance.number for form in response.context["stage_forms"]] == [1, 2, 3, 4, 5]


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
    as_tester: Client, tester: User
) -> None:
    """Opened twice, saved twice: the second save meets what the first one wrote."""
    mission = factories.mission(tester, state=State.PREP)
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
    assert 'name="updated_at"' in as_tester.get("/missions/by-hand").content.decode()


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


# --- points ------------------------------------------------------------------------------------


def test_points_that_differ_in_an_older_window_are_told_with_what_is_stored(
    as_tester: Client, tester: User
) -> None:
    mission = factories.mission(tester, state=State.PREP)
    opened = sent_by(as_tester.get(address(mission)).content.decode())
    stored = {"flat": {"gc": 1, "breakaway": 2}}
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        Mission.objects.get().save()
        Mission.objects.update(points_schema=stored)
        refused = as_tester.post(address(mission), {**opened, "points_schema_flat_gc": "77"})

    assert Mission.objects.get().points_schema == stored
    page = refused.content.decode()
    assert "Now stored: GC and breakaway: flat 1 and 2. Bonuses: none." in page
    assert sent_by(page)["points_schema_flat_gc"] == "77"


def test_points_at_fault_open_their_part_of_the_form(as_tester: Client, mission: Mission) -> None:
    wrong = {**ANSWERS, "points_schema_bonus_2_points": "3"}

    page = as_tester.post(address(mission), wrong).content.decode()

    _, part = page.split('<details class="part" open>')
    assert "<summary>The points of the game</summary>" in part
    words = "Stages in a row: say how many, or leave the points empty."
    assert page.count(words) == 1
    assert f'id="id_points_schema_bonus_2_error">{words}' in part


def test_price_that_the_plan_needs_is_asked_for_above_the_rows(
    as_tester: Client, mission: Mission
) -> None:
    without = {"points_schema_flat_gc": "", "points_schema_flat_breakaway": ""}

    page = as_tester.post(address(mission), {**ANSWERS, **without}).content.decode()

    words = editing.NO_PRICE.format(kind="flat")
    assert page.count(f'<p class="errorlist">{words}</p>') == 1
    assert "flat" in Mission.objects.get().points_schema


def test_points_typed_go_through_the_preview(as_tester: Client, mission: Mission) -> None:
    changed = {
        **ANSWERS,
        "send_time": "07:30",
        "points_schema_hilly_gc": "",
        "points_schema_hilly_breakaway": "",
        "points_schema_bonus_5_points": "12",
    }
    preview = as_tester.post(address(mission), changed)
    confirmed = {"confirmed": preview.context["change"].token}

    as_tester.post(address(mission), {**sent_by(preview.content.decode()), **confirmed})

    schema = Mission.objects.get().points_schema
    assert "hilly" not in schema
    assert schema["bonuses"]["final_week_complete"] == {"threshold": 60, "points": 12}


def test_points_are_told_before_the_event(as_tester: Client, tester: User) -> None:
    bonuses = {
        "all_gc": {"threshold": 60, "points": 30},
        "all_mountains_breakaway": {"threshold": 60, "points": 20},
        "consecutive_9": {"threshold": 9, "points": 1},
    }
    schema = {"flat": {"gc": 5, "breakaway": 8}, "bonuses": bonuses}
    mission = factories.mission(tester, points_schema=schema)

    shown = as_tester.get(address(mission)).context
    page = render_to_string(
        "missions/_points.html", {name: shown[name] for name in ("mission", "game")}
    )

    cells = re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", page)
    no_mountain = '<br><span class="small">Not in this event: it has no such stage</span>'
    too_few = '<br><span class="small">Out of reach: this event has too few such stages</span>'
    assert cells == [
        *("Stage", "GC or steady", "Breakaway"),
        *("Flat", "5", "8"),
        *("Bonus", "Needs", "Points"),
        *(f"9 stages in a row{too_few}", "9 stages", "1"),
        *(f"Every mountain stage in the breakaway{no_mountain}", "", "20"),
        *("Every stage for GC", "5 stages", "30"),
    ]


def test_prices_are_told_in_the_event(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, event_start=TODAY, state=State.EVENT_ACTIVE)

    page = as_tester.get(address(mission)).content.decode()

    assert '<th scope="row">Mountain</th><td>10</td><td>15</td>' in page


# --- stages ------------------------------------------------------------------------------------


def test_stages_are_saved_as_chosen(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
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

    assert response.context["stage_forms"].forms[1].errors == {
        "stage_type": ["Select a valid choice. cobbles is not one of the available choices."]
    }
    assert response.context["stage_forms"].forms[2]["stage_type"].value() == "mountain"
    assert plan(mission) == [("flat", False)] * 5


def test_stages_of_a_stranger_cannot_be_reached_through_ones_own(
    as_tester: Client, mission: Mission, stranger: User
) -> None:
    other = factories.mission(stranger)
    answers = stage_answers(other, *["mountain"] * 5)

    response = as_tester.post(address(mission), {**ANSWERS, **answers})

    assert told(response) == [CHANGED]
    assert plan(other) == plan(mission) == [("flat", False)] * 5


def test_stage_that_nobody_planned_cannot_be_added(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP)
    more = {"form-TOTAL_FORMS": "6", "form-5-id": "", "form-5-stage_type": "mountain"}

    as_tester.post(address(mission), {**ANSWERS, **stage_answers(mission, *["hilly"] * 5), **more})

    assert plan(mission) == [("hilly", False)] * 5
    assert Stage.objects.count() == 5


def test_settled_stage_is_neither_shown_nor_changed(as_tester: Client, mission: Mission) -> None:
    """The page was open while the first stage was settled."""
    answers = stage_answers(mission, *["hilly"] * 5)
    progress.settle(mission, mission.stages.get(number=1), None, now=NOW)

    shown = as_tester.get(address(mission)).context["stage_forms"]
    preview = as_tester.post(address(mission), {**ANSWERS, **answers})
    confirmed = {"confirmed": preview.context["change"].token}
    response = as_tester.post(address(mission), {**ANSWERS, **answers, **confirmed})

    assert [form.instance.number for form in shown] == [2, 3, 4, 5]
    assert told(response) == [
        ("success", "Mission saved."),
        ("info", "Stage 1 was settled meanwhile, and stays as it is."),
    ]
    assert plan(mission) == [("flat", False), *[("hilly", False)] * 4]


# --- a live mission -----------------------------------------------------------------------------


def test_change_of_a_live_missions_days_is_shown_before_it_is_saved(
    as_tester: Client, mission: Mission
) -> None:
    """Page, preview, save, undo; each form is sent as it stands on its page."""
    row, plan_before = Mission.objects.values().get(), plan(mission)
    shown = sent_by(as_tester.get(address(mission)).content.decode())
    changed = {**shown, "event_start": "2026-08-05", "notes": "Two\nlines", "name": "Later"}

    preview = as_tester.post(address(mission), changed)

    assert preview.templates[0].name == "missions/preview.html"
    assert preview.context["change"].sentences == (
        "The event starts 2 days later: 5 August instead of 3 August.",
        "The event has 3 days instead of 5.",
        "Training has 32 days left instead of 30.",
        "2 stages are left out: 1 on 3 August (flat), 2 on 4 August (flat).",
    )
    page = preview.content.decode()
    assert all(sentence in page for sentence in preview.context["change"].sentences)
    kept = sent_by(page)
    assert {name: value for name, value in kept.items() if name != "csrfmiddlewaretoken"} == {
        name: value for name, value in changed.items() if name != "csrfmiddlewaretoken"
    }
    assert (Mission.objects.values().get(), plan(mission)) == (row, plan_before)
    assert not mission.edits.exists()

    saved = as_tester.post(address(mission), {**kept, "confirmed": preview.context["change"].token})

    assertRedirects(saved, address(mission), fetch_redirect_response=False)
    mission.refresh_from_db()
    assert (mission.name, mission.notes, len(plan(mission))) == ("Later", "Two\nlines", 3)
    assert "Undo that change" in as_tester.get(address(mission)).content.decode()

    edit = mission.edits.get()
    assert f'name="edit" value="{edit.pk}"' in as_tester.get(address(mission)).content.decode()
    undone = as_tester.post(address(mission, "/undo"), {"edit": edit.pk})

    assert told(undone)[-1] == (
        "success",
        "Undone. The days are as they were; everything else stays.",
    )
    stays = {"updated_at": None, "name": "Later", "notes": "Two\nlines"}
    assert Mission.objects.values().get() | stays == row | stays
    assert plan(mission) == plan_before
    assert "Undo that change" not in as_tester.get(address(mission)).content.decode()


def test_way_back_from_the_preview_keeps_all_that_was_typed(
    as_tester: Client, mission: Mission
) -> None:
    stages = stage_answers(mission, *["hilly"] * 5, rest=2)
    changed = {**ANSWERS, **stages, "send_time": "07:30", "name": "Later"}
    preview = as_tester.post(address(mission), changed)

    back = as_tester.post(address(mission), {**sent_by(preview.content.decode()), "back": "1"})

    form, stage_forms = back.context["form"], back.context["stage_forms"]
    assert (form["send_time"].value(), form["name"].value()) == ("07:30", "Later")
    assert [one["stage_type"].value() for one in stage_forms] == ["hilly"] * 5
    assert form.errors == {}
    assert Mission.objects.get().name == "Tour of the Valleys"


def test_confirmation_of_another_preview_is_shown_the_new_one(
    as_tester: Client, mission: Mission
) -> None:
    seen = as_tester.post(address(mission), {**ANSWERS, "send_time": "07:30"})

    other = as_tester.post(
        address(mission),
        {**ANSWERS, "send_time": "08:30", "confirmed": seen.context["change"].token},
    )

    assert other.context["change"].sentences == ("The brief comes at 08:30 instead of 06:00.",)
    assert Mission.objects.get().send_time == time(6, 0)


def test_change_that_leaves_the_days_alone_is_saved_at_once(
    as_tester: Client, mission: Mission
) -> None:
    response = as_tester.post(address(mission), {**ANSWERS, "min_readiness": "65"})

    assertRedirects(response, address(mission), fetch_redirect_response=False)
    assert Mission.objects.get().min_readiness == 65
    assert not mission.edits.exists()


def test_stages_of_a_live_mission_go_with_the_event_that_moves(
    as_tester: Client, mission: Mission
) -> None:
    stages = stage_answers(mission, "flat", "hilly", "mountain", "itt", "flat", rest=5)
    later = {"event_start": "2026-08-10", "event_end": "2026-08-14"}
    preview = as_tester.post(address(mission), {**ANSWERS, **stages, **later})

    confirmed = {"confirmed": preview.context["change"].token}
    as_tester.post(address(mission), {**ANSWERS, **stages, **later, **confirmed})

    assert list(mission.stages.values_list("date", "stage_type", "is_rest_day")) == [
        (date(2026, 8, 10), "flat", False),
        (date(2026, 8, 11), "hilly", False),
        (date(2026, 8, 12), "mountain", False),
        (date(2026, 8, 13), "itt", False),
        (date(2026, 8, 14), "flat", True),
    ]


def test_undo_of_nothing_is_refused_in_words(as_tester: Client, mission: Mission) -> None:
    response = as_tester.post(address(mission, "/undo"))

    assertRedirects(response, address(mission), fetch_redirect_response=False)
    assert told(response) == [("error", "There is no change to undo.")]


def test_what_happened_is_told_on_the_page(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP, event_start=TODAY)
    as_tester.post(address(mission, "/start"))

    page = " ".join(as_tester.get(address(mission)).content.decode().split())

    assert "What happened" in page
    for line in (
        "<b>Training</b>",
        "4 July 2026, 07:30</time> Paris time, by you",
        "Training was started.",
        "<b>Event</b>",
        "4 July 2026, 07:30</time> Paris time, by the calendar",
        "The first day of the event has come.",
    ):
        assert line in page


# --- deleting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_mission_is_deleted_after_one_question(
    as_tester: Client, tester: User, state: State
) -> None:
    mission = factories.mission(tester, state=state)

    assert (
        f'href="{address(mission, "/delete")}"' in as_tester.get(address(mission)).content.decode()
    )
    asked = as_tester.get(address(mission, "/delete"))
    assert asked.context["mission"] == Mission.objects.get()

    response = as_tester.post(address(mission, "/delete"))

    assertRedirects(response, "/", fetch_redirect_response=False)
    assert told(response) == [("success", "“Tour of the Valleys” is deleted.")]
    assert not Mission.objects.exists()


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
    move = mission.moves.get()
    assert (move.by, move.to_state, move.at) == (tester, "TRAINING", now)
    stored = Mission.objects.get()
    assert (stored.state, stored.next_run_at) == (State.TRAINING, slot)


def test_start_says_where_a_brief_is_that_is_not_mailed(as_tester: Client, tester: User) -> None:
    mission = factories.mission(tester, state=State.PREP, is_brief_mailed=False)

    assert told(as_tester.post(address(mission, "/start"))) == [
        ("success", "Training has started. A brief is on this page every morning at 06:00.")
    ]


def test_start_says_what_is_missing_without_consent(as_tester: Client, tester: User) -> None:
    User.objects.update(health_consent_at=None)
    mission = factories.mission(tester, state=State.PREP)

    ((kind, words),) = told(as_tester.post(address(mission, "/start")))

    assert (kind, "No brief is made until you allow" in words) == ("success", True)


def test_mission_whose_event_is_over_is_not_started(as_tester: Client, tester: User) -> None:
    yesterday = TODAY - timedelta(days=1)
    mission = factories.mission(
        tester, state=State.PREP, event_start=yesterday, event_end=yesterday
    )

    response = as_tester.post(address(mission, "/start"))

    assertRedirects(response, address(mission), fetch_redirect_response=False)
    assert told(response) == [("error", "The event is over. Change its dates first.")]
    assert Mission.objects.get().state == State.PREP


def test_wrong_limit_keeps_the_stages_that_were_typed_and_saves_neither(
    as_tester: Client, mission: Mission
) -> None:
    answers = stage_answers(mission, *["mountain"] * 5)

    response = as_tester.post(address(mission), {**ANSWERS, **answers, "min_readiness": "170"})

    shown = response.context["stage_forms"]
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


# The session and its tester, the mission, its open stages, its newest edit, all its stages, its
# bonuses, the moves, the other missions.
QUERIES_OF_A_PAGE = 9


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

    with django_assert_num_queries(QUERIES_OF_A_PAGE):
        response = as_tester.get(address(mission))

    assert len(response.context["stage_forms"].forms) == stages


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
        as_tester.get("/missions/by-hand")
