"""How the API reads a body, what it answers in, and how its lists are paged."""

import json
import math
from typing import IO, Any

from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from accounts.problems import Refusal

MAX_BYTES = 1_000_000
DEEPEST = 20
NOT_JSON = "The body is not JSON as RFC 8259 defines it."


class Pages(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class AnyAccept(DefaultContentNegotiation):
    """Whoever asks for a format there is none of gets JSON, not a refusal to speak."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(
                request, renderers, format_suffix
            )
        except (exceptions.NotAcceptable, Http404):
            return renderers[0], renderers[0].media_type
        return chosen


class ObjectParser(JSONParser):
    """One JSON object, in UTF-8, of a size and depth that somebody could mean."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> dict[str, Any]:
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise Refusal(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, "Send less than a megabyte.")
        try:
            sent = json.loads(body.decode())
        except (ValueError, RecursionError) as error:
            raise exceptions.ParseError(NOT_JSON) from error
        if not isinstance(sent, dict):
            raise exceptions.ParseError("Send a JSON object: { … }.")
        _refuse_the_unspeakable(sent)
        return sent


def _refuse_the_unspeakable(value: Any, depth: int = 0) -> None:
    """What the parser lets pass and no column or answer can hold: NaN, NUL, half a character."""
    if depth > DEEPEST:
        raise exceptions.ParseError(f"The body is nested deeper than {DEEPEST} levels.")
    if isinstance(value, dict):
        for name, part in value.items():
            _refuse_the_unspeakable(name, depth)
            _refuse_the_unspeakable(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _refuse_the_unspeakable(part, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise exceptions.ParseError(NOT_JSON)
    elif isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
        raise exceptions.ParseError("The body holds a character that no text can hold.")
