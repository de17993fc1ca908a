"""The only place that speaks to the model: one question, one answer, and a name for each failure.

Chat Completions with a strict JSON Schema; any server that speaks that protocol will do. A server
that refuses the schema is asked for plain JSON, with the schema among the words.
"""

import json
import logging
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any, cast

import httpx2
import openai
from django.conf import settings
from django.utils.crypto import salted_hmac
from openai.types.chat import ChatCompletionMessageParam

from coach import abilities, replies
from coach.pace import Limits

logger = logging.getLogger(__name__)

# The library repeats lost connections, 429 and 5xx once. Who is asked to wait for longer than this
# waits outside of a worker; see coach/retries.py.
TRANSPORT_RETRIES = 1
LONGEST_WAIT_S = 5
# Who is told more than that looks again all the same.
MOST_WAIT_S = 86_400.0
CONNECT_TIMEOUT_S = 10.0
LIST_TIMEOUT_S = 20.0
QUOTA_CODES = {
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
}
CODE = re.compile(r"[a-z_]{1,40}")
NO_COMPLETION = "The model sent an answer that is no completion."
# Refused before it was looked at; of the other refusals asking again is answered the same.
PASSING = {408, 409, 425, 429}
# What a column for it holds.
MOST_TOKENS = 2**31 - 1
MOST_DIGITS = 12
# What reading JSON of any shape as one of ours can raise.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
PLAIN_JSON = {"type": "json_object"}
# Of this process: (server, model) that refused a schema and took the question without.
_without_schema: set[tuple[str, str]] = set()
# Of a hundred threads that ask for the first time at once, one builds the client for all.
_building = Lock()


class Unanswered(Exception):
    """The model gave no answer at all; `kind` is the Incident kind.

    wait_s: so many seconds the server asks to be left alone; None where it does not say.
    is_passing: the same question may be answered later.
    """

    def __init__(
        self, kind: str, detail: str, wait_s: float | None = None, *, is_passing: bool = False
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.wait_s = wait_s
        self.is_passing = is_passing


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
    tokens_written: int | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as it came."""

    content: bytes
    headers: Mapping[str, str]


def complete(
    messages: list[dict[str, str]],
    reply: type[replies.Reply],
    *,
    model: str,
    temperature: float,
    user_key: str,
    cache_key: str = "",
) -> Answer:
    """Ask once for a reply of that type; raises Unanswered when no answer came.

    Questions with one `cache_key` begin with the same text, which the server then reads once.
    """
    can = abilities.of(model)
    options = {
        "model": model,
        "max_completion_tokens": can.most_output_tokens,
        "safety_identifier": _hashed(user_key),
        "prompt_cache_key": cache_key or openai.omit,
        "store": False,
        "reasoning_effort": can.effort or openai.omit,
        "temperature": temperature if can.takes_temperature else openai.omit,
    }
    started = time.monotonic()
    try:
        told = _completion(messages, reply, can, options)
    except openai.APIError as error:
        raise _named(error) from error
    latency_ms = round((time.monotonic() - started) * 1000)
    return _answer(told.content, latency_ms=latency_ms, limits=_limits(told.headers))


def _completion(
    messages: list[dict[str, str]],
    reply: type[replies.Reply],
    can: abilities.Abilities,
    options: dict[str, Any],
) -> Told:
    """The server's answer to one question; for a server without schemas, asked once more."""
    model = str(options["model"])
    where = (settings.OPENAI_BASE_URL, model)
    if can.takes_schema and where not in _without_schema:
        try:
            return _create(messages, {**options, "response_format": response_format(reply)})
        except openai.BadRequestError as refused:
            if refused.param != "response_format":
                raise
    plain = _create(with_schema(messages, reply), {**options, "response_format": PLAIN_JSON})
    if can.takes_schema and where not in _without_schema:
        _without_schema.add(where)
        logger.warning("model: %s takes no schema here and is asked for plain JSON", model)
    return plain


def _create(messages: list[dict[str, str]], options: dict[str, Any]) -> Told:
    """As it was sent: the library would make an object of whatever it is."""
    client = _client(settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY, settings.COACH_TIMEOUT_S)
    answer = client.chat.completions.with_raw_response.create(
        messages=cast("list[ChatCompletionMessageParam]", messages), **options
    )
    return Told(answer.content, answer.headers)


def with_schema(messages: list[dict[str, str]], reply: type[replies.Reply]) -> list[dict[str, str]]:
    """The messages with the schema behind the static text, which stays the same every day."""
    first, *others = messages
    schema = json.dumps(_schema(reply), separators=(",", ":"))
    text = f"{first['content']}\n\nThe JSON object follows this JSON Schema:\n{schema}"
    return [{**first, "content": text}, *others]


def listed() -> dict[str, object]:
    """The server's own list of models, each with what it tells as its last day; raises Unanswered.

    That day is whatever the server sent: not every server sends one.
    """
    client = _client(
        settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY, settings.COACH_TIMEOUT_S
    ).with_options(timeout=openai.Timeout(LIST_TIMEOUT_S, connect=CONNECT_TIMEOUT_S))
    try:
        models = json.loads(client.models.with_raw_response.list().content)["data"]
        return {str(one["id"]): one.get("shutdown_date") for one in models if one.get("id")}
    except openai.APIError as error:
        raise _named(error) from error
    except UNREADABLE as error:
        raise Unanswered("model_error", "The model's server sent a list that is none.") from error


@cache
def response_format(reply: type[replies.Reply]) -> dict[str, Any]:
    wrapper = {"name": replies.name_of(reply), "strict": True, "schema": _schema(reply)}
    return {"type": "json_schema", "json_schema": wrapper}


@cache
def _schema(reply: type[replies.Reply]) -> dict[str, Any]:
    name = replies.name_of(reply)
    schema: dict[str, Any] = json.loads(replies.schema_file(name).read_text(encoding="utf-8"))
    return schema


def _client(base_url: str, api_key: str, timeout_s: float) -> openai.OpenAI:
    with _building:
        return _built(base_url, api_key, timeout_s)


@cache
def _built(base_url: str, api_key: str, timeout_s: float) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=base_url,
        # The library insists on a key; a server of one's own may need none.
        api_key=api_key or "none",
        timeout=openai.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S)),
        max_retries=TRANSPORT_RETRIES,
        http_client=openai.DefaultHttpxClient(event_hooks={"response": [_say_when_not_to_repeat]}),
    )


