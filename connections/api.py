"""Sources as JSON: how they stand, Oura's token, and the Apple Health export."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import throttle
from accounts.models import User
from accounts.problems import Refusal, errors, of_form
from accounts.sessions import signed_in
from connections import apple_uploads, consent, panel, sync
from connections.forms import TOKEN_LENGTH, TOKEN_SPELLING, AppleHealthForm
from connections.models import AppleHealthUpload, Source
from connections.providers.http import ProviderError, ReconnectNeeded

RETRY_AFTER = OpenApiParameter(
    "Retry-After",
    int,
    OpenApiParameter.HEADER,
    response=[429],
    description="Seconds until the next attempt.",
)
LOCATION = OpenApiParameter(
    "Location", str, OpenApiParameter.HEADER, response=[202], description="Where to look again."
)


class SourceSerializer(serializers.Serializer[panel.SourceState]):
    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]
    label = serializers.CharField()  # type: ignore[assignment]
    state = serializers.ChoiceField(choices=panel.STATES)
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.SerializerMethodField(help_text="In words; null when there is none.")
    next_step = serializers.SerializerMethodField(
        help_text="What you can do about it, in words; null when there is nothing to do."
    )

    def get_last_error(self, state: panel.SourceState) -> str | None:
        return state.words if state.state == "broken" else None

    def get_next_step(self, state: panel.SourceState) -> str | None:
        return state.next_step or None


class SourcesSerializer(serializers.Serializer[Any]):
    sources = SourceSerializer(many=True)


class OuraTokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(
        max_length=TOKEN_LENGTH, validators=[TOKEN_SPELLING], write_only=True
    )


class ExportSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="export.zip, or the export.xml inside it.")


class ReceivedSerializer(serializers.ModelSerializer[AppleHealthUpload]):
    class Meta:
        model = AppleHealthUpload
        fields = ("id", "status")


class UploadSerializer(serializers.ModelSerializer[AppleHealthUpload]):
    progress = serializers.SerializerMethodField(help_text="0 to 1; null before it is known.")
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


class ConnectionsStatus(APIView):
    @extend_schema(
        summary="How each source stands", responses={200: SourcesSerializer, **errors(401)}
    )
    def get(self, request: Request) -> Response:
        sources = panel.context_for(signed_in(request))["sources"]
        return Response(SourcesSerializer({"sources": sources}).data)


class ConnectionView(APIView):
    @extend_schema(
        summary="Disconnect a source",
        description="The access is given back there, and what came from it is erased here.",
        responses={204: None, **errors(401, 403, 404, 502)},
    )
    def delete(self, request: Request, provider: str) -> Response:
        connection = get_object_or_404(signed_in(request).connections, provider=provider)
        try:
            consent.withdraw(connection)
        except ProviderError as error:
            name = connection.get_provider_display()
            words = f"{error} {name} stays connected; try again in a few minutes."
            raise Refusal(status.HTTP_502_BAD_GATEWAY, words) from error
        return Response(status=status.HTTP_204_NO_CONTENT)


class OuraConnection(ConnectionView):
    @extend_schema(
        summary="Connect Oura with an access token",
        request=OuraTokenSerializer,
        responses={200: SourceSerializer, **errors(400, 401, 403, 409, 413, 415, 502)},
    )
    def post(self, request: Request, provider: str) -> Response:
        pasted = OuraTokenSerializer(data=request.data)
        pasted.is_valid(raise_exception=True)
        user = signed_in(request)
        try:
            consent.keep_oura_token(user, pasted.validated_data["token"])
        except sync.NotAllowed as reason:
            raise Refusal(status.HTTP_403_FORBIDDEN, str(reason)) from reason
        except ReconnectNeeded as refusal:
            raise ValidationError({"token": [_not_kept(refusal)]}) from refusal
        except ProviderError as error:
            raise Refusal(status.HTTP_502_BAD_GATEWAY, _not_kept(error)) from error
        except consent.AccountTaken as taken:
            raise Refusal(status.HTTP_409_CONFLICT, consent.TAKEN) from taken
        return Response(SourceSerializer(_oura_of(user)).data)


class AppleHealthUploads(APIView):
    parser_classes = (MultiPartParser,)

    def initial(self, request: Request, *args: Any, **options: Any) -> None:
        # Before anything reads the body: signing in by session already would.
        if _length_of(request) > settings.UPLOAD_MAX_BYTES:
            most = filesizeformat(settings.UPLOAD_MAX_BYTES)
            raise Refusal(
                status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
                f"This is larger than {most}. Is it the Health export?",
            )
        super().initial(request, *args, **options)

    @extend_schema(
        summary="Upload an Apple Health export",
        request={"multipart/form-data": ExportSerializer},
        responses={
            202: ReceivedSerializer,
            **errors(400, 401, 403, 413, 415, 429, 507),
        },
        parameters=[LOCATION, RETRY_AFTER],
    )
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        throttle.hit("upload", request, str(user.pk))
        form = AppleHealthForm({}, request.FILES)
        if not form.is_valid():
            raise of_form(form)
        try:
            upload = apple_uploads.receive(user, form.cleaned_data["file"])
        except apple_uploads.NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        except apple_uploads.NotReceived as error:
            raise Refusal(status.HTTP_507_INSUFFICIENT_STORAGE, str(error)) from error
        where = reverse("api-apple-upload", args=[upload.pk])
        return Response(
            ReceivedSerializer(upload).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": where},
        )


class AppleHealthUploadView(APIView):
    @extend_schema(
        summary="How far an upload is", responses={200: UploadSerializer, **errors(401, 404)}
    )
    def get(self, request: Request, pk: UUID) -> Response:
        uploads = AppleHealthUpload.objects.owned_by(signed_in(request))
        return Response(UploadSerializer(get_object_or_404(uploads, pk=pk)).data)


def _length_of(request: Request) -> int:
    length = request.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else 0


def _not_kept(error: ProviderError) -> str:
    return f"{error} The token was not kept."


def _oura_of(user: User) -> panel.SourceState:
    states: list[panel.SourceState] = panel.context_for(user)["sources"]
    return next(state for state in states if state.source == Source.OURA)
