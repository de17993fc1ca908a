"""Missions as JSON; what may be changed, and when, is told by the model and by missions.editing."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
)
from rest_framework import generics, status
from rest_framework.exceptions import (
    ParseError,
    PermissionDenied,
    ValidationError,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import artifacts, versions
from accounts.problems import Refusal, errors
from accounts.sessions import signed_in
from accounts.versions import ETAG, IF_MATCH, IF_NONE_MATCH
from missions import editing, lifecycle, undo
from missions.models import Mission
from missions.serializers import MissionSerializer, PreviewSerializer, TransitionSerializer

CHANGED_MEANWHILE = "The mission was changed meanwhile. Fetch it again, then make your change."

LOCATION = OpenApiParameter(
    "Location", str, OpenApiParameter.HEADER, response=[201, 202], description="Where to find it."
)
PREVIEW = OpenApiParameter(
    "preview",
    str,
    enum=["true", "false"],
    description="`true`: nothing is written; tells what the change would do to the mission's days.",
)


class FieldLocked(ValidationError):
    """A conflict that is one field's."""

    status_code = status.HTTP_409_CONFLICT


class Missions(generics.ListAPIView[Mission]):
    queryset = Mission.objects.all()
    serializer_class = MissionSerializer

    def get_queryset(self) -> QuerySet[Mission]:
        return in_full(self.request)

    @extend_schema(
        summary="Your missions, newest first",
        responses={200: MissionSerializer(many=True), **errors(401, 404)},
    )
    def get(self, request: Request) -> Response:
        lifecycle.keep_time_of(signed_in(request), timezone.now())
        return self.list(request)

    @extend_schema(
        summary="Make a mission",
        request=MissionSerializer,
        responses={201: MissionSerializer, **errors(400, 401, 403, 413, 415)},
        parameters=[ETAG, LOCATION],
    )
    def post(self, request: Request) -> Response:
        owner = signed_in(request)
        mission = Mission(owner=owner, timezone=owner.timezone, send_time=owner.send_time)
        _write(mission, request, timezone.now())
        answer = _answer(request, mission.pk, status.HTTP_201_CREATED)
        answer["Location"] = reverse("api-mission", args=[mission.pk])
        return answer


