"""The command with everything behind it, up to the model's server."""

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings, settings
from django.core.management import CommandError, call_command

from accounts.models import User
from coach.evaluation.replay import in_words
from coach.models import MissionRun, ModelCall
from connections.sources import Source
from missions.models import Mission
from tests import factories
from tests.coach.conftest import Model
from tests.coach.evaluation.samples import rows
from tests.coach.samples import HARD, reply, situation
from tests.factories import TODAY

SHORTER = reply(
    {
        "action": "ease",
        "intensity_recommendation": "low",
        "reason": "Your readiness is 82 and your form is near zero, so you keep it short today.",
        "confidence": 0.7,
        "workout_plan.duration_minutes": 45,
        "workout_plan.zones.Z2": 25,
        "workout_plan.steps": [],
        "workout_plan.estimated_load": 30.0,
    }
)
EASY = reply({"action": "ease", "evidence": [], "reason": "You take it easy, so that you recover."})
TOO_HARD = reply(HARD, {"evidence": [], "reason": "You work hard today, as the plan has it."})
PROMPTS = Path(settings.BASE_DIR) / "prompts"


@pytest.fixture
def run(mission: Mission) -> MissionRun:
    made = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY,
        trigger="schedule",
        outcome="decided",
        situation=situation().model_dump(mode="json"),
        decision=reply(),
    )
    ModelCall.objects.create(
        run=made,
        attempt=1,
        model="gpt-4o-mini",
        prompt_version="training_day@abc",
        outcome="accepted",
    )
    return made


def replay(run: MissionRun, *arguments: str) -> None:
    call_command("replay_run", str(run.pk), *arguments)


def as_json(capsys: pytest.CaptureFixture[str], run: MissionRun, *arguments: str) -> dict[str, Any]:
    replay(run, "--json", *arguments)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def refusal(run: MissionRun, *arguments: str) -> str:
    with pytest.raises(CommandError) as refused:
        replay(run, *arguments)
    return str(refused.value)


