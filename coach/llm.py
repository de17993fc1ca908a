"""The only place that speaks to the model: one question, one answer, and a name for each failure.

Chat Completions with a strict JSON Schema; any server that speaks that protocol will do.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import openai
from django.conf import settings
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam
from openai.types.shared_params import ResponseFormatJSONSchema

from coach import replies

MOST_OUTPUT_TOKENS = 4_000
# The library repeats lost connections, 429 and 5xx once, and waits as long as the server asks.
TRANSPORT_RETRIES = 1
# These reason before they answer unless told not to, and refuse a temperature while they do.
REASONING_MODELS = ("gpt-5", "gpt-6", "o1", "o3", "o4")
QUOTA_CODES = {
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
}


class Unanswered(Exception):
    """The model gave no answer at all; `kind` is the Incident kind."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, unread: text may be empty, cut off, or anything but JSON."""

    text: str
    refusal: str
    finish_reason: str
    tokens_in: int | None
    tokens_cached: int | None
    tokens_out: int | None
    latency_ms: int


def complete(
    messages: list[dict[str, str]],
    reply: type[replies.Reply],
    *,
    model: str,
    temperature: float,
    user_key: str,
) -> Answer:
    """Ask once for a reply of that type; raises Unanswered when no answer came."""
    started = time.monotonic()
    try:
        completion = _client(
            settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY, settings.COACH_TIMEOUT_S
        ).chat.completions.create(
            model=model,
            messages=cast("list[ChatCompletionMessageParam]", messages),
            response_format=response_format(reply),
            max_completion_tokens=MOST_OUTPUT_TOKENS,
            safety_identifier=hashlib.sha256(user_key.encode()).hexdigest(),
            store=False,
            temperature=openai.omit if _reasons(model) else temperature,
        )
    except openai.APITimeoutError as error:
        raise Unanswered("timeout", "The model did not answer in time.") from error
    except openai.APIStatusError as error:
        raise _named(error) from error
    except openai.APIError as error:
        raise Unanswered("model_error", f"The model: {type(error).__name__}.") from error
    return _answer(completion, latency_ms=round((time.monotonic() - started) * 1000))


@cache
def response_format(reply: type[replies.Reply]) -> ResponseFormatJSONSchema:
    name = replies.name_of(reply)
    schema: dict[str, Any] = json.loads(replies.schema_file(name).read_text(encoding="utf-8"))
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "strict": True, "schema": schema},
    }


@cache
def _client(base_url: str, api_key: str, timeout_s: float) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=base_url,
        # The library insists on a key; a server of one's own may need none.
        api_key=api_key or "none",
        timeout=timeout_s,
        max_retries=TRANSPORT_RETRIES,
    )


def _reasons(model: str) -> bool:
    return model.startswith(REASONING_MODELS)


def _answer(completion: object, *, latency_ms: int) -> Answer:
    # A proxy's error page with status 200 arrives here as plain text.
    if not isinstance(completion, ChatCompletion) or not completion.choices:
        raise Unanswered("model_error", "The model sent an answer that is no completion.")
    choice, usage = completion.choices[0], completion.usage
    details = usage.prompt_tokens_details if usage else None
    return Answer(
        text=choice.message.content or "",
        refusal=choice.message.refusal or "",
        finish_reason=str(choice.finish_reason),
        tokens_in=usage.prompt_tokens if usage else None,
        tokens_cached=details.cached_tokens if details else None,
        tokens_out=usage.completion_tokens if usage else None,
        latency_ms=latency_ms,
    )


def _named(error: openai.APIStatusError) -> Unanswered:
    """The server's own words stay out of it: they may quote the prompt."""
    if error.status_code == 429:
        if error.code in QUOTA_CODES:
            return Unanswered("quota", f"The model's quota is used up ({error.code}).")
        return Unanswered("rate_limited", "The model is rate limited (429).")
    return Unanswered(
        "model_error", f"The model answered {error.status_code} ({error.code or 'no code'})."
    )
