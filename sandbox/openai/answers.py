"""Completions and errors in OpenAI's own shapes."""

import hashlib
import secrets
from typing import Any

from django.http import JsonResponse
from django.utils import timezone

from sandbox.openai.checks import BadRequest
from sandbox.openai.models import KNOWN

CHARS_PER_TOKEN = 4
# What it grants in a minute. Nobody is held to it: 429 is a mode.
LIMITS = {
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "10000000",
}


def error(
    status: int,
    message: str,
    kind: str,
    *,
    param: str | None = None,
    code: str | None = None,
    retry_after: int | None = None,
) -> JsonResponse:
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    response = JsonResponse(body, status=status)
    if retry_after is not None:
        response["retry-after"] = str(retry_after)
    return response


def bad_request(problem: BadRequest) -> JsonResponse:
    return error(
        400, problem.message, "invalid_request_error", param=problem.param, code=problem.code
    )


def unknown_model(name: Any) -> JsonResponse:
    return error(
        404,
        f"The model '{name}' does not exist or you do not have access to it.",
        "invalid_request_error",
        code="model_not_found",
    )


def completion(
    body: dict[str, Any],
    text: str | None,
    *,
    finish_reason: str = "stop",
    refusal: str | None = None,
) -> JsonResponse:
    """One choice. A text longer than the asked-for budget is cut off, as the real one is."""
    budget = body.get("max_completion_tokens") or body.get("max_tokens")
    if text and budget and _tokens(text) > budget:
        text, finish_reason = text[: budget * CHARS_PER_TOKEN], "length"
    snapshot = KNOWN[body["model"]][0]
    return JsonResponse(
        {
            "id": f"chatcmpl-{secrets.token_hex(14)}",
            "object": "chat.completion",
            "created": int(timezone.now().timestamp()),
            "model": snapshot,
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": text,
                        "refusal": refusal,
                        "annotations": [],
                    },
                    "logprobs": None,
                    "finish_reason": finish_reason,
                }
            ],
            "usage": _usage(body, text or refusal or ""),
            "service_tier": "default",
            "system_fingerprint": f"fp_{hashlib.sha256(snapshot.encode()).hexdigest()[:10]}",
        },
        headers=LIMITS,
    )


def _usage(body: dict[str, Any], text: str) -> dict[str, Any]:
    asked = sum(_tokens(str(message.get("content") or "")) + 4 for message in body["messages"])
    given = _tokens(text)
    return {
        "prompt_tokens": asked,
        "completion_tokens": given,
        "total_tokens": asked + given,
        "prompt_tokens_details": {
            "cached_tokens": 0,
            "audio_tokens": 0,
            # Writing into the cache has a price of its own with these.
            **({"cache_write_tokens": 0} if body["model"].startswith("gpt-6") else {}),
        },
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _tokens(text: str) -> int:
    return -(-len(text) // CHARS_PER_TOKEN)