class MissionView(APIView):
    @extend_schema(
        summary="One mission",
        responses={
            200: MissionSerializer,
            304: OpenApiResponse(description="It is as you know it."),
            **errors(401, 404),
        },
        parameters=[ETAG, IF_NONE_MATCH],
    )
    def get(self, request: Request, pk: UUID) -> Response:
        own_mission(request, pk)
        answer = _answer(request, pk)
        if versions.is_known(request, answer["ETag"]):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": answer["ETag"]})
        return answer

    @extend_schema(
        summary="Change a mission",
        request=MissionSerializer(partial=True),
        responses={
            200: PolymorphicProxySerializer(
                component_name="MissionOrPreview",
                serializers=[MissionSerializer, PreviewSerializer],
                resource_type_field_name=None,
            ),
            **errors(400, 401, 403, 404, 409, 412, 413, 415),
        },
        parameters=[ETAG, IF_MATCH, PREVIEW],
    )
    @transaction.atomic
    def patch(self, request: Request, pk: UUID) -> Response:
        mission, is_preview = own_mission(request, pk, hold=True), _is_preview(request)
        _require_match(request, pk)
        change = _write(mission, request, timezone.now(), partial=True)
        answer = _answer(request, pk)
        if not is_preview:
            return answer
        # The preview is the change itself, so that the two cannot differ.
        transaction.set_rollback(True)
        return Response({"changes": change.sentences, "mission": answer.data})

    @extend_schema(
        summary="Delete a mission, its runs and its mornings",
        responses={204: None, **errors(400, 401, 403, 404, 412)},
        parameters=[IF_MATCH],
    )
    @transaction.atomic
    def delete(self, request: Request, pk: UUID) -> Response:
        artifacts.hold(signed_in(request).pk)  # before the mission, as every deletion does
        mission = own_mission(request, pk, hold=True)
        _require_match(request, pk)
        editing.remove(mission, timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class MissionTransition(APIView):
    @extend_schema(
        summary="Move a mission to its next state",
        request=TransitionSerializer,
        responses={200: MissionSerializer, **errors(400, 401, 403, 404, 409, 413, 415)},
        parameters=[ETAG],
    )
    def post(self, request: Request, pk: UUID) -> Response:
        mission, now = own_mission(request, pk), timezone.now()
        asked = TransitionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        to = Mission.State(asked.validated_data["to"])
        reason = asked.validated_data.get("reason", "")
        if to == Mission.State.TRAINING:
            reason = reason or lifecycle.STARTED
        try:
            lifecycle.refuse_to_anybody_else(to, mission.owner)
            lifecycle.advance(mission, to=to, now=now, by=mission.owner, reason=reason)
            lifecycle.keep_time(mission, now=now)  # on its very day an event begins at once
        except lifecycle.NotYours as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        except lifecycle.NoReason as refusal:
            raise ValidationError({"reason": [str(refusal)]}) from refusal
        except lifecycle.IllegalTransition as refusal:
            raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal
        return _answer(request, pk)


class MissionUndo(APIView):
    @extend_schema(
        summary="Undo the newest change of a live mission's days",
        request=None,
        responses={200: MissionSerializer, **errors(400, 401, 403, 404, 409, 412)},
        parameters=[ETAG, IF_MATCH],
    )
    @transaction.atomic
    def post(self, request: Request, pk: UUID) -> Response:
        mission = own_mission(request, pk, hold=True)
        _require_match(request, pk)
        try:
            editing.take_back(mission, timezone.now())
        except undo.Refused as refusal:
            raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal
        return _answer(request, pk)


def own_mission(request: Request, pk: UUID, *, hold: bool = False) -> Mission:
    """A tester's mission, moved with the calendar; `hold` locks its row for a change."""
    missions = Mission.objects.owned_by(signed_in(request)).select_related("owner")
    if hold:
        missions = missions.select_for_update(of=("self",))
    mission, now = get_object_or_404(missions, pk=pk), timezone.now()
    lifecycle.keep_time(mission, now=now)
    return mission


def in_full(request: Request) -> QuerySet[Mission]:
    """The tester's missions with what the serializer reads of each."""
    own = Mission.objects.owned_by(signed_in(request))
    return own.prefetch_related("stages", "progress", "awards")


def _write(
    mission: Mission, request: Request, now: datetime, *, partial: bool = False
) -> editing.Change:
    sent = MissionSerializer(mission, data=request.data, partial=partial)
    sent.is_valid(raise_exception=True)
    stages = sent.validated_data.get("stages", ())
    try:
        return editing.keep(mission, now, by=signed_in(request), stages=stages)
    except editing.Misplanned as wrong:
        raise ValidationError({wrong.field: [str(wrong)]}) from wrong
    except editing.Locked as refusal:
        if refusal.field:
            raise FieldLocked({refusal.field: [str(refusal)]}) from refusal
        raise Refusal(status.HTTP_409_CONFLICT, str(refusal)) from refusal


def _is_preview(request: Request) -> bool:
    """Nothing but the two words: a slip must not write what was only to be looked at."""
    asked = request.query_params.get("preview", "false")
    if asked not in ("true", "false"):
        raise ParseError("preview is either true or false.")
    return asked == "true"


def _answer(request: Request, pk: UUID, code: int = status.HTTP_200_OK) -> Response:
    """A mission as it is stored now, with its ETag."""
    mission = in_full(request).filter(pk=pk).first()
    if mission is None:
        raise Http404
    told = MissionSerializer(mission).data
    return Response(told, status=code, headers={"ETag": versions.etag_of(told)})


def _require_match(request: Request, pk: UUID) -> None:
    if "If-Match" in request.headers:
        versions.require_match(request, _answer(request, pk)["ETag"], CHANGED_MEANWHILE)
