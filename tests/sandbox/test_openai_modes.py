import json
import time

import httpx2
import openai
import pytest

from coach.replies import Decision
from sandbox.coach import decide
from tests.sandbox.questions import CONTEXT, ask, reply, set_mode


def test_refusal_has_no_content(model: openai.OpenAI, http: httpx2.Client) -> None:
    set_mode(http, "refusal")

    message = ask(model).choices[0].message

    assert (message.content, message.refusal) == (None, "I'm sorry, I can't help with that.")


def test_length_cuts_the_json_off(model: openai.OpenAI, http: httpx2.Client) -> None:
    set_mode(http, "length")

    choice = ask(model).choices[0]

    assert choice.finish_reason == "length"
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(choice.message.content or "")


def test_content_filter_takes_the_content(model: openai.OpenAI, http: httpx2.Client) -> None:
    set_mode(http, "content_filter")

    choice = ask(model).choices[0]

    assert (choice.finish_reason, choice.message.content) == ("content_filter", None)


def test_absurd_fits_the_schema_and_nothing_else(model: openai.OpenAI, http: httpx2.Client) -> None:
    set_mode(http, "absurd")

    decision = Decision.model_validate_json(ask(model).choices[0].message.content or "")

    assert decision.workout_plan is not None
    assert decision.workout_plan.duration_minutes == 700
    assert decision.workout_plan.zones.total() == 310
    assert decision.action == "push"


def test_malformed_is_prose(model: openai.OpenAI, http: httpx2.Client) -> None:
    set_mode(http, "malformed")

    assert ask(model).choices[0].message.content == (
        "Sure! Here is your day: an easy hour on the bike."
    )


def test_schema_invalid_is_json_of_another_shape(model: openai.OpenAI, http: httpx2.Client) -> None:
    set_mode(http, "schema_invalid")

    assert reply(ask(model)) == {"plan": "ride", "minutes": "sixty"}


def test_bad_request_blames_the_schema(model: openai.OpenAI, http: httpx2.Client) -> None:
    set_mode(http, "bad_request")

    with pytest.raises(openai.BadRequestError) as refused:
        ask(model)

    assert refused.value.param == "response_format"


def test_server_without_schemas_blames_the_format_and_answers_plain_json(
    model: openai.OpenAI, http: httpx2.Client
) -> None:
    set_mode(http, "no_schema")
    wrapper = {"name": "coach_output", "strict": True, "schema": {"type": "object"}}

    with pytest.raises(openai.BadRequestError) as refused:
        ask(model, response_format={"type": "json_schema", "json_schema": wrapper})

    assert refused.value.param == "response_format"
    assert reply(ask(model, response_format={"type": "json_object"})) == decide(CONTEXT)


def test_rate_limited_says_when_to_come_back(model: openai.OpenAI, http: httpx2.Client) -> None:
    set_mode(http, "rate_limited", times=1, seconds=0)

    with pytest.raises(openai.RateLimitError) as refused:
        ask(model)

    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.response.headers["retry-after"] == "0"
    assert reply(ask(model)) == decide(CONTEXT)


def test_quota_is_a_429_of_its_own(model: openai.OpenAI, http: httpx2.Client) -> None:
    set_mode(http, "quota")

    with pytest.raises(openai.RateLimitError) as refused:
        ask(model)

    assert (refused.value.type, refused.value.code) == ("insufficient_quota", "insufficient_quota")


def test_server_error_is_500(model: openai.OpenAI, http: httpx2.Client) -> None:
    set_mode(http, "server_error")

    with pytest.raises(openai.InternalServerError) as refused:
        ask(model)

    assert refused.value.type == "server_error"


def test_timeout_answers_after_the_seconds_asked_for(
    model: openai.OpenAI, http: httpx2.Client
) -> None:
    set_mode(http, "timeout", times=1, seconds=0.3)
    begun = time.monotonic()

    decision = reply(ask(model))

    assert (decision, time.monotonic() - begun >= 0.3) == (decide(CONTEXT), True)
