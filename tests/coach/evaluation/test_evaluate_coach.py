"""The command with everything behind it, up to the model's server."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.core.management import CommandError, call_command

from tests.coach.conftest import Model
from tests.coach.evaluation.samples import file, rows, scenario
from tests.coach.samples import EVENT, HARD, IN_THE_BUNCH, reply, situation
from tests.conftest import StandIns
from tests.sandbox.scenarios import FILE

PROMPTS = Path(settings.BASE_DIR) / "prompts"
TIRED = situation({"metrics.readiness": 69}).model_dump(
    mode="json", exclude={"drawn_up_at"}, exclude_unset=True
)
RACING = situation(
    {**EVENT, "today.stage": {"number": 2, "type": "mountain", "completed": False}}
).model_dump(mode="json", exclude={"drawn_up_at"}, exclude_unset=True)
EASY = reply({"action": "ease", "evidence": [], "reason": "You take it easy, so that you recover."})
TOO_HARD = reply(HARD, {"evidence": [], "reason": "You work hard today, as the plan has it."})


@pytest.fixture(autouse=True)
def _no_prices(settings: LazySettings) -> None:
    settings.MODEL_PRICES = {}


def evaluate(path: Path, *arguments: str) -> None:
    call_command("evaluate_coach", "--scenarios", str(path), *arguments)


def as_json(capsys: pytest.CaptureFixture[str], path: Path, *arguments: str) -> dict[str, Any]:
    evaluate(path, "--json", "-", *arguments)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def lines(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The table, without how long it took."""
    return [line.split()[:-1] for line in capsys.readouterr().out.split("\n\n")[0].splitlines()]


