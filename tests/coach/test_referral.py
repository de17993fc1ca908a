from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from coach import daily_run, referral
from coach.models import CheckIn, MissionRun
from missions.models import Mission
from notifications.models import Notification
from tests.coach.conftest import Model
from tests.coach.samples import situation
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db
CHEST = ["chest pain or pressure"]


def run_of(mission: Mission, **fields: Any) -> MissionRun:
    return MissionRun(mission=mission, local_date=TODAY, outcome="failed", **fields)


@pytest.mark.parametrize(("flags", "is_due"), [(CHEST, True), ([], False)])
def test_red_flag_in_the_situation_brings_the_sentence(
    mission: Mission, flags: list[str], is_due: bool
) -> None:
    told = situation({"health.red_flags": flags}).model_dump(mode="json")

    assert referral.is_due(run_of(mission, situation=told)) is is_due


@pytest.mark.parametrize(("flags", "is_due"), [(CHEST, True), ([], False)])
def test_run_that_drew_nothing_up_goes_by_the_check_in(
    mission: Mission, flags: list[str], is_due: bool
) -> None:
    CheckIn.objects.create(user=mission.owner, local_date=TODAY, red_flags=flags)

    assert referral.is_due(run_of(mission)) is is_due


def test_check_in_of_another_day_or_of_another_tester_is_none_of_this_run(
    mission: Mission, stranger: Any
) -> None:
    CheckIn.objects.create(user=stranger, local_date=TODAY, red_flags=CHEST)
    CheckIn.objects.create(
        user=mission.owner, local_date=TODAY - timedelta(days=4), red_flags=CHEST
    )

    assert referral.is_due(run_of(mission)) is False


def test_failed_day_of_a_red_flag_carries_the_sentence_wherever_it_is_told(
    mission: Mission, model: Model, as_tester: Client
) -> None:
    """Two replies of no use: no workout, and still the word that is no training decision."""
    told = situation({"health.red_flags": CHEST}).model_dump(mode="json")
    run = MissionRun.objects.create(
        mission=mission, local_date=TODAY, trigger="schedule", situation=told, start_at=NOW
    )
    for _ in range(2):
        model.decides()

    with time_machine.travel(NOW, tick=False):
        daily_run.run_day(run)
        pages = [as_tester.get(path).content.decode() for path in ("/", run.get_absolute_url())]
        answer = as_tester.get(f"/api/runs/{run.pk}").json()

    run.refresh_from_db()
    broken = [{one["rule"] for one in call.violations} for call in run.calls.all()]
    mail = Notification.objects.get(kind=Notification.Kind.NO_BRIEF)
    assert (run.outcome, run.decision) == ("failed", None)
    assert broken == [{"M2"}, {"M2"}]
    assert [referral.SENTENCE in page for page in pages] == [True, True]
    assert answer["referral"] == referral.SENTENCE
    assert (referral.SENTENCE in mail.html, referral.SENTENCE.upper() in mail.text) == (True, True)
    alert = Notification.objects.filter(kind=Notification.Kind.ALERT).first()
    assert alert is not None
    assert "chest" not in alert.text