def _say_when_not_to_repeat(response: httpx2.Response) -> None:
    """The library goes by this header: a used-up quota stays so, and a lease is not that long."""
    if response.status_code < 400:
        return
    response.read()
    if _is_quota(response) or _wait_s(response.headers) > LONGEST_WAIT_S:
        response.headers["x-should-retry"] = "false"


def _is_quota(response: httpx2.Response) -> bool:
    try:
        error = response.json()["error"]
        return response.status_code == 429 and not QUOTA_CODES.isdisjoint(
            {error.get("code"), error.get("type")}
        )
    except UNREADABLE:
        return False


def _wait_s(headers: Mapping[str, str]) -> float:
    """0 where the server does not ask for a number of seconds; of a date the library knows."""
    try:
        wait_s = float(headers.get("retry-after", ""))
    except ValueError:
        return 0.0
    return min(max(wait_s, 0.0), MOST_WAIT_S) if math.isfinite(wait_s) else 0.0


def _limits(headers: Mapping[str, str]) -> Limits:
    """What the server grants in a minute, where it says so."""
    return Limits(
        requests=_limit(headers.get("x-ratelimit-limit-requests", "")),
        tokens=_limit(headers.get("x-ratelimit-limit-tokens", "")),
    )


def _limit(told: str) -> int | None:
    limit = int(told) if told.isascii() and told.isdecimal() and len(told) <= MOST_DIGITS else 0
    return min(limit, MOST_TOKENS) or None


def _hashed(user_key: str) -> str:
    """A name for a tester that says nothing: a plain hash of a small number could be guessed."""
    return salted_hmac("coach.llm", user_key, algorithm="sha256").hexdigest()


def _answer(body: bytes, *, latency_ms: int, limits: Limits) -> Answer:
    """What the body tells; a proxy's error page arrives here with status 200, too."""
    try:
        told = json.loads(body)
        choice = told["choices"][0]
        said = [choice["message"].get(name) for name in ("content", "refusal")]
        usage = told.get("usage")
    except UNREADABLE as error:
        raise Unanswered("model_error", NO_COMPLETION) from error
    if not all(text is None or isinstance(text, str) for text in said):
        raise Unanswered("model_error", NO_COMPLETION)
    return Answer(
        text=said[0] or "",
        refusal=said[1] or "",
        finish_reason=str(choice.get("finish_reason")),
        tokens_in=_count(usage, "prompt_tokens"),
        tokens_cached=_count(usage, "prompt_tokens_details", "cached_tokens"),
        tokens_out=_count(usage, "completion_tokens"),
        tokens_written=_count(usage, "prompt_tokens_details", "cache_write_tokens"),
        latency_ms=latency_ms,
        limits=limits,
    )


def _count(usage: Any, *path: str) -> int | None:
    """A number of tokens as it was told; None where none was, or what is none."""
    for name in path:
        usage = usage.get(name) if isinstance(usage, dict) else None
    is_count = isinstance(usage, int) and not isinstance(usage, bool)
    return usage if is_count and 0 <= usage <= MOST_TOKENS else None


def _named(error: openai.APIError) -> Unanswered:
    """The server's own words stay out of it: they may quote the prompt."""
    if isinstance(error, openai.APITimeoutError):
        return Unanswered("timeout", "The model did not answer in time.")
    if not isinstance(error, openai.APIStatusError):
        words = f"The model: {type(error).__name__}."
        return Unanswered("model_error", words, is_passing=True)
    wait_s = _wait_s(error.response.headers) or None
    if error.status_code == 429:
        if not QUOTA_CODES.isdisjoint({error.code, error.type}):
            return Unanswered("quota", "The model's quota is used up.")
        words = "The model is rate limited (429)."
        return Unanswered("rate_limited", words, wait_s, is_passing=True)
    code = error.code if CODE.fullmatch(str(error.code)) else "no code"
    words = f"The model answered {error.status_code} ({code})."
    is_passing = error.status_code in PASSING or error.status_code >= 500
    return Unanswered("model_error", words, wait_s, is_passing=is_passing)
