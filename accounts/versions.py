"""Versions of what the API tells: an ETag over all of it, and no change from an older one."""

import json
from hashlib import sha256
from typing import Any

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

from accounts.problems import Refusal

ETAG = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    response=[200, 201, 202],
    description="This version of it, for `If-Match` and `If-None-Match`.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of the version this is about, or `*`; 412 when there is a newer one.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="ETags that are known; 304 when one of them still holds.",
)


def etag_of(told: Any) -> str:
    """Over all that is told: states and sums change without a row's own time of change."""
    content = json.dumps(told, cls=JSONEncoder, sort_keys=True)
    return f'"{sha256(content.encode()).hexdigest()[:32]}"'


def require_match(request: Request, etag: str, refusal: str) -> None:
    """Refuse a change made from an older version than the one whose row is locked."""
    header = request.headers.get("If-Match")
    if header is None:
        return
    tags = parse_etags(header)
    if not tags:
        raise ParseError("If-Match takes ETags in double quotes, or *.")
    if tags != ["*"] and etag not in tags:
        raise Refusal(status.HTTP_412_PRECONDITION_FAILED, refusal)


def is_known(request: Request, etag: str) -> bool:
    """Whether the caller says that it knows this version already."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return etag in {tag.removeprefix("W/") for tag in known}