def test_table_tells_how_each_scenario_went(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.decides(reply(), TOO_HARD, EASY)
    model.says("Sure!", json.dumps(reply()))
    model.decides(TOO_HARD, TOO_HARD)
    path = file(
        tmp_path,
        scenario("A1"),
        scenario("A2", context=TIRED, expect={"max_duration": 60}),
        scenario("A3"),
        scenario("A4", context=TIRED, expect={"max_hard_minutes": 0, "actions": ["ease"]}),
        scenario("A5", expect={"min_hard_minutes": 8}),
    )
    model.decides()

    evaluate(path)

    head, *told = lines(capsys)
    assert head == ["scenario", "pass", "first", "attempt", "second", "not", "met", "tokens", "USD"]
    assert told == [
        ["A1", "yes", "ok", "-", "-", "2,410", "unknown"],
        ["A2", "no", "L1", "ok", "-", "4,820", "unknown"],
        ["A3", "no", "invalid_reply", "ok", "-", "4,820", "unknown"],
        ["A4", "no", "L1", "L1", "actions,", "max_hard_minutes", "4,820", "unknown"],
        ["A5", "no", "ok", "-", "min_hard_minutes", "2,410", "unknown"],
    ]


def test_totals_stand_below_the_table(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.decides(reply(), TOO_HARD, EASY)

    evaluate(file(tmp_path, scenario("A1"), scenario("A2", context=TIRED)))

    *told, seconds = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert told == [
        "passed            1 of 2",
        "usable at first   1 of 2",
        "usable in the end 2 of 2",
        "rules broken      L1 1",
        "tokens            7,230",
        "cost (USD)        unknown",
    ]
    assert seconds.startswith("seconds           ")


def test_model_is_asked_as_on_a_day_with_the_prompts_of_a_day(model: Model, tmp_path: Path) -> None:
    model.decides(TOO_HARD, EASY, reply(IN_THE_BUNCH))

    evaluate(file(tmp_path, scenario("A1", context=TIRED), scenario("A2", context=RACING)))

    first, second, racing = model.questions
    assert [one["model"] for one in model.questions] == ["gpt-4o-mini", "gpt-4o-mini", "gpt-4o"]
    assert [one["temperature"] for one in model.questions] == [0.4, 0, 0.4]
    system, user = first["messages"]
    assert system == {
        "role": "system",
        "content": (PROMPTS / "training_day.md").read_text(encoding="utf-8"),
    }
    assert user["content"].startswith('<situation>\n{"mission":{"state":"TRAINING"')
    assert second["messages"][:3] == [
        system,
        user,
        {"role": "assistant", "content": json.dumps(TOO_HARD)},
    ]
    assert "L1: " in second["messages"][3]["content"]
    assert racing["response_format"] == first["response_format"]
    assert first["response_format"]["json_schema"]["name"] == "coach_output"


def test_another_model_answers_every_scenario(model: Model, tmp_path: Path) -> None:
    model.decides(reply(), reply(IN_THE_BUNCH))

    evaluate(
        file(tmp_path, scenario("A1"), scenario("A2", context=RACING)), "--model", "gpt-4.1-mini"
    )

    assert [one["model"] for one in model.questions] == ["gpt-4.1-mini"] * 2


def test_json_holds_all_of_it(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.decides(TOO_HARD, EASY)

    told = as_json(capsys, file(tmp_path, scenario("A2", context=TIRED)))

    (one,) = told["scenarios"]
    first, second = one["attempts"]
    assert (one["id"], one["is_passed"], one["model"]) == ("A2", False, "gpt-4o-mini")
    assert one["prompt_version"].startswith("training_day@")
    assert first["problem"]["kind"] == "invalid_reply"
    assert [broken["rule"] for broken in first["violations"]] == ["L1"]
    assert (first["tokens_in"], first["tokens_cached"], first["tokens_out"]) == (2100, 1024, 310)
    assert first["decision"] == TOO_HARD
    assert (second["problem"], second["violations"], second["decision"]) == (None, [], EASY)
    assert one["expectations_not_met"] == [
        {"name": "actions", "wanted": ["maintain", "push"], "observed": "ease"}
    ]
    assert told["totals"] | {"seconds": 0} == {
        "scenarios": 1,
        "passed": 0,
        "usable_at_first": 0,
        "usable_in_the_end": 1,
        "unanswered": 0,
        "rules_broken_at_first": {"L1": 1},
        "tokens": 4820,
        "cost_usd": None,
        "seconds": 0,
    }


def test_json_goes_to_a_file_beside_the_table(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.decides()

    evaluate(file(tmp_path, scenario()), "--json", str(tmp_path / "results.json"))

    assert "passed            1 of 1" in capsys.readouterr().out
    told = json.loads((tmp_path / "results.json").read_text())
    assert [one["id"] for one in told["scenarios"]] == ["A1"]


def test_file_that_cannot_be_written_is_told_with_the_table(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.decides()

    with pytest.raises(CommandError, match="cannot be written"):
        evaluate(file(tmp_path, scenario()), "--json", str(tmp_path / "none" / "results.json"))

    assert "passed            1 of 1" in capsys.readouterr().out


def test_question_without_an_answer_is_a_row_and_no_crash(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.answers.append({"error": "a proxy's own words"})
    model.decides()

    evaluate(file(tmp_path, scenario("A1"), scenario("A2")))

    _, unanswered, passed = lines(capsys)
    assert unanswered == ["A1", "no", "model_error", "-", "-", "unknown", "unknown"]
    assert passed[:2] == ["A2", "yes"]


def test_second_question_may_stay_without_an_answer(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.decides(TOO_HARD)
    model.answers.append({})

    evaluate(file(tmp_path, scenario(context=TIRED, expect={})))

    assert lines(capsys)[1] == ["A1", "no", "L1", "model_error", "-", "unknown", "unknown"]


@pytest.mark.parametrize("said", ["", "{", "[]", "\ud800", '{"a":"\\u0000"}', "x" * 100_000])
def test_reply_that_is_none_is_a_row_and_no_crash(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str], said: str
) -> None:
    model.says(said, said)

    evaluate(file(tmp_path, scenario()))

    assert lines(capsys)[1][:4] == ["A1", "no", "invalid_reply", "invalid_reply"]


def test_model_that_never_answers_is_an_error_that_says_where_to_look(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.answers.append({})

    with pytest.raises(CommandError, match="Look at OPENAI_BASE_URL"):
        evaluate(file(tmp_path, scenario()))

    assert "unanswered        1 of 1" in capsys.readouterr().out


def test_too_few_that_pass_are_a_failure(model: Model, tmp_path: Path) -> None:
    path = file(tmp_path, scenario("A1"), scenario("A2", expect={"min_hard_minutes": 8}))
    model.decides(*[reply()] * 4)

    evaluate(path, "--least", "1")
    with pytest.raises(CommandError) as failure:
        evaluate(path, "--least", "2")

    assert (str(failure.value), failure.value.returncode) == ("1 of 2 pass; at least 2 should.", 1)


def test_bad_request_of_the_caller_asks_nobody(model: Model, tmp_path: Path) -> None:
    path = file(tmp_path, scenario())

    with pytest.raises(CommandError, match="has no scenario B1"):
        evaluate(path, "--only", "B1")
    with pytest.raises(CommandError, match="--least 2: there are 1 scenarios"):
        evaluate(path, "--least", "2")
    with pytest.raises(CommandError, match="a number from 1 to 16"):
        evaluate(path, "--workers", "0")
    with pytest.raises(CommandError, match="Extra inputs are not permitted"):
        evaluate(file(tmp_path, scenario(expect={"min_fun": 3})))

    assert model.questions == []


def test_several_at_once_keep_their_order(
    stand_ins: StandIns, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ("SC01", "SC05", "SC26", "SC41", "SC44", "SC50")

    told = as_json(capsys, FILE, "--only", *chosen, "--workers", "4")

    assert [(one["id"], one["is_passed"]) for one in told["scenarios"]] == [
        (name, True) for name in chosen
    ]


@pytest.mark.django_db
def test_nothing_is_stored(model: Model, tmp_path: Path) -> None:
    model.decides(TOO_HARD, EASY)
    model.answers.append({})
    before = rows()

    evaluate(file(tmp_path, scenario("A1", context=TIRED), scenario("A2")), "--workers", "1")

    assert rows() == before
    assert {"coach.ModelCall", "coach.Incident", "notifications.Notification"} <= before.keys()


def test_nobody_is_named_to_the_model(model: Model, tmp_path: Path) -> None:
    model.decides()

    evaluate(file(tmp_path, scenario()))

    (question,) = model.questions
    assert len(question["safety_identifier"]) == 64
    assert question["store"] is False


def test_stand_in_passes_at_least_28_of_the_scenarios_given(
    stand_ins: StandIns, capsys: pytest.CaptureFixture[str]
) -> None:
    told = as_json(capsys, FILE, "--least", "28", "--workers", "2")

    assert told["totals"]["scenarios"] == 32
    assert told["totals"]["unanswered"] == 0


def test_answers_that_a_server_did_not_count_are_unknown_and_not_nothing(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.decides()
    del model.answers[0]["usage"]

    told = as_json(capsys, file(tmp_path, scenario()))

    assert (told["scenarios"][0]["tokens"], told["totals"]["tokens"]) == (None, None)


def test_cost_is_told_where_the_model_has_a_price(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: LazySettings
) -> None:
    settings.MODEL_PRICES = {"gpt-4o-mini": ["0.15", "0.075", "0.60"]}
    model.decides(TOO_HARD, EASY, reply(IN_THE_BUNCH))

    told = as_json(
        capsys, file(tmp_path, scenario("A1", context=TIRED), scenario("A2", context=RACING))
    )

    # 1,076 tokens at the whole price, 1,024 from the cache and 310 of an answer, twice.
    assert [one["cost_usd"] for one in told["scenarios"]] == [pytest.approx(2 * 0.000424), None]
    assert told["totals"]["cost_usd"] is None
