from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.test import Client
from django_celery_beat.models import PeriodicTask
from pytest_django.asserts import assertRedirects

from accounts.models import User
from missions import appeals, editing, lifecycle, progress
from missions.models import Mission, MissionMove, RideMode
from missions.progress import StageRidden
from tests import factories
from tests.factories import NOW, TODAY
from tests.missions.pages import sent_by

pytestmark = pytest.mark.django_db

State = Mission.State
MISSIONS = "/admin/missions/mission/"


def answers(operator: Client, mission: Mission, **changed: str) -> dict[str, str]:
    """The form of the admin, as an operator sends it back."""
    page = operator.get(f"{MISSIONS}{mission.pk}/change/").content.decode()
    return {**sent_by(page), **changed}


@time_machine.travel(NOW, tick=False)
def test_mission_changed_by_an_operator_keeps_its_mornings(
    as_operator: Client, tester: User
) -> None:
    mission = factories.mission(tester, state=Mission.State.PREP)
    lifecycle.advance(
        mission, to=Mission.State.TRAINING, now=NOW, by=mission.owner, reason="Started."
    )

    response = as_operator.post(
        f"{MISSIONS}{mission.pk}/change/",
        answers(
            as_operator, mission, timezone="Asia/Tokyo", state="PREP", next_run_at="2026-01-01"
        ),
    )

    assertRedirects(response, MISSIONS, fetch_redirect_response=False)
    stored = Mission.objects.get()
    assert (stored.timezone, stored.state) == ("Asia/Tokyo", Mission.State.TRAINING)
    assert stored.next_run_at == datetime(2026, 7, 4, 21, 0, tzinfo=UTC)
    assert dict(PeriodicTask.objects.values_list("name", "enabled")) == {
        "mornings in Europe/Paris": False,
        "mornings in Asia/Tokyo": True,
    }


@time_machine.travel(NOW, tick=False)
def test_mission_lengthened_by_an_operator_gets_its_stages(
    as_operator: Client, mission: Mission
) -> None:
    later = mission.event_end + timedelta(days=1)

    as_operator.post(
        f"{MISSIONS}{mission.pk}/change/", answers(as_operator, mission, event_end=f"{later}")
    )

    assert [stage.number for stage in mission.stages.all()] == [1, 2, 3, 4, 5, 6]


@time_machine.travel(NOW, tick=False)
def test_time_zone_that_an_operator_mistypes_is_refused(
    as_operator: Client, mission: Mission
) -> None:
    response = as_operator.post(
        f"{MISSIONS}{mission.pk}/change/", answers(as_operator, mission, timezone="Europe/Pari")
    )

    assert response.context["adminform"].form.errors == {
        "timezone": [
            "Europe/Pari is not a time zone. Choose one from the list, such as Europe/Paris."
        ]
    }


def test_missions_of_everybody_are_for_operators_only(
    as_operator: Client, as_tester: Client, client: Client, mission: Mission, stranger: User
) -> None:
    other = factories.mission(stranger, event_start=TODAY, event_end=TODAY)

    seen = as_operator.get(MISSIONS).context["cl"].result_list
    refused, led_in = (someone.get(MISSIONS) for someone in (as_tester, client))

    assert set(seen) == {mission, other}
    assert refused.status_code == 403
    assertRedirects(led_in, f"/auth/login?next={MISSIONS}", fetch_redirect_response=False)


# --- back into preparation ---------------------------------------------------------------------


def told(response: Any) -> list[tuple[str, str]]:
    return [(one.level_tag, str(one)) for one in get_messages(response.wsgi_request)]


def take_back(operator: Client, mission: Mission, reason: str) -> Any:
    chosen = {"action": "back_to_preparation", "_selected_action": str(mission.pk)}
    return operator.post(MISSIONS, {**chosen, "reason": reason})


def test_operator_takes_a_mission_back_into_preparation_and_says_why(
    as_operator: Client, mission: Mission
) -> None:
    response = take_back(as_operator, mission, " Started too soon. ")

    assert told(response) == [("info", "Tour of the Valleys is in preparation again.")]
    assert Mission.objects.get().state == State.PREP
    move = MissionMove.objects.select_related("by").get()
    assert (move.from_state, move.to_state, move.reason) == (
        *("TRAINING", "PREP", "Started too soon."),
    )
    assert move.by is not None
    assert move.by.is_staff
    page = as_operator.get(f"{MISSIONS}{mission.pk}/change/").content.decode()
    assert "Started too soon." in page


