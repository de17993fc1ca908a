"""Every way a model's server can fail or differ, over real HTTP, and the name it gets."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import LazySettings

from coach import llm
from coach.llm import Answer, Unanswered
from coach.pace import Limits
from coach.replies import Decision
from tests.threads import at_once

MESSAGES = [
    {"role": "system", "content": "You are the coach. Answer in JSON."},
    {"role": "user", "content": "<situation>"},
]
USAGE = {
    "prompt_tokens": 2100,
    "completion_tokens": 310,
    "prompt_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 0},
}
JSON = {"content-type": "application/json"}
NO_COMPLETION = ("model_error", "The model sent an answer that is no completion.")


def completion(**changes: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "{}"}}
    return {"choices": [choice], "usage": USAGE, **changes}


def error(code: str | None = None, *, param: str | None = None, kind: str = "") -> dict[str, Any]:
    return {"error": {"message": "canary words", "type": kind, "param": param, "code": code}}


class Server:
    """Answers what it is told to, in order: a status, its headers and its body."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []

    def will(self, status: int, body: Any = b"", **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, {**JSON, **told}, raw))


@pytest.fixture
def server(settings: LazySettings) -> Iterator[Server]:
    scripted = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            scripted.asked.append(json.loads(body))
            self.do_GET()

        def do_GET(self) -> None:
            scripted.paths.append(self.path)
            status, headers, body = scripted.answers.pop(0)
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    settings.OPENAI_BASE_URL = f"http://127.0.0.1:{http.server_port}/v1"
    yield scripted
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(autouse=True)
def _nothing_learned() -> Iterator[None]:
    yield
    llm._without_schema.clear()


def ask(model: str = "gpt-4o-mini", temperature: float = 0.4) -> Answer:
    return llm.complete(
        MESSAGES,
        Decision,
        model=model,
        temperature=temperature,
        user_key="7",
        cache_key="training_day@abc",
    )


def refused() -> tuple[str, str]:
    with pytest.raises(Unanswered) as failed:
        ask()
    return failed.value.kind, str(failed.value)


def format_of(asked: dict[str, Any]) -> str:
    kind: str = asked["response_format"]["type"]
    return kind


def test_answer_is_what_the_server_told(server: Server) -> None:
    server.will(200, completion())

    answer = ask()

    assert answer == Answer(
        text="{}",
        refusal="",
        finish_reason="stop",
        tokens_in=2100,
        tokens_cached=1024,
        tokens_out=310,
        tokens_written=0,
        latency_ms=answer.latency_ms,
    )


def test_question_carries_what_it_must_and_nothing_else(server: Server) -> None:
    server.will(200, completion())

    ask()

    (asked,) = server.asked
    identifier = asked.pop("safety_identifier")
    assert (len(identifier), identifier == "7") == (64, False)
    assert asked == {
        "model": "gpt-4o-mini",
        "messages": MESSAGES,
        "response_format": llm.response_format(Decision),
        "max_completion_tokens": 4000,
        "prompt_cache_key": "training_day@abc",
        "store": False,
        "temperature": 0.4,
    }


def test_tester_is_named_by_a_hash_that_cannot_be_guessed_from_their_number(
    server: Server, settings: LazySettings
) -> None:
    for key in ("one", "two", "two"):
        settings.SECRET_KEY = key * 20
        server.will(200, completion())
        ask()

    first, second, third = (asked["safety_identifier"] for asked in server.asked)
    assert (first != second, second == third) == (True, True)


MODELS = {
    "gpt-4o": {"temperature": 0.4, "max_completion_tokens": 4000},
    "gpt-4.1-mini": {"temperature": 0.4, "max_completion_tokens": 4000},
    "gpt-6-luna": {
        "temperature": 0.4,
        "max_completion_tokens": 4000,
        "reasoning_effort": "none",
    },
    "gpt-6-astra": {"max_completion_tokens": 16000},
    "gpt-6.1-sol": {"max_completion_tokens": 16000},
    "gpt-5": {"max_completion_tokens": 16000},
    "o3": {"max_completion_tokens": 16000},
    "llama-of-my-own": {"temperature": 0.4, "max_completion_tokens": 4000},
}


