"""Checks an answer against the vendor's own specification, where it lies beside the repository."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.conf import settings

FOLDER = Path(settings.BASE_DIR).parent / "shared" / "data" / "specs"

needs_specs = pytest.mark.skipif(not FOLDER.is_dir(), reason="the vendors' specs are not here")


def oura_problems(schema: str, value: Any) -> list[str]:
    parts = {"components": _spec("oura-openapi.json")["components"]}
    return _problems(parts | {"$ref": f"#/components/schemas/{schema}"}, value)


def strava_problems(schema: str, value: Any) -> list[str]:
    parts = {"$defs": _spec("strava-models.schema.json")["$defs"]}
    return _problems(parts | {"$ref": f"#/$defs/{schema}"}, value)


def _problems(schema: dict[str, Any], value: Any) -> list[str]:
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in errors]


@cache
def _spec(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return spec