@pytest.mark.django_db
def test_difference_is_told_field_by_field(
    run: MissionRun, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    model.decides(SHORTER)

    replay(run, "--model", "gpt-4.1-mini")

    version = hashlib.sha256((PROMPTS / "training_day.md").read_bytes()).hexdigest()[:12]
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == [
        "stored gpt-4o-mini, training_day@abc",
        f"now    gpt-4.1-mini, training_day@{version}",
    ]
    assert [line.split() for line in told[3:17]] == [
        ["field", "stored", "now"],
        ["*", "action", "maintain", "ease"],
        ["*", "intensity", "moderate", "low"],
        ["*", "minutes", "60", "45"],
        ["workout", "endurance", "endurance"],
        ["*", "zones", "Z1", "20", "Z2", "40", "Z1", "20", "Z2", "25"],
        ["*", "load", "42.0", "30.0"],
        ["mode", "none", "none"],
        ["points", "none", "none"],
        ["bonuses", "none", "none"],
        ["*", "confidence", "0.8", "0.7"],
        ["referral", "False", "False"],
        ["missing", "none", "none"],
        ["flags", "none", "none"],
    ]
    same = "Your readiness is 82 and your form is near zero, so you keep "
    assert told[17:] == [
        "",
        "reason:",
        f"{same}[-building endurance.-]{{+it short today.+}}",
        "",
        "attempt 1: breaks no rule",
    ]


@pytest.mark.django_db
def test_stored_situation_is_what_is_asked_about(run: MissionRun, model: Model) -> None:
    Mission.objects.update(name="Another name", min_readiness=90)
    model.decides()

    replay(run)

    (question,) = model.questions
    assert question["model"] == "gpt-4o-mini"
    user = question["messages"][1]["content"]
    assert '"min_readiness":70' in user
    assert "\nmission: Tour of the Valleys\n" in user


@pytest.mark.django_db
def test_prompt_of_a_file_stands_before_the_same_situation(
    run: MissionRun, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gentle.md"
    file.write_text("You are a gentle coach. Answer with JSON.", encoding="utf-8")
    model.decides(reply(), reply())

    replay(run)
    capsys.readouterr()
    told = as_json(capsys, run, "--prompt", str(file))

    usual, other = (one["messages"] for one in model.questions)
    assert other[0] == {"role": "system", "content": "You are a gentle coach. Answer with JSON."}
    assert other[1] == usual[1]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    assert told["now"] == {"model": "gpt-4o-mini", "prompt_version": f"gentle@{digest}"}


@pytest.mark.django_db
def test_json_tells_fields_attempts_and_rules(
    run: MissionRun, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    run.situation = situation({"metrics.readiness": 69}).model_dump(mode="json")
    run.save()
    model.decides(TOO_HARD, EASY)

    told = as_json(capsys, run)

    first, second = told["attempts"]
    assert (told["run"], told["local_date"]) == (str(run.pk), "2026-07-04")
    assert told["stored"] == {"model": "gpt-4o-mini", "prompt_version": "training_day@abc"}
    assert [one["rule"] for one in first["violations"]] == ["L1"]
    assert (second["problem"], told["is_usable"]) == (None, True)
    changed = [one for one in told["fields"] if one["is_changed"]]
    assert changed[0] == {
        "field": "action",
        "is_changed": True,
        "stored": "maintain",
        "now": "ease",
    }
    assert [one["field"] for one in changed] == ["action", "reason"]


@pytest.mark.django_db
def test_decision_that_breaks_a_rule_twice_is_shown_and_is_a_failure(
    run: MissionRun, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    run.situation = situation({"metrics.readiness": 69}).model_dump(mode="json")
    run.save()
    model.decides(TOO_HARD, TOO_HARD)

    assert refusal(run) == "The model gave no decision that could be used."

    told = capsys.readouterr().out
    assert "*  action      maintain     push\n" in told
    assert "attempt 1: invalid_reply\nL1: " in told
    assert "attempt 2: invalid_reply\nL1: " in told


@pytest.mark.django_db
def test_reply_without_a_shape_is_told_without_a_difference(
    run: MissionRun, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    model.says("Ride as you like.", "{")

    assert refusal(run, "--json") == "The model gave no decision that could be used."

    told = json.loads(capsys.readouterr().out)
    assert (told["fields"], told["is_usable"]) == ([], False)
    assert [one["decision"] for one in told["attempts"]] == [None, None]


@pytest.mark.django_db
def test_model_that_does_not_answer_is_told(
    run: MissionRun, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    model.answers.append({})

    assert refusal(run) == "The model gave no decision that could be used."
    assert "attempt 1: model_error\nThe model sent an answer" in capsys.readouterr().out


@pytest.mark.django_db
def test_nothing_is_stored_and_nothing_changes(run: MissionRun, model: Model) -> None:
    before = rows(), MissionRun.objects.values().get(), ModelCall.objects.values().get()
    model.decides(TOO_HARD, SHORTER)

    replay(run)

    assert (rows(), MissionRun.objects.values().get(), ModelCall.objects.values().get()) == before


@pytest.mark.django_db
def test_run_that_nobody_has_is_told(db: None) -> None:
    with pytest.raises(CommandError, match="There is no such run"):
        call_command("replay_run", str(uuid4()))


@pytest.mark.django_db
def test_run_that_cannot_be_asked_again_says_why_and_asks_nobody(
    run: MissionRun, model: Model, settings: LazySettings, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.md"
    empty.write_text(" \n")
    assert refusal(run, "--prompt", str(empty)) == (
        f"{empty} is empty. Write the instructions for the coach into it."
    )
    assert refusal(run, "--prompt", str(tmp_path)) == (
        f"{tmp_path} cannot be read (IsADirectoryError). Give --prompt a text file."
    )
    MissionRun.objects.update(situation=None)
    assert refusal(run) == (
        "The situation of this run is gone: it is kept for 180 days. Name a later run."
    )
    MissionRun.objects.update(outcome="failed", decision=None)
    assert refusal(run) == (
        "The run has no decision to compare with: it is failed. Name one that is done."
    )
    assert model.questions == []


@pytest.mark.django_db
def test_withdrawn_consent_holds_here_too(run: MissionRun, model: Model) -> None:
    User.objects.update(health_consent_at=None)

    assert refusal(run) == (
        "Its tester has withdrawn the consent: their situation may not be sent to a model."
    )
    assert model.questions == []


@pytest.mark.django_db
def test_source_that_was_shut_out_since_holds_here_too(
    run: MissionRun, model: Model, settings: LazySettings
) -> None:
    factories.ride(run.owner, TODAY)
    strava = {**settings.SOURCES[Source.STRAVA], "IN_PROMPTS": False}
    settings.SOURCES = {**settings.SOURCES, Source.STRAVA: strava}

    assert refusal(run) == (
        "The situation holds a source that the coach may not use any more. Name a later run."
    )
    assert model.questions == []


@pytest.mark.django_db
def test_run_of_the_first_weeks_is_asked_again(
    run: MissionRun, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    run.calls.all().delete()
    model.decides()

    replay(run)

    assert capsys.readouterr().out.startswith("stored unknown, unknown\n")


def test_texts_are_compared_word_by_word() -> None:
    assert in_words("", "") == ""
    assert in_words("one two", "one two") == "one two"
    assert in_words("", "new words") == "{+new words+}"
    assert in_words("old words", "") == "[-old words-]"
    assert in_words("ride easy today", "ride hard today") == "ride [-easy -]{+hard +}today"
