"""What the real server refuses with 400, and the words it uses."""

from collections.abc import Iterator
from typing import Any

from sandbox.openai.models import ALWAYS_REASON, KNOWN

FORBIDDEN_KEYWORDS = {
    "default",
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
}


class BadRequest(Exception):
    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message, self.param, self.code = message, param, code


def check(body: dict[str, Any]) -> None:
    """Raises BadRequest for the first thing that is wrong."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("Missing required parameter: 'messages'.", param="messages")
    if body.get("stream"):
        raise BadRequest("The sandbox does not stream.", param="stream")
    _check_reasoning(body)
    _check_response_format(body.get("response_format") or {}, messages)


def _check_reasoning(body: dict[str, Any]) -> None:
    model, effort = body["model"], body.get("reasoning_effort")
    if not model.startswith("gpt-6"):
        return
    if effort == "none" and model in ALWAYS_REASON:
        raise BadRequest(
            f"Unsupported value: 'none' is not supported with {model}.",
            param="reasoning_effort",
            code="unsupported_value",
        )
    for name in ("temperature", "top_p"):
        if name in body and effort != "none":
            raise BadRequest(
                f"Unsupported parameter: '{name}' is not supported with this model.",
                param=name,
                code="unsupported_parameter",
            )


def _check_response_format(response_format: dict[str, Any], messages: list[Any]) -> None:
    if response_format.get("type") == "json_object" and "json" not in str(messages).lower():
        raise BadRequest(
            "'messages' must contain the word 'json' to use 'response_format' of type "
            "'json_object'.",
            param="messages",
        )
    wrapper = response_format.get("json_schema") or {}
    if response_format.get("type") == "json_schema" and wrapper.get("strict"):
        problem = _schema_problem(wrapper.get("schema") or {})
        if problem:
            raise invalid_schema(wrapper.get("name", ""), problem)


def invalid_schema(name: str, problem: str) -> BadRequest:
    return BadRequest(
        f"Invalid schema for response_format '{name}': {problem}", param="response_format"
    )


def _schema_problem(schema: dict[str, Any]) -> str | None:
    """Strict mode wants closed objects with every property required."""
    if schema.get("type") != "object":
        return "schema must be a JSON Schema of 'type: \"object\"'."
    problems = (_object_problem(where, node) for where, node in _nodes(schema, "()"))
    return next((problem for problem in problems if problem), None)


def _object_problem(where: str, node: dict[str, Any]) -> str | None:
    if found := FORBIDDEN_KEYWORDS & set(node):
        return f"In context={where}, '{min(found)}' is not permitted."
    properties = node.get("properties")
    if properties is None:
        return None
    if node.get("additionalProperties") is not False:
        return f"In context={where}, 'additionalProperties' is required to be false."
    if set(node.get("required", ())) != set(properties):
        return f"In context={where}, 'required' is required to name every key in properties."
    return None


def _nodes(schema: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside the schema; the keys of `properties` and `$defs` are names."""
    yield where, schema
    for keyword in ("properties", "$defs"):
        for name, inner in schema.get(keyword, {}).items():
            yield from _nodes(inner, f"{where}.{name}")
    for inner in schema.get("anyOf", ()):
        yield from _nodes(inner, f"{where}.anyOf")
    if isinstance(schema.get("items"), dict):
        yield from _nodes(schema["items"], f"{where}.items")


def is_known(model: Any) -> bool:
    return isinstance(model, str) and model in KNOWN
