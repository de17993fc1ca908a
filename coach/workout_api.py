"""The workout of a run as a file, one call for each format."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.problems import Refusal, errors
from accounts.sessions import signed_in
from coach.models import MissionRun
from coach.workout_files import FORMATS, NotInThisFormat, NoWorkout, file_of
from coach.workout_pages import attached

FILE_NAME = OpenApiParameter(
    "Content-Disposition",
    str,
    OpenApiParameter.HEADER,
    response=[200],
    description="With the file's name, such as 2026-07-04-tempo.zwo.",
)


def documented(ext: str) -> Callable[[Any], Any]:
    """How the schema tells of the call for this format."""
    return extend_schema(
        summary=f"The workout of a run as .{ext}",
        responses={
            (200, FORMATS[ext].media_type): OpenApiTypes.BINARY,
            **errors(401, 404, 409),
        },
        parameters=[FILE_NAME],
    )


def answer(request: Request, pk: UUID, ext: str) -> HttpResponse:
    run = get_object_or_404(MissionRun.objects.owned_by(signed_in(request)), pk=pk)
    try:
        return attached(file_of(run, ext))
    except NoWorkout as refusal:
        raise Refusal(status.HTTP_404_NOT_FOUND, str(refusal)) from refusal
    except NotInThisFormat as refusal:
        raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal


class Zwo(APIView):
    @documented("zwo")
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """For Zwift: powers as shares of your FTP. Needs a power target in at least one step."""
        return answer(request, pk, "zwo")


class Mrc(APIView):
    @documented("mrc")
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """For trainers: minutes and percent of your FTP. Needs a power target in every step."""
        return answer(request, pk, "mrc")


class Erg(APIView):
    @documented("erg")
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """For trainers: minutes and watts, by the FTP of that day. Needs power in every step."""
        return answer(request, pk, "erg")


class Fit(APIView):
    @documented("fit")
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """For bike computers and watches. A step without power or heart rate is left open."""
        return answer(request, pk, "fit")
