"""Texts whose file was never stored go when their file would have gone; what was counted stays."""

from datetime import timedelta

import pytest

from coach import forgetting
from coach.models import MissionRun, ModelCall
from missions.models import Mission
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db
KEPT_FOR = timedelta(days=180)


def test_texts_without_a_file_are_forgotten_as_late_as_with_one(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 1)
    run = MissionRun.objects.create(mission=mission, local_date=TODAY, trigger="schedule")
    for attempt, days in enumerate((0, 0, 1), start=1):
        ModelCall.objects.create(
            run=run,
            attempt=attempt,
            model="m",
            prompt="asked",
            reply="said",
            outcome="accepted",
            tokens_in=100,
            asked_at=NOW + timedelta(days=days),
        )

    assert forgetting.texts(NOW + KEPT_FOR) == 0
    assert forgetting.texts(NOW + KEPT_FOR + timedelta(hours=1)) == 2

    told = ModelCall.objects.order_by("attempt").values_list("prompt", "reply", "tokens_in")
    assert list(told) == [("", "", 100), ("", "", 100), ("asked", "said", 100)]
