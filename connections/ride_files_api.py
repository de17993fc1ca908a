"""Ride files as JSON: sending several at once, and what came of each."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import throttle
from accounts.privacy import NotAllowed
from accounts.problems import Refusal, errors, of_form
from accounts.sessions import signed_in
from connections import incoming, ride_files
from connections.api import LOCATION, RETRY_AFTER
from connections.forms import RideFilesForm
from connections.models import RideFile, RideFileQuerySet


class SentFilesSerializer(serializers.Serializer[Any]):
    file = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True),
        min_length=1,
        help_text="FIT, TCX or GPX, gzip or not; the field once for each file.",
    )


class RideFileSerializer(serializers.ModelSerializer[RideFile]):
    error = serializers.SerializerMethodField(
        help_text="Why it was not read and what to do, in words; null otherwise."
    )

    class Meta:
        model = RideFile
        fields = (
            "id",
            "file_name",
            "size_bytes",
            "status",
            "rides",
            "rides_new",
            "error",
            "uploaded_at",
            "finished_at",
        )

    def get_error(self, file: RideFile) -> str | None:
        return f"{file.file_name}: {file.error}" if file.error else None


class ReceivedFilesSerializer(serializers.Serializer[Any]):
    files = RideFileSerializer(many=True)


class RideFiles(ListAPIView[RideFile]):
    parser_classes = (MultiPartParser,)
    serializer_class = RideFileSerializer

    def initial(self, request: Request, *args: Any, **options: Any) -> None:
        # Before anything reads the body: signing in by session already would.
        most = settings.RIDE_FILES_AT_ONCE * settings.RIDE_FILE_MAX_BYTES
        if incoming.length_of(request.headers) > most:
            raise Refusal(
                status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
                f"This is larger than {most // 1_000_000} MB. Send fewer files at once.",
            )
        super().initial(request, *args, **options)

    def get_queryset(self) -> RideFileQuerySet:
        return RideFile.objects.owned_by(signed_in(self.request))

    @extend_schema(
        summary="What came of the ride files of the last week, newest upload first",
        responses={200: RideFileSerializer(many=True), **errors(401, 404)},
    )
    def get(self, request: Request, *args: Any, **options: Any) -> Response:
        return super().get(request, *args, **options)

    @extend_schema(
        summary="Send ride files",
        description="They are read one after the other; look again to see what came of each.",
        request={"multipart/form-data": SentFilesSerializer},
        responses={202: ReceivedFilesSerializer, **errors(400, 401, 403, 413, 415, 429)},
        parameters=[LOCATION, RETRY_AFTER],
    )
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        throttle.hit("upload", request, str(user.pk))
        form = RideFilesForm({}, request.FILES)
        if not form.is_valid():
            raise of_form(form)
        try:
            received = ride_files.receive(user, form.cleaned_data["file"])
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        return Response(
            ReceivedFilesSerializer({"files": received}).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": reverse("api-ride-files")},
        )
