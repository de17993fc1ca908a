"""Single rides as JSON: one sent as a file and read at once, read again, deleted."""

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import throttle
from accounts.privacy import NotAllowed
from accounts.problems import Problem, Refusal, described, errors
from accounts.sessions import signed_in
from connections import incoming, rides
from connections.api import RETRY_AFTER
from connections.models import Ride
from connections.providers.ride_files import NotARideFile, TooLarge

# What a multipart body has around its one file.
WRAPPING_BYTES = 100_000
NO_FILE = "Choose a FIT, TCX or GPX file."
ONE_FILE = "Send one file at a time here; /api/rides/files takes several at once."

LOCATION = OpenApiParameter(
    "Location", str, OpenApiParameter.HEADER, response=[201], description="Where to find the ride."
)


class SentRideSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(
        allow_empty_file=True, help_text="FIT, TCX or GPX, gzip or not, with one ride in it."
    )


class RideSerializer(serializers.ModelSerializer[Ride]):
    """What is not known is null. Times are UTC; `local_date` is the tester's own day."""

    class Meta:
        model = Ride
        fields = (
            "id",
            "source",
            "started_at",
            "local_date",
            "sport",
            "name",
            "duration_s",
            "elapsed_s",
            "distance_m",
            "climb_m",
            "energy_kj",
            "average_power_w",
            "np_w",
            "has_power_meter",
            "average_hr_bpm",
            "max_hr_bpm",
        )
        read_only_fields = fields
        extra_kwargs = {
            "duration_s": {"help_text": "Without stops and pauses."},
            "energy_kj": {"help_text": "Of a file and of Strava: mechanical work at the pedals."},
            "np_w": {"help_text": "Normalised power."},
        }


class HasRide(Problem):
    """Not possible now; `ride` is the address of the one that is here."""

    ride = serializers.CharField(required=False)


HERE_ALREADY = {described(409): OpenApiResponse(HasRide, "The ride of this file is here already")}


class RideUpload(APIView):
    parser_classes = (MultiPartParser,)

    def initial(self, request: Request, *args: Any, **options: Any) -> None:
        # Before anything reads the body: signing in by session already would.
        most = settings.RIDE_FILE_MAX_BYTES + WRAPPING_BYTES
        if incoming.length_of(request.headers) > most:
            raise _too_large(rides.too_large())
        super().initial(request, *args, **options)

    @extend_schema(
        summary="Send one ride file and have it read at once",
        request={"multipart/form-data": SentRideSerializer},
        responses={
            201: RideSerializer,
            **errors(400, 401, 403, 413, 415, 429),
            **HERE_ALREADY,
        },
        parameters=[LOCATION, RETRY_AFTER],
    )
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        throttle.hit("upload", request, str(user.pk))
        try:
            ride = rides.read_at_once(user, _only_file(request))
        except TooLarge as error:
            raise _too_large(str(error)) from error
        except NotARideFile as refusal:
            raise ValidationError({"file": [str(refusal)]}) from refusal
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        except rides.AlreadyHere as known:
            raise Refusal(
                status.HTTP_409_CONFLICT, str(known), ride=_address(known.ride)
            ) from known
        return Response(
            RideSerializer(ride).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": _address(ride)},
        )


class RideView(APIView):
    @extend_schema(
        summary="One ride, of whichever source", responses={200: RideSerializer, **errors(401, 404)}
    )
    def get(self, request: Request, pk: int) -> Response:
        return Response(RideSerializer(_own(request, pk)).data)

    @extend_schema(
        summary="Delete a ride that came from a file",
        description="The same file sent again brings it back. Of another source it is 409.",
        responses={204: None, **errors(401, 403, 404, 409)},
    )
    def delete(self, request: Request, pk: int) -> Response:
        try:
            rides.delete(_own(request, pk))
        except rides.KeptElsewhere as refusal:
            raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal
        return Response(status=status.HTTP_204_NO_CONTENT)


def _own(request: Request, pk: int) -> Ride:
    return get_object_or_404(signed_in(request).rides.all(), pk=pk)


def _only_file(request: Request) -> UploadedFile[bytes]:
    files: list[UploadedFile[bytes]] = request.FILES.getlist("file")
    if len(files) != 1:
        raise ValidationError({"file": [ONE_FILE if files else NO_FILE]})
    return files[0]


def _too_large(words: str) -> Refusal:
    return Refusal(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, words)


def _address(ride: Ride) -> str:
    return reverse("api-ride", args=[ride.pk])
