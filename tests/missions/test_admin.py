from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django_celery_beat.models import PeriodicTask
from pytest_django.asserts import assertRedirects

from accounts.models import User
from missions import lifecycle
from missions.models import Mission
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

MISSIONS = "/admin/missions/mission/"


def answers(mission: Mission, **changed: object) -> dict[str, object]:
    """The form of the admin, as an operator sends it back."""
    fields = {name: getattr(mission, name) for name in Mission.EDITABLE_FIELDS}
    stages = list(mission.stages.all())
    sent = {
        **fields,
        "owner": mission.owner_id,
        "points_schema": '{"flat": {"gc": 5, "breakaway": 8}}',
        "stages-TOTAL_FORMS": len(stages),
        "stages-INITIAL_FORMS": len(stages),
    }
    for row, stage in enumerate(stages):
        sent |= {
            f"stages-{row}-id": stage.pk,
            f"stages-{row}-mission": mission.pk,
            f"stages-{row}-number": stage.number,
            f"stages-{row}-date": stage.date,
            f"stages-{row}-stage_type": stage.stage_type,
        }
    return {**sent, **changed}


@time_machine.travel(NOW, tick=False)
def test_mission_changed_by_an_operator_keeps_its_mornings(
    as_operator: Client, tester: User
) -> None:
    mission = factories.mission(tester, state=Mission.State.PREP)
    lifecycle.advance(mission, to=Mission.State.TRAINING, now=NOW)

    response = as_operator.post(
        f"{MISSIONS}{mission.pk}/change/",
        answers(mission, timezone="Asia/Tokyo", state="PREP", next_run_at="2026-01-01"),
    )

    assertRedirects(response, MISSIONS, fetch_redirect_response=False)
    stored = Mission.objects.get()
    assert (stored.timezone, stored.state) == ("Asia/Tokyo", Mission.State.TRAINING)
    assert stored.next_run_at == datetime(2026, 7, 4, 21, 0, tzinfo=UTC)
    assert dict(PeriodicTask.objects.values_list("name", "enabled")) == {
        "mornings in Europe/Paris": False,
        "mornings in Asia/Tokyo": True,
    }


def test_mission_lengthened_by_an_operator_gets_its_stages(
    as_operator: Client, mission: Mission
) -> None:
    later = mission.event_end + timedelta(days=1)

    as_operator.post(f"{MISSIONS}{mission.pk}/change/", answers(mission, event_end=later))

    assert [stage.number for stage in mission.stages.all()] == [1, 2, 3, 4, 5, 6]


@time_machine.travel(NOW, tick=False)
def test_time_zone_that_an_operator_mistypes_is_refused(
    as_operator: Client, mission: Mission
) -> None:
    response = as_operator.post(
        f"{MISSIONS}{mission.pk}/change/", answers(mission, timezone="Europe/Pari")
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
