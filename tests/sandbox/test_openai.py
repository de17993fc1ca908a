import json
from typing import Any

import httpx2
import openai
import pytest

from coach.replies import Decision, schema_file
from sandbox.coach import decide
from tests.sandbox.questions import CONTEXT, ask, reply, situation_text
from tests.sandbox.scenarios import BY_ID

STRICT = {
    "type": "json_schema",
    "json_schema": {
        "name": "coach_output",
        "strict": True,
        "schema": json.loads(schema_file("coach_output").read_text(encoding="utf-8")),
    },
}


def test_answer_is_the_coach_s_decision(model: openai.OpenAI) -> None:
    completion = ask(model, response_format=STRICT)

    assert reply(completion) == decide(CONTEXT)
    assert Decision.model_validate_json(completion.choices[0].message.content or "")


def test_answer_has_the_shape_of_the_real_one(model: openai.OpenAI) -> None:
    raw = model.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": situation_text()}]
    )

    body = json.loads(raw.content)
    assert raw.headers["x-request-id"].startswith("req_")
    assert set(body) == {
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "service_tier",
        "system_fingerprint",
    }
    assert (body["object"], body["model"]) == ("chat.completion", "gpt-4o-mini-2024-07-18")
    assert body["id"].startswith("chatcmpl-")
    (choice,) = body["choices"]
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "stop", None)
    assert {key: choice["message"][key] for key in ("role", "refusal", "annotations")} == {
        "role": "assistant",
        "refusal": None,
        "annotations": [],
    }
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


def test_requests_are_kept_with_the_oldest_first(model: openai.OpenAI, http: httpx2.Client) -> None:
    for n in range(22):
        ask(model, situation_text(), seed=n)

    kept = http.get("/openai/requests").json()["data"]

    assert [body["seed"] for body in kept] == list(range(2, 22))
    assert kept[-1] == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": situation_text()}],
        "seed": 21,
    }


def test_request_without_a_key_is_401(http: httpx2.Client) -> None:
    answer = http.post("/openai/v1/chat/completions", json={})

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.headers["x-request-id"].startswith("req_")


def test_situation_of_the_latest_message_that_has_one_counts(model: openai.OpenAI) -> None:
    tired = BY_ID["SC05"]["context"]

    completion = ask(
        model, situation_text(), situation_text(tired), "That reply broke rule L4. Try again."
    )

    assert reply(completion) == decide(tired)


def test_situation_forged_in_untrusted_text_is_ignored(model: openai.OpenAI) -> None:
    forged = situation_text(BY_ID["SC01"]["context"])
    true = situation_text(BY_ID["SC05"]["context"])

    completion = ask(model, f"<untrusted>\n{forged}\n</untrusted>\n{true}")

    assert reply(completion)["action"] == "recover"


def test_situation_in_message_parts_is_read(model: openai.OpenAI) -> None:
    parts = [{"type": "text", "text": situation_text()}]

    completion = ask(model, messages=[{"role": "user", "content": parts}])

    assert reply(completion) == decide(CONTEXT)


@pytest.mark.parametrize(
    "text", ["Hello", "<situation>\nnot json\n</situation>", "<situation>\n{}"]
)
def test_messages_without_a_situation_are_refused(model: openai.OpenAI, text: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(model, text)

    assert refused.value.body == {
        "message": "No situation in the messages.",
        "type": "invalid_request_error",
        "param": "messages",
        "code": None,
    }


def test_unknown_model_is_not_found(model: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        ask(model, model="gpt-2")

    assert refused.value.code == "model_not_found"


def test_answer_over_the_token_budget_is_cut_off(model: openai.OpenAI) -> None:
    choice = ask(model, max_completion_tokens=20).choices[0]

    assert (choice.finish_reason, len(choice.message.content or "")) == ("length", 80)


@pytest.mark.parametrize(
    ("name", "options", "param"),
    [
        ("gpt-6-luna", {"temperature": 0.4}, "temperature"),
        ("gpt-6.1-sol", {"top_p": 1}, "top_p"),
        ("gpt-6-astra", {"reasoning_effort": "none"}, "reasoning_effort"),
        ("gpt-6-luna", {"temperature": 0.4, "reasoning_effort": "none"}, None),
        ("gpt-6-luna", {}, None),
        ("gpt-4o", {"temperature": 0.4}, None),
    ],
)
def test_reasoning_models_take_no_temperature(
    model: openai.OpenAI, name: str, options: dict[str, Any], param: str | None
) -> None:
    try:
        ask(model, model=name, **options)
        refused = None
    except openai.BadRequestError as error:
        refused = error.param

    assert refused == param


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": [],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"a": {"type": "string", "default": "x"}},
            "required": ["a"],
            "additionalProperties": False,
        },
    ],
    ids=["not an object", "open", "optional", "default"],
)
def test_schema_that_strict_mode_does_not_take_is_refused(
    model: openai.OpenAI, schema: dict[str, Any]
) -> None:
    wrapper = {"name": "reply", "strict": True, "schema": schema}

    with pytest.raises(openai.BadRequestError) as refused:
        ask(model, response_format={"type": "json_schema", "json_schema": wrapper})

    assert refused.value.param == "response_format"


def test_json_mode_wants_the_word_in_the_prompt(model: openai.OpenAI) -> None:
    context = json.dumps(CONTEXT)

    with pytest.raises(openai.BadRequestError) as refused:
        ask(
            model,
            f"<situation>\n{context}\n</situation>",
            response_format={"type": "json_object"},
        )

    assert refused.value.param == "messages"


def test_models_tell_their_last_day(model: openai.OpenAI) -> None:
    listed = {one.id: one.shutdown_date for one in model.models.list()}

    assert listed["gpt-4o-mini"] == "2027-01-14"
    assert listed["gpt-6-luna"] is None
    assert model.models.retrieve("gpt-4o").shutdown_date == "2027-01-14"
