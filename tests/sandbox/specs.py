"""Checks an answer against the vendor's own specification, where it lies beside the repository.

An answer may hold nothing that the specification does not name: a field of our own invention would
be one that our client likes and the vendor does not send.
"""

import json
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.conf import settings

FOLDER = Path(settings.BASE_DIR).parent / "shared" / "data" / "specs"

needs_specs = pytest.mark.skipif(not FOLDER.is_dir(), reason="the vendors' specs are not here")

Schema = dict[str, Any]


def oura_problems(path: str, status: int, body: Any, method: str = "get") -> list[str]:
    """path as the specification writes it; what it says nothing about is a problem of ours."""
    responses = _spec("oura-openapi.json")["paths"][path][method]["responses"]
    if str(status) not in responses:
        return [f"{path} does not answer {status}"]
    content = responses[str(status)].get("content")
    if status == 204:
        return [] if body is None else ["204 has a body"]
    if content is None:
        return _rfc_7807_problems(status, body)
    schema = content["application/json"]["schema"]
    # The second of the two shapes is for narrowed documents, and takes anything.
    schema = schema.get("anyOf", [schema])[0]
    return _problems(schema, body, _spec("oura-openapi.json"))


def strava_problems(path: str, status: int, body: Any) -> list[str]:
    """The swagger file names each model by an address; the models lie in a file of their own."""
    responses = _spec("strava-swagger.json")["paths"][path]["get"]["responses"]
    schema = responses.get(str(status), responses["default"])["schema"]
    return _problems(_local(schema), body, _spec("strava-models.schema.json"))


def strava_model_problems(model: str, value: Any) -> list[str]:
    schema = {"$ref": f"#/$defs/{model}"}
    return _problems(schema, value, _spec("strava-models.schema.json"))


def oura_model_problems(model: str, value: Any) -> list[str]:
    schema = {"$ref": f"#/components/schemas/{model}"}
    return _problems(schema, value, _spec("oura-openapi.json"))


def _local(schema: Schema) -> Schema:
    if "items" in schema:
        return {**schema, "items": _local(schema["items"])}
    return {"$ref": f"#/$defs/{schema['$ref'].rsplit('/', 1)[-1]}"}


def _rfc_7807_problems(status: int, body: Any) -> list[str]:
    """Neither file has a schema for these; the vendor's own words are in this shape."""
    is_problem = body.keys() == {"status", "title", "detail"} and body["status"] == status
    return [] if is_problem else [f"{status} is told by {body}"]


def _problems(schema: Schema, value: Any, spec: Schema) -> list[str]:
    parts: Schema = {name: spec[name] for name in ("components", "$defs") if name in spec}
    errors = jsonschema.Draft202012Validator(parts | schema).iter_errors(value)
    told = [f"{error.json_path}: {error.message}" for error in errors]
    return told or list(_strangers(schema, value, parts, "$"))


def _strangers(schema: Schema, value: Any, parts: Schema, at: str) -> Iterator[str]:
    """What a valid value holds besides what is specified, and times in another form than named."""
    if "$ref" in schema:
        *_, name = names = schema["$ref"].removeprefix("#/").split("/")
        if name in FORMS and not FORMS[name](value):
            yield f"{at}: {value} is no {name}"
        found: Any = parts
        for one in names:
            found = found[one]
        yield from _strangers(found, value, parts, at)
    elif "anyOf" in schema:
        fitting = (one for one in schema["anyOf"] if _fits(one, value, parts))
        yield from _strangers(next(fitting), value, parts, at)
    elif isinstance(value, list):
        # Numbers hold nothing.
        for row in (row for row in value if isinstance(row, dict | list)):
            yield from _strangers(schema.get("items", {}), row, parts, f"{at}[]")
    elif isinstance(value, dict) and "properties" in schema:
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from _strangers(schema["properties"][name], inner, parts, f"{at}.{name}")
            else:
                yield f"{at}.{name}: not specified"


def _fits(schema: Schema, value: Any, parts: Schema) -> bool:
    return bool(jsonschema.Draft202012Validator(parts | schema).is_valid(value))


def _is_date(value: str) -> bool:
    return date.fromisoformat(value).isoformat() == value


def _has_an_offset(value: str) -> bool:
    return datetime.fromisoformat(value).tzinfo is not None and not value.endswith("Z")


def _is_utc(value: str) -> bool:
    return datetime.fromisoformat(value).tzinfo is not None and value.endswith("Z")


FORMS = {"ISODate": _is_date, "LocalizedDateTime": _has_an_offset, "UtcDateTime": _is_utc}


@cache
def _spec(name: str) -> Schema:
    spec: Schema = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return spec