def test_each_model_is_asked_with_what_it_takes(server: Server) -> None:
    sent = {}
    for model in MODELS:
        server.will(200, completion())
        ask(model)
        asked = server.asked[-1]
        names = ("temperature", "max_completion_tokens", "reasoning_effort")
        sent[model] = {name: asked[name] for name in names if name in asked}

    assert sent == MODELS


def test_settings_say_what_a_new_model_takes(server: Server, settings: LazySettings) -> None:
    settings.MODEL_ABILITIES = {
        "gpt-6-luna": {"effort": "low", "takes_temperature": False},
        "mine": {"takes_schema": False, "most_output_tokens": 900},
    }
    for model in ("gpt-6-luna-2027-01-01", "mine-7b"):
        server.will(200, completion())
        ask(model)

    luna, mine = server.asked
    assert (luna["reasoning_effort"], "temperature" in luna) == ("low", False)
    assert (format_of(luna), format_of(mine)) == ("json_schema", "json_object")
    assert (mine["max_completion_tokens"], mine["temperature"]) == (900, 0.4)


# --- a server without schemas ---


def test_server_that_refuses_the_schema_is_asked_for_plain_json_from_then_on(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.will(400, error("unsupported_value", param="response_format"))
    for _ in range(3):
        server.will(200, completion())

    ask()
    ask()
    ask("another")

    kinds = [(asked["model"], format_of(asked)) for asked in server.asked]
    assert kinds == [
        ("gpt-4o-mini", "json_schema"),
        ("gpt-4o-mini", "json_object"),
        ("gpt-4o-mini", "json_object"),
        ("another", "json_schema"),
    ]
    assert [record.getMessage() for record in caplog.records if record.name == "coach.llm"] == [
        "model: gpt-4o-mini takes no schema here and is asked for plain JSON"
    ]


def test_schema_goes_along_in_words_behind_the_text_that_stays(server: Server) -> None:
    server.will(400, error(param="response_format"))
    server.will(200, completion())

    ask()

    system, user = server.asked[1]["messages"]
    schema = llm.response_format(Decision)["json_schema"]["schema"]
    before, _, told = system["content"].partition("\n\nThe JSON object follows this JSON Schema:\n")
    assert (before, json.loads(told)) == (MESSAGES[0]["content"], schema)
    assert user == MESSAGES[1]


def test_server_that_takes_neither_fails_and_is_asked_with_the_schema_again(
    server: Server,
) -> None:
    for _ in range(2):
        server.will(400, error(param="response_format"))
        server.will(400, error(param="response_format"))
        assert refused() == ("model_error", "The model answered 400 (no code).")

    kinds = [format_of(asked) for asked in server.asked]
    assert kinds == ["json_schema", "json_object"] * 2


def test_request_that_is_refused_for_another_reason_is_not_asked_differently(
    server: Server,
) -> None:
    server.will(400, error("unsupported_parameter", param="temperature"))

    assert refused() == ("model_error", "The model answered 400 (unsupported_parameter).")
    assert len(server.asked) == 1


# --- failures, each by its name ---

STATUSES = {
    401: ("model_error", "The model answered 401 (invalid_api_key)."),
    403: ("model_error", "The model answered 403 (invalid_api_key)."),
    404: ("model_error", "The model answered 404 (invalid_api_key)."),
    422: ("model_error", "The model answered 422 (invalid_api_key)."),
}
REPEATED = {
    409: ("model_error", "The model answered 409 (no code)."),
    500: ("model_error", "The model answered 500 (no code)."),
    503: ("model_error", "The model answered 503 (no code)."),
    529: ("model_error", "The model answered 529 (no code)."),
    429: ("rate_limited", "The model is rate limited (429)."),
}


def test_refusals_that_stay_are_asked_once(server: Server) -> None:
    for status in STATUSES:
        server.will(status, error("invalid_api_key"))

    assert {status: refused() for status in STATUSES} == STATUSES
    assert len(server.asked) == len(STATUSES)


def test_faults_that_may_pass_are_asked_twice_and_named_then(server: Server) -> None:
    for status in REPEATED:
        for _ in range(2):
            server.will(status, error(), retry_after_ms="1")

    assert {status: refused() for status in REPEATED} == REPEATED
    assert len(server.asked) == 2 * len(REPEATED)


def test_fault_that_passes_is_no_failure(server: Server) -> None:
    for status in (500, 503, 429):
        server.will(status, error(), retry_after_ms="1")
        server.will(200, completion())
        assert ask().text == "{}"


def test_fault_that_may_pass_is_told_from_one_that_stays(server: Server) -> None:
    for status in (*STATUSES, *REPEATED):
        for _ in range(1 if status in STATUSES else 2):
            server.will(status, error(), retry_after_ms="1")

    told = {}
    for status in (*STATUSES, *REPEATED):
        with pytest.raises(Unanswered) as failed:
            ask()
        told[status] = failed.value.is_passing

    assert told == {**dict.fromkeys(STATUSES, False), **dict.fromkeys(REPEATED, True)}


WAITS = {"61": 61.0, "7.5": 7.5, "1e99": 86_400.0, "0": None, "-5": None, "nan": None, "": None}


@pytest.mark.parametrize("said", WAITS)
def test_wait_that_a_server_asks_for_is_told(server: Server, said: str) -> None:
    for _ in range(2):
        server.will(429, error(), retry_after=said, x_should_retry="false")

    with pytest.raises(Unanswered) as failed:
        ask()

    assert failed.value.wait_s == WAITS[said]


LIMITS = {
    "500": 500,
    "99999999999": 2**31 - 1,
    "9" * 40: None,
    "0": None,
    "-1": None,
    "many": None,
    "": None,
}


@pytest.mark.parametrize("said", LIMITS)
def test_limits_of_a_minute_are_told_where_they_are_numbers(server: Server, said: str) -> None:
    limits = {"x_ratelimit_limit_requests": said, "x_ratelimit_limit_tokens": "200000"}
    server.will(200, completion(), **limits)

    assert ask().limits == Limits(LIMITS[said], 200_000)


def test_hundred_who_ask_for_the_first_time_at_once_share_one_client() -> None:
    llm._built.cache_clear()

    def client() -> int:
        return id(llm._client("http://127.0.0.1:1/v1", "sk", 1.0))

    assert len(set(at_once(*[client] * 100))) == 1


def test_code_that_is_no_code_is_not_told(server: Server) -> None:
    server.will(400, error("Your HRV of 48 is <b>"))

    assert refused() == ("model_error", "The model answered 400 (no code).")


@pytest.mark.parametrize(
    "body",
    [
        error("insufficient_quota", kind="insufficient_quota"),
        error("credit_balance_exhausted", kind="insufficient_quota"),
        error("project_spend_limit_exceeded"),
        error("a_new_word_of_theirs", kind="insufficient_quota"),
    ],
)
def test_quota_that_is_used_up_is_not_asked_for_again(server: Server, body: Any) -> None:
    server.will(429, body)

    assert refused() == ("quota", "The model's quota is used up.")
    assert len(server.asked) == 1


def test_wait_that_outlasts_a_lease_is_not_waited_for(server: Server) -> None:
    server.will(429, error(), retry_after="61")

    assert refused() == ("rate_limited", "The model is rate limited (429).")
    assert len(server.asked) == 1


def test_refusal_that_is_no_json_is_named_by_its_status(server: Server) -> None:
    server.will(429, b"<html>slow down</html>", content_type="text/html", retry_after="99")
    server.will(403, b"[1]")

    assert refused() == ("rate_limited", "The model is rate limited (429).")
    assert refused() == ("model_error", "The model answered 403 (no code).")


NO_COMPLETIONS: dict[str, Any] = {
    "nothing": b"",
    "a page": b"<html>Sign in to the network</html>",
    "text that is not UTF-8": b'{"choices": [{"message": {"content": "\xff"}}]}',
    "half of it": b'{"choices": [{"mess',
    "an array": [],
    "a number": 7,
    "null": None,
    "an error with status 200": error("server_error"),
    "no choices": completion(choices=None),
    "empty choices": completion(choices=[]),
    "choices that are none": completion(choices="stop"),
    "a choice that is none": completion(choices=[5]),
    "no message": completion(choices=[{"finish_reason": "stop"}]),
    "a message that is none": completion(choices=[{"message": "Ride."}]),
    "content in parts": completion(choices=[{"message": {"content": [{"text": "{}"}]}}]),
    "content that is a number": completion(choices=[{"message": {"content": 5}}]),
    "too deep to read": b"[" * 100_000,
}


def test_answers_that_are_no_completion_are_named_so(server: Server) -> None:
    for body in NO_COMPLETIONS.values():
        server.will(200, body)

    told = {name: refused() for name in NO_COMPLETIONS}

    assert told == dict.fromkeys(NO_COMPLETIONS, NO_COMPLETION)
    assert len(server.asked) == len(NO_COMPLETIONS)


def test_completion_that_says_nothing_is_an_answer_to_be_judged(server: Server) -> None:
    said: dict[str, Any] = {"content": None, "tool_calls": [{"id": "1"}]}
    server.will(200, completion(choices=[{"message": said, "finish_reason": "tool_calls"}]))
    server.will(200, completion(choices=[{"message": {"refusal": "No."}}]))

    tools, refusal = ask(), ask()

    assert (tools.text, tools.refusal, tools.finish_reason) == ("", "", "tool_calls")
    assert (refusal.text, refusal.refusal, refusal.finish_reason) == ("", "No.", "None")


USAGES: dict[str, Any] = {
    "missing": None,
    "of another kind": "2100 tokens",
    "words": {"prompt_tokens": "2100", "completion_tokens": True},
    "below nothing": {"prompt_tokens": -1, "completion_tokens": 2**31},
    "fractions": {"prompt_tokens": 1.5, "prompt_tokens_details": []},
}


def test_usage_that_is_none_is_unknown_and_never_nothing(server: Server) -> None:
    for usage in USAGES.values():
        server.will(200, completion(usage=usage))

    for _ in USAGES:
        answer = ask()
        told = (answer.tokens_in, answer.tokens_cached, answer.tokens_out, answer.tokens_written)
        assert (answer.text, told) == ("{}", (None, None, None, None))


def test_answer_that_lies_about_its_packing_is_a_lost_connection(server: Server) -> None:
    for _ in range(2):
        server.will(200, b"this is not gzip", content_encoding="gzip")

    assert refused()[0] == "model_error"


def test_answer_that_is_packed_is_read(server: Server) -> None:
    packed = gzip.compress(json.dumps(completion()).encode())
    server.will(200, packed, content_encoding="gzip")

    assert ask().text == "{}"


def test_answer_that_breaks_off_is_asked_for_again_and_then_named(server: Server) -> None:
    for _ in range(2):
        server.will(200, b'{"choices"', content_length="4000", connection="close")

    assert refused() == ("model_error", "The model: APIConnectionError.")
    assert len(server.asked) == 2


def test_server_that_is_not_there_is_named_so(settings: LazySettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings.OPENAI_BASE_URL = f"http://127.0.0.1:{free.getsockname()[1]}/v1"

    assert refused() == ("model_error", "The model: APIConnectionError.")


def test_server_that_is_silent_is_a_time_out(settings: LazySettings) -> None:
    settings.COACH_TIMEOUT_S = 0.1
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.OPENAI_BASE_URL = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"

        assert refused() == ("timeout", "The model did not answer in time.")


# --- the list of models ---


def test_list_tells_the_last_day_of_each_model_where_there_is_one(server: Server) -> None:
    data = [{"id": "gpt-4o", "shutdown_date": "2027-01-14"}, {"id": "mine"}, {"object": "model"}]
    server.will(200, {"object": "list", "data": data})

    assert llm.listed() == {"gpt-4o": "2027-01-14", "mine": None}
    assert server.paths == ["/v1/models"]


def test_list_that_is_none_is_named_so(server: Server) -> None:
    bodies: list[Any] = [b"", b"<html></html>", [], {"data": None}, {"data": "gpt-4o"}, 7]
    for body in bodies:
        server.will(200, body)
        with pytest.raises(Unanswered) as failed:
            llm.listed()
        assert failed.value.kind == "model_error"


def test_list_that_is_refused_is_named_by_its_status(server: Server) -> None:
    server.will(404, error("unknown_url"))

    with pytest.raises(Unanswered, match=r"The model answered 404 \(unknown_url\)\."):
        llm.listed()
