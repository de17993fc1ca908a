"""/v1/chat/completions and /v1/models, and what they were asked last."""

import json
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from sandbox.coach.blocks import Missing
from sandbox.memory import alone, recall, remember
from sandbox.modes import MODES, Mode, take
from sandbox.openai import answers
from sandbox.openai.checks import BadRequest, check, invalid_schema, is_known
from sandbox.openai.conversations import Conversation, conversation_of
from sandbox.openai.models import KNOWN, model

KEPT_REQUESTS = 20


def with_key(view: Callable[..., JsonResponse]) -> Callable[..., HttpResponseBase]:
    """Any key will do, but there must be one; every answer can be named by its request id."""

    @wraps(view)
    def answered(request: HttpRequest, **kwargs: str) -> HttpResponseBase:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and key.strip():
            response = view(request, **kwargs)
        else:
            response = answers.error(401, "You didn't provide an API key.", "invalid_request_error")
        response["x-request-id"] = f"req_{secrets.token_hex(16)}"
        return response

    return answered


@require_POST
@with_key
def chat_completions(request: HttpRequest) -> JsonResponse:
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return answers.bad_request(BadRequest("We could not parse the JSON body of your request."))
    _keep(body)
    mode = take("openai", *MODES["openai"])
    if refused := _refused(mode):
        return refused
    if not is_known(body.get("model")):
        return answers.unknown_model(body.get("model"))
    try:
        check(body)
        conversation = conversation_of(body)
        has_schema = (body.get("response_format") or {}).get("type") == "json_schema"
        if mode.mode == "bad_request" or (mode.mode == "no_schema" and has_schema):
            raise invalid_schema(conversation.name, "In context=(), told to refuse.")
        reply = conversation.answer(body["messages"])
    except BadRequest as problem:
        return answers.bad_request(problem)
    except Missing as block:
        return answers.bad_request(BadRequest(f"No {block} in the messages.", param="messages"))
    return _completed(body, conversation, reply, mode)


@require_GET
@with_key
def models(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"object": "list", "data": [model(name) for name in KNOWN]})


@require_GET
@with_key
def one_model(request: HttpRequest, name: str) -> JsonResponse:
    return JsonResponse(model(name)) if is_known(name) else answers.unknown_model(name)


@require_GET
def requests(request: HttpRequest) -> JsonResponse:
    """The bodies of the last requests, oldest first, and how many came in all."""
    kept = recall("openai:requests") or []
    return JsonResponse({"data": kept, "count": recall("openai:count") or 0})


def _keep(body: dict[str, Any]) -> None:
    with alone():
        kept = recall("openai:requests") or []
        remember("openai:requests", [*kept, body][-KEPT_REQUESTS:])
        remember("openai:count", (recall("openai:count") or 0) + 1)


def _refused(mode: Mode) -> JsonResponse | None:
    if mode.mode == "rate_limited":
        return answers.error(
            429,
            "Rate limit reached for requests. Please try again later.",
            "requests",
            code="rate_limit_exceeded",
            retry_after=int(1 if mode.seconds is None else mode.seconds),
        )
    if mode.mode == "quota":
        return answers.error(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            code="insufficient_quota",
        )
    if mode.mode == "server_error":
        return answers.error(
            500, "The server had an error while processing your request.", "server_error"
        )
    return None


def _completed(
    body: dict[str, Any], conversation: Conversation, reply: dict[str, Any], mode: Mode
) -> JsonResponse:
    if mode.mode == "timeout":
        mode.wait(70)
    if mode.mode == "absurd":
        reply = conversation.absurd(reply)
    text = json.dumps(reply, ensure_ascii=False)
    if mode.mode == "length":
        return answers.completion(body, text[: len(text) // 2], finish_reason="length")
    if mode.mode == "content_filter":
        return answers.completion(body, None, finish_reason="content_filter")
    if mode.mode == "refusal":
        return answers.completion(body, None, refusal="I'm sorry, I can't help with that.")
    return answers.completion(body, INSTEAD.get(mode.mode, text))


INSTEAD = {
    "malformed": "Sure! Here is your day: an easy hour on the bike.",
    "schema_invalid": json.dumps({"plan": "ride", "minutes": "sixty"}),
}
