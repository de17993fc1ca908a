"""The errors of the API: how they are raised, and how its schema describes them (RFC 9457).

`lanterne.api` makes the answers. A form's errors become those of the fields a program sent.
"""

from typing import Any

from django.forms import BaseForm
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.exceptions import APIException

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "The request is not right",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    406: "No such format",
    409: "Not possible now",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Unknown kind of content",
    428: "Say which version you change",
    429: "Too many attempts",
    500: "Something broke here",
    502: "Another service did not answer",
    503: "Not possible now",
    507: "No room here",
}


class Refusal(APIException):
    """An error with a status, and with members of its own beside the usual ones.

    `wait_s` are the seconds to come back after, told as Retry-After.
    """

    def __init__(
        self, status_code: int, detail: str, *, wait_s: int | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status_code = status_code
        self.wait = wait_s
        self.members = members


class FieldProblem(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="Such as `stages.0.date`; empty: the whole body.")
    message = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """An error (RFC 9457)."""

    type = serializers.CharField(help_text="Always `about:blank`: the status says what it is.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What is wrong and what to do, for people.")
    errors = FieldProblem(many=True, required=False)  # type: ignore[assignment]


def errors(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """For `extend_schema(responses={200: …, **errors(400, 404)})`."""
    return {described(status): OpenApiResponse(Problem, TITLES[status]) for status in statuses}


def described(status: int) -> tuple[int, str]:
    """The key of one error in `responses`, for a subclass of Problem with more members."""
    return status, MEDIA_TYPE


def of_form(form: BaseForm, **names: str) -> serializers.ValidationError:
    """A form's errors, under the names its fields have for a program: `password1="password"`."""
    return serializers.ValidationError(
        {
            names.get(field, "" if field == "__all__" else field): [str(one) for one in messages]
            for field, messages in form.errors.items()
        }
    )