@pytest.mark.parametrize(
    ("state", "reason", "why"),
    [
        (State.TRAINING, "", "Say why the mission goes back into preparation."),
        (State.EVENT_ACTIVE, "x", "A mission in event cannot move to preparation."),
    ],
)
def test_mission_that_cannot_go_back_stays_and_the_operator_is_told(
    as_operator: Client, tester: User, state: State, reason: str, why: str
) -> None:
    mission = factories.mission(tester, state=state)

    response = take_back(as_operator, mission, reason)

    assert told(response) == [("error", f"Tour of the Valleys: {why}")]
    assert Mission.objects.get().state == state
    assert not MissionMove.objects.exists()


# --- what is locked ----------------------------------------------------------------------------


def test_complete_mission_is_locked_for_operators_too(as_operator: Client, tester: User) -> None:
    mission = factories.mission(tester, state=State.MISSION_COMPLETE)
    path = f"{MISSIONS}{mission.pk}/change/"

    response = as_operator.post(path, {"name": "Shorter"})

    assert response.status_code == 403
    assert 'name="name"' not in as_operator.get(path).content.decode()
    assert Mission.objects.get().name == "Tour of the Valleys"


@time_machine.travel(NOW, tick=False)
def test_operator_changes_only_what_is_open_of_an_event_that_is_on(
    as_operator: Client, tester: User
) -> None:
    mission = factories.mission(tester, state=State.EVENT_ACTIVE, event_start=TODAY)
    progress.settle(mission, mission.stages.all()[0], None, now=NOW)

    sent = answers(as_operator, mission, name="Shorter")
    as_operator.post(f"{MISSIONS}{mission.pk}/change/", {**sent, "event_start": "2026-07-01"})

    stored = Mission.objects.get()
    assert (stored.name, stored.event_start) == ("Shorter", TODAY)
    assert {"event_start", "points_schema"} & set(sent) == set()
    assert sent["stages-TOTAL_FORMS"] == "34"
    assert mission.stages.count() == 35


def test_mission_an_operator_deletes_takes_its_wake_up_along(
    as_operator: Client, tester: User
) -> None:
    mission = factories.mission(tester, state=State.PREP)
    lifecycle.advance(mission, to=State.TRAINING, now=NOW, by=tester, reason="Started.")

    as_operator.post(f"{MISSIONS}{mission.pk}/delete/", {"post": "yes"})

    assert not Mission.objects.exists()
    assert PeriodicTask.objects.get().enabled is False


def test_operator_reads_outcomes_and_appeals_and_changes_neither(
    as_operator: Client, tester: User
) -> None:
    mission = factories.mission(tester, state=State.EVENT_ACTIVE, event_start=TODAY)
    ridden = StageRidden(RideMode.GC, "strava:1", NOW)
    row = progress.settle(mission, mission.stages.get(number=1), ridden, now=NOW)
    appeals.appeal(mission, 1, to=RideMode.BREAKAWAY, reason="I was <ahead>.", by=tester, now=NOW)
    address = f"/admin/missions/eventprogress/{row.pk}/change/"

    page = as_operator.get(address).content.decode()

    assert "I was &lt;ahead&gt;." in page
    assert as_operator.post(address, sent_by(page)).status_code == 403


@time_machine.travel(NOW, tick=False)
def test_change_that_the_event_rules_out_is_told_at_its_field(
    as_operator: Client, tester: User
) -> None:
    mission = factories.mission(
        tester, state=State.EVENT_ACTIVE, timezone="Pacific/Kiritimati", event_start=TODAY
    )
    sent = answers(as_operator, mission, timezone="Pacific/Pago_Pago")

    response = as_operator.post(f"{MISSIONS}{mission.pk}/change/", sent)

    assert response.context["adminform"].form.errors == {"timezone": [editing.NOT_BEGUN_THERE]}
    assert Mission.objects.get().timezone == "Pacific/Kiritimati"


@time_machine.travel(NOW, tick=False)
def test_refusal_that_only_the_writing_meets_is_told(
    as_operator: Client, mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise editing.Locked(editing.COMPLETE)

    sent = answers(as_operator, mission)
    monkeypatch.setattr(editing, "keep", refuse)

    response = as_operator.post(f"{MISSIONS}{mission.pk}/change/", sent)

    told = [str(message) for message in get_messages(response.wsgi_request)]
    assert (response.status_code, told) == (302, [f"Not saved. {editing.COMPLETE}"])
