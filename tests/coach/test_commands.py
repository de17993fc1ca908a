import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent, User
from coach import replies
from coach.again import MOST_ASKINGS
from coach.models import MissionRun
from missions.models import Mission
from notifications.models import Notification
from tests.conftest import StandIns
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def run_mission_day(mission: Mission, *arguments: str) -> None:
    call_command("run_mission_day", "--mission", str(mission.pk), *arguments)


def runs() -> list[tuple[Any, ...]]:
    return [(run.local_date, run.trigger, run.outcome) for run in MissionRun.objects.all()]


def test_command_runs_today_and_says_how_it_went(
    mission: Mission, stand_ins: StandIns, capsys: pytest.CaptureFixture[str]
) -> None:
    run_mission_day(mission, "--user", str(mission.owner_id))

    run = MissionRun.objects.get()
    assert runs() == [(TODAY, "command", "decided")]
    assert capsys.readouterr().out == (f"Tour of the Valleys on 2026-07-04 (done): {run.summary}\n")
    assert [mail.kind for mail in Notification.objects.all()] == ["brief"]


def test_command_runs_a_day_that_is_past(mission: Mission, stand_ins: StandIns) -> None:
    run_mission_day(mission, "--date", "2026-07-03")

    assert runs() == [(YESTERDAY, "command", "decided")]


def test_command_run_again_changes_nothing(mission: Mission, stand_ins: StandIns) -> None:
    run_mission_day(mission)
    before = MissionRun.objects.values().get()

    run_mission_day(mission)

    assert MissionRun.objects.values().get() == before
    assert len(stand_ins.questions()) == 1


def test_command_asks_again_where_it_is_told_to(
    mission: Mission, stand_ins: StandIns, capsys: pytest.CaptureFixture[str]
) -> None:
    run_mission_day(mission)
    run_mission_day(mission, "--again")

    run = MissionRun.objects.get()
    assert (run.outcome, run.asked) == ("decided", 2)
    assert [one["why"] for one in run.superseded] == ["operator"]
    assert len(stand_ins.questions()) == 2
    MissionRun.objects.update(asked=MOST_ASKINGS)
    with pytest.raises(CommandError, match="asked 4 times for today"):
        run_mission_day(mission, "--again")
    [event] = AuditEvent.objects.filter(kind="rerun")
    assert (event.user, event.actor, event.address) == (mission.owner, None, None)
    assert event.details == {"run": str(run.pk), "local_date": "2026-07-04", "by": "command"}


def test_command_leaves_a_run_that_a_worker_holds(
    mission: Mission, capsys: pytest.CaptureFixture[str]
) -> None:
    MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome="under_way",
        lease_until=NOW + timedelta(minutes=1),
    )

    run_mission_day(mission)

    assert runs() == [(TODAY, "schedule", "under_way")]
    assert "another worker has it" in capsys.readouterr().out


def test_command_fails_when_the_run_does(mission: Mission, stand_ins: StandIns) -> None:
    stand_ins.mode("openai", "malformed")

    with pytest.raises(CommandError, match=r"^The run failed; its incident is in the admin\.$"):
        run_mission_day(mission)

    assert runs() == [(TODAY, "command", "failed")]


def test_command_does_not_run_a_day_that_is_still_to_come(mission: Mission) -> None:
    """It would end an event before it began."""
    with pytest.raises(CommandError) as refused:
        run_mission_day(mission, "--date", "2026-07-05")

    assert str(refused.value) == ("2026-07-05 is still to come: in Europe/Paris it is 2026-07-04.")
    mission.refresh_from_db()
    assert (runs(), mission.state) == ([], Mission.State.TRAINING)


@pytest.mark.parametrize(
    ("state", "word"), [("PREP", "preparation"), ("MISSION_COMPLETE", "complete")]
)
def test_command_does_not_run_a_mission_that_is_not_live(
    mission: Mission, state: str, word: str
) -> None:
    Mission.objects.update(state=state)

    with pytest.raises(CommandError) as refused:
        run_mission_day(mission)

    assert str(refused.value) == (
        f"Tour of the Valleys ({word}): The coach only works on a mission in training or in its "
        "event."
    )
    assert runs() == []


def test_command_does_not_run_the_mission_of_another_tester(
    mission: Mission, stranger: User
) -> None:
    with pytest.raises(CommandError, match=r"^There is no such mission\."):
        run_mission_day(mission, "--user", str(stranger.pk))

    assert runs() == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--mission", "7"],
        ["--mission", "00000000-0000-4000-8000-000000000000"],
        ["--mission", "00000000-0000-4000-8000-000000000000", "--date", "2026-02-30"],
    ],
)
def test_command_refuses_what_it_cannot_find(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("run_mission_day", *arguments)


def test_reply_schema_is_written_from_the_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(replies, "SCHEMAS", tmp_path)

    call_command("write_reply_schema")

    written = (tmp_path / "coach_output.json").read_text(encoding="utf-8")
    assert json.loads(written) == replies.Decision.model_json_schema()
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / f"{name}.json") for name in replies.NAMES
    ]
