"""Apple Health exports as JSON: sending one, how far it is, stopping it."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import UnreadablePostError
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ParseError, PermissionDenied
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import throttle
from accounts.models import User
from accounts.privacy import NotAllowed
from accounts.problems import Refusal, errors, of_form
from accounts.sessions import signed_in
from connections import apple_uploads, incoming
from connections.api import LOCATION, RETRY_AFTER
from connections.forms import AppleHealthForm, too_large
from connections.models import AppleHealthUpload

CUT_OFF = "The upload broke off before its end, and nothing of it was kept. Send it again."


class ExportSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="export.zip, or the export.xml inside it.")


class ReceivedSerializer(serializers.ModelSerializer[AppleHealthUpload]):
    class Meta:
        model = AppleHealthUpload
        fields = ("id", "status")


class UploadSerializer(serializers.ModelSerializer[AppleHealthUpload]):
    progress = serializers.SerializerMethodField(
        help_text="0 to 1 of the file read; at 1 while `reading`, its days are being kept. "
        "Null before it is known."
    )
    problems = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="What was left out, how often."
    )
    error = serializers.SerializerMethodField(help_text="Why it failed, in words.")

    class Meta:
        model = AppleHealthUpload
        fields = (
            "id",
            "status",
            "progress",
            "days",
            "samples",
            "nights",
            "rides",
            "problems",
            "error",
            "file_name",
            "size_bytes",
            "uploaded_at",
            "finished_at",
        )

    def get_progress(self, upload: AppleHealthUpload) -> float | None:
        return None if upload.percent is None else upload.percent / 100

    def get_error(self, upload: AppleHealthUpload) -> str | None:
        return upload.error or None


class AppleHealthUploads(APIView):
    parser_classes = (MultiPartParser,)

    def initial(self, request: Request, *args: Any, **options: Any) -> None:
        # Before anything reads the body: signing in by session already would.
        if incoming.length_of(request.headers) > settings.UPLOAD_MAX_BYTES:
            raise Refusal(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, too_large())
        super().initial(request, *args, **options)

    @extend_schema(
        summary="Upload an Apple Health export",
        description="One at a time: 409 while another one is being imported.",
        request={"multipart/form-data": ExportSerializer},
        responses={
            202: ReceivedSerializer,
            **errors(400, 401, 403, 409, 413, 415, 429, 507),
        },
        parameters=[LOCATION, RETRY_AFTER],
    )
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        throttle.hit("upload", request, str(user.pk))
        upload = _received(user, request)
        return Response(
            ReceivedSerializer(upload).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": reverse("api-apple-upload", args=[upload.pk])},
        )


class AppleHealthUploadView(APIView):
    @extend_schema(
        summary="How far an upload is", responses={200: UploadSerializer, **errors(401, 404)}
    )
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(UploadSerializer(_mine(request, pk)).data)

    @extend_schema(
        summary="Cancel an import",
        description="The file is deleted; what was imported before stays. 409: it is finished.",
        responses={204: None, **errors(401, 403, 404, 409)},
    )
    def delete(self, request: Request, pk: UUID) -> Response:
        try:
            apple_uploads.cancel(_mine(request, pk), timezone.now())
        except apple_uploads.AlreadyFinished as refusal:
            raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal
        return Response(status=status.HTTP_204_NO_CONTENT)


def _received(user: User, request: Request) -> AppleHealthUpload:
    try:
        apple_uploads.refuse_another(user)
        form = AppleHealthForm({}, request.FILES)
        if not form.is_valid():
            raise of_form(form)
        return apple_uploads.receive(user, form.cleaned_data["file"])
    except UnreadablePostError as error:
        raise ParseError(CUT_OFF) from error
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except apple_uploads.AnotherUnfinished as refusal:
        raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal
    except apple_uploads.NotReceived as error:
        raise Refusal(status.HTTP_507_INSUFFICIENT_STORAGE, str(error)) from error


def _mine(request: Request, pk: UUID) -> AppleHealthUpload:
    return get_object_or_404(AppleHealthUpload.objects.owned_by(signed_in(request)), pk=pk)
